"""Copies of all that a loop's iteration reads or writes, as one block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, hull
from pellucid.ir.arithmetic import add, const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.schedule.copies import (
    Part,
    Redirect,
    buffer_at,
    cache_buffer,
    part_of,
    require_plain_access,
    require_scope,
    scope_suffix,
)
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import (
    outside_analyzer,
    possible_region,
    require_written_before,
)
from pellucid.tir.schedule.edit import insert, replace, statements
from pellucid.tir.schedule.exact_writes import require_defined, require_exact
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import reads, require_begin, scope_of, writes
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt

AUTO_COPY = "auto_copy"


class ReadAtPrimitives(ScheduleCore):
    """`read_at` and `write_at`."""

    @primitive
    def read_at(
        self, loop: LoopRV, block: BlockRV | str, read_buffer_index: int | str, storage_scope: str
    ) -> BlockRV:
        """At the beginning of each iteration of a loop, copy what its blocks read of a buffer.

            for i in range(8):                     for i in range(8):
                for j in range(16):                    with T.block("A_shared"):
                    with T.block("C"): ...      →          for ax0, ax1 in T.grid(1, 16): ...
                                                       for j in range(16):
                                                           with T.block("C"): ...

        The copy is one block, with the annotation `auto_copy`, as large as the buffer. Gives this
        block.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> copy = sch.read_at(i, "C", "A", "shared")

        Conditions: the scope exists; the block is below the loop and reads such a buffer; no block
        below the loop writes it; what is read has been written, has the same extent in all
        iterations and stays inside the buffer; no use through pointers, views or calls.
        """
        return self._at(loop, block, read_buffer_index, storage_scope, writing=False)

    @primitive
    def write_at(
        self, loop: LoopRV, block: BlockRV | str, write_buffer_index: int | str, storage_scope: str
    ) -> BlockRV:
        """At the end of each iteration of a loop, copy what its blocks wrote into a buffer.

        Otherwise as `read_at`.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> copy = sch.write_at(i, "C", "C", "shared")

        Conditions: the scope exists; the block is below the loop and is the only one below it that
        touches such a buffer, apart from those that read what it wrote in the same iteration; what
        it writes is known exactly, with the same extent in all iterations; a reduction begins at
        the beginning of its domain; no use through pointers, views or calls.
        """
        return self._at(loop, block, write_buffer_index, storage_scope, writing=True)

    def _at(
        self,
        loop: LoopRV,
        block: BlockRV | str,
        index: int | str,
        storage_scope: str,
        *,
        writing: bool,
    ) -> BlockRV:
        require_scope(storage_scope)
        top, spot = self.loop(loop), self.block(block)
        name = self.name_of(loop)
        if not spot.is_below(top) or scope_of(spot) is not scope_of(top):
            raise Refused(f"the block {spot.name!r} is not below the loop {top.name!r}", top, spot)
        regions = spot.block.writes if writing else spot.block.reads
        buffer = buffer_at(spot, index, regions, "write" if writing else "read")
        blocks = top.blocks()
        touching = [each for each in blocks if buffer in (*reads(each), *writes(each))]
        for each in touching:
            require_plain_access(each.block, buffer, each)
            if buffer in writes(each) and not (writing and each is spot):
                raise Refused(
                    f"the block {each.name!r} writes {buffer.name!r} below the loop {top.name!r}",
                    each,
                )
        analyzer = outside_analyzer(self.analyzer(name), top)
        sets = _touched(touching, buffer, top, analyzer)
        if writing:
            require_begin(spot, self.analyzer(name))
            require_written_before(spot, buffer, touching, self.analyzer(name), top)
            require_exact(spot, buffer, sets, top, analyzer)
        else:
            for each in touching:
                require_defined(each, buffer, self.analyzer(name))
        part = _fixed_part(buffer, sets, top, analyzer)
        title = f"{buffer.name}_{scope_suffix(storage_scope)}"
        copy = cache_buffer(buffer, buffer.shape, storage_scope, title)
        source, target = (copy, buffer) if writing else (buffer, copy)
        copying, token = _copy_block(title, part, source, target, top)
        table: dict[Any, Any] = {
            each.block: Redirect(buffer, copy, list).visit(each.block) for each in touching
        }
        body = replace(top.loop.body, table)
        body = insert(body, len(statements(body)) if writing else 0, copying)
        scope = scope_of(top)
        inner = replace(scope.block.body, {top.loop: top.loop.replace(body=body)})
        new = scope.block.replace(body=inner, alloc_buffers=[*scope.block.alloc_buffers, copy])
        self.commit(name, replace(self.tree(name).func.body, {scope.block: new}))
        return self.new_block(name, token, title)


def _touched(blocks: Sequence[Spot], buffer: Buffer, top: Spot, analyzer: Analyzer) -> list[IntSet]:
    found = [
        possible_region(each, region, top, analyzer)
        for each in blocks
        for region in (*each.block.reads, *each.block.writes)
        if region.buffer is buffer
    ]
    return [hull(axis, analyzer) for axis in zip(*found, strict=True)]


def _fixed_part(buffer: Buffer, sets: Sequence[IntSet], top: Spot, analyzer: Analyzer) -> Part:
    """The part that is copied, with extents that are the same in all iterations."""
    part = part_of(buffer, sets, analyzer)
    loops = {each.loop.loop_var for each in [top, *top.loops()]}
    for extent, guarded in zip(part.extent, part.guarded, strict=True):
        if guarded or uses_var(extent, loops.__contains__):
            raise Refused(
                f"what is used of {buffer.name!r} has no fixed size in the loop {top.name!r}",
                top,
                found=repr(extent),
            )
    return part


def _copy_block(
    name: str, part: Part, source: Buffer, target: Buffer, top: Spot
) -> tuple[Stmt, BlockToken]:
    """A block that copies a part, bound to the loops that its begin depends on."""
    loops = [*top.loops(), top]
    used = [
        each.loop
        for each in loops
        if any(uses_var(low, {each.loop.loop_var}.__contains__) for low in part.begin)
    ]
    fresh = {each.loop_var: Var(f"v{k}", each.loop_var.dtype) for k, each in enumerate(used)}
    iter_vars = [
        IterVar(Range(min=each.min, extent=each.extent), fresh[each.loop_var], IterVar.DataPar)
        for each in used
    ]
    begin = [substitute(low, fresh) for low in part.begin]
    inner: list[For] = []
    places: list[PrimExpr] = []
    for axis, (low, extent) in enumerate(zip(begin, part.extent, strict=True)):
        var = Var(f"ax{axis}", extent.dtype)
        nothing: Any = None
        inner.append(For(var, const(0, var.dtype), extent, ForKind.SERIAL, nothing))
        at_zero = isinstance(low, IntImm) and low.value == 0
        places.append(var if at_zero else add(low, var))
    body: Stmt = BufferStore(target, BufferLoad(source, places), places)
    for loop in reversed(inner):
        body = loop.replace(body=body)
    ranges = [Range(min=a, extent=b) for a, b in zip(begin, part.extent, strict=True)]
    token = BlockToken()
    block = Block(
        iter_vars,
        [BufferRegion(source, ranges)],
        [BufferRegion(target, ranges)],
        name,
        body,
        annotations={AUTO_COPY: 1},
        token=token,
    )
    return BlockRealize([each.loop_var for each in used], const(True), block), token
