"""Patterns over a whole dataflow block: several values, and who uses whom.

with PatternContext() as ctx:
    product = is_op("relax.matmul")(wildcard(), wildcard())
    total = is_op("relax.add")(wildcard(), wildcard())
    product >> total
found = ctx.match_dfb(block)        # {product: lv, total: lv1}, or None
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Token
from typing import Any

from pellucid.relax.analysis.use_def import udchain
from pellucid.relax.dpl.match import Matcher
from pellucid.relax.dpl.pattern import DFPattern
from pellucid.relax.dpl.sequence import Edge, PatternSeq, open_contexts, open_roots
from pellucid.relax.expr import Call, DataflowBlock, DataflowVar, Expr, Tuple, Var, VarBinding

Found = dict[DFPattern, Var]


class PatternContext:
    """Patterns with the edges between them, to be found in one dataflow block."""

    def __init__(self, *sequences: PatternSeq | DFPattern) -> None:
        self.edges: list[Edge] = []
        self.single: list[DFPattern] = []
        self._tokens: list[Token[tuple[list[Edge], ...]]] = []
        self._root_tokens: list[Token[tuple[list[DFPattern], ...]]] = []
        for each in sequences:
            self.add(each)

    def add(self, pattern: PatternSeq | DFPattern) -> None:
        """Take in a sequence made outside the context, or a single pattern."""
        if isinstance(pattern, PatternSeq):
            self.edges.extend(pattern.edges)
            self.single.extend(pattern.patterns)
        else:
            self.single.append(pattern)

    def __enter__(self) -> PatternContext:
        """From here on joined patterns are entered."""
        self._tokens.append(open_contexts.set((*open_contexts.get(), self.edges)))
        self._root_tokens.append(open_roots.set((*open_roots.get(), self.single)))
        return self

    def __exit__(self, *_error: object) -> None:
        """Go back to the context before."""
        open_contexts.reset(self._tokens.pop())
        open_roots.reset(self._root_tokens.pop())

    @property
    def patterns(self) -> list[DFPattern]:
        """The patterns, each once, in the order in which they were joined."""
        joined = [each for edge in self.edges for each in (edge.producer, edge.consumer)]
        return list(dict.fromkeys([*joined, *self.single]))

    def match_dfb(self, dfb: DataflowBlock) -> Found | None:
        """The variables that the patterns and their parts are bound to in the first match; None
        without one.
        """
        return next(self.matches(dfb), None)

    def matches(self, dfb: DataflowBlock) -> Iterator[Found]:
        """All matches, in the order of the block."""
        return _Search(self.patterns, self.edges, dfb).run()


class _Search:
    """Assigns variables to patterns one by one, going back where an edge fails."""

    def __init__(self, patterns: list[DFPattern], edges: list[Edge], block: DataflowBlock) -> None:
        self.patterns = patterns
        self.edges = edges
        self.users = udchain(block)
        self.values: dict[Var, Expr] = {
            each.var: each.value for each in block.bindings if isinstance(each, VarBinding)
        }
        self.matcher = Matcher(self.values.get)
        self.candidates = list(self.users)

    def run(self) -> Iterator[Found]:
        """All assignments."""
        yield from self.assign(0, {}, {})

    def assign(self, index: int, found: Found, known: dict[Any, Expr]) -> Iterator[Found]:
        """The assignments of the patterns from `index` on."""
        if index == len(self.patterns):
            parts = {key: each for key, each in known.items() if isinstance(each, Var)}
            yield {**parts, **found}
            return
        pattern = self.patterns[index]
        for var in self.candidates:
            if var in found.values() or known.get(pattern, var) is not var:
                continue
            bare = {key: value for key, value in known.items() if key is not pattern}
            for match in self.matcher.match(pattern, var, bare):
                now = {**found, pattern: var}
                if self.edges_hold(now):
                    yield from self.assign(index + 1, now, match)

    def edges_hold(self, found: Found) -> bool:
        """Whether the edges between assigned patterns are there."""
        return all(
            self.edge_holds(edge, found[edge.producer], found[edge.consumer])
            for edge in self.edges
            if edge.producer in found and edge.consumer in found
        )

    def edge_holds(self, edge: Edge, producer: Var, consumer: Var) -> bool:
        """Whether one variable uses another in the way that an edge asks for."""
        users = self.users.get(producer, [])
        if consumer not in users:
            return False
        if edge.only and (len(users) > 1 or not isinstance(producer, DataflowVar)):
            return False
        return edge.index == -1 or self.argument(consumer, edge.index) is producer

    def argument(self, consumer: Var, index: int) -> Expr | None:
        """An argument of the call that a variable is bound to; of a call_tir those in its tuple."""
        value = self.values.get(consumer)
        if not isinstance(value, Call):
            return None
        inner = value.args[1] if len(value.args) > 1 else None
        args = tuple(inner.fields) if isinstance(inner, Tuple) else value.args
        return args[index] if index < len(args) else None
