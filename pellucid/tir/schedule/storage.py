"""Where and how buffers are stored: scopes, element types, alignment of dimensions."""

from __future__ import annotations

from typing import Any

from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Cast
from pellucid.support.errors import PellucidError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule.copies import (
    buffer_at,
    require_plain_access,
    require_scope,
    scope_suffix,
)
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, Stmt

DIM_ALIGN = "buffer_dim_align"


class StoragePrimitives(ScheduleCore):
    """`set_scope`, `unsafe_set_dtype` and `storage_align`."""

    @primitive
    def set_scope(self, block: BlockRV | str, buffer_index: int | str, storage_scope: str) -> None:
        """Store a buffer that a block writes in memory of another kind.

            B = T.alloc_buffer((128,))      →      B_shared = T.alloc_buffer((128,), scope="shared")

        `buffer_index` is the position among the block's writes, or the buffer's name.

            >>> sch = Schedule(chain)
            >>> sch.set_scope("B", 0, "local")

        Conditions: the scope exists; a block allocates the buffer; it is not used through its
        pointer, views or calls.
        """
        require_scope(storage_scope)
        _, buffer, owner = self._written(block, buffer_index)
        if buffer.scope() == storage_scope:
            return
        new = decl_buffer(
            buffer.shape,
            buffer.dtype,
            f"{buffer.name}_{scope_suffix(storage_scope)}",
            strides=buffer.strides,
            elem_offset=buffer.elem_offset,
            scope=storage_scope,
            data_alignment=buffer.data_alignment,
            offset_factor=buffer.offset_factor,
            axis_separators=buffer.axis_separators,
        )
        self._exchange(block, owner, _Exchange(buffer, new))

    @primitive
    def unsafe_set_dtype(self, block: BlockRV | str, buffer_index: int | str, dtype: str) -> None:
        """Store a buffer that a block writes with another element type; values are cast.

            B[vi] = A[vi] * 2.0        →      B[vi] = T.Cast("float16", A[vi] * 2.0)

        This changes results where the new type cannot hold the values: hence its name.

            >>> sch = Schedule(chain)
            >>> sch.unsafe_set_dtype("B", 0, "float64")

        Conditions: the dtype exists; a block allocates the buffer; it is not used through its
        pointer, views or calls.
        """
        try:
            kind = DataType(dtype)
        except PellucidError as error:
            raise Refused(f"there is no dtype {dtype!r}") from error
        _, buffer, owner = self._written(block, buffer_index)
        if buffer.dtype == kind:
            return
        new = decl_buffer(buffer.shape, kind, buffer.name, scope=buffer.scope())
        self._exchange(block, owner, _Cast(buffer, new))

    def _written(self, block: BlockRV | str, index: int | str) -> tuple[Spot, Buffer, Spot]:
        """The block, the buffer, and the block that allocates it."""
        spot = self.block(block)
        buffer = buffer_at(spot, index, spot.block.writes, "write")
        for each in [spot, *spot.above()]:
            if not each.is_loop and buffer in each.block.alloc_buffers:
                require_plain_access(each.block.body, buffer, spot)
                return spot, buffer, each
        raise Refused(
            f"no block allocates {buffer.name!r}",
            spot,
            expected="a buffer of T.alloc_buffer",
            cure="use cache_write to get one",
        )

    def _exchange(self, block: BlockRV | str, owner: Spot, exchange: StmtExprMutator) -> None:
        name = self.name_of(block)
        new: Block = exchange.visit(owner.block)
        self.commit(name, replace(self.tree(name).func.body, {owner.block: new}))

    @primitive
    def storage_align(
        self, block: BlockRV | str, buffer_index: int, axis: int, factor: int, offset: int
    ) -> None:
        """Ask for strides of a buffer that a block writes: that of dimension `axis` becomes `k *
        factor + offset` elements, for the least `k` that fits.

        This annotates the block with `buffer_dim_align`, a list of (buffer position, axis, factor,
        offset), one for each dimension.

            >>> sch = Schedule(chain)
            >>> sch.storage_align("B", 0, axis=-2, factor=16, offset=4)

        Conditions: the block writes such a buffer, and a block allocates it; the axis exists
        (negative ones count from the end); the factor is positive; an annotation that is there
        already has this form.
        """
        spot, buffer, _ = self._written(block, buffer_index)
        rank = len(buffer.shape)
        if not -rank <= axis < rank:
            raise Refused(
                f"the buffer {buffer.name!r} has no axis {axis}",
                spot,
                expected=f"an axis from {-rank} to {rank - 1}",
            )
        if factor <= 0:
            raise Refused("the factor is not positive", spot, found=str(factor))
        axis = axis + rank if axis < 0 else axis
        old: Any = spot.block.annotations.get(DIM_ALIGN, ())
        if not _well_formed(old):
            raise Refused(
                f"the annotation {DIM_ALIGN!r} has another form",
                spot,
                expected="a list of (buffer, axis, factor, offset)",
                found=repr(old),
            )
        kept = [each for each in old if (each[0], each[1]) != (buffer_index, axis)]
        value = [*kept, (buffer_index, axis, factor, offset)]
        new = spot.block.replace(annotations=spot.block.annotations.updated({DIM_ALIGN: value}))
        name = self.name_of(block)
        self.commit(name, replace(self.tree(name).func.body, {spot.block: new}))


def _well_formed(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(each, tuple)
        and len(each) == 4  # pyright: ignore[reportUnknownArgumentType]
        and all(isinstance(part, int) for part in each)  # pyright: ignore[reportUnknownVariableType]
        for each in value  # pyright: ignore[reportUnknownVariableType]
    )


class _Exchange(StmtExprMutator):
    """Puts one buffer in the place of another."""

    def __init__(self, old: Buffer, new: Buffer) -> None:
        super().__init__()
        self.old = old
        self.new = new
        self.replaced[old] = new
        self.replaced[old.data] = new.data


class _Cast(_Exchange):
    """Puts a buffer of another element type in the place of one, with casts at stores and loads."""

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load, as the old type."""
        new: BufferLoad = self.visit_default(load)
        return Cast(load.dtype, new) if load.buffer is self.old else new

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store of the new type."""
        if store.buffer is not self.old:
            return self.visit_default(store)
        value = self.visit(store.value)
        indices = [self.visit(each) for each in store.indices]
        predicate = None if store.predicate is None else self.visit(store.predicate)
        target = self.new.dtype.with_lanes(value.dtype.lanes)
        return BufferStore(self.new, Cast(target, value), indices, predicate)

    def visit_buffer_region_(self, region: BufferRegion) -> BufferRegion:
        """A region."""
        return self.visit_default(region)
