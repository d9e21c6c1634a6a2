"""Iter maps: which loop nests run through which indices, exactly once or at all.

In: indices, the ranges of iteration variables, a condition on them. Out: for each index a sum of
digits of these variables, when the indices are such sums and together satisfy the level asked for:

- `BIJECTIVE`: every point of the indices' space belongs to exactly one point of the iterators';
- `SURJECTIVE`: the indices are independent and reach all of their space;
- `NO_CHECK`: each index for itself is a sum of digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map_rewrite import Rewriter
from pellucid.arith.iter_map_terms import (
    IterMapResult,
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    NotAnIterMapError,
    Numbers,
    dtype_of,
    is_const,
    to_expr,
)
from pellucid.ir.arithmetic import add, const, ge, logical_or, lt, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloorDiv, IntImm, Mul, Range, Var
from pellucid.ir.visitor import pre_order, substitute

_TRUE = const(True)


class IterMapLevel(IntEnum):
    """What is asked of an iter map; see the module."""

    BIJECTIVE = 0
    SURJECTIVE = 1
    NO_CHECK = 3

    # Under these names as well.
    Bijective = 0
    Surjective = 1
    NoCheck = 3


def detect_iter_map(
    indices: Sequence[PrimExpr],
    input_iters: Mapping[Var, Range],
    predicate: PrimExpr = _TRUE,
    check_level: IterMapLevel = IterMapLevel.SURJECTIVE,
    *,
    simplify_trivial_iterators: bool = True,
    padded: bool = False,
    analyzer: Analyzer | None = None,
) -> IterMapResult:
    """The sums of digits that `indices` are, or in `errors` why they are not.

    `padded`: where a size does not divide an extent, the space is extended until it does, and
    `padding_predicate` says where it goes beyond.
    """

    def detect(given: Sequence[PrimExpr]) -> IterMapResult:
        rewriter, result = _rewritten(
            given, input_iters, predicate, simplify_trivial_iterators, padded, analyzer
        )
        if not result.errors and check_level is not IterMapLevel.NO_CHECK:
            check = _Check(rewriter, check_level)
            check.run(result.indices)
            result.errors.extend(check.errors)
        return result

    result = detect(indices)
    if result.errors:
        known = with_iterators(analyzer, input_iters, simplify_trivial_iterators)
        simpler = [known.simplify(each) for each in indices]
        changed = any(a is not b for a, b in zip(simpler, indices, strict=True))
        again = detect(simpler) if changed else result
        result = result if again.errors else again
    if result.errors:
        result.indices = []
    return result


def _rewritten(
    indices: Sequence[PrimExpr],
    input_iters: Mapping[Var, Range],
    predicate: PrimExpr,
    trivial: bool,
    padded: bool,
    analyzer: Analyzer | None,
) -> tuple[Rewriter, IterMapResult]:
    known = with_iterators(analyzer, input_iters, trivial)
    rewriter = Rewriter(known, input_iters, trivial=trivial, padded=padded)
    result = IterMapResult()
    try:
        rewriter.assume(predicate)
        while True:
            rewriter.padding_changed = False
            result.indices = [rewriter.index(each) for each in indices]
            if not rewriter.padding_changed:
                break
    except NotAnIterMapError as error:
        result.indices = []
        result.errors.append(str(error))
        return rewriter, result
    result.padding_predicate = _padding_predicate(rewriter)
    return rewriter, result


def with_iterators(
    analyzer: Analyzer | None, input_iters: Mapping[Var, Range], trivial: bool = True
) -> Analyzer:
    """An analyzer that also knows what the iterators range over.

    Where there is an iteration, no extent is zero. Iterators of one value stay variables unless
    `trivial`.
    """
    known = Analyzer() if analyzer is None else analyzer.copy()
    context = known.context
    for var, values in input_iters.items():
        if not isinstance(values.extent, IntImm):
            known.mark_global_non_neg_value(sub(values.extent, 1))
            _mark_sizes(values.extent, known)
        elif values.extent.value == 1 and not trivial:
            continue
        if var not in context.values and var not in context.ranges:
            known.bind(var, values)
    return known


def _mark_sizes(extent: PrimExpr, known: Analyzer) -> None:
    """Tell what follows from an extent that is not zero: factors that are not negative are not zero
    either, what is divided is not less than its divisor, and no size is zero that would make it so.
    """
    pending = [extent]
    while pending:
        each = pending.pop()
        if isinstance(each, Mul):
            pending += [each.a, each.b]
        elif not isinstance(each, IntImm) and known.can_prove_greater_equal(each, 0):
            known.mark_global_non_neg_value(sub(each, 1))
            if isinstance(each, FloorDiv) and known.can_prove_greater_equal(each.b, 1):
                known.mark_global_non_neg_value(sub(each.a, each.b))
    for size in dict.fromkeys(node for node in pre_order(extent) if isinstance(node, Var)):
        without = substitute(extent, {size: const(0, size.dtype)})
        if known.can_prove_greater_equal(size, 0) and is_const(Analyzer().simplify(without), 0):
            known.mark_global_non_neg_value(sub(size, 1))


def _padding_predicate(rewriter: Rewriter) -> PrimExpr:
    """Where padded spaces go beyond the original ones, in terms of the input iterators."""
    found: PrimExpr = const(False)
    for mark, padding in rewriter.paddings.items():
        if padding.mark is None:
            continue
        position = to_expr(padding.mark, dtype_of(padding.mark))
        if not is_const(padding.left, 0):
            found = logical_or(found, lt(position, padding.left))
        reach = rewriter.numbers.add(padding.left, mark.extent)
        if not rewriter.numbers.same(reach, padding.mark.extent):
            found = logical_or(found, ge(position, reach))
    return found


class _Check:
    """Whether splits partition the marks that they belong to."""

    def __init__(self, rewriter: Rewriter, level: IterMapLevel) -> None:
        self.rewriter = rewriter
        self.numbers: Numbers = rewriter.numbers
        self.bijective = level is IterMapLevel.BIJECTIVE
        self.uses: dict[IterMark, list[IterSplitExpr]] = {}
        self.errors: list[str] = []

    def run(self, sums: Sequence[IterSumExpr]) -> None:
        """Check all marks below the sums, outer ones first."""
        for total in sums:
            self.collect(total)
        done: set[IterMark] = set()
        while len(done) < len(self.uses):
            for mark in list(self.uses):
                if mark not in done:
                    done.add(mark)
                    if not isinstance(mark.source, Var):
                        self.collect(mark.source)
        for mark, splits in self.uses.items():
            self.partition(mark, splits)
        for _, mark, _ in self.rewriter.constrained:
            if mark not in self.uses:
                self.errors.append(
                    "a condition bounds a sum of iterators that the indices do not contain"
                )
        if self.bijective:
            for var, mark in self.rewriter.inputs.items():
                if mark not in self.uses and not is_const(mark.extent, 1):
                    self.errors.append(f"the iterator {var.name!r} is not used")

    def collect(self, total: IterSumExpr) -> None:
        """Note which splits a sum uses."""
        for split in total.args:
            self.uses.setdefault(split.source, []).append(split)

    def partition(self, mark: IterMark, splits: list[IterSplitExpr]) -> None:
        """Check that the splits of a mark follow each other; for a bijection without gap."""
        rest = list(splits)
        expected: PrimExpr = const(1)
        while rest:
            found = self.next_split(rest, expected)
            if found is None:
                self.errors.append(f"the digits taken of {mark!r} overlap or leave gaps")
                return
            rest.remove(found)
            expected = self.numbers.mul(found.lower_factor, found.extent)
        if self.bijective and not self.numbers.same(expected, mark.extent):
            self.errors.append(f"not all of {mark!r} is used")

    def next_split(self, rest: list[IterSplitExpr], expected: PrimExpr) -> IterSplitExpr | None:
        """The split that begins where the previous one ends, or (unless bijective) above it."""
        exact = [each for each in rest if self.numbers.same(each.lower_factor, expected)]
        if exact:
            exact.sort(key=lambda each: not is_const(each.extent, 1))
            return exact[0]
        if self.bijective:
            return None
        above = [each for each in rest if self.numbers.divides(expected, each.lower_factor)]
        constants = [each for each in above if isinstance(each.lower_factor, IntImm)]
        if len(constants) == len(above) and above:
            return min(above, key=lambda each: int(each.lower_factor))  # pyright: ignore[reportArgumentType]
        return above[0] if len(above) == 1 else None


def normalize_to_iter_sum(
    index: PrimExpr, input_iters: Mapping[Var, Range], analyzer: Analyzer | None = None
) -> IterSumExpr:
    """The sum of digits of an index, its terms by falling scale; terms that are no digits stay in
    the base.
    """
    rewriter = Rewriter(with_iterators(analyzer, input_iters), input_iters)
    try:
        total = rewriter.rewrite(index)
    except NotAnIterMapError:
        return IterSumExpr((), index)
    constants = all(isinstance(each.scale, IntImm) for each in total.args)
    if not constants:
        return total
    args = sorted(total.args, key=lambda each: -int(each.scale))  # pyright: ignore[reportArgumentType]
    return IterSumExpr(tuple(args), total.base)


def normalize_iter_map_to_expr(value: IterSumExpr | IterSplitExpr | IterMark) -> PrimExpr:
    """An iter map term as a plain expression."""
    return to_expr(value, dtype_of(value))


def iter_map_simplify(
    indices: Sequence[PrimExpr],
    input_iters: Mapping[Var, Range],
    predicate: PrimExpr = _TRUE,
    check_level: IterMapLevel = IterMapLevel.SURJECTIVE,
    *,
    simplify_trivial_iterators: bool = True,
    analyzer: Analyzer | None = None,
) -> list[PrimExpr]:
    """The indices in a simpler form, where they are sums of digits; as they are where not."""
    _, result = _rewritten(
        indices, input_iters, predicate, simplify_trivial_iterators, False, analyzer
    )
    if result.errors and len(indices) > 1:
        return [
            iter_map_simplify(
                [each],
                input_iters,
                predicate,
                check_level,
                simplify_trivial_iterators=simplify_trivial_iterators,
                analyzer=analyzer,
            )[0]
            for each in indices
        ]
    if result.errors:
        return list(indices)
    return [to_expr(total, each.dtype) for each, total in zip(indices, result.indices, strict=True)]


def inverse_affine_iter_map(
    iter_map: Sequence[IterSumExpr],
    outputs: Sequence[PrimExpr],
    analyzer: Analyzer | None = None,
) -> dict[Var, PrimExpr]:
    """The iteration variables in terms of `outputs`, the values of the (bijective) map's sums."""
    known = Analyzer() if analyzer is None else analyzer
    inversion = _Inversion(known)
    for total, output in zip(iter_map, outputs, strict=True):
        inversion.distribute(total, output)
    return inversion.run()


