"""Every scalar node on every dtype, singly and as vectors, against the interpreter."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.interp import run
from pellucid.ir import scalar as ir
from pellucid.ir.module import IRModule
from pellucid.script import tir as T
from pellucid.support.errors import RunError
from pellucid.testing.tolerance import assert_agree
from pellucid.tir.buffer import decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For
from tests.codegen.agreement import agree, copies

INTS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
DTYPES = ["bool", *INTS, *FLOATS]
KINDS = ["serial", "vectorized"]


def values(dtype, count=32, seed=0):
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


def elementwise(result, function, *dtypes, kind="serial", count=32, name="f"):
    """A function that stores `function` of the elements of its arguments."""
    inputs = [decl_buffer((count,), dtype, f"A{i}") for i, dtype in enumerate(dtypes)]
    output = decl_buffer((count,), result, "B")
    i = ir.Var("i", "int32")
    store = BufferStore(output, function(*[each[i] for each in inputs]), [i])
    body = For(i, 0, count, kind, store)
    return PrimFunc([*inputs, output], body, attrs={"global_symbol": name})


class Cases:
    """Functions that are compiled together and compared with the interpreter one by one."""

    def __init__(self, kind):
        self.kind = kind
        self.cases = []

    def add(self, result, function, *arrays, operations="exact"):
        """A function of elements of arrays, and the dtype of its value."""
        names = [str(each.dtype) for each in arrays]
        func = elementwise(
            result,
            function,
            *names,
            kind=self.kind,
            count=len(arrays[0]),
            name=f"f{len(self.cases)}",
        )
        output = np.zeros(len(arrays[0]), getattr(ml_dtypes, result, result))
        self.cases.append((func, [*arrays, output], operations))

    def check(self):
        """Compile, run, compare."""
        module = IRModule({case[0].attrs["global_symbol"]: case[0] for case in self.cases})
        lib = build(module)
        for func, arrays, operations in self.cases:
            expected, actual = copies(arrays), copies(arrays)
            run(func, *expected)
            lib[func.attrs["global_symbol"]](*actual)
            assert_agree(actual[-1], expected[-1], operations, repr(func.body))


@pytest.fixture(params=KINDS)
def cases(request):
    """Cases of one loop kind, checked when the test is through."""
    found = Cases(request.param)
    yield found
    if found.cases:
        found.check()


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic(cases, dtype):
    a, b = values(dtype), values(dtype, seed=1)[::-1].copy()
    for node in (ir.Add, ir.Sub, ir.Mul, ir.Min, ir.Max):
        cases.add(dtype, node, a, b)
    if dtype in FLOATS:
        cases.add(dtype, ir.Div, a, b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_comparisons(cases, dtype):
    a, b = values(dtype), values(dtype, seed=1)
    b[::3] = a[::3]
    for node in (ir.EQ, ir.NE, ir.LT, ir.LE, ir.GT, ir.GE):
        cases.add("bool", node, a, b)


@pytest.mark.parametrize("dtype", INTS)
def test_integer_division(cases, dtype):
    a, b = values(dtype), values(dtype, seed=1)
    b[b == 0] = 3
    b[4:6] = np.array([-1, -1]).astype(dtype)  # the least value by -1 wraps
    for node in (ir.Div, ir.Mod, ir.FloorDiv, ir.FloorMod):
        cases.add(dtype, node, a, b)
        for divisor in (1, 3, 8, -1, -4, -7):
            if divisor > 0 or dtype.startswith("int"):
                constant = ir.IntImm(dtype, divisor)
                cases.add(dtype, lambda x, n=node, c=constant: n(x, c), a)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("node", [ir.Div, ir.FloorMod], ids=lambda n: n.__name__)
def test_division_by_zero_is_an_error(node, kind):
    func = elementwise("int32", node, "int32", "int32", kind=kind, count=8)
    lib = build(func)
    ones = np.ones(8, "int32")
    lib(ones, ones, ones.copy())
    zeros = ones.copy()
    zeros[5] = 0
    with pytest.raises(RunError, match="f: an integer is divided by zero"):
        lib(ones, zeros, ones.copy())


@pytest.mark.parametrize("dtype", FLOATS)
def test_extrema_with_a_constant(cases, dtype):
    a = values(dtype)
    zero = ir.FloatImm(dtype, 0.0)
    for node in (ir.Min, ir.Max):
        cases.add(dtype, lambda x, n=node: n(x, zero), a)
        cases.add(dtype, lambda x, n=node: n(zero, x), a)


@pytest.mark.parametrize("source", DTYPES)
def test_casts(cases, source):
    a = values(source)
    for target in DTYPES:
        if target != source:
            cases.add(target, lambda x, t=target: ir.Cast(t, x), a)


@pytest.mark.parametrize("dtype", ["bool", *INTS])
def test_bits(cases, dtype):
    a, b = values(dtype), values(dtype, seed=1)
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        cases.add(dtype, lambda x, y, n=name: ir.Call(dtype, f"tir.{n}", (x, y)), a, b)
    if dtype == "bool":
        return
    cases.add(dtype, lambda x: ir.Call(dtype, "tir.bitwise_not", (x,)), a)
    bits = np.dtype(dtype).itemsize * 8
    count = np.resize([0, 1, 2, 3, bits // 2, bits - 2, bits - 1, bits, bits + 1], 32).astype(dtype)
    for name in ("shift_left", "shift_right"):
        cases.add(dtype, lambda x, y, n=name: ir.Call(dtype, f"tir.{n}", (x, y)), a, count)
    cases.add(dtype, T.popcount, a)
    cases.add("int32", T.clz, a)


def test_logic_and_choices(cases):
    a, b = values("bool"), values("bool", seed=1)
    x, y = values("float32"), values("float32", seed=1)
    cases.add("bool", lambda p, q: ir.And(p, ir.Not(q)), a, b)
    cases.add("bool", lambda p, q: ir.Or(ir.Not(p), q), a, b)
    cases.add("float32", ir.Select, a, x, y)
    cases.add("float32", lambda p, u, v: T.if_then_else(p, u, v + u), a, x, y)
    cases.add("float32", lambda p, u: ir.Select(p, u, u * ir.FloatImm("float32", 2)), a, x)
    cases.add("float32", lambda u: ir.Mul(u, ir.FloatImm("float32", -1)), x)


def test_reinterpretation(cases):
    for source, target in (("float32", "int32"), ("int64", "float64"), ("float16", "uint16")):
        cases.add(target, lambda x, t=target: T.reinterpret(t, x), values(source))
        cases.add(source, lambda x, s=source: T.reinterpret(s, x), values(target))


def test_fixed_point_products(cases):
    x, y = values("int32"), values("int32", seed=3)
    cases.add("int32", lambda u, v: T.q_multiply_shift(u, v, 31, 2), x, y)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_math(cases, dtype):
    a = np.linspace(-3, 3, 32).astype(getattr(ml_dtypes, dtype, dtype))
    for name in ("exp", "tanh", "erf", "sigmoid", "sin", "cos", "floor", "ceil", "trunc", "round"):
        cases.add(dtype, getattr(T, name), a, operations="math")
    positive = np.abs(a) + a.dtype.type(0.25)
    for name in ("log", "sqrt", "rsqrt"):
        cases.add(dtype, getattr(T, name), positive, operations="math")
    cases.add(dtype, T.pow, positive, a, operations="math")
    cases.add(dtype, T.nextafter, a, positive)
    special = values(dtype)
    for name in ("isnan", "isinf", "isfinite"):
        cases.add("bool", getattr(T, name), special)
    cases.add(dtype, T.fabs, special)
    cases.add(dtype, T.copysign, special, special[::-1].copy())


def test_products_and_sums_fuse():
    a, b, c = (values("float32", seed=seed)[10:] for seed in range(3))
    for function in (
        lambda x, y, z: x * y + z,
        lambda x, y, z: z + x * y,
        lambda x, y, z: x * y - z,
        lambda x, y, z: z - x * y,
    ):
        func = elementwise("float32", function, *["float32"] * 3, count=len(a))
        agree(func, a, b, c, np.zeros_like(a), operations="reduction")
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
