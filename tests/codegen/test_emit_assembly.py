"""Facts about the generated code: what the instructions are, on each target."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.script import tir as T
from tests.codegen.agreement import random
from tests.codegen.harness import ARM, AVX2, BASELINE, HOST, foreign_calls

ZMM = "llvm -mcpu=skylake-avx512 -mtriple=x86_64-unknown-linux-gnu"


@T.prim_func
def gemm(  # noqa: C901 - a tile has three nests of loops
    A: T.Buffer((64, 96), "float32"),
    B: T.Buffer((2, 96, 48), "float32"),
    C: T.Buffer((64, 96), "float32"),
):
    tile = T.alloc_buffer((64, 96), "float32", scope="local")
    for jo in T.parallel(2):
        for io in range(8):
            for ii in T.unroll(8):
                for ji in T.unroll(3):
                    for v in T.vectorized(16):
                        with T.block("init"):
                            vi = T.axis.spatial(64, io * 8 + ii)
                            vj = T.axis.spatial(96, jo * 48 + ji * 16 + v)
                            tile[vi, vj] = T.float32(0)
            for k in range(96):
                for ii in T.unroll(8):
                    for ji in T.unroll(3):
                        for v in T.vectorized(16):
                            with T.block("update"):
                                vi = T.axis.spatial(64, io * 8 + ii)
                                vj = T.axis.spatial(96, jo * 48 + ji * 16 + v)
                                vk = T.axis.reduce(96, k)
                                tile[vi, vj] = tile[vi, vj] + A[vi, vk] * B[vj // 48, vk, vj % 48]
            for ii in T.unroll(8):
                for ji in T.unroll(3):
                    for v in T.vectorized(16):
                        with T.block("write"):
                            vi = T.axis.spatial(64, io * 8 + ii)
                            vj = T.axis.spatial(96, jo * 48 + ji * 16 + v)
                            C[vi, vj] = tile[vi, vj]


def function_text(assembly, part):
    """The lines of the function whose name has `part` in it."""
    lines = assembly.splitlines()
    start = next(n for n, line in enumerate(lines) if line.rstrip(":").endswith(part))
    end = next(
        n for n in range(start, len(lines)) if ".size" in lines[n] or "cfi_endproc" in lines[n]
    )
    return lines[start:end]


def test_a_tiled_matmul_lives_in_registers():
    code = function_text(build(gemm, ZMM).get_source("asm"), "gemm.body1")
    products = [line for line in code if "vfmadd" in line and "zmm" in line]
    spills = [line for line in code if re.search(r"\(%r[sb]p.*zmm|zmm.*\(%r[sb]p", line)]
    assert len(products) >= 24
    assert spills == []
    assert not any("call" in line for line in code)


def test_the_tiled_matmul_is_right():
    a, b = random((64, 96)), random((96, 96), seed=1)
    packed = np.ascontiguousarray(b.reshape(96, 2, 48).transpose(1, 0, 2))
    c = np.zeros((64, 96), "float32")
    build(gemm)(a, packed, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-3)


@T.prim_func
def plain(
    A: T.Buffer((64, 64), "float32"),
    B: T.Buffer((64, 64), "float32"),
    C: T.Buffer((64, 64), "float32"),
):
    for i, j, k in T.grid(64, 64, 64):
        with T.block("c"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def test_an_accumulator_stays_in_a_register():
    text = build(plain, ZMM).get_source("ll")
    loops = [
        block for block in re.split(r"\n\n", text) if "llvm.fma.f32(" in block and "phi" in block
    ]
    assert loops
    assert not any("store" in block for block in loops)
    assert all("phi float" in block for block in loops)


def test_addresses_need_no_multiplication_in_loops():
    code = build(plain, ZMM).get_source("asm")
    assert "imul" not in code


@pytest.mark.parametrize(
    ("target", "register"),
    [(ZMM, "zmm"), (AVX2, "ymm"), (BASELINE, "xmm"), (ARM, r"v\d+\.4s")],
    ids=["avx512", "avx2", "sse2", "neon"],
)
def test_vectors_use_the_widest_registers(target, register):
    @T.prim_func
    def f(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i in T.vectorized(64):
            B[i] = A[i] * A[i] + T.float32(1)

    assert re.search(register, build(f, target).get_source("asm"))


@pytest.mark.parametrize("target", [HOST, AVX2, BASELINE, ARM], ids=str)
@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float8_e4m3fn", "float32", "int8", "bool"]
)
def test_every_target_assembles_every_dtype_and_calls_no_library(target, dtype):
    @T.prim_func
    def f(A: T.Buffer((32,), dtype), B: T.Buffer((32,), dtype), n: T.int32):
        for o in T.parallel(2):
            for i in T.vectorized(16):
                if o * 16 + i < n:
                    B[o * 16 + i] = T.max(A[31 - o * 16 - i], A[o * 16 + i])

    lib = build(f, target)
    assert len(lib.object_code) > 200
    known = {"pellucid_parallel_for", "pellucid_run_enter", "pellucid_run_leave", "f"}
    others = set(foreign_calls(lib.get_source("asm"))) - known
    assert {each for each in others if not each.startswith("TVMFFI")} == set()


def test_math_becomes_straight_vector_code():
    @T.prim_func
    def f(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i in T.vectorized(64):
            B[i] = T.exp(A[i]) / (T.float32(1) + T.tanh(A[i]))

    code = "\n".join(function_text(build(f, ZMM).get_source("asm"), "__tvm_ffi_f"))
    assert "zmm" in code
    assert "exp" not in code


def test_rectifiers_are_one_instruction():
    @T.prim_func
    def relu(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        for i in T.vectorized(16):
            B[i] = T.max(A[i], T.float32(0))

    code = build(relu, ZMM).get_source("asm")
    assert "vmaxps" in code
    assert "vcmp" not in code


def test_sources_of_all_kinds():
    lib = build(plain)
    assert "define" in lib.get_source("ll")
    assert ".text" in lib.get_source("asm")
    assert "@T.prim_func" in lib.get_source("tir")


def test_private_functions_are_callable_and_their_bodies_internal():
    lib = build(plain)
    assert "define internal" in lib.get_source("ll") or "pellucid_raw" not in lib.get_source("ll")
    assert lib.function_names() == ["plain"]
