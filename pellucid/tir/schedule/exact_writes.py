"""What a block surely writes: the parts of its declared regions that its body stores in each run.

A region that a block declares holds all that it may write. A copy of such a region must not contain
elements that were never written. In: a block. Out: whether all of a region is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet
from pellucid.ir.arithmetic import add, const, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Range, Var
from pellucid.ir.visitor import pre_order, substitute
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferRegion, MatchBufferRegion
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.cover import (
    Sets,
    by_common_place,
    certain_ranges,
    certain_region,
    earlier_writers,
    includes,
    is_covered,
    outside_analyzer,
    possible_region,
    with_unions,
)
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.tree import Spot, domain_of
from pellucid.tir.stmt import (
    Allocate,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    For,
    SeqStmt,
    Stmt,
)


def certainly_writes(
    spot: Spot, buffer: Buffer, wanted: Sequence[IntSet], place: Spot, analyzer: Analyzer
) -> bool:
    """Whether one iteration of `place` surely has a block write all of `wanted` of a buffer."""
    for region in spot.block.writes:
        if region.buffer is not buffer or not stores_all(spot.block, region, analyzer):
            continue
        certain = certain_region(spot, region, place, analyzer)
        if certain is not None and includes(certain, wanted, analyzer):
            return True
    return False


def written_sets(spot: Spot, buffer: Buffer, place: Spot, analyzer: Analyzer) -> Sets:
    """What a block writes in one iteration of a place, all of it for sure; refused where only a
    part of it is.
    """
    regions = [each for each in spot.block.writes if each.buffer is buffer]
    if len(regions) != 1:
        raise Refused(f"the block {spot.name!r} writes several regions of {buffer.name!r}", spot)
    possible = possible_region(spot, regions[0], place, analyzer)
    require_exact(spot, buffer, possible, place, analyzer)
    return possible


def require_exact(
    spot: Spot, buffer: Buffer, wanted: Sequence[IntSet], place: Spot, analyzer: Analyzer
) -> None:
    """Refuse a block that may leave out some of `wanted` in one iteration of a place."""
    if not certainly_writes(spot, buffer, wanted, place, analyzer):
        raise _not_exact(spot, buffer)


def _not_exact(spot: Spot, buffer: Buffer) -> Refused:
    return Refused(
        f"it is not known exactly what the block {spot.name!r} writes of {buffer.name!r}", spot
    )


def require_defined(spot: Spot, buffer: Buffer, analyzer: Analyzer) -> None:
    """Refuse to copy all that a block declares to touch of a buffer where some of it may never have
    been written before.

    What comes from outside of the function is defined.
    """
    scopes = [each for each in spot.above() if not each.is_loop]
    if not any(buffer in each.block.alloc_buffers for each in scopes):
        return
    for consumer, scope in pairwise([spot, *scopes]):
        producers = earlier_writers(consumer, buffer, scope.blocks())
        if not producers:
            continue
        if _covers_accesses(consumer, buffer, producers, analyzer):
            return
        break
    raise Refused(
        f"the copy of {buffer.name!r} would contain elements that may never have been written",
        spot,
    )


def _covers_accesses(
    consumer: Spot, buffer: Buffer, producers: Sequence[Spot], analyzer: Analyzer
) -> bool:
    exact = [
        each
        for each in producers
        if all(stores_all(each.block, r, analyzer) for r in each.block.writes if r.buffer is buffer)
    ]
    groups = by_common_place(exact, consumer)
    return all(
        any(
            is_covered(consumer, region, group, place, outside_analyzer(analyzer, place))
            for place, group in groups.items()
        )
        for region in (*consumer.block.reads, *consumer.block.writes)
        if region.buffer is buffer
    )


def require_all_stored(spot: Spot, buffer: Buffer, analyzer: Analyzer) -> None:
    """Refuse a block that may leave out parts of what it declares to write of a buffer."""
    for region in spot.block.writes:
        if region.buffer is buffer and not stores_all(spot.block, region, analyzer):
            raise _not_exact(spot, buffer)


def stores_all(block: Block, region: BufferRegion, analyzer: Analyzer) -> bool:
    """Whether each run of a block stores all of a region that it declares.

    Where the buffer is used through its pointer or a view, what is declared is all that is known.
    """
    buffer = region.buffer
    if any(
        each is buffer.data
        or (isinstance(each, MatchBufferRegion) and each.source.buffer is buffer)
        for each in pre_order(block)
    ):
        return True
    domains = {v.var: v.dom for v in block.iter_vars if v.dom is not None}
    known = bind_loops(analyzer.copy(), domains)
    boxes: list[Sets] = []
    for stored, ranges, predicate in _stores(block.body, buffer, {}, known):
        box = certain_ranges(stored, ranges, predicate, known)
        if box is not None:
            boxes.append(box)
    wanted = [IntSet(each.min, sub(add(each.min, each.extent), 1)) for each in region.region]
    return any(includes(box, wanted, known) for box in with_unions(boxes, known))


Stored = tuple[list[Range], Mapping[Var, Range], PrimExpr]


def _stores(
    stmt: Stmt, buffer: Buffer, loops: Mapping[Var, Range], analyzer: Analyzer
) -> Iterator[Stored]:
    """The regions that a statement surely stores, with the loops around them and a condition."""
    if isinstance(stmt, BufferStore) and stmt.buffer is buffer:
        one = [Range(min=each, extent=const(1, each.dtype)) for each in stmt.indices]
        yield one, loops, const(True)
    elif isinstance(stmt, For):
        yield from _stores(stmt.body, buffer, {**loops, stmt.loop_var: domain_of(stmt)}, analyzer)
    elif isinstance(stmt, SeqStmt):
        for each in stmt.seq:
            yield from _stores(each, buffer, loops, analyzer)
    elif isinstance(stmt, BlockRealize):
        inner = stmt.block
        values = {v.var: x for v, x in zip(inner.iter_vars, stmt.iter_values, strict=True)}
        for region in inner.writes:
            if region.buffer is buffer and stores_all(inner, region, analyzer):
                yield [substitute(each, values) for each in region.region], loops, stmt.predicate
    elif isinstance(stmt, AttrStmt | Allocate | DeclBuffer):
        yield from _stores(stmt.body, buffer, loops, analyzer)
