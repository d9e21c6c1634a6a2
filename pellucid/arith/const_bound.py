"""Constant bounds of integer expressions.

In: an expression and a context. Out: an `Interval` that holds every value the expression can take.
Sums are taken in their canonical form first, so that `i - i` is zero and not a wide interval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.arith import interval
from pellucid.arith.context import Context
from pellucid.arith.form import Linear, Polynomial, factors_of, is_index
from pellucid.arith.interval import (
    BOOLS,
    EVERYTHING,
    INFINITY,
    NON_NEGATIVE,
    Interval,
    Number,
    point,
)
from pellucid.ir.dtype import DataType
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Call,
    Cast,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Select,
    SizeVar,
    Sub,
    Var,
)

_Rule = Callable[[Context, Any], Interval]


def bound_of(context: Context, expr: PrimExpr) -> Interval:
    """Every value of an integer or bool expression lies in this interval."""
    found = context.bound_memory.get(id(expr))
    if found is None:
        found = context.bound_memory[id(expr)] = (expr, _bound(context, expr))
    return found[1]


def _bound(context: Context, expr: PrimExpr) -> Interval:
    if isinstance(expr, IntImm):
        return point(expr.value)
    if isinstance(expr, Add | Sub | Mul) and is_index(expr.dtype):
        result = bound_of_linear(context, context.linear(expr))
    else:
        rule = _RULES.get(type(expr))
        result = rule(context, expr) if rule is not None else bound_of_dtype(expr.dtype)
    if context.atom_intervals:
        known = context.atom_intervals.get(context.forms.wide_key(expr))
        if known is not None:
            result = result.meet(known)
    return result


def bound_of_dtype(dtype: DataType) -> Interval:
    """What a dtype alone allows; the index types count as unbounded."""
    if dtype.lanes != 1 or is_index(dtype) or dtype.kind not in ("int", "uint", "bool"):
        return EVERYTHING
    low, high = dtype.range()
    return Interval(low, INFINITY if high >= (1 << 63) else high)


def bound_of_linear(context: Context, form: Linear) -> Interval:
    """The interval of a canonical sum."""
    total = point(form.const)
    for _, atom, coefficient in form:
        inner = _of_product(context, atom) if isinstance(atom, Mul) else bound_of(context, atom)
        total = total.plus(inner.scaled(coefficient))
    return total


def _of_product(context: Context, product: PrimExpr) -> Interval:
    factors = factors_of(product)
    counts: dict[int, list[PrimExpr]] = {}
    for factor in factors:
        counts.setdefault(context.key(factor), []).append(factor)
    result = point(1)
    for same in counts.values():
        result = result.times(power(bound_of(context, same[0]), len(same)))
    if context.atom_intervals:
        known = context.atom_intervals.get(context.forms.wide_key(product))
        if known is not None:
            result = result.meet(known)
    return result


def power(base: Interval, exponent: int) -> Interval:
    """The interval of a value multiplied with itself; even powers are not negative."""
    if exponent == 1:
        return base
    result = base
    for _ in range(exponent - 1):
        result = result.times(base)
    return result.meet(NON_NEGATIVE) if exponent % 2 == 0 else result


def bound_of_polynomial(context: Context, polynomial: Polynomial) -> Interval:
    """The interval of a polynomial, from those of its atoms."""
    low: Number = 0
    high: Number = 0
    for monomial, coefficient in polynomial.terms.items():
        if not monomial:
            low, high = low + coefficient, high + coefficient
            continue
        if len(monomial) == 1:
            product = bound_of(context, context.forms.atom(monomial[0]))
        else:
            product = _of_monomial(context, monomial)
        # No bound is zero times infinity: a coefficient is never zero.
        if coefficient > 0:
            low, high = low + coefficient * product.low, high + coefficient * product.high
        else:
            low, high = low + coefficient * product.high, high + coefficient * product.low
    return Interval(low, high)


def _of_monomial(context: Context, monomial: tuple[int, ...]) -> Interval:
    product = point(1)
    for key in dict.fromkeys(monomial):
        base = bound_of(context, context.forms.atom(key))
        product = product.times(power(base, monomial.count(key)))
    return product


def _var(context: Context, var: Var) -> Interval:
    value = context.values.get(var)
    if value is not None:
        return bound_of(context, value)
    result = NON_NEGATIVE if isinstance(var, SizeVar) else bound_of_dtype(var.dtype)
    known = context.intervals.get(var)
    return result if known is None else result.meet(known)


def _binary(function: Callable[[Interval, Interval], Interval]) -> _Rule:
    def rule(context: Context, expr: Any) -> Interval:
        result = function(bound_of(context, expr.a), bound_of(context, expr.b))
        return _within(result, expr.dtype)

    return rule


def _within(result: Interval, dtype: DataType) -> Interval:
    """The result, or the whole dtype where the result would wrap around."""
    allowed = bound_of_dtype(dtype)
    return result if allowed.low <= result.low and result.high <= allowed.high else allowed


def _cast(context: Context, cast: Cast) -> Interval:
    source = cast.value.dtype
    if source.kind not in ("int", "uint", "bool") or source.lanes != 1:
        return bound_of_dtype(cast.dtype)
    inner = bound_of(context, cast.value)
    if cast.dtype.is_bool:
        return BOOLS
    if not cast.dtype.is_integer:
        return EVERYTHING
    low, high = cast.dtype.range()
    if low <= inner.low and inner.high <= high:
        return inner
    # Widening an index keeps even an unknown value; narrowing one keeps its low bits.
    return (
        inner
        if is_index(cast.dtype) and cast.dtype.bits >= source.bits
        else bound_of_dtype(cast.dtype)
    )


def _select(context: Context, expr: Select) -> Interval:
    return bound_of(context, expr.true_value).join(bound_of(context, expr.false_value))


def _let(context: Context, expr: Let) -> Interval:
    return bound_of(context, expr.body)


def _bits(
    function: Callable[[Interval, Interval], Interval],
) -> Callable[[Context, Call], Interval]:
    def rule(context: Context, call: Call) -> Interval:
        result = function(bound_of(context, call.args[0]), bound_of(context, call.args[1]))
        return _within(result, call.dtype)

    return rule


def _branches(context: Context, call: Call) -> Interval:
    return bound_of(context, call.args[1]).join(bound_of(context, call.args[2]))


def _same(context: Context, call: Call) -> Interval:
    return bound_of(context, call.args[0])


def _count_of_bits(context: Context, call: Call) -> Interval:
    del context
    return Interval(0, call.args[0].dtype.bits)


_CALLS: dict[str, Callable[[Context, Call], Interval]] = {
    "tir.if_then_else": _branches,
    "tir.likely": _same,
    "tir.shift_left": _bits(interval.shift_left),
    "tir.shift_right": _bits(interval.shift_right),
    "tir.bitwise_and": _bits(interval.bitwise_and),
    "tir.popcount": _count_of_bits,
    "tir.clz": _count_of_bits,
}


def _call(context: Context, call: Call) -> Interval:
    rule = _CALLS.get(call.op.name) if isinstance(call.op, Op) and call.dtype.lanes == 1 else None
    if rule is None or not (call.dtype.is_integer or call.dtype.is_bool):
        return bound_of_dtype(call.dtype)
    return rule(context, call)


_RULES: dict[type[PrimExpr], _Rule] = {
    Var: _var,
    SizeVar: _var,
    Add: _binary(Interval.plus),
    Sub: _binary(lambda a, b: a.plus(b.scaled(-1))),
    Mul: _binary(Interval.times),
    FloorDiv: _binary(interval.floordiv),
    FloorMod: _binary(interval.floormod),
    Div: _binary(interval.truncdiv),
    Mod: _binary(interval.truncmod),
    Min: _binary(interval.minimum),
    Max: _binary(interval.maximum),
    Cast: _cast,
    Select: _select,
    Let: _let,
    Call: _call,
}