class _Inversion:
    """Takes values of sums apart into values of digits, and puts marks together from these."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.numbers = Numbers(analyzer)
        self.values: dict[IterMark, PrimExpr] = {}
        self.waiting: dict[IterMark, int] = {}

    def distribute(self, total: IterSumExpr, value: PrimExpr) -> None:
        """Note what the digits of a sum are when the sum is `value`."""
        if not total.args:
            return
        rest = self.analyzer.simplify(add(value, self.numbers.mul(total.base, const(-1))))
        for split in total.args:
            digit = rest if is_const(split.scale, 1) else self.numbers.div(rest, split.scale)
            if len(total.args) > 1:
                digit = self.numbers.mod(digit, split.extent)
            part = self.numbers.mul(digit, split.lower_factor)
            known = self.values.get(split.source)
            self.values[split.source] = part if known is None else self.numbers.add(known, part)

    def run(self) -> dict[Var, PrimExpr]:
        """The values of all variables; fused marks go before what they fuse."""
        found: dict[Var, PrimExpr] = {}
        done: set[IterMark] = set()
        while True:
            ready = [each for each in self.values if each not in done and self.complete(each, done)]
            if not ready:
                return found
            for mark in ready:
                done.add(mark)
                if isinstance(mark.source, Var):
                    found[mark.source] = self.values[mark]
                else:
                    self.outermost(mark.source, self.values[mark])

    def complete(self, mark: IterMark, done: set[IterMark]) -> bool:
        """Whether no mark that is still to be taken apart contributes to this one."""
        return not any(
            _contains(other, mark)
            for other in self.values
            if other is not mark and other not in done
        )

    def outermost(self, total: IterSumExpr, value: PrimExpr) -> None:
        """As `distribute`; the digit of greatest scale, the first, needs no remainder."""
        if len(total.args) <= 1:
            self.distribute(total, value)
            return
        first = IterSumExpr(total.args[:1], total.base)
        self.distribute(first, value)
        rest = self.analyzer.simplify(add(value, self.numbers.mul(total.base, const(-1))))
        for split in total.args[1:]:
            reach = self.numbers.mul(split.scale, split.extent)
            digit = self.numbers.div(self.numbers.mod(rest, reach), split.scale)
            part = self.numbers.mul(digit, split.lower_factor)
            known = self.values.get(split.source)
            self.values[split.source] = part if known is None else self.numbers.add(known, part)


def _contains(outer: IterMark, inner: IterMark) -> bool:
    """Whether `inner` occurs below `outer`."""
    if isinstance(outer.source, Var):
        return False
    return any(
        split.source is inner or _contains(split.source, inner) for split in outer.source.args
    )
