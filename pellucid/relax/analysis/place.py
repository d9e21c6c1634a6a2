"""Where in a module something is, for messages: the source, or the function and the script line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.ir.node import Node
from pellucid.support.errors import Place

WIDTH = 96


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A node of a function that has no source position: shown as its script."""

    function: str
    node: Node | None = None

    def picture(self) -> str:
        """`--> function 'main'`, and the first lines of the node's script."""
        header = f" --> function {self.function!r}"
        if self.node is None:
            return header
        lines = [line[:WIDTH] for line in repr(self.node).splitlines()[:3]]
        return "\n".join([header, "  |", *(f"  | {line}" for line in lines)])


def place_of(function: str, *nodes: Any) -> Place:
    """The place of the first of `nodes` that has a source position, else the last one's script."""
    for each in nodes:
        if each is not None and each.span is not None:
            return each.span
    return NodePlace(function, nodes[-1] if nodes else None)
