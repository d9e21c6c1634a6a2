"""`a.diff(b)`: two programs side by side, with the lines that differ marked.

In: two modules, or two functions. Out: a `Difference`, which prints as text (`|` between lines that
differ, `<` and `>` at those that one side alone has) and as HTML. Functions that mean the same are
named and not printed; whether they do is asked of the structure, so that other names of variables
are no difference.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

from pellucid.ir import hooks
from pellucid.ir.structural import first_difference, structural_equal

WIDTH = 150
_SAME, _CHANGED, _REMOVED, _ADDED = " ", "|", "<", ">"
_GLOBAL = re.compile(r'I\.GlobalVar\("(\w+)"\)')
_COLOURS = {_CHANGED: "#fff3bf", _REMOVED: "#ffd8d8", _ADDED: "#d3f9d8"}


@dataclass(frozen=True)
class Row:
    """A line of each side and how they compare: " ", "|", "<" (left alone) or ">" (right alone)."""

    left: str
    mark: str
    right: str


@dataclass(frozen=True)
class FunctionDifference:
    """One function of both sides; `status` is "same", "changed", "removed" or "added".

    `path` is where the first difference of a changed one is.
    """

    name: str
    status: str
    rows: tuple[Row, ...]
    path: str | None = None

    @property
    def title(self) -> str:
        """Name and status, with the place of the first difference."""
        where = f", first at {self.path}" if self.path else ""
        return f"{self.name}: {self.status}{where}"


class Difference:
    """The differences of two programs; true when there are any."""

    def __init__(self, functions: list[FunctionDifference]) -> None:
        self.functions = functions

    def __bool__(self) -> bool:
        """Whether the programs differ."""
        return any(each.status != "same" for each in self.functions)

    @property
    def changed(self) -> list[str]:
        """The names of the functions that differ."""
        return [each.name for each in self.functions if each.status != "same"]

    def text(self, width: int = WIDTH) -> str:
        """Both sides next to each other in `width` columns; long lines go on below."""
        column = max((width - 3) // 2, 40)
        lines: list[str] = []
        for each in self.functions:
            lines.append(each.title)
            for row in each.rows:
                pairs = zip_longest(
                    _wrapped(row.left, column), _wrapped(row.right, column), fillvalue=""
                )
                lines += [f"{a.ljust(column)} {row.mark} {b}".rstrip() for a, b in pairs]
        return "\n".join(lines)

    def __str__(self) -> str:
        """`text()`."""
        return self.text()

    def __repr__(self) -> str:
        """What differs, in a line."""
        return f"Difference({', '.join(each.title for each in self.functions)})"

    def show(self, style: str | None = None) -> None:
        """Print it, highlighted on a terminal and in a notebook."""
        hooks.show.get()(self.text(), style)

    def _repr_html_(self) -> str:
        """A table for each function that differs."""
        return "\n".join(_html(each) for each in self.functions)


def diff(a: Any, b: Any) -> Difference:
    """The differences of two modules, or of two functions."""
    left, right = _functions(a), _functions(b)
    names = [*left, *(name for name in right if name not in left)]
    if not hasattr(a, "functions") and not hasattr(b, "functions"):
        # Two functions are compared whatever they are called.
        right = dict(zip(left, right.values(), strict=True))
        names = list(left)
    return Difference([_compare(name, left.get(name), right.get(name)) for name in names])


def _functions(value: Any) -> dict[str, Any]:
    found = getattr(value, "functions", None)
    if found is None:
        return {str(value.attrs.get("global_symbol", "function")): value}
    return {var.name_hint: func for var, func in cast("Mapping[Any, Any]", found).items()}


def _compare(name: str, left: Any, right: Any) -> FunctionDifference:
    if left is None or right is None:
        alone = right if left is None else left
        lines = _lines(name, alone)
        if left is None:
            rows = [Row("", _ADDED, each) for each in lines]
        else:
            rows = [Row(each, _REMOVED, "") for each in lines]
        return FunctionDifference(name, "added" if left is None else "removed", tuple(rows))
    if structural_equal(left, right):
        return FunctionDifference(name, "same", ())
    found = first_difference(left, right)
    rows = tuple(_rows(_lines(name, left), _lines(name, right)))
    return FunctionDifference(name, "changed", rows, None if found is None else found[0])


def _lines(name: str, function: Any) -> list[str]:
    """The script of a function without the imports above it."""
    text = hooks.printer.get()(function, name=name)
    lines = [each.rstrip() for each in text.splitlines()]
    shown = [each for each in lines if each and not each.startswith("# ")]
    # Printed alone, a function does not know its module.
    return [_GLOBAL.sub(r"cls.\1", each) for each in shown]


def _rows(left: list[str], right: list[str]) -> Iterator[Row]:
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for _, i, to_i, j, to_j in matcher.get_opcodes():
        count = max(to_i - i, to_j - j)
        for k in range(count):
            one = left[i + k] if i + k < to_i else None
            other = right[j + k] if j + k < to_j else None
            mark = _SAME if one == other else _CHANGED
            mark = _ADDED if one is None else _REMOVED if other is None else mark
            yield Row(one or "", mark, other or "")


def _wrapped(line: str, width: int) -> list[str]:
    """`line` in parts of at most `width` columns, the later ones indented further."""
    indent = " " * min(len(line) - len(line.lstrip()) + 4, width // 2)
    parts = [line[:width]]
    rest = line[width:]
    while rest:
        room = width - len(indent)
        parts.append(indent + rest[:room])
        rest = rest[room:]
    return parts


def _html(function: FunctionDifference) -> str:
    head = f"<b>{html.escape(function.title)}</b>"
    if not function.rows:
        return f"<p>{head}</p>"
    cells = "".join(_html_row(each) for each in function.rows)
    return (
        f'<p>{head}</p><table style="font-family: monospace; white-space: pre; text-align: left; '
        f'border-collapse: collapse">{cells}</table>'
    )


def _html_row(row: Row) -> str:
    colour = _COLOURS.get(row.mark)
    style = "" if colour is None else f' style="background: {colour}"'
    left, right = row.left, row.right
    one, other = (
        _marked(left, right) if row.mark == _CHANGED else (html.escape(left), html.escape(right))
    )
    return f"<tr{style}><td>{one}</td><td>{html.escape(row.mark)}</td><td>{other}</td></tr>"


def _marked(left: str, right: str) -> tuple[str, str]:
    """Both lines with the parts that differ in bold."""
    one: list[str] = []
    other: list[str] = []
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, i, to_i, j, to_j in matcher.get_opcodes():
        for parts, text in ((one, left[i:to_i]), (other, right[j:to_j])):
            escaped = html.escape(text)
            parts.append(escaped if kind == "equal" or not escaped else f"<b>{escaped}</b>")
    return "".join(one), "".join(other)
