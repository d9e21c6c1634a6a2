"""The text of a script and its syntax tree, with exact places.

In: text, as it stands in a file, a notebook cell or a string. Out: Python's syntax tree, and for
each of its nodes a `Span` whose lines are the file's and whose columns count characters (Python's
own count bytes).
"""

from __future__ import annotations

import ast
from typing import Any

from pellucid.support.errors import ParseError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.support.span import Source, Span


class ScriptSource:
    """A script's text: `tree` is its syntax tree, `span(node)` the place of one of its nodes.

    `name` is what pictures of places show; `first_line` is the file's number of the first line. An
    indented text is parsed as it stands, so that columns and the contents of multi-line strings
    stay what they are in the file.
    """

    def __init__(self, text: str, name: str = "<script>", first_line: int = 1) -> None:
        self.source = Source(name, text, first_line)
        self._lines = text.split("\n")
        indented = next((line for line in self._lines if line.strip()), "")[:1].isspace()
        # The body of an `if` may be indented as it likes; the added line is taken off every line
        # number.
        self._shift = first_line - 1 - int(indented)
        self._first = first_line
        allow_deep_recursion()
        try:
            tree = ast.parse(f"if 1:\n{text}" if indented else text)
        except SyntaxError as error:
            raise self._syntax_error(error) from error
        except RecursionError as error:
            raise ParseError("The text is nested too deeply.", found=name) from error
        body = tree.body
        if indented and body and isinstance(body[0], ast.If):
            body = body[0].body
        self.body: list[ast.stmt] = body

    def span(self, node: ast.AST) -> Span:
        """The place of a node of this script's tree."""
        place: Any = node
        first = place.lineno + self._shift
        last = place.end_lineno + self._shift
        return Span(
            self.source,
            first,
            self._column(first, place.col_offset),
            last,
            self._column(last, place.end_col_offset),
        )

    def _column(self, line: int, offset: int) -> int:
        """The character that stands `offset` bytes into a line."""
        # Python 3.11 places what is inside an f-string only roughly.
        text = self._lines[min(max(line - self._first, 0), len(self._lines) - 1)]
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))

    def _syntax_error(self, error: SyntaxError) -> ParseError:
        line = (error.lineno or 1) + self._shift
        column = max(0, (error.offset or 1) - 1)
        end = (error.end_lineno or 0) + self._shift
        end_column = (error.end_offset or 0) - 1
        if end != line or end_column <= column:
            end_column = column + 1
        span = Span(self.source, line, column, line, end_column)
        return ParseError(f"This is not Python syntax: {error.msg}.", place=span)
