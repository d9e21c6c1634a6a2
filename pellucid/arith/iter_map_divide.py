"""Dividing a loop nest into an outer and an inner part: each index as `outer * extent + inner`.

In: indices, the ranges of all iteration variables, and which of them are inner. Out: for each index
an outer and an inner mark such that the index is `outer * inner.extent + inner`, and the conditions
of either part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.arith.iter_map_terms import (
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    NotAnIterMapError,
    Numbers,
    is_const,
)
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import const, logical_and
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Range, Var
from pellucid.ir.visitor import uses_var

_TRUE = const(True)
_ONE = const(1)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """An index as `outer * inner.extent + inner`."""

    outer: IterMark
    inner: IterMark


@dataclass(slots=True, eq=False)
class SubspaceDivision:
    """The divided indices with the conditions of the outer and the inner part, or why there are
    none.
    """

    indices: list[Division]
    outer_predicate: PrimExpr
    inner_predicate: PrimExpr
    errors: list[str]


def subspace_divide(
    indices: Sequence[PrimExpr],
    input_iters: Mapping[Var, Range],
    sub_iters: Set[Var],
    predicate: PrimExpr = _TRUE,
    check_level: IterMapLevel = IterMapLevel.SURJECTIVE,
    *,
    simplify_trivial_iterators: bool = True,
    analyzer: Analyzer | None = None,
) -> SubspaceDivision:
    """Divide indices by whether the variables in `sub_iters` or the others move them."""
    known = Analyzer() if analyzer is None else analyzer
    result = SubspaceDivision([], _TRUE, _TRUE, [])
    found = detect_iter_map(
        indices,
        input_iters,
        predicate,
        check_level,
        simplify_trivial_iterators=simplify_trivial_iterators,
        analyzer=known,
    )
    if found.errors:
        result.errors = found.errors
        return result
    divider = _Divider(known, sub_iters)
    try:
        result.indices = [divider.of_sum(each) for each in found.indices]
        _divide_predicate(result, predicate, input_iters, sub_iters)
    except NotAnIterMapError as error:
        result.indices = []
        result.errors.append(str(error))
    return result


def _divide_predicate(
    result: SubspaceDivision,
    predicate: PrimExpr,
    input_iters: Mapping[Var, Range],
    sub_iters: Set[Var],
) -> None:
    for each in conjuncts(predicate):
        inner = uses_var(each, sub_iters.__contains__)
        outer = uses_var(each, lambda var: var in input_iters and var not in sub_iters)
        if inner and outer:
            raise NotAnIterMapError(f"the condition {each!r} mixes outer and inner iterators")
        if inner:
            result.inner_predicate = logical_and(result.inner_predicate, each)
        else:
            result.outer_predicate = logical_and(result.outer_predicate, each)


class _Divider:
    """Divides sums and splits."""

    def __init__(self, analyzer: Analyzer, sub_iters: Set[Var]) -> None:
        self.numbers = Numbers(analyzer)
        self.sub_iters = sub_iters

    def uses(self, mark: IterMark) -> tuple[bool, bool]:
        """Whether (outer, inner) variables occur below a mark."""
        if isinstance(mark.source, Var):
            inner = mark.source in self.sub_iters
            return not inner, inner
        found = [self.uses(split.source) for split in mark.source.args]
        return any(outer for outer, _ in found), any(inner for _, inner in found)

    def of_sum(self, total: IterSumExpr) -> Division:
        """Divide a fused sum."""
        if not total.args:
            return Division(IterMark(total, _ONE), _nothing())
        split = total.args[0]
        outer, inner = self.uses(split.source)
        if not inner:
            return Division(IterMark(total, split.extent), _nothing())
        if not outer:
            return Division(_nothing(), IterMark(total, split.extent))
        if not (is_const(split.scale, 1) and is_const(total.base, 0)):
            raise NotAnIterMapError(f"{total!r} is shifted or has steps")
        return self.of_split(split)

    def of_split(self, split: IterSplitExpr) -> Division:
        """Divide a digit of a mark that has both parts."""
        whole = self.of_mark(split.source)
        numbers, reach = self.numbers, whole.inner.extent
        lower, extent = split.lower_factor, split.extent
        if numbers.divides(reach, lower):
            # The digit lies above the inner part.
            part = _digit(whole.outer, numbers.div(lower, reach), extent)
            return Division(IterMark(part, extent), _nothing())
        top = numbers.mul(lower, extent)
        if numbers.divides(top, reach):
            part = _digit(whole.inner, lower, extent)
            return Division(_nothing(), IterMark(part, extent))
        if not (numbers.divides(lower, reach) and numbers.divides(reach, top)):
            raise NotAnIterMapError("a digit cuts through the inner iterators")
        low = numbers.div(reach, lower)
        high = numbers.div(top, reach)
        return Division(
            IterMark(_digit(whole.outer, _ONE, high), high),
            IterMark(_digit(whole.inner, lower, low), low),
        )

    def of_mark(self, mark: IterMark) -> Division:
        """Divide a fused mark: its splits of greater scale are outer, the others inner."""
        if isinstance(mark.source, Var):
            outer = mark.source not in self.sub_iters
            total = IterSumExpr((IterSplitExpr(mark, _ONE, mark.extent, _ONE),), const(0))
            part = IterMark(total, mark.extent)
            return Division(part, _nothing()) if outer else Division(_nothing(), part)
        if not is_const(mark.source.base, 0) or not self.covers(mark):
            raise NotAnIterMapError(f"a condition shortens {mark!r}, which has both parts")
        parts = [(split, self.of_sum(_unit(split))) for split in mark.source.args]
        return self.joined(parts)

    def covers(self, mark: IterMark) -> bool:
        """Whether a mark is as long as its splits reach."""
        assert isinstance(mark.source, IterSumExpr)
        first = mark.source.args[0]
        return self.numbers.same(self.numbers.mul(first.scale, first.extent), mark.extent)

    def joined(self, parts: list[tuple[IterSplitExpr, Division]]) -> Division:
        """Put divided splits, by falling scale, together again."""
        numbers = self.numbers
        inner_extent: PrimExpr = _ONE
        for _, each in parts:
            inner_extent = numbers.mul(inner_extent, each.inner.extent)
        outer: list[IterSplitExpr] = []
        inner: list[IterSplitExpr] = []
        outer_extent: PrimExpr = _ONE
        for split, each in parts:
            if not is_const(each.outer.extent, 1):
                if inner:
                    raise NotAnIterMapError("an outer iterator stands below an inner one")
                scale = numbers.mul(split.scale, each.inner.extent)
                outer.append(_scaled(each.outer, numbers.div(scale, inner_extent)))
                outer_extent = numbers.mul(outer_extent, each.outer.extent)
            if not is_const(each.inner.extent, 1):
                inner.append(_scaled(each.inner, split.scale))
        return Division(
            IterMark(IterSumExpr(tuple(outer), const(0)), outer_extent),
            IterMark(IterSumExpr(tuple(inner), const(0)), inner_extent),
        )


def _unit(split: IterSplitExpr) -> IterSumExpr:
    part = IterSplitExpr(split.source, split.lower_factor, split.extent, _ONE)
    return IterSumExpr((part,), const(0))


def _scaled(mark: IterMark, scale: PrimExpr) -> IterSplitExpr:
    return IterSplitExpr(mark, _ONE, mark.extent, scale)


def _digit(mark: IterMark, lower: PrimExpr, extent: PrimExpr) -> IterSumExpr:
    return IterSumExpr((IterSplitExpr(mark, lower, extent, _ONE),), const(0))


def _nothing() -> IterMark:
    """The space of the one point 0."""
    return IterMark(IterSumExpr((), const(0)), _ONE)
