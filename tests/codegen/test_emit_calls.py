"""Calls out of compiled code: packed and C functions, LLVM intrinsics, other loop functions."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import pellucid
from pellucid.driver.build import build
from pellucid.ir.module import IRModule
from pellucid.script import ir as I
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, UnsupportedError
from tests.codegen.agreement import agree, random


@pytest.fixture
def seen():
    """What the packed functions of this file were called with."""
    return []


def test_packed_functions_take_numbers_strings_and_tensors(seen):
    def callee(tensor, number, real, flag, text):
        seen.append((tensor.numpy().copy(), number, real, flag, text))
        np.from_dlpack(tensor)[...] *= 2
        return 41

    pellucid.register_func("test.emit.callee", callee, override=True)

    @T.prim_func
    def f(A: T.Buffer((2, 3), "float32"), B: T.Buffer((1,), "int32")):
        B[0] = T.call_packed("test.emit.callee", A, 7, T.float32(0.5), T.bool(True), "text") + 1

    values = random((2, 3))
    given, result = values.copy(), np.zeros(1, "int32")
    build(f)(given, result)
    assert result[0] == 42
    np.testing.assert_array_equal(seen[0][0], values)
    assert seen[0][1:] == (7, 0.5, True, "text")
    np.testing.assert_array_equal(given, values * 2)


def test_packed_functions_take_regions_and_local_memory(seen):
    def callee(tensor):
        seen.append(tensor)
        np.from_dlpack(tensor)[...] += 1

    pellucid.register_func("test.emit.region", callee, override=True)

    @T.prim_func
    def f(A: T.Buffer((4, 6), "float32"), B: T.Buffer((4, 6), "float32")):
        tmp = T.alloc_buffer((4, 6), "float32")
        for i, j in T.grid(4, 6):
            tmp[i, j] = A[i, j]
        T.evaluate(T.call_packed("test.emit.region", tmp[1:3, 2:5]))
        for i, j in T.grid(4, 6):
            B[i, j] = tmp[i, j]

    values = random((4, 6))
    result = np.zeros((4, 6), "float32")
    build(f)(values, result)
    expected = values.copy()
    expected[1:3, 2:5] += 1
    np.testing.assert_array_equal(result, expected)
    gc.collect()
    np.testing.assert_array_equal(seen[0].numpy(), expected[1:3, 2:5])  # kept, and still valid


def test_an_exception_in_a_packed_function_reaches_the_caller():
    def failing(number):
        raise KeyError(f"no {number}")

    pellucid.register_func("test.emit.failing", failing, override=True)

    @T.prim_func
    def f(A: T.Buffer((4,), "int32")):
        large = T.alloc_buffer((100000,), "int32")
        for i in range(4):
            large[i] = i
            T.evaluate(T.call_packed("test.emit.failing", large[i]))
            A[i] = large[i]

    lib = build(f)
    for _ in range(3):
        with pytest.raises(KeyError, match="no 0"):
            lib(np.zeros(4, "int32"))


def test_an_unknown_packed_function_is_an_error_at_the_call():
    @T.prim_func
    def f(A: T.Buffer((4,), "int32")):
        A[0] = T.call_packed("test.emit.nowhere")

    with pytest.raises(RegistryError, match=r"test\.emit\.nowhere"):
        build(f)(np.zeros(4, "int32"))


def test_c_functions():
    @T.prim_func
    def f(A: T.Buffer((8,), "float64"), B: T.Buffer((8,), "float64")):
        for i in range(8):
            B[i] = T.call_pure_extern("float64", "cbrt", A[i]) + T.call_extern(
                "float64", "fmax", A[i], T.float64(0)
            )

    values = random((8,), "float64")
    result = np.zeros(8)
    build(f)(values, result)
    np.testing.assert_allclose(result, np.cbrt(values) + np.maximum(values, 0), rtol=1e-14)


def test_pointers_for_c_functions():
    @T.prim_func
    def f(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
        for i in range(4):
            T.evaluate(
                T.call_extern(
                    "handle",
                    "memcpy",
                    T.address_of(B[3 - i, 0]),
                    A.access_ptr("r", offset=i * 4),
                    T.uint64(16),
                )
            )

    values, result = random((4, 4)), np.zeros((4, 4), "float32")
    lib = build(f)
    lib(values, result)
    np.testing.assert_array_equal(result, values[::-1])
    reads, writes = lib.kernels["f"].signature.params
    assert (reads.writable, writes.writable) == (False, True)


def test_an_unknown_c_function_is_an_error():
    @T.prim_func
    def f(A: T.Buffer((4,), "int32")):
        A[0] = T.call_extern("int32", "there_is_no_such_function")

    with pytest.raises(RegistryError) as caught:
        build(f)
    assert str(caught.value) == (
        "f calls the C function 'there_is_no_such_function', which this process does not have.\n"
        "  cure: load its library first: ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL); "
        "or link LLVM IR that defines it: annotate a block with 'pragma_import_llvm'"
    )


def test_llvm_intrinsics():
    @T.prim_func
    def f(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        B[0:16] = T.call_llvm_pure_intrin(
            "float32x16", "llvm.fma", T.uint32(3), A[0:16], A[0:16], A[0:16]
        )
        for i in range(4):
            B[i] = B[i] + T.call_llvm_intrin("float32", "llvm.floor.f32", A[i])

    values, result = random((16,)), np.zeros(16, "float32")
    build(f)(values, result)
    expected = values * values + values
    expected[:4] += np.floor(values[:4])
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_loop_functions_that_call_each_other():
    @I.ir_module
    class Module:
        @T.prim_func(private=True)
        def square(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), k: T.int32):
            for i in range(8):
                B[i] = A[i] * A[i] + T.Cast("float32", k)

        @T.prim_func
        def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
            tmp = T.alloc_buffer((8,), "float32")
            Module.square(A, tmp, 3)
            Module.square(tmp, B, 1)

    values, result = random((8,)), np.zeros(8, "float32")
    lib = build(Module)
    lib["main"](values, result)
    np.testing.assert_allclose(result, (values**2 + 3) ** 2 + 1, rtol=1e-5)
    assert sorted(lib.kernels) == ["main", "square"]


def test_a_failure_in_a_callee_reaches_the_caller():
    @I.ir_module
    class Module:
        @T.prim_func(private=True)
        def check(A: T.Buffer((4,), "int32")):
            assert A[0] == 0, "not zero"
            A[1] = 1

        @T.prim_func
        def main(A: T.Buffer((4,), "int32")):
            Module.check(A)
            A[2] = 2

    lib = build(Module)
    values = np.zeros(4, "int32")
    lib["main"](values)
    assert values.tolist() == [0, 1, 2, 0]
    with pytest.raises(pellucid.support.errors.RunError, match="check: not zero"):
        lib["main"](np.ones(4, "int32"))


def test_everything_unsupported_is_listed_at_once():
    @T.prim_func
    def f(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i in T.thread_binding(4, thread="blockIdx.x"):
            for j in T.thread_binding(16, thread="threadIdx.x"):
                B[i * 16 + j] = A[i * 16 + j]

    with pytest.raises(UnsupportedError) as caught:
        build(IRModule({"f": f}))
    assert "2 things that cannot be compiled" in str(caught.value)
    assert "blockIdx.x" in str(caught.value)
    assert "threadIdx.x" in str(caught.value)


def test_results_of_pure_calls():
    @T.prim_func
    def f(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in T.vectorized(8):
            B[i] = T.call_pure_extern("float32", "fabsf", A[i])

    values, result = random((8,)), np.zeros(8, "float32")
    build(f)(values, result)
    np.testing.assert_array_equal(result, np.abs(values))


def test_prefetches_are_hints():
    @T.prim_func
    def f(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i in range(64):
            T.evaluate(T.prefetch(A[i]))
            B[i] = A[i]

    agree(f, random((64,)), random((64,)))
