"""Conditions of primitives about reductions: where they begin, what they add, what overlaps."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


@T.prim_func
def begins_late(A: T.Buffer((6, 4)), B: T.Buffer((6,))) -> None:
    for i, k in T.grid(6, 3):
        with T.block("B"):
            vi = T.axis.spatial(6, i)
            vk = T.axis.reduce(4, k + 1)
            with T.init():
                B[vi] = 0.0
            B[vi] = B[vi] + A[vi, vk]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("decompose_reduction", lambda sch, i, k: sch.decompose_reduction("B", i)),
        ("rfactor", lambda sch, i, k: sch.rfactor(k)),
        ("cache_write", lambda sch, i, k: sch.cache_write("B", "B", "local")),
    ],
)
def test_reductions_without_their_beginning(name: str, step: Any) -> None:
    def steps(sch: Any) -> Any:
        i, k = loops(sch)
        return lambda: step(sch, i, k)

    refused(
        begins_late,
        steps,
        f"`{name}` cannot be applied: the loops around the block 'B' leave out the beginning of "
        "its reduction.",
        expected="vk from 0",
        found="1",
    )


@pytest.mark.parametrize("place", [0, 1])
def test_conditions_that_skip_an_init(place: int) -> None:
    @T.prim_func
    def some(A: T.Buffer((6, 4)), B: T.Buffer((6,)), m: T.int32) -> None:
        for i, k in T.grid(6, 4):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.where(k < m)
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + A[vi, vk]

    def steps(sch: Any) -> Any:
        loop = loops(sch)[place]
        return lambda: sch.decompose_reduction("B", loop)

    refused(
        some,
        steps,
        "`decompose_reduction` cannot be applied: a condition of the block 'B' may leave out the "
        "instances that run its init.",
        found="k < m",
    )

    @T.prim_func
    def single(A: T.Buffer((6, 1)), B: T.Buffer((6,))) -> None:
        for i, k in T.grid(6, 1):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.where(i + k < 5)
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + A[vi, vk]

    refused(
        single,
        steps,
        "`decompose_reduction` cannot be applied: a condition of the block 'B' "
        + (
            "may leave out the instances that run its init."
            if place
            else "mixes loops of the init with reductions."
        ),
        found="i + k < 5",
    )


def test_reductions_of_symbolic_size_decompose() -> None:
    @T.prim_func
    def inner_sum(a: T.handle, b: T.handle) -> None:
        n = T.int32()
        A = T.match_buffer(a, (4, n))
        B = T.match_buffer(b, (4,))
        for i, k in T.grid(4, n - 2):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                vk = T.axis.reduce(n - 2, k)
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + A[vi, vk + 2]

    def steps(sch: Any) -> None:
        i, k = loops(sch)
        sch.split(k, [None, 4])
        sch.decompose_reduction("B", i)

    check(inner_sum, steps, sizes={"n": 9})


def test_sums_of_overlapping_parts() -> None:
    @T.prim_func
    def overlapping(a: T.handle, c: T.handle) -> None:
        n = T.int32()
        A = T.match_buffer(a, (n, 4))
        C = T.match_buffer(c, (n,))
        B = T.alloc_buffer((n, 4))
        for i, j, k in T.grid(n - 1, 2, 4):
            with T.block("B"):
                vi = T.axis.spatial(n, i + j)
                vk = T.axis.spatial(4, k)
                B[vi, vk] = A[vi, vk]
        for i, k in T.grid(n, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = C[vi] + B[vi, vk]

    for depth in (0, 1):
        refused(
            overlapping,
            lambda sch, depth=depth: (lambda top: lambda: sch.reverse_compute_at("C", top))(
                loops(sch, "B")[depth]
            ),
            "`reverse_compute_at` cannot be applied: the reduction block 'C' would run some "
            "instances more than once.",
        )


def test_windows_of_no_fixed_size() -> None:
    @T.prim_func
    def squares(A: T.Buffer((18,)), C: T.Buffer((5,))) -> None:
        B = T.alloc_buffer((18,))
        for i in range(18):
            with T.block("B"):
                vi = T.axis.spatial(18, i)
                B[vi] = A[vi]
        for i in range(5):
            with T.block("C"):
                vi = T.axis.spatial(5, i)
                C[vi] = B[vi * vi] + B[vi * vi + 1]

    @T.prim_func
    def begins_at_two(A: T.Buffer((18,)), C: T.Buffer((16,))) -> None:
        B = T.alloc_buffer((18,))
        for i in range(18):
            with T.block("B"):
                vi = T.axis.spatial(18, i)
                B[vi] = A[vi]
        for i in range(2, 16):
            with T.block("C"):
                vi = T.axis.spatial(16, i)
                C[vi] = B[vi] + B[vi + 1]

    def steps(sch: Any) -> Any:
        sch.compute_at("B", loops(sch, "C")[0])
        return lambda: sch.rolling_buffer("B", 0)

    for program in (squares, begins_at_two):
        refused(
            program,
            steps,
            "`rolling_buffer` cannot be applied: the part of 'B' that one iteration of 'i' needs "
            "has no fixed size or step.",
        )


def test_contractions_of_another_form() -> None:
    @T.prim_func
    def branch(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                if vk > 1:
                    C[vi] = C[vi] + A[vi, vk]

    @T.prim_func
    def largest(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = T.max(C[vi], A[vi, vk])

    @T.prim_func
    def last(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = A[vi, vk] + A[vi, vk]

    @T.prim_func
    def differences(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = C[vi] + (A[vi, vk] - 1.0)

    @T.prim_func
    def powers(A: T.Buffer((4, 4)), C: T.Buffer((4,))) -> None:
        for i, k in T.grid(4, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = C[vi] + A[vi, vk] * C[vi]

    for program in (branch, largest, last, differences, powers):
        refused(
            program,
            lambda sch: lambda: sch.pad_einsum("C", [3, 3]),
            "`pad_einsum` cannot be applied: the block 'C' does not add products of elements to a "
            "sum that begins with 0.",
        )
