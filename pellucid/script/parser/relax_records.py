"""What the statements of `R` evaluate to, before the parser makes bindings of them.

`R.dataflow()`, `R.output(...)`, `R.match_cast(...)` and the like are plain functions that return
one of these records; only the parser knows what name the result gets, and in which block it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pellucid.relax.expr import Binding, Var


@dataclass(slots=True)
class Dataflow:
    """A dataflow block that is being parsed."""

    # The assignments, by syntax node, whose variables `R.output` names.
    outputs: set[int]
    # What it hands out, by name, once that is known.
    output: dict[str, Var] | None = None
    bindings: list[Binding] = field(default_factory=list[Binding])


@dataclass(frozen=True, slots=True)
class DataflowFrame:
    """`with R.dataflow():`."""


@dataclass(frozen=True, slots=True)
class OutputClause:
    """`R.output(a, b)`: what a dataflow block hands out."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class FuncAttrClause:
    """`R.func_attr({...})`."""

    attrs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReturnInfoClause:
    """`R.func_ret_struct_info(info)`: the declared result of the function."""

    info: Any


@dataclass(frozen=True, slots=True)
class MatchCastSpec:
    """`R.match_cast(value, info)`: becomes a binding of its own."""

    value: Any
    info: Any


@dataclass(frozen=True, slots=True)
class EmitTe:
    """A tensor-expression function and the arguments of its call: `R.emit_te`."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EmitSpec:
    """`R.emit(value, info)`: bound at once, also within an expression."""

    value: Any
    info: Any
