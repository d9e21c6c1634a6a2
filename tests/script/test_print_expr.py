"""Scalar expressions made by hand: each prints to a text that reads back as this very node."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pellucid.ir import arithmetic as ar
from pellucid.ir.arithmetic import call_intrin
from pellucid.ir.scalar import (
    EQ,
    GT,
    LT,
    NE,
    Add,
    And,
    Broadcast,
    Cast,
    Div,
    FloatImm,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Shuffle,
    StringImm,
    Sub,
    Var,
)
from pellucid.tir import op
from pellucid.tir.buffer import BufferLoad, BufferRegion, Range, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Evaluate
from tests.script.roundtrip import assert_round_trip

A = decl_buffer((128,), "float32", "A")
i, j = Var("i"), Var("j", "int64")
x, wide, half = Var("x", "float32"), Var("wide", "float64"), Var("half", "float16")
flag, byte = Var("flag", "bool"), Var("byte", "uint8")
PARAMS = (A, i, j, x, wide, half, flag, byte)


def integer(value: int, dtype: str = "int32") -> IntImm:
    return IntImm(dtype, value)


def real(value: float, dtype: str = "float32") -> FloatImm:
    return FloatImm(dtype, value)


def true() -> IntImm:
    return IntImm("bool", 1)


def text_of(node: Any) -> str:
    """How `node` is written in a function that reads back exactly."""
    func = PrimFunc(list(PARAMS), Evaluate(node), attrs={"global_symbol": "main"})
    last = assert_round_trip(func).splitlines()[-1].strip()
    return last.removeprefix("T.evaluate(").removesuffix(")") if "T.evaluate(" in last else last


EXACT = {
    # Operators where they build the node, constructors where they would not.
    "i + j": (Add(Cast("int64", i), j), 'T.Cast("int64", i) + j'),
    "plus one": (Add(i, integer(1)), "i + 1"),
    "plus zero": (Add(i, integer(0)), "T.Add(i, 0)"),
    "folded sum": (Add(integer(1), integer(2)), "T.Add(1, 2)"),
    "times one": (Mul(i, integer(1)), "T.Mul(i, 1)"),
    "literal first": (Sub(integer(5), i), "5 - i"),
    "literal compared": (LT(integer(5), i), "T.LT(5, i)"),
    "compared": (GT(i, integer(5)), "i > 5"),
    "equal": (EQ(i, integer(3)), "i == 3"),
    "literal equal": (NE(integer(3), i), "T.NE(3, i)"),
    "wide literal": (FloorDiv(j, integer(2, "int64")), "j // T.int64(2)"),
    "by zero": (FloorDiv(i, integer(0)), "T.FloorDiv(i, 0)"),
    "truncated": (Div(i, integer(2)), "T.Div(i, 2)"),
    "remainder": (Mod(i, integer(2)), "T.truncmod(i, 2)"),
    "quotient": (Div(x, real(2)), "x / T.float32(2)"),
    "and true": (And(flag, true()), "T.And(flag, T.bool(True))"),
    "minimum": (Min(i, integer(4)), "T.min(i, 4)"),
    "folded minimum": (Min(integer(1), integer(2)), "T.Min(1, 2)"),
    "same maximum": (Max(i, i), "T.Max(i, i)"),
    "cast of a literal": (Cast("int64", integer(5)), 'T.Cast("int64", 5)'),
    "select": (Select(true(), integer(1), integer(2)), "T.Select(T.bool(True), 1, 2)"),
    # Parentheses: as few as possible.
    "left": (Sub(Sub(i, i), i), "i - i - i"),
    "right": (Sub(i, Sub(i, i)), "i - (i - i)"),
    "product of a sum": (Mul(Add(i, i), i), "(i + i) * i"),
    "mod": (FloorMod(Mul(i, i), FloorDiv(i, i)), "i * i % (i // i)"),
    "or of and": (Or(And(flag, flag), flag), "flag and flag or flag"),
    "and of or": (And(Or(flag, flag), flag), "(flag or flag) and flag"),
    "and to the right": (And(flag, And(flag, flag)), "flag and (flag and flag)"),
    "not": (And(Not(flag), flag), "not flag and flag"),
    "equal to not": (EQ(Not(flag), flag), "(not flag) == flag"),
    "compared comparison": (EQ(LT(i, i), flag), "(i < i) == flag"),
    "shift": (Add(ar.shift_left(i, 2), i), "(i << 2) + i"),
    "bits": (ar.shift_left(ar.bitwise_and(i, i), i), "(i & i) << i"),
    "invert": (ar.bitwise_not(ar.bitwise_not(i)), "~~i"),
    "folded bits": (
        call_intrin("int32", "tir.bitwise_and", integer(1), integer(3)),
        'T.call_intrin("int32", "tir.bitwise_and", 1, 3)',
    ),
    # Constants.
    "int64": (integer(-4, "int64"), "T.int64(-4)"),
    "negative": (integer(-1), "-1"),
    "bool": (IntImm("bool", 0), "T.bool(False)"),
    "null": (IntImm("handle", 0), "T.handle(0)"),
    "float": (real(1.5), "T.float32(1.5)"),
    "whole float": (real(3.0), "T.float32(3)"),
    "negative zero": (real(-0.0), "T.float32(-0.0)"),
    "nan": (real(math.nan), 'T.float32("nan")'),
    "negative nan": (real(-math.nan), 'T.float32("-nan")'),
    "infinity": (real(-math.inf), 'T.float32("-inf")'),
    "denormal": (real(1e-45), "T.float32(1e-45)"),
    "string": (op.call_packed("p", StringImm("a\"b'\n")), "T.call_packed(\"p\", 'a\"b\\'\\n')"),
    # Vectors.
    "ramp": (BufferLoad(A, [Ramp(i, integer(1), 4)]), "A[T.Ramp(i, 1, 4)]"),
    "strange ramp": (Ramp(j, integer(1), 4), "T.Ramp(j, T.int32(1), 4)"),
    "broadcast": (Broadcast(real(1), 4), "T.Broadcast(T.float32(1), 4)"),
    "shuffle": (Shuffle([i, i], [integer(0), integer(1)]), "T.Shuffle([i, i], [0, 1])"),
    # Calls.
    "exp": (op.exp(x), "T.exp(x)"),
    "exp of an integer": (
        call_intrin("float32", "tir.exp", i),
        'T.call_intrin("float32", "tir.exp", i)',
    ),
    "chosen": (op.if_then_else(flag, i, integer(1)), "T.if_then_else(flag, i, 1)"),
    "extern": (op.call_extern("float32", "f", i), 'T.call_extern("float32", "f", i)'),
    "packed": (op.call_packed("p", i, A), 'T.call_packed("p", i, A)'),
    "region": (
        op.call_packed("p", BufferRegion(A, [Range(min=i, extent=integer(4))])),
        'T.call_packed("p", A[i:i + 4])',
    ),
    "region of one": (
        op.call_packed("p", BufferRegion(A, [Range(min=i, extent=integer(1))])),
        'T.call_packed("p", A[T.Range(min=i, extent=1)])',
    ),
    "address": (op.address_of(A[i]), "T.address_of(A[i])"),
    "pointer": (op.isnullptr(A.data), "T.isnullptr(A.data)"),
}


@pytest.mark.parametrize("name", EXACT)
def test_text(name: str) -> None:
    node, text = EXACT[name]
    assert text_of(node) == text


DTYPES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
)
EDGES = (0.0, -0.0, 1.0, 0.1, 1 / 3, 5e-324, 1e16, 1e30, 123456789.0, math.nan, math.inf)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_of_every_dtype(dtype: str) -> None:
    if "float" in dtype:
        for value in EDGES:
            text_of(real(value, dtype))
        return
    low, high = integer(0, dtype).dtype.range()
    for value in (low, -1 if low < 0 else 1, 0, high):
        text_of(integer(value, dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64", "bool"])
def test_operators_of_every_dtype(dtype: str) -> None:
    a, b = Var("a", dtype), Var("b", dtype)
    for kind in (Add, Sub, Mul, Min, Max, EQ, NE, LT):
        func = PrimFunc([a, b], Evaluate(kind(a, b)), attrs={"global_symbol": "main"})
        assert_round_trip(func)


def test_let_declares_its_variable_before_the_statement() -> None:
    z = Var("z")
    node = Add(Let(z, Add(i, integer(1)), Mul(z, z)), i)
    func = PrimFunc([i], Evaluate(node), attrs={"global_symbol": "main"})
    assert assert_round_trip(func).splitlines()[-2:] == [
        "    z = T.int32()",
        "    T.evaluate(T.Let(z * z, where={z: i + 1}) + i)",
    ]


def test_shared_and_nested_lets() -> None:
    z, w = Var("z"), Var("z")
    text_of(Add(Let(z, i, z), Let(w, i, Add(w, Let(z, integer(3), z)))))


def test_long_chains() -> None:
    chain = i
    for _ in range(500):
        chain = Add(chain, i)
    assert text_of(chain) == " + ".join(["i"] * 501)


def test_every_constructor_is_written_in_full_on_request() -> None:
    func = PrimFunc([i], Evaluate(Add(i, integer(1))), attrs={"global_symbol": "main"})
    assert func.script(verbose_expr=True).splitlines()[-1] == (
        "    T.evaluate(T.Add(i, T.int32(1)))"
    )


@pytest.mark.parametrize("depth", [90, 250, 1000])
def test_deep_expressions_are_written_in_parts(depth: int) -> None:
    """Python's parser takes no more than 200 nested parentheses."""
    right: Any = i
    left: Any = i
    calls: Any = x
    unary: Any = flag
    for _ in range(depth):
        right = Add(i, right)
        left = Mul(Add(left, i), i)
        calls = op.exp(Max(calls, x))
        unary = Not(Not(unary))
    for node in (right, left, calls, unary):
        func = PrimFunc(list(PARAMS), Evaluate(node), attrs={"global_symbol": "main"})
        assert_round_trip(func)
