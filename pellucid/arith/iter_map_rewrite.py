"""Understanding indices as sums of digits of iteration spaces.

In: the ranges of the iteration variables, conditions on them, and indices. Out: an `IterSumExpr`
for each index, with at most one split: sums whose splits follow each other without gap (`i * 4 +
j` with `j < 4`) are fused to a mark of their own, which can be split again. Conditions such as `i *
4 + j < 30` shorten the mark that they bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import is_index
from pellucid.arith.iter_map_terms import (
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    NotAnIterMapError,
    Numbers,
    dtype_of,
    is_const,
    to_expr,
)
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import const, floordiv, maximum, minimum, mul, neg, sub
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    GE,
    GT,
    LE,
    LT,
    Add,
    Call,
    Cast,
    CmpOp,
    FloorDiv,
    FloorMod,
    IntImm,
    Mul,
    Range,
    Sub,
    Var,
)
from pellucid.ir.visitor import uses_var

_ONE = const(1)
_Key = tuple[tuple[int, int, int, int], ...]


class Padding:
    """How far a mark has to be extended so that a divisor divides it."""

    def __init__(self, left: PrimExpr, divisor: PrimExpr) -> None:
        self.left = left
        self.divisor = divisor
        self.mark: IterMark | None = None


class Rewriter:
    """Turns indices into sums of digits; keeps one mark for one space, however often it occurs."""

    def __init__(
        self,
        analyzer: Analyzer,
        input_iters: Mapping[Var, Range],
        *,
        trivial: bool = True,
        padded: bool = False,
    ) -> None:
        self.analyzer = analyzer
        self.numbers = Numbers(analyzer)
        self.inputs: dict[Var, IterMark] = {}
        self.sums: dict[Var, IterSumExpr] = {}
        self.padded = padded
        self.paddings: dict[IterMark, Padding] = {}
        self.padding_changed = False
        # Marks of fused sums, by what they fuse; conditions, as what they bound and its mark.
        self.fused: dict[_Key, IterMark] = {}
        self.constrained: list[tuple[IterSumExpr, IterMark, PrimExpr]] = []
        for var, values in input_iters.items():
            if trivial and self.numbers.same(values.extent, _ONE):
                self.sums[var] = IterSumExpr((), values.min)
                continue
            mark = IterMark(var, values.extent)
            if not is_const(values.min, 0):
                shifted = IterSplitExpr(IterMark(var, values.extent), _ONE, values.extent, _ONE)
                mark = IterMark(IterSumExpr((shifted,), neg(values.min)), values.extent)
            self.inputs[var] = mark
            self.sums[var] = IterSumExpr((whole(mark),), values.min)

    def uses_iters(self, expr: PrimExpr) -> bool:
        """Whether an iteration variable occurs."""
        return uses_var(expr, self.sums.__contains__)

    def index(self, expr: PrimExpr) -> IterSumExpr:
        """The sum of an index, fused to at most one split."""
        total = self.rewrite(expr)
        found = self.fuse(total)
        if found is None:
            raise NotAnIterMapError(
                f"the terms of {expr!r} do not follow each other without gap or overlap"
            )
        return found

    # Expressions.

    def rewrite(self, expr: PrimExpr) -> IterSumExpr:
        """The sum of an expression; raises where a part is no digit."""
        if isinstance(expr, Var) and expr in self.sums:
            return self.sums[expr]
        if not self.uses_iters(expr):
            return IterSumExpr((), expr)
        if isinstance(expr, Add):
            return self.plus(self.rewrite(expr.a), self.rewrite(expr.b))
        if isinstance(expr, Sub):
            return self.plus(self.rewrite(expr.a), self.scaled(self.rewrite(expr.b), const(-1)))
        if isinstance(expr, Mul):
            return self.product(expr)
        if isinstance(expr, FloorDiv):
            return self.quotient(expr)
        if isinstance(expr, FloorMod):
            return self.remainder(expr)
        if isinstance(expr, Cast) and is_index(expr.dtype) and is_index(expr.value.dtype):
            return self.rewrite(expr.value)
        raise NotAnIterMapError(f"{expr!r} is neither a sum, a multiple nor a digit")

    def plus(self, a: IterSumExpr, b: IterSumExpr) -> IterSumExpr:
        """The sum of two; the same digit in both is added up."""
        args = list(a.args)
        for each in b.args:
            for position, other in enumerate(args):
                if self.same_digit(each, other):
                    scale = self.numbers.add(each.scale, other.scale)
                    args[position] = IterSplitExpr(
                        other.source, other.lower_factor, other.extent, scale
                    )
                    break
            else:
                args.append(each)
        kept = tuple([each for each in args if not is_const(each.scale, 0)])
        return IterSumExpr(kept, self.numbers.add(a.base, b.base))

    def same_digit(self, a: IterSplitExpr, b: IterSplitExpr) -> bool:
        """Whether two splits are the same digit of one mark."""
        return (
            a.source is b.source
            and self.numbers.same(a.lower_factor, b.lower_factor)
            and self.numbers.same(a.extent, b.extent)
        )

    def scaled(self, total: IterSumExpr, factor: PrimExpr) -> IterSumExpr:
        """A sum times a factor."""
        if is_const(factor, 0):
            return IterSumExpr((), const(0))
        args = [
            IterSplitExpr(s.source, s.lower_factor, s.extent, self.numbers.mul(s.scale, factor))
            for s in total.args
        ]
        return IterSumExpr(tuple(args), self.numbers.mul(total.base, factor))

    def product(self, expr: Mul) -> IterSumExpr:
        """A multiple."""
        for side, other in ((expr.a, expr.b), (expr.b, expr.a)):
            if not self.uses_iters(other):
                return self.scaled(self.rewrite(side), other)
        raise NotAnIterMapError(f"{expr!r} is a product of iterators")

    def dividend(self, expr: FloorDiv | FloorMod) -> IterSumExpr:
        """The fused dividend of a division by something without iterators."""
        if self.uses_iters(expr.b) or not self.analyzer.can_prove_greater_equal(expr.b, 1):
            raise NotAnIterMapError(f"the divisor of {expr!r} is not known to be positive")
        total = self.rewrite(expr.a)
        found = self.fuse(total)
        if found is None:
            raise NotAnIterMapError(f"the dividend of {expr!r} is no single iterator")
        return found

    def quotient(self, expr: FloorDiv) -> IterSumExpr:
        """`(scale · digit + base) // divisor`."""
        total, divisor, numbers = self.dividend(expr), expr.b, self.numbers
        if not total.args:
            return IterSumExpr((), numbers.div(total.base, divisor))
        split = total.args[0]
        if numbers.divides(divisor, split.scale):
            scale = numbers.div(split.scale, divisor)
            part = IterSplitExpr(split.source, split.lower_factor, split.extent, scale)
            return IterSumExpr((part,), numbers.div(total.base, divisor))
        unit, base, divisor = self.unit(split, total.base, divisor, expr)
        rest, carried = numbers.mod(base, divisor), numbers.div(base, divisor)
        if self.stays_below(rest, unit.extent, divisor):
            return IterSumExpr((), carried)
        unit = self.aligned(unit, rest, divisor, expr)
        lower = numbers.mul(unit.lower_factor, divisor)
        extent = numbers.div(unit.extent, divisor)
        return IterSumExpr((IterSplitExpr(unit.source, lower, extent, _ONE),), carried)

    def remainder(self, expr: FloorMod) -> IterSumExpr:
        """`(scale · digit + base) % divisor`."""
        total, divisor, numbers = self.dividend(expr), expr.b, self.numbers
        if not total.args:
            return IterSumExpr((), numbers.mod(total.base, divisor))
        split = total.args[0]
        if numbers.divides(divisor, split.scale):
            return IterSumExpr((), numbers.mod(total.base, divisor))
        unit, base, part = self.unit(split, total.base, divisor, expr)
        fixed = numbers.mod(total.base, split.scale)
        rest = numbers.mod(base, part)
        if self.stays_below(rest, unit.extent, part):
            found = IterSumExpr((unit,), rest)
        else:
            unit = self.aligned(unit, rest, part, expr)
            low = IterSplitExpr(unit.source, unit.lower_factor, part, _ONE)
            found = IterSumExpr((low,), const(0))
        found = self.scaled(found, split.scale)
        return IterSumExpr(found.args, numbers.add(found.base, fixed))

    def unit(
        self, split: IterSplitExpr, base: PrimExpr, divisor: PrimExpr, expr: PrimExpr
    ) -> tuple[IterSplitExpr, PrimExpr, PrimExpr]:
        """The split with scale 1, with base and divisor divided by its scale."""
        numbers = self.numbers
        if is_const(split.scale, 1):
            return split, base, divisor
        positive = self.analyzer.can_prove_greater_equal(split.scale, 1)
        if not positive or not numbers.divides(split.scale, divisor):
            raise NotAnIterMapError(f"{expr!r} cuts through steps of {split.scale!r}")
        unit = IterSplitExpr(split.source, split.lower_factor, split.extent, _ONE)
        return unit, numbers.div(base, split.scale), numbers.div(divisor, split.scale)

    def stays_below(self, rest: PrimExpr, extent: PrimExpr, divisor: PrimExpr) -> bool:
        """Whether `rest + digit` never reaches the divisor."""
        return self.numbers.at_most(self.numbers.add(rest, extent), divisor)

    def aligned(
        self, split: IterSplitExpr, rest: PrimExpr, divisor: PrimExpr, expr: PrimExpr
    ) -> IterSplitExpr:
        """A split that the divisor divides and that starts at a multiple of it; padded if allowed.

        The result stands for `digit + rest`.
        """
        if is_const(rest, 0) and self.numbers.divides(divisor, split.extent):
            return split
        entire = is_const(split.lower_factor, 1) and self.numbers.same(
            split.extent, split.source.extent
        )
        if not self.padded or not entire:
            raise NotAnIterMapError(
                f"{divisor!r} does not divide the extent {split.extent!r} in {expr!r}"
            )
        return whole(self.pad(split.source, rest, divisor, expr))

    def pad(self, mark: IterMark, left: PrimExpr, divisor: PrimExpr, expr: PrimExpr) -> IterMark:
        """The padded form of a mark; what an earlier round found out is used."""
        known = self.paddings.get(mark)
        if known is None:
            known = self.paddings[mark] = Padding(left, divisor)
            self.padding_changed = True
        elif not self.numbers.same(known.left, left):
            raise NotAnIterMapError(f"{expr!r} divides one iterator with different offsets")
        elif not self.numbers.divides(divisor, known.divisor):
            if not (isinstance(divisor, IntImm) and isinstance(known.divisor, IntImm)):
                raise NotAnIterMapError(f"{expr!r} divides one iterator by unrelated sizes")
            known.divisor = const(_lcm(divisor.value, known.divisor.value), divisor.dtype)
            known.mark = None
            self.padding_changed = True
        if known.mark is None:
            numbers = self.numbers
            reach = numbers.add(known.left, mark.extent)
            blocks = numbers.div(numbers.add(reach, sub(known.divisor, 1)), known.divisor)
            source = IterSumExpr((whole(mark),), known.left)
            known.mark = IterMark(source, numbers.mul(blocks, known.divisor))
        return known.mark

    # Fusing.

    def fuse(self, total: IterSumExpr) -> IterSumExpr | None:
        """The sum with at most one split, where its splits form one space; None otherwise."""
        total = self.apply_conditions(total)
        total = IterSumExpr(self.joined(total.args), total.base)
        if len(total.args) <= 1:
            return total
        chain = self.chain(total.args)
        if chain is None:
            return None
        step = chain[0].scale
        if not is_const(step, 1) and not all(
            self.numbers.divides(step, each.scale) for each in chain
        ):
            return None
        relative = [
            IterSplitExpr(s.source, s.lower_factor, s.extent, self.numbers.div(s.scale, step))
            for s in reversed(chain)
        ]
        extent = self.numbers.mul(relative[0].scale, relative[0].extent)
        return IterSumExpr((self.scaled_whole(self.mark_of(relative, extent), step),), total.base)

    def joined(self, splits: Sequence[IterSplitExpr]) -> tuple[IterSplitExpr, ...]:
        """The splits with neighbouring digits of one mark put together:
        `x // 8 * 2 + x % 8 // 4` is `x // 4`.
        """
        found = list(splits)
        same, mul = self.numbers.same, self.numbers.mul
        position = 0
        while position < len(found):
            low = found[position]
            for high in found:
                if (
                    high.source is low.source
                    and high is not low
                    and same(high.lower_factor, mul(low.lower_factor, low.extent))
                    and same(high.scale, mul(low.scale, low.extent))
                ):
                    extent = mul(low.extent, high.extent)
                    found[position] = IterSplitExpr(low.source, low.lower_factor, extent, low.scale)
                    found.remove(high)
                    position = -1
                    break
            position += 1
        return tuple(found)

    def scaled_whole(self, mark: IterMark, scale: PrimExpr) -> IterSplitExpr:
        """All of a mark, times a scale."""
        return IterSplitExpr(mark, _ONE, mark.extent, scale)

    def mark_of(self, parts: Sequence[IterSplitExpr], extent: PrimExpr) -> IterMark:
        """The mark that fuses these splits; one object for the same splits."""
        key_of = self.analyzer.context.forms.wide_key
        numbers = [(key_of(s.lower_factor), key_of(s.extent), key_of(s.scale)) for s in parts]
        key = tuple(sorted((id(s.source), *each) for s, each in zip(parts, numbers, strict=True)))
        if key not in self.fused:
            self.fused[key] = IterMark(IterSumExpr(tuple(parts), const(0)), extent)
        return self.fused[key]

    def chain(self, splits: Sequence[IterSplitExpr]) -> list[IterSplitExpr] | None:
        """The splits from the least scale up, each scale being what those below reach."""
        constants = [each for each in splits if isinstance(each.scale, IntImm)]
        starts = sorted(constants, key=lambda each: _int(each.scale))[:1] or list(splits)
        for start in starts:
            if isinstance(start.scale, IntImm) and start.scale.value <= 0:
                continue
            found = self.chain_from(start, splits)
            if found is not None:
                return found
        return None

    def chain_from(
        self, start: IterSplitExpr, splits: Sequence[IterSplitExpr]
    ) -> list[IterSplitExpr] | None:
        """The chain that begins with `start`."""
        rest = list(splits)
        found: list[IterSplitExpr] = []
        expected = start.scale
        while rest:
            fitting = [each for each in rest if self.numbers.same(each.scale, expected)]
            # Spaces of one point go first: they leave the reach as it is.
            fitting.sort(key=lambda each: (not is_const(each.extent, 1), each is not start))
            if not fitting:
                return None
            found.append(fitting[0])
            rest.remove(fitting[0])
            expected = self.numbers.mul(fitting[0].extent, expected)
        return found

    # Conditions.

    def apply_conditions(self, total: IterSumExpr) -> IterSumExpr:
        """The sum with what conditions bound replaced by the shortened marks."""
        for pattern, mark, offset in reversed(self.constrained):
            found = self.match(pattern, total.args)
            if found is None:
                continue
            scale, used = found
            rest = [each for each in total.args if each not in used]
            rest.append(self.scaled_whole(mark, scale))
            base = self.numbers.add(total.base, self.numbers.mul(offset, scale))
            total = IterSumExpr(tuple(rest), base)
        return total

    def match(
        self, pattern: IterSumExpr, splits: Sequence[IterSplitExpr]
    ) -> tuple[PrimExpr, list[IterSplitExpr]] | None:
        """Where `pattern`, times a common scale, occurs among the splits."""
        used: list[IterSplitExpr] = []
        for part in pattern.args:
            same = [each for each in splits if self.same_digit(each, part)]
            if len(same) != 1:
                return None
            used.append(same[0])
        unit = next((i for i, part in enumerate(pattern.args) if is_const(part.scale, 1)), None)
        if unit is None:
            return None
        scale = used[unit].scale
        for part, each in zip(pattern.args, used, strict=True):
            if not self.numbers.same(self.numbers.mul(part.scale, scale), each.scale):
                return None
        return scale, used

    def assume(self, condition: PrimExpr) -> None:
        """Use a condition; raises where it does not bound a sum of iterators."""
        bounds: list[tuple[IterSumExpr, PrimExpr | None, PrimExpr | None]] = []
        for each in conjuncts(condition):
            found = self.bound_of(each)
            if found is not None:
                bounds.append(found)
        for total, low, high in sorted(_merged(bounds, self), key=lambda each: len(each[0].args)):
            self.constrain(total, low, high)

    def bound_of(
        self, condition: PrimExpr
    ) -> tuple[IterSumExpr, PrimExpr | None, PrimExpr | None] | None:
        """`(splits, low, high)` with `low <= splits < high`; None when no iterator occurs."""
        if isinstance(condition, Call) and _is_likely(condition):
            return self.bound_of(condition.args[0])
        if not self.uses_iters(condition):
            return None
        if not isinstance(condition, LT | LE | GT | GE) or not is_index(condition.a.dtype):
            raise NotAnIterMapError(f"the condition {condition!r} does not bound an iterator")
        total, strict = self.difference(condition)
        # total < 0 (strict) or total <= 0.
        if total.args and all(_is_negative(each.scale) for each in total.args):
            flipped = self.scaled(total, const(-1))
            low = neg(flipped.base)
            bound = self.numbers.add(low, const(1)) if strict else self.analyzer.simplify(low)
            return IterSumExpr(flipped.args, const(0)), bound, None
        high = neg(total.base)
        bound = self.analyzer.simplify(high) if strict else self.numbers.add(high, const(1))
        return IterSumExpr(total.args, const(0)), None, bound

    def difference(self, condition: CmpOp) -> tuple[IterSumExpr, bool]:
        """What is below zero (or at most zero) where a comparison holds."""
        left, right = self.rewrite(condition.a), self.rewrite(condition.b)
        if isinstance(condition, GT | GE):
            left, right = right, left
        total = self.plus(left, self.scaled(right, const(-1)))
        return total, isinstance(condition, LT | GT)

    def constrain(self, total: IterSumExpr, low: PrimExpr | None, high: PrimExpr | None) -> None:
        """Shorten the space that a sum runs through to `low … high - 1`."""
        fused = self.fuse(total)
        if fused is None:
            raise NotAnIterMapError(
                f"the condition on {to_expr(total, dtype_of(total))!r} bounds no single iterator"
            )
        if not fused.args:
            return
        split, base = fused.args[0], fused.base
        step = split.scale
        numbers, simplify = self.numbers, self.analyzer.simplify
        begin, end = const(0), split.extent
        if low is not None:
            least = simplify(floordiv(sub(low, base) + step - 1, step))
            begin = begin if numbers.at_most(least, begin) else simplify(maximum(least, begin))
        if high is not None:
            most = simplify(floordiv(sub(high, base) + step - 1, step))
            end = end if numbers.at_most(end, most) else simplify(minimum(most, end))
        if is_const(begin, 0) and end is split.extent:
            return
        pattern = IterSumExpr(
            (IterSplitExpr(split.source, split.lower_factor, split.extent, _ONE),), const(0)
        )
        mark = IterMark(
            IterSumExpr(pattern.args, simplify(mul(begin, -1))), simplify(sub(end, begin))
        )
        self.constrained.append((pattern, mark, begin))
        flat = self.flattened(pattern)
        if flat is not None:
            self.constrained.append((flat, mark, begin))

    def flattened(self, pattern: IterSumExpr) -> IterSumExpr | None:
        """A pattern that is all of a fused sum, as that sum's splits."""
        split = pattern.args[0]
        entire = is_const(split.lower_factor, 1) and split.extent is split.source.extent
        source = split.source.source
        if not entire or isinstance(source, Var) or split.source in self.inputs.values():
            return None
        return source if is_const(source.base, 0) else None


