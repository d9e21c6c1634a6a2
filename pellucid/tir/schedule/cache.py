"""Copies of what a block reads or writes, in memory of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, hull
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.copies import (
    Part,
    Redirect,
    buffer_at,
    cache_buffer,
    copy_nest,
    moved_by,
    part_of,
    require_plain_access,
    require_scope,
    scope_suffix,
)
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import (
    common_place,
    outside_analyzer,
    possible_region,
)
from pellucid.tir.schedule.edit import insert, replace, statements
from pellucid.tir.schedule.exact_writes import certainly_writes, require_defined, written_sets
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, BlockToken
from pellucid.tir.schedule.scope import reads, require_begin, scope_of, writers_of
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, Stmt


class CachePrimitives(ScheduleCore):
    """`cache_read` and `cache_write`."""

    @primitive
    def cache_read(
        self,
        block: BlockRV | str,
        read_buffer_index: int | str,
        storage_scope: str,
        consumer_blocks: list[BlockRV | str] | None = None,
    ) -> BlockRV:
        """Copy what a block reads into memory of `storage_scope`, and read the copy.

            C[vi] = A[vi] + 1.0        →        for ax0 in range(128):
                                                    with T.block("A_local"):
                                                        A_local[v0] = A[v0]
                                                …   C[vi] = A_local[vi] + 1.0

        `read_buffer_index` is the position among the block's reads, or the buffer's name. All
        blocks that read the buffer use the copy, or only the `consumer_blocks`. The copy is made
        before the first consumer, in the closest loop around it and the block that produces the
        buffer, or at the start of the scope where nothing in it produces the buffer. It is as
        large as what is read, or as the buffer when it is made inside a loop. Gives the block that
        copies.

            >>> sch = Schedule(matmul)
            >>> copy = sch.cache_read("C", "A", "local")

        Conditions: the scope exists; the block reads such a buffer, at most one block of the scope
        writes it, and surely all that is copied; the scope is a stage pipeline; the consumers do
        not use the buffer through pointers, views or calls.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        name = self.name_of(block)
        buffer = buffer_at(spot, read_buffer_index, spot.block.reads, "read")
        consumers = self._consumers(spot, buffer, consumer_blocks)
        writers = writers_of(buffer, scope_of(spot).blocks())
        if len(writers) > 1:
            raise Refused(f"several blocks write {buffer.name!r}", *writers)
        self.stage_pipelines(name).require(scope_of(spot))
        for each in consumers:
            require_plain_access(each.block, buffer, each)
            if each in writers:
                raise Refused(f"the block {each.name!r} reads what it writes", each)
        place, position = _place_of_copy(scope_of(spot), writers, consumers)
        analyzer = outside_analyzer(self.analyzer(name), place)
        if not writers:
            for each in consumers:
                require_defined(each, buffer, self.analyzer(name))
        if all(each.is_below(place) for each in consumers):
            part = _part_read(consumers, buffer, writers, place, analyzer)
        else:
            part = written_part(writers[0], buffer, place, analyzer)
        token = self._put_copy(name, place, position, buffer, part, storage_scope, consumers)
        return self.new_block(name, token, f"{buffer.name}_{scope_suffix(storage_scope)}")

    def _consumers(
        self, spot: Spot, buffer: Buffer, given: Sequence[BlockRV | str] | None
    ) -> list[Spot]:
        """The blocks that shall use the copy: the given ones, or all that only read the buffer."""
        if given:
            found = [self.block(each) for each in given]
            for each in found:
                if buffer not in reads(each) or scope_of(each) is not scope_of(spot):
                    raise Refused(f"the block {each.name!r} does not read {buffer.name!r}", each)
            return sorted(found, key=scope_of(spot).blocks().index)
        blocks = scope_of(spot).blocks()
        writers = [] if spot in writers_of(buffer, blocks) else writers_of(buffer, blocks)
        return [each for each in blocks if buffer in reads(each) and each not in writers]

    def _put_copy(
        self,
        name: str,
        place: Spot,
        position: int,
        buffer: Buffer,
        part: Part,
        storage_scope: str,
        consumers: Sequence[Spot],
    ) -> BlockToken:
        """Insert the copying block and lead the consumers to the copy."""
        title = f"{buffer.name}_{scope_suffix(storage_scope)}"
        shape, begin = _shape_of(place, buffer, part)
        copy = cache_buffer(buffer, shape, storage_scope, title)
        move = moved_by(begin)
        if place.is_loop:
            nest, token = copy_nest(
                title,
                part,
                buffer.shape,
                lambda v: BufferStore(copy, BufferLoad(buffer, v), v),
            )
        else:
            own = Part([each * 0 for each in begin], part.extent, [False] * len(begin))
            nest, token = copy_nest(
                title,
                own,
                shape,
                lambda v: BufferStore(
                    copy,
                    BufferLoad(buffer, [low + i for i, low in zip(v, begin, strict=True)]),
                    v,
                ),
            )
        table: dict[Any, Any] = {
            each.block: Redirect(buffer, copy, move).visit(each.block) for each in consumers
        }
        self._insert(name, place, position, nest, table, [copy], scope_of(consumers[0]))
        return token

    def _insert(
        self,
        name: str,
        place: Spot,
        position: int,
        nest: Stmt,
        table: dict[Any, Any],
        buffers: Sequence[Buffer],
        scope: Spot,
    ) -> None:
        """Put a nest into the body of a loop or block, after replacing blocks."""
        body = place.loop.body if place.is_loop else place.block.body
        new_body = insert(replace(body, table), position, nest)
        func = self.tree(name).func
        if place.is_loop:
            changed = place.loop.replace(body=new_body)
            block = scope.block
            inner = replace(block.body, {place.loop: changed, **table})
        else:
            block, inner = place.block, new_body
        new = block.replace(body=inner, alloc_buffers=[*block.alloc_buffers, *buffers])
        self.commit(name, replace(func.body, {block: new}))

    @primitive
    def cache_write(
        self,
        block: BlockRV | str,
        write_buffer_index: int | str,
        storage_scope: str,
        consumer_blocks: list[BlockRV | str] | None = None,
    ) -> BlockRV:
        """Let a block write into memory of `storage_scope`, and copy the result from there.

            C[vi] = A[vi] + 1.0        →        …   C_local[vi] = A[vi] + 1.0
                                                for ax0 in range(128):
                                                    with T.block("C_local"):
                                                        C[v0] = C_local[v0]

        `write_buffer_index` is the position among the block's writes, or the buffer's name. The
        `consumer_blocks` read the copy in `storage_scope`; all others still read the buffer. The
        result is copied before the first of these, in the closest loop around it and the block, or
        at the end of the scope where there is none. Gives the block that copies.

            >>> sch = Schedule(matmul)
            >>> copy = sch.cache_write("C", "C", "local")

        Conditions: the scope exists; the block writes such a buffer, does not read it, begins its
        reductions if it has an init, and is the only one in its scope that writes it; what it
        writes is known exactly; the scope is a stage pipeline; the block does not use the buffer
        through pointers, views or calls.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        name = self.name_of(block)
        buffer = buffer_at(spot, write_buffer_index, spot.block.writes, "write")
        scope = scope_of(spot)
        writers = writers_of(buffer, scope.blocks())
        if len(writers) > 1:
            raise Refused(f"several blocks write {buffer.name!r}", *writers)
        if buffer in reads(spot):
            raise Refused(f"the block {spot.name!r} reads what it writes", spot)
        require_begin(spot, self.analyzer(name))
        self.stage_pipelines(name).require(scope)
        others = [each for each in scope.blocks() if buffer in reads(each)]
        chosen = self._consumers(spot, buffer, consumer_blocks) if consumer_blocks else []
        for each in [spot, *chosen]:
            require_plain_access(each.block, buffer, each)
        left = [each for each in others if each not in chosen]
        place = closest_place(spot, left, scope)
        analyzer = outside_analyzer(self.analyzer(name), place)
        part = written_part(spot, buffer, place, analyzer)
        title = f"{buffer.name}_{scope_suffix(storage_scope)}"
        shape, begin = _shape_of(place, buffer, part)
        copy = cache_buffer(buffer, shape, storage_scope, title)
        move = moved_by(begin)
        nest, token = copy_nest(
            title,
            part,
            buffer.shape,
            lambda v: BufferStore(buffer, BufferLoad(copy, move(v)), v),
        )
        table: dict[Any, Any] = {
            each.block: Redirect(buffer, copy, move).visit(each.block) for each in [spot, *chosen]
        }
        position = _before(place, left)
        self._insert(name, place, position, nest, table, [copy], scope)
        return self.new_block(name, token, title)


def _shape_of(place: Spot, buffer: Buffer, part: Part) -> tuple[list[Any], list[Any]]:
    """The shape of a copy, and where it begins in the buffer."""
    if place.is_loop:
        return list(buffer.shape), [each * 0 for each in buffer.shape]
    return list(part.extent), list(part.begin)


def _part_read(
    consumers: Sequence[Spot],
    buffer: Buffer,
    writers: Sequence[Spot],
    place: Spot,
    analyzer: Analyzer,
) -> Part:
    """The part of a buffer that blocks read in one iteration of a place."""
    sets = [
        possible_region(each, region, place, analyzer)
        for each in consumers
        for region in each.block.reads
        if region.buffer is buffer
    ]
    wanted = [hull(axis, analyzer) for axis in zip(*sets, strict=True)]
    for each in writers:
        _require_written(each, buffer, wanted, place, analyzer)
    return part_of(buffer, wanted, analyzer)


def _require_written(
    spot: Spot, buffer: Buffer, wanted: Sequence[IntSet], place: Spot, analyzer: Analyzer
) -> None:
    """Refuse to copy elements that the producer may not have written."""
    if certainly_writes(spot, buffer, wanted, place, analyzer):
        return
    raise Refused(
        f"the copy of {buffer.name!r} would contain elements that {spot.name!r} may not write", spot
    )


def written_part(spot: Spot, buffer: Buffer, place: Spot, analyzer: Analyzer) -> Part:
    """The part of a buffer that a block writes in one iteration of a place; all of it for sure."""
    return part_of(buffer, written_sets(spot, buffer, place, analyzer), analyzer)


def child_position(place: Spot, spot: Spot) -> int:
    """The position of the statement of a body that a block is in."""
    path = {id(spot.node), *(id(each.node) for each in spot.above())}
    body = place.loop.body if place.is_loop else place.block.body
    for position, each in enumerate(statements(body)):
        if id(each) in path:
            return position
    raise Refused(f"the block {spot.name!r} is not directly reached in {place.name!r}", spot)


def _place_of_copy(
    scope: Spot, writers: Sequence[Spot], consumers: Sequence[Spot]
) -> tuple[Spot, int]:
    """Where a copy for some consumers is made: the loop or block, and the position in its body."""
    if not writers:
        return scope, 0
    # In a stage pipeline none of the consumers comes before the writer.
    (writer,) = writers
    place = closest_place(writer, consumers, scope)
    return place, _before(place, consumers)


def _before(place: Spot, readers: Sequence[Spot]) -> int:
    """The position before the first of some blocks in the body of a place, or its end."""
    inside = [each for each in readers if each.is_below(place)]
    body = place.loop.body if place.is_loop else place.block.body
    return min([child_position(place, e) for e in inside], default=len(statements(body)))


def closest_place(writer: Spot, readers: Sequence[Spot], scope: Spot) -> Spot:
    """The closest loop or block around a writer and any of its readers. A copy made there is ready
    for each reader inside, and its parts together for those further out.
    """
    places = [common_place(writer, each) for each in readers]
    return max(places, key=lambda each: len(list(each.above())), default=scope)
