"""The examples in the docstrings of primitives run, and keep what the program computes."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from pellucid import tir
from pellucid.interp import run
from pellucid.script import tir as T
from pellucid.testing.strategies import schedule_programs
from pellucid.testing.strategies.schedules import primitives
from pellucid.tir.analysis import verify_well_formed
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule
from tests.schedule.harness import arguments


@T.prim_func
def double8(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def double8_unrolled(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in T.unroll(8):
            B[i] = A[i] + A[i]


PROGRAMS = {n: f for n, f in vars(schedule_programs).items() if isinstance(f, PrimFunc)}


def example_of(name: str) -> list[str]:
    """The lines of the example of a primitive."""
    text = getattr(Schedule, name).__doc__ or ""
    return [each.source for each in doctest.DocTestParser().get_examples(text)]


@pytest.mark.parametrize("name", primitives())
def test_example(name: str) -> None:
    lines = example_of(name)
    assert any(f"sch.{name}(" in line for line in lines)
    scope: dict[str, Any] = {
        **PROGRAMS,
        "tir": tir,
        "Schedule": Schedule,
        "double8": double8,
        "double8_unrolled": double8_unrolled,
    }
    exec("".join(lines), scope)
    sch: Schedule = scope["sch"]
    assert any(inst.kind == name for inst in sch.trace)
    verify_well_formed(sch.mod)
    after = sch.mod["main"]
    before = PROGRAMS[str(after.attrs["global_symbol"])]
    expected, found = (arguments(before, {"n": 3}) for _ in range(2))
    for position, param in enumerate(before.params):
        if before.buffer_map[param].name.startswith("idx"):
            expected[position] %= 5
            found[position] %= 5
    run(before, *expected)
    run(after, *found)
    assert all((a == b).all() for a, b in zip(expected, found, strict=True))
