"""FlattenBuffer: every access goes to a one-dimensional buffer, at an index that is computed.

    A[i, j]   →   A_1[i * 128 + j]        with A_1 = T.decl_buffer((16384,), data=A.data)

Before: no blocks. After: a buffer that is accessed has one dimension (one more for each of its
`axis_separators`), no strides and no offset. Parameters keep their shapes in the signature; their
flat view is declared at the head of the body. A buffer or region handed to a packed function
becomes `tvm_stack_make_array`, which says shape, strides and offset of what is handed over.

The index has the dtype of the indices where the whole buffer is known to have fewer than 2**31
elements, and is computed in int64 elsewhere.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from pellucid.ir.arithmetic import add, cast_to, const, match_types, mul, sub
from pellucid.ir.dtype import INT32, INT64, DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Broadcast, IntImm, Ramp
from pellucid.ir.transform import Pass
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.op_stack import stack_array
from pellucid.tir.stmt import Allocate, BufferStore, DeclBuffer
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, is_op
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.ramps import as_ramp

_PACKED = ("tir.call_packed", "tir.call_cpacked")


def _separators(buffer: Buffer) -> list[int]:
    return [each.value for each in buffer.axis_separators if isinstance(each, IntImm)]


def _groups(buffer: Buffer) -> list[range]:
    """The dimensions that are joined into one, for each dimension of the flat buffer."""
    bounds = [0, *_separators(buffer), buffer.ndim]
    return [range(low, high) for low, high in itertools.pairwise(bounds)]


def _constant(value: PrimExpr) -> int | None:
    return value.value if isinstance(value, IntImm) else None


def _element_count(buffer: Buffer) -> int | None:
    """How many elements the buffer's memory has, where that is constant."""
    offset = _constant(buffer.elem_offset)
    if offset is None:
        return None
    total = 1
    for each in buffer.shape:
        extent = _constant(each)
        if extent is None:
            return None
        total *= max(extent, 1)
    for each, stride in zip(buffer.shape, buffer.strides, strict=False):
        step = _constant(stride)
        if step is None:
            return None
        total = max(total, (_constant(each) or 1) * step)
    return total + offset


def index_dtype(buffer: Buffer, indices: tuple[PrimExpr, ...]) -> DataType:
    """The dtype in which the flat index is computed."""
    count = _element_count(buffer)
    wide = any(each.dtype.bits > 32 for each in indices)
    return INT64 if wide or count is None or count > INT32.range()[1] else INT32


def is_flat(buffer: Buffer) -> bool:
    """Whether an access to `buffer` needs no rewriting."""
    if _constant(buffer.elem_offset) != 0 or buffer.strides:
        return False
    return buffer.ndim == 1 + len(_separators(buffer))


class _Flatten(Folder):
    def __init__(self) -> None:
        super().__init__()
        self.flat: dict[Buffer, Buffer] = {}

    def flat_buffer(self, buffer: Buffer) -> Buffer:
        """The flat view of a buffer; the same object each time."""
        if is_flat(buffer):
            return buffer
        found = self.flat.get(buffer)
        if found is None:
            shape = [_extent_of(buffer, group) for group in _groups(buffer)]
            found = Buffer(
                buffer.data,
                buffer.dtype,
                shape,
                name=buffer.name,
                data_alignment=buffer.data_alignment,
                axis_separators=tuple(range(1, len(shape))),
            )
            self.flat[buffer] = found
        return found

    def access(
        self, buffer: Buffer, indices: tuple[PrimExpr, ...]
    ) -> tuple[Buffer, list[PrimExpr]]:
        """The flat buffer and the indices there."""
        if is_flat(buffer):
            return buffer, list(indices)
        return self.flat_buffer(buffer), flat_indices(buffer, indices)

    def visit_buffer_load_(self, node: Any) -> Any:
        """A load."""
        node = self.visit_default(node)
        if is_flat(node.buffer):
            return node
        return BufferLoad(*self.access(node.buffer, node.indices), node.predicate, span=node.span)

    def visit_buffer_store_(self, node: Any) -> Any:
        """A store."""
        node = self.visit_default(node)
        if is_flat(node.buffer):
            return node
        buffer, indices = self.access(node.buffer, node.indices)
        return BufferStore(buffer, node.value, indices, node.predicate, span=node.span)

    def visit_decl_buffer_(self, node: Any) -> Any:
        """The declaration of a buffer becomes that of its flat view."""
        buffer = self.visit_definition(node.buffer)
        body = self.visit(node.body)
        flat = self.flat_buffer(buffer)
        if flat is node.buffer and body is node.body:
            return node
        return DeclBuffer(flat, body, span=node.span)

    def visit_allocate_(self, node: Any) -> Any:
        """An allocation of one extent."""
        node = self.visit_default(node)
        if len(node.extents) == 1:
            return node
        return node.replace(extents=(_product(node.extents),))

    visit_allocate_const_ = visit_allocate_

    def visit_call_(self, node: Any) -> Any:
        """Tensors for packed functions; elsewhere a region is the vector of its elements."""
        if is_op(node, *_PACKED):
            args = [self.argument(each) for each in node.args]
        elif any(isinstance(each, BufferRegion) for each in node.args):
            args = [self.visit(_value(each)) for each in node.args]
        else:
            return super().visit_call_(node)
        if all(a is b for a, b in zip(args, node.args, strict=True)):
            return node
        return node.replace(args=args)

    def argument(self, arg: Any) -> Any:
        """An argument of a packed function."""
        if isinstance(arg, Buffer):
            return stack_array(self.visit(arg))
        if isinstance(arg, BufferRegion):
            region = self.visit(arg)
            lows = [each.min for each in region.region]
            shape = [each.extent for each in region.region]
            return stack_array(region.buffer, lows, shape)
        return self.visit(arg)


