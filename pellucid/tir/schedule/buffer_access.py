"""Regions of blocks that are written down by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pellucid.ir.arithmetic import add, const, sub
from pellucid.ir.scalar import Range, as_expr
from pellucid.tir.buffer import BufferRegion
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import EXPLICIT_READS, EXPLICIT_WRITES
from pellucid.tir.schedule.rv import BlockRV

_KINDS = {"read": ("reads", EXPLICIT_READS), "write": ("writes", EXPLICIT_WRITES)}


class BufferAccessPrimitives(ScheduleCore):
    """`annotate_buffer_access` and `unsafe_hide_buffer_access`."""

    @primitive
    def annotate_buffer_access(
        self,
        block: BlockRV | str,
        buffer_index: int,
        buf_type: str,
        gen_new_ranges: IndexMap | Callable[..., Any],
    ) -> None:
        """Say which region of a buffer a block reads or writes, where it cannot be inferred well.

            sch.annotate_buffer_access(b, 0, "read", lambda vi: ((vi - 1, vi + 2),))

        `gen_new_ranges` takes the block's iteration variables and gives, for each dimension of the
        buffer, an index or a pair (begin, end). Later steps keep this region; it has to hold all
        that the block touches, which is not checked.

            >>> sch = Schedule(gather)
            >>> sch.annotate_buffer_access("B", 0, "read", lambda i, j: ((0, 5), j))

        Conditions: `buf_type` is "read" or "write"; the block has a buffer at this position; there
        is one range for each dimension.
        """
        spot = self.block(block)
        name = self.name_of(block)
        field, key = _field(buf_type)
        regions: list[BufferRegion] = list(getattr(spot.block, field))
        _require_position(regions, buffer_index, spot)
        buffer = regions[buffer_index].buffer
        iters = [v.var for v in spot.block.iter_vars]
        dtype = str(iters[0].dtype) if iters else "int32"
        ends = self.in_sizes(_as_ends(gen_new_ranges, len(iters), len(buffer.shape), dtype))
        if len(ends.final_indices) != 2 * len(buffer.shape):
            raise Refused(
                f"there is not one range for each dimension of {buffer.name!r}",
                spot,
                expected=str(len(buffer.shape)),
                found=str(len(ends.final_indices) // 2),
            )
        self.note(gen_new_ranges=ends)
        mapped = ends.map_indices(iters, self.analyzer(name))
        ranges = [
            Range(min=low, extent=self.analyzer(name).simplify(sub(high, low)))
            for low, high in zip(mapped[::2], mapped[1::2], strict=True)
        ]
        regions[buffer_index] = BufferRegion(buffer, ranges)
        kept = [each for each in spot.block.annotations.get(key, ()) if each != buffer_index]
        annotations = spot.block.annotations.updated({key: [*kept, buffer_index]})
        new = spot.block.replace(annotations=annotations, **{field: regions})
        self.commit(name, replace(self.tree(name).func.body, {spot.block: new}))

    @primitive
    def unsafe_hide_buffer_access(
        self, block: BlockRV | str, buf_type: str, buf_index_array: list[int]
    ) -> None:
        """Leave regions out of what a block says it reads or writes.

        Dependencies over these buffers are not seen any more: hence the name.

            >>> sch = Schedule(elementwise)
            >>> sch.unsafe_hide_buffer_access("B", "read", [0])

        Conditions: `buf_type` is "read" or "write"; the block has buffers at these positions.
        """
        spot = self.block(block)
        name = self.name_of(block)
        field, _ = _field(buf_type)
        regions: list[BufferRegion] = list(getattr(spot.block, field))
        for each in buf_index_array:
            _require_position(regions, each, spot)
        kept = [r for position, r in enumerate(regions) if position not in buf_index_array]
        new = spot.block.replace(**{field: kept})
        self.commit(name, replace(self.tree(name).func.body, {spot.block: new}))


def _field(buf_type: str) -> tuple[str, str]:
    if buf_type not in _KINDS:
        raise Refused(f"there is no kind {buf_type!r}", expected='"read" or "write"')
    return _KINDS[buf_type]


def _require_position(regions: Sequence[BufferRegion], position: int, spot: Any) -> None:
    if not 0 <= position < len(regions):
        names = ", ".join(f"{k}: {each.buffer.name}" for k, each in enumerate(regions))
        raise Refused(
            f"the block {spot.name!r} has no region at position {position}",
            spot,
            expected=names or "none",
        )


def _as_ends(mapping: Any, rank: int, dimensions: int, dtype: str) -> IndexMap:
    """A map to begin and end of each dimension, one after the other.

    A function that gives twice as many plain indices as there are dimensions, as a trace writes
    it, gives these ends already.
    """
    if isinstance(mapping, IndexMap):
        return mapping

    def ends(*indices: Any) -> list[Any]:
        found: list[Any] = []
        given = cast("list[Any]", mapping(*indices))
        if len(given) == 2 * dimensions and not any(isinstance(e, tuple | list) for e in given):
            return list(given)
        for each in given:
            if isinstance(each, tuple | list):
                pair = cast("tuple[Any, Any]", each)
                found += [pair[0], pair[1]]
            else:
                found += [each, add(each, const(1, as_expr(each).dtype))]
        return found

    return IndexMap.from_func(ends, rank, index_dtype=dtype)
