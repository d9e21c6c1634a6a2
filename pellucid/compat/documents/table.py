"""The table of a run, for people and as data.

In: a `Report`. Out: one line a cell with its status, its seconds, and the first line it printed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from pellucid.compat.documents.document import Document
from pellucid.compat.documents.runner import CellResult, Report

WIDTH = 100
# Colour codes and other characters that take no column of their own.
UNSEEN = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]")
MARKS = {"ok": "ok", "failed": "FAILED", "not run": "not run", "illustration": "shown"}


def render_table(report: Report, width: int = WIDTH) -> str:
    """The table as text, `width` columns wide at most."""
    rows = [("cell", "line", "status", "seconds", "first line of output")]
    rows += [_row(result) for result in report.results]
    widths = [max(_columns(row[column]) for row in rows) for column in range(4)]
    widths[2] = min(widths[2], 40)
    lines: list[str] = []
    for row in rows:
        cells = [
            _padded(row[0], widths[0], right=True),
            _padded(row[1], widths[1], right=True),
            _padded(row[2], widths[2]),
            _padded(row[3], widths[3], right=True),
        ]
        start = "  ".join(cells)
        room = max(width - _columns(start) - 2, 20)
        lines.append(f"{start}  {_shortened(row[4], room)}".rstrip())
    return "\n".join(lines)


def summary(report: Report) -> str:
    """One sentence about the run."""
    code = [result for result in report.results if result.cell.kind == "code"]
    done = sum(result.status == "ok" for result in code)
    seconds = sum(result.seconds for result in code)
    solved = sum(bool(result.solved) for result in code)
    filled = f", {solved} of them filled by solutions" if solved else ""
    return f"{done} of {len(code)} cells ran{filled}, in {seconds:.1f} s"


def failure(report: Report) -> str | None:
    """The place and the traceback of the cell that failed, if one did."""
    for result in report.results:
        if result.status == "failed":
            error = next(each.text for each in result.outputs if each.kind == "error")
            return f"cell {result.cell.number} ({place(report.document, result)}) failed\n{error}"
    return None


def place(document: Document, result: CellResult) -> str:
    """Where a cell stands in its file."""
    if document.format == "notebook":
        return f"part {result.cell.line} of {document.path.name}"
    return f"from line {result.cell.line} of {document.path.name}"


def report_data(report: Report) -> dict[str, Any]:
    """The report as JSON-able data."""
    return {
        "document": str(report.document.path),
        "format": report.document.format,
        "ok": report.ok,
        "cells": [_data(result) for result in report.results],
        "notes": report.notes,
    }


def _data(result: CellResult) -> dict[str, Any]:
    outputs = [
        {
            "kind": each.kind,
            "text": each.text,
            **({"made_by": each.made_by} if each.made_by is not None else {}),
        }
        for each in result.outputs
    ]
    return {
        "cell": result.cell.number or None,
        "line": result.cell.line,
        "fingerprint": result.cell.fingerprint,
        "status": result.status,
        "seconds": round(result.seconds, 4),
        "solved": result.solved,
        "changed": result.changed,
        "reason": result.cell.reason or None,
        "outputs": outputs,
    }


def _row(result: CellResult) -> tuple[str, str, str, str, str]:
    cell = result.cell
    status = ", ".join([MARKS[result.status], *result.solved])
    seconds = f"{result.seconds:.2f}" if result.status in {"ok", "failed"} else ""
    return str(cell.number or "–"), str(cell.line), status, seconds, _first_line(result)


def _first_line(result: CellResult) -> str:
    if result.status == "illustration":
        return f"({result.cell.reason})"
    if result.status == "failed":
        error = next(each.text for each in result.outputs if each.kind == "error")
        # The place, the cure and the like of an error are indented below it.
        lines = [each for each in error.splitlines() if each and not each.startswith(" ")]
        return lines[-1] if lines else ""
    # What goes to standard error is mostly warnings; it counts where there is nothing else.
    for text in (result.shown, result.text):
        for line in text.splitlines():
            if line.strip():
                return line.strip()
    return ""


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes; wide letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int, right: bool = False) -> str:
    text = _shortened(text, width)
    blank = " " * (width - _columns(text))
    return blank + text if right else text + blank


def _shortened(text: str, room: int) -> str:
    text = UNSEEN.sub("", text)
    if _columns(text) <= room:
        return text
    kept = ""
    for letter in text:
        if _columns(kept + letter) > room - 1:
            break
        kept += letter
    return kept + "…"
