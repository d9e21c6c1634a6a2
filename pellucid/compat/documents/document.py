"""A document as the runner sees it: text and code, in the order of the page.

In: nothing; the readers of the formats make these records. Out: `Document` and `Cell`, from which
the runner, the notebook writer and the page writer work.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pellucid.support.errors import PellucidError

FINGERPRINT = 12

Kind = Literal["code", "text", "illustration"]


class DocumentError(PellucidError, ValueError):
    """A document that cannot be read, a cell that cannot be prepared, or a file that it needs and
    that is not there.
    """


def fingerprint(source: str) -> str:
    """The first characters of the SHA-256 of a cell's text, without trailing blanks."""
    plain = "\n".join(line.rstrip() for line in source.strip("\n").splitlines())
    return hashlib.sha256(plain.encode()).hexdigest()[:FINGERPRINT]


@dataclass(frozen=True)
class Cell:
    """One part of a document.

    `line` is the file's number of its first line (the cell's number in a notebook, whose lines say
    nothing to a reader). `number` counts the cells that run, from 1; other parts have 0. `reason`
    says why an illustration is shown and not run.
    """

    kind: Kind
    source: str
    line: int
    number: int = 0
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        """By which a solution knows the cell that it was written for."""
        return fingerprint(self.source)


@dataclass(frozen=True)
class Document:
    """A document: where it came from, what format it was in, and its parts."""

    path: Path
    format: str
    cells: tuple[Cell, ...] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        """The file's name without its ending; solutions are filed under it."""
        return self.path.stem

    @property
    def code(self) -> list[Cell]:
        """The cells that run."""
        return [cell for cell in self.cells if cell.kind == "code"]


def numbered(cells: list[Cell]) -> tuple[Cell, ...]:
    """The cells, with the ones that run counted from 1."""
    found: list[Cell] = []
    count = 0
    for cell in cells:
        count += cell.kind == "code"
        number = count if cell.kind == "code" else 0
        found.append(Cell(cell.kind, cell.source, cell.line, number, cell.reason))
    return tuple(found)
