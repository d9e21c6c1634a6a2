"""compute_at, reverse_compute_at and decompose_reduction."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    blur,
    conv,
    elementwise,
    loops,
    matmul,
    matmul_relu,
    normalise,
    reshape,
    two_stages,
)


def at(block: str, target: str, level: int, **options: Any) -> Any:
    return lambda sch: sch.compute_at(block, loops(sch, target)[level], **options)


def reverse_at(block: str, target: str, level: int, **options: Any) -> Any:
    return lambda sch: sch.reverse_compute_at(block, loops(sch, target)[level], **options)


def refused_at(
    before: Any,
    block: str,
    target: str,
    level: int,
    reason: str,
    *,
    reverse: bool = False,
    **parts: Any,
) -> None:
    kind = "reverse_compute_at" if reverse else "compute_at"
    options = {k: parts.pop(k) for k in ("index",) if k in parts}

    def steps(sch: Any) -> Any:
        reference, loop = sch.get_block(block), loops(sch, target)[level]
        return lambda: getattr(sch, kind)(reference, loop, **options)

    refused(before, steps, f"`{kind}` cannot be applied: {reason}.", **parts)


def test_compute_at_the_outer_loop() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        B = T.alloc_buffer((16, 16))
        for i in range(16):
            for ax0 in range(16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, ax0])
                    B[vi, vj] = A[vi, vj] * 2.0
            for j in range(16):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi, vj] + 1.0

    check(two_stages, at("B", "C", 0), expected)


def test_compute_at_the_inner_loop() -> None:
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

    @T.prim_func
    def with_unit_loops(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        B = T.alloc_buffer((16, 16))
        for i, j in T.grid(16, 16):
            for ax0, ax1 in T.grid(1, 1):
                with T.block("B"):
                    vi = T.axis.spatial(16, i + ax0)
                    vj = T.axis.spatial(16, j + ax1)
                    B[vi, vj] = A[vi, vj] * 2.0
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] + 1.0

    check(two_stages, at("B", "C", 1), expected)
    check(two_stages, at("B", "C", 1, preserve_unit_loops=True), with_unit_loops)


def test_compute_at_tiles() -> None:
    def steps(sch: Any) -> None:
        i, j = loops(sch, "C")
        i0, i1 = sch.split(i, [None, 4])
        j0, j1 = sch.split(j, [None, 8])
        sch.reorder(i0, j0, i1, j1)
        sch.compute_at("B", j0)

    text = check(two_stages, steps).mod.script()
    assert "for ax0, ax1 in T.grid(4, 8)" in text
    assert "vi = T.axis.spatial(16, i_0 * 4 + ax0)" in text


def test_compute_at_with_overlap() -> None:
    @T.prim_func
    def expected(A: T.Buffer((18,)), C: T.Buffer((16,))) -> None:
        B = T.alloc_buffer((18,))
        for i_0 in range(4):
            for ax0 in range(6):
                with T.block("B"):
                    vi = T.axis.spatial(18, i_0 * 4 + ax0)
                    B[vi] = A[vi] * 2.0
            for i_1 in range(4):
                with T.block("C"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    C[vi] = B[vi] + B[vi + 1] + B[vi + 2]

    def steps(sch: Any) -> None:
        outer, _ = sch.split(loops(sch, "C")[0], [None, 4])
        sch.compute_at("B", outer)

    check(blur, steps, expected)


def test_compute_at_of_a_tail_that_does_not_divide() -> None:
    def steps(sch: Any) -> None:
        outer, _ = sch.split(loops(sch, "C")[0], [None, 5])
        sch.compute_at("B", outer)

    text = check(blur, steps).mod.script()
    assert "for ax0 in range(7)" in text
    assert "T.where(i_0 * 5 + ax0 < 18)" in text


@pytest.mark.parametrize("level", range(6))
def test_compute_at_of_padding(level: int) -> None:
    check(conv, at("P", "C", level))


@pytest.mark.parametrize("level", range(2))
def test_compute_at_of_a_reduction(level: int) -> None:
    check(matmul_relu, at("C", "D", level))


def test_compute_at_through_an_affine_store() -> None:
    @T.prim_func
    def expected(A: T.Buffer((4, 6)), C: T.Buffer((24,))) -> None:
        B = T.alloc_buffer((24,))
        for i in range(24):
            with T.block("B"):
                vi = T.axis.spatial(4, i // 6)
                vj = T.axis.spatial(6, i % 6)
                B[vi * 6 + vj] = A[vi, vj] * 2.0
            with T.block("C"):
                vi = T.axis.spatial(24, i)
                C[vi] = B[vi] + 1.0

    check(reshape, at("B", "C", 0), expected)


def test_compute_at_with_several_consumers_in_one_loop() -> None:
    def steps(sch: Any) -> None:
        i = loops(sch, "D")[0]
        sch.compute_at("S", i)
        sch.compute_at("E", i)
        sch.compute_at("M", i)
        assert [sch.get(b).name_hint for b in sch.get_child_blocks(i)] == ["M", "E", "S", "D"]

    check(normalise, steps)


@pytest.mark.parametrize(
    ("scope", "axis", "rows"),
    [
        ("shared", "threadIdx.x", 32),
        ("shared.dyn", "vthread.y", 32),
        ("warp", "threadIdx.x", 32),
        ("warp", "threadIdx.y", 8),
        ("shared", "blockIdx.x", 8),
        ("local", "threadIdx.x", 8),
        ("global", "threadIdx.x", 8),
    ],
)
def test_memory_that_threads_share_is_filled_for_all_of_them(
    scope: str, axis: str, rows: int
) -> None:
    @T.prim_func
    def before(A: T.Buffer((64, 16)), B: T.Buffer((64, 16))) -> None:
        for i, j in T.grid(64, 16):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + 1.0

    def steps(sch: Any) -> None:
        i, j = loops(sch, "B")
        tile, thread, inside = sch.split(i, [2, 4, 8])
        part, _ = sch.split(j, [None, 4])
        sch.reorder(tile, thread, part, inside)
        sch.bind(thread, axis)
        copy = sch.cache_read("B", 0, scope)
        sch.compute_at(copy, part)
        row, column = sch.get_loops(copy)[-2:]
        assert (sch.get(row).extent.value, sch.get(column).extent.value) == (rows, 4)
        if axis == "threadIdx.x":
            sch.bind(sch.split(sch.fuse(row, column), [None, 4])[1], axis)
            sch.cache_write("B", 0, "local")

    check(before, steps)


def test_positions() -> None:
    @T.prim_func
    def before(A: T.Buffer((8,)), X: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0
        for i in range(8):
            with T.block("X"):
                vi = T.axis.spatial(8, i)
                X[vi] = A[vi]
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi]

    def names(**options: Any) -> list[str]:
        sch = check(before, at("B", "C", 0, **options))
        return [sch.get(b).name_hint for b in sch.get_child_blocks(loops(sch, "C")[0])]

    assert names() == ["X", "B", "C"]
    assert names(index=-2) == ["B", "X", "C"]
    assert names(index=1) == ["X", "B", "C"]
    refused_at(
        before,
        "B",
        "C",
        0,
        "the block 'B' cannot stand at position 2 of the loop 'i'",
        index=2,
        expected="a position from 0 to 1",
    )


def test_compute_at_refuses() -> None:
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

    @T.prim_func
    def partly(A: T.Buffer((8,)), C: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(6):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = B[vi]

    refused_at(
        two_consumers,
        "B",
        "C",
        0,
        "not all consumers of the block 'B' are below the loop 'i'",
        found="D",
    )
    refused_at(
        two_stages,
        "C",
        "C",
        0,
        "the block 'C' and the loop 'i' are not beside each other in one scope",
    )
    refused_at(two_stages, "C", "B", 0, "the block 'C' is an output block", found="it writes C")
    refused_at(
        partly,
        "B",
        "C",
        0,
        "the block 'B' cannot be shown to run all instances of its variable 'vi'",
        expected="bindings that reach all of T.Range(min=0, extent=8)",
    )


def test_reverse_compute_at() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), B: T.Buffer((16, 16)), D: T.Buffer((16, 16))) -> None:
        C = T.alloc_buffer((16, 16))
        for i_0, j in T.grid(4, 16):
            for i_1, k in T.grid(4, 16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    vj, vk = T.axis.remap("SR", [j, k])
                    with T.init():
                        C[vi, vj] = 0.0
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
            for ax0 in range(4):
                with T.block("D"):
                    vi = T.axis.spatial(16, i_0 * 4 + ax0)
                    vj = T.axis.spatial(16, j)
                    D[vi, vj] = T.max(C[vi, vj], 0.0)

    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        i0, i1 = sch.split(i, [4, 4])
        sch.reorder(i0, j, i1, k)
        sch.reverse_compute_at("D", j)

    check(matmul_relu, steps, expected)


def test_reverse_compute_at_of_a_reduction() -> None:
    check(normalise, reverse_at("S", "E", 0))
    check(normalise, reverse_at("S", "E", 1))


def test_reverse_compute_at_with_a_tail() -> None:
    def steps(sch: Any) -> None:
        outer, _ = sch.split(loops(sch)[0], [None, 5])
        sch.reverse_compute_at("C", outer)

    text = check(two_stages, steps).mod.script()
    assert "T.where(i_0 * 5 + ax0 < 16)" in text


def test_reverse_compute_at_refuses() -> None:
    refused_at(
        matmul_relu,
        "D",
        "C",
        2,
        "the loop 'k' moves a reduction variable of the producer 'C'",
        reverse=True,
        expected="a loop above all reductions of the producers",
    )
    refused_at(
        normalise,
        "D",
        "S",
        0,
        "not all producers of the block 'D' are below the loop 'i'",
        reverse=True,
        found="E",
    )
    refused_at(
        two_stages,
        "B",
        "C",
        0,
        "not all producers of the block 'B' are below the loop 'i'",
        reverse=True,
        found="it has no producers",
    )


def test_reverse_compute_at_refuses_what_is_not_finished() -> None:
    def steps(sch: Any) -> Any:
        outer, _ = sch.split(loops(sch)[0], [None, 6])
        block = sch.get_block("C")
        return lambda: sch.reverse_compute_at(block, outer)

    refused(
        blur,
        steps,
        "`reverse_compute_at` cannot be applied: the block 'C' cannot be shown to run all "
        "instances of its variable 'vi'.",
    )


def test_decompose_at_the_reduction() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for i, j in T.grid(6, 8):
            with T.block("C_init"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = 0.0
            for k in range(10):
                with T.block("C_update"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    check(matmul, lambda s: s.decompose_reduction("C", loops(s, "C")[2]), expected)


def test_decompose_at_the_top() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for i_init, j_init in T.grid(6, 8):
            with T.block("C_init"):
                vi, vj = T.axis.remap("SS", [i_init, j_init])
                C[vi, vj] = 0.0
        for i, j, k in T.grid(6, 8, 10):
            with T.block("C_update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    check(matmul, lambda s: s.decompose_reduction("C", loops(s, "C")[0]), expected)


def test_decompose_keeps_kinds_and_conditions() -> None:
    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        j0, j1 = sch.split(j, [None, 3])
        sch.vectorize(j1)
        k0, k1 = sch.split(k, [None, 3])
        sch.reorder(i, j0, k0, k1, j1)
        init = sch.decompose_reduction("C", k0)
        (fresh,) = sch.get_loops(init)[2:]
        assert sch.get(fresh).kind.name == "VECTORIZED"
        assert sch.get(fresh).loop_var.name == "j_1_init"
        assert sch.get(sch.get_block("C_update")).init is None

    text = check(matmul, steps).mod.script()
    assert "T.where(j_0 * 3 + j_1_init < 8)" in text
    assert "T.where(j_0 * 3 + j_1 < 8 and k_0 * 3 + k_1 < 10)" in text


def test_the_block_keeps_its_reference() -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("C")
        sch.decompose_reduction(block, sch.get_loops(block)[2])
        assert sch.get(block).name_hint == "C_update"

    check(matmul, steps)


def test_decompose_refuses() -> None:
    head = "`decompose_reduction` cannot be applied: "

    def above(sch: Any) -> Any:
        i, j, k = loops(sch, "C")
        block = sch.get_block("C")
        sch.reorder(i, k, j)
        return lambda: sch.decompose_reduction(block, j)

    def elsewhere(sch: Any) -> Any:
        block, loop = sch.get_block("C"), loops(sch, "D")[0]
        return lambda: sch.decompose_reduction(block, loop)

    def no_reduction(sch: Any) -> Any:
        block = sch.get_block("B")
        (i, j) = sch.get_loops(block)
        return lambda: sch.decompose_reduction(block, j)

    refused(
        matmul,
        above,
        head + "the loop 'k', above 'j', moves a reduction variable of the block 'C'.",
        cure="decompose at 'k' or above, or reorder first",
    )
    refused(matmul_relu, elsewhere, head + "the loop 'i' is not around the block 'C'.")
    refused(
        elementwise,
        no_reduction,
        head + "the block 'B' is no reduction block: it has no init.",
    )


def test_a_part_of_a_joined_buffer_is_computed_where_it_is_read() -> None:
    @T.prim_func
    def before(A: T.Buffer((16,)), B: T.Buffer((8,)), C: T.Buffer((24,))) -> None:
        P = T.alloc_buffer((16,))
        Q = T.alloc_buffer((8,))
        for i in range(16):
            with T.block("P"):
                vi = T.axis.spatial(16, i)
                P[vi] = A[vi] + 1.0
        for i in range(8):
            with T.block("Q"):
                vi = T.axis.spatial(8, i)
                Q[vi] = B[vi] + 2.0
        for i in range(24):
            with T.block("C"):
                vi = T.axis.spatial(24, i)
                C[vi] = T.if_then_else(vi >= 16, Q[vi - 16], P[vi])

    @T.prim_func
    def expected(A: T.Buffer((16,)), B: T.Buffer((8,)), C: T.Buffer((24,))) -> None:
        P = T.alloc_buffer((16,))
        Q = T.alloc_buffer((8,))
        for i in range(24):
            with T.block("P"):
                vi = T.axis.spatial(16, i)
                T.where(i < 16)
                P[vi] = A[vi] + 1.0
            with T.block("Q"):
                vi = T.axis.spatial(8, i - 16)
                T.where(i >= 16)
                Q[vi] = B[vi] + 2.0
            with T.block("C"):
                vi = T.axis.spatial(24, i)
                C[vi] = T.if_then_else(vi >= 16, Q[vi - 16], P[vi])

    def steps(sch: Any) -> None:
        sch.compute_at("P", loops(sch, "C")[0])
        sch.compute_at("Q", loops(sch, "C")[0])

    check(before, steps, expected)


@pytest.mark.parametrize(
    ("scope", "axis", "extents"),
    [
        ("shared", "threadIdx.x", [4, 16]),
        ("shared.dyn", "vthread.x", [4, 16]),
        ("shared", "blockIdx.x", [16]),
        ("warp", "threadIdx.x", [4, 16]),
        ("warp", "threadIdx.y", [16]),
        ("local", "threadIdx.x", [16]),
        ("global", "threadIdx.x", [16]),
    ],
)
def test_threads_fill_memory_that_they_share_together(
    scope: str, axis: str, extents: list[int]
) -> None:
    def steps(sch: Any) -> None:
        copy = sch.cache_read("C", 0, scope)
        i, j, k = loops(sch, "C")
        _, inner = sch.split(i, [None, 4])
        sch.bind(inner, axis)
        sch.reorder(inner, j, k)
        sch.compute_at(copy, inner)
        found = [sch.get(each).extent.value for each in sch.get_loops(copy)]
        assert found[2:] == extents

    check(matmul_relu, steps)
