"""Percent scripts as documents: Python files whose cells begin with `# %%`.

`# %% [markdown]` begins text, written as comments or as one string. What stands before the first
mark is a cell of its own, unless it is a jupytext header or nothing but comments.
"""

from __future__ import annotations

import ast
import re

from pellucid.compat.documents.document import Cell

MARK = re.compile(r"^# ?%%(?P<rest>.*)$", re.MULTILINE)
HEADER = re.compile(r"\A(?:#![^\n]*\n)?# ---\n(?:#[^\n]*\n)*?# ---\n")
# The title of a percent cell may be followed by the kind of the cell and by tags.
TEXT = re.compile(r"\[(markdown|md|raw)\]")
SKIPPED = re.compile(r"\bskip(?:-execution)?\b")


def is_percent(text: str) -> bool:
    """Whether the text has a line that begins a percent cell."""
    return MARK.search(text) is not None


def read(text: str) -> list[Cell]:
    """The parts of a percent script."""
    header = HEADER.match(text)
    start = header.end() if header else 0
    marks = list(MARK.finditer(text, start))
    cells: list[Cell] = []
    preamble = text[start : marks[0].start()]
    if any(line.strip() and not line.startswith("#") for line in preamble.splitlines()):
        cells.append(Cell("code", preamble, text.count("\n", 0, start) + 1))
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        end = len(text) if after is None else after.start()
        body = text[mark.end() : end].removeprefix("\n")
        line = text.count("\n", 0, mark.end()) + 2
        if not body.strip():
            continue
        cells.append(_cell(mark["rest"], body, line))
    return cells


def _cell(title: str, body: str, line: int) -> Cell:
    if TEXT.search(title):
        return Cell("text", _uncommented(body), line)
    if "[" in title and SKIPPED.search(title):
        return Cell("illustration", body, line, reason="tagged to be skipped")
    return Cell("code", body.rstrip("\n") + "\n", line)


def _uncommented(body: str) -> str:
    """Text that is written as comments, or as one string."""
    lines = body.rstrip("\n").splitlines()
    if all(not line.strip() or line.startswith("#") for line in lines):
        return "\n".join(re.sub(r"^# ?", "", line) for line in lines).strip("\n")
    try:
        value = ast.literal_eval(body.strip())
    except (SyntaxError, ValueError):
        return body
    return str(value).strip("\n")
