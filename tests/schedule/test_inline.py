"""compute_inline and reverse_compute_inline."""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import Let, Var
from pellucid.ir.visitor import Mutator
from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import blur, conv, matmul_relu, normalise, reshape, two_stages


@T.prim_func
def inlined(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
    for i, j in T.grid(16, 16):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * 2.0 + 1.0


def inline(name: str) -> Any:
    return lambda sch: sch.compute_inline(name)


def reverse(name: str) -> Any:
    return lambda sch: sch.reverse_compute_inline(name)


def refused_inline(before: Any, name: str, reason: str, **parts: str) -> None:
    def steps(sch: Any) -> Any:
        block = sch.get_block(name)
        return lambda: sch.compute_inline(block)

    refused(before, steps, f"`compute_inline` cannot be applied: {reason}.", **parts)


def refused_reverse(before: Any, name: str, reason: str, **parts: str) -> None:
    def steps(sch: Any) -> Any:
        block = sch.get_block(name)
        return lambda: sch.reverse_compute_inline(block)

    refused(before, steps, f"`reverse_compute_inline` cannot be applied: {reason}.", **parts)


def test_inline() -> None:
    check(two_stages, inline("B"), inlined)


def test_inline_by_reference() -> None:
    check(two_stages, lambda sch: sch.compute_inline(sch.get_block("B")), inlined)


def test_inline_into_several_loads() -> None:
    @T.prim_func
    def expected(A: T.Buffer((18,)), C: T.Buffer((16,))) -> None:
        for i in range(16):
            with T.block("C"):
                vi = T.axis.spatial(16, i)
                C[vi] = A[vi] * 2.0 + A[vi + 1] * 2.0 + A[vi + 2] * 2.0

    check(blur, inline("B"), expected)


def test_inline_of_padding_into_a_reduction() -> None:
    sch = check(conv, inline("P"))
    text = sch.mod["main"].script()
    assert "A[vc, vy + vry - 1, vx + vrx - 1]" in text
    assert "P" not in [b.name for b in sch.get(sch.get_block("root")).alloc_buffers]


def test_inline_through_an_affine_store() -> None:
    @T.prim_func
    def expected(A: T.Buffer((4, 6)), C: T.Buffer((24,))) -> None:
        for i in range(24):
            with T.block("C"):
                vi = T.axis.spatial(24, i)
                C[vi] = A[vi // 6, vi % 6] * 2.0 + 1.0

    check(reshape, inline("B"), expected)


def test_inline_of_transposed_and_shifted_stores() -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 8)), C: T.Buffer((8, 4))) -> None:
        B = T.alloc_buffer((8, 1, 4))
        for i, j, u in T.grid(4, 8, 1):
            with T.block("B"):
                vi, vj, vu = T.axis.remap("SSS", [i, j, u])
                B[vj, vu, vi] = A[vi, vj] * 2.0
        for i, j in T.grid(8, 4):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, 0, vj]

    check(before, inline("B"))


def test_inline_after_a_split() -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("B")
        sch.split(sch.get_loops(block)[0], [None, 3])
        sch.compute_inline(block)

    check(two_stages, steps, inlined)


def test_inline_of_a_chain() -> None:
    def steps(sch: Any) -> None:
        sch.compute_inline("E")

    check(normalise, steps)


