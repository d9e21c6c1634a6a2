"""What compiled functions check: arguments at the entry, and indices with `bounds_check`."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.codegen.llvm.kernel_signature import kernel_signature
from pellucid.driver.build import build
from pellucid.ir import scalar as ir
from pellucid.ir.module import IRModule
from pellucid.runtime.signature import ScalarSpec, TensorSpec
from pellucid.script import tir as T
from pellucid.support.errors import (
    ArgumentError,
    RegistryError,
    RunError,
    UnsupportedError,
    WellFormedError,
)
from pellucid.tir.buffer import decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For
from tests.codegen.agreement import agree, random


@T.prim_func
def scale(a: T.handle, b: T.handle, k: T.int32, factor: T.float32):
    n = T.int64()
    A = T.match_buffer(a, (n, 4), "float32")
    B = T.match_buffer(b, (4, n), "float32")
    for i, j in T.grid(n, 4):
        B[j, i] = A[i, j] * factor + T.Cast("float32", k)


def call(**changes):
    """The arguments of a call of `scale`, with some of them changed."""
    args = {"a": random((3, 4)), "b": random((4, 3)), "k": 2, "factor": 0.5}
    return list({**args, **changes}.values())


LIB = build(scale)


def test_the_signature():
    signature = LIB.kernels["scale"].signature
    assert signature.params == (
        TensorSpec("A", "float32", ("n", 4)),
        TensorSpec("B", "float32", (4, "n"), writable=True),
        ScalarSpec("k", "int32"),
        ScalarSpec("factor", "float32"),
    )
    assert signature.symbols() == ("n",)


def test_fitting_arguments():
    args = call()
    LIB(*args)
    np.testing.assert_allclose(args[1], args[0].T * 0.5 + 2, rtol=1e-6)
    LIB(*call(a=np.zeros((0, 4), "float32"), b=np.zeros((4, 0), "float32")))
    LIB(*call(factor=3))


@pytest.mark.parametrize(
    "changes",
    [
        {"a": random((3, 4), "float64")},
        {"a": random((3, 4, 1))},
        {"a": random((3, 5))},
        {"a": random((2, 4))},
        {"b": random((5, 3))},
        {"a": 3.0},
        {"k": 2.5},
        {"k": 2**40},
        {"a": random((3, 8))[:, ::2]},
        {"factor": "x"},
    ],
)
def test_arguments_that_do_not_fit(changes):
    args = call(**changes)
    before = args[1].copy() if isinstance(args[1], np.ndarray) else None
    with pytest.raises(ArgumentError, match="scale"):
        LIB(*args)
    if before is not None:
        np.testing.assert_array_equal(args[1], before)


def test_misaligned_and_read_only_arrays():
    raw = np.zeros(4 * 12 + 1, "uint8")
    odd = raw[1:].view("float32").reshape(3, 4)
    with pytest.raises(ArgumentError, match="alignment"):
        LIB(*call(a=odd))
    fixed = random((4, 3))
    fixed.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        LIB(*call(b=fixed))
    source = random((3, 4))
    source.flags.writeable = False
    LIB(*call(a=source))


def test_scalars_that_are_dimensions():
    @T.prim_func
    def f(a: T.handle, n: T.int64, b: T.handle):
        A = T.match_buffer(a, (n * 2,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            B[i] = A[i * 2] + A[i * 2 + 1]

    lib = build(f)
    values, result = random((6,)), np.zeros(3, "float32")
    lib(values, 3, result)
    np.testing.assert_allclose(result, values[::2] + values[1::2])
    with pytest.raises(ArgumentError):
        lib(values, 4, result)
    with pytest.raises(ArgumentError):
        lib(values, 3, np.zeros(4, "float32"))


def test_dimensions_that_nothing_tells():
    n, i = ir.Var("n", "int64"), ir.Var("i", "int64")
    a = decl_buffer((n * 2,), "float32", "A")
    body = For(i, 0, n, "serial", BufferStore(a, ir.FloatImm("float32", 0.0), [i]))
    with pytest.raises(UnsupportedError, match="the dimension 'n' cannot be told"):
        kernel_signature(PrimFunc([a], body), "f")
    with pytest.raises(WellFormedError, match="the variable 'n' is not defined"):
        build(PrimFunc([a], body))


def test_names_that_two_dimensions_share():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            B[i] = A[i]

    lib = build(f)
    with pytest.raises(ArgumentError, match="'n'"):
        lib(random((3,)), random((4,)))


def test_every_index_is_checked_when_asked():
    @T.prim_func
    def f(
        A: T.Buffer((4, 8), "float32"), at: T.Buffer((4,), "int32"), B: T.Buffer((4,), "float32")
    ):
        for i in range(4):
            B[i] = A[i, at[i]]

    lib = build(f, bounds_check=True)
    fine = np.array([0, 7, 3, 1], "int32")
    agree(f, random((4, 8)), fine, random((4,)), bounds_check=True)
    for bad in (8, -1, 100000):
        wrong = fine.copy()
        wrong[2] = bad
        with pytest.raises(RunError) as caught:
            lib(random((4, 8)), wrong, random((4,)))
        message = f"f: buffer 'A', dimension 1: the index {bad} is outside 0 <= index < 8"
        assert str(caught.value) == message


def test_vectors_are_checked_lane_by_lane():
    @T.prim_func
    def f(A: T.Buffer((20,), "float32"), B: T.Buffer((32,), "float32"), n: T.int32):
        for i in T.vectorized(32):
            if i < n:
                B[i] = A[i]

    lib = build(f, bounds_check=True)
    agree(f, random((20,)), random((32,)), 20, bounds_check=True)
    with pytest.raises(RunError, match="buffer 'A', dimension 0: the index 20 is outside"):
        lib(random((20,)), random((32,)), 25)


def test_stores_are_checked_before_anything_is_written():
    @T.prim_func
    def f(at: T.Buffer((1,), "int32"), B: T.Buffer((4,), "float32")):
        B[at[0]] = T.float32(1)

    lib = build(f, bounds_check=True)
    result = np.zeros(4, "float32")
    with pytest.raises(RunError, match="buffer 'B', dimension 0: the index 4 is outside"):
        lib(np.array([4], "int32"), result)
    assert not result.any()


def test_arguments_that_share_memory():
    @T.prim_func
    def f(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32"), C: T.Buffer((4,), "float32")):
        for i in range(4):
            C[i] = A[i] + B[i]

    lib = build(f)
    values = random((8,))
    lib(values[:4], values[:4], np.zeros(4, "float32"))
    lib(values[:4], values[:4], values[4:])
    with pytest.raises(RunError) as caught:
        lib(values[:4], values[3:7], values[4:])
    assert str(caught.value) == (
        "The arguments 'C' and 'B' of f share memory, and 'C' is written.\n"
        "  cure: pass a copy of one of them, or declare the function with "
        'T.func_attr({"tir.noalias": False})'
    )
    allowed = build(f.with_attr("tir.noalias", False))
    expected = values[:4] * 2
    allowed(values[:4], values[:4], values[:4])
    np.testing.assert_array_equal(values[:4], expected)


def test_empty_arguments_share_nothing():
    @T.prim_func
    def f(a: T.handle, b: T.handle):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            B[i] = A[i]

    values = random((4,))
    build(f)(values[:0], values[0:0])


def test_a_value_is_returned_without_being_declared():
    @T.prim_func
    def f(n: T.int32):
        T.ret(n * n + 1)

    assert build(f)(7) == 50


def test_a_function_has_its_name_in_the_module_and_its_global_symbol():
    doubled = scale.with_attr("global_symbol", "scaled")
    library = build(IRModule({"main": doubled}))
    for name in ("main", "scaled"):
        args = call()
        library[name](*args)
        np.testing.assert_allclose(args[1], args[0].T * 0.5 + 2, rtol=1e-6)
    assert library.function_names() == ["main"]
    assert "scaled" in library
    with pytest.raises(RegistryError, match="no function named 'scale'"):
        library["scale"]
