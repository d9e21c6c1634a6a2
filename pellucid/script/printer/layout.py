"""The last step of printing: underlines, comments, line numbers, and leaving out what is far from a
mark.

While a text is put together, marked parts stand between invisible characters, which no name or
literal can contain; here they become lines of carets and comments.
"""

from __future__ import annotations

import re
from typing import Any

from pellucid.script.printer.config import PrinterConfig

_OPEN, _CLOSE, _NOTE, _NOTE_END = "\ue000", "\ue001", "\ue002", "\ue003"
_MARK = re.compile(f"{_OPEN}|{_CLOSE}|{_NOTE}(\\d+){_NOTE_END}")


class Marks:
    """Which nodes are underlined or annotated."""

    def __init__(self, config: PrinterConfig) -> None:
        self.underlined = {id(node): node for node in config.obj_to_underline}
        self.comments = {id(node): text for node, text in config.obj_to_annotate.items()}
        self._kept = list(config.obj_to_annotate)
        self.notes: list[str] = []
        self.active = bool(self.underlined or self.comments)

    def add(self, underlined: list[Any], comments: list[tuple[Any, str]]) -> None:
        """Mark more nodes."""
        self.underlined.update({id(node): node for node in underlined})
        self.comments.update({id(node): text for node, text in comments})
        self._kept.extend([node for node, _ in comments])
        self.active = bool(self.underlined or self.comments)

    def wrap(self, node: Any, text: str) -> str:
        """`text`, which stands for `node`, with the marks that belong to it."""
        if not self.active:
            return text
        comment = self.comments.get(id(node))
        if comment is not None:
            self.notes.append(" ".join(comment.split()))
            text = f"{_NOTE}{len(self.notes) - 1}{_NOTE_END}{text}"
        return f"{_OPEN}{text}{_CLOSE}" if id(node) in self.underlined else text


def _strip(line: str, notes: list[str]) -> tuple[str, list[tuple[int, int]], list[str]]:
    """A line without its marks, the column ranges to underline, and its comments."""
    clean: list[str] = []
    width = 0
    position = 0
    starts: list[int] = []
    ranges: list[tuple[int, int]] = []
    comments: list[str] = []
    for match in _MARK.finditer(line):
        part = line[position : match.start()]
        clean.append(part)
        width += len(part)
        position = match.end()
        if match[0] == _OPEN:
            starts.append(width)
        elif match[0] == _CLOSE:
            ranges.append((starts.pop(), width))
        else:
            comments.append(notes[int(match[1])])
    clean.append(line[position:])
    return "".join(clean), ranges, comments


def _carets(ranges: list[tuple[int, int]]) -> str:
    row = [" "] * max(end for _, end in ranges)
    for start, end in ranges:
        row[start : max(end, start + 1)] = "^" * max(1, end - start)
    return "".join(row)


def lay_out(lines: list[str], marks: Marks, config: PrinterConfig) -> str:
    """The finished text."""
    if not (marks.active or config.print_line_numbers):
        return "\n".join(lines)
    rows: list[tuple[str, str | None]] = []
    for line in lines:
        text, ranges, comments = _strip(line, marks.notes)
        if comments:
            text = f"{text}  # {'; '.join(dict.fromkeys(comments))}"
        rows.append((text, _carets(ranges) if ranges else None))
    kept = _near_marks([carets is not None for _, carets in rows], config.num_context_lines)
    width = len(str(len(rows)))
    result: list[str] = []
    previous = -1
    for index in kept:
        if index > previous + 1:
            result.append("...")
        previous = index
        text, carets = rows[index]
        number = f"{index + 1:{width}} " if config.print_line_numbers else ""
        result.append(f"{number}{text}".rstrip())
        if carets is not None:
            result.append(f"{' ' * len(number)}{carets}")
    if kept and kept[-1] < len(rows) - 1:
        result.append("...")
    return "\n".join(result)


def _near_marks(marked: list[bool], context: int) -> list[int]:
    """The lines that are kept: all, or those within `context` lines of a marked one."""
    if context < 0 or not any(marked):
        return list(range(len(marked)))
    places = [index for index, each in enumerate(marked) if each]
    near = {
        index
        for place in places
        for index in range(max(0, place - context), min(len(marked), place + context + 1))
    }
    return sorted(near)
