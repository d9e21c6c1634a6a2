"""What is known of integer expressions in lowered programs: intervals, and linear forms.

In: expressions and the intervals of the variables in them. Out: for any expression an interval of
its possible values, and its *linear form* `constant + Σ coefficient · atom`, where an atom is a
variable or an expression that is not linear. Addresses are computed from linear forms in 64 bits;
an expression of fewer bits is taken apart only where no step of it can wrap.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pellucid.ir.dtype import DataType
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Broadcast,
    Call,
    Cast,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Ramp,
    Select,
    SizeVar,
    Sub,
    Var,
)

Interval = tuple[int, int]

MAX_EXTENT = 1 << 47
"""No dimension of a tensor that exists is larger: addresses have 47 bits."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`constant + Σ coefficient · atom`; atoms are compared as objects."""

    constant: int
    terms: tuple[tuple[PrimExpr, int], ...]


def dtype_interval(dtype: DataType) -> Interval:
    """All values of an integer dtype."""
    return dtype.range()


def _corners(a: Interval, b: Interval, function: Callable[[int, int], int]) -> Interval:
    values = [function(x, y) for x in a for y in b]
    return min(values), max(values)


def _floor(x: int, y: int) -> int:
    return x // y


def _floor_div(a: Interval, b: Interval) -> Interval | None:
    return None if b[0] <= 0 <= b[1] else _corners(a, b, _floor)


