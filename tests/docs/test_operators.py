"""The table of operators in the documentation is that of the records."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_table_of_operators_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location(
        "make_operator_table", ROOT / "tools" / "make_operator_table.py"
    )
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    found = (ROOT / "docs" / "operators.md").read_text("utf-8")
    assert found == tool.table(), "run: python tools/make_operator_table.py"
