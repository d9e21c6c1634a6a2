"""Programs as people of the field write them: each parses, is well-formed, and survives printing.

The texts are our own; what they show is the breadth of the language: schedules' results, lowered
code, low precision, vectors, threads, scans, tuple reductions, views.
"""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.structural import assert_structural_equal
from pellucid.script import from_source
from pellucid.tir.block import Block
from pellucid.tir.stmt import For

PROGRAMS = {
    "matmul": """
@T.prim_func
def matmul(a: T.handle, b: T.handle, c: T.handle) -> None:
    A = T.match_buffer(a, [128, 128])
    B = T.match_buffer(b, [128, 128])
    C = T.match_buffer(c, [128, 128])
    for i, j, k in T.grid(128, 128, 128):
        with T.block("update"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] += A[vi, vk] * B[vj, vk]
""",
    "symbolic_linear": """
@T.prim_func
def linear(x: T.handle, w: T.handle, b: T.handle, z: T.handle):
    m, n, k = T.int64(), T.int64(), T.int64()
    X = T.match_buffer(x, (1, m), "float32")
    W = T.match_buffer(w, (n, m), "float32")
    B = T.match_buffer(b, (n,), "float32")
    Z = T.match_buffer(z, (1, n), "float32")
    Y = T.alloc_buffer((1, n), "float32")
    for i, j, k in T.grid(1, n, m):
        with T.block("Y"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                Y[vi, vj] = T.float32(0)
            Y[vi, vj] = Y[vi, vj] + X[vi, vk] * W[vj, vk]
    for i, j in T.grid(1, n):
        with T.block("Z"):
            vi, vj = T.axis.remap("SS", [i, j])
            Z[vi, vj] = Y[vi, vj] + B[vj]
""",
    "conv2d_padded": """
@T.prim_func
def conv2d(
    X: T.Buffer((1, 3, 30, 30), "float32"),
    W: T.Buffer((8, 3, 3, 3), "float32"),
    Y: T.Buffer((1, 8, 30, 30), "float32"),
):
    T.func_attr({"tir.noalias": True})
    pad = T.alloc_buffer((1, 3, 32, 32))
    for n, c, h, w in T.grid(1, 3, 32, 32):
        with T.block("pad"):
            vn, vc, vh, vw = T.axis.remap("SSSS", [n, c, h, w])
            pad[vn, vc, vh, vw] = T.if_then_else(
                1 <= vh and vh < 31 and 1 <= vw and vw < 31, X[vn, vc, vh - 1, vw - 1], T.float32(0)
            )
    for n, f, h, w, rc, ry, rx in T.grid(1, 8, 30, 30, 3, 3, 3):
        with T.block("conv"):
            vn, vf, vh, vw, vc, vy, vx = T.axis.remap("SSSSRRR", [n, f, h, w, rc, ry, rx])
            with T.init():
                Y[vn, vf, vh, vw] = T.float32(0)
            Y[vn, vf, vh, vw] += pad[vn, vc, vh + vy, vw + vx] * W[vf, vc, vy, vx]
""",
    "softmax": """
@T.prim_func
def softmax(A: T.Buffer((16, 64), "float32"), B: T.Buffer((16, 64), "float32")):
    top = T.alloc_buffer((16,))
    total = T.alloc_buffer((16,))
    e = T.alloc_buffer((16, 64))
    for i, k in T.grid(16, 64):
        with T.block("top"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                top[vi] = T.min_value("float32")
            top[vi] = T.max(top[vi], A[vi, vk])
    for i, j in T.grid(16, 64):
        with T.block("e"):
            vi, vj = T.axis.remap("SS", [i, j])
            e[vi, vj] = T.exp(A[vi, vj] - top[vi])
    for i, k in T.grid(16, 64):
        with T.block("total"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                total[vi] = T.float32(0)
            total[vi] = total[vi] + e[vi, vk]
    for i, j in T.grid(16, 64):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = e[vi, vj] / total[vi]
""",
    "scan": """
@T.prim_func
def cumsum(A: T.Buffer((8, 16), "int64"), B: T.Buffer((8, 16), "int64")):
    for i in T.parallel(8):
        for j in range(16):
            with T.block("sum"):
                vi = T.axis.spatial(8, i)
                vj = T.axis.scan(16, j)
                T.reads(A[vi, vj], B[vi, T.max(vj - 1, 0)])
                T.writes(B[vi, vj])
                B[vi, vj] = T.if_then_else(vj == 0, A[vi, vj], B[vi, vj - 1] + A[vi, vj])
""",
    "split_with_predicate": """
@T.prim_func
def tail(A: T.Buffer((1000,), "float32"), B: T.Buffer((1000,), "float32")):
    for io in T.parallel(63, annotations={"grain": 4}):
        for ii in T.vectorized(16):
            with T.block("B"):
                vi = T.axis.spatial(1000, io * 16 + ii)
                T.where(io * 16 + ii < 1000)
                T.block_attr({"tuned": [1, 2, 3], "note": "tail"})
                B[vi] = T.sqrt(A[vi])
""",
    "split_reduction_init": """
@T.prim_func
def decomposed(A: T.Buffer((64, 64), "float32"), C: T.Buffer((64,), "float32")):
    for i_0 in T.serial(16):
        for i_1_init in T.vectorized(4):
            with T.block("C_init"):
                vi = T.axis.spatial(64, i_0 * 4 + i_1_init)
                T.reads()
                T.writes(C[vi])
                C[vi] = T.float32(0)
        for k in T.serial(0, 64):
            for i_1 in T.vectorized(0, 4):
                with T.block("C_update"):
                    vi = T.axis.spatial(64, i_0 * 4 + i_1)
                    vk = T.axis.reduce(64, k)
                    T.reads(C[vi], A[vi, vk])
                    T.writes(C[vi])
                    C[vi] = C[vi] + A[vi, vk]
""",
    "opaque_view": """
@T.prim_func
def gemm(A: T.Buffer((64, 64), "float16"), B: T.Buffer((64, 64), "float16")):
    for i, j in T.grid(4, 4):
        with T.block("tile"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16])
            T.writes(B[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16])
            s0 = T.int32()
            s1 = T.int32()
            s2 = T.int32()
            source = T.match_buffer(
                A[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16],
                (16, 16), "float16", strides=[s0, s1], offset_factor=16,
            )
            target = T.match_buffer(
                B[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16], (16, 16), "float16",
                strides=[s2, 1], offset_factor=16,
            )
            T.evaluate(
                T.call_extern(
                    "int32", "copy_tile", source.access_ptr("r"), target.access_ptr("w"), s0, s1
                )
            )
""",
    "tensorized_block": """
@T.prim_func
def blocked(A: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    for i, j in T.grid(4, 4):
        with T.block("outer"):
            vio, vjo = T.axis.remap("SS", [i, j])
            T.reads(A[vio * 16 : vio * 16 + 16, vjo * 16 : vjo * 16 + 16])
            T.writes(C[vio * 16 : vio * 16 + 16, vjo * 16 : vjo * 16 + 16])
            for x, y in T.grid(16, 16):
                with T.block("inner"):
                    vii, vji = T.axis.remap("SS", [x, y])
                    C[vio * 16 + vii, vjo * 16 + vji] = A[vio * 16 + vii, vjo * 16 + vji] * 2.0
""",
    "threads": """
@T.prim_func
def scaled(A: T.Buffer((1024,), "float32"), B: T.Buffer((1024,), "float32")):
    for bx in T.thread_binding(8, thread="blockIdx.x"):
        for tx in T.thread_binding(128, thread="threadIdx.x"):
            with T.block("B"):
                v = T.axis.spatial(1024, bx * 128 + tx)
                B[v] = A[v] * T.float32(2)
""",
    "lowered_flat": """
@T.prim_func
def flat(a: T.handle("float32", "global"), n: T.int32) -> T.int32:
    T.func_attr({"calling_conv": 1})
    A = T.Buffer((1024,), data=a)
    scratch = T.allocate([64], "float32", "local")
    S = T.Buffer((64,), data=scratch, scope="local")
    for i in T.unroll(16):
        S[T.Ramp(i * 4, 1, 4)] = A[T.Ramp(i * 4, 1, 4)] * T.Broadcast(T.float32(0.5), 4)
    count: T.int32 = n // 4
    assert count > 0, "at least four"
    with T.attr(A.data, "storage_alignment", 64):
        i = T.decl_buffer((1,), "int32", scope="local")
        i[0] = 0
        while i[0] < count:
            if A[i[0]] < T.float32(0):
                A[i[0]] = S[i[0] % 64]
            i[0] = i[0] + 1
    return count
""",
    "low_precision": """
@T.prim_func
def convert(
    A: T.Buffer((64,), "bfloat16"),
    B: T.Buffer((64,), "float8_e4m3fn"),
    C: T.Buffer((64,), "float8_e5m2"),
    D: T.Buffer((64,), "uint8"),
    E: T.Buffer((64,), "bool"),
):
    for i in range(64):
        with T.block("convert"):
            v = T.axis.spatial(64, i)
            B[v] = T.Cast("float8_e4m3fn", A[v])
            C[v] = T.Cast("float8_e5m2", T.Cast("float32", A[v]) * T.float32(2))
            D[v] = T.reinterpret("uint8", B[v])
            E[v] = A[v] < T.bfloat16(1) or D[v] == T.uint8(3)
""",
    "sixty_four_bit_indices": """
@T.prim_func
def big(A: T.Buffer((T.int64(4), T.int64(8)), "float32"), B: T.Buffer((4, 8), "float32")):
    for i, j in T.grid(T.int64(4), T.int64(8)):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.Cast("float32", vi * T.int64(8) + vj)
""",
    "zero_dimensional": """
@T.prim_func
def scalar(A: T.Buffer((), "float32"), B: T.Buffer((), "float32")):
    with T.block("B"):
        vi = T.axis.spatial(1, 0)
        T.reads(A[()])
        T.writes(B[()])
        B[()] = A[()] + 1.0
""",
    "bits_and_shifts": """
@T.prim_func
def unpack(A: T.Buffer((16,), "uint8"), B: T.Buffer((32,), "int8")):
    for i in range(32):
        with T.block("B"):
            v = T.axis.spatial(32, i)
            word = T.meta_var(A[v // 2] >> T.Cast("uint8", v % 2 * 4))
            B[v] = T.Cast("int8", word & T.uint8(15)) - T.int8(8)
""",
    "calls": """
@T.prim_func
def calls(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    T.evaluate(T.call_packed("library.f", A.data, 3, "name", T.float32(1)))
    T.call_extern("int32", "free", A.access_ptr("r", offset=1))
    T.evaluate(T.tvm_access_ptr(T.type_annotation("float32"), B.data, 0, 4, 2))
    B[0] = T.call_pure_extern("float32", "fabsf", A[0])
    B[1] = T.likely(A[1] < A[2])
    B[2] = T.Let(x * x, where={x: A[0]}) if False else T.Select(A[0] < A[1], A[0], A[1])
""".replace("T.Let(x * x, where={x: A[0]}) if False else ", ""),
    "allocate_const": """
@T.prim_func
def table(B: T.Buffer((4,), "int32")):
    data = T.allocate_const([1, 2, 3, 4], "int32", [4])
    D = T.Buffer((4,), "int32", data=data)
    for i in range(4):
        B[i] = D[i]
""",
    "launched_threads": """
@T.prim_func
def launched(A: T.Buffer((64,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    bx = T.launch_thread("blockIdx.x", 2)
    A[bx * 32 + tx] = T.float32(1)
""",
    "strided_parameters": """
@T.prim_func
def strided(a: T.handle, b: T.handle, n: T.int32):
    s, o = T.int32(), T.int32()
    A = T.match_buffer(a, (n, 4), strides=[s, 1], elem_offset=o, align=16, offset_factor=4)
    B = T.match_buffer(b, (n,), scope="global")
    for i in range(n):
        B[i] = A[i, 0] - A[i, 3]
""",
    "allocation_in_blocks": """
@T.prim_func
def local(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(4):
        with T.block("outer"):
            vi = T.axis.spatial(4, i)
            cache = T.alloc_buffer((16,), scope="local")
            for j in range(16):
                with T.block("cache"):
                    vj = T.axis.spatial(16, j)
                    cache[vj] = A[vi * 16 + vj]
            for j in range(16):
                with T.block("B"):
                    vj = T.axis.spatial(16, j)
                    B[vi * 16 + vj] = cache[vj] + 1.0
""",
    "module": """
@I.ir_module
class Module:
    I.module_attrs({"kind": "test"})

    @T.prim_func(private=True)
    def twice(x: T.int32) -> T.int32:
        return x * 2

    @T.prim_func
    def main(A: T.Buffer((4,), "int32")):
        cls = Module
        for i in range(4):
            A[i] = cls.twice(A[i])
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_survives_printing(name: str) -> None:
    program = from_source(PROGRAMS[name])
    again = from_source(program.script(show_meta=True))
    assert_structural_equal(again, program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_names_survive_printing(name: str) -> None:
    program = from_source(PROGRAMS[name])
    text = program.script(show_meta=True)
    assert from_source(text).script(show_meta=True) == text


def test_the_kernels_of_the_course(shared: Any) -> None:
    """The loop functions of the documents that lie beside the repository."""
    found = 0
    for path in sorted((shared / "seeds").glob("*.txt")):
        for text in _prim_funcs(path.read_text("utf-8")):
            function = from_source(text)
            assert_structural_equal(from_source(function.script(show_meta=True)), function)
            found += 1
    assert found >= 9


def _prim_funcs(document: str) -> list[str]:
    """The text of each loop function that stands alone or in a class, dedented."""
    found: list[str] = []
    lines = document.replace("\\\n", "\\\n").splitlines()
    for start, line in enumerate(lines):
        if line.strip() != "@T.prim_func":
            continue
        indent = len(line) - len(line.lstrip())
        block = [line[indent:]]
        for each in lines[start + 1 :]:
            inside = each[:indent].strip() == "" and not each.startswith("```")
            if not inside or (
                each.strip() and len(each) - len(each.lstrip()) <= indent and len(block) > 1
            ):
                break
            block.append(each[indent:])
        text = "\n".join(block)
        if "..." not in text:
            found.append(text)
    return found


def test_loops_have_places() -> None:
    function = from_source(PROGRAMS["matmul"])
    spans: list[int] = []

    def visit(node: Any) -> None:
        if isinstance(node, For | Block) and node.span is not None:
            spans.append(node.span.line)
        node.walk(visit, lambda _: None)

    visit(function)
    assert spans[-1] == 8
