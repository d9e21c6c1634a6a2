"""Reductions: `te.sum(expr, axis=k)` and its relatives; two values in place of an axis are combined
at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.tir.op import infinity, max_value, min_value
from pellucid.tir.reduction import comm_reducer

__all__ = ["all", "any", "comm_reducer", "highest", "lowest", "max", "min", "prod", "sum"]


def _constant(number: int) -> Callable[[DataType], PrimExpr]:
    return lambda dtype: ar.const(number, dtype)


def _truth(value: bool) -> Callable[[DataType], PrimExpr]:
    return lambda dtype: ar.const(value, dtype)


def lowest(dtype: DataType) -> PrimExpr:
    """No value is below it: minus infinity where the dtype has one."""
    return ar.neg(highest(dtype)) if dtype.is_float else min_value(dtype)


def highest(dtype: DataType) -> PrimExpr:
    """No value is above it: infinity where the dtype has one."""
    has_infinity = dtype.is_float and dtype.scalar != "float8_e4m3fn"
    return infinity(dtype) if has_infinity else max_value(dtype)


sum = comm_reducer(lambda x, y: x + y, _constant(0), name="sum")
prod = comm_reducer(lambda x, y: x * y, _constant(1), name="prod")
max = comm_reducer(lambda x, y: ar.maximum(x, y), lowest, name="max")
min = comm_reducer(lambda x, y: ar.minimum(x, y), highest, name="min")


def _over_axis(name: str, logic: Callable[[Any, Any], Any], identity: bool) -> Callable[..., Any]:
    reduce = comm_reducer(lambda x, y: logic(x, y), _truth(identity), name=name)

    def function(*args: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
        if axis is not None:
            return reduce(args[0], axis, where=where, init=init)
        if len(args) == 2:
            return reduce(args[0], args[1], where=where, init=init)
        found = args[0]
        for each in args[1:]:
            found = logic(found, each)
        return found

    function.__name__ = name
    function.__doc__ = f"Whether {name} of the bools: over an axis, or of those given."
    return function


all = _over_axis("all", ar.logical_and, True)
any = _over_axis("any", ar.logical_or, False)
