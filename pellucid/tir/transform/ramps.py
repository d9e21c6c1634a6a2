"""Vectors of indices as ramps: `base + stride * lane` where sums and products of ramps allow it.

    T.Broadcast(i * 8, 4) + T.Ramp(j, 1, 4)     →     T.Ramp(i * 8 + j, 1, 4)

A ramp of stride one is one access to consecutive memory; any other vector of indices is a gather.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache

from pellucid.ir.arithmetic import add, const, match_types, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    BinaryOp,
    Broadcast,
    FloorDiv,
    FloorMod,
    IntImm,
    Mul,
    Ramp,
    Sub,
)

Lanes = tuple[PrimExpr, PrimExpr]
"""Base and stride."""


def as_ramp(expr: PrimExpr) -> PrimExpr:
    """An integer vector as a ramp, or as one number in all lanes, where it is one; else itself."""
    if expr.dtype.lanes == 1 or isinstance(expr, Ramp) or not expr.dtype.is_integer:
        return expr
    found = _lanes(expr)
    if found is None:
        return expr
    base, stride = found
    if isinstance(stride, IntImm) and stride.value == 0:
        return expr if isinstance(expr, Broadcast) else Broadcast(base, expr.dtype.lanes)
    return Ramp(base, stride, expr.dtype.lanes)


def _lanes(expr: PrimExpr) -> Lanes | None:
    if isinstance(expr, Ramp):
        return (expr.base, expr.stride) if expr.base.dtype.lanes == 1 else None
    if isinstance(expr, Broadcast):
        value = expr.value
        return (value, const(0, value.dtype)) if value.dtype.lanes == 1 else None
    if not isinstance(expr, Add | Sub | Mul):
        return None
    a, b = _lanes(expr.a), _lanes(expr.b)
    if a is None or b is None:
        return None
    if isinstance(expr, Add):
        return add(a[0], b[0]), add(a[1], b[1])
    if isinstance(expr, Sub):
        return sub(a[0], b[0]), sub(a[1], b[1])
    if _is_zero(b[1]):
        return mul(a[0], b[0]), mul(a[1], b[0])
    if _is_zero(a[1]):
        return mul(a[0], b[0]), mul(a[0], b[1])
    return None


def _is_zero(stride: PrimExpr) -> bool:
    return isinstance(stride, IntImm) and stride.value == 0


def moved(index: PrimExpr, distance: PrimExpr) -> PrimExpr:
    """`distance + index`, where the index may be a vector."""
    if isinstance(index, Ramp) and distance.dtype.lanes == 1 and index.base.dtype.lanes == 1:
        base = add(distance, index.base)
        return Ramp(*match_types(base, index.stride), index.lanes)
    return as_ramp(add(distance, index))


def split_lanes(index: PrimExpr) -> tuple[PrimExpr, tuple[int, ...]] | None:
    """An index vector as one number plus a constant for each lane; None where it is not."""
    count = index.dtype.lanes
    fixed = _constants(index)
    if fixed is not None:
        return const(0, index.dtype.scalar), fixed
    if isinstance(index, Broadcast) and index.value.dtype.lanes == 1:
        return index.value, (0,) * count
    if isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.base.dtype.lanes == 1:
        return index.base, tuple([index.stride.value * lane for lane in range(count)])
    if not isinstance(index, Add | Sub):
        return None
    a, b = split_lanes(index.a), split_lanes(index.b)
    if a is None or b is None:
        return None
    sign = 1 if isinstance(index, Add) else -1
    base = add(a[0], b[0]) if sign > 0 else sub(a[0], b[0])
    return base, tuple([x + sign * y for x, y in zip(a[1], b[1], strict=True)])


def _constants(expr: PrimExpr) -> tuple[int, ...] | None:
    """The lanes of a vector without variables; None if it has some, or is no integer arithmetic."""
    count = expr.dtype.lanes
    if isinstance(expr, Broadcast) and isinstance(expr.value, IntImm):
        return (expr.value.value,) * count
    if isinstance(expr, Ramp):
        base, stride = expr.base, expr.stride
        if isinstance(base, IntImm) and isinstance(stride, IntImm):
            return tuple([base.value + stride.value * lane for lane in range(count)])
        return None
    operation = _ARITHMETIC.get(type(expr))
    if operation is None or not isinstance(expr, BinaryOp):
        return None
    a = _constants(expr.a)
    b = None if a is None else _constants(expr.b)
    if a is None or b is None or (isinstance(expr, FloorDiv | FloorMod) and 0 in b):
        return None
    return tuple([operation(x, y) for x, y in zip(a, b, strict=True)])


_ARITHMETIC: dict[type[PrimExpr], Callable[[int, int], int]] = {
    Add: operator.add,
    Sub: operator.sub,
    Mul: operator.mul,
    FloorDiv: int.__floordiv__,
    FloorMod: int.__mod__,
}


@cache
def lane_numbers(lanes: int) -> Ramp:
    """0, 1, ... `lanes` - 1; the same object each time."""
    return Ramp(IntImm("int32", 0), IntImm("int32", 1), lanes)


def taken_apart(index: PrimExpr) -> tuple[PrimExpr, Ramp | None, int]:
    """An index as `base + factor * lanes`: the base, the numbers of the lanes, and the factor.

    A scalar index, and a vector that is no ramp of constant stride, is its own base.
    """
    ramp = as_ramp(index)
    if isinstance(ramp, Broadcast) and ramp.value.dtype.lanes == 1:
        return ramp.value, None, 0
    if isinstance(ramp, Ramp) and isinstance(ramp.stride, IntImm) and ramp.base.dtype.lanes == 1:
        return ramp.base, lane_numbers(ramp.lanes), ramp.stride.value
    return index, None, 0
