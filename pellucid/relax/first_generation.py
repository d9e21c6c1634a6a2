"""The records and attributes of the first generation of the language that programs still use."""

from __future__ import annotations

from typing import Any

from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.ir.expr_base import graph_operators
from pellucid.ir.node import Node, data, node
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.support.errors import TypeMismatchError
from pellucid.support.old_forms import warn_once

SINCE = "2023-03"


def _dtype(value: str | None) -> DataType:
    return UNKNOWN if value is None else DataType(value)


@node
class DynTensorType(Node):
    """`ndim` and `dtype` of a tensor, for `Var(name, shape, DynTensorType(ndim, dtype))`.

    -1 and None mean unknown. Today's spelling is `Var(name, TensorStructInfo(shape, dtype))`.
    """

    ndim: int = data(default=-1)
    dtype: DataType = data(default="float32", converter=_dtype)


def _shape(expr: Any) -> Any:
    """`x.shape_`: the shape, where the struct info says it."""
    warn_once("x.shape_", "x.struct_info.shape", SINCE)
    info = expr.struct_info
    if isinstance(info, TensorStructInfo):
        return info.shape
    raise TypeMismatchError("Only a tensor has a shape.", found=repr(info))


def _checked_type(expr: Any) -> Any:
    """`x._checked_type_`: rank and dtype of a tensor; the struct info of anything else."""
    warn_once("x._checked_type_", "x.struct_info", SINCE)
    info = expr.struct_info
    if isinstance(info, TensorStructInfo):
        return DynTensorType(info.ndim, info.dtype)
    return info


graph_operators["shape_"] = _shape
graph_operators["checked_type"] = _checked_type