def whole(mark: IterMark) -> IterSplitExpr:
    """All of a mark."""
    return IterSplitExpr(mark, _ONE, mark.extent, _ONE)


def _merged(
    bounds: list[tuple[IterSumExpr, PrimExpr | None, PrimExpr | None]], rewriter: Rewriter
) -> list[tuple[IterSumExpr, PrimExpr | None, PrimExpr | None]]:
    """Bounds on the same sum joined."""
    found: list[tuple[IterSumExpr, PrimExpr | None, PrimExpr | None]] = []
    for total, low, high in bounds:
        for position, (other, other_low, other_high) in enumerate(found):
            difference = rewriter.plus(total, rewriter.scaled(other, const(-1)))
            if not difference.args:
                lows = [each for each in (low, other_low) if each is not None]
                highs = [each for each in (high, other_high) if each is not None]
                found[position] = (
                    other,
                    None if not lows else lows[0] if len(lows) == 1 else maximum(*lows),
                    None if not highs else highs[0] if len(highs) == 1 else minimum(*highs),
                )
                break
        else:
            found.append((total, low, high))
    return found


def _is_likely(call: Call) -> bool:
    return isinstance(call.op, Op) and call.op.name == "tir.likely"


def _is_negative(scale: PrimExpr) -> bool:
    return isinstance(scale, IntImm) and scale.value < 0


def _int(expr: PrimExpr) -> int:
    assert isinstance(expr, IntImm)
    return expr.value


def _lcm(a: int, b: int) -> int:
    x, y = a, b
    while y:
        x, y = y, x % y
    return a // x * b
