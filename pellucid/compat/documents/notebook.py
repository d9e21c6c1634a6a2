"""Notebooks (nbformat 4, and the worksheets of nbformat 3) as documents.

In: the JSON text. Out: its cells. Outputs that the notebook holds already are left behind.
"""

from __future__ import annotations

import json
from typing import Any, cast

from pellucid.compat.documents.document import Cell, DocumentError

SKIPPED = {"skip-execution", "skip"}


def is_notebook(text: str) -> bool:
    """Whether the text is meant to be a notebook: a JSON object that speaks of cells."""
    start = text.lstrip()[:1]
    return start == "{" and ('"cells"' in text or '"worksheets"' in text)


def read(text: str, name: str) -> list[Cell]:
    """The parts of a notebook."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(
            "This notebook is damaged: it is not JSON.",
            found=f"{error.msg} in line {error.lineno} of {name}",
        ) from None
    return [_cell(each, number, name) for number, each in enumerate(_cells(data, name), 1)]


def _cells(data: Any, name: str) -> list[Any]:
    """The raw cells, wherever this version of the format keeps them."""
    table = cast("dict[str, Any]", data)
    found: list[Any] = []
    for holder in (table, *table.get("worksheets", [])):
        cells: Any = _get(holder, "cells", [])
        if not isinstance(cells, list):
            raise DocumentError("This notebook is damaged.", expected="a list of cells", found=name)
        found += cast("list[Any]", cells)
    return found


def _get(holder: Any, key: str, default: Any) -> Any:
    """A value of a JSON object; None where there is no object."""
    return cast("dict[str, Any]", holder).get(key, default) if isinstance(holder, dict) else None


def _cell(data: Any, number: int, name: str) -> Cell:
    raw = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    kind = raw.get("cell_type")
    source = raw.get("source", raw.get("input"))
    if isinstance(source, list):
        source = "".join(str(each) for each in cast("list[Any]", source))
    if not isinstance(source, str) or not isinstance(kind, str):
        raise DocumentError(
            "This notebook is damaged.",
            expected="a cell with `cell_type` and `source`",
            found=f"cell {number} of {name}",
        )
    if kind != "code":
        return Cell("text", source, number)
    tags: Any = _get(raw.get("metadata"), "tags", [])
    if isinstance(tags, list) and SKIPPED.intersection(cast("list[Any]", tags)):
        return Cell("illustration", source, number, reason="tagged to be skipped")
    return Cell("code", source, number)
