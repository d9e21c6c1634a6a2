"""Tensor expressions as loop functions: Before is an expression, Expected a script."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.ir import arithmetic as ar
from pellucid.ir import structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.analysis import assert_well_formed


def run(function: Any, *arrays: Any) -> None:
    assert_well_formed(function)
    run_prim_func(function, arrays)


@T.prim_func
def expected_matmul_relu(
    A: T.Buffer((4, 8), "float32"),
    B: T.Buffer((8, 6), "float32"),
    D: T.Buffer((4, 6), "float32"),
):
    T.func_attr({"global_symbol": "main", "tir.noalias": True})
    C = T.alloc_buffer((4, 6))
    for i, j, k in T.grid(4, 6, 8):
        with T.block("C"):
            v_i, v_j, v_k = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[v_i, v_j] = T.float32(0)
            C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_k, v_j]
    for i, j in T.grid(4, 6):
        with T.block("D"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            D[v_i, v_j] = T.max(C[v_i, v_j], T.float32(0))


def test_a_product_and_what_follows() -> None:
    a, b = te.placeholder((4, 8), name="A"), te.placeholder((8, 6), name="B")
    k = te.reduce_axis((0, 8), "k")
    c = te.compute((4, 6), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="C")
    d = te.compute((4, 6), lambda i, j: te.max(c[i, j], 0), name="D")
    found = te.create_prim_func([a, b, d])
    assert structural_equal(found, expected_matmul_relu)
    assert "v_i, v_j, v_k = T.axis.remap" in found.script()


def test_several_results_of_one_compute() -> None:
    a = te.placeholder((3,), name="A")
    double, square = te.compute((3,), lambda i: (a[i] * 2.0, a[i] * a[i]), name="pair")
    found = te.create_prim_func([a, double, square])
    x = np.array([1, 2, 3], "float32")
    y, z = np.empty_like(x), np.empty_like(x)
    run(found, x, y, z)
    np.testing.assert_array_equal(y, x * 2)
    np.testing.assert_array_equal(z, x * x)
    assert found.script().count("T.block(") == 2  # the root, in a comment, and one for both


def test_a_reducer_of_pairs() -> None:
    def combine(x: Any, y: Any) -> Any:
        left = x[1] >= y[1]
        return ar.select(left, x[0], y[0]), ar.select(left, x[1], y[1])

    def identity(position: str, value: str) -> Any:
        return te.const(-1, position), te.lowest(value)

    argmax = te.comm_reducer(combine, identity, name="argmax")
    a = te.placeholder((2, 4), name="A")
    k = te.reduce_axis((0, 4), "k")
    index, value = te.compute((2,), lambda i: argmax((k.var, a[i, k]), axis=k), name="best")
    x = np.array([[1, 5, 2, 5], [-3, -7, -1, -2]], "float32")
    i, v = np.empty(2, "int32"), np.empty(2, "float32")
    run(te.create_prim_func([a, index, value]), x, i, v)
    np.testing.assert_array_equal(i, [1, 2])
    np.testing.assert_array_equal(v, [5, -1])


@pytest.mark.parametrize(
    ("reduction", "reference"),
    [(te.sum, np.sum), (te.prod, np.prod), (te.max, np.max), (te.min, np.min)],
)
def test_reductions(reduction: Any, reference: Any) -> None:
    a = te.placeholder((3, 4), name="A")
    k = te.reduce_axis((0, 4), "k")
    b = te.compute((3,), lambda i: reduction(a[i, k], axis=k), name="B")
    x, y = np.arange(1, 13, dtype="float32").reshape(3, 4), np.empty(3, "float32")
    run(te.create_prim_func([a, b]), x, y)
    np.testing.assert_array_equal(y, reference(x, axis=1))


def test_a_condition_and_a_start() -> None:
    a = te.placeholder((6,), name="A")
    k = te.reduce_axis((0, 6), "k")
    even = te.compute(
        (1,), lambda i: te.sum(a[k], axis=k, where=ar.eq(k.var % 2, 0), init=100.0), name="B"
    )
    y = np.empty(1, "float32")
    run(te.create_prim_func([a, even]), np.arange(6, dtype="float32"), y)
    assert y[0] == 106


def test_extern() -> None:
    a = te.placeholder((4,), name="A")

    def body(ins: Any, outs: Any) -> Any:
        return outs[0].vstore([0], ins[0].vload([3]))

    b = te.extern((4,), [a], body, name="B")
    y = np.zeros(4, "float32")
    run(te.create_prim_func([a, b]), np.arange(4, dtype="float32"), y)
    np.testing.assert_array_equal(y, [3, 0, 0, 0])


def test_a_tensor_without_dimensions() -> None:
    a = te.placeholder((), name="A")
    b = te.compute((), lambda: a() + 1.0, name="B")
    y = np.empty((), "float32")
    run(te.create_prim_func([a, b]), np.array(2, "float32"), y)
    assert y == 3


def test_symbolic_extents_and_scalars() -> None:
    n, shift = te.var("n", "int64"), te.var("shift", "int64")
    a = te.placeholder((n,), name="A")
    b = te.compute((n,), lambda i: a[te.floormod(i + shift, n)], name="B")
    x, y = np.arange(5, dtype="float32"), np.empty(5, "float32")
    run(te.create_prim_func([a, shift, b]), x, 2, y)
    np.testing.assert_array_equal(y, np.roll(x, -2))


def test_the_index_dtype() -> None:
    a = te.placeholder((4, 3), name="A")
    b = te.compute(
        (4, 3), lambda i, j: te.if_then_else(i > j * 2, a[i - 1, 0], 0) + i.astype("float32"), "B"
    )
    c = te.compute((4,), lambda i: i * 2, name="C")
    found = te.create_prim_func([a, b, c], index_dtype_override="int64")
    text = found.script()
    assert "T.grid(T.int64(4), T.int64(3))" in text
    assert 'C: T.Buffer((T.int64(4),), "int32")' in text
    x = np.arange(12, dtype="float32").reshape(4, 3)
    y, z = np.empty_like(x), np.empty(4, "int32")
    run(found, x, y, z)
    i, j = np.indices((4, 3))
    np.testing.assert_array_equal(y, np.where(i > j * 2, x[i - 1, 0], 0) + i)
    np.testing.assert_array_equal(z, [0, 2, 4, 6])


def test_names_are_unique() -> None:
    a = te.placeholder((2,), name="A")
    b = te.compute((2,), lambda i: a[i] + 1.0, name="B")
    c = te.compute((2,), lambda i: b[i] + 1.0, name="B")
    text = te.create_prim_func([a, c]).script()
    assert 'T.block("B")' in text
    assert 'T.block("B_1")' in text


def test_wrong_expressions() -> None:
    a = te.placeholder((4,), name="A")
    k = te.reduce_axis((0, 4), "k")
    with pytest.raises(TypeMismatchError, match="whole value of a compute"):
        te.compute((1,), lambda i: te.sum(a[k], axis=k) + 1.0)
    with pytest.raises(TypeMismatchError, match="more parameters"):
        te.compute((4,), lambda i, j: a[i])
    with pytest.raises(TypeMismatchError, match="is no parameter"):
        te.create_prim_func([te.compute((4,), lambda i: a[i])])
    with pytest.raises(TypeMismatchError, match="has 1 dimensions"):
        a(0, 1)
