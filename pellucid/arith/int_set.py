"""Sets of integers with symbolic ends: what an expression ranges over when some of its variables
do.

In: an expression, and a domain for each variable that is relaxed. Out: an `IntSet` in terms of the
other variables, which holds every value. It may hold more: what is not understood (an index that
was loaded from memory) ranges over everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import Linear, factors_of, is_index, widens
from pellucid.ir.arithmetic import (
    add,
    cast_to,
    const,
    floordiv,
    floormod,
    maximum,
    minimum,
    mul,
    sub,
)
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Broadcast,
    Call,
    Cast,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mul,
    Ramp,
    Range,
    Select,
    SizeVar,
    Sub,
    Var,
    as_expr,
)
from pellucid.ir.visitor import substitute, uses_var


class IntSet:
    """The integers from `min_value` to `max_value`, both inclusive; None stands for no bound."""

    __slots__ = ("empty", "max_value", "min_value")

    def __init__(self, min_value: Any, max_value: Any, *, empty: bool = False) -> None:
        self.min_value: PrimExpr | None = None if min_value is None else as_expr(min_value)
        self.max_value: PrimExpr | None = None if max_value is None else as_expr(max_value)
        self.empty = empty

    @staticmethod
    def single_point(value: Any) -> IntSet:
        """The set of one value."""
        expr = as_expr(value)
        return IntSet(expr, expr)

    @staticmethod
    def interval(min_value: Any, max_value: Any) -> IntSet:
        """The integers between two values, both inclusive."""
        return IntSet(min_value, max_value)

    @staticmethod
    def from_range(values: Range) -> IntSet:
        """The integers of a range."""
        if isinstance(values.extent, IntImm) and values.extent.value == 1:
            return IntSet.single_point(values.min)
        return IntSet(values.min, sub(add(values.min, values.extent), 1))

    @staticmethod
    def vector(value: Any) -> IntSet:
        """The lanes of a vector expression."""
        return eval_set(value, {})

    @staticmethod
    def everything() -> IntSet:
        """All integers."""
        return EVERYTHING

    @staticmethod
    def nothing() -> IntSet:
        """The empty set."""
        return NOTHING

    def is_nothing(self) -> bool:
        """Whether the set is known to be empty."""
        return self.empty

    def is_everything(self) -> bool:
        """Whether there is no bound at all."""
        return not self.empty and self.min_value is None and self.max_value is None

    def is_bounded(self) -> bool:
        """Whether both ends are known."""
        return not self.empty and self.min_value is not None and self.max_value is not None

    def is_single_point(self) -> bool:
        """Whether the set is written as one value."""
        return self.is_bounded() and self.min_value is self.max_value

    def to_range(self, analyzer: Analyzer, whole: Range) -> Range:
        """As a range; an end that is not known is that of `whole`."""
        if self.is_single_point():
            value: Any = self.min_value
            return Range(min=value, extent=const(1, value.dtype))
        low: Any = whole.min if self.min_value is None else self.min_value
        high: Any = self.max_value
        extent = sub(add(whole.min, whole.extent), low) if high is None else add(sub(high, low), 1)
        return Range(min=analyzer.simplify(low), extent=analyzer.simplify(extent))

    def __repr__(self) -> str:
        """As `[low, high]`."""
        if self.empty:
            return "IntSet(nothing)"
        low = "-inf" if self.min_value is None else repr(self.min_value)
        high = "+inf" if self.max_value is None else repr(self.max_value)
        return f"IntSet[{low}, {high}]"


EVERYTHING = IntSet(None, None)
NOTHING = IntSet(None, None, empty=True)
Domains = Mapping[Var, Any]


def as_int_set(value: Any) -> IntSet:
    """A set from a set, a range, or a single expression."""
    if isinstance(value, IntSet):
        return value
    return IntSet.from_range(value) if isinstance(value, Range) else IntSet.single_point(value)


class _Evaluator:
    """Computes the set of an expression by interval arithmetic with symbolic ends."""

    def __init__(self, domains: Domains, analyzer: Analyzer) -> None:
        self.domains = {var: as_int_set(each) for var, each in domains.items()}
        self.analyzer = analyzer

    def relaxed(self, expr: PrimExpr) -> bool:
        """Whether a relaxed variable occurs."""
        return uses_var(expr, self.domains.__contains__)

    def set_of(self, expr: PrimExpr) -> IntSet:
        """The set of an expression."""
        if isinstance(expr, Ramp | Broadcast) or self.relaxed(expr):
            rule = _RULES.get(type(expr))
            return EVERYTHING if rule is None else rule(self, expr)
        return IntSet.single_point(expr)

    def var(self, var: Var) -> IntSet:
        """The domain of a relaxed variable."""
        return self.domains[var]

    def sum(self, expr: PrimExpr) -> IntSet:
        """Sums term by term; terms without relaxed variables count for both ends."""
        if not is_index(expr.dtype):
            return EVERYTHING
        form = self.analyzer.context.linear(expr)
        fixed = Linear(const=form.const)
        found = IntSet.single_point(const(0, expr.dtype))
        for key, atom, coefficient in form:
            if self.relaxed(atom):
                each = self.product(atom) if isinstance(atom, Mul) else self.set_of(atom)
                found = plus(found, self.scaled(each, const(coefficient, expr.dtype)))
            else:
                fixed.add_term(key, atom, coefficient)
        return plus(found, IntSet.single_point(fixed.to_expr(expr.dtype)))

    def product(self, expr: PrimExpr) -> IntSet:
        """A product in which one factor is relaxed, and the sign of the others is known."""
        moving = [each for each in factors_of(expr) if self.relaxed(each)]
        if len(moving) != 1:
            return EVERYTHING
        others = [each for each in factors_of(expr) if each is not moving[0]]
        scale = others[0]
        for each in others[1:]:
            scale = mul(scale, each)
        return self.scaled(self.set_of(moving[0]), scale)

    def scaled(self, values: IntSet, factor: PrimExpr) -> IntSet:
        """The set times something whose sign is known."""
        if values.empty:
            return values
        low = None if values.min_value is None else mul(values.min_value, factor)
        high = None if values.max_value is None else mul(values.max_value, factor)
        if self.analyzer.can_prove_greater_equal(factor, 0):
            return IntSet(low, high)
        return IntSet(high, low) if self.analyzer.can_prove_less_equal(factor, 0) else EVERYTHING

    def quotient(self, expr: FloorDiv) -> IntSet:
        """Quotients by something positive."""
        if self.relaxed(expr.b) or not self.analyzer.can_prove_greater_equal(expr.b, 1):
            return EVERYTHING
        divisor = expr.b
        return _map(self.set_of(expr.a), lambda end: floordiv(end, divisor))

    def remainder(self, expr: FloorMod) -> IntSet:
        """Remainders by something positive; exact where all have one quotient."""
        if self.relaxed(expr.b) or not self.analyzer.can_prove_greater_equal(expr.b, 1):
            return EVERYTHING
        values, divisor = self.set_of(expr.a), expr.b
        if values.min_value is not None and values.max_value is not None:
            first, last = floordiv(values.min_value, divisor), floordiv(values.max_value, divisor)
            if self.analyzer.can_prove_equal(first, last):
                return _map(values, lambda end: floormod(end, divisor))
        return IntSet(const(0, divisor.dtype), sub(divisor, 1))

    def minimum(self, expr: Min) -> IntSet:
        """The smaller ones of pairs."""
        a, b = self.set_of(expr.a), self.set_of(expr.b)
        highs = [each for each in (a.max_value, b.max_value) if each is not None]
        high = None if not highs else highs[0] if len(highs) == 1 else minimum(*highs)
        return IntSet(_both(minimum, a.min_value, b.min_value), high)

    def maximum(self, expr: Max) -> IntSet:
        """The larger ones of pairs."""
        a, b = self.set_of(expr.a), self.set_of(expr.b)
        lows = [each for each in (a.min_value, b.min_value) if each is not None]
        low = None if not lows else lows[0] if len(lows) == 1 else maximum(*lows)
        return IntSet(low, _both(maximum, a.max_value, b.max_value))

    def select(self, expr: Select) -> IntSet:
        """Either value."""
        return union(self.set_of(expr.true_value), self.set_of(expr.false_value))

    def call(self, call: Call) -> IntSet:
        """Choices and hints; any other call is not understood."""
        name = call.op.name if isinstance(call.op, Op) else ""
        if name == "tir.if_then_else":
            return union(self.set_of(call.args[1]), self.set_of(call.args[2]))
        return self.set_of(call.args[0]) if name == "tir.likely" else EVERYTHING

    def cast(self, cast: Cast) -> IntSet:
        """Casts that keep the value."""
        if not widens(cast):
            return EVERYTHING
        return _map(self.set_of(cast.value), lambda end: cast_to(cast.dtype, end))

    def ramp(self, expr: Ramp) -> IntSet:
        """From the first lane to the last."""
        base = self.set_of(expr.base)
        if self.relaxed(expr.stride):
            return EVERYTHING
        steps = IntSet(const(0, expr.stride.dtype), const(expr.lanes - 1, expr.stride.dtype))
        return plus(base, self.scaled(steps, expr.stride))

    def broadcast(self, expr: Broadcast) -> IntSet:
        """The one value."""
        return self.set_of(expr.value)

    def let(self, expr: Let) -> IntSet:
        """The body with the value in place."""
        return self.set_of(substitute(expr.body, {expr.var: expr.value}))


_RULES: dict[type[Any], Callable[[_Evaluator, Any], IntSet]] = {
    Add: _Evaluator.sum,
    Sub: _Evaluator.sum,
    Mul: _Evaluator.sum,
    FloorDiv: _Evaluator.quotient,
    FloorMod: _Evaluator.remainder,
    Min: _Evaluator.minimum,
    Max: _Evaluator.maximum,
    Select: _Evaluator.select,
    Call: _Evaluator.call,
    Cast: _Evaluator.cast,
    Ramp: _Evaluator.ramp,
    Broadcast: _Evaluator.broadcast,
    Let: _Evaluator.let,
    Var: _Evaluator.var,
    SizeVar: _Evaluator.var,
}


def _map(values: IntSet, function: Callable[[PrimExpr], PrimExpr]) -> IntSet:
    """The set between the images of both ends, for a function that does not decrease."""
    if values.is_single_point() and values.min_value is not None:
        return IntSet.single_point(function(values.min_value))
    low = None if values.min_value is None else function(values.min_value)
    high = None if values.max_value is None else function(values.max_value)
    return IntSet(low, high, empty=values.empty)


def _both(
    function: Callable[[Any, Any], PrimExpr], a: PrimExpr | None, b: PrimExpr | None
) -> PrimExpr | None:
    return None if a is None or b is None else a if a is b else function(a, b)


def plus(a: IntSet, b: IntSet) -> IntSet:
    """The sums of pairs."""
    if a.empty or b.empty:
        return NOTHING
    return IntSet(_both(_add, a.min_value, b.min_value), _both(_add, a.max_value, b.max_value))


def _add(a: PrimExpr, b: PrimExpr) -> PrimExpr:
    return add(a, b)


def union(*sets: IntSet) -> IntSet:
    """The smallest interval around all sets."""
    filled = [each for each in sets if not each.empty]
    if not filled:
        return NOTHING
    found = filled[0]
    for each in filled[1:]:
        low = _both(minimum, found.min_value, each.min_value)
        high = _both(maximum, found.max_value, each.max_value)
        found = IntSet(low, high)
    return found


def intersect(*sets: IntSet) -> IntSet:
    """The integers in all sets (symbolic ends may hide that there is none)."""
    if any(each.empty for each in sets):
        return NOTHING
    low: PrimExpr | None = None
    high: PrimExpr | None = None
    for each in sets:
        if each.min_value is not None:
            low = each.min_value if low is None else maximum(low, each.min_value)
        if each.max_value is not None:
            high = each.max_value if high is None else minimum(high, each.max_value)
    return IntSet(low, high)


def simplified(values: IntSet, analyzer: Analyzer) -> IntSet:
    """The set with simpler ends."""
    if values.is_single_point() and values.min_value is not None:
        return IntSet.single_point(analyzer.simplify(values.min_value))
    low = None if values.min_value is None else analyzer.simplify(values.min_value)
    high = None if values.max_value is None else analyzer.simplify(values.max_value)
    if low is not None and high is not None and analyzer.can_prove_equal(low, high):
        return IntSet.single_point(low)
    return IntSet(low, high, empty=values.empty)


def eval_set(expr: Any, domains: Domains, analyzer: Analyzer | None = None) -> IntSet:
    """What `expr` ranges over when each variable of `domains` does over its domain.

    A domain is a `Range`, an `IntSet`, or an expression, and may mention other relaxed variables (a
    loop whose extent depends on an outer one): these are relaxed in turn.
    """
    known = Analyzer() if analyzer is None else analyzer
    evaluator = _Evaluator(domains, known)
    found = IntSet.single_point(expr)
    # A variable whose domain depends on others goes first, so that `i - j` with `j` near `i` stays
    # small.
    dependent = [var for var, each in evaluator.domains.items() if _mentions(each, evaluator)]
    for var in reversed(dependent):
        found = _relax(found, _Evaluator({var: evaluator.domains[var]}, known))
    found = _relax(found, evaluator)
    return EVERYTHING if _mentions(found, evaluator) else found


def _relax(values: IntSet, evaluator: _Evaluator) -> IntSet:
    """The set with its ends relaxed."""
    low, high = values.min_value, values.max_value
    if values.is_single_point() and low is not None:
        return simplified(evaluator.set_of(low), evaluator.analyzer)
    new_low = None if low is None else evaluator.set_of(low).min_value
    new_high = None if high is None else evaluator.set_of(high).max_value
    return simplified(IntSet(new_low, new_high), evaluator.analyzer)


def _mentions(values: IntSet, evaluator: _Evaluator) -> bool:
    ends = [each for each in (values.min_value, values.max_value) if each is not None]
    return any(evaluator.relaxed(each) for each in ends)


def covers(outer: IntSet, inner: IntSet, analyzer: Analyzer) -> bool:
    """Whether every integer of `inner` can be shown to be in `outer`."""
    if inner.empty or outer.is_everything():
        return True
    if outer.empty:
        return False
    if outer.min_value is not None and (
        inner.min_value is None
        or not analyzer.can_prove_greater_equal(inner.min_value, outer.min_value)
    ):
        return False
    return outer.max_value is None or (
        inner.max_value is not None
        and analyzer.can_prove_less_equal(inner.max_value, outer.max_value)
    )


def hull(sets: Iterable[IntSet], analyzer: Analyzer) -> IntSet:
    """The union of many sets with simple ends."""
    return simplified(union(*sets), analyzer)
