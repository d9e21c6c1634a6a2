"""Whether the iterations of a loop may run in any order, or at once.

In: a loop. The condition has three parts, for every block below the loop:

- *variables*: those that the loop moves are data-parallel;
- *own results*: a block that accumulates, or reads what it writes, touches other elements in every
  iteration, unless the buffer is private: used nowhere else, so that each iteration has its own;
- *others' results*: what a block reads of another block below the loop was written in the same
  iteration, and what it overwrites was read only there.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.ir.scalar import IntImm, IterVar, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, uses_var
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer
from pellucid.tir.schedule.cover import (
    bound_region,
    conditions_on,
    earlier_writers,
    is_covered,
    outside_analyzer,
)
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.scope import (
    loop_ranges,
    moves_reduction,
    reads,
    require_no_loads_outside,
    scope_of,
    writes,
)
from pellucid.tir.schedule.tree import Spot

_KINDS = {
    IterVar.CommReduce: "a reduction variable",
    IterVar.Ordered: "an ordered variable",
    IterVar.Opaque: "an opaque variable",
}


def require_independent(spot: Spot, analyzer: Analyzer, *, reductions: bool = False) -> None:
    """Refuse unless the iterations of a loop are independent; see the module.

    `reductions` allows the loop to move reduction variables: threads that reduce together.
    """
    require_parallel_variables(spot, reductions)
    if isinstance(spot.loop.extent, IntImm) and spot.loop.extent.value <= 1:
        return
    known = outside_analyzer(analyzer, spot)
    blocks = spot.blocks()
    for each in blocks:
        if not reductions:
            _require_own_elements(spot, each, known)
    require_same_iteration(spot, blocks, known)


def require_parallel_variables(spot: Spot, reductions: bool = False) -> None:
    """Refuse unless the iteration variables that a loop moves are data-parallel."""
    moved = {spot.loop.loop_var}
    allowed = {IterVar.DataPar, IterVar.CommReduce} if reductions else {IterVar.DataPar}
    for each in spot.blocks():
        realize = each.realize
        for variable, value in zip(realize.block.iter_vars, realize.iter_values, strict=True):
            if variable.iter_type not in allowed and uses_var(value, moved.__contains__):
                kind = _KINDS.get(variable.iter_type, "no data-parallel variable")
                raise Refused(
                    f"the loop {spot.name!r} moves {kind} of the block {each.name!r}",
                    spot,
                    each,
                    expected="a loop that moves only data-parallel variables",
                    found=variable.var.name,
                )


def _is_private(buffer: Buffer, spot: Spot) -> bool:
    """Whether a buffer is used below the loop alone, so that every iteration can have its own."""
    scope = scope_of(spot)
    if buffer not in scope.block.alloc_buffers:
        return False
    below = set(map(id, spot.blocks()))
    return all(
        id(each) in below or (buffer not in reads(each) and buffer not in writes(each))
        for each in scope.blocks()
    )


def _require_own_elements(loop: Spot, spot: Spot, analyzer: Analyzer) -> None:
    """Refuse a block that accumulates into elements which other iterations touch."""
    block = spot.block
    updates_itself = set(reads(spot)) & set(writes(spot))
    if not updates_itself and not accumulates(block):
        return
    for region in block.reads:
        if region.buffer in updates_itself and not any(
            structural_equal(region, each) for each in block.writes
        ):
            raise Refused(
                f"the block {spot.name!r} reads other elements of {region.buffer.name!r} than it "
                "writes",
                spot,
            )
    shared = [each for each in writes(spot) if not _is_private(each, loop)]
    if shared and not moves_with(spot, loop, analyzer):
        raise Refused(
            f"several iterations of the loop {loop.name!r} accumulate into the same elements of "
            f"{shared[0].name!r}",
            loop,
            spot,
        )


def accumulates(block: Block) -> bool:
    """Whether a block, or one inside of it, reduces."""
    return any(
        isinstance(each, Block)
        and (
            each.init is not None or any(v.iter_type == IterVar.CommReduce for v in each.iter_vars)
        )
        for each in pre_order(block)
    )


def moves_with(spot: Spot, loop: Spot, analyzer: Analyzer) -> bool:
    """Whether different iterations of a loop are different instances of a block's data-parallel
    variables.
    """
    # What is no whole number of tiles for the inner loops alone may be one for all loops.
    return _moves_among(spot.loops_from(loop), spot, loop, analyzer) or _moves_among(
        spot.loops(), spot, loop, analyzer
    )


def _moves_among(loops: Sequence[Spot], spot: Spot, loop: Spot, analyzer: Analyzer) -> bool:
    """Whether it can be seen among these loops that `loop` moves a block to other instances."""
    if isinstance(loop.loop.extent, IntImm) and loop.loop.extent.value <= 1:
        return True
    realize = spot.realize
    values = [
        value
        for variable, value in zip(realize.block.iter_vars, realize.iter_values, strict=True)
        if variable.iter_type == IterVar.DataPar
    ]
    if not realize.block.iter_vars:
        values = [
            each.min for region in realize.block.writes for each in bound_region(spot, region)
        ]
    ranges = loop_ranges(each.loop for each in loops)
    used = {
        var: values_of
        for var, values_of in ranges.items()
        if any(uses_var(value, {var}.__contains__) for value in values)
    }
    if loop.loop.loop_var not in used:
        return False
    moving: list[Var] = list(used)
    condition = conditions_on(realize.predicate, moving)
    found = detect_iter_map(
        [each for each in values if uses_var(each, used.__contains__)],
        used,
        condition,
        IterMapLevel.BIJECTIVE,
        analyzer=analyzer,
    )
    return not found.errors


def require_finished(
    blocks: Sequence[Spot], loops: Sequence[Spot], everyone: Sequence[Spot] | None = None
) -> None:
    """Refuse where a block uses what an earlier one still adds up: sums that these loops carry on.

    `everyone`, if given, are the blocks that may use the results of `blocks`.
    """
    users = blocks if everyone is None else everyone
    for producer in blocks:
        in_place = bool(set(reads(producer)) & set(writes(producer)))
        carrying = [
            each
            for each in loops
            if moves_reduction(producer, each) or (in_place and _is_idle(producer, each))
        ]
        written = set(writes(producer))
        for user in users:
            if carrying and user is not producer and written & set(reads(user)):
                raise Refused(
                    f"the loop {carrying[0].name!r} carries on the results of the producer "
                    f"{producer.name!r}, which {user.name!r} uses",
                    carrying[0],
                    producer,
                    user,
                    expected="loops above all reductions of the producers",
                )


def _is_idle(spot: Spot, loop: Spot) -> bool:
    """Whether a loop repeats a block as it is."""
    once = isinstance(loop.loop.extent, IntImm) and loop.loop.extent.value == 1
    moved = {loop.loop.loop_var}
    return not once and not any(
        uses_var(value, moved.__contains__) for value in spot.realize.iter_values
    )


def require_same_iteration(place: Spot, blocks: Sequence[Spot], analyzer: Analyzer) -> None:
    """Refuse unless each of the blocks reads of the others only what the same iteration of `place`
    wrote, and overwrites only what was read there.
    """
    require_no_loads_outside(place, blocks)
    for position, each in enumerate(blocks):
        for region in each.block.reads:
            producers = earlier_writers(each, region.buffer, blocks)
            if producers and not is_covered(each, region, producers, place, analyzer):
                raise _across(place, each, region.buffer)
            _require_no_later_writer(place, each, region.buffer, blocks[position + 1 :])
        for region in each.block.writes:
            producers = earlier_writers(each, region.buffer, blocks)
            if producers and not is_covered(each, region, producers, place, analyzer):
                raise _across(place, each, region.buffer)


def _require_no_later_writer(
    place: Spot, reader: Spot, buffer: Buffer, later: Sequence[Spot]
) -> None:
    for other in later:
        if buffer in writes(other) and buffer not in writes(reader):
            raise Refused(
                f"the block {other.name!r} overwrites {buffer.name!r}, which {reader.name!r} reads "
                "before",
                reader,
                other,
            )


def _across(place: Spot, spot: Spot, buffer: Buffer) -> Refused:
    return Refused(
        f"the block {spot.name!r} uses elements of {buffer.name!r} that other iterations of the "
        f"loop {place.name!r} write",
        place,
        spot,
        cure="compute what it needs in the same iteration, for instance with compute_at",
    )
