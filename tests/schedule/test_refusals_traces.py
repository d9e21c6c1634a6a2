"""Traces of other programs, of values without a text, and saved traces with other contents."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.scalar import Range
from pellucid.script import tir as T
from pellucid.support.errors import ArtifactError, ScheduleError, UnsupportedError
from pellucid.tir.schedule import Schedule, Trace
from tests.schedule.programs import elementwise, loops, running_sum


def test_traces_of_other_programs() -> None:
    @T.prim_func
    def line(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]

    sch = Schedule(elementwise)
    sch.unroll(loops(sch)[1])
    other = Schedule(line)
    with pytest.raises(ScheduleError) as caught:
        sch.trace.apply_to_schedule(other)
    assert caught.value.message == "Replaying 'get_loops' gives another number of results."
    assert (caught.value.expected, caught.value.found) == ("2", "1")

    inst = sch.trace.insts[0]
    with pytest.raises(ScheduleError) as caught:
        other.trace.with_decision(inst, 1)
    assert caught.value.message == "The instruction does not belong to this trace."


def test_traces_of_values_that_have_no_text() -> None:
    sch = Schedule(elementwise)
    sch.annotate("B", "range", Range(0, 4))
    for save in (lambda: str(sch.trace), lambda: sch.trace.as_json()):
        with pytest.raises(UnsupportedError) as caught:
            save()
        assert caught.value.message == "A trace cannot hold a Range."
        assert caught.value.found == "T.Range(min=0, extent=4)"


@pytest.mark.parametrize(
    ("argument", "sentence", "found"),
    [
        ({"number": 4}, "This is no argument of a schedule's trace.", "{'number': 4}"),
        (
            {"map": "i + 1", "dtype": "int32", "inverse": None},
            "An index map is a lambda that gives a list.",
            "i + 1",
        ),
        (
            {"map": "lambda i: i", "dtype": "int32", "inverse": None},
            "An index map is a lambda that gives a list.",
            "lambda i: i",
        ),
        ({"expr": "1 +", "dtype": "int32"}, "An expression in a trace cannot be read.", "1 +"),
    ],
)
def test_saved_traces_with_other_arguments(
    argument: dict[str, Any], sentence: str, found: str
) -> None:
    sch = Schedule(running_sum)
    sch.annotate("B", "note", 1)
    data = sch.trace.as_json()
    arguments = data["instructions"][-1]["arguments"]
    assert arguments[-1][0] == "ann_val"
    arguments[-1][1] = argument
    with pytest.raises(ArtifactError) as caught:
        Trace.from_json(data)
    assert caught.value.message == sentence
    assert caught.value.found == found
