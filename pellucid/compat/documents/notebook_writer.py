"""A document as a notebook (nbformat 4) that Jupyter can run.

In: a `Document`. Out: an .ipynb file whose first, added cell loads the extension `pellucid.compat`
and names the document, the data and the solutions; the other cells are the document's own.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from pellucid.compat.documents.document import Cell, Document
from pellucid.compat.documents.pictures import with_captions

MAGIC_NAME = "pellucid_document"


def write_notebook(
    document: Document,
    target: Path,
    data: Path | None = None,
    solutions: Path | None = None,
    seed: int | None = None,
) -> None:
    """Write `document` to `target`. The folders are named relative to it."""
    text = json.dumps(
        notebook_data(document, target, data, solutions, seed), indent=1, ensure_ascii=False
    )
    target.write_text(text + "\n", "utf-8")


def notebook_data(
    document: Document,
    target: Path,
    data: Path | None = None,
    solutions: Path | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """The notebook as data."""
    words = ["%" + MAGIC_NAME, document.name]
    for option, path in (("--data", data), ("--solutions", solutions)):
        if path is not None:
            words += [option, os.path.relpath(path.resolve(), target.resolve().parent)]
    if seed is not None:
        words += ["--seed", str(seed)]
    first = f"%load_ext pellucid.compat\n{words[0]} {shlex.join(words[1:])}"
    cells = [_code(first, "pellucid-0")]
    for number, cell in enumerate(document.cells, 1):
        cells.append(_converted(cell, f"cell-{number}", document))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _converted(cell: Cell, name: str, document: Document) -> dict[str, Any]:
    if cell.kind == "code":
        return _code(cell.source.strip("\n"), name)
    if cell.kind == "illustration":
        return _text(f"```python\n{cell.source.rstrip()}\n```", name)
    return _text(with_captions(cell.source, document.path.parent), name)


def _code(source: str, name: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _text(source: str, name: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}
