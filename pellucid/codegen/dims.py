"""Dimensions as data: scalar integer expressions turned into the `Dim` trees of signatures and
plans.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import scalar as ir
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.runtime.dims import Dim
from pellucid.support.errors import UnsupportedError
from pellucid.support.naming import NameSupply

_BINARY: dict[type[PrimExpr], str] = {
    ir.Add: "add",
    ir.Sub: "sub",
    ir.Mul: "mul",
    ir.FloorDiv: "floordiv",
    ir.FloorMod: "floormod",
    ir.Min: "min",
    ir.Max: "max",
    ir.EQ: "eq",
    ir.NE: "ne",
    ir.LT: "lt",
    ir.LE: "le",
    ir.GT: "gt",
    ir.GE: "ge",
    ir.And: "and",
    ir.Or: "or",
}


class DimNames:
    """Gives each symbolic variable of a function one name, as dimensions are turned into data."""

    def __init__(self) -> None:
        self._names: dict[ir.Var, str] = {}
        self._supply = NameSupply()

    def name(self, var: ir.Var) -> str:
        """The name of a symbolic variable: its hint, made unique."""
        found = self._names.get(var)
        if found is None:
            found = self._supply.fresh(var.name)
            self._names[var] = found
        return found

    def dim(self, expr: Any) -> Dim:
        """An integer expression as a `Dim`."""
        if isinstance(expr, int):
            return expr
        if isinstance(expr, ir.IntImm):
            return expr.value
        if isinstance(expr, ir.Var):
            return self.name(expr)
        if isinstance(expr, ir.Cast):
            return self.dim(expr.value)
        kind = _BINARY.get(expr.__class__)
        if kind is not None:
            return (kind, self.dim(expr.a), self.dim(expr.b))
        if isinstance(expr, ir.Not):
            return ("not", self.dim(expr.a))
        if isinstance(expr, ir.Select):
            return (
                "select",
                self.dim(expr.condition),
                self.dim(expr.true_value),
                self.dim(expr.false_value),
            )
        if isinstance(expr, ir.Call) and isinstance(expr.op, Op | GlobalVar):
            return self._call(expr)
        raise _unsupported(expr)

    def _call(self, call: ir.Call) -> Dim:
        name = getattr(call.op, "name", "")
        if name == "tir.if_then_else":
            return ("select", *[self.dim(arg) for arg in call.args])
        if name == "tir.likely":
            return self.dim(call.args[0])
        raise _unsupported(call)

    def dims(self, exprs: Any) -> tuple[Dim, ...]:
        """Several dimensions."""
        return tuple([self.dim(each) for each in exprs])


def _unsupported(expr: Any) -> UnsupportedError:
    return UnsupportedError(
        "This expression cannot be a dimension of a compiled function.",
        expected="+, -, *, //, %, min, max, comparisons and selections of integers",
        found=repr(expr),
    )
