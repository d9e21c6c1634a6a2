"""The decorator that makes a method of a schedule a primitive: a step that is traced and undone on
failure.

A block may be given by its name where the annotation of the parameter says `BlockRV | str`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from pellucid.ir.scalar import FloatImm, IntImm
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.instruction import Instruction

P = ParamSpec("P")
R = TypeVar("R")


def primitive(method: Callable[P, R]) -> Callable[P, R]:
    """Make a method a primitive. Its parameter `decision`, if any, is kept apart in the trace."""
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    named_blocks = {p.name for p in parameters if "BlockRV" in str(p.annotation)}
    positional = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    kind = cast("Any", method).__name__

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        self: ScheduleCore = given.pop(parameters_self)
        arguments = {name: _plain(value) for name, value in given.items()}
        recorded = {name: value for name, value in arguments.items() if name != "decision"}
        inst = Instruction(kind, recorded, positional=positional)

        def run() -> R:
            for name in named_blocks:
                arguments[name] = _resolved(self, arguments[name])
                recorded[name] = arguments[name]
            several = arguments[positional] if positional else ()
            named = {name: v for name, v in arguments.items() if name != positional}
            return cast("Any", method)(self, *several, **named)

        return self.step(inst, run)

    parameters_self = next(iter(signature.parameters))
    cast("Any", call).is_primitive = True
    return call


def _plain(value: Any) -> Any:
    """Constants and NumPy numbers as Python numbers."""
    if isinstance(value, IntImm | FloatImm):
        return value.value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    if isinstance(value, tuple):
        return tuple([_plain(each) for each in cast("tuple[Any, ...]", value)])
    return value


def _resolved(self: Any, value: Any) -> Any:
    """Blocks given by name are looked up."""
    if isinstance(value, str):
        return self.block_named(value)
    if isinstance(value, list | tuple):
        return [_resolved(self, each) for each in cast("list[Any]", value)]
    return value
