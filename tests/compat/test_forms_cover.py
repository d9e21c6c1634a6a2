"""Every row of the table of forms has its test, and the table says what it has to."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from pellucid.compat.tvm.table import forms


def rows_with_tests() -> Counter[str]:
    """The rows named by `@row(...)` in the files of this folder."""
    found: Counter[str] = Counter()
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "row":
                found.update(ast.literal_eval(each) for each in node.args)
    return found


def test_every_row_has_one_test() -> None:
    assert set(rows_with_tests()) == set(forms())
    assert max(rows_with_tests().values()) == 1


def test_rows_are_complete() -> None:
    for form in forms().values():
        assert form.generation in ("G1", "G2", "G2b", "G3"), form.id
        assert form.kind in ("works", "old", "refused"), form.id
        assert (form.kind == "old") == bool(form.today) == bool(form.since), form.id
        assert (form.kind == "refused") == bool(form.message), form.id
        assert re.fullmatch(r"(\d{4}-\d{2})?", form.since), form.id
