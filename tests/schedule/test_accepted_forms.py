"""Forms of arguments and of programs that primitives take: sizes, unit variables, named indices."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.structural import assert_structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import ScheduleError
from pellucid.tir.schedule import Schedule
from tests.schedule.harness import bare, check, trace_laws
from tests.schedule.programs import matmul


@T.prim_func(private=True)
def row_times_column(
    A: T.Buffer((1, 12), "float32"), B: T.Buffer((12, 1), "float32"), C: T.Buffer((1, 1), "float32")
) -> None:
    for i, j, k in T.grid(1, 1, 12):
        with T.block("dot"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func(private=True)
def project(a: T.handle, b: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (8, 6))
    B = T.match_buffer(b, (n, 6))
    C = T.match_buffer(c, (8, n))
    for i, j, k in T.grid(8, n, 6):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vj, vk]


@T.prim_func(private=True)
def pools(A: T.Buffer((12, 12), "float32"), C: T.Buffer((8, 8), "float32")) -> None:
    B = T.alloc_buffer((10, 10))
    for i, j, k, m in T.grid(10, 10, 3, 3):
        with T.block("B"):
            vi, vj, vk, vl = T.axis.remap("SSRR", [i, j, k, m])
            with T.init():
                B[vi, vj] = T.float32(-100)
            B[vi, vj] = T.max(B[vi, vj], A[vi + vk, vj + vl])
    for i, j, k, m in T.grid(8, 8, 3, 3):
        with T.block("C"):
            vi, vj, vk, vl = T.axis.remap("SSRR", [i, j, k, m])
            with T.init():
                C[vi, vj] = T.float32(-100)
            C[vi, vj] = T.max(C[vi, vj], B[vi + vk, vj + vl])


@T.prim_func(private=True)
def cube(A: T.Buffer((3, 4, 8), "float32"), B: T.Buffer((3, 4, 8), "float32")) -> None:
    for i, j, k in T.grid(3, 4, 8):
        with T.block("B"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            B[vi, vj, vk] = A[vi, vj, vk] + T.float32(1)


def test_reindex_keeps_variables_of_one_value() -> None:
    def steps(sch: Any) -> None:
        for buffer in ("C", ("read", 0), ("read", 1)):
            copy = sch.get(sch.reindex("dot", buffer))
            assert len(copy.iter_vars) == 2
        found = [[str(e) for e in b.shape] for b in sch.get(sch.get_block("root")).alloc_buffers]
        assert found == [["1", "1"], ["1", "12"], ["1", "12"]]

    check(row_times_column, steps)


def test_pad_einsum_of_a_symbolic_extent() -> None:
    def steps(sch: Any) -> None:
        sch.pad_einsum("C", [4, 4, 1])
        names = [sch.get(each).name_hint for each in sch.get_child_blocks("root")]
        assert names == ["B_pad", "C", "C_pad"]
        assert str(sch.get(sch.get_loops("C")[1]).extent) == "(n + 3) // 4 * 4"

    check(project, steps, sizes={"n": 5})


def test_pad_einsum_of_a_batch_of_one() -> None:
    def steps(sch: Any) -> None:
        for operand in (("read", 0), ("read", 1)):
            sch.transform_layout(sch.reindex("C", operand), ("write", 0), lambda a, b: (0, a, b))
        sch.transform_layout(sch.reindex("C", ("write", 0)), ("read", 0), lambda a, b: (0, a, b))
        sch.transform_block_layout("C", lambda i, j, k: (0, i, j, k))
        sch.pad_einsum("C", [1, 4, 5, 7])
        shapes = {b.name: b.shape for b in sch.get(sch.get_block("root")).alloc_buffers}
        assert [int(e) for e in shapes["C_reindex_pad"]] == [1, 8, 10]

    check(matmul, steps)


def test_rolling_buffer_of_a_reduction() -> None:
    def steps(sch: Any) -> None:
        outer, _inner = sch.split(sch.get_loops("C")[0], [None, 4])
        sch.compute_at("B", outer)
        sch.rolling_buffer("B", 0)
        (buffer,) = sch.get(sch.get_block("root")).alloc_buffers
        assert [int(each) for each in buffer.shape] == [6, 10]

    check(pools, steps)


def test_layouts_with_indices_given_by_name() -> None:
    @T.prim_func(private=True)
    def expected(A: T.Buffer((3, 4, 2, 4), "float32"), B: T.Buffer((3, 4, 8), "float32")) -> None:
        for i, j, k in T.grid(3, 4, 8):
            with T.block("B"):
                vi, vj, vk = T.axis.remap("SSS", [i, j, k])
                B[vi, vj, vk] = A[vi, vj, vk // 4, vk % 4] + T.float32(1)

    sch = Schedule(cube)
    sch.transform_layout(block="B", buffer="A", index_map=lambda *rest, k: [*rest, k // 4, k % 4])
    assert_structural_equal(bare(sch.mod)["main"], expected)
    trace_laws(sch, cube)


@T.prim_func(private=True)
def sums(A: T.Buffer((10, 6), "int32"), C: T.Buffer((10,), "int32")) -> None:
    B = T.alloc_buffer((10,), "int32")
    for i, k in T.grid(10, 6):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = 0
            B[vi] = B[vi] + A[vi, vk]
    for i in range(10):
        with T.block("C"):
            vi = T.axis.spatial(10, i)
            C[vi] = B[vi]


def test_padding_is_computed_by_the_block() -> None:
    @T.prim_func(private=True)
    def expected(A: T.Buffer((10, 6), "int32"), C: T.Buffer((10,), "int32")) -> None:
        B = T.alloc_buffer((3, 4), "int32")
        for i, j, k in T.grid(3, 4, 6):
            with T.block("B"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    B[vi, vj] = T.if_then_else(vi == 2 and vj >= 2, 7, 0)
                B[vi, vj] = T.if_then_else(vi == 2 and vj >= 2, 7, B[vi, vj] + A[vi * 4 + vj, vk])
        for i in range(10):
            with T.block("C"):
                vi = T.axis.spatial(10, i)
                C[vi] = B[vi // 4, vi % 4]

    def steps(sch: Any) -> None:
        block = sch.get_block("B")
        sch.transform_layout(block, "B", lambda i: (i // 4, i % 4), pad_value=7)
        assert sch.get(block).name_hint == "B"

    check(sums, steps, expected)


def test_padding_at_both_ends() -> None:
    def steps(sch: Any) -> None:
        sch.transform_layout(
            "B", "B", lambda i: ((i + 3) // 8, (i + 3) % 8), pad_value=lambda a, b: a
        )
        text = sch.mod.script()
        assert "v_axis0 == 0 and v_axis1 < 3 or v_axis0 == 1 and v_axis1 >= 5" in text

    check(sums, steps)


def test_padding_after_loops_that_were_split() -> None:
    def steps(sch: Any) -> None:
        sch.split(sch.get_loops("B")[0], [5, 2])
        sch.transform_layout("B", "B", lambda i: (i // 4, i % 4), pad_value=0)
        names = [sch.get(each).name_hint for each in sch.get_child_blocks("root")]
        assert names == ["B", "B_pad", "C"]
        assert "T.where(ax0 == 2 and ax1 >= 2)" in sch.mod.script()

    check(sums, steps)


def test_reverse_inlining_into_tiles_that_stick_out() -> None:
    @T.prim_func(private=True)
    def tiles(A: T.Buffer((12,), "float32"), C: T.Buffer((10,), "float32")) -> None:
        B = T.alloc_buffer((3, 4))
        for i, j in T.grid(3, 4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi * 4 + vj] * T.float32(2)
        for i in range(10):
            with T.block("C"):
                vi = T.axis.spatial(10, i)
                C[vi] = B[vi // 4, vi % 4] + T.float32(1)

    sch = check(tiles, lambda sch: sch.reverse_compute_inline("C"))
    assert "T.where(i * 4 + j < 10)" in sch.mod.script()


def test_forgotten_references_are_index_errors() -> None:
    sch = Schedule(cube)
    block = sch.get_block("B")
    other = sch.copy()
    loop, _ = sch.split(sch.get_loops(block)[0], [None, 3])
    with pytest.raises(IndexError, match="the loop 'i_0' is not known here"):
        other.get(loop)
    sch.remove_rv(block)
    with pytest.raises(ScheduleError, match="the block 'B' is not known here") as caught:
        sch.get(block)
    assert isinstance(caught.value, IndexError)
