"""What random schedules found in programs with conditions, searches and parts of reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import tir
from pellucid.interp import run
from pellucid.script import tir as T
from pellucid.support.errors import InterpreterError, ScheduleError
from pellucid.testing.strategies import schedule_programs as programs
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule import TensorIntrin
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


def test_the_rest_of_a_reduction_is_not_written_to_a_cache_that_never_begins() -> None:
    def steps(sch: Any) -> Any:
        sch.loop_partition(loops(sch, "C")[2], [4, 4])
        rest = loops(sch, "C_k1")[2]
        return lambda: sch.write_at(rest, "C_k1", 0, "shared")

    refused(
        programs.quantized,
        steps,
        "`write_at` cannot be applied: the loops around the block 'C_k1' leave out the beginning "
        "of its reduction.",
        expected="vk from 0",
        found="4",
    )


@T.prim_func
def gather_desc(
    at: T.Buffer((4,), "int32", offset_factor=1),
    source: T.Buffer((8,), offset_factor=1),
    result: T.Buffer((4,), offset_factor=1),
) -> None:
    with T.block("root"):
        T.reads(at[0:4], source[0:8])
        T.writes(result[0:4])
        for i in range(4):
            with T.block("gather"):
                vi = T.axis.spatial(4, i)
                T.reads(at[vi], source[0:8])
                T.writes(result[vi])
                result[vi] = source[at[vi]] + T.Cast("float32", at[vi])


@T.prim_func
def scatter_desc(
    at: T.Buffer((4,), "int32", offset_factor=1),
    source: T.Buffer((8,), offset_factor=1),
    result: T.Buffer((4,), offset_factor=1),
) -> None:
    with T.block("root"):
        T.reads(at[0:4], source[0:8])
        T.writes(result[0:4])
        for i in range(4):
            with T.block("gather"):
                vi = T.axis.spatial(4, i)
                T.reads(at[0:4], source[0:8])
                T.writes(result[vi])
                result[vi] = source[at[3 - vi]] + T.Cast("float32", at[vi])


@T.prim_func
def scaled(a: T.Buffer((4,), offset_factor=1), b: T.Buffer((4,), offset_factor=1)) -> None:
    with T.block("root"):
        T.reads(a[0:4])
        T.writes(b[0:4])
        for i in range(4):
            with T.block("scale"):
                vi = T.axis.spatial(4, i)
                b[vi] = a[vi] * 2.0


@T.prim_func
def gather_impl(
    at: T.Buffer((4,), "int32", offset_factor=1),
    source: T.Buffer((8,), offset_factor=1),
    result: T.Buffer((4,), offset_factor=1),
) -> None:
    with T.block("root"):
        T.reads(at[0:4], source[0:8])
        T.writes(result[0:4])
        for i in T.unroll(4):
            result[i] = source[at[i]] + T.Cast("float32", at[i])


@pytest.mark.parametrize("swapped", [False, True])
def test_indices_loaded_from_memory_meet_those_of_an_intrinsic(swapped: bool) -> None:
    @T.prim_func
    def gather(A: T.Buffer((8,)), B: T.Buffer((3, 4))) -> None:
        P = T.alloc_buffer((3, 4), "int32")
        for i, j in T.grid(3, 4):
            with T.block("P"):
                vi, vj = T.axis.remap("SS", [i, j])
                P[vi, vj] = (vi * 3 + vj * 5) % 8
        for i, j in T.grid(3, 4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(P[vi, vj], A[0:8])
                T.writes(B[vi, vj])
                B[vi, vj] = A[P[vi, vj]] + T.Cast("float32", P[vi, vj])

    name = "tests.gather"
    TensorIntrin.register(name, gather_desc, gather_impl, override=True)
    if swapped:

        def steps(sch: Any) -> Any:
            sch.reindex("B", ("write", 0))
            j = loops(sch, "B")[1]
            sch.blockize(j)
            return lambda: sch.tensorize("B_o", "tests.scatter")

        TensorIntrin.register("tests.scatter", scatter_desc, scatter_desc, override=True)
        refused(
            gather,
            steps,
            "`tensorize` cannot be applied: the block 'B_o' does not compute what the intrinsic "
            "'tests.scatter' does.",
        )
    else:
        check(gather, lambda sch: sch.tensorize(loops(sch, "B")[1], name))


def test_an_intrinsic_knows_only_its_own_buffers() -> None:
    other = tir.decl_buffer((4,), "float32", "other")

    class Open(StmtExprMutator):
        def visit_buffer_load_(self, load: Any) -> Any:
            return tir.BufferLoad(other, load.indices)

    stray = scaled.with_body(Open().visit(scaled.body))
    for pair, what in ((stray, scaled), "description"), ((scaled, stray), "implementation"):
        with pytest.raises(ScheduleError) as caught:
            TensorIntrin.register("tests.open", *pair, override=True)
        assert caught.value.message == (
            f"The {what} of a tensor intrinsic uses 'other', which it does not define."
        )


def test_rolling_copies_of_several_rows_keep_what_ends_in_the_window() -> None:
    def steps(sch: Any) -> None:
        sch.read_at(loops(sch, "D")[0], "D", 0, "local")
        sch.compute_at("B_local", loops(sch, "D")[1])
        sch.rolling_buffer("B_local", 0)

    check(programs.blur_rows, steps)


def test_parallel_loops_share_no_rolling_buffer() -> None:
    def steps(sch: Any) -> Any:
        sch.parallel(loops(sch, "C")[1])
        sch.compute_at("P", loops(sch, "C")[2])
        return lambda: sch.rolling_buffer("P", 0)

    refused(
        programs.conv,
        steps,
        "`rolling_buffer` cannot be applied: iterations of the loop 'y', which run in no order, "
        "share parts of 'P'.",
    )


def test_parallel_loops_roll_buffers_of_their_own() -> None:
    @T.prim_func
    def rows(A: T.Buffer((4, 10)), C: T.Buffer((4, 8))) -> None:
        B = T.alloc_buffer((4, 10))
        for i, j in T.grid(4, 10):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
        for i, j in T.grid(4, 8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] + B[vi, vj + 1] + B[vi, vj + 2]

    def steps(sch: Any) -> None:
        i, j = loops(sch, "C")
        sch.parallel(i)
        sch.compute_at("B", j)
        sch.rolling_buffer("B", 0)

    check(rows, steps)


def test_parts_that_no_iteration_touches_are_empty() -> None:
    def steps(sch: Any) -> None:
        sch.blockize([sch.get_block("P")])
        sch.cache_read("P", 0, "local")

    check(programs.pad_row, steps)


def test_memory_of_a_negative_size_is_an_error_of_the_program() -> None:
    @T.prim_func
    def negative(A: T.Buffer((4,))) -> None:
        for i in range(4):
            with T.block("A"):
                vi = T.axis.spatial(4, i)
                B = T.alloc_buffer((vi - 1,))
                A[vi] = 0.0
                if vi > 1:
                    B[0] = 1.0

    with pytest.raises(InterpreterError) as caught:
        run(negative, np.zeros(4, "float32"))
    assert caught.value.message == "The buffer 'B' has a negative extent."
    assert caught.value.found == "[-1]"


def test_blocks_under_different_conditions_are_not_blockized_together() -> None:
    @T.prim_func
    def halves(A: T.Buffer((8,)), B: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                T.where(i < 4)
                B[vi] = A[vi] + 1.0
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi] * 2.0

    def steps(sch: Any) -> Any:
        blocks = [sch.get_block("B"), sch.get_block("C")]
        return lambda: sch.blockize(blocks)

    refused(
        halves,
        steps,
        "`blockize` cannot be applied: the blocks 'B' and 'C' run under different conditions.",
        expected="i < 4",
        found="T.bool(True)",
    )
