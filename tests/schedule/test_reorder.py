"""reorder, reorder_block_iter_var, add_unit_loop, merge, loop_partition."""

from __future__ import annotations

from typing import Any

from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    elementwise,
    loops,
    matmul,
    running_sum,
    scan,
    triangle,
    two_stages,
)


def test_reorder_all() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for k, j, i in T.grid(10, 8, 6):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = 0.0
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    check(matmul, lambda s: s.reorder(*reversed(loops(s, "C"))), expected)


def test_reorder_some_leaves_the_others_in_place() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for k, j, i in T.grid(10, 8, 6):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = 0.0
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    def steps(sch: Any) -> None:
        i, _, k = loops(sch, "C")
        sch.reorder(k, i)

    check(matmul, steps, expected)


def test_reorder_of_less_than_two_loops_does_nothing() -> None:
    sch = check(matmul, lambda s: s.reorder(loops(s, "C")[1]), matmul)
    sch.reorder()
    assert "tir.is_scheduled" not in sch.mod["main"].attrs


def test_tiling_by_split_and_reorder() -> None:
    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        i0, i1 = sch.split(i, [None, 4])
        j0, j1 = sch.split(j, [None, 3])
        sch.reorder(i0, j0, k, i1, j1)

    check(matmul, steps)


def test_reorder_keeps_kinds_with_their_loops() -> None:
    def steps(sch: Any) -> None:
        i, j = loops(sch)
        sch.vectorize(j)
        sch.reorder(j, i)
        assert sch.get(j).kind.name == "VECTORIZED"

    check(elementwise, steps)


def test_reorder_with_several_blocks() -> None:
    def steps(sch: Any) -> None:
        sch.compute_at(sch.get_block("B"), loops(sch, "C")[1])
        sch.reorder(*reversed(loops(sch, "C")))

    check(two_stages, steps)


def test_reorder_refuses() -> None:
    def twice(sch: Any) -> Any:
        i, j = loops(sch)
        return lambda: sch.reorder(i, j, i)

    def two_nests(sch: Any) -> Any:
        i, other = loops(sch)[0], loops(sch, "C")[0]
        return lambda: sch.reorder(i, other)

    def all_of(sch: Any) -> Any:
        found = loops(sch)
        return lambda: sch.reorder(*reversed(found))

    def not_affine(sch: Any) -> Any:
        i, j = loops(sch)
        return lambda: sch.reorder(j, i)

    @T.prim_func
    def diagonal(A: T.Buffer((16,)), B: T.Buffer((16,))) -> None:
        for i, j in T.grid(8, 8):
            with T.block("B"):
                vi = T.axis.spatial(16, i + j)
                B[vi] = A[vi]

    @T.prim_func
    def halo(A: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
        B = T.alloc_buffer((8, 8))
        for i in range(8):
            for j in range(8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj]
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    T.reads(B[T.max(vi - 1, 0), vj])
                    C[vi, vj] = B[T.max(vi - 1, 0), vj]

    @T.prim_func
    def beside(A: T.Buffer((8, 8)), B: T.Buffer((8, 8)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi, 0]
            for j in range(8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj]

    head = "`reorder` cannot be applied: "
    refused(elementwise, twice, head + "the loop 'i' is given twice.")
    refused(two_stages, two_nests, head + "the loops 'i' and 'i' are not in one nest.")
    refused(beside, all_of, head + "the loop 'j' is not the only thing inside the loop 'i'.")
    refused(
        triangle,
        all_of,
        head + "the bounds of the loop 'j' depend on a loop that would be inside.",
        found="i + 1",
    )
    refused(
        diagonal,
        not_affine,
        head + "the bindings of the block 'B' are not affine in the loops to be reordered.",
        found="i + j",
    )
    refused(
        scan,
        all_of,
        head + "the block 'B' has iteration variables that are neither data-parallel nor "
        "reductions.",
    )
    refused(
        halo,
        all_of,
        head + "the block 'C' uses elements of 'B' that other iterations of the loop 'j' write.",
    )


def test_reorder_block_iter_var() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for i, j, k in T.grid(6, 8, 10):
            with T.block("C"):
                vk, vi, vj = T.axis.remap("RSS", [k, i, j])
                with T.init():
                    C[vi, vj] = 0.0
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    check(matmul, lambda s: s.reorder_block_iter_var("C", [2, 0, 1]), expected)

    def wrong(sch: Any) -> Any:
        block = sch.get_block("C")
        return lambda: sch.reorder_block_iter_var(block, [0, 0, 1])

    refused(
        matmul,
        wrong,
        "`reorder_block_iter_var` cannot be applied: the new order is no permutation of the "
        "block's iteration variables.",
        expected="each of 0 to 2 once",
        found="[0, 0, 1]",
    )


def test_add_unit_loop() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for u, i, j, w in T.grid(1, 6, 30, 1):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        block = sch.get_block("B")
        sch.add_unit_loop(sch.get_loops(block)[0])
        assert sch.get(sch.add_unit_loop(block)).body.block is sch.get(block)

    check(elementwise, steps, expected)

    def of_root(sch: Any) -> Any:
        root = sch.get_block("root")
        return lambda: sch.add_unit_loop(root)

    refused(
        elementwise,
        of_root,
        "`add_unit_loop` cannot be applied: the block 'root' is the root block.",
    )


def test_merge() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        B = T.alloc_buffer((16, 16))
        for i, j in T.grid(16, 16):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] + 1.0

    check(two_stages, lambda s: s.merge(loops(s)[1], loops(s, "C")[1]), expected)


def test_merge_takes_decomposition_back_together() -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("C")
        i, j, k = sch.get_loops(block)
        init = sch.decompose_reduction(block, i)
        sch.merge(sch.get_loops(init)[1], j)

    check(matmul, steps)


def test_merge_refuses() -> None:
    @T.prim_func
    def shifted(A: T.Buffer((17,)), C: T.Buffer((16,))) -> None:
        B = T.alloc_buffer((17,))
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(17, i)
                B[vi] = A[vi]
        for i in range(16):
            with T.block("C"):
                vi = T.axis.spatial(16, i)
                C[vi] = B[vi + 1]

    @T.prim_func
    def unlike(A: T.Buffer((16,)), B: T.Buffer((16,)), C: T.Buffer((8,))) -> None:
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(16, i)
                B[vi] = A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi]

    def innermost(sch: Any) -> Any:
        first, second = loops(sch)[-1], loops(sch, "C")[-1]
        return lambda: sch.merge(first, second)

    def swapped(sch: Any) -> Any:
        first, second = loops(sch)[-1], loops(sch, "C")[-1]
        return lambda: sch.merge(second, first)

    def uneven(sch: Any) -> Any:
        first, second = loops(sch)[0], loops(sch, "C")[1]
        return lambda: sch.merge(first, second)

    def nested(sch: Any) -> Any:
        i, j = loops(sch)
        return lambda: sch.merge(i, j)

    def single(sch: Any) -> Any:
        i, _ = loops(sch)
        return lambda: sch.merge(i)

    head = "`merge` cannot be applied: "
    refused(
        shifted,
        innermost,
        head + "the block 'C' uses elements of 'B' that other iterations of the loop 'i' write.",
    )
    refused(
        unlike,
        innermost,
        head + "the loops 'i' and 'i' differ in extent.",
        found="16 and 8",
    )
    refused(two_stages, swapped, head + "the loops do not stand one after another.")
    refused(two_stages, uneven, head + "the loops are not equally deep.", found="1 and 2 loops")
    refused(two_stages, nested, head + "the loops 'i' and 'j' are in one nest.")
    refused(two_stages, single, head + "there are not two loops to merge.", found="1")


