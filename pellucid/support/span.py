"""Places in a user's source: a span of lines and columns, and its picture with carets."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A source text and where it stands in its file.

    `first_line` is the file's line number (from 1) of the first line of `text`; `indent` is the
    number of columns that were removed in front of every line.
    """

    name: str
    text: str = field(repr=False)
    first_line: int = 1
    indent: int = 0

    def line(self, number: int) -> str:
        """The text of line `number`, counted as in the file."""
        lines = self.text.splitlines()
        index = number - self.first_line
        return lines[index] if 0 <= index < len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """From (line, column) to (end_line, end_column) of a source; lines from 1, columns from 0 in
    `source.text`.
    """

    source: Source = field(repr=False)
    line: int
    column: int
    end_line: int
    end_column: int

    def picture(self) -> str:
        """`--> file:line:column`, the source line, and carets under the span."""
        text = self.source.line(self.line)
        end = self.end_column if self.end_line == self.line else len(text.rstrip())
        width = max(1, end - self.column)
        number = str(self.line)
        pad = " " * len(number)
        where = f"{self.source.name}:{self.line}:{self.column + self.source.indent + 1}"
        return "\n".join(
            (
                f"{pad}--> {where}",
                f"{pad} |",
                f"{number} | {text}",
                f"{pad} | {' ' * self.column}{'^' * width}",
            )
        )
