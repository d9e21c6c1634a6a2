"""Joining digits: `x // 4 * 4 + x % 4` is `x`.

In: a canonical sum. Out: the sum with pairs of digits of one number joined, or one taken from the
other. A *digit* of `x` is `x % upper // lower`; without the remainder it is the top digit, and `x`
itself is the one with `lower` 1.
"""

from __future__ import annotations

from typing import NamedTuple

from pellucid.arith.context import Context
from pellucid.arith.form import Linear
from pellucid.arith.rules import BY_NAME
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloorDiv, FloorMod, IntImm


class Digit(NamedTuple):
    """`base % upper // lower`; `upper` 0 stands for no remainder."""

    base: PrimExpr
    lower: int
    upper: int


def _divisor(expr: PrimExpr) -> int:
    return expr.value if isinstance(expr, IntImm) and expr.value > 0 else 0


def digit_of(atom: PrimExpr) -> Digit | None:
    """The digit that an atom is, other than a number itself."""
    if isinstance(atom, FloorMod) and _divisor(atom.b):
        return Digit(atom.a, 1, _divisor(atom.b))
    if isinstance(atom, FloorDiv) and _divisor(atom.b):
        lower, inner = _divisor(atom.b), atom.a
        if isinstance(inner, FloorMod) and _divisor(inner.b) and _divisor(inner.b) % lower == 0:
            return Digit(inner.a, lower, _divisor(inner.b))
        return Digit(inner, lower, 0)
    return None


def join_digits(context: Context, form: Linear) -> Linear:
    """The sum with digits joined until no pair is left."""
    while True:
        found = _join_once(context, form)
        if found is None:
            return form
        form = found


def _join_once(context: Context, form: Linear) -> Linear | None:
    digits = [(key, digit_of(atom), coefficient) for key, atom, coefficient in form]
    for key, digit, coefficient in digits:
        if digit is None:
            continue
        for other_key, other, other_coefficient in digits:
            if other is None or other_key == key:
                continue
            if context.key(digit.base) == context.key(other.base):
                joined = _pair(digit, coefficient, other, other_coefficient)
                if joined is not None:
                    return _replace(context, form, (key, other_key), joined, other_coefficient)
        found = _with_whole(context, form, key, digit, coefficient)
        if found is not None:
            return found
    return None


def _pair(high: Digit, a: int, low: Digit, b: int) -> PrimExpr | None:
    """What `a · high + b · low` is `b` times of, where the two fit together."""
    if (
        high.lower % low.lower
        or high.lower == low.lower
        or (high.upper and high.upper % high.lower)
    ):
        return None
    step = high.lower // low.lower
    binding = {"x": high.base, "c1": low.lower, "c2": step}
    if high.upper:
        binding["c3"] = high.upper // high.lower
    if low.upper == high.lower and a == b * step:
        rule = "join_digits" if high.upper else "join_top_digit"
    elif low.upper == high.upper and a == -b * step:
        rule = "remove_upper_digit" if high.upper else "remove_top_digit"
    else:
        return None
    return BY_NAME[rule].build(binding, high.base.dtype)


def _with_whole(
    context: Context, form: Linear, key: int, digit: Digit, coefficient: int
) -> Linear | None:
    """`x - x // c * c` is `x % c`, also where `x` is a sum whose terms stand among others."""
    if digit.upper or coefficient % digit.lower:
        return None
    scale = -coefficient // digit.lower
    whole = context.linear(digit.base)
    for each, _, inner in whole:
        found = form.terms.get(each)
        if found is None or found[1] != scale * inner:
            return None
    if not whole.terms:
        return None
    binding = {"x": digit.base, "c1": 1, "c2": digit.lower}
    joined = BY_NAME["remove_top_digit"].build(binding, digit.base.dtype)
    keys = (key, *whole.terms)
    rest = Linear(form.terms, form.const - scale * whole.const)
    return _replace(context, rest, keys, joined, scale)


def _replace(
    context: Context, form: Linear, keys: tuple[int, ...], by: PrimExpr, coefficient: int
) -> Linear:
    """The sum with some terms replaced by one, in the place of the first."""
    result = Linear(const=form.const)
    placed = False
    for key, atom, old in form:
        if key not in keys:
            result.add_term(key, atom, old)
        elif not placed:
            placed = True
            result = result.plus(context.linear(without_unit_division(by)), coefficient)
    return result


def without_unit_division(expr: PrimExpr) -> PrimExpr:
    """The expression without a last division by one."""
    if isinstance(expr, FloorDiv) and isinstance(expr.b, IntImm) and expr.b.value == 1:
        return expr.a
    return expr
