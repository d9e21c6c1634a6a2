"""Tensors that are made on the stack, to be handed to packed functions.

In: a buffer, or a region of one. Out: `tir.tvm_stack_make_array`, whose value is a handle to a
tensor that lives as long as the call it is an argument of.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import add, const, mul
from pellucid.ir.dtype import HANDLE
from pellucid.ir.op import register_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call
from pellucid.tir.buffer import Buffer, strides_of

_SHAPE = register_op("tir.tvm_stack_make_shape", arity=None, pure=True)
_ARRAY = register_op("tir.tvm_stack_make_array", arity=6, pure=True, opaque_access=True)


def tvm_stack_make_shape(*extents: Any) -> Call:
    """Extents (or strides) as one argument of `tvm_stack_make_array`."""
    return Call(HANDLE, _SHAPE, extents)


def tvm_stack_make_array(
    data: Any, shape: Any, strides: Any, ndim: Any, dtype_like: Any, elem_offset: Any
) -> Call:
    """A handle to a tensor over the memory at `data`.

    `shape` and `strides` are `tvm_stack_make_shape`s (`strides` may be 0: compact), `dtype_like` is
    any constant of the element type, `elem_offset` counts elements from `data`.
    """
    return Call(HANDLE, _ARRAY, (data, shape, strides, ndim, dtype_like, elem_offset))


def stack_array(buffer: Buffer, lows: Any = None, shape: Any = None) -> Call:
    """The tensor of a whole buffer, or of its region that begins at `lows` and has `shape`."""
    strides: Any = 0
    offset: PrimExpr = buffer.elem_offset
    if buffer.strides or lows is not None:
        strides = tvm_stack_make_shape(*strides_of(buffer))
    for low, stride in zip(lows or (), strides_of(buffer), strict=False):
        offset = add(offset, mul(low, stride))
    extents = tvm_stack_make_shape(*(buffer.shape if shape is None else shape))
    zero = const(0, buffer.dtype)
    return tvm_stack_make_array(buffer.data, extents, strides, buffer.ndim, zero, offset)


__all__ = ["tvm_stack_make_array", "tvm_stack_make_shape"]
