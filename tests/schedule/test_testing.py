"""The checks that tests of schedules share."""

from __future__ import annotations

import pytest

from pellucid import tir
from pellucid.script import tir as T
from pellucid.tir.schedule.testing import (
    assert_structural_equal_ignore_global_symbol,
    verify_trace_roundtrip,
)


@T.prim_func
def double(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
    for i in range(128):
        with T.block("B"):
            vi = T.axis.spatial(128, i)
            B[vi] = A[vi] * 2.0


@pytest.mark.parametrize("text_format", [("python", "json"), "python", "json"])
def test_a_trace_leads_back_in_both_ways_of_writing_it(text_format: str) -> None:
    sch = tir.Schedule(double)
    (i,) = sch.get_loops("B")
    _, inner = sch.split(i, [None, 8])
    sch.vectorize(inner)
    assert verify_trace_roundtrip(sch, double, text_format=text_format).mod is not sch.mod


def test_a_trace_of_another_program_is_told() -> None:
    sch = tir.Schedule(double)
    sch.split(sch.get_loops("B")[0], [None, 8])
    other = tir.Schedule(double).mod["main"].with_attr("other", 1)
    with pytest.raises(ValueError, match="other"):
        verify_trace_roundtrip(sch, other)


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(ValueError, match="'python' or 'json', not 'xml'"):
        verify_trace_roundtrip(tir.Schedule(double), double, text_format="xml")


def test_symbols_may_differ() -> None:
    assert_structural_equal_ignore_global_symbol(double.with_attr("global_symbol", "f"), double)
    with pytest.raises(ValueError, match=r"tir\.noalias"):
        assert_structural_equal_ignore_global_symbol(double.with_attr("tir.noalias", 1), double)
