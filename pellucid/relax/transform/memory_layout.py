"""Where tensors lie in memory by their lifetimes: offsets in one arena, and slots of equal size.

In: tensors with the first and the last step at which they are used. Out: an offset in bytes for
each tensor of known size, or the number of its slot among those of its size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pellucid.relax.expr import Var

ALIGNMENT = 64


@dataclass(slots=True)
class Life:
    """A planned tensor: its size in bytes, and the first and last binding in which it lives."""

    var: Var
    size: int
    begin: int
    end: int
    offset: int = 0

    def meets(self, other: Life) -> bool:
        """Whether the two live at once."""
        return self.begin <= other.end and other.begin <= self.end


def aligned(value: int) -> int:
    """`value` rounded up to the alignment of tensors."""
    return -(-value // ALIGNMENT) * ALIGNMENT


def largest_live(lives: list[Life]) -> int:
    """The most bytes that are alive at once: no plan can do with less."""
    changes: dict[int, int] = {}
    for life in lives:
        changes[life.begin] = changes.get(life.begin, 0) + aligned(life.size)
        changes[life.end + 1] = changes.get(life.end + 1, 0) - aligned(life.size)
    largest = now = 0
    for step in sorted(changes):
        now += changes[step]
        largest = max(largest, now)
    return largest


def place(lives: list[Life]) -> int:
    """Choose the offsets; returns the size of the arena in bytes.

    Each tensor gets the lowest place that is free for its whole life, the largest tensors first;
    where that takes more than what lives at once, other orders are tried, and the best is kept.
    """
    least = largest_live(lives)
    best: tuple[int, list[int]] | None = None
    for order in _ORDERS:
        total = _place_in_order(sorted(lives, key=order))
        if best is None or total < best[0]:
            best = (total, [life.offset for life in lives])
        if total <= least:
            break
    assert best is not None
    for life, offset in zip(lives, best[1], strict=True):
        life.offset = offset
    return best[0]


_ORDERS: tuple[Callable[[Life], Any], ...] = (
    lambda life: (-life.size, life.begin),
    lambda life: (life.begin - life.end, -life.size),
    lambda life: (life.begin, -life.size),
    lambda life: (-life.size * (life.end - life.begin + 1), life.begin),
)


def _place_in_order(lives: list[Life]) -> int:
    placed: list[Life] = []
    for life in lives:
        taken = sorted(
            (each.offset, each.offset + each.size) for each in placed if each.meets(life)
        )
        offset = 0
        for begin, end in taken:
            if offset + life.size <= begin:
                break
            offset = max(offset, aligned(end))
        life.offset = offset
        placed.append(life)
    return aligned(max((each.offset + each.size for each in placed), default=0))


def slots(lives: list[Life]) -> int:
    """Number tensors of one size, so that those that live at once have different numbers (as
    `offset`); returns how many numbers there are.
    """
    ends: list[int] = []
    for life in sorted(lives, key=lambda each: each.begin):
        free = next((slot for slot, end in enumerate(ends) if end < life.begin), None)
        if free is None:
            free = len(ends)
            ends.append(life.end)
        ends[free] = life.end
        life.offset = free
    return len(ends)
