"""The one record of the first generation of the language that programs still build by hand."""

from __future__ import annotations

from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.ir.node import Node, data, node


def _dtype(value: str | None) -> DataType:
    return UNKNOWN if value is None else DataType(value)


@node
class DynTensorType(Node):
    """`ndim` and `dtype` of a tensor, for `Var(name, shape, DynTensorType(ndim, dtype))`.

    -1 and None mean unknown. Today's spelling is `Var(name, TensorStructInfo(shape, dtype))`.
    """

    ndim: int = data(default=-1)
    dtype: DataType = data(default="float32", converter=_dtype)