def test_inline_of_index_types_that_differ() -> None:
    @T.prim_func
    def before(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.cast(vi, "float32")
        for i in range(T.int64(8)):
            with T.block("C"):
                vi = T.axis.spatial(T.int64(8), i)
                C[vi] = B[vi]

    check(before, inline("B"))


def test_inline_of_values_with_definitions() -> None:
    @T.prim_func
    def plain(A: T.Buffer((8,)), C: T.Buffer((7,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 3.0
        for i in range(7):
            with T.block("C"):
                vi = T.axis.spatial(7, i)
                C[vi] = B[vi] + B[vi + 1]

    class WithLet(Mutator):
        def visit_mul_(self, op: Any) -> Any:
            x = Var("x", "float32")
            return Let(x, op, x * x)

    check(plain.with_body(WithLet().visit(plain.body)), inline("B"))


def test_inline_refuses() -> None:
    @T.prim_func
    def overlapping(A: T.Buffer((8, 8)), C: T.Buffer((15,))) -> None:
        B = T.alloc_buffer((15,))
        for i, j in T.grid(8, 8):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi + vj] = A[vi, vj]
        for i in range(15):
            with T.block("C"):
                vi = T.axis.spatial(15, i)
                C[vi] = B[vi]

    @T.prim_func
    def two_stores(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8, 2))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi, 0] = A[vi]
                B[vi, 1] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi, 0] + B[vi, 1]

    @T.prim_func
    def pointer(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                T.reads(B[0:8])
                T.writes(C[vi])
                C[vi] = T.call_extern("float32", "get", B.data, vi)

    refused_inline(normalise, "S", "the block 'S' has an init")
    refused_inline(two_stages, "C", "the block 'C' is an output block", found="it writes C")
    refused_inline(two_stages, "root", "the block 'root' is the root block")
    refused_inline(
        overlapping,
        "B",
        "the indices in the block 'B' are no bijective affine map of its iteration variables",
        found="the terms of vi + vj do not follow each other without gap or overlap",
    )
    refused_inline(two_stores, "B", "the body of the block 'B' is not one store", found="SeqStmt")
    refused_inline(pointer, "B", "the buffer 'B' is used through its pointer")


def test_inline_refuses_scopes_that_are_no_pipelines() -> None:
    @T.prim_func
    def overwritten(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0
        for i in range(8):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                A[vi] = 0.0
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi]

    @T.prim_func
    def partial(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(7):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = T.if_then_else(vi < 7, B[T.min(vi, 6)], 0.0)
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                T.reads(B[vi])
                T.evaluate(0)

    refused_inline(
        overwritten,
        "B",
        "the scope of 'root' is no stage pipeline: the block 'A' overwrites 'A', which 'B' reads "
        "before",
    )
    refused_inline(
        partial,
        "B",
        "the scope of 'root' is no stage pipeline: the block 'D' may read parts of 'B' that its "
        "producers did not write",
    )


def test_reverse_inline() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        for i, j in T.grid(16, 16):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj] * 2.0 + 1.0

    check(two_stages, reverse("C"), expected)


def test_reverse_inline_through_an_affine_load() -> None:
    @T.prim_func
    def before(A: T.Buffer((24,)), C: T.Buffer((4, 6))) -> None:
        B = T.alloc_buffer((24,))
        for i in range(24):
            with T.block("B"):
                vi = T.axis.spatial(24, i)
                B[vi] = A[vi] * 2.0
        for i, j in T.grid(4, 6):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi * 6 + vj] + B[vi * 6 + vj]

    @T.prim_func
    def expected(A: T.Buffer((24,)), C: T.Buffer((4, 6))) -> None:
        for i in range(24):
            with T.block("B"):
                vi = T.axis.spatial(24, i)
                C[vi // 6, vi % 6] = A[vi] * 2.0 + A[vi] * 2.0

    check(before, reverse("C"), expected)


def test_reverse_inline_of_a_part_gives_a_condition() -> None:
    @T.prim_func
    def before(A: T.Buffer((16, 2)), C: T.Buffer((10,))) -> None:
        B = T.alloc_buffer((16, 2))
        for i, j in T.grid(16, 2):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
        for i in range(10):
            with T.block("C"):
                vi = T.axis.spatial(10, i)
                C[vi] = B[vi + 3, 1]

    @T.prim_func
    def expected(A: T.Buffer((16, 2)), C: T.Buffer((10,))) -> None:
        for i, j in T.grid(16, 2):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.where(3 <= i and i < 13 and j == 1)
                C[vi - 3] = A[vi, vj] * 2.0

    check(before, reverse("C"), expected)


def test_reverse_inline_into_a_guarded_store() -> None:
    @T.prim_func
    def before(A: T.Buffer((16,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(16, i)
                if vi % 2 == 0:
                    B[vi // 2] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi] + 1.0

    check(before, reverse("C"))


def test_reverse_inline_refuses() -> None:
    @T.prim_func
    def two_inputs(A: T.Buffer((8,)), D: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        C = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi]
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = B[vi] + C[vi]

    @T.prim_func
    def two_consumers(A: T.Buffer((8,)), C: T.Buffer((8,)), D: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi]
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = B[vi]

    def predicated(sch: Any) -> Any:
        block = sch.get_block("C")
        sch.split(sch.get_loops(block)[0], [None, 3])
        return lambda: sch.reverse_compute_inline(block)

    refused_reverse(normalise, "S", "the block 'S' has an init")
    refused(
        two_stages,
        predicated,
        "`reverse_compute_inline` cannot be applied: the block 'C' has a predicate.",
        found="i_0 * 3 + i_1 < 16",
    )
    refused_reverse(
        two_inputs,
        "D",
        "the block 'D' does not read exactly one buffer that the scope produces",
        found="B, C",
    )
    refused_reverse(
        two_stages,
        "B",
        "the block 'B' does not read exactly one buffer that the scope produces",
        found="none",
    )
    refused_reverse(two_consumers, "C", "the buffer 'B' has other consumers", found="D")
    refused_reverse(
        blur,
        "C",
        "the block 'C' loads 'B' at different indices",
        found="B[vi], B[vi + 1], B[vi + 2]",
    )
    refused_reverse(
        matmul_relu,
        "D",
        "the block 'C' is no complete block: not all of its iteration variables are data-parallel",
    )


def test_indices_of_a_reversed_map_begin_with_the_last_dimension() -> None:
    @T.prim_func
    def before(A: T.Buffer((24,)), C: T.Buffer((24,))) -> None:
        B = T.alloc_buffer((2, 3, 4))
        for i, j, k in T.grid(2, 3, 4):
            with T.block("B"):
                vi, vj, vk = T.axis.remap("SSS", [i, j, k])
                B[vi, vj, vk] = A[vi * 12 + vj * 4 + vk] * 2.0
        for i in range(24):
            with T.block("C"):
                vi = T.axis.spatial(24, i)
                C[vi] = B[vi // 12, vi // 4 % 3, vi % 4] + 1.0

    text = check(before, lambda sch: sch.reverse_compute_inline("C")).mod.script()
    assert "C[vk + vj * 4 + vi * 12] = " in text
