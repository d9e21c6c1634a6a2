"""Loop bounds, bindings and conditions that load from memory."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


@T.prim_func
def under_a_loaded_condition(A: T.Buffer((8,), "int32"), C: T.Buffer((8,), "int32")) -> None:
    B = T.alloc_buffer((8,), "int32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi] + 1
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            T.where(B[7 - i] > 0)
            C[vi] = B[vi]


@T.prim_func
def of_loaded_length(A: T.Buffer((8,), "int32"), C: T.Buffer((8, 8), "int32")) -> None:
    B = T.alloc_buffer((8,), "int32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = T.max(A[vi], 0)
    for i in range(8):
        for j in range(B[7 - i]):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                vj = T.axis.spatial(8, j)
                C[vi, vj] = B[vi]


@T.prim_func
def at_a_loaded_place(A: T.Buffer((8,), "int32"), C: T.Buffer((8,), "int32")) -> None:
    B = T.alloc_buffer((8,), "int32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = T.max(A[vi], 0)
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, B[7 - i])
            vj = T.axis.spatial(8, i)
            C[vi] = B[vj]


@pytest.mark.parametrize("program", [under_a_loaded_condition, of_loaded_length, at_a_loaded_place])
@pytest.mark.parametrize("name", ["compute_at", "merge", "cache_read"])
def test_loads_outside_of_blocks(program: Any, name: str) -> None:
    def steps(sch: Any) -> Any:
        first, second = loops(sch, "B")[0], loops(sch, "C")[0]
        if name == "compute_at":
            return lambda: sch.compute_at("B", second)
        return lambda: (
            sch.merge(first, second) if name == "merge" else sch.cache_read("B", 0, "local")
        )

    refused(
        program,
        steps,
        f"`{name}` cannot be applied: the block 'B' writes 'B', which a loop bound, a binding or a "
        "condition outside of the blocks loads.",
        cure="load it inside of a block",
    )


def test_loads_beyond_the_end_of_a_loop() -> None:
    check(under_a_loaded_condition, lambda sch: sch.split(loops(sch, "C")[0], [None, 3]))
    refused(
        of_loaded_length,
        lambda sch: (lambda i: lambda: sch.split(i, [None, 3]))(loops(sch, "C")[0]),
        "`split` cannot be applied: the bounds of a loop below 'i' load from memory, also in "
        "iterations that the condition leaves out.",
        found="B[7 - i]",
        cure="choose factors that divide the extent",
    )
    check(of_loaded_length, lambda sch: sch.split(loops(sch, "C")[0], [None, 4]))


@pytest.mark.parametrize("kind", ["parallel", "vectorize"])
def test_iterations_whose_condition_loads_what_others_store(kind: str) -> None:
    @T.prim_func
    def program(C: T.Buffer((8,), "int32")) -> None:
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                T.where(C[7 - i] > 0)
                C[vi] = -1

    refused(
        program,
        lambda sch: (lambda i: lambda: getattr(sch, kind)(i))(loops(sch, "C")[0]),
        f"`{kind}` cannot be applied: the block 'C' writes 'C', which a loop bound, a binding or a "
        "condition outside of the blocks loads.",
    )
