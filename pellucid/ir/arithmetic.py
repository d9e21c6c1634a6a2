"""Building scalar expressions: conversion of Python values, promotion of dtypes, folding of
constants.

These functions are what the Python operators call. Promotion of two operands:

- a scalar meets a vector: it is broadcast to the vector's lanes;
- a Python number takes the other operand's dtype (a Python float beside an integer makes float32);
- a float meets an integer or bool: the other is cast to the float's dtype;
- two floats, or two integers of one signedness: to the wider one; a bool to the integer;
- signed meets unsigned: both to the signed type of the wider width.

Folding: constants are computed where the result fits the dtype, and `x+0, x-0, x*1, x*0, x//1, x%1,
x/1`, `min`/`max` of one constant, logic with a constant become the simpler operand. A node that
folding would take away can still be made by its constructor (`T.Add(x, 0)` in script).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pellucid.ir.dtype import BOOL, FLOAT32, INT32, INT64, DataType
from pellucid.ir.op import Op, register_op
from pellucid.ir.prim_expr import PrimExpr, operators
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Broadcast,
    Call,
    Cast,
    Div,
    FloatImm,
    FloorDiv,
    FloorMod,
    IntImm,
    IterVar,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    StringImm,
    Sub,
)
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError

Number = int | float


def const(value: Any, dtype: str | None = None) -> PrimExpr:
    """A constant. Without `dtype`: bool, int32 (int64 where it does not fit), float32. Vectors
    are broadcast.
    """
    if isinstance(value, PrimExpr):
        return value if dtype is None else cast_to(dtype, value)
    if isinstance(value, np.generic):
        scalar = cast("Any", value)
        dtype = str(scalar.dtype) if dtype is None else dtype
        value = scalar.item()
    kind = DataType(dtype) if dtype is not None else _default_dtype(value)
    if kind.lanes > 1:
        return Broadcast(const(value, kind.scalar), kind.lanes)
    if kind.is_float:
        return FloatImm(kind, float(value))
    if isinstance(value, float) and not value.is_integer():
        raise TypeMismatchError(f"The number {value} is not an integer.", expected=str(kind))
    return IntImm(kind, int(value))


def _default_dtype(value: Any) -> DataType:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        low, high = INT32.range()
        return INT32 if low <= value <= high else INT64
    if isinstance(value, float):
        return FLOAT32
    raise TypeMismatchError(
        "This value is no scalar expression.",
        expected="an expression, a number, or a bool",
        found=f"{type(value).__name__}: {value!r:.80}",
    )


def convert(value: Any) -> PrimExpr:
    """A scalar expression from whatever stands for one (an object may say so by a method
    `asobject`).
    """
    if isinstance(value, PrimExpr):
        return value
    if isinstance(value, IterVar):
        return value.var
    if isinstance(value, str):
        return StringImm(value)
    as_object = getattr(value, "asobject", None)
    if as_object is not None:
        return convert(as_object())
    return const(value)


def _is_python_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) and not isinstance(value, PrimExpr)


def match_types(a: Any, b: Any) -> tuple[PrimExpr, PrimExpr]:
    """Both operands as expressions of one dtype, by the rules at the head of this file."""
    if _is_python_number(a) and not _is_python_number(b):
        b = convert(b)
        a = _literal(a, b.dtype)
    elif _is_python_number(b):
        a = convert(a)
        b = _literal(b, a.dtype)
    left, right = convert(a), convert(b)
    if left.dtype == right.dtype:
        return left, right
    lanes = max(left.dtype.lanes, right.dtype.lanes)
    left, right = _to_lanes(left, lanes), _to_lanes(right, lanes)
    target = common_dtype(left.dtype, right.dtype)
    return cast_to(target, left), cast_to(target, right)


def _literal(value: Number, dtype: DataType) -> PrimExpr:
    """A Python number beside an operand of `dtype`."""
    if isinstance(value, float) and not dtype.is_float:
        return const(value, FLOAT32)
    if dtype.is_bool and not isinstance(value, bool):
        return const(value)
    if dtype.is_integer or dtype.is_bool:
        low, high = dtype.range()
        return const(value, dtype.scalar) if low <= value <= high else const(value)
    return const(value, dtype.scalar) if dtype.is_float else const(value)


def _to_lanes(value: PrimExpr, lanes: int) -> PrimExpr:
    if value.dtype.lanes == lanes:
        return value
    if value.dtype.lanes == 1:
        return Broadcast(value, lanes)
    raise TypeMismatchError(
        "Vectors of different lengths cannot meet.", found=f"{value.dtype.lanes} and {lanes} lanes"
    )


def common_dtype(a: DataType, b: DataType) -> DataType:
    """The dtype in which two operands meet."""
    if a == b:
        return a
    if "handle" in (a.kind, b.kind) or "unknown" in (a.kind, b.kind) or "void" in (a.kind, b.kind):
        raise TypeMismatchError("These operands have no common dtype.", found=f"{a} and {b}")
    if a.is_float and b.is_float:
        if a.bits == b.bits:
            raise TypeMismatchError(
                "These operands have no common dtype.", found=f"{a} and {b}", cure="cast one"
            )
        return a if a.bits > b.bits else b
    if a.is_float or b.is_float:
        return a if a.is_float else b
    if a.is_bool or b.is_bool:
        return b if a.is_bool else a
    if a.kind == b.kind:
        return a if a.bits > b.bits else b
    return DataType(f"int{max(a.bits, b.bits)}").with_lanes(a.lanes)


def cast_to(dtype: str, value: Any) -> PrimExpr:
    """`value` converted to `dtype`; constants are converted at once where that is exact or
    plain.
    """
    target, expr = DataType(dtype), convert(value)
    if expr.dtype == target:
        return expr
    if target.lanes > 1 and expr.dtype.lanes == 1:
        return Broadcast(cast_to(target.scalar, expr), target.lanes)
    if isinstance(expr, IntImm) and not target.is_handle:
        if target.is_float:
            return FloatImm(target, float(expr.value))
        if target.is_bool:
            return IntImm(target, int(expr.value != 0))
        low, high = target.range()
        if low <= expr.value <= high:
            return IntImm(target, expr.value)
    if isinstance(expr, FloatImm) and target.kind == "float" and target.bits >= expr.dtype.bits:
        return FloatImm(target, expr.value)
    return Cast(target, expr)


def _constant(value: PrimExpr) -> Number | None:
    return value.value if isinstance(value, IntImm | FloatImm) else None


def _fold_int(dtype: DataType, value: int) -> PrimExpr | None:
    low, high = dtype.range()
    return IntImm(dtype, value) if low <= value <= high else None


def _fold(
    dtype: DataType, function: Callable[[Any, Any], Any], a: Number, b: Number
) -> PrimExpr | None:
    """The constant `function(a, b)` in `dtype`, or None where it cannot be told exactly."""
    if dtype.is_float:
        if dtype.bits not in (32, 64) or dtype.kind != "float":
            return None
        numpy_type = np.float32 if dtype.bits == 32 else np.float64
        with np.errstate(all="ignore"):
            return FloatImm(dtype, float(function(numpy_type(a), numpy_type(b))))
    if dtype.is_integer:
        return _fold_int(dtype, function(int(a), int(b)))
    return None


def _folded(
    node: type[BinaryOp],
    function: Callable[[Any, Any], Any],
    a: PrimExpr,
    b: PrimExpr,
    x: Number,
    y: Number,
) -> PrimExpr:
    """The constant that `node` of two constants is, or the node where that is not exact."""
    constant = _fold(a.dtype, function, x, y)
    return node(a, b) if constant is None else constant


def _is(value: PrimExpr, number: int) -> bool:
    found = _constant(value)
    return found is not None and found == number and math.copysign(1, found) > 0


def add(a: Any, b: Any) -> PrimExpr:
    """`a + b`."""
    a, b = match_types(a, b)
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None:
        return _folded(Add, lambda p, q: p + q, a, b, x, y)
    if not a.dtype.is_float:
        if _is(a, 0):
            return b
        if _is(b, 0):
            return a
    return Add(a, b)


def sub(a: Any, b: Any) -> PrimExpr:
    """`a - b`."""
    a, b = match_types(a, b)
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None:
        return _folded(Sub, lambda p, q: p - q, a, b, x, y)
    if not a.dtype.is_float and _is(b, 0):
        return a
    return Sub(a, b)


def distance(begin: Any, end: Any) -> PrimExpr:
    """`end - begin` of integers; what both have in common cancels, so that the distance from `b` to
    `b + e` is `e`.
    """
    low, high = match_types(begin, end)
    if isinstance(high, Add):
        for part, other in ((high.a, high.b), (high.b, high.a)):
            if structural_equal(part, low):
                return other
    terms: list[tuple[PrimExpr, int]] = []
    constant = _add_terms(high, 1, terms) + _add_terms(low, -1, terms)
    if low.dtype.is_integer and all(factor == 0 for _, factor in terms):
        folded = _fold_int(low.dtype, constant)
        return sub(high, low) if folded is None else folded
    return sub(high, low)


def _add_terms(value: PrimExpr, factor: int, terms: list[tuple[PrimExpr, int]]) -> int:
    """Add `factor * value` to a linear form: the terms in place, the constant as result."""
    if isinstance(value, IntImm):
        return factor * value.value
    if isinstance(value, Add | Sub):
        sign = 1 if isinstance(value, Add) else -1
        left = _add_terms(value.a, factor, terms)
        return left + _add_terms(value.b, sign * factor, terms)
    if isinstance(value, Mul):
        for part, other in ((value.a, value.b), (value.b, value.a)):
            if isinstance(part, IntImm):
                return _add_terms(other, factor * part.value, terms)
    for index, (term, known) in enumerate(terms):
        if structural_equal(term, value):
            terms[index] = (term, known + factor)
            return 0
    terms.append((value, factor))
    return 0


def mul(a: Any, b: Any) -> PrimExpr:
    """`a * b`."""
    a, b = match_types(a, b)
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None:
        return _folded(Mul, lambda p, q: p * q, a, b, x, y)
    for constant, other in ((a, b), (b, a)):
        if _is(constant, 1):
            return other
        if a.dtype.is_integer and _is(constant, 0):
            return constant
    return Mul(a, b)


def div(a: Any, b: Any) -> PrimExpr:
    """`a / b` of floats."""
    a, b = match_types(a, b)
    if not a.dtype.is_float:
        raise TypeMismatchError(
            "`/` divides floats only.",
            found=f"{a.dtype}",
            cure="use `//` (rounds down) or truncdiv (rounds towards zero), "
            "or cast to a float first",
        )
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None and y != 0:
        return _folded(Div, lambda p, q: p / q, a, b, x, y)
    return a if _is(b, 1) else Div(a, b)


def _trunc_div(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _integer_division(
    node: type[BinaryOp], function: Callable[[int, int], int], a: Any, b: Any, *, remainder: bool
) -> PrimExpr:
    a, b = match_types(a, b)
    if not a.dtype.is_integer:
        raise TypeMismatchError(f"{node.__name__} needs integers.", found=str(a.dtype))
    x, y = _constant(a), _constant(b)
    if y == 0:
        raise TypeMismatchError("Division by the constant zero.", found=f"{node.__name__}(…, 0)")
    if x is not None and y is not None:
        return _folded(node, function, a, b, x, y)
    if _is(b, 1):
        return (
            IntImm(a.dtype, 0)
            if remainder and a.dtype.lanes == 1
            else (node(a, b) if remainder else a)
        )
    if _is(a, 0):
        return a
    return node(a, b)


def floordiv(a: Any, b: Any) -> PrimExpr:
    """`a // b`; of floats the floor of the quotient."""
    a, b = match_types(a, b)
    if a.dtype.is_float:
        return call_intrin(a.dtype, "tir.floor", div(a, b))
    return _integer_division(FloorDiv, lambda p, q: p // q, a, b, remainder=False)


def floormod(a: Any, b: Any) -> PrimExpr:
    """`a % b`; of floats `a - floor(a / b) * b`."""
    a, b = match_types(a, b)
    if a.dtype.is_float:
        return sub(a, mul(floordiv(a, b), b))
    return _integer_division(FloorMod, lambda p, q: p % q, a, b, remainder=True)


def truncdiv(a: Any, b: Any) -> PrimExpr:
    """The quotient of integers, rounded towards zero."""
    return _integer_division(Div, _trunc_div, a, b, remainder=False)


def truncmod(a: Any, b: Any) -> PrimExpr:
    """The remainder of `truncdiv`."""
    return _integer_division(Mod, lambda p, q: p - _trunc_div(p, q) * q, a, b, remainder=True)


def minimum(a: Any, b: Any) -> PrimExpr:
    """The smaller of two."""
    return _extremum(Min, min, a, b)


def maximum(a: Any, b: Any) -> PrimExpr:
    """The larger of two."""
    return _extremum(Max, max, a, b)


def _extremum(
    node: type[BinaryOp], function: Callable[[Any, Any], Any], a: Any, b: Any
) -> PrimExpr:
    a, b = match_types(a, b)
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None and not (math.isnan(x) or math.isnan(y)) and (x or y):
        return const(function(x, y), a.dtype)
    return a if a is b and not a.dtype.is_float else node(a, b)


def _compare(
    node: type[BinaryOp], function: Callable[[Any, Any], bool], a: Any, b: Any
) -> PrimExpr:
    a, b = match_types(a, b)
    x, y = _constant(a), _constant(b)
    if x is not None and y is not None and node not in (EQ, NE):
        return IntImm(BOOL, int(function(x, y)))
    return node(a, b)


def lt(a: Any, b: Any) -> PrimExpr:
    """`a < b`."""
    return _compare(LT, lambda p, q: p < q, a, b)


def le(a: Any, b: Any) -> PrimExpr:
    """`a <= b`."""
    return _compare(LE, lambda p, q: p <= q, a, b)


def gt(a: Any, b: Any) -> PrimExpr:
    """`a > b`."""
    return _compare(GT, lambda p, q: p > q, a, b)


def ge(a: Any, b: Any) -> PrimExpr:
    """`a >= b`."""
    return _compare(GE, lambda p, q: p >= q, a, b)


def _equality(node: type[BinaryOp], a: Any, b: Any) -> Any:
    for other in (a, b):
        if other is None or not (
            isinstance(other, PrimExpr | IterVar | bool | int | float | np.generic)
            or hasattr(other, "asobject")
        ):
            return NotImplemented
    left, right = convert(a), convert(b)
    if left.dtype.is_handle or right.dtype.is_handle:
        return left is right if node is EQ else left is not right
    return _compare(node, lambda p, q: p == q, a, b)


def eq(a: Any, b: Any) -> Any:
    """`a == b` as a node; pointers and strings are compared at once."""
    return _equality(EQ, a, b)


def ne(a: Any, b: Any) -> Any:
    """`a != b` as a node."""
    return _equality(NE, a, b)


def _as_bool(value: Any) -> PrimExpr:
    expr = convert(value)
    if expr.dtype.is_bool:
        return expr
    raise TypeMismatchError(
        "A condition must be bool.", found=f"{expr.dtype}: {expr!r}", cure="compare with `!= 0`"
    )


def logical_and(a: Any, b: Any) -> PrimExpr:
    """`a and b`."""
    a, b = _as_bool(a), _as_bool(b)
    for constant, other in ((a, b), (b, a)):
        if isinstance(constant, IntImm):
            return other if constant.value else constant
    return And(a, b)


def logical_or(a: Any, b: Any) -> PrimExpr:
    """`a or b`."""
    a, b = _as_bool(a), _as_bool(b)
    for constant, other in ((a, b), (b, a)):
        if isinstance(constant, IntImm):
            return constant if constant.value else other
    return Or(a, b)


def logical_not(a: Any) -> PrimExpr:
    """`not a`."""
    a = _as_bool(a)
    return IntImm(BOOL, int(not a.value)) if isinstance(a, IntImm) else Not(a)


def neg(a: Any) -> PrimExpr:
    """`-a`: of an integer `0 - a`; of a float the sign flipped, as `a * -1`."""
    a = convert(a)
    x = _constant(a)
    if x is not None and not a.dtype.is_bool:
        return const(-x, a.dtype) if a.dtype.is_float else sub(const(0, a.dtype), a)
    return mul(a, const(-1, a.dtype)) if a.dtype.is_float else sub(const(0, a.dtype), a)


_ARITY = {
    "bitwise_and": 2,
    "bitwise_or": 2,
    "bitwise_xor": 2,
    "bitwise_not": 1,
    "shift_left": 2,
    "shift_right": 2,
}
_BITS: dict[str, Callable[..., int]] = {
    "bitwise_and": int.__and__,
    "bitwise_or": int.__or__,
    "bitwise_xor": int.__xor__,
    "bitwise_not": int.__invert__,
    "shift_left": int.__lshift__,
    "shift_right": int.__rshift__,
}
for _name, _arity in _ARITY.items():
    register_op(f"tir.{_name}", arity=_arity, pure=True)
register_op("tir.floor", arity=1, pure=True)
register_op("tir.if_then_else", arity=3, pure=True)


def _bits(name: str) -> Callable[..., PrimExpr]:
    def build(*args: Any) -> PrimExpr:
        exprs = list(match_types(*args)) if len(args) == 2 else [convert(args[0])]
        dtype = exprs[0].dtype
        if dtype.is_bool and name == "bitwise_not":
            return logical_not(exprs[0])
        if not (dtype.is_integer or (dtype.is_bool and not name.startswith("shift"))):
            raise TypeMismatchError(f"{name} needs integers.", found=str(dtype))
        values = [_constant(each) for each in exprs]
        in_range = not name.startswith("shift") or (
            values[1] is not None and 0 <= values[1] < dtype.bits
        )
        if None not in values and in_range and dtype.is_integer:
            result = _BITS[name](*[int(cast("int", value)) for value in values])
            folded = _fold_int(dtype, result if dtype.is_int else result % (1 << dtype.bits))
            if folded is not None:
                return folded
        return Call(dtype, f"tir.{name}", exprs)

    build.__name__ = name
    build.__doc__ = f"The intrinsic `tir.{name}`, of integers; constants are folded."
    return build


bitwise_and = _bits("bitwise_and")
bitwise_or = _bits("bitwise_or")
bitwise_xor = _bits("bitwise_xor")
bitwise_not = _bits("bitwise_not")
shift_left = _bits("shift_left")
shift_right = _bits("shift_right")


def call_intrin(dtype: str, op: str | Op, *args: Any) -> Call:
    """A call of the intrinsic `op` with a value of `dtype`."""
    return Call(dtype, op, args)


def select(condition: Any, true_value: Any, false_value: Any) -> PrimExpr:
    """`true_value` where `condition` holds, else `false_value`; both are evaluated."""
    a, b = match_types(true_value, false_value)
    test = _as_bool(condition)
    if isinstance(test, IntImm):
        return a if test.value else b
    return Select(test, a, b)


def if_then_else(condition: Any, true_value: Any, false_value: Any) -> PrimExpr:
    """`true_value` where `condition` holds, else `false_value`; only the one that is taken is
    evaluated.
    """
    a, b = match_types(true_value, false_value)
    test = _as_bool(condition)
    if isinstance(test, IntImm):
        return a if test.value else b
    return Call(a.dtype, "tir.if_then_else", [test, a, b])


operators.update(
    {
        "convert": convert,
        "cast": cast_to,
        "distance": distance,
        "match_types": match_types,
        "add": add,
        "sub": sub,
        "mul": mul,
        "div": div,
        "floordiv": floordiv,
        "floormod": floormod,
        "neg": neg,
        "eq": eq,
        "ne": ne,
        "lt": lt,
        "le": le,
        "gt": gt,
        "ge": ge,
        "bitwise_and": bitwise_and,
        "bitwise_or": bitwise_or,
        "bitwise_xor": bitwise_xor,
        "bitwise_not": bitwise_not,
        "shift_left": shift_left,
        "shift_right": shift_right,
    }
)
