"""Slots through which an earlier layer uses a later one: the printer, the verifier, the evaluator,
the validator.

A later package fills its slot when it is imported. Using an empty slot is an error that says what
to import; the public doors of the package (`pellucid.IRModule`, `pellucid.script` …) import what is
needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pellucid.support.errors import InternalError

F = TypeVar("F", bound=Callable[..., Any])


class Hook(Generic[F]):
    """A slot for one function, filled by `provider` (a module name) when that is imported."""

    def __init__(self, name: str, provider: str) -> None:
        self.name = name
        self.provider = provider
        self._function: F | None = None

    def fill(self, function: F) -> F:
        """Put `function` into the slot."""
        self._function = function
        return function

    def get(self) -> F:
        """The function; its provider is imported when the slot is still empty."""
        if self._function is None:
            importlib.import_module(self.provider)
        if self._function is None:
            raise InternalError(f"{self.provider} did not fill the hook {self.name!r}.")
        return self._function


# printer(node_or_module, **options) -> script text; see script/printer.
printer: Hook[Callable[..., str]] = Hook("printer", "pellucid.script.printer")
# repr_printer(node) -> a bounded fragment, never raising.
repr_printer: Hook[Callable[[Any], str]] = Hook("repr_printer", "pellucid.script.printer")
# show(text, style) prints highlighted script.
show: Hook[Callable[..., None]] = Hook("show", "pellucid.script.highlight")
# verifier(module) -> None; raises WellFormedError.
verifier: Hook[Callable[..., None]] = Hook("verifier", "pellucid.relax.analysis.well_formed")
# specializer(function, values) -> function: PrimFunc.specialize.
specializer: Hook[Callable[..., Any]] = Hook("specializer", "pellucid.tir.specialize")
# scalar_power(x, y) and scalar_magnitude(x): `x ** y` and `abs(x)` of scalar expressions.
scalar_power: Hook[Callable[..., Any]] = Hook("scalar_power", "pellucid.tir.op_math")
scalar_magnitude: Hook[Callable[..., Any]] = Hook("scalar_magnitude", "pellucid.tir.op_math")
# evaluator(function_or_module, *arrays) -> arrays: the interpreter.
evaluator: Hook[Callable[..., Any]] = Hook("evaluator", "pellucid.interp")
# validator(before, after) -> verdict: for Schedule(validate=...).
validator: Hook[Callable[..., Any]] = Hook("validator", "pellucid.testing.validate")
# graph_operators() -> None; filled when the operator records `relax.*` are there.
graph_operators: Hook[Callable[[], None]] = Hook("graph_operators", "pellucid.relax.op")
