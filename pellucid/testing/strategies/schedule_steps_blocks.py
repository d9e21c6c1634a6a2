"""Strategies for primitives that move, remove and divide blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.scalar import Call
from pellucid.testing.strategies.schedule_intrins import intrinsic_for
from pellucid.testing.strategies.schedule_picks import (
    Picks,
    domain,
    has_init,
    is_reduction,
    number,
)
from pellucid.testing.strategies.schedule_runs import Declined
from pellucid.tir.schedule import BlockRV
from pellucid.tir.schedule.scope import consumers_of, producers_of
from pellucid.tir.schedule.tree import Spot


def _others(picks: Picks, block: BlockRV, consumers: bool) -> list[Spot]:
    spot = picks.spot(block)
    if spot.scope() is None:
        raise Declined("a root block")
    return consumers_of(spot) if consumers else producers_of(spot)


def _compute_at(picks: Picks) -> BlockRV:
    block = picks.block(lambda spot: spot.scope() is not None and bool(consumers_of(spot)))
    _move(picks, "compute_at", block, consumers=True)
    return block


def _move(picks: Picks, kind: str, block: BlockRV, *, consumers: bool) -> None:
    others = _others(picks, block, consumers)
    if not others:
        raise Declined("nothing to move it to")
    function = picks.run.sch.name_of(block)
    loops = picks.loops(picks.reference(function, picks.choice(others)))
    index = picks.choice([-1] * 6 + [-2, -2, 0, 1, 5])
    picks.step(kind, block, picks.choice(loops), picks.chance(0.2), index)


def _reverse_compute_at(picks: Picks) -> None:
    block = picks.block(lambda spot: spot.scope() is not None and bool(producers_of(spot)))
    _move(picks, "reverse_compute_at", block, consumers=False)


def _compute_inline(picks: Picks) -> None:
    block = picks.block(
        lambda spot: spot.scope() is not None and not has_init(spot) and bool(consumers_of(spot))
    )
    picks.step("compute_inline", block)


def _reverse_compute_inline(picks: Picks) -> None:
    block = picks.block(
        lambda spot: spot.scope() is not None and not has_init(spot) and bool(producers_of(spot))
    )
    picks.step("reverse_compute_inline", block)


def _decompose_reduction(picks: Picks) -> None:
    block = picks.block(has_init)
    picks.step("decompose_reduction", block, picks.choice(picks.loops(block)))


def _rfactor(picks: Picks) -> None:
    block = picks.block(lambda spot: has_init(spot) and is_reduction(spot))
    loops = picks.loops(block)
    loop = picks.choice(loops[-1:]) if picks.chance(0.7) else picks.choice(loops)
    if picks.chance(0.5):
        loop = picks.choice(picks.step("split", loop, picks.factors(loop)))
    picks.step("rfactor", loop, picks.choice([0, 0, 1, -1, 2, -2, 5]))


def _blockize(picks: Picks) -> BlockRV:
    if picks.chance(0.8):
        return picks.step("blockize", picks.loop(), picks.chance(0.7))
    first = picks.block()
    function = picks.run.sch.name_of(first)
    blocks = [picks.reference(function, each) for each in picks.neighbours(first)]
    begin = picks.random.randrange(max(1, len(blocks)))
    return picks.step("blockize", blocks[begin : begin + picks.choice([1, 2, 3])])


def _tensorize(picks: Picks) -> None:
    block = picks.block(lambda spot: bool(spot.loops()))
    if has_init(picks.spot(block)) and picks.chance(0.7):
        loops = picks.loops(block)
        picks.step("decompose_reduction", block, picks.choice(loops[:1]))
    loops = picks.loops(block)
    loop = picks.choice(loops[-3:])
    if picks.chance(0.4):
        loop = picks.step("split", loop, picks.factors(loop))[-1]
    outer = picks.step("blockize", loop, picks.chance(0.7))
    if picks.chance(0.05):
        picks.step("tensorize", outer, "law.unknown")
    name = intrinsic_for(picks.spot(outer).block, picks.random)
    if name is None:
        raise Declined("no intrinsic can be made for this block")
    picks.step("tensorize", outer, name)


def _pad_einsum(picks: Picks) -> None:
    block = picks.block(lambda spot: has_init(spot) and is_reduction(spot))
    count = len(picks.spot(block).block.iter_vars)
    padding = [picks.choice([1, 2, 3, 4, 5]) for _ in range(count)]
    picks.step("pad_einsum", block, padding[1:] if picks.chance(0.05) else padding)


def _decompose_padding(picks: Picks) -> None:
    block = picks.block(_is_padding)
    picks.step("decompose_padding", block, picks.choice(picks.loops(block)))


def _is_padding(spot: Spot) -> bool:
    value: Any = getattr(spot.block.body, "value", None)
    return isinstance(value, Call) and getattr(value.op, "name", "") == "tir.if_then_else"


def _rolling_buffer(picks: Picks) -> None:
    block = picks.block(lambda spot: spot.scope() is not None and bool(consumers_of(spot)))
    others = _others(picks, block, True)
    function = picks.run.sch.name_of(block)
    loops = picks.loops(picks.reference(function, picks.choice(others)))
    # The window moves with a data-parallel loop of the consumer: those are the outer ones.
    picks.step("compute_at", block, picks.choice(loops[:3]), picks.chance(0.2))
    picks.step("rolling_buffer", block, 1 if picks.chance(0.05) else 0)


def _transform_block_layout(picks: Picks) -> None:
    block = picks.block()
    extents = [number(domain(v).extent) for v in picks.spot(block).block.iter_vars]
    picks.step("transform_block_layout", block, picks.layout(extents))


BLOCK_STEPS: dict[str, Callable[[Picks], object]] = {
    "compute_at": _compute_at,
    "reverse_compute_at": _reverse_compute_at,
    "compute_inline": _compute_inline,
    "reverse_compute_inline": _reverse_compute_inline,
    "decompose_reduction": _decompose_reduction,
    "rfactor": _rfactor,
    "blockize": _blockize,
    "tensorize": _tensorize,
    "pad_einsum": _pad_einsum,
    "decompose_padding": _decompose_padding,
    "rolling_buffer": _rolling_buffer,
    "transform_block_layout": _transform_block_layout,
}
