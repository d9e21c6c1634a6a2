"""rfactor and the reductions that it recognises."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import te, topi
from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import elementwise, loops, matmul, matmul_relu, normalise


def split_reduction(sch: Any, name: str) -> Any:
    *_, last = loops(sch, name)
    return sch.split(last, [None, 4])


def test_rfactor() -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 16):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + A[vi, vk]

    @T.prim_func
    def expected(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        B_rf = T.alloc_buffer((4, 4))
        for i, k_0, k_1 in T.grid(4, 4, 4):
            with T.block("B_rf"):
                vk_1, vi, vk_0 = T.axis.remap("SSR", [k_1, i, k_0])
                with T.init():
                    B_rf[vi, vk_1] = 0.0
                B_rf[vi, vk_1] = B_rf[vi, vk_1] + A[vi, vk_0 * 4 + vk_1]
        for i, k_1 in T.grid(4, 4):
            with T.block("B"):
                vk_1, vi = T.axis.remap("RS", [k_1, i])
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + B_rf[vi, vk_1]

    check(before, lambda s: s.rfactor(split_reduction(s, "B")[1], 1), expected)


def test_a_whole_reduction_leaves_nothing_to_combine() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        C_rf = T.alloc_buffer((10, 6, 8))
        for i, j, k in T.grid(6, 8, 10):
            with T.block("C_rf"):
                vk, vi, vj = T.axis.remap("SSS", [k, i, j])
                C_rf[vk, vi, vj] = A[vi, vk] * B[vk, vj]
        for i, j, k in T.grid(6, 8, 10):
            with T.block("C"):
                vk, vi, vj = T.axis.remap("RSS", [k, i, j])
                with T.init():
                    C[vi, vj] = 0.0
                C[vi, vj] = C[vi, vj] + C_rf[vk, vi, vj]

    check(matmul, lambda s: s.rfactor(loops(s, "C")[2], 0), expected)


@pytest.mark.parametrize("axis", range(-3, 3))
def test_every_axis(axis: int) -> None:
    check(matmul, lambda s: s.rfactor(split_reduction(s, "C")[0], axis))


def test_maxima() -> None:
    check(normalise, lambda s: s.rfactor(split_reduction(s, "M")[1], 0))


def test_partial_maxima_begin_as_the_result_does() -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 16):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = T.min_value("float32")
                B[vi] = T.max(B[vi], A[vi, vk])

    @T.prim_func
    def expected(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        B_rf = T.alloc_buffer((4, 4))
        for i, k_0, k_1 in T.grid(4, 4, 4):
            with T.block("B_rf"):
                vk_1, vi, vk_0 = T.axis.remap("SSR", [k_1, i, k_0])
                with T.init():
                    B_rf[vk_1, vi] = T.min_value("float32")
                B_rf[vk_1, vi] = T.max(B_rf[vk_1, vi], A[vi, vk_0 * 4 + vk_1])
        for i, k_1 in T.grid(4, 4):
            with T.block("B"):
                vk_1, vi = T.axis.remap("RS", [k_1, i])
                with T.init():
                    B[vi] = T.min_value("float32")
                B[vi] = T.max(B[vi], B_rf[vk_1, vi])

    check(before, lambda s: s.rfactor(split_reduction(s, "B")[1], 0), expected)


def test_a_sum_that_does_not_begin_with_zero_adds_that_once() -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 16):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 5.0
                B[vi] = B[vi] + A[vi, vk]

    check(before, lambda s: s.rfactor(split_reduction(s, "B")[1], 0))


def test_reads_of_pairs_stay_in_their_order() -> None:
    @T.prim_func
    def pairs(
        W: T.Buffer((4, 8), "int32"),
        V: T.Buffer((4, 8)),
        P: T.Buffer((4,), "int32"),
        Q: T.Buffer((4,)),
    ) -> None:
        for i, k in T.grid(4, 8):
            with T.block("Q"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.reads(W[vi, vk], V[vi, vk])
                T.writes(P[vi], Q[vi])
                with T.init():
                    P[vi] = -1
                    Q[vi] = T.min_value("float32")
                p: T.int32 = T.Select(Q[vi] >= V[vi, vk], P[vi], W[vi, vk])
                q: T.float32 = T.Select(Q[vi] >= V[vi, vk], Q[vi], V[vi, vk])
                P[vi] = p
                Q[vi] = q

    sch = check(pairs, lambda s: s.rfactor(split_reduction(s, "Q")[1], 1))
    for name, buffers in (("Q_rf", ["W", "V"]), ("Q", ["P_rf", "Q_rf"])):
        found = sch.get(sch.get_block(name))
        assert [each.buffer.name for each in found.reads] == buffers
    assert "P_rf[vi, vk_1] = -1" in sch.mod.script()


@pytest.mark.parametrize("function", [topi.argmax, topi.argmin])
def test_pairs(function: Any) -> None:
    data = te.placeholder((4, 16), name="A")
    func = te.create_prim_func([data, function(data, axis=1)])
    check(func, lambda s: s.rfactor(split_reduction(s, "A_red_temp")[1], 1))


def test_rfactor_refuses() -> None:
    @T.prim_func
    def odd(A: T.Buffer((4, 16)), B: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 16):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] - A[vi, vk]

    def at(name: str, level: int, axis: int = 0) -> Any:
        def steps(sch: Any) -> Any:
            loop = loops(sch, name)[level]
            return lambda: sch.rfactor(loop, axis)

        return steps

    def unrolled(sch: Any) -> Any:
        loop = loops(sch, "C")[2]
        sch.unroll(loop)
        return lambda: sch.rfactor(loop, 0)

    def both(sch: Any) -> Any:
        _, j, k = loops(sch, "C")
        fused = sch.fuse(j, k)
        return lambda: sch.rfactor(fused, 0)

    def empty(sch: Any) -> Any:
        _, inner = sch.split(loops(sch, "C")[2], [1, 16])
        return lambda: sch.rfactor(inner, 0)

    head = "`rfactor` cannot be applied: "
    refused(elementwise, at("B", 0), head + "the block 'B' is no reduction block: it has no init.")
    refused(matmul, at("C", 0), head + "the loop 'i' moves no reduction variable.")
    refused(matmul, unrolled, head + "the loop 'k' is not serial.", found="unrolled")
    refused(matmul, at("C", 2, 3), head + "there is no axis 3.", expected="an axis from -3 to 2")
    refused(
        matmul,
        both,
        head + "the loop 'j_k_fused' moves data-parallel and reduction variables.",
    )
    refused(matmul, empty, head + "some iterations of the loop 'k_1' reduce nothing.")
    refused(
        odd,
        at("B", 1),
        head + "the reduction of the block 'B' is not understood: the way it combines values is "
        "not known.",
        found="B[vi] - A[vi, vk]",
    )


def test_what_follows_in_the_loop_stays() -> None:
    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        sch.reverse_compute_at("D", j)
        sch.rfactor(k, 0)

    check(matmul_relu, steps)