def _trunc(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _trunc_div(a: Interval, b: Interval) -> Interval | None:
    return None if b[0] <= 0 <= b[1] else _corners(a, b, _trunc)


def _floor_mod(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0:
        return None
    if a[0] >= 0 and a[1] < b[0]:
        return a
    return 0, (min(a[1], b[1] - 1) if a[0] >= 0 else b[1] - 1)


def _trunc_mod(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0:
        return None
    return (0 if a[0] >= 0 else 1 - b[1]), (0 if a[1] <= 0 else b[1] - 1)


def _sum(a: Interval, b: Interval) -> Interval:
    return a[0] + b[0], a[1] + b[1]


def _difference(a: Interval, b: Interval) -> Interval:
    return a[0] - b[1], a[1] - b[0]


def _product(a: Interval, b: Interval) -> Interval:
    return _corners(a, b, operator.mul)


def _least(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), min(a[1], b[1])


def _greatest(a: Interval, b: Interval) -> Interval:
    return max(a[0], b[0]), max(a[1], b[1])


_RULES: dict[type[PrimExpr], Callable[[Interval, Interval], Interval | None]] = {
    Add: _sum,
    Sub: _difference,
    Mul: _product,
    Min: _least,
    Max: _greatest,
    FloorDiv: _floor_div,
    FloorMod: _floor_mod,
    Div: _trunc_div,
    Mod: _trunc_mod,
}


class Ranges:
    """Intervals and linear forms of one function's expressions, computed once each.

    `variables` maps variables to their intervals; others have that of their dtype.
    """

    def __init__(self) -> None:
        self.variables: dict[Var, Interval] = {}
        self._intervals: dict[PrimExpr, Interval] = {}
        self._wraps: set[PrimExpr] = set()
        self._linear: dict[PrimExpr, Linear] = {}

    def bind(self, var: Var, low: int, high: int) -> None:
        """Say between which values a variable is; narrower than its dtype or not."""
        least, most = dtype_interval(var.dtype)
        self.variables[var] = (max(low, least), min(high, most))

    def interval(self, expr: PrimExpr) -> Interval:
        """The least and the greatest value that an integer expression (a lane of it) may have."""
        found = self._intervals.get(expr)
        if found is None:
            found = self._compute(expr)
            self._intervals[expr] = found
        return found

    def _compute(self, expr: PrimExpr) -> Interval:
        if isinstance(expr, IntImm):
            return expr.value, expr.value
        whole = dtype_interval(expr.dtype)
        exact: Interval | None = None
        if isinstance(expr, Var):
            default = (0, min(MAX_EXTENT, whole[1])) if isinstance(expr, SizeVar) else whole
            return self.variables.get(expr, default)
        rule = _RULES.get(type(expr))
        if rule is not None:
            operands: Any = expr
            exact = rule(self.interval(operands.a), self.interval(operands.b))
        elif isinstance(expr, Cast) and _is_int(expr.value.dtype):
            exact = self.interval(expr.value)
        elif isinstance(expr, Broadcast):
            return self.interval(expr.value)
        elif isinstance(expr, Ramp):
            exact = self._ramp(expr)
        elif isinstance(expr, Select):
            exact = _union(self.interval(expr.true_value), self.interval(expr.false_value))
        elif isinstance(expr, Call):
            exact = self._call(expr)
        if exact is None:
            return whole
        if exact[0] < whole[0] or exact[1] > whole[1]:
            self._wraps.add(expr)
            return whole
        return exact

    def _ramp(self, expr: Ramp) -> Interval:
        base, stride = self.interval(expr.base), self.interval(expr.stride)
        last = _corners(stride, (0, expr.lanes - 1), operator.mul)
        return base[0] + last[0], base[1] + last[1]

    def _call(self, expr: Call) -> Interval | None:
        name = expr.op.name if isinstance(expr.op, Op) else ""
        if name == "tir.if_then_else":
            return _union(self.interval(expr.args[1]), self.interval(expr.args[2]))
        if name in ("tir.likely", "tir.check_index"):
            return self.interval(expr.args[0])
        if name == "tir.bitwise_and":
            masks = [self.interval(each) for each in expr.args]
            least = [high for low, high in masks if low >= 0]
            return (0, min(least)) if least else None
        if name == "tir.shift_right" and isinstance(expr.args[1], IntImm):
            low, high = self.interval(expr.args[0])
            return low >> expr.args[1].value, high >> expr.args[1].value
        return None

    def wraps(self, expr: PrimExpr) -> bool:
        """Whether the last step of an expression may leave the range of its dtype."""
        self.interval(expr)
        return expr in self._wraps

    def linear(self, expr: PrimExpr) -> Linear:
        """The linear form of a scalar integer expression, equal to it modulo 2**64."""
        found = self._linear.get(expr)
        if found is None:
            found = self._split(expr)
            self._linear[expr] = found
        return found

    def _split(self, expr: PrimExpr) -> Linear:
        if isinstance(expr, IntImm):
            return Linear(expr.value, ())
        if isinstance(expr, Cast) and _is_int(expr.value.dtype):
            low, high = expr.dtype.range()
            least, most = self.interval(expr.value)
            if low <= least and most <= high:
                return self.linear(expr.value)
        whole = expr.dtype.bits == 64 and expr.dtype.is_int
        if isinstance(expr, Add | Sub | Mul) and (whole or not self.wraps(expr)):
            return self._combine(expr)
        return Linear(0, ((expr, 1),))

    def _combine(self, expr: Add | Sub | Mul) -> Linear:
        a, b = self.linear(expr.a), self.linear(expr.b)
        if isinstance(expr, Mul):
            if a.terms and b.terms:
                return Linear(0, ((expr, 1),))
            form, factor = (a, b.constant) if a.terms else (b, a.constant)
            if factor == 0:
                return Linear(0, ())
            return Linear(
                form.constant * factor, tuple([(atom, c * factor) for atom, c in form.terms])
            )
        sign = -1 if isinstance(expr, Sub) else 1
        terms = dict(a.terms)
        for atom, coefficient in b.terms:
            terms[atom] = terms.get(atom, 0) + sign * coefficient
        kept = tuple([(atom, c) for atom, c in terms.items() if c != 0])
        return Linear(a.constant + sign * b.constant, kept)


def _is_int(dtype: DataType) -> bool:
    return dtype.is_integer


def _union(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])
