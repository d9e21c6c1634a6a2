"""Every statement, compiled and interpreted: loops, choices, names, memory, returns."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.runtime.support_library import support_library
from pellucid.script import tir as T
from pellucid.support.errors import RunError
from tests.codegen.agreement import agree, random, stages_agree


@T.prim_func
def matmul(
    A: T.Buffer((6, 7), "float32"), B: T.Buffer((7, 5), "float32"), C: T.Buffer((6, 5), "float32")
):
    for i, j, k in T.grid(6, 5, 7):
        with T.block("matmul"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def test_reduction_with_init():
    arrays = random((6, 7)), random((7, 5), seed=1), random((6, 5), seed=2)
    stages_agree(matmul, *arrays)
    *_, result = agree(matmul, *arrays)
    np.testing.assert_allclose(result, arrays[0] @ arrays[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["serial", "parallel", "vectorized", "unroll"])
@pytest.mark.parametrize("extent", [1, 3, 16, 100])
def test_loop_kinds(kind, extent):
    loop = getattr(T, kind)

    @T.prim_func
    def scale(A: T.Buffer((4, extent), "float32"), B: T.Buffer((4, extent), "float32")):
        for i in range(4):
            for j in loop(extent):
                B[i, j] = A[i, j] * T.float32(2) + T.Cast("float32", j)

    arrays = random((4, extent)), random((4, extent))
    stages_agree(scale, *arrays)
    agree(scale, *arrays)


def test_loops_that_do_not_begin_at_zero():
    @T.prim_func
    def shift(A: T.Buffer((20,), "int32"), B: T.Buffer((20,), "int32")):
        for i in range(3, 9):
            B[i] = A[i + 2]
        for i in T.parallel(9, 14):
            B[i] = A[i] * i
        for i in T.vectorized(14, 18):
            B[i] = A[i] - i

    agree(shift, random((20,), "int32"), random((20,), "int32"))


def test_symbolic_loops():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n, m = T.int64(), T.int64()
        A = T.match_buffer(a, (n, m), "float32")
        B = T.match_buffer(b, (m, n), "float32")
        for i, j in T.grid(n, m):
            with T.block("t"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vj, vi] = A[vi, vj] + T.Cast("float32", vi * m)

    for shape in [(3, 5), (1, 1), (0, 4), (4, 0)]:
        agree(f, random(shape), random(shape[::-1]))


def test_loops_inside_that_depend_on_outer_ones():
    @T.prim_func
    def triangle(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            B[i] = T.float32(0)
            for j in range(i):
                B[i] = B[i] + A[i, j]

    agree(triangle, random((8, 8)), random((8,)))


def test_while():
    @T.prim_func
    def collatz(A: T.Buffer((10,), "int32"), B: T.Buffer((10,), "int32")):
        for i in range(10):
            n = T.alloc_buffer((1,), "int32")
            n[0] = i + 1
            B[i] = 0
            while n[0] != 1:
                n[0] = T.if_then_else(n[0] % 2 == 0, n[0] // 2, 3 * n[0] + 1)
                B[i] = B[i] + 1

    *_, steps = agree(collatz, random((10,), "int32"), random((10,), "int32"))
    assert steps.tolist() == [0, 1, 7, 2, 5, 8, 16, 3, 19, 6]


def test_choices():
    @T.prim_func
    def f(A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32")):
        for i in range(32):
            if i % 3 == 0:
                B[i] = A[i]
            elif i % 3 == 1 and A[i] > T.float32(0):
                B[i] = A[i] * T.float32(10)
            else:
                if i > 20 or A[i] < T.float32(-1):
                    B[i] = T.float32(-1)

    agree(f, random((32,)), random((32,)))


def test_names():
    @T.prim_func
    def f(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            x: T.float32 = A[i] + T.float32(1)
            k: T.int32 = i * 3 % 8
            B[k] = x * x + T.Cast("float32", k)

    agree(f, random((8,)), random((8,)))


def test_predicates():
    @T.prim_func
    def f(A: T.Buffer((10,), "float32"), B: T.Buffer((10,), "float32")):
        for io, ii in T.grid(3, 4):
            with T.block("b"):
                vi = T.axis.spatial(10, io * 4 + ii)
                T.where(io * 4 + ii < 10)
                B[vi] = A[vi] + T.float32(1)

    arrays = random((10,)), random((10,))
    stages_agree(f, *arrays)
    agree(f, *arrays)


def test_memory_of_all_sizes():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        small = T.alloc_buffer((4,), "float32")
        large = T.alloc_buffer((100000,), "float32")
        dynamic = T.alloc_buffer((n, 2), "float32")
        for i in range(n):
            with T.block("b"):
                vi = T.axis.spatial(n, i)
                small[vi % 4] = A[vi]
                large[vi * 10] = small[vi % 4] + T.float32(1)
                dynamic[vi, 1] = large[vi * 10]
                B[vi] = dynamic[vi, 1]

    for size in (0, 1, 9):
        agree(f, random((size,)), random((size,)))


def test_memory_in_a_parallel_loop():
    @T.prim_func
    def f(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
        scratch = T.alloc_buffer((16, 8), "float32")
        for i in T.parallel(16):
            for j in range(8):
                with T.block("fill"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    scratch[vi, vj] = A[vi, vj] * T.float32(3)
            for j in range(8):
                with T.block("use"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = scratch[vi, 7 - vj]

    arrays = random((16, 8)), random((16, 8))
    stages_agree(f, *arrays)
    agree(f, *arrays)


def test_nested_parallel_loops():
    @T.prim_func
    def f(A: T.Buffer((4, 5, 6), "int32"), B: T.Buffer((4, 5, 6), "int32")):
        for i in T.parallel(4):
            for j in T.parallel(5):
                for k in T.parallel(6):
                    B[i, j, k] = A[i, j, k] + i * 100 + j * 10 + k

    agree(f, random((4, 5, 6), "int32"), random((4, 5, 6), "int32"))


def test_assertions():
    @T.prim_func
    def f(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
        for i in range(4):
            assert A[i] < 100, "an element is too large"
            B[i] = A[i]

    agree(f, np.arange(4, dtype="int32"), np.zeros(4, "int32"))

    written = np.zeros(4, "int32")
    with pytest.raises(RunError, match="f: an element is too large"):
        build(f)(np.array([1, 2, 300, 4], "int32"), written)
    assert written.tolist() == [1, 2, 0, 0]


def test_a_failure_in_a_parallel_loop_reaches_the_caller():
    @T.prim_func
    def f(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):
        work = T.alloc_buffer((100000,), "int32")
        for i in T.parallel(64):
            assert A[i] != 37, "it is 37"
            work[i] = A[i]
            B[i] = work[i]

    lib = build(f)
    numbers = np.arange(64, dtype="int32")
    for _ in range(3):
        with pytest.raises(RunError, match="f: it is 37"):
            lib(numbers, np.zeros(64, "int32"))
    fine = np.where(numbers == 37, 0, numbers).astype("int32")
    result = np.zeros(64, "int32")
    lib(fine, result)
    np.testing.assert_array_equal(result, fine)


def test_values_returned():
    @T.prim_func
    def total(A: T.Buffer((5,), "float32"), k: T.int32) -> T.float32:
        s = T.alloc_buffer((1,), "float32")
        s[0] = T.float32(0)
        for i in range(5):
            if i == k:
                T.ret(s[0])
            s[0] = s[0] + A[i]
        T.ret(s[0])

    values = np.arange(5, dtype="float32")

    lib = build(total)
    assert [lib(values, k) for k in range(6)] == [0.0, 0.0, 1.0, 3.0, 6.0, 10.0]


def test_scalars_without_dimensions():
    @T.prim_func
    def f(A: T.Buffer((), "float32"), B: T.Buffer((), "float32"), n: T.int32, x: T.float32):
        B[()] = A[()] * x + T.Cast("float32", n)

    agree(f, np.array(2.5, "float32"), np.array(0, "float32"), 3, 4.0)


def test_views_with_strides():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        s, t = T.int64(), T.int64()
        A = T.match_buffer(a, (4, 6), "float32", strides=(s, t))
        B = T.match_buffer(b, (4, 6), "float32")
        for i, j in T.grid(4, 6):
            B[i, j] = A[i, j]

    values = random((8, 12))
    for view in (values[:4, :6], values[::2, ::2], values.T[:4, :6]):
        result = np.zeros((4, 6), "float32")

        build(f)(view, result)
        np.testing.assert_array_equal(result, view)


def test_views_of_regions():
    @T.prim_func
    def f(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32")):
        for i, j in T.grid(2, 2):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4])
                T.writes(B[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4])
                X = T.match_buffer(A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4))
                Y = T.match_buffer(B[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4))
                for x, y in T.grid(4, 4):
                    Y[x, y] = X[y, x]

    arrays = random((8, 8)), random((8, 8))
    stages_agree(f, *arrays)
    agree(f, *arrays)


def test_lowered_programs():
    @T.prim_func
    def f(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        data = T.allocate([16], "float32", "global")
        C = T.decl_buffer((4, 4), "float32", data=data)
        for i, j in T.grid(4, 4):
            C[i, j] = A[i * 4 + j]
        for i in T.serial(4):
            B[i * 4 : i * 4 + 4] = A[i * 4 : i * 4 + 4] + T.Broadcast(T.float32(1), 4)

    agree(f, random((16,)), random((16,)))


def test_constant_memory():
    @T.prim_func
    def f(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        c = T.allocate_const([1.0, 2.0, 3.0, 4.0], "float32", [4])
        C = T.decl_buffer((4,), "float32", data=c)
        for i in range(4):
            B[i] = A[i] * C[i]

    stages_agree(f, random((4,)), random((4,)))
    agree(f, random((4,)), random((4,)))


def test_memory_is_freed_when_a_function_is_left_early():
    @T.prim_func
    def find(A: T.Buffer((8,), "int32"), n: T.int32) -> T.int32:
        for i in range(8):
            outer = T.alloc_buffer((100000,), "int32")
            outer[i] = A[i]
            for j in range(8):
                inner = T.alloc_buffer((n * 10000,), "int32")
                inner[j] = outer[i]
                if inner[j] > 5:
                    T.ret(i * 10 + j)
        T.ret(-1)

    lib = build(find)
    library = support_library()
    library.trim()
    for k in range(8):
        assert lib(np.where(np.arange(8) == k, 7, 0).astype("int32"), 3) == k * 10
    assert lib(np.zeros(8, "int32"), 3) == -1
    kept = library.cached_bytes()
    for _ in range(50):
        lib(np.full(8, 9, "int32"), 3)
    assert library.cached_bytes() == kept, "every block came back to the pool"


def test_scalars_of_every_dtype():
    @T.prim_func
    def f(
        A: T.Buffer((6,), "float64"),
        a: T.bool,
        b: T.float16,
        c: T.uint8,
        d: T.int64,
        e: T.bfloat16,
        g: T.uint64,
    ):
        A[0] = T.Cast("float64", a)
        A[1] = T.Cast("float64", b)
        A[2] = T.Cast("float64", c)
        A[3] = T.Cast("float64", d)
        A[4] = T.Cast("float64", e)
        A[5] = T.Cast("float64", g)

    result = np.zeros(6)
    build(f)(result, True, 1.5, 200, -3, 2.5, 9)
    assert result.tolist() == [1.0, 1.5, 200.0, -3.0, 2.5, 9.0]


def test_parallel_loops_under_conditions():
    @T.prim_func
    def f(A: T.Buffer((64,), "int32"), low: T.int32, high: T.int32):
        if high > low:
            for i in T.parallel(low, high):
                x: T.int32 = A[i]
                while x > 3 and A[i] > 0:
                    A[i] = A[i] - 1

    agree(f, random((64,), "int32"), 5, 60)
    agree(f, random((64,), "int32"), 5, 5)


def test_bindings_that_read_memory():
    @T.prim_func
    def f(
        A: T.Buffer((32,), "float32"), at: T.Buffer((32,), "int32"), B: T.Buffer((32,), "float32")
    ):
        for i in range(32):
            with T.block("b"):
                v = T.axis.opaque(32, at[i])
                B[v] = A[v] + T.float32(1)

    at = np.random.default_rng(0).permutation(32).astype("int32")
    stages_agree(f, random((32,)), at, random((32,)))
    agree(f, random((32,)), at, random((32,)))


def test_padded_rows():
    @T.prim_func
    def f(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32")):
        t = T.alloc_buffer((8, 8), "float32")
        for i, j in T.grid(8, 8):
            with T.block("a"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, vj])
                T.writes(t[vi, vj])
                T.block_attr({"buffer_dim_align": [[0, 0, 32, 4]]})
                t[vi, vj] = A[vi, vj]
        for i, j in T.grid(8, 8):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = t[vj, vi]

    assert "i * 36 + j" in build(f).get_source("tir")
    stages_agree(f, random((8, 8)), random((8, 8)))
    agree(f, random((8, 8)), random((8, 8)))


def test_very_long_unrolled_loops_stay_loops():
    @T.prim_func
    def f(A: T.Buffer((300, 300), "int32")):
        for i in T.unroll(300):
            for j in T.unroll(300):
                A[i, j] = i + j

    lib = build(f)
    assert len(lib.get_source("ll").splitlines()) < 3000
    result = np.zeros((300, 300), "int32")
    lib(result)
    np.testing.assert_array_equal(result, np.add.outer(np.arange(300), np.arange(300)))
