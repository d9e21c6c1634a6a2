"""Conditions of primitives about loops, lookups and drawn numbers: the sentence, and nothing
changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.module import IRModule
from pellucid.script import tir as T
from tests.schedule.harness import refused
from tests.schedule.programs import (
    elementwise,
    loops,
    matmul,
    matmul_relu,
    running_sum,
    two_stages,
)


def test_loops_and_blocks_are_told_apart() -> None:
    refused(
        elementwise,
        lambda sch: (lambda b: lambda: sch.split(b, [2, 3]))(sch.get_block("B")),
        "`split` cannot be applied: this is no loop.",
        expected="a LoopRV, as get_loops gives",
        found="<BlockRV B>",
    )
    refused(
        elementwise,
        lambda sch: (lambda i: lambda: sch.get_loops(i))(loops(sch)[0]),
        "`get_loops` cannot be applied: this is no block.",
        found="<LoopRV i>",
    )


def test_drawn_places_are_no_loops() -> None:
    def steps(sch: Any) -> Any:
        place = sch.sample_compute_location("B", decision=-2)
        return lambda: sch.unroll(place)

    refused(
        two_stages,
        steps,
        "`unroll` cannot be applied: this place is no loop.",
        found="inline",
        cure="only compute_at and reverse_compute_at take it",
    )


def test_functions_that_are_not_there() -> None:
    refused(
        IRModule({"first": elementwise, "second": matmul}),
        lambda sch: lambda: sch.get_block("B", "frist"),
        "`get_block` cannot be applied: the module has no loop function 'frist'.",
        found="first, second",
        cure="did you mean 'first'?",
    )


@pytest.mark.parametrize(
    ("step", "sentence", "found"),
    [
        (
            lambda sch, i: sch.sample_categorical([1, 2], [0.0, 0.0]),
            "`sample_categorical` cannot be applied: the probabilities are no distribution.",
            "[0.0, 0.0]",
        ),
        (
            lambda sch, i: sch.sample_categorical([1, 2], [0.5, 0.5], decision=2),
            "`sample_categorical` cannot be applied: there is no candidate at position 2.",
            None,
        ),
        (
            lambda sch, i: sch.sample_partitioned_tile(i, 2, 3),
            "`sample_partitioned_tile` cannot be applied: there is no position 3.",
            None,
        ),
        (
            lambda sch, i: sch.sample_perfect_tile(i, 0),
            "`sample_perfect_tile` cannot be applied: the number of factors or the limit is not "
            "positive.",
            "0, 16",
        ),
        (
            lambda sch, i: sch.sample_perfect_tile(i, 2, decision=[2, 0]),
            "`sample_perfect_tile` cannot be applied: the decision does not have 2 positive "
            "factors.",
            "[2, 0]",
        ),
        (
            lambda sch, i: sch.sample_compute_location("B", decision=7),
            "`sample_compute_location` cannot be applied: there is no location 7.",
            None,
        ),
    ],
)
def test_sampling(step: Any, sentence: str, found: str | None) -> None:
    def steps(sch: Any) -> Any:
        i, _ = loops(sch)
        return lambda: step(sch, i)

    assert refused(two_stages, steps, sentence).found == found


def test_merge_of_blocked_loops() -> None:
    def steps(sch: Any) -> Any:
        first, second = loops(sch, "B")[0], loops(sch, "C")[1]
        sch.blockize(second)
        inner = sch.get_loops(sch.get_block("C"))[0]
        return lambda: sch.merge(first, inner)

    refused(two_stages, steps, "`merge` cannot be applied: there is a block around the loop 'j'.")


@T.prim_func
def of_two_widths(A: T.Buffer((4,)), B: T.Buffer((4,))) -> None:
    for i in range(4):
        with T.block("A"):
            vi = T.axis.spatial(4, i)
            A[vi] = 1.0
    for i in range(T.int64(4)):
        with T.block("B"):
            vi = T.axis.spatial(T.int64(4), i)
            B[vi] = 2.0


@T.prim_func
def written_twice(A: T.Buffer((4,))) -> None:
    for i, _ in T.grid(4, 2):
        with T.block("first"):
            vi = T.axis.spatial(4, i)
            A[vi] = 1.0
    for i, _ in T.grid(4, 2):
        with T.block("second"):
            vi = T.axis.spatial(4, i)
            A[vi] = 2.0


def test_merge_of_unlike_loops() -> None:
    def widths(sch: Any) -> Any:
        (a,), (b,) = loops(sch, "A"), loops(sch, "B")
        return lambda: sch.merge(a, b)

    def kinds(sch: Any) -> Any:
        a, b = loops(sch, "B")[0], loops(sch, "C")[0]
        sch.unroll(b)
        return lambda: sch.merge(a, b)

    def twice(sch: Any) -> Any:
        a, b = loops(sch, "first")[1], loops(sch, "second")[1]
        return lambda: sch.merge(a, b)

    head = "`merge` cannot be applied: the loops 'i' and 'i' differ in "
    refused(of_two_widths, widths, head + "dtype.")
    refused(two_stages, kinds, head + "kind.")
    refused(
        written_twice,
        twice,
        "`merge` cannot be applied: the blocks 'first' and 'second' write the same elements of 'A' "
        "in several iterations.",
    )


@T.prim_func
def sums_in_order(A: T.Buffer((4, 4)), B: T.Buffer((4,)), C: T.Buffer((4, 4))) -> None:
    for i, k in T.grid(4, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = 0.0
            B[vi] = B[vi] + A[vi, vk]
        with T.block("C"):
            vi, vk = T.axis.remap("SS", [i, k])
            C[vi, vk] = B[vi]


def test_running_sums_are_not_reordered() -> None:
    def steps(sch: Any) -> Any:
        i, k = loops(sch)
        return lambda: sch.reorder(k, i)

    refused(
        sums_in_order,
        steps,
        "`reorder` cannot be applied: the loop 'k' carries on the results of the producer 'B', "
        "which 'C' uses.",
        expected="loops above all reductions of the producers",
    )


def test_rfactor_of_crowded_nests() -> None:
    def second(sch: Any) -> Any:
        i, k = loops(sch)
        del i
        return lambda: sch.rfactor(k)

    @T.prim_func
    def behind(A: T.Buffer((4, 4)), B: T.Buffer((4,)), C: T.Buffer((4,))) -> None:
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = 1.0
            for k in range(4):
                with T.block("B"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[vi] = 0.0
                    B[vi] = B[vi] + A[vi, vk]

    refused(
        behind,
        second,
        "`rfactor` cannot be applied: the block 'B' is not the first thing in the loop 'i'.",
    )

    @T.prim_func
    def beside(A: T.Buffer((4, 4)), B: T.Buffer((4,)), C: T.Buffer((4, 4))) -> None:
        for i, k0 in T.grid(4, 2):
            for k1 in range(2):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    vk = T.axis.reduce(4, k0 * 2 + k1)
                    with T.init():
                        B[vi] = 0.0
                    B[vi] = B[vi] + A[vi, vk]
            with T.block("C"):
                vi, vk = T.axis.remap("SS", [i, k0])
                C[vi, vk] = 1.0

    refused(
        beside,
        lambda sch: (lambda k: lambda: sch.rfactor(k))(loops(sch)[2]),
        "`rfactor` cannot be applied: there is more than the block 'B' in the loop 'k0'.",
    )


def test_reductions_that_are_not_understood() -> None:
    @T.prim_func
    def branch(A: T.Buffer((4, 4)), B: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0.0
                if vk > 1:
                    B[vi] = B[vi] + A[vi, vk]

    @T.prim_func
    def two_places(A: T.Buffer((4, 4)), B: T.Buffer((8,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0.0
                    B[vi + 4] = 0.0
                B[vi] = B[vi] + A[vi, vk]
                B[vi + 4] = B[vi + 4] + A[vi, vk]

    head = "`rfactor` cannot be applied: the reduction of the block 'B' is not understood: "

    def last(sch: Any) -> Any:
        k = loops(sch)[1]
        return lambda: sch.rfactor(k)

    refused(branch, last, head + "the body is more than stores.")
    refused(two_places, last, head + "the stores have different indices.")


def test_moving_blocks() -> None:
    def alone(sch: Any) -> Any:
        place = loops(sch, "B")[0]
        sch.add_unit_loop(sch.get_block("B"))
        return lambda: sch.compute_at("B", place)

    refused(
        elementwise,
        alone,
        "`compute_at` cannot be applied: the block 'B' and the loop 'i' are not beside each other "
        "in one scope.",
    )
    refused(
        running_sum,
        lambda sch: lambda: sch.compute_inline("B"),
        "`compute_inline` cannot be applied: the block 'B' has an init.",
    )


def test_padding_of_other_sums() -> None:
    def steps(program: Any, padding: list[int]) -> Any:
        return refused(
            program,
            lambda sch: lambda: sch.pad_einsum("C", padding),
            "`pad_einsum` cannot be applied: the block 'C' does not add products of elements to a "
            "sum that begins with 0.",
        )

    @T.prim_func
    def begins_with_one(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 1.0
                C[vi] = C[vi] + A[vi, vk]

    steps(begins_with_one, [2, 2])

    @T.prim_func
    def begins_late(A: T.Buffer((6, 4)), C: T.Buffer((6,))) -> None:
        for i in range(2, 6):
            for k in range(4):
                with T.block("C"):
                    vi = T.axis.spatial((2, 6), i)
                    vk = T.axis.reduce(4, k)
                    with T.init():
                        C[vi] = 0.0
                    C[vi] = C[vi] + A[vi, vk]

    refused(
        begins_late,
        lambda sch: lambda: sch.pad_einsum("C", [2, 2]),
        "`pad_einsum` cannot be applied: the variable 'vi' does not start at 0.",
        found="2",
    )

    @T.prim_func
    def unused(A: T.Buffer((4,)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 3):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = C[vi] + A[vi]

    refused(
        unused,
        lambda sch: lambda: sch.pad_einsum("C", [1, 2]),
        "`pad_einsum` cannot be applied: no operand is indexed by 'vk'.",
    )


def test_block_layouts_of_crowded_or_partial_loops() -> None:
    @T.prim_func
    def part(A: T.Buffer((8,))) -> None:
        for i in range(4):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                A[vi] = 1.0

    refused(
        part,
        lambda sch: lambda: sch.transform_block_layout("A", lambda i: i),
        "`transform_block_layout` cannot be applied: the loop 'i' is not the domain of its "
        "variable.",
    )

    def crowded(sch: Any) -> Any:
        sch.compute_at("C", loops(sch, "D")[0])
        return lambda: sch.transform_block_layout("D", lambda i, j: (j, i))

    refused(
        matmul_relu,
        crowded,
        "`transform_block_layout` cannot be applied: the block 'D' is not all that is in the loop "
        "'i'.",
    )
