"""Intrinsics of integers and bits, and the limits of dtypes.

In: integer expressions. Out: calls of `tir.<name>`, or constants. Bit operations and the divisions
are built by `ir.arithmetic` (the Python operators use them); their NumPy meaning is entered here.
"""

from __future__ import annotations

import functools
from typing import Any, cast

import ml_dtypes
import numpy as np

from pellucid.ir.arithmetic import (
    add,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    const,
    convert,
    floordiv,
    floormod,
    if_then_else,
    logical_and,
    logical_or,
    maximum,
    minimum,
    select,
    shift_left,
    shift_right,
    sub,
    truncdiv,
    truncmod,
)
from pellucid.ir.arithmetic import div as float_div
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.op_math import Args, as_integer, describe, dtype_int32, dtype_of_first, intrinsic


def _dtype_of_second(args: Args) -> DataType:
    return args[1].dtype


for _name, _meaning in {
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "bitwise_not": np.bitwise_not,
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
}.items():
    describe(_name, _meaning, dtype_of_first)
describe("if_then_else", np.where, _dtype_of_second)


def _count_ones(x: Any) -> Any:
    array = np.asarray(x)
    return np.bitwise_count(array.view(f"u{array.itemsize}")).astype(array.dtype)


def _leading_zeros(x: Any) -> Any:
    array = np.asarray(x)
    bits = 8 * array.itemsize
    count = np.full(array.shape, bits, np.int32)
    unsigned = array.view(f"u{array.itemsize}").astype(np.uint64)
    for position in range(bits):
        count[(unsigned >> np.uint64(position)) != 0] = bits - 1 - position
    return count[()]


def _multiply_shift(x: Any, y: Any, q: Any, s: Any) -> Any:
    shift = np.asarray(s, np.int64)
    value = (np.asarray(x, np.int64) << np.maximum(-shift, 0)) * np.asarray(y, np.int64)
    total = np.asarray(q, np.int64) + np.maximum(shift, 0)
    half = np.where(total > 0, np.int64(1) << np.maximum(total - 1, 0), 0)
    return ((value + half) >> total).astype(np.int32)


_POPCOUNT = intrinsic("popcount", 1, _count_ones)
_CLZ = intrinsic("clz", 1, _leading_zeros, dtype_int32)
_MULTIPLY_SHIFT = intrinsic("q_multiply_shift", 4, _multiply_shift)


def popcount(x: Any) -> PrimExpr:
    """How many bits of the integer `x` are set, in its dtype."""
    operand = as_integer("popcount", x)
    return Call(operand.dtype, _POPCOUNT, (operand,))


def clz(x: Any) -> PrimExpr:
    """How many leading bits of the integer `x` are zero (all of them for zero), as int32."""
    operand = as_integer("clz", x)
    return Call(dtype_int32((operand,)), _CLZ, (operand,))


def q_multiply_shift(x: Any, y: Any, q: Any, s: Any) -> PrimExpr:
    """The fixed-point product `x * y * 2**-(q + s)` of int32 operands, computed in 64 bits.

    `q` is the number of fractional bits of `y`. Rounded to the nearest integer, halves towards plus
    infinity. A negative `s` shifts `x` to the left first.
    """
    operands = [convert(each) for each in (x, y, q, s)]
    for each in operands:
        if each.dtype.scalar != "int32":
            raise TypeMismatchError("q_multiply_shift works on int32.", found=str(each.dtype))
    return Call(operands[0].dtype, _MULTIPLY_SHIFT, operands)


def div(a: Any, b: Any) -> PrimExpr:
    """`a / b` as in C: of integers truncated towards zero, of floats the quotient."""
    left, right = convert(a), convert(b)
    if left.dtype.is_float or right.dtype.is_float:
        return float_div(a, b)
    return truncdiv(a, b)


def indexdiv(a: Any, b: Any) -> PrimExpr:
    """The quotient of indices, rounded down; both are taken to be non-negative."""
    return floordiv(a, b)


def indexmod(a: Any, b: Any) -> PrimExpr:
    """The remainder of `indexdiv`."""
    return floormod(a, b)


def ceildiv(a: Any, b: Any) -> PrimExpr:
    """The quotient of integers, rounded up; `b` is positive."""
    return floordiv(sub(add(a, b), 1), b)


def min(a: Any, b: Any) -> PrimExpr:
    """The smaller of two; NaN if either is NaN."""
    return minimum(a, b)


def max(a: Any, b: Any) -> PrimExpr:
    """The larger of two; NaN if either is NaN."""
    return maximum(a, b)


def all(*conditions: Any) -> PrimExpr:
    """Whether every one of the conditions holds, evaluated from the left."""
    return functools.reduce(logical_and, _conditions("all", conditions))


def any(*conditions: Any) -> PrimExpr:
    """Whether at least one of the conditions holds, evaluated from the left."""
    return functools.reduce(logical_or, _conditions("any", conditions))


def _conditions(name: str, conditions: tuple[Any, ...]) -> list[PrimExpr]:
    if not conditions:
        raise TypeMismatchError(f"{name} needs at least one condition.")
    return [convert(each) for each in conditions]


_NUMPY_FLOATS = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}


def _float_limits(dtype: DataType) -> Any:
    name = str(dtype.scalar)
    limits: Any = cast("Any", ml_dtypes).finfo
    return limits(np.dtype(_NUMPY_FLOATS.get(name, name)))


def min_value(dtype: str) -> PrimExpr:
    """The smallest finite value of `dtype`."""
    kind = DataType(dtype)
    if kind.is_float:
        return const(float(_float_limits(kind).min), kind)
    return const(kind.range()[0], kind)


def max_value(dtype: str) -> PrimExpr:
    """The largest finite value of `dtype`."""
    kind = DataType(dtype)
    if kind.is_float:
        return const(float(_float_limits(kind).max), kind)
    return const(kind.range()[1], kind)


def infinity(dtype: str) -> PrimExpr:
    """Positive infinity; `dtype` is a float type that has one."""
    kind = DataType(dtype)
    if not kind.is_float or kind.scalar == "float8_e4m3fn":
        raise TypeMismatchError(f"The dtype {kind} has no infinity.", cure="use max_value")
    return const(float("inf"), kind)


__all__ = [
    "all",
    "any",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "ceildiv",
    "clz",
    "div",
    "floordiv",
    "floormod",
    "if_then_else",
    "indexdiv",
    "indexmod",
    "infinity",
    "max",
    "max_value",
    "min",
    "min_value",
    "popcount",
    "q_multiply_shift",
    "select",
    "shift_left",
    "shift_right",
    "truncdiv",
    "truncmod",
]
