"""What every schedule in these tests has to keep: form, results, and the laws of traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from pellucid import tir
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm, Var
from pellucid.ir.structural import assert_structural_equal
from pellucid.support.errors import ScheduleError
from pellucid.tir.analysis import verify_well_formed
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule, Trace

MARK = "tir.is_scheduled"
Steps = Callable[[Schedule], Any]


def extent_of(extent: Any, sizes: Mapping[str, int]) -> int:
    if isinstance(extent, IntImm):
        return extent.value
    assert isinstance(extent, Var)
    return sizes[extent.name]


def arguments(func: PrimFunc, sizes: Mapping[str, int], seed: int = 0) -> list[Any]:
    """Random arrays of small integers, so that sums are exact in any order."""
    rng = np.random.default_rng(seed)
    found: list[Any] = []
    for param in func.params:
        if param not in func.buffer_map:
            found.append(sizes[param.name])
            continue
        buffer = func.buffer_map[param]
        shape = [extent_of(each, sizes) for each in buffer.shape]
        found.append(rng.integers(-4, 5, shape).astype(str(buffer.dtype)))
    return found


def results(func: PrimFunc, sizes: Mapping[str, int]) -> list[Any]:
    """All arrays after running the interpreter."""
    args = arguments(func, sizes)
    run(func, *args)
    return args


def same_results(before: PrimFunc, after: PrimFunc, sizes: Mapping[str, int]) -> None:
    """The interpreter gives the same for both."""
    for x, y in zip(results(after, sizes), results(before, sizes), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=after.script())


def bare(module: IRModule) -> IRModule:
    """The module without the mark of schedules and without symbols."""
    return module.with_functions(
        {v: f.without_attr(MARK).without_attr("global_symbol") for v, f in module.items()}
    )


def trace_laws(sch: Schedule, before: Any) -> None:
    """Replaying, printing and executing, and saving the trace all rebuild the module."""
    replayed = Schedule(before)
    sch.trace.apply_to_schedule(replayed)
    assert_structural_equal(replayed.mod, sch.mod)
    executed = Schedule(before)
    scope: dict[str, Any] = {"tir": tir}
    exec(str(sch.trace), scope)
    scope["apply_trace"](executed)
    assert_structural_equal(executed.mod, sch.mod)
    saved = Schedule(before)
    Trace.apply_json_to_schedule(json.loads(json.dumps(sch.trace.as_json())), saved)
    assert_structural_equal(saved.mod, sch.mod)
    assert str(saved.trace) == str(sch.trace) == str(executed.trace)
    shorter = Schedule(before)
    sch.trace.simplified().apply_to_schedule(shorter)
    assert_structural_equal(shorter.mod, sch.mod)


def check(
    before: Any, steps: Steps, expected: Any = None, *, sizes: Mapping[str, int] | None = None
) -> Schedule:
    """Take the steps: the result is as expected, well-formed, computes the same, and the trace
    rebuilds it.
    """
    module = IRModule({"main": before}) if isinstance(before, PrimFunc) else before
    text = module.script(show_meta=True)
    sch = Schedule(before)
    steps(sch)
    verify_well_formed(sch.mod)
    if expected is not None:
        wanted = IRModule({"main": expected}) if isinstance(expected, PrimFunc) else expected
        assert_structural_equal(bare(sch.mod), bare(wanted))
    for var, func in module.items():
        if isinstance(func, PrimFunc):
            same_results(func, sch.mod[var], sizes or {})
    assert module.script(show_meta=True) == text
    trace_laws(sch, before)
    return sch


def refused(before: Any, steps: Steps, message: str, **parts: str) -> ScheduleError:
    """The last step is refused with this sentence, and leaves module and trace as they were.

    `steps` takes all steps but the last, and gives the last one as a function.
    """
    sch = Schedule(before)
    last = steps(sch)
    module, length, text = sch.mod, len(sch.trace), str(sch.trace)
    with pytest.raises(ScheduleError) as caught:
        last()
    assert sch.mod is module
    assert len(sch.trace) == length
    assert str(sch.trace) == text
    assert caught.value.message == message
    for name, part in parts.items():
        assert getattr(caught.value, name) == part, name
    return caught.value
