"""Scalar intrinsics: what they build, their dtypes, and their NumPy meaning."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pellucid import tir
from pellucid.ir.op import Op
from pellucid.ir.scalar import Call, IntImm, Select
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as every_operator

X = tir.Var("x", "float32")
H = tir.Var("h", "float16")
I32 = tir.Var("i", "int32")
U8 = tir.Var("u", "uint8")

UNARY = {
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "exp10": lambda x: 10.0**x,
    "expm1": math.expm1,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "log1p": math.log1p,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "asinh": math.asinh,
    "acosh": lambda x: math.acosh(x + 1),
    "atanh": math.atanh,
    "erf": math.erf,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "nearbyint": round,
    "fabs": abs,
}


def meaning(name: str) -> Any:
    assert every_operator
    return Op.get(f"tir.{name}").attr("numpy")


@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_mean_what_mathematics_says(name: str) -> None:
    built = getattr(tir, name)(X)
    assert isinstance(built, Call)
    assert built.op is Op.get(f"tir.{name}")
    assert built.dtype == "float32"
    values = np.array([0.1, 0.5, 0.7, 0.99], np.float32)
    arguments = values + 1 if name == "acosh" else values
    found = meaning(name)(arguments.astype(np.float32))
    assert found.dtype == np.float32
    # A float32 holds about 7 digits; the reference is rounded once.
    assert np.allclose(found, [UNARY[name](float(v)) for v in values], rtol=2e-7, atol=1e-9)


@pytest.mark.parametrize("name", UNARY)
def test_meaning_keeps_small_floats(name: str) -> None:
    for dtype in (np.float16, ml_dtypes.bfloat16):
        values = np.array([0.25, 0.5], dtype)
        arguments = (values + np.array(1, dtype)) if name == "acosh" else values
        assert meaning(name)(arguments).dtype == dtype


def test_rounding_of_halves() -> None:
    values = np.array([2.5, -0.5, 0.49999997, -2.5, 8388609.0, np.inf], np.float32)
    assert meaning("round")(values).tolist() == [3, -1, 0, -3, 8388609, math.inf]
    assert meaning("nearbyint")(values[:4]).tolist() == [2, 0, 0, -2]
    assert math.copysign(1, meaning("round")(np.float32(-0.2))) == -1


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "nearbyint"])
def test_rounding_leaves_integers_alone(name: str) -> None:
    assert getattr(tir, name)(I32) is I32


def test_integers_become_float32_in_mathematics() -> None:
    built = tir.sqrt(I32)
    assert built.dtype == "float32"
    assert isinstance(built.args[0], tir.Cast)
    assert tir.power(I32, 2).dtype == "float32"
    assert tir.exp(H).dtype == "float16"


def test_binary_functions() -> None:
    for name in ("atan2", "pow", "fmod", "copysign", "hypot", "nextafter"):
        built = getattr(tir, name)(X, 2.0)
        assert built.dtype == "float32"
        assert built.args[1].value == 2.0
    assert meaning("pow")(np.float32(2), np.float32(10)) == 1024
    assert meaning("fmod")(np.float32(-5), np.float32(3)) == -2
    assert meaning("hypot")(np.float32(3), np.float32(4)) == 5
    assert meaning("ldexp")(np.float32(3), 4) == 48


def test_abs() -> None:
    assert isinstance(tir.abs(I32), Select)
    assert tir.abs(U8) is U8
    assert tir.abs(X).op is Op.get("tir.fabs")


def test_predicates() -> None:
    for name in ("isnan", "isinf", "isfinite"):
        assert getattr(tir, name)(X).dtype == "bool"
    assert tir.isnan(I32).value == 0
    assert tir.isfinite(I32).value == 1


def test_bits() -> None:
    assert meaning("popcount")(np.array([-1, 3, 0], np.int8)).tolist() == [8, 2, 0]
    assert meaning("clz")(np.array([0, 1, -1, 255], np.int32)).tolist() == [32, 31, 0, 24]
    assert tir.clz(tir.Var("w", "int64")).dtype == "int32"
    with pytest.raises(TypeMismatchError, match="popcount needs an integer"):
        tir.popcount(X)


@pytest.mark.parametrize(
    ("x", "y", "q", "s"),
    [(1000, 1 << 30, 31, 1), (-7, 1 << 30, 31, 0), (5, 3, 1, -2), (9, 1, 0, 0)],
)
def test_fixed_point_product(x: int, y: int, q: int, s: int) -> None:
    exact = x * y / 2 ** (q + s)
    found = meaning("q_multiply_shift")(np.int32(x), np.int32(y), np.int32(q), np.int32(s))
    assert found == math.floor(exact + 0.5)
    assert found.dtype == np.int32


def test_divisions() -> None:
    assert isinstance(tir.div(I32, 3), tir.Div)
    assert isinstance(tir.div(X, 3), tir.Div)
    assert isinstance(tir.indexdiv(I32, 3), tir.FloorDiv)
    assert tir.ceildiv(7, 4).value == 2


def test_logic_of_many() -> None:
    a, b, c = I32 < 1, I32 < 2, I32 < 3
    found = tir.all(a, b, c)
    assert isinstance(found, tir.And)
    assert found.a.a is a
    assert tir.any(a) is a
    with pytest.raises(TypeMismatchError, match="at least one condition"):
        tir.all()


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("int8", -128, 127),
        ("uint16", 0, 65535),
        ("float32", -3.4028234663852886e38, 3.4028234663852886e38),
        ("bfloat16", -3.3895313892515355e38, 3.3895313892515355e38),
        ("float8_e4m3fn", -448.0, 448.0),
        ("float8_e5m2", -57344.0, 57344.0),
    ],
)
def test_limits(dtype: str, low: float, high: float) -> None:
    assert tir.min_value(dtype).value == low
    assert tir.max_value(dtype).value == high


def test_infinity() -> None:
    assert tir.infinity("bfloat16").value == math.inf
    with pytest.raises(TypeMismatchError, match="has no infinity"):
        tir.infinity("float8_e4m3fn")


def test_calls() -> None:
    call = tir.call_extern("int32", "f", 1, X)
    assert [type(each).__name__ for each in call.args] == ["StringImm", "IntImm", "Var"]
    assert not call.op.attr("pure")
    assert tir.call_pure_extern("float32", "g", X).op.attr("pure")
    packed = tir.call_packed("env.f", I32)
    assert packed.dtype == "int32"
    buffer = tir.decl_buffer((4,), "float32", "A")
    with pytest.raises(TypeMismatchError) as caught:
        tir.call_extern("int32", "f", buffer)
    assert str(caught.value) == (
        "The external function 'f' takes pointers and numbers, not buffers.\n"
        "  found: A\n"
        '  cure: pass A.data, or A.access_ptr("r"), or T.address_of(A[i])'
    )


def test_pointers() -> None:
    buffer = tir.decl_buffer((4, 8), "float32", "A")
    pointer = buffer.access_ptr("rw", offset=8)
    assert pointer.args[0].dtype == "float32"
    assert [each.value for each in pointer.args[2:]] == [8, 24, 3]
    assert tir.address_of(buffer).args[0].buffer is buffer
    with pytest.raises(TypeMismatchError, match="There is no access mask 'x'"):
        buffer.access_ptr("x")


def test_reinterpret_keeps_bits() -> None:
    assert tir.reinterpret("int32", X).dtype == "int32"
    assert tir.reinterpret("float32", X) is X
    with pytest.raises(TypeMismatchError, match="keeps the number of bits"):
        tir.reinterpret("int64", X)


def test_every_operator_has_a_record() -> None:
    for name in Op.list_op_names():
        if name.startswith("tir."):
            op = Op.get(name)
            assert op.has_attr("arity"), name
            assert op.has_attr("pure"), name
            assert op.attr("pure") or not op.has_attr("numpy"), name


def test_reducers() -> None:
    maximum = tir.comm_reducer(lambda x, y: tir.max(x, y), lambda t: tir.min_value(t), name="max")
    axis = tir.IterVar((0, 8), "k", tir.IterVar.CommReduce)
    buffer = tir.decl_buffer((8,), "float32", "A")
    found = maximum(buffer[axis], axis)
    assert isinstance(found, tir.Reduce)
    assert found.dtype == "float32"
    assert isinstance(maximum(X, 0.0), tir.Max)
    argmax = tir.comm_reducer(
        lambda x, y: (tir.Select(x[1] >= y[1], x[0], y[0]), tir.Select(x[1] >= y[1], x[1], y[1])),
        lambda t0, t1: (IntImm(t0, -1), tir.min_value(t1)),
        name="argmax",
    )
    pair = argmax((axis.var, buffer[axis]), axis)
    assert [each.dtype for each in pair] == ["int32", "float32"]
    with pytest.raises(TypeMismatchError, match="max reduces over reduction axes"):
        maximum(X, tir.IterVar((0, 8), "i", tir.IterVar.DataPar))


def test_powers_and_magnitudes_by_python_operators() -> None:
    i = I32
    assert structural_equal(X**2, X * X)
    assert structural_equal(X**3, tir.pow(X, 3.0))
    assert structural_equal(2**X, tir.pow(2.0, X))
    assert structural_equal(i**X, tir.pow(i, X))
    assert structural_equal(abs(X), tir.abs(X))
    assert structural_equal(i**3, i * (i * i))
    assert (i**0).value == 1
    assert (i**5).dtype == "int32"
    with pytest.raises(TypeMismatchError, match="small constant exponent"):
        i**i


def test_fma() -> None:
    built = tir.fma(X, 2, X)
    assert (built.op.name, built.dtype, len(built.args)) == ("tir.fma", "float32", 3)
    a, b, c = (np.float32(each) for each in (1 + 2**-12, 1 - 2**-12, -1))
    assert meaning("fma")(a, b, c) == np.float32(-(2.0**-24))
