"""Chains of patterns: which of them uses which.

In: patterns joined by `^` (used by) and `>>` (only used by). Out: a `PatternSeq`, the patterns in
order with the edges between them. Within `with PatternContext() as ctx:` the edges also go into the
context.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.relax.dpl.pattern import DFPattern

# The edges of the contexts that are open here, the innermost last.
open_contexts: ContextVar[tuple[list[Edge], ...]] = ContextVar("pattern_contexts", default=())
# Their patterns of calls that no other pattern is made of, in the same order.
open_roots: ContextVar[tuple[list[DFPattern], ...]] = ContextVar("pattern_roots", default=())


def take_in(pattern: DFPattern, parts: Iterable[DFPattern], *, is_call: bool) -> None:
    """A pattern was made of others: in an open context it takes the place of those that stood
    there. A call stands there by itself.
    """
    stack = open_roots.get()
    if not stack:
        return
    roots = stack[-1]
    found = [each for each in parts if any(each is root for root in roots)]
    if found or is_call:
        roots[:] = [each for each in roots if not any(each is part for part in found)]
        roots.append(pattern)


@dataclass(frozen=True, slots=True)
class Edge:
    """`consumer` uses `producer`: as argument `index` (-1: any); alone, if `only`."""

    producer: DFPattern
    consumer: DFPattern
    index: int
    only: bool


class PatternSeq:
    """Patterns in order, each used by the next."""

    def __init__(self, patterns: tuple[DFPattern, ...], edges: tuple[Edge, ...] = ()) -> None:
        self.patterns = patterns
        self.edges = edges

    def used_by(self, other: Any, index: int = -1) -> PatternSeq:
        """The last one is used by `other` (the first of it, if it is a sequence)."""
        return join(self, other, index, only=False)

    def only_used_by(self, other: Any, index: int = -1) -> PatternSeq:
        """As `used_by`, and by nothing else."""
        return join(self, other, index, only=True)

    def __xor__(self, other: Any) -> PatternSeq:
        """As `used_by`."""
        return self.used_by(other)

    def __rshift__(self, other: Any) -> PatternSeq:
        """As `only_used_by`."""
        return self.only_used_by(other)

    def __getitem__(self, index: int) -> DFPattern:
        """One of the patterns."""
        return self.patterns[index]

    def __len__(self) -> int:
        """The number of patterns."""
        return len(self.patterns)

    def dup(self) -> PatternSeq:
        """A sequence of the same form over new patterns."""
        copies = {each: each.dup() for each in self.patterns}
        edges = [
            Edge(copies[each.producer], copies[each.consumer], each.index, each.only)
            for each in self.edges
        ]
        return _noted(PatternSeq(tuple(copies.values()), tuple(edges)), edges)


def _as_seq(value: Any) -> PatternSeq:
    return value if isinstance(value, PatternSeq) else PatternSeq((value,))


def _noted(sequence: PatternSeq, edges: list[Edge]) -> PatternSeq:
    """The sequence, whose new edges are entered into the open context."""
    stack = open_contexts.get()
    if stack:
        stack[-1].extend(edges)
    return sequence


def join(left: Any, right: Any, index: int, only: bool) -> PatternSeq:
    """The sequence of `left` and then `right`."""
    first, second = _as_seq(left), _as_seq(right)
    edge = Edge(first.patterns[-1], second.patterns[0], index, only)
    made = PatternSeq(first.patterns + second.patterns, (*first.edges, edge, *second.edges))
    return _noted(made, [edge])
