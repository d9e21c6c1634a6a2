"""Primitives of loops and blocks on programs of symbolic size: Before and Expected."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, refused, same_results
from tests.schedule.programs import loops
from tests.schedule.symbolic_programs import stages, sums, window


@T.prim_func
def expected_split(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i_0, i_1, j in T.grid((n + 3) // 4, 4, 4):
        with T.block("B"):
            vi = T.axis.spatial(n, i_0 * 4 + i_1)
            vj = T.axis.spatial(4, j)
            T.where(i_0 * 4 + i_1 < n)
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_fuse(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i_j_fused in range(n * 4):
        with T.block("B"):
            vi = T.axis.spatial(n, i_j_fused // 4)
            vj = T.axis.spatial(4, i_j_fused % 4)
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_reorder(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for j, i in T.grid(4, n):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_reorder_block_iter_var(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vj, vi = T.axis.remap("SS", [j, i])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_add_unit_loop(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j, u in T.grid(n, 4, 1):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_merge(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_loop_partition(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i in range(n):
        for j_0 in range(1):
            with T.block("B_j0"):
                vi = T.axis.spatial(n, i)
                vj = T.axis.spatial(4, j_0)
                B[vi, vj] = A[vi, vj] * 2.0
        for j_1 in range(3):
            with T.block("B_j1"):
                vi = T.axis.spatial(n, i)
                vj = T.axis.spatial(4, j_1 + 1)
                B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_parallel(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i in T.parallel(n):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_unroll(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i in T.unroll(n):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_bind(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i in T.thread_binding(n, thread="blockIdx.x"):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_compute_at(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n,))
    C = T.match_buffer(c, (n,))
    B = T.alloc_buffer((n + 2,))
    for i in range(n):
        for ax0 in range(3):
            with T.block("B"):
                vi = T.axis.spatial(n + 2, i + ax0)
                B[vi] = T.if_then_else(vi >= 1 and vi < n + 1, A[vi - 1], 0.0)
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def expected_reverse_compute_at(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i in range(n):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
        for ax0 in range(4):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, ax0])
                C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_compute_inline(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * 2.0 + 1.0


@T.prim_func
def expected_reverse_compute_inline(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * 2.0 + 1.0


@T.prim_func
def expected_decompose_reduction(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m))
    C = T.match_buffer(c, (n,))
    for i in range(n):
        with T.block("C_init"):
            vi = T.axis.spatial(n, i)
            C[vi] = 0.0
        for k_0, k_1 in T.grid((m + 3) // 4, 4):
            with T.block("C_update"):
                vi = T.axis.spatial(n, i)
                vk = T.axis.reduce(m, k_0 * 4 + k_1)
                T.where(k_0 * 4 + k_1 < m)
                C[vi] = C[vi] + A[vi, vk]


@T.prim_func
def expected_rfactor(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m))
    C = T.match_buffer(c, (n,))
    C_rf = T.alloc_buffer((m, n))
    for i, k in T.grid(n, m):
        with T.block("C_rf"):
            vk, vi = T.axis.remap("SS", [k, i])
            C_rf[vk, vi] = A[vi, vk]
    for i, k in T.grid(n, m):
        with T.block("C"):
            vk, vi = T.axis.remap("RS", [k, i])
            with T.init():
                C[vi] = 0.0
            C[vi] = C[vi] + C_rf[vk, vi]


@T.prim_func
def expected_blockize(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m))
    C = T.match_buffer(c, (n,))
    for i in range(n):
        with T.block("C_o"):
            vi_o = T.axis.spatial(n, i)
            vk_o = T.axis.reduce(1, 0)
            T.reads(A[vi_o, 0:m])
            T.writes(C[vi_o])
            with T.init(), T.block("C_init"):
                T.reads()
                T.writes(C[vi_o])
                C[vi_o] = 0.0
            for k in range(m):
                with T.block("C"):
                    vk_i = T.axis.reduce(m, k)
                    T.reads(C[vi_o], A[vi_o, vk_i])
                    T.writes(C[vi_o])
                    C[vi_o] = C[vi_o] + A[vi_o, vk_i]


CASES: list[tuple[Any, Any, Any]] = [
    (stages, lambda sch: sch.split(loops(sch)[0], [None, 4]), expected_split),
    (stages, lambda sch: sch.fuse(*loops(sch)), expected_fuse),
    (stages, lambda sch: sch.reorder(*loops(sch)[::-1]), expected_reorder),
    (stages, lambda sch: sch.reorder_block_iter_var("B", [1, 0]), expected_reorder_block_iter_var),
    (stages, lambda sch: sch.add_unit_loop("B"), expected_add_unit_loop),
    (stages, lambda sch: sch.merge(loops(sch, "B")[1], loops(sch, "C")[1]), expected_merge),
    (stages, lambda sch: sch.loop_partition(loops(sch)[1], [1, None]), expected_loop_partition),
    (stages, lambda sch: sch.parallel(loops(sch)[0]), expected_parallel),
    (stages, lambda sch: sch.unroll(loops(sch)[0]), expected_unroll),
    (stages, lambda sch: sch.bind(loops(sch)[0], "blockIdx.x"), expected_bind),
    (window, lambda sch: sch.compute_at("B", loops(sch, "C")[0]), expected_compute_at),
    (
        stages,
        lambda sch: sch.reverse_compute_at("C", loops(sch, "B")[0]),
        expected_reverse_compute_at,
    ),
    (stages, lambda sch: sch.compute_inline("B"), expected_compute_inline),
    (stages, lambda sch: sch.reverse_compute_inline("C"), expected_reverse_compute_inline),
    (
        sums,
        lambda sch: sch.decompose_reduction("C", sch.split(loops(sch, "C")[1], [None, 4])[0]),
        expected_decompose_reduction,
    ),
    (sums, lambda sch: sch.rfactor(loops(sch, "C")[1]), expected_rfactor),
    (sums, lambda sch: sch.blockize(loops(sch, "C")[1]), expected_blockize),
]


@pytest.mark.parametrize(
    ("before", "steps", "expected"),
    CASES,
    ids=[expected.attrs["global_symbol"].removeprefix("expected_") for _, _, expected in CASES],
)
def test_symbolic(before: Any, steps: Any, expected: Any) -> None:
    sch = check(before, steps, expected, sizes={"n": 6, "m": 7})
    for size in (0, 1, 4):
        same_results(before, sch.mod["main"], {"n": size, "m": size + 1})


def test_loops_of_symbolic_size_that_need_a_constant() -> None:
    refused(
        stages,
        lambda sch: (lambda i: lambda: sch.vectorize(i))(loops(sch)[0]),
        "`vectorize` cannot be applied: the extent of the loop 'i' is no constant.",
        found="n",
        cure="split it, and vectorize the inner loop",
    )
    refused(
        stages,
        lambda sch: (lambda i: lambda: sch.loop_partition(i, [2, None]))(loops(sch)[0]),
        "`loop_partition` cannot be applied: the extent of the loop 'i' is no constant.",
        found="n",
    )

    def steps(sch: Any) -> None:
        _, inner = sch.split(loops(sch)[0], [None, 4])
        sch.vectorize(inner)

    check(stages, steps, sizes={"n": 6})


def test_tiles_of_symbolic_size_may_reduce_nothing() -> None:
    def steps(sch: Any) -> Any:
        _, inner = sch.split(loops(sch, "C")[1], [None, 4])
        return lambda: sch.rfactor(inner)

    refused(
        sums,
        steps,
        "`rfactor` cannot be applied: some iterations of the loop 'k_1' reduce nothing.",
        found="the condition k_0 * 4 + k_1 < m",
    )
