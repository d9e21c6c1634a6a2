"""Buffers: named multi-dimensional views of memory, their regions, and loads from them."""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.arithmetic import add, const, distance, match_types, mul
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, binder, child, meta, node
from pellucid.ir.node import data as data_field
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Ramp, Range, Var, as_expr, as_exprs
from pellucid.ir.types import PointerType, PrimType
from pellucid.support.errors import TypeMismatchError

DEFAULT_ALIGNMENT = 64


@node
class Buffer(Node):
    """A view of memory as an array of `dtype` elements with `shape`.

    `data` is the pointer variable, whose type carries the storage scope. `strides` (in elements)
    are empty for compact row-major layout. The element at indices `i` stands at `elem_offset + Σ
    i·stride` elements after `data`. `data_alignment` is in bytes; `elem_offset` is a multiple of
    `offset_factor`. Each Buffer is an object of its own, compared by what it is bound to; `name` is
    a hint.
    """

    is_variable = True
    data: Var = child()
    dtype: DataType = data_field(converter=DataType)
    shape: tuple[PrimExpr, ...] = child(converter=as_exprs)
    strides: tuple[PrimExpr, ...] = child(default=(), converter=lambda s: as_exprs(s) if s else ())
    elem_offset: PrimExpr = child(default=0, converter=lambda e: as_expr(0 if e is None else e))
    name: str = meta(default="buffer")
    data_alignment: int = data_field(
        default=-1, converter=lambda a: a if a and a > 0 else DEFAULT_ALIGNMENT
    )
    offset_factor: int = data_field(default=0, converter=lambda f: f if f and f > 0 else 1)
    buffer_type: str = data_field(default="")
    axis_separators: tuple[PrimExpr, ...] = child(
        default=(), converter=lambda s: as_exprs(s) if s else ()
    )

    def __post_init__(self) -> None:
        """Check the rank of the strides."""
        if self.strides and len(self.strides) != len(self.shape):
            raise TypeMismatchError(
                f"The buffer {self.name!r} has {len(self.shape)} dimensions and "
                f"{len(self.strides)} strides."
            )

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def scope(self) -> str:
        """The storage scope: "global", "local", "shared" …"""
        annotation = self.data.type_annotation
        return (
            (annotation.storage_scope or "global")
            if isinstance(annotation, PointerType)
            else "global"
        )

    def is_compact(self) -> bool:
        """Whether no strides are declared (compact row-major)."""
        return not self.strides

    def with_dtype(self, dtype: str) -> Buffer:
        """A new buffer like this one, of another element type."""
        return decl_buffer(
            self.shape,
            dtype,
            self.name,
            strides=self.strides,
            elem_offset=self.elem_offset,
            scope=self.scope(),
        )

    def vload(self, begin: Any, dtype: str | None = None) -> PrimExpr:
        """A load at `begin`, of as many consecutive elements as `dtype` has lanes."""
        return BufferLoad(self, _vector_indices(self, as_exprs(begin), dtype))

    def vstore(self, begin: Any, value: Any) -> Node:
        """A store of the (vector) `value` at `begin`."""
        from_expr = as_expr(value)
        return _store(self, from_expr, _vector_indices(self, as_exprs(begin), from_expr.dtype))

    def offset_of(self, indices: Any) -> list[PrimExpr]:
        """The distance of the element at `indices` from `data`, in elements."""
        found: PrimExpr = self.elem_offset
        for index, stride in zip(as_exprs(indices), strides_of(self), strict=True):
            found = add(found, mul(index, stride))
        return [found]

    def access_ptr(
        self,
        access_mask: int | str,
        ptr_type: str = "handle",
        content_lanes: int = 1,
        offset: Any = 0,
        extent: Any = None,
    ) -> PrimExpr:
        """A pointer into the buffer for an external call; `access_mask` says "r", "w" or "rw"
        (1, 2, 3).
        """
        return _access_ptr(self, access_mask, ptr_type, content_lanes, offset, extent)

    def __getitem__(self, indices: Any) -> Any:
        """A load at scalar indices; with a slice among them, the region."""
        return index_buffer(self, indices)

    def __iter__(self) -> Any:
        """A buffer is no sequence: unpacking one is a mistake."""
        raise TypeMismatchError(f"The buffer {self.name!r} cannot be iterated over; index it.")


