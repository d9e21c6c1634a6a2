"""Schedules of programs whose loops and buffers count in integers of different widths."""

from __future__ import annotations

from typing import Any

from pellucid.script import tir as T
from pellucid.testing.strategies import schedule_programs as programs
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


@T.prim_func
def wide_loops(A: T.Buffer((4, 6)), C: T.Buffer((4, 6))) -> None:
    B = T.alloc_buffer((4, 6))
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(T.int64(4), T.int64(6)):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


def test_a_narrow_block_is_not_computed_at_a_wide_loop() -> None:
    refused(
        wide_loops,
        lambda sch: (lambda i: lambda: sch.compute_at("B", i))(loops(sch, "C")[0]),
        "`compute_at` cannot be applied: the variable 'vi' of the block 'B' is narrower than its "
        "values at the loop.",
        expected="int64",
        found="int32",
        cure="let all loops and blocks count in one integer type",
    )


def test_a_wide_block_is_computed_at_a_narrow_loop() -> None:
    for level in range(2):
        check(
            wide_loops,
            lambda sch, level=level: sch.reverse_compute_at("C", loops(sch, "B")[level]),
        )


def test_padded_operands_of_wide_loops_stay_outside() -> None:
    def steps(sch: Any) -> Any:
        sch.pad_einsum("C", [3, 3, 5])
        sch.compute_inline("B_pad")
        place = loops(sch, "C")[2]
        return lambda: sch.compute_at("A_pad", place)

    refused(
        programs.symbolic_matmul,
        steps,
        "`compute_at` cannot be applied: the variable 'v1' of the block 'A_pad' is narrower than "
        "its values at the loop.",
        expected="int64",
        found="int32",
        cure="let all loops and blocks count in one integer type",
    )
