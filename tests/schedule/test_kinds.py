"""parallel, vectorize, unroll, bind, annotate, unannotate."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from pellucid.tir.schedule import Schedule
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    conv,
    elementwise,
    loops,
    matmul,
    matmul_relu,
    normalise,
    running_sum,
    scan,
    two_stages,
)


def test_kinds() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i in T.parallel(6):
            for j_0 in T.unroll(3):
                for j_1 in T.vectorized(10):
                    with T.block("B"):
                        vi = T.axis.spatial(6, i)
                        vj = T.axis.spatial(30, j_0 * 10 + j_1)
                        B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        i, j = loops(sch)
        outer, inner = sch.split(j, [3, 10])
        sch.parallel(i)
        sch.unroll(outer)
        sch.vectorize(inner)

    check(elementwise, steps, expected)


def test_bind() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i in T.thread_binding(6, thread="blockIdx.x"):
            for j in T.thread_binding(30, thread="threadIdx.x"):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        i, j = loops(sch)
        sch.bind(i, "blockIdx.x")
        sch.bind(j, "threadIdx.x")

    check(elementwise, steps, expected)


def test_threads_may_reduce_together() -> None:
    check(matmul, lambda s: s.bind(loops(s, "C")[2], "threadIdx.x"))


@pytest.mark.parametrize("kind", ["parallel", "vectorize"])
def test_init_and_update_in_one_loop(kind: str) -> None:
    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        sch.decompose_reduction("C", k)
        getattr(sch, kind)(j)
        sch.parallel(i)

    check(matmul, steps)


def test_stages_in_one_loop() -> None:
    def steps(sch: Any) -> None:
        i, j = loops(sch, "D")
        sch.compute_at("C", i)
        sch.parallel(i)

    check(matmul_relu, steps)


def test_private_sums_that_are_computed_again() -> None:
    def steps(sch: Any) -> None:
        i, k = loops(sch, "D")
        sch.compute_at("S", k)
        sch.parallel(i)
        sch.parallel(k)

    check(normalise, steps)


def refused_kind(before: Any, block: str, level: int, reason: str, **parts: str) -> None:
    for kind in ("parallel", "vectorize"):

        def steps(sch: Any, kind: str = kind) -> Any:
            loop = loops(sch, block)[level]
            return lambda: getattr(sch, kind)(loop)

        refused(before, steps, f"`{kind}` cannot be applied: {reason}.", **parts)


def test_what_is_refused() -> None:
    @T.prim_func
    def halo(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                T.reads(B[T.max(vi - 1, 0)])
                C[vi] = B[T.max(vi - 1, 0)]

    @T.prim_func
    def again(A: T.Buffer((8,)), C: T.Buffer((1,))) -> None:
        for i in range(4):
            for k in range(8):
                with T.block("C"):
                    vi = T.axis.spatial(1, 0)
                    vk = T.axis.reduce(8, k)
                    with T.init():
                        C[vi] = 0.0
                    C[vi] = C[vi] + A[vk]

    @T.prim_func
    def shifting(A: T.Buffer((9,))) -> None:
        for i in range(8):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                A[vi] = A[vi + 1]

    refused_kind(
        matmul,
        "C",
        2,
        "the loop 'k' moves a reduction variable of the block 'C'",
        expected="a loop that moves only data-parallel variables",
        found="vk",
    )
    refused_kind(scan, "B", 1, "the loop 'j' moves an ordered variable of the block 'B'")
    refused_kind(
        halo,
        "B",
        0,
        "the block 'C' uses elements of 'B' that other iterations of the loop 'i' write",
    )
    refused_kind(
        again,
        "C",
        0,
        "several iterations of the loop 'i' accumulate into the same elements of 'C'",
    )
    refused_kind(shifting, "A", 0, "the block 'A' reads other elements of 'A' than it writes")


def test_check_can_be_left_out() -> None:
    sch = Schedule(matmul, enable_check=False)
    sch.parallel(loops(sch, "C")[2])


def test_vectorize_needs_a_constant_extent() -> None:
    def steps(sch: Any) -> Any:
        i, _ = loops(sch)
        return lambda: sch.vectorize(i)

    refused(
        running_sum,
        steps,
        "`vectorize` cannot be applied: the extent of the loop 'i' is no constant.",
        found="n",
        cure="split it, and vectorize the inner loop",
    )


def test_bind_needs_an_axis() -> None:
    def steps(sch: Any) -> Any:
        i, _ = loops(sch)
        return lambda: sch.bind(i, "threadIdx.w")

    refused(elementwise, steps, "`bind` cannot be applied: there is no thread axis 'threadIdx.w'.")


def test_annotate() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i in T.serial(6, annotations={"unroll_explicit": 1}):
            for j in range(30):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    T.block_attr({"kind": "tile", "sizes": [4, 8], "more": {"x": 1.5}})
                    B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        i, _ = loops(sch)
        block = sch.get_block("B")
        factor = sch.sample_categorical([4, 8], [1.0, 0.0])
        sch.annotate(i, "unroll_explicit", 1)
        sch.annotate(i, "unroll_explicit", 1)
        sch.annotate(block, "kind", "tile")
        sch.annotate("B", "sizes", [factor, 8])
        sch.annotate(block, "more", {"x": 1.5})
        sch.annotate(block, "gone", 0)
        sch.unannotate(block, "gone")

    check(elementwise, steps, expected)


def test_annotations_are_not_overwritten() -> None:
    def steps(sch: Any) -> Any:
        block = sch.get_block("B")
        sch.annotate(block, "kind", "tile")
        return lambda: sch.annotate(block, "kind", "other")

    refused(
        elementwise,
        steps,
        "`annotate` cannot be applied: 'B' has the annotation 'kind' with another value.",
        expected="'tile'",
        found="'other'",
    )

    def missing(sch: Any) -> Any:
        block = sch.get_block("B")
        sch.annotate(block, "kind", "tile")
        return lambda: sch.unannotate(block, "kinds")

    refused(
        elementwise,
        missing,
        "`unannotate` cannot be applied: 'B' has no annotation 'kinds'.",
        found="kind",
        cure="did you mean 'kind'?",
    )


def test_unroll_of_anything() -> None:
    check(conv, lambda s: [s.unroll(each) for each in loops(s, "C")])
    check(two_stages, lambda s: s.unroll(loops(s, "C")[1]))
