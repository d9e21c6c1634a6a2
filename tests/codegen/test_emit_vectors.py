"""Vectorized loops: masks, strides, gathers, what cannot be a vector, and why."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.driver.pipeline import lower_function
from pellucid.ir.visitor import pre_order
from pellucid.script import tir as T
from pellucid.tir.stmt import For
from tests.codegen.agreement import agree, random, stages_agree


def refusals(func):
    """Why loops of a function were not turned into vectors."""
    loops = [each for each in pre_order(lower_function(func).body) if isinstance(each, For)]
    found = [each.annotations.get("vectorize_refused") for each in loops]
    return [each for each in found if each is not None]


def test_masks():
    @T.prim_func
    def f(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32"), n: T.int32):
        for o in range(4):
            for i in T.vectorized(16):
                if o * 16 + i < n:
                    B[o * 16 + i] = A[o * 16 + i] * T.float32(2)

    assert refusals(f) == []
    assert "masked.store" in build(f).get_source("ll")
    for n in (0, 1, 15, 16, 17, 50, 64):
        agree(f, random((64,)), random((64,)), n)


def test_masked_loads_do_not_leave_the_buffer():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for o in range((n + 15) // 16):
            for i in T.vectorized(16):
                if o * 16 + i < n:
                    B[o * 16 + i] = A[o * 16 + i] + A[n - 1] / A[0]

    for n in (0, 1, 16, 33):
        agree(f, random((n,)), random((n,)))


def test_both_branches():
    @T.prim_func
    def f(
        A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32"), C: T.Buffer((32,), "int32")
    ):
        for i in T.vectorized(32):
            if A[i] > T.float32(0) and A[i] < T.float32(2):
                B[i] = A[i]
                C[i] = 1
            else:
                if i % 2 == 0:
                    B[i] = T.float32(0)
                C[i] = 2 // (i + 1) + i

    assert refusals(f) == []
    agree(f, random((32,)), random((32,)), random((32,), "int32"))


def test_choices_evaluate_only_what_is_taken():
    @T.prim_func
    def pad(A: T.Buffer((6, 6), "float32"), B: T.Buffer((8, 8), "float32")):
        for i in range(8):
            for j in T.vectorized(8):
                B[i, j] = T.if_then_else(
                    i >= 1 and i < 7 and j >= 1 and j < 7, A[i - 1, j - 1], T.float32(0)
                )

    assert refusals(pad) == []
    arrays = random((6, 6)), random((8, 8))
    stages_agree(pad, *arrays)
    agree(pad, *arrays)
    agree(pad, *arrays, bounds_check=True)


def test_division_in_lanes_that_are_off():
    @T.prim_func
    def f(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32")):
        for i in T.vectorized(16):
            if A[i] != 0:
                B[i] = 100 // A[i]

    assert refusals(f) == []
    agree(f, np.arange(16, dtype="int32") % 4, random((16,), "int32"))


@pytest.mark.parametrize("stride", [0, 1, 2, 3, 4, 7, -1, -2])
def test_strides(stride):
    start = 7 * 15 if stride < 0 else 0

    @T.prim_func
    def f(A: T.Buffer((120,), "float32"), B: T.Buffer((16,), "float32")):
        for i in T.vectorized(16):
            B[i] = A[start + i * stride]

    assert refusals(f) == []
    agree(f, random((120,)), random((16,)))


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "float16", "float64", "int64"])
def test_gather_and_scatter(dtype):
    @T.prim_func
    def f(A: T.Buffer((64,), dtype), at: T.Buffer((32,), "int32"), B: T.Buffer((64,), dtype)):
        for i in T.vectorized(32):
            B[63 - i * 2] = A[at[i]]

    assert refusals(f) == []
    at = np.random.default_rng(0).integers(0, 64, 32).astype("int32")
    agree(f, random((64,), dtype), at, random((64,), dtype))


def test_matrix_by_rows_and_columns():
    @T.prim_func
    def transpose(A: T.Buffer((32, 48), "float32"), B: T.Buffer((48, 32), "float32")):
        for i in range(32):
            for j in T.vectorized(48):
                B[j, i] = A[i, j]

    assert refusals(transpose) == []
    agree(transpose, random((32, 48)), random((48, 32)))


def test_fused_loops_are_consecutive():
    @T.prim_func
    def f(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32")):
        for o in T.parallel(256):
            for i in T.vectorized(16):
                B[(o * 16 + i) // 64, (o * 16 + i) % 64] = A[(o * 16 + i) // 64, (o * 16 + i) % 64]

    assert refusals(f) == []
    assert "gather" not in build(f).get_source("ll")
    agree(f, random((64, 64)), random((64, 64)))


def test_loops_and_memory_inside():
    @T.prim_func
    def f(A: T.Buffer((16, 10), "float32"), B: T.Buffer((16,), "float32")):
        for i in T.vectorized(16):
            with T.block("b"):
                vi = T.axis.spatial(16, i)
                T.reads(A[vi, 0:10])
                T.writes(B[vi])
                s = T.alloc_buffer((2,), "float32")
                s[0] = T.float32(0)
                s[1] = T.float32(1)
                for k in range(10):
                    s[k % 2] = s[k % 2] + A[vi, k]
                B[vi] = s[0] * s[1]

    assert refusals(f) == []
    agree(f, random((16, 10)), random((16,)), operations="reduction")


@pytest.mark.parametrize("lanes", [65, 100, 128, 200, 784])
def test_many_lanes_are_done_in_pieces(lanes):
    @T.prim_func
    def f(A: T.Buffer((lanes,), "float32"), B: T.Buffer((lanes,), "float32")):
        for i in T.vectorized(lanes):
            x: T.float32 = A[i] + T.float32(1)
            B[i] = x * x

    assert refusals(f) == []
    agree(f, random((lanes,)), random((lanes,)))


@pytest.mark.parametrize("shift", [-3, -1, 1, 2])
def test_iterations_that_depend_on_each_other_stay_in_order(shift):
    @T.prim_func
    def f(A: T.Buffer((32,), "float32")):
        for i in T.vectorized(16):
            A[i + 8] = A[i + 8 + shift] + T.float32(1)

    assert refusals(f) == ["an iteration accesses elements of 'A' that another one writes"]
    agree(f, random((32,)))


def test_what_cannot_be_a_vector():
    @T.prim_func
    def total(A: T.Buffer((16,), "float32"), B: T.Buffer((1,), "float32")):
        B[0] = T.float32(0)
        for i in T.vectorized(16):
            B[0] = B[0] + A[i]

    reason = "all iterations access the same elements of 'B', and write there"
    assert refusals(total) == [reason]
    agree(total, random((16,)), random((1,)))

    @T.prim_func
    def triangle(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16,), "float32")):
        for i in T.vectorized(16):
            B[i] = T.float32(0)
            for j in range(i):
                B[i] = B[i] + A[i, j]

    assert refusals(triangle) == ["the length of a loop inside differs between iterations"]
    agree(triangle, random((16, 16)), random((16,)))

    @T.prim_func
    def nested(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
        for i in T.vectorized(4):
            for j in T.vectorized(8):
                B[i, j] = A[i, j]

    assert len(refusals(nested)) == 1
    agree(nested, random((4, 8)), random((4, 8)))


def test_interleaved_accesses_do_not_conflict():
    @T.prim_func
    def swap(A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32")):
        for i in T.vectorized(16):
            B[i * 2] = A[i * 2 + 1]
            B[i * 2 + 1] = A[i * 2] + B[i * 2]

    assert refusals(swap) == []
    agree(swap, random((32,)), random((32,)))


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 40])
def test_masks_of_symbolic_loops(n):
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for o in range((n + T.int64(15)) // T.int64(16)):
            for i in T.vectorized(T.int64(16)):
                if o * T.int64(16) + i < n and o * T.int64(16) + i >= T.int64(3):
                    B[o * T.int64(16) + i] = A[o * T.int64(16) + i] + T.float32(1)

    assert refusals(f) == []
    agree(f, random((n,)), random((n,)))


def test_masked_sums_in_local_memory():
    @T.prim_func
    def f(A: T.Buffer((20, 70), "float32"), B: T.Buffer((70,), "float32")):
        for o in range(5):
            total = T.alloc_buffer((16,), "float32", scope="local")
            for i in T.vectorized(16):
                if o * 16 + i < 70:
                    total[i] = T.float32(0)
            for k in range(20):
                for i in T.vectorized(16):
                    if o * 16 + i < 70:
                        total[i] = total[i] + A[k, o * 16 + i]
            for i in T.vectorized(16):
                if o * 16 + i < 70:
                    B[o * 16 + i] = total[i]

    assert refusals(f) == []
    text = build(f).get_source("ll")
    assert "alloca [16 x float]" not in text
    agree(f, random((20, 70)), random((70,)))


def test_lanes_that_are_off_may_read_anything_inside():
    @T.prim_func
    def f(
        A: T.Buffer((64,), "float32"),
        index: T.Buffer((64,), "int32"),
        B: T.Buffer((64,), "float32"),
        n: T.int32,
    ):
        for o in range(4):
            for i in T.vectorized(16):
                if o * 16 + i < n:
                    B[o * 16 + i] = A[index[o * 16 + i]] / A[o * 16 + i]

    values, places = random((64,)), np.arange(64, dtype="int32")[::-1].copy()
    agree(f, values, places, random((64,)), 64)
    values[40:], places[40:] = 0, 1 << 30
    for n in (0, 7, 40):
        agree(f, values, places, random((64,)), n)


def test_fused_tiles_are_vectors_of_runs():
    @T.prim_func
    def f(A: T.Buffer((8, 28), "float32"), B: T.Buffer((6, 26), "float32")):
        for y, x in T.grid(3, 13):
            for k in range(3):
                for i in T.vectorized(4):
                    B[y * 2 + i // 2, x * 2 + i % 2] = (
                        B[y * 2 + i // 2, x * 2 + i % 2] + A[y * 2 + i // 2 + k, x * 2 + i % 2 + k]
                    )

    assert refusals(f) == []
    text = build(f).get_source("ll")
    assert "<2 x float>" in text
    assert "gather" not in text
    assert "scatter" not in text
    agree(f, random((8, 28)), random((6, 26)))


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16", "float64"])
def test_runs_of_every_dtype(dtype):
    @T.prim_func
    def f(A: T.Buffer((64,), dtype), B: T.Buffer((64,), dtype)):
        for o in range(2):
            for i in T.vectorized(16):
                B[o * 32 + i // 4 * 8 + i % 4] = A[o * 32 + i % 8 * 4 + i // 8]

    assert refusals(f) == []
    agree(f, random((64,), dtype), random((64,), dtype))


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (lambda i: i // 2, lambda i: i // 2),
        (lambda i: i % 4, lambda i: i % 4),
        (lambda i: i // 2 * 4 + i % 2, lambda i: i // 2 * 4 + i % 2 + 4),
        (lambda i: i // 2 * 4 + i % 2, lambda i: i),
    ],
)
def test_tiles_that_overlap_stay_in_order(index, other):
    @T.prim_func
    def f(A: T.Buffer((64,), "float32")):
        for i in T.vectorized(8):
            A[index(i)] = A[other(i)] + T.float32(1)

    (reason,) = refusals(f)
    assert "another one writes" in reason
    agree(f, random((64,)))
