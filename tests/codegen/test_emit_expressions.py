"""Every scalar node on every dtype, singly and as vectors, against the interpreter."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.ir import scalar as ir
from pellucid.script import tir as T
from pellucid.support.errors import RunError
from pellucid.tir.buffer import decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For
from tests.codegen.agreement import agree

INTS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
DTYPES = ["bool", *INTS, *FLOATS]
KINDS = ["serial", "vectorized"]


def values(dtype, count=64, seed=0):
    """Ordinary and extreme values of a dtype."""
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.integers(0, 2, count).astype(kind)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        found = generator.integers(limits.min, limits.max, count, dtype=kind, endpoint=True)
        found[: count // 2] = generator.integers(max(-9, limits.min), 9, count // 2).astype(kind)
        found[:6] = [limits.min, limits.max, 0, 1, limits.min, limits.max]
        return found
    found = generator.normal(0, 3, count).astype(np.float32)
    found[:10] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e30, -1e-30, 0.5]
    with np.errstate(all="ignore"):
        return found.astype(kind)


def elementwise(result, function, *dtypes, kind="serial", count=64):
    """A function that stores `function` of the elements of its arguments."""
    inputs = [decl_buffer((count,), dtype, f"A{i}") for i, dtype in enumerate(dtypes)]
    output = decl_buffer((count,), result, "B")
    i = ir.Var("i", "int32")
    store = BufferStore(output, function(*[each[i] for each in inputs]), [i])
    return PrimFunc([*inputs, output], For(i, 0, count, kind, store), attrs={"global_symbol": "f"})


def compare(result, function, *arrays, kind, operations="exact"):
    names = [str(each.dtype) for each in arrays]
    func = elementwise(result, function, *names, kind=kind, count=len(arrays[0]))
    output = np.zeros(len(arrays[0]), getattr(ml_dtypes, result, result))
    return agree(func, *arrays, output, operations=operations)[-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("node", [ir.Add, ir.Sub, ir.Mul, ir.Min, ir.Max], ids=lambda n: n.__name__)
def test_arithmetic(node, dtype, kind):
    a, b = values(dtype), values(dtype, seed=1)[::-1].copy()
    compare(dtype, lambda x, y: node(x, y), a, b, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "node", [ir.EQ, ir.NE, ir.LT, ir.LE, ir.GT, ir.GE], ids=lambda n: n.__name__
)
def test_comparisons(node, dtype, kind):
    a, b = values(dtype), values(dtype, seed=1)
    b[::3] = a[::3]
    compare("bool", lambda x, y: node(x, y), a, b, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize(
    "node", [ir.Div, ir.Mod, ir.FloorDiv, ir.FloorMod], ids=lambda n: n.__name__
)
def test_integer_division(node, dtype, kind):
    a, b = values(dtype), values(dtype, seed=1)
    b[b == 0] = 3
    b[4:6] = np.array([-1, -1]).astype(dtype)  # the least value by -1 wraps
    compare(dtype, lambda x, y: node(x, y), a, b, kind=kind)
    for divisor in (1, 2, 3, 8, 10, -1, -4, -7):
        if divisor > 0 or dtype.startswith("int"):
            constant = ir.IntImm(dtype, divisor)
            compare(dtype, lambda x, c=constant: node(x, c), a, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("node", [ir.Div, ir.FloorMod], ids=lambda n: n.__name__)
def test_division_by_zero_is_an_error(node, kind):
    func = elementwise("int32", lambda x, y: node(x, y), "int32", "int32", kind=kind, count=8)
    lib = build(func)
    ones = np.ones(8, "int32")
    lib(ones, ones, ones.copy())
    zeros = ones.copy()
    zeros[5] = 0
    with pytest.raises(RunError, match="f: an integer is divided by zero"):
        lib(ones, zeros, ones.copy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_float_division(dtype, kind):
    a, b = values(dtype), values(dtype, seed=1)[::-1].copy()
    compare(dtype, lambda x, y: ir.Div(x, y), a, b, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_extrema_with_a_constant(dtype, kind):
    a = values(dtype)
    zero = ir.FloatImm(dtype, 0.0)
    compare(dtype, lambda x: ir.Max(x, zero), a, kind=kind)
    compare(dtype, lambda x: ir.Max(zero, x), a, kind=kind)
    compare(dtype, lambda x: ir.Min(x, zero), a, kind=kind)
    compare(dtype, lambda x: ir.Min(zero, x), a, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", DTYPES)
def test_casts(source, kind):
    a = values(source)
    for target in DTYPES:
        if target != source:
            compare(target, lambda x, t=target: ir.Cast(t, x), a, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["bool", *INTS])
def test_bits(dtype, kind):
    a, b = values(dtype), values(dtype, seed=1)
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        compare(dtype, lambda x, y, n=name: ir.Call(dtype, f"tir.{n}", (x, y)), a, b, kind=kind)
    if dtype == "bool":
        return
    compare(dtype, lambda x: ir.Call(dtype, "tir.bitwise_not", (x,)), a, kind=kind)
    count = np.resize(np.arange(np.dtype(dtype).itemsize * 8 + 2), 64).astype(dtype)
    for name in ("shift_left", "shift_right"):
        compare(dtype, lambda x, y, n=name: ir.Call(dtype, f"tir.{n}", (x, y)), a, count, kind=kind)
    compare(dtype, lambda x: T.popcount(x), a, kind=kind)
    compare("int32", lambda x: T.clz(x), a, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_logic_and_choices(kind):
    a, b = values("bool"), values("bool", seed=1)
    x, y = values("float32"), values("float32", seed=1)
    compare("bool", lambda p, q: ir.And(p, ir.Not(q)), a, b, kind=kind)
    compare("bool", lambda p, q: ir.Or(ir.Not(p), q), a, b, kind=kind)
    compare("float32", lambda p, u, v: ir.Select(p, u, v), a, x, y, kind=kind)
    compare("float32", lambda p, u, v: T.if_then_else(p, u, v + u), a, x, y, kind=kind)
    compare("float32", lambda p, u: ir.Select(p, u, u * ir.FloatImm("float32", 2)), a, x, kind=kind)
    compare("float32", lambda u: ir.Mul(u, ir.FloatImm("float32", -1)), x, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_reinterpretation(kind):
    for source, target in (("float32", "int32"), ("int64", "float64"), ("float16", "uint16")):
        a = values(source)
        compare(target, lambda x, t=target: T.reinterpret(t, x), a, kind=kind)
        b = values(target)
        compare(source, lambda x, s=source: T.reinterpret(s, x), b, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_fixed_point_products(kind):
    x, y = values("int32"), values("int32", seed=3)
    compare("int32", lambda u, v: T.q_multiply_shift(u, v, 31, 2), x, y, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_math(dtype, kind):
    a = np.linspace(-3, 3, 64).astype(getattr(ml_dtypes, dtype, dtype))
    for name in ("exp", "tanh", "erf", "sigmoid", "sin", "cos", "floor", "ceil", "trunc", "round"):
        compare(dtype, lambda x, n=name: getattr(T, n)(x), a, kind=kind, operations="math")
    positive = np.abs(a) + a.dtype.type(0.25)
    for name in ("log", "sqrt", "rsqrt"):
        compare(dtype, lambda x, n=name: getattr(T, n)(x), positive, kind=kind, operations="math")
    compare(dtype, lambda x, y: T.pow(x, y), positive, a, kind=kind, operations="math")
    compare(dtype, lambda x, y: T.nextafter(x, y), a, positive, kind=kind)
    special = values(dtype)
    for name in ("isnan", "isinf", "isfinite"):
        compare("bool", lambda x, n=name: getattr(T, n)(x), special, kind=kind)
    compare(dtype, lambda x: T.fabs(x), special, kind=kind)
    compare(dtype, lambda x, y: T.copysign(x, y), special, special[::-1].copy(), kind=kind)


def test_products_and_sums_fuse():
    a, b, c = (values("float32", seed=seed)[10:] for seed in range(3))
    for function in (
        lambda x, y, z: x * y + z,
        lambda x, y, z: z + x * y,
        lambda x, y, z: x * y - z,
        lambda x, y, z: z - x * y,
    ):
        compare("float32", function, a, b, c, kind="serial", operations="reduction")
    lib = build(elementwise("float32", lambda x, y, z: x * y + z, *["float32"] * 3))
    assert "fma" in lib.get_source("ll")


def test_wrapping_index_arithmetic():
    @T.prim_func
    def f(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32")):
        for i in range(16):
            B[i] = A[(i * 1103515245 + 12345) % 16] + i * 2000000000

    agree(f, np.arange(16, dtype="int32"), np.zeros(16, "int32"))


def test_vectors_as_values():
    @T.prim_func
    def f(A: T.Buffer((16,), "float32"), B: T.Buffer((24,), "float32"), C: T.Buffer((8,), "int32")):
        B[0:8] = A[T.Ramp(0, 2, 8)]
        B[8:16] = A[T.Ramp(15, -1, 8)]
        B[T.Ramp(16, 1, 4)] = T.Shuffle([A[0:4], A[4:8]], [7, 0, 2, 5])
        B[T.Ramp(20, 1, 4)] = T.Broadcast(A[3], 4)
        C[0:8] = T.Ramp(0, 3, 8) // T.Broadcast(2, 8)

    agree(f, np.arange(16, dtype="float32"), np.zeros(24, "float32"), np.zeros(8, "int32"))


def test_buffers_of_vectors():
    a = decl_buffer((4,), "float32x4", "A")
    b = decl_buffer((4,), "float32x4", "B")
    i = ir.Var("i", "int32")
    body = For(i, 0, 4, "serial", BufferStore(b, a[ir.Sub(3, i)] + a[i], [i]))
    lib = build(PrimFunc([a, b], body, attrs={"global_symbol": "f"}))
    assert "4 x float" in lib.get_source("ll")
