"""Checks for tests of schedules and of primitives.

In: a schedule, and the module it started from. Out: nothing, or an `AssertionError` that says which
way of writing the trace down does not lead back to the same module.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.schedule import Schedule
from pellucid.tir.schedule.trace import Trace


def verify_trace_roundtrip(
    sch: Schedule,
    mod: PrimFunc | IRModule,
    *,
    debug_mask: str | int = "all",
    text_format: str | tuple[str, ...] = ("python", "json"),
) -> Schedule:
    """Replay the trace of `sch` on `mod` from its Python text and from its JSON; both must give the
    module that `sch` holds. Returns the schedule made last.
    """
    formats = (text_format,) if isinstance(text_format, str) else text_format
    assert sch.trace is not None
    fresh = Schedule(mod, debug_mask=debug_mask)
    for each in formats:
        fresh = Schedule(mod, debug_mask=debug_mask)
        if each == "json":
            Trace.apply_json_to_schedule(sch.trace.as_json(), fresh)
        elif each == "python":
            names: dict[str, Any] = {"sch": fresh}
            exec("\n".join(sch.trace.as_python()), names)
        else:
            raise ValueError(f"text_format is 'python' or 'json', not {each!r}")
        assert_structural_equal(fresh.mod, sch.mod)
    return fresh


def assert_structural_equal_ignore_global_symbol(
    lhs: PrimFunc | IRModule, rhs: PrimFunc | IRModule, map_free_vars: bool = False
) -> None:
    """`assert_structural_equal` of functions or modules whose functions may have other symbols."""
    assert_structural_equal(_unnamed(lhs), _unnamed(rhs), map_free_vars)


def _unnamed(value: Any) -> Any:
    if isinstance(value, IRModule):
        functions = {var: _unnamed(func) for var, func in value.items()}
        return IRModule(functions, attrs=value.attrs)
    symbol = "global_symbol"
    return value.without_attr(symbol) if symbol in value.attrs else value