def _vector_indices(
    buffer: Buffer, indices: tuple[PrimExpr, ...], dtype: str | None
) -> tuple[PrimExpr, ...]:
    lanes = 1 if dtype is None else DataType(dtype).lanes // buffer.dtype.lanes
    if lanes <= 1:
        return indices
    return (*indices[:-1], Ramp(indices[-1], const(1, indices[-1].dtype), lanes))


def strides_of(buffer: Buffer) -> tuple[PrimExpr, ...]:
    """The strides in elements, computed from the shape for a compact buffer."""
    if buffer.strides:
        return buffer.strides
    found: list[PrimExpr] = []
    step: PrimExpr = const(1, buffer.shape[-1].dtype) if buffer.shape else const(1)
    for extent in reversed(buffer.shape):
        found.append(step)
        step = mul(step, extent)
    return tuple(reversed(found))


def index_buffer(buffer: Buffer, indices: Any) -> Any:
    """What `buffer[indices]` means: a `BufferLoad`, or a `BufferRegion` when there is a slice (or
    a `Range`, which says its dtypes exactly).
    """
    items: list[Any] = (
        list(cast("list[Any]", indices)) if isinstance(indices, tuple | list) else [indices]
    )
    if len(items) != len(buffer.shape) and not (
        len(items) < len(buffer.shape) and _has_slice(items)
    ):
        raise TypeMismatchError(
            f"The buffer {buffer.name!r} has {len(buffer.shape)} dimensions.",
            expected=f"{len(buffer.shape)} indices",
            found=f"{len(items)}",
        )
    if not _has_slice(items):
        return BufferLoad(buffer, items)
    full: list[Any] = [*items, *([slice(None)] * (len(buffer.shape) - len(items)))]
    if any(isinstance(i, slice) and cast("Any", i).step is not None for i in full):
        return BufferLoad(buffer, [_index(i) for i in full])
    return BufferRegion(
        buffer, [_range(i, extent) for i, extent in zip(full, buffer.shape, strict=True)]
    )


def _has_slice(items: Any) -> bool:
    return any(isinstance(item, slice | Range) for item in items)


def _range(index: Any, extent: PrimExpr) -> Range:
    if isinstance(index, slice):
        part = cast("Any", index)
        stop = extent if part.stop is None else part.stop
        begin, end = match_types(0 if part.start is None else part.start, stop)
        return Range(min=begin, extent=distance(begin, end))
    if isinstance(index, Range):
        return index
    low = as_expr(index)
    return Range(min=low, extent=const(1, low.dtype))


def _index(index: Any) -> Any:
    """An index as it is; a slice with a step becomes a vector of indices."""
    if not isinstance(index, slice):
        return index
    return _ramp(cast("Any", index))


def _ramp(index: Any) -> PrimExpr:
    lanes = distance(index.start, index.stop) // index.step
    if not isinstance(lanes, IntImm):
        raise TypeMismatchError(
            "A strided slice needs a constant number of elements.", found=repr(lanes)
        )
    if lanes.value == 1:
        return as_expr(index.start)
    return Ramp(index.start, index.step, lanes.value)


@node
class BufferLoad(PrimExpr):
    """The element of `buffer` at `indices`; a vector index in the last place loads that many
    elements.

    Where `predicate` (a bool per lane) is given and false, nothing is read and the lane is
    undefined.
    """

    buffer: Buffer = child()
    indices: tuple[PrimExpr, ...] = child(converter=as_exprs)
    predicate: PrimExpr | None = child(default=None)

    def __post_init__(self) -> None:
        """Check the rank."""
        check_rank(self.buffer, self.indices)

    def infer_dtype(self) -> DataType:
        """The buffer's, times the lanes of the index."""
        return access_dtype(self.buffer, self.indices)


