"""Copies around blocks that work in place, and of indices that are computed often."""

from __future__ import annotations

from typing import Any

from pellucid.arith.int_set import hull
from pellucid.ir.arithmetic import const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule.cache import child_position, written_part
from pellucid.tir.schedule.copies import (
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
from pellucid.tir.schedule.cover import outside_analyzer, possible_region, require_all_instances
from pellucid.tir.schedule.edit import insert, replace
from pellucid.tir.schedule.exact_writes import require_defined
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken
from pellucid.tir.schedule.scope import reads, scope_of, writers_of, writes
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt, seq


class MoreCachePrimitives(ScheduleCore):
    """`cache_inplace` and `cache_index`."""

    @primitive
    def cache_inplace(
        self, block: BlockRV | str, read_buffer_index: int | str, storage_scope: str
    ) -> list[BlockRV]:
        """Let a block that works in place do so in memory of `storage_scope`: copy in, work, copy
        out.

            A[vi] = A[vi] + 1.0        →        …   A_local[v0] = A[v0]
                                                …   A_local[vi] = A_local[vi] + 1.0
                                                …   A[v0] = A_local[v0]

        Gives the block that copies in and the one that copies out.

            >>> sch = Schedule(in_place)
            >>> copy_in, copy_out = sch.cache_inplace("A", "A", "local")

        Conditions: the scope exists; the block reads such a buffer and writes it too, as the only
        block of its scope that touches it; the buffer comes from outside of the scope, with all
        that the block touches of it written; what the block writes is known exactly; it does not
        use the buffer through pointers, views or calls.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        name = self.name_of(block)
        buffer = buffer_at(spot, read_buffer_index, spot.block.reads, "read")
        scope = scope_of(spot)
        _require_in_place(spot, buffer)
        if buffer in scope.block.alloc_buffers:
            raise Refused(
                f"the buffer {buffer.name!r} holds nothing before the block {spot.name!r}",
                spot,
                expected="a buffer that comes from outside, whose contents are copied in",
                cure="use cache_write",
            )
        require_defined(spot, buffer, self.analyzer(name))
        analyzer = outside_analyzer(self.analyzer(name), scope)
        sets = [
            possible_region(spot, region, scope, analyzer)
            for region in (*spot.block.reads, *spot.block.writes)
            if region.buffer is buffer
        ]
        inner = part_of(buffer, [hull(a, analyzer) for a in zip(*sets, strict=True)], analyzer)
        outer = written_part(spot, buffer, scope, analyzer)
        title = f"{buffer.name}_{scope_suffix(storage_scope)}"
        copy = cache_buffer(buffer, inner.extent, storage_scope, title)
        move = moved_by(inner.begin)
        shape = buffer.shape
        copy_in, first = copy_nest(
            title, inner, shape, lambda v: BufferStore(copy, BufferLoad(buffer, v), move(v))
        )
        copy_out, last = copy_nest(
            f"{title}_out",
            outer,
            shape,
            lambda v: BufferStore(buffer, BufferLoad(copy, move(v)), v),
        )
        body = replace(
            scope.block.body, {spot.block: Redirect(buffer, copy, move).visit(spot.block)}
        )
        position = child_position(scope, spot)
        body = insert(insert(body, position + 1, copy_out), position, copy_in)
        new = scope.block.replace(body=body, alloc_buffers=[*scope.block.alloc_buffers, copy])
        self.commit(name, replace(self.tree(name).func.body, {scope.block: new}))
        return [self.new_block(name, first, title), self.new_block(name, last, f"{title}_out")]

    @primitive
    def cache_index(
        self, block: BlockRV | str, storage_scope: str, cse_thresh: int = 0
    ) -> list[BlockRV]:
        """Compute the indices of a block's accesses beforehand, and load them.

            C[vi] = A[vi // 4 * 8 + vi % 4]      →      …   index_0[v0] = v0 // 4 * 8 + v0 % 4
                                                        …   C[vi] = A[index_0[vi]]

        Indices are cached that are no variable and no constant, depend on the block's variables
        only, and occur more than `cse_thresh` times. Gives the blocks that compute them, one for
        each index.

            >>> sch = Schedule(digits)
            >>> indices = sch.cache_index("C", "global")

        Conditions: the scope exists; the block runs all instances of its domain; there is such an
        index.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        name = self.name_of(block)
        scope = scope_of(spot)
        require_all_instances(spot, self.analyzer(name))
        found = _indices(spot.block, cse_thresh)
        if not found:
            raise Refused(
                f"the block {spot.name!r} has no index to be cached",
                spot,
                expected=f"an index, not just a variable, that occurs more than {cse_thresh} times",
            )
        nests: list[Stmt] = []
        buffers: list[Buffer] = []
        table: list[tuple[PrimExpr, PrimExpr]] = []
        tokens: list[BlockToken] = []
        for number, index in enumerate(found):
            nest, buffer, load, token = _index_nest(spot, index, number, storage_scope)
            nests.append(nest)
            buffers.append(buffer)
            table.append((index, load))
            tokens.append(token)
        func = self.tree(name).func
        around = {**buffers_around(func, spot), **{each.data: each for each in buffers}}
        changed = with_regions(_Indices(table).visit(spot.block), around)
        body = replace(scope.block.body, {spot.block: changed})
        body = insert(body, child_position(scope, spot), seq(*nests))
        new = scope.block.replace(body=body, alloc_buffers=[*scope.block.alloc_buffers, *buffers])
        self.commit(name, replace(func.body, {scope.block: new}))
        return [
            self.new_block(name, token, each.name)
            for token, each in zip(tokens, buffers, strict=True)
        ]


def _require_in_place(spot: Spot, buffer: Buffer) -> None:
    scope = scope_of(spot)
    if buffer not in writes(spot):
        raise Refused(
            f"the block {spot.name!r} does not write {buffer.name!r}",
            spot,
            cure="use cache_read",
        )
    others = [
        each
        for each in scope.blocks()
        if each is not spot and (buffer in reads(each) or each in writers_of(buffer, [each]))
    ]
    if others:
        raise Refused(f"other blocks use {buffer.name!r}", *others)
    require_plain_access(spot.block, buffer, spot)


def _indices(block: Block, threshold: int) -> list[PrimExpr]:
    """The indices worth caching, each once, in order."""
    own = {each.var for each in block.iter_vars}
    counts: list[tuple[PrimExpr, int]] = []
    for each in pre_order(block.body):
        if not isinstance(each, BufferLoad | BufferStore):
            continue
        for index in each.indices:
            if isinstance(index, Var | IntImm) or not _depends_only_on(index, own):
                continue
            for position, (other, count) in enumerate(counts):
                if structural_equal(other, index):
                    counts[position] = (other, count + 1)
                    break
            else:
                counts.append((index, 1))
    return [index for index, count in counts if count > threshold]


def _depends_only_on(index: PrimExpr, own: set[Var]) -> bool:
    parts = list(pre_order(index))
    if any(isinstance(each, BufferLoad) for each in parts):
        return False
    used = {each for each in parts if isinstance(each, Var)}
    return bool(used) and used <= own


def _index_nest(
    spot: Spot, index: PrimExpr, number: int, storage_scope: str
) -> tuple[Stmt, Buffer, PrimExpr, BlockToken]:
    """The loops and the block that compute one index, its buffer, and the load of it."""
    used = [v for v in spot.block.iter_vars if uses_var(index, {v.var}.__contains__)]
    name = f"index_{number}"
    domains = [v.dom for v in used if v.dom is not None]
    buffer = decl_buffer([d.extent for d in domains], index.dtype, name, scope=storage_scope)
    fresh = {v.var: Var(f"v{k}", v.var.dtype) for k, v in enumerate(used)}
    places = [_from(fresh[v.var], d) for v, d in zip(used, domains, strict=True)]
    store = BufferStore(buffer, substitute(index, fresh), places)
    iter_vars = [
        IterVar(d, fresh[v.var], IterVar.DataPar) for v, d in zip(used, domains, strict=True)
    ]
    loops = [
        For(Var(f"ax{k}", v.var.dtype), const(0, v.var.dtype), d.extent, ForKind.SERIAL, store)
        for k, (v, d) in enumerate(zip(used, domains, strict=True))
    ]
    values = [
        loop.loop_var if _starts_at_zero(d) else loop.loop_var + d.min
        for loop, d in zip(loops, domains, strict=True)
    ]
    token = BlockToken()
    region = BufferRegion(buffer, [Range(min=i, extent=const(1, i.dtype)) for i in places])
    block = Block(iter_vars, (), [region], name, store, token=token)
    body: Stmt = BlockRealize(values, const(True), block)
    for loop in reversed(loops):
        body = loop.replace(body=body)
    load = BufferLoad(buffer, [_from(v.var, d) for v, d in zip(used, domains, strict=True)])
    return body, buffer, load, token


def _starts_at_zero(domain: Range) -> bool:
    return isinstance(domain.min, IntImm) and domain.min.value == 0


def _from(var: Var, domain: Range) -> PrimExpr:
    return var if _starts_at_zero(domain) else var - domain.min


class _Indices(StmtExprMutator):
    """Replaces indices of accesses by loads."""

    def __init__(self, table: list[tuple[PrimExpr, PrimExpr]]) -> None:
        super().__init__()
        self.table = table

    def indices(self, indices: tuple[PrimExpr, ...]) -> list[Any]:
        """Indices with the cached ones replaced."""
        found: list[Any] = []
        for index in indices:
            hit = next((new for old, new in self.table if structural_equal(old, index)), None)
            found.append(self.visit(index) if hit is None else hit)
        return found

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load."""
        return load.replace(indices=self.indices(load.indices))

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store."""
        return store.replace(value=self.visit(store.value), indices=self.indices(store.indices))
