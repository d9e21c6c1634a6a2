"""Matching run-time values against struct infos: binding symbolic dimensions, checking everything
else.

Used at function entry, at `match_cast`, and for the results of calls. The first place where a free
symbolic variable
stands bare binds it; every later one must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from pellucid.interp.memory import View
from pellucid.interp.scalar import ScalarEvaluator
from pellucid.interp.values import is_tuple
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.relax import struct_info as si
from pellucid.relax.expr import ShapeExpr
from pellucid.support.errors import ArgumentError


class ShapeValue(tuple[int, ...]):
    """A shape as a run-time value: a tuple of ints."""

    __slots__ = ()


@dataclass(slots=True)
class Symbols:
    """The symbolic variables of one call, each with the place that bound it."""

    values: dict[Var, int] = field(default_factory=dict[Var, int])
    places: dict[Var, str] = field(default_factory=dict[Var, str])

    def eval(self, expr: PrimExpr) -> int:
        """The value of a dimension expression."""
        evaluator = ScalarEvaluator()
        evaluator.env.update(self.values)
        return evaluator.eval(expr)

    def known(self, expr: PrimExpr) -> bool:
        """Whether all variables of the expression are bound."""
        return all(var in self.values for var in variables(expr))

    def match(self, expr: PrimExpr, value: int, place: str) -> None:
        """Bind a bare free variable, or check the expression's value; what is not bound yet is not
        checked.
        """
        if isinstance(expr, Var) and expr not in self.values:
            self.values[expr] = value
            self.places[expr] = place
            return
        if not self.known(expr) or self.eval(expr) == value:
            return
        where = self.places.get(expr) if isinstance(expr, Var) else None
        raise ArgumentError(
            f"{place} does not fit.",
            expected=f"{self.eval(expr)}"
            + (f", since {where} is {self.eval(expr)}" if where else ""),
            found=str(value),
        )


def variables(expr: PrimExpr) -> list[Var]:
    """The variables of a dimension expression."""
    found: list[Var] = []

    def visit(node: Any) -> None:
        if isinstance(node, Var):
            found.append(node)
        else:
            node.walk(visit, visit)

    visit(expr)
    return found


def match_value(info: si.StructInfo | None, value: Any, symbols: Symbols, place: str) -> None:
    """Check `value` against `info`, binding symbolic variables; errors name `place`."""
    if isinstance(info, si.TensorStructInfo):
        _match_tensor(info, value, symbols, place)
    elif isinstance(info, si.ShapeStructInfo):
        _match_shape(info, value, symbols, place)
    elif isinstance(info, si.PrimStructInfo):
        if not isinstance(value, bool | int | float | np.generic):
            raise ArgumentError(
                f"{place} must be a number.", expected=str(info.dtype), found=_kind(value)
            )
        if info.value is not None and info.dtype.is_integer:
            symbols.match(info.value, int(cast("int", value)), place)
    elif isinstance(info, si.TupleStructInfo):
        if not is_tuple(value) or isinstance(value, ShapeValue) or len(value) != len(info.fields):
            raise ArgumentError(
                f"{place} must be a tuple.",
                expected=f"{len(info.fields)} fields",
                found=_kind(value),
            )
        for index, (each, part) in enumerate(zip(info.fields, value, strict=True)):
            match_value(each, part, symbols, f"{place}[{index}]")
    elif isinstance(info, si.FuncStructInfo) and not callable(value):
        raise ArgumentError(f"{place} must be a function.", found=_kind(value))


def _kind(value: Any) -> str:
    if isinstance(value, View):
        return f"a tensor of shape {value.shape} and dtype {value.dtype}"
    return f"{type(value).__name__}"


def _match_tensor(info: si.TensorStructInfo, value: Any, symbols: Symbols, place: str) -> None:
    if not isinstance(value, View):
        raise ArgumentError(f"{place} must be a tensor.", found=_kind(value))
    if info.dtype and value.dtype != info.dtype:
        raise ArgumentError(
            f"{place} has the wrong dtype.", expected=str(info.dtype), found=str(value.dtype)
        )
    if info.ndim >= 0 and len(value.shape) != info.ndim:
        raise ArgumentError(
            f"{place} has the wrong rank.",
            expected=f"{info.ndim} dimensions",
            found=f"{len(value.shape)}",
        )
    if isinstance(info.shape, ShapeExpr):
        for axis, (expr, extent) in enumerate(zip(info.shape.values, value.shape, strict=True)):
            symbols.match(expr, extent, f"{place}, dimension {axis}")


def _match_shape(info: si.ShapeStructInfo, value: Any, symbols: Symbols, place: str) -> None:
    if not isinstance(value, ShapeValue):
        raise ArgumentError(f"{place} must be a shape.", found=_kind(value))
    if info.ndim >= 0 and len(value) != info.ndim:
        raise ArgumentError(
            f"{place} has the wrong length.", expected=str(info.ndim), found=str(len(value))
        )
    for axis, (expr, extent) in enumerate(zip(info.values or (), value, strict=False)):
        symbols.match(expr, extent, f"{place}, dimension {axis}")