def check_rank(buffer: Buffer, indices: tuple[PrimExpr, ...]) -> None:
    """Raise unless there is one index for each dimension."""
    if len(indices) != len(buffer.shape):
        raise TypeMismatchError(
            f"The buffer {buffer.name!r} has {len(buffer.shape)} dimensions.",
            expected=f"{len(buffer.shape)} indices",
            found=f"{len(indices)}",
        )


def access_dtype(buffer: Buffer, indices: tuple[PrimExpr, ...]) -> DataType:
    """The dtype that an access at `indices` moves."""
    lanes = indices[-1].dtype.lanes if indices else 1
    return buffer.dtype.with_lanes(buffer.dtype.lanes * lanes)


@node
class BufferRegion(Node):
    """A rectangular part of a buffer: one `Range` a dimension."""

    buffer: Buffer = child()
    region: tuple[Range, ...] = child(converter=tuple)

    def __post_init__(self) -> None:
        """Check the rank."""
        if len(self.region) != len(self.buffer.shape):
            raise TypeMismatchError(
                f"The buffer {self.buffer.name!r} has {len(self.buffer.shape)} dimensions.",
                expected=f"a region of {len(self.buffer.shape)} ranges",
                found=f"{len(self.region)}",
            )

    def asobject(self) -> PrimExpr:
        """As an expression: the single element, or the vector that a one-dimensional region
        holds.
        """
        indices: list[PrimExpr] = []
        for each in self.region:
            if not isinstance(each.extent, IntImm):
                raise TypeMismatchError(
                    "A region of unknown size is no expression.", found=repr(self)
                )
            lanes = each.extent.value
            indices.append(
                each.min if lanes == 1 else Ramp(each.min, const(1, each.min.dtype), lanes)
            )
        return BufferLoad(self.buffer, indices)


def as_region(value: Any) -> BufferRegion:
    """A region from a region, from a load (its single element), or from a whole buffer."""
    if isinstance(value, BufferRegion):
        return value
    if isinstance(value, Buffer):
        return full_region(value)
    if isinstance(value, BufferLoad):
        ranges = [
            Range(min=i.base, extent=const(i.lanes, i.base.dtype))
            if isinstance(i, Ramp)
            else _range(i, i)
            for i in value.indices
        ]
        return BufferRegion(value.buffer, ranges)
    raise TypeMismatchError("This is no buffer region.", expected="A[i, j:k]", found=repr(value))


def full_region(buffer: Buffer) -> BufferRegion:
    """The region of all elements."""
    return BufferRegion(
        buffer, [Range(min=const(0, extent.dtype), extent=extent) for extent in buffer.shape]
    )


@node
class MatchBufferRegion(Node):
    """Within a block, `buffer` is a view of the region `source`; its free strides and offset are
    bound from there.
    """

    buffer: Buffer = binder()
    source: BufferRegion = child(converter=as_region)
    visit_order = ("source", "buffer", "span")


def decl_buffer(
    shape: Any,
    dtype: str | None = None,
    name: str = "buffer",
    data: Var | None = None,
    strides: Any = None,
    elem_offset: Any = None,
    scope: str = "",
    data_alignment: int = -1,
    offset_factor: int = 0,
    buffer_type: str = "",
    axis_separators: Any = None,
) -> Buffer:
    """A new buffer; without `data` it gets a pointer variable of its own, in storage `scope` (""
    means global).
    """
    kind = DataType(dtype or "float32")
    if data is None:
        data = Var(name, PointerType(PrimType(kind), scope))
    if offset_factor and elem_offset is None:
        elem_offset = Var(f"{name}_elem_offset", as_exprs(shape)[0].dtype if shape else "int32")
    return Buffer(
        data,
        kind,
        shape,
        strides or (),
        elem_offset,
        name,
        data_alignment,
        offset_factor,
        buffer_type,
        axis_separators or (),
    )


# Filled in by `tir.stmt` and `tir.op`, which come after this file.
late: dict[str, Any] = {}


def _store(buffer: Buffer, value: PrimExpr, indices: tuple[PrimExpr, ...]) -> Node:
    return late["store"](buffer, value, indices)


def _access_ptr(buffer: Buffer, *args: Any) -> PrimExpr:
    return late["access_ptr"](buffer, *args)
