"""Memory made visible: storages, tensors inside them, and the end of their life.

`StaticPlanBlockMemory` writes these calls; the plan of a graph function turns them into offsets of
one arena. Sizes and offsets are in bytes.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.ir.op import register_op
from pellucid.relax.expr import (
    Call,
    DataTypeImm,
    Expr,
    PrimValue,
    ShapeExpr,
    StringImm,
    as_relax_expr,
)
from pellucid.relax.struct_info import (
    ObjectStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.support.errors import TypeMismatchError


def as_shape(value: Any) -> Expr:
    """A shape from one, or from a list of dimensions."""
    return value if isinstance(value, Expr) else ShapeExpr(value)


def as_dtype(value: Any) -> Expr:
    """A dtype as a graph value."""
    return value if isinstance(value, Expr) else DataTypeImm(value)


def as_string(value: Any) -> Expr:
    """A string as a graph value."""
    return value if isinstance(value, Expr) else StringImm(value)


def as_number(value: Any) -> Expr:
    """A number as a graph value."""
    return value if isinstance(value, Expr) else PrimValue(value)


def tensor_info(shape: Expr, dtype: Expr) -> StructInfo:
    """The info of a tensor allocated with this shape and dtype."""
    if not isinstance(dtype, DataTypeImm):
        raise TypeMismatchError("The dtype of an allocation is a constant.", found=repr(dtype))
    return TensorStructInfo(shape, dtype.value)


def alloc_storage(
    size: Any, virtual_device_index: Any = 0, storage_scope: Any = "global", dtype: Any = "uint8"
) -> Call:
    """Storage of `size` bytes (a shape of one dimension)."""
    place = as_number(virtual_device_index)
    return Call(ALLOC_STORAGE, [as_shape(size), place, as_string(storage_scope), as_dtype(dtype)])


def alloc_tensor(storage: Expr, offset: Any, shape: Any, dtype: Any) -> Call:
    """A tensor in `storage`, `offset` bytes after its begin."""
    return Call(ALLOC_TENSOR, [storage, as_number(offset), as_shape(shape), as_dtype(dtype)])


def kill_storage(storage: Any) -> Call:
    """From here on the storage is not used."""
    return Call(KILL_STORAGE, [as_relax_expr(storage)])


def kill_tensor(tensor: Any) -> Call:
    """From here on the tensor is not used."""
    return Call(KILL_TENSOR, [as_relax_expr(tensor)])


def nothing(call: Call, builder: Any) -> StructInfo:
    """The info of a call that returns no value: the empty tuple."""
    del call, builder
    return TupleStructInfo(())


def _object(call: Call, builder: Any) -> StructInfo:
    del call, builder
    return ObjectStructInfo()


def _tensor(call: Call, builder: Any) -> StructInfo:
    del builder
    return tensor_info(call.args[2], call.args[3])


# An allocation has no effect that one could see, but two of them are two things: `FAllocates`
# keeps them from being shared.
ALLOC_STORAGE = register_op(
    "relax.memory.alloc_storage", FPurity=True, FAllocates=True, FInferStructInfo=_object
)
ALLOC_TENSOR = register_op(
    "relax.memory.alloc_tensor", FPurity=True, FAllocates=True, FInferStructInfo=_tensor
)
KILL_STORAGE = register_op("relax.memory.kill_storage", FPurity=False, FInferStructInfo=nothing)
KILL_TENSOR = register_op("relax.memory.kill_tensor", FPurity=False, FInferStructInfo=nothing)


@hooks.graph_operators.fill
def _registered() -> None:
    """The records are made when the package is imported."""
