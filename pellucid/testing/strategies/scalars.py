"""Strategies for scalar expressions of a wanted dtype, over given leaves.

Values stay exactly representable (small integers, quarters), and integer operations stay inside
their range by
construction where wrapping is not what a test is about, so that interpreter and native code must
agree to the bit
whatever the order and fusion of operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pellucid.ir import arithmetic as ar
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr

DTYPES = (
    "bool",
    *[f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)],
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
)

Leaf = Callable[[DataType], PrimExpr | None]


def constant(draw: st.DrawFn, dtype: DataType) -> PrimExpr:
    """A small constant."""
    if dtype.is_bool:
        return ir.IntImm("bool", draw(st.booleans()))
    low = 0 if dtype.is_uint else -4
    number = draw(st.integers(low, 4))
    if dtype.is_float:
        return ir.FloatImm(dtype, float(number) if dtype.bits == 8 else number / 4)
    return ir.IntImm(dtype, number)


def expression(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    """An expression of `dtype` over leaves of any dtype."""
    if dtype.is_bool:
        return _condition(draw, leaves, depth)
    fitting = [leaf for leaf in leaves if leaf.dtype == dtype]
    if depth <= 0 or draw(st.integers(0, 5)) == 0:
        return _leaf(draw, dtype, leaves, fitting)
    kind = draw(st.sampled_from(_kinds(dtype)))
    return _BUILD[kind](draw, dtype, leaves, depth - 1)


def _kinds(dtype: DataType) -> list[str]:
    common = ["add", "sub", "mul", "min", "max", "select", "if", "let", "cast"]
    if dtype.is_integer:
        return [*common, "floordiv", "floormod", "truncdiv", "truncmod", "bits", "shift"]
    return [*common, "abs", "neg"] if dtype.bits > 8 else ["add", "min", "max", "select", "if"]


def _leaf(
    draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], fitting: list[PrimExpr]
) -> PrimExpr:
    if fitting and draw(st.integers(0, 3)) > 0:
        return draw(st.sampled_from(fitting))
    if leaves and draw(st.booleans()):
        leaf = draw(st.sampled_from(leaves))
        if _casts_exactly(leaf.dtype, dtype):
            return ar.cast_to(dtype, leaf)
    return constant(draw, dtype)


def _casts_exactly(source: DataType, target: DataType) -> bool:
    """Whether casting can be compared bit by bit: not from rounded floats into integers."""
    if source.is_float and not target.is_float:
        return source.bits >= 32
    return not (source.is_float and target.bits < source.bits)


def _condition(draw: st.DrawFn, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    flags = [leaf for leaf in leaves if leaf.dtype == "bool"]
    if flags and draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(flags))
    kind = draw(st.integers(0, 5 if depth > 0 else 1))
    if kind <= 1:
        dtype = draw(st.sampled_from(["int32", "int64", "uint8", "float32", "float64"]))
        a = expression(draw, DataType(dtype), leaves, depth - 1)
        b = expression(draw, DataType(dtype), leaves, depth - 1)
        node = draw(st.sampled_from([ir.EQ, ir.NE, ir.LT, ir.LE, ir.GT, ir.GE]))
        return node(a, b)
    a = _condition(draw, leaves, depth - 1)
    if kind in (2, 3):
        return ir.Not(a)
    node = draw(st.sampled_from([ir.And, ir.Or]))
    return node(a, _condition(draw, leaves, depth - 1))


def _two(node: Any) -> Callable[..., PrimExpr]:
    def build(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
        return node(expression(draw, dtype, leaves, depth), expression(draw, dtype, leaves, depth))

    return build


def _mul(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    a = expression(draw, dtype, leaves, depth)
    if not dtype.is_float:
        return ir.Mul(a, expression(draw, dtype, leaves, depth))
    return ir.Mul(a, ir.FloatImm(dtype, draw(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 2.0]))))


def _division(node: Any) -> Callable[..., PrimExpr]:
    def build(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
        low = 1 if dtype.is_uint else -5
        divisor = draw(st.integers(low, 7).filter(bool))
        return node(expression(draw, dtype, leaves, depth), ir.IntImm(dtype, divisor))

    return build


def _bits(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    function = draw(st.sampled_from([ar.bitwise_and, ar.bitwise_or, ar.bitwise_xor]))
    return function(expression(draw, dtype, leaves, depth), expression(draw, dtype, leaves, depth))


def _shift(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    function = draw(st.sampled_from([ar.shift_left, ar.shift_right]))
    by = ir.IntImm(dtype, draw(st.integers(0, min(3, dtype.bits - 1))))
    return function(expression(draw, dtype, leaves, depth), by)


def _select(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    a = expression(draw, dtype, leaves, depth)
    b = expression(draw, dtype, leaves, depth)
    return ir.Select(_condition(draw, leaves, depth), a, b)


def _if(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    a = expression(draw, dtype, leaves, depth)
    b = expression(draw, dtype, leaves, depth)
    return ir.Call(dtype, "tir.if_then_else", [_condition(draw, leaves, depth), a, b])


def _let(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    value = expression(draw, dtype, leaves, depth)
    var = ir.Var("t", dtype)
    return ir.Let(var, value, expression(draw, dtype, [*leaves, var], depth))


def _cast(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    sources = [d for d in DTYPES if d != dtype and _casts_exactly(DataType(d), dtype)]
    source = DataType(draw(st.sampled_from(sources)))
    return ir.Cast(dtype, expression(draw, source, leaves, depth))


def _abs(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    return ir.Call(dtype, "tir.fabs", [expression(draw, dtype, leaves, depth)])


def _neg(draw: st.DrawFn, dtype: DataType, leaves: list[PrimExpr], depth: int) -> PrimExpr:
    return ar.neg(expression(draw, dtype, leaves, depth))


_BUILD: dict[str, Callable[..., PrimExpr]] = {
    "add": _two(ir.Add),
    "sub": _two(ir.Sub),
    "mul": _mul,
    "min": _two(ir.Min),
    "max": _two(ir.Max),
    "floordiv": _division(ir.FloorDiv),
    "floormod": _division(ir.FloorMod),
    "truncdiv": _division(ir.Div),
    "truncmod": _division(ir.Mod),
    "bits": _bits,
    "shift": _shift,
    "select": _select,
    "if": _if,
    "let": _let,
    "cast": _cast,
    "abs": _abs,
    "neg": _neg,
}
