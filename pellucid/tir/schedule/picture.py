"""`Schedule.picture()`: the loop nests of a module as nested boxes.

In: a module. Out: a `Picture`, an SVG drawing. A loop is a box with its name, its extent and its
kind, coloured by the kind; what runs inside of it is drawn inside. A block is a box with its name,
what it reads and what it writes. Things that run one after the other stand below each other.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import For, ForKind

# Fill and outline of each kind of box.
COLOURS = {
    "serial": ("#f6f8fa", "#8c959f"),
    "parallel": ("#ddf4ff", "#0969da"),
    "vectorized": ("#dafbe1", "#1a7f37"),
    "unrolled": ("#fff8c5", "#9a6700"),
    "thread_binding": ("#fbefff", "#8250df"),
    "block": ("#ffffff", "#24292f"),
    "function": ("#ffffff", "#d0d7de"),
}
LETTER = 7.3
LINE = 18
MARGIN = 10
GAP = 8


@dataclass
class Box:
    """A box: its kind, its lines of text, and the boxes inside; `width` and `height` in pixels."""

    kind: str
    lines: list[str]
    inside: list[Box] = field(default_factory=list["Box"])
    width: float = 0.0
    height: float = 0.0

    def measure(self) -> None:
        """Find out the size, from the inside out."""
        for each in self.inside:
            each.measure()
        text = max((len(line) for line in self.lines), default=0) * LETTER
        inner = max((each.width for each in self.inside), default=0.0)
        self.width = max(text, inner) + 2 * MARGIN
        self.height = len(self.lines) * LINE + MARGIN
        self.height += sum(each.height + GAP for each in self.inside)

    def draw(self, x: float, y: float, width: float) -> list[str]:
        """The elements of the drawing; boxes inside get all the width there is."""
        fill, line = COLOURS[self.kind]
        found = [
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{self.height:g}" rx="4" '
            f'fill="{fill}" stroke="{line}"/>'
        ]
        below = y
        for text in self.lines:
            below += LINE
            found.append(f'<text x="{x + MARGIN:g}" y="{below - 4:g}">{html.escape(text)}</text>')
        below += GAP / 2
        for each in self.inside:
            found += each.draw(x + MARGIN, below, width - 2 * MARGIN)
            below += each.height + GAP
        return found


class Picture:
    """A drawing of loop nests, shown by notebooks; `svg()` is its text, `save(path)` writes it."""

    def __init__(self, boxes: list[Box]) -> None:
        self.boxes = boxes

    def svg(self) -> str:
        """The drawing as SVG."""
        for each in self.boxes:
            each.measure()
        width = max((each.width for each in self.boxes), default=0.0) + 2
        height = sum(each.height + GAP for each in self.boxes) + 2
        parts: list[str] = []
        below = 1.0
        for each in self.boxes:
            parts += each.draw(1, below, width - 2)
            below += each.height + GAP
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" font-family="monospace" font-size="12" '
            f'fill="#24292f">\n' + "\n".join(parts) + "\n</svg>"
        )

    def save(self, path: str | Path) -> None:
        """Write the drawing to a file."""
        Path(path).write_text(self.svg(), encoding="utf-8")

    def _repr_svg_(self) -> str:
        """The drawing, for notebooks."""
        return self.svg()

    def __str__(self) -> str:
        """The boxes as an outline of text."""
        lines: list[str] = []

        def write(box: Box, depth: int) -> None:
            lines.append("  " * depth + " · ".join(box.lines))
            for each in box.inside:
                write(each, depth + 1)

        for each in self.boxes:
            write(each, 0)
        return "\n".join(lines)

    __repr__ = __str__


def picture(mod: IRModule) -> Picture:
    """The loop nests of the loop functions of a module."""
    return Picture(
        [
            Box("function", [var.name_hint], _below(Tree(func).tops))
            for var, func in mod.items()
            if isinstance(func, PrimFunc)
        ]
    )


def _below(spots: list[Spot]) -> list[Box]:
    """The boxes of some loops and blocks; a root block is no box of its own."""
    found: list[Box] = []
    for each in spots:
        if not each.is_loop and each.parent is None and not each.block.iter_vars:
            found += _below(each.children)
        else:
            found.append(_loop(each) if each.is_loop else _block(each))
    return found


def _loop(spot: Spot) -> Box:
    """The box of a loop."""
    loop: For = spot.loop
    kind = loop.kind.name.lower()
    words = {ForKind.SERIAL: "", ForKind.THREAD_BINDING: " threads"}.get(loop.kind, f" {kind}")
    if loop.kind is ForKind.THREAD_BINDING and loop.thread_binding is not None:
        words = f" {loop.thread_binding.thread_tag}"
    return Box(kind, [f"{spot.name} in {loop.extent!r}{words}"], _below(spot.children))


def _block(spot: Spot) -> Box:
    """The box of a block."""
    lines = [spot.block.name_hint]
    for verb, regions in (("reads", spot.block.reads), ("writes", spot.block.writes)):
        names = list(dict.fromkeys(each.buffer.name for each in regions))
        if names:
            lines.append(f"{verb} {', '.join(names)}")
    predicate: Any = spot.realize.predicate
    if getattr(predicate, "value", None) != 1:
        lines.append(f"where {predicate!r}")
    return Box("block", lines, _below(spot.children))
