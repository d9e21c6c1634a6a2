"""The exact form that new expressions, regions and names take."""

from __future__ import annotations

from typing import Any

from pellucid import tir
from pellucid.ir.structural import structural_equal, structural_hash
from pellucid.script import tir as T
from tests.schedule.harness import check
from tests.schedule.programs import elementwise, loops


def test_a_predicate_keeps_the_nested_index_and_the_order_of_the_splits() -> None:
    @T.prim_func
    def before(A: T.Buffer((128, 128)), B: T.Buffer((128, 128))) -> None:
        for i, j in T.grid(128, 128):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0

    @T.prim_func
    def expected(A: T.Buffer((128, 128)), B: T.Buffer((128, 128))) -> None:
        for i0, i1, i2, j0, j1 in T.grid(1000, 2, 3, 1, 129):
            with T.block("B"):
                vi = T.axis.spatial(128, i0 * 6 + i1 * 3 + i2)
                vj = T.axis.spatial(128, j0 * 129 + j1)
                T.where((i0 * 2 + i1) * 3 + i2 < 128 and j0 * 129 + j1 < 128)
                B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        i, j = loops(sch, "B")
        sch.split(i, [1000, 2, 3])
        sch.split(j, [None, 129])

    check(before, steps, expected)


def test_a_copy_inside_a_block_is_as_large_as_what_the_block_reads() -> None:
    @T.prim_func
    def before(B: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
        A = T.alloc_buffer((8, 8))
        for i0, j0 in T.grid(2, 2):
            with T.block("tile"):
                i, j = T.axis.remap("SS", [i0, j0])
                for x, y in T.grid(4, 4):
                    with T.block("A"):
                        vi = T.axis.spatial(8, i * 4 + x)
                        vj = T.axis.spatial(8, j * 4 + y)
                        A[vi, vj] = 1.0
                for x, y in T.grid(4, 4):
                    with T.block("B"):
                        vi = T.axis.spatial(8, i * 4 + x)
                        vj = T.axis.spatial(8, j * 4 + y)
                        B[vi, vj] = A[vi, vj] + 1.0
        for i, j in T.grid(8, 8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj] * 2.0

    @T.prim_func
    def expected(B: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
        A = T.alloc_buffer((8, 8))
        A_global = T.alloc_buffer((8, 8))
        for i0, j0 in T.grid(2, 2):
            with T.block("tile"):
                i, j = T.axis.remap("SS", [i0, j0])
                T.reads(A[i * 4 : i * 4 + 4, j * 4 : j * 4 + 4])
                T.writes(
                    A[i * 4 : i * 4 + 4, j * 4 : j * 4 + 4], B[i * 4 : i * 4 + 4, j * 4 : j * 4 + 4]
                )
                A_local = T.alloc_buffer((4, 4), scope="local")
                for x, y in T.grid(4, 4):
                    with T.block("A"):
                        vi = T.axis.spatial(8, i * 4 + x)
                        vj = T.axis.spatial(8, j * 4 + y)
                        A[vi, vj] = 1.0
                for x, y in T.grid(4, 4):
                    with T.block("A_local"):
                        vi, vj = T.axis.remap("SS", [x, y])
                        A_local[vi, vj] = A[i * 4 + vi, j * 4 + vj]
                for x, y in T.grid(4, 4):
                    with T.block("B"):
                        vi = T.axis.spatial(8, i * 4 + x)
                        vj = T.axis.spatial(8, j * 4 + y)
                        B[vi, vj] = A_local[vi - i * 4, vj - j * 4] + 1.0
        for ax0, ax1 in T.grid(8, 8):
            with T.block("A_global"):
                v0, v1 = T.axis.remap("SS", [ax0, ax1])
                A_global[v0, v1] = A[v0, v1]
        for i, j in T.grid(8, 8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A_global[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        sch.cache_read("B", 0, "local")
        sch.cache_read("C", 0, "global")

    check(before, steps, expected)


def test_the_mark_of_a_schedule_is_no_difference() -> None:
    sch = tir.Schedule(elementwise)
    sch.parallel(sch.get_loops("B")[0])
    marked = sch.mod["main"]
    plain = marked.without_attr("tir.is_scheduled")
    assert structural_equal(marked, plain)
    assert structural_hash(marked) == structural_hash(plain)
    assert not structural_equal(marked, plain.with_attr("target", "llvm"))
