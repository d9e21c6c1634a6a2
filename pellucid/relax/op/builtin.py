"""Allocation of tensors before memory is planned: `R.builtin.alloc_tensor`."""

from __future__ import annotations

from typing import Any

from pellucid.ir.op import register_op
from pellucid.relax.expr import Call
from pellucid.relax.op.memory import as_dtype, as_number, as_shape, as_string, tensor_info
from pellucid.relax.struct_info import StructInfo


def alloc_tensor(
    shape: Any, dtype: Any, runtime_device_index: Any = 0, storage_scope: Any = "global"
) -> Call:
    """A new tensor of `shape` and `dtype`, whose elements are not set."""
    args = [
        as_shape(shape),
        as_dtype(dtype),
        as_number(runtime_device_index),
        as_string(storage_scope),
    ]
    return Call(ALLOC_TENSOR, args)


def _tensor(call: Call, builder: Any) -> StructInfo:
    del builder
    return tensor_info(call.args[0], call.args[1])


ALLOC_TENSOR = register_op(
    "relax.builtin.alloc_tensor", FPurity=True, FAllocates=True, FInferStructInfo=_tensor
)
