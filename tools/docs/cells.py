"""Percent scripts: Python files whose cells are separated by `# %%`.

In: the text of such a file. Out: its cells, in order. `# %% [markdown]` begins a cell of words,
whose lines are comments; `# %%` begins a cell of code. What stands before the first mark is a
header and belongs to no cell.
"""

from __future__ import annotations

from dataclasses import dataclass

MARK = "# %%"


@dataclass(frozen=True)
class Cell:
    """One cell: `kind` is "markdown" or "code"; `line` is the number of its first line, from 1."""

    kind: str
    text: str
    line: int


def cells(text: str) -> list[Cell]:
    """The cells of a percent script, blank lines around each removed."""
    found: list[Cell] = []
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(MARK)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        kind = "markdown" if "[markdown]" in lines[start] else "code"
        body = lines[start + 1 : end]
        first = start + 2
        while body and not body[0].strip():
            body.pop(0)
            first += 1
        while body and not body[-1].strip():
            body.pop()
        if kind == "markdown":
            body = [_plain(line, first + number) for number, line in enumerate(body)]
        if body:
            found.append(Cell(kind, "\n".join(body), first))
    return found


def _plain(line: str, number: int) -> str:
    """A line of words without its comment sign."""
    if line.strip() and not line.startswith("#"):
        raise ValueError(f"line {number}: a cell of words holds code: {line!r}")
    return line[2:] if line.startswith("# ") else line.removeprefix("#")


def title(text: str) -> str:
    """The first heading of a percent script."""
    for cell in cells(text):
        for line in cell.text.splitlines():
            if cell.kind == "markdown" and line.startswith("# "):
                return line[2:].strip()
    raise ValueError("the script has no heading")
