"""Strategies for primitives that add, move and describe buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.visitor import substitute
from pellucid.testing.strategies.schedule_picks import Picks, number, variables_used
from pellucid.testing.strategies.schedule_runs import Declined
from pellucid.tir.schedule import BlockRV
from pellucid.tir.schedule.scope import reads, writes

WIDER = {"float32": "float64", "int32": "int64", "float64": "float64", "int64": "int64"}


def _cache_read(picks: Picks) -> None:
    block = picks.block(lambda spot: bool(spot.block.reads))
    position = picks.read(block)
    several = [block] if picks.chance(0.3) else None
    picks.step("cache_read", block, position, picks.scope(), several)


def _cache_write(picks: Picks) -> None:
    block = picks.block(lambda spot: bool(spot.block.writes))
    several: list[BlockRV] | None = None
    if picks.chance(0.2):
        several = picks.step("get_consumers", block)[:1]
    picks.step("cache_write", block, picks.written(block), picks.scope(), several)


def _cache_inplace(picks: Picks) -> None:
    block = picks.block(lambda spot: bool(set(reads(spot)) & set(writes(spot))))
    picks.step("cache_inplace", block, picks.read(block), picks.scope())


def _cache_index(picks: Picks) -> None:
    picks.step("cache_index", picks.block(), picks.scope(), picks.choice([0, 0, 1]))


def _reindex(picks: Picks) -> None:
    block = picks.block()
    choice, buffer = picks.buffer(block)
    picks.step("reindex", block, buffer.name if picks.chance(0.3) else choice)


def _reindex_cache(kind: str, writing: bool) -> Callable[[Picks], object]:
    def strategy(picks: Picks) -> None:
        block = picks.block()
        position = picks.written(block) if writing else picks.read(block)
        spot = picks.spot(block)
        regions = spot.block.writes if writing else spot.block.reads
        used = variables_used(spot, regions[position].buffer) if position < len(regions) else [0]
        if picks.chance(0.5):
            picks.random.shuffle(used)
        if picks.chance(0.05):
            used = used[1:]
        picks.step(kind, block, position, picks.scope(), picks.selected(used))

    return strategy


def _at(kind: str, writing: bool) -> Callable[[Picks], object]:
    def strategy(picks: Picks) -> None:
        block = picks.block(lambda spot: bool(spot.loops()))
        loop = picks.choice(picks.loops(block))
        position = picks.written(block) if writing else picks.read(block)
        picks.step(kind, loop, block, position, picks.scope())

    return strategy


def _transform_layout(picks: Picks) -> None:
    block = picks.block()
    choice, buffer = picks.buffer(block)
    extents = [number(each) for each in buffer.shape]
    if picks.chance(0.1) and None not in extents and extents:
        picks.step(
            "transform_layout",
            block,
            choice,
            _backwards([each or 0 for each in extents]),
            assume_injective_transform=True,
        )
        return
    pad = picks.choice([None, None, 0, 3, 0.5, _seven, _half])
    if picks.chance(0.1):
        picks.step("transform_layout", block, choice, picks.layout(extents), axis_separators=[1])
        return
    picks.step(
        "transform_layout",
        block,
        buffer.name if picks.chance(0.2) else choice,
        picks.layout(extents),
        pad,
    )


def _seven(*indices: Any) -> int:
    del indices
    return 7


def _half(*indices: Any) -> float:
    del indices
    return 0.5


def _backwards(extents: list[int]) -> Callable[..., Any]:
    return lambda *indices: [n - 1 - i for n, i in zip(extents, indices, strict=True)]


def _set_axis_separator(picks: Picks) -> None:
    block = picks.block()
    choice, buffer = picks.buffer(block)
    rank = len(buffer.shape)
    separators = [each for each in range(rank) if picks.chance(0.4)]
    picks.step("set_axis_separator", block, choice, [9] if picks.chance(0.05) else separators)


def _is_allocated(picks: Picks) -> BlockRV:
    """A block that writes a buffer which a block allocates."""

    def wish(spot: Any) -> bool:
        made = {b for each in spot.above() if not each.is_loop for b in each.block.alloc_buffers}
        return bool(made & set(writes(spot)))

    return picks.block(wish)


def _set_scope(picks: Picks) -> None:
    block = _is_allocated(picks)
    picks.step("set_scope", block, picks.written(block), picks.scope())


def _unsafe_set_dtype(picks: Picks) -> None:
    block = _is_allocated(picks)
    position = picks.written(block)
    regions = picks.spot(block).block.writes
    if position >= len(regions):
        picks.step("unsafe_set_dtype", block, position, "float64")
    # A wider type holds all values, so that results stay the same.
    old = str(regions[position].buffer.dtype)
    picks.step("unsafe_set_dtype", block, position, WIDER.get(old, "float46"))


def _storage_align(picks: Picks) -> None:
    block = _is_allocated(picks)
    axis, factor = picks.choice([0, -1, -2, 1, 7]), picks.choice([4, 8, 16, 0])
    picks.step("storage_align", block, picks.written(block), axis, factor, picks.choice([0, 1, 5]))


def _annotate_buffer_access(picks: Picks) -> None:
    block = picks.block()
    (kind, position), buffer = picks.buffer(block)
    spot = picks.spot(block).block
    regions = spot.reads if kind == "read" else spot.writes
    region = regions[position]
    own = [v.var for v in spot.iter_vars]

    def declared(*indices: Any) -> list[Any]:
        table = dict(zip(own, indices, strict=True))
        ranges = [substitute(each, table) for each in region.region]
        return [(each.min, each.min + each.extent) for each in ranges]

    def everything(*indices: Any) -> list[Any]:
        del indices
        return [(0, extent) for extent in buffer.shape]

    # What is written has to be exact: others rely on it.
    chosen = everything if kind == "read" and picks.chance(0.5) else declared
    picks.step("annotate_buffer_access", block, position, kind, chosen)


def _unsafe_hide_buffer_access(picks: Picks) -> None:
    block = picks.block(lambda spot: bool(spot.block.reads))
    function = picks.run.sch.name_of(block)
    tree = picks.run.sch.tree(function)
    written = {b for each in tree.everything() if not each.is_loop for b in writes(each)}
    regions = picks.spot(block).block.reads
    # Reads of what is never written carry no dependency, so that hiding them does no harm.
    harmless = [k for k, each in enumerate(regions) if each.buffer not in written]
    if not harmless:
        raise Declined("every read carries a dependency")
    picks.step("unsafe_hide_buffer_access", block, "read", [picks.choice(harmless)])


MEMORY_STEPS: dict[str, Callable[[Picks], object]] = {
    "cache_read": _cache_read,
    "cache_write": _cache_write,
    "cache_inplace": _cache_inplace,
    "cache_index": _cache_index,
    "reindex": _reindex,
    "reindex_cache_read": _reindex_cache("reindex_cache_read", False),
    "reindex_cache_write": _reindex_cache("reindex_cache_write", True),
    "read_at": _at("read_at", False),
    "write_at": _at("write_at", True),
    "transform_layout": _transform_layout,
    "set_axis_separator": _set_axis_separator,
    "set_scope": _set_scope,
    "unsafe_set_dtype": _unsafe_set_dtype,
    "storage_align": _storage_align,
    "annotate_buffer_access": _annotate_buffer_access,
    "unsafe_hide_buffer_access": _unsafe_hide_buffer_access,
}