def _value(arg: Any) -> Any:
    return arg.asobject() if isinstance(arg, BufferRegion) else arg


def _product(values: Any) -> PrimExpr:
    values = [cast_to(INT64, each) if not isinstance(each, IntImm) else each for each in values]
    return functools.reduce(mul, values, const(1, values[0].dtype if values else INT32))


def _extent_of(buffer: Buffer, group: range) -> PrimExpr:
    """The extent of the flat dimension that `group` is joined into."""
    if not buffer.strides:
        total = _product([buffer.shape[axis] for axis in group])
        return add(buffer.elem_offset, total) if group.stop == buffer.ndim else total
    total: PrimExpr = const(1, INT64)
    for axis in group:
        step = cast_to(INT64, buffer.strides[axis])
        total = add(total, mul(sub(cast_to(INT64, buffer.shape[axis]), 1), step))
    return add(total, cast_to(INT64, buffer.elem_offset))


def _group_strides(buffer: Buffer, group: range) -> list[PrimExpr]:
    """The step of each dimension within the flat dimension that `group` is joined into."""
    if buffer.strides:
        return [buffer.strides[axis] for axis in group]
    found: list[PrimExpr] = []
    step: PrimExpr | None = None
    for axis in reversed(group):
        found.append(const(1, buffer.shape[axis].dtype) if step is None else step)
        step = mul(found[-1], buffer.shape[axis])
    return found[::-1]


def flat_indices(buffer: Buffer, indices: tuple[PrimExpr, ...]) -> list[PrimExpr]:
    """The indices of an element in the flat view."""
    dtype = index_dtype(buffer, indices)
    found: list[PrimExpr] = []
    for group in _groups(buffer):
        total: PrimExpr = const(0, dtype)
        for axis, step in zip(group, _group_strides(buffer, group), strict=True):
            total = _add(total, _scale(_as(indices[axis], dtype), _as(step, dtype)))
        found.append(as_ramp(total))
    if _constant(buffer.elem_offset) != 0:
        found[-1] = _add(found[-1], _as(buffer.elem_offset, dtype))
    return found


def _as(value: PrimExpr, dtype: DataType) -> PrimExpr:
    """`value` in the index dtype; ramps and broadcasts are converted inside."""
    if value.dtype.scalar == dtype:
        return value
    if isinstance(value, Ramp):
        return Ramp(_as(value.base, dtype), _as(value.stride, dtype), value.lanes)
    if isinstance(value, Broadcast):
        return Broadcast(_as(value.value, dtype), value.lanes)
    return cast_to(dtype.with_lanes(value.dtype.lanes), value)


def _scale(value: PrimExpr, factor: PrimExpr) -> PrimExpr:
    if isinstance(value, Ramp) and factor.dtype.lanes == 1:
        return Ramp(mul(value.base, factor), mul(value.stride, factor), value.lanes)
    return mul(*match_types(value, factor))


def _add(a: PrimExpr, b: PrimExpr) -> PrimExpr:
    """The sum, kept a ramp where one side is one."""
    for ramp, other in ((a, b), (b, a)):
        if isinstance(ramp, Ramp) and other.dtype.lanes == 1:
            return Ramp(add(ramp.base, other), ramp.stride, ramp.lanes)
    return add(a, b)


def flatten_buffer(func: PrimFunc) -> PrimFunc:
    """The function with flat buffers only."""
    flatten = _Flatten()
    body = flatten.visit(func.body)
    for buffer in reversed(func.buffers):
        flat = flatten.flat.get(buffer)
        if flat is not None:
            body = DeclBuffer(flat, body)
    return func.with_body(body)


def _is_deep(node: Any) -> bool:
    if isinstance(node, Allocate):
        return len(node.extents) != 1
    return isinstance(node, BufferLoad | BufferStore) and not is_flat(node.buffer)


def verify_flat(func: PrimFunc) -> None:
    """Accesses go to flat buffers, and allocations have one extent."""
    forbid(func, "FlattenBuffer", "access to a buffer that is not flat", _is_deep)


def FlattenBuffer() -> Pass:
    """The pass that makes buffers one-dimensional."""
    return stage("FlattenBuffer", flatten_buffer, verify_flat)
