"""Solutions: what fills the holes that a document leaves for its reader.

In: a Python file in which functions carry `@completes(...)` or `@replaces(...)`. It is read and
never run. Out: for a cell of a document, its text with the hole filled.

    from pellucid.compat.documents.solutions import completes, replaces

    @completes("lesson_3", cell=8, text="3d1c0abc5902")
    def create_model(): ...          # takes the place of the function of that name in the cell

    @replaces("lesson_3", cell=12, text="bc253b328707")
    def schedule(): ...              # its body takes the place of the whole cell

`text` is the cell's fingerprint, which `pellucid run-doc --json` prints: a cell that a reader has
filled in keeps the reader's text.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

from pellucid.compat.documents.document import Document, DocumentError, fingerprint
from pellucid.compat.documents.prepare import prepare
from pellucid.support.errors import did_you_mean

F = TypeVar("F", bound=Callable[..., object])
How = Literal["completes", "replaces"]


def completes(document: str, *, cell: int, text: str) -> Callable[[F], F]:
    """Mark a function that takes the place of the one of its name in a cell."""
    return _marked(document, cell, text)


def replaces(document: str, *, cell: int, text: str) -> Callable[[F], F]:
    """Mark a function whose body takes the place of a cell."""
    return _marked(document, cell, text)


def _marked(document: str, cell: int, text: str) -> Callable[[F], F]:
    # The marks are read from the file's text; a file that is imported keeps its functions.
    del document, cell, text
    return lambda function: function


@dataclass(frozen=True)
class Solution:
    """One entry: for which cell, what it does there, and its text."""

    document: str
    cell: int
    text: str
    how: How
    function: str
    body: str
    place: str

    @property
    def status(self) -> str:
        """What the table says of a cell that it fills."""
        return f"{self.function} completed" if self.how == "completes" else "replaced"


class Solutions:
    """The entries of a solutions file."""

    def __init__(self, entries: tuple[Solution, ...] = ()) -> None:
        self.entries = entries

    def check(self, document: Document) -> None:
        """Refuse entries for cells that the document does not have."""
        count = len(document.code)
        for entry in self.entries:
            if entry.document == document.name and not 1 <= entry.cell <= count:
                raise DocumentError(
                    f"{entry.place} is for a cell that the document does not have.",
                    expected=f"a cell from 1 to {count} of {document.name}",
                    found=f"cell {entry.cell}",
                )

    def apply(self, document: str, source: str, number: int | None) -> tuple[str, list[str]]:
        """The text of a cell with its holes filled, and what was done. `number` is None where cells
        are known by their text alone.
        """
        done: list[str] = []
        mark = fingerprint(source)
        for entry in self.entries:
            if entry.document != document or entry.text != mark:
                continue
            if number is not None and entry.cell != number:
                continue
            source = entry.body if entry.how == "replaces" else completed(source, entry)
            done.append(entry.status)
        return source, done

    def unused(self, document: Document) -> list[str]:
        """A sentence for each entry whose cell has another text than it was written for."""
        marks = {cell.number: cell.fingerprint for cell in document.code}
        return [
            f"{entry.place} is not used: cell {entry.cell} has another text "
            f"(fingerprint {marks.get(entry.cell, 'none')})"
            for entry in self.entries
            if entry.document == document.name and marks.get(entry.cell) != entry.text
        ]


def completed(source: str, entry: Solution) -> str:
    """A cell in which one function has another text."""
    text = prepare(source).notebook_text
    tree = ast.parse(prepare(source).text)
    named = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    node = next((each for each in named if each.name == entry.function), None)
    if node is None:
        names = [each.name for each in named]
        raise DocumentError(
            f"{entry.place} completes a function that its cell does not define.",
            expected=f"one of {', '.join(names) or 'no functions at all'}",
            found=entry.function,
            cure=did_you_mean(entry.function, names),
        )
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    lines = text.split("\n")
    lines[first - 1 : node.end_lineno] = entry.body.rstrip("\n").split("\n")
    return "\n".join(lines)


def load_solutions(path: Path | None) -> Solutions:
    """The entries of the file `path`; none for None."""
    if path is None:
        return Solutions()
    try:
        text = path.read_text("utf-8")
        tree = ast.parse(text, str(path))
    except FileNotFoundError:
        raise DocumentError("There is no such solutions file.", found=str(path)) from None
    except SyntaxError as error:
        raise DocumentError(
            "This solutions file is not Python.",
            found=f"{error.msg} in line {error.lineno} of {path}",
        ) from None
    entries: list[Solution] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            entries += _entries(node, text, path)
    return Solutions(tuple(entries))


def _entries(node: ast.FunctionDef, text: str, path: Path) -> list[Solution]:
    found: list[Solution] = []
    lines = text.split("\n")
    for mark in node.decorator_list:
        if not isinstance(mark, ast.Call) or ast.unparse(mark.func).rpartition(".")[2] not in (
            "completes",
            "replaces",
        ):
            continue
        how = cast("How", ast.unparse(mark.func).rpartition(".")[2])
        document, cell, fingerprint_of = _arguments(mark, path)
        if how == "completes":
            body = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        else:
            first = node.body[1] if ast.get_docstring(node) is not None else node.body[0]
            start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
            body = textwrap.dedent("\n".join(lines[start - 1 : node.end_lineno]))
        place = f"the solution {node.name!r} (line {mark.lineno} of {path.name})"
        found.append(Solution(document, cell, fingerprint_of, how, node.name, body, place))
    return found


def _arguments(mark: ast.Call, path: Path) -> tuple[str, int, str]:
    try:
        positional = [ast.literal_eval(each) for each in mark.args]
        named = {each.arg: ast.literal_eval(each.value) for each in mark.keywords}
    except ValueError:
        positional, named = [], {}
    document = positional[0] if len(positional) == 1 else None
    cell, text = named.get("cell"), named.get("text")
    if not isinstance(document, str) or not isinstance(cell, int) or not isinstance(text, str):
        raise DocumentError(
            "A solution does not say which cell it is for.",
            expected='completes("document", cell=8, text="fingerprint"), written out',
            found=f"{ast.unparse(mark)} in line {mark.lineno} of {path}",
        )
    return document, cell, text