def test_loop_partition() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i in range(6):
            for j in range(20):
                with T.block("B"):
                    vi = T.axis.spatial(6, i)
                    vj = T.axis.spatial(30, j)
                    B[vi, vj] = A[vi, vj] * 2.0
            for j in range(10):
                with T.block("B_j1"):
                    vi = T.axis.spatial(6, i)
                    vj = T.axis.spatial(30, j + 20)
                    B[vi, vj] = A[vi, vj] * 2.0

    def steps(sch: Any) -> None:
        _, j = loops(sch)
        first, second = sch.loop_partition(j, [20, None])
        assert len(sch.split(second, [2, 5])) == 2
        sch.fuse(*loops(sch, "B_j1")[1:])
        assert sch.get(first).extent.value == 20

    sch = check(elementwise, steps, expected)
    assert len(sch.get_loops("B_j1")) == 2
    assert len(sch.get_loops("B_j0")) == 2


def test_loop_partition_leaves_a_rest() -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("B")
        parts = sch.loop_partition(loops(sch)[1], factors=[4, 1])
        assert [sch.get(each).extent.value for each in parts] == [4, 1, 25]
        assert sch.get(block).name_hint == "B_j0"

    check(elementwise, steps)


def test_loop_partition_of_a_reduction() -> None:
    check(matmul, lambda s: s.loop_partition(loops(s, "C")[2], [3, 3, 4]))


def test_loop_partition_refuses() -> None:
    def by(*factors: Any) -> Any:
        def steps(sch: Any) -> Any:
            _, j = loops(sch)
            return lambda: sch.loop_partition(j, list(factors))

        return steps

    head = "`loop_partition` cannot be applied: "
    refused(
        elementwise,
        by(20, 20),
        head + "the factors do not add up to the extent of the loop 'j'.",
        expected="30",
        found="40",
    )
    refused(elementwise, by(None, -1), head + "more than one factor is None or -1.")
    refused(elementwise, by(0, None), head + "a factor is no positive number.", found="0")
    refused(
        running_sum,
        lambda sch: (lambda i: lambda: sch.loop_partition(i, [4, None]))(loops(sch, "B")[0]),
        head + "the extent of the loop 'i' is no constant.",
        found="n",
    )
