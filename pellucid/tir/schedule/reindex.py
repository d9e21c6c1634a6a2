"""Copies of buffers in the index space of the block that uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.ir.arithmetic import const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.copies import (
    Redirect,
    buffer_at,
    require_plain_access,
    require_scope,
    scope_suffix,
)
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import require_all_instances
from pellucid.tir.schedule.edit import insert, replace, statements
from pellucid.tir.schedule.exact_writes import require_all_stored, require_defined
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused, mismatch_refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken
from pellucid.tir.schedule.scope import reads, require_bijective, scope_of, writers_of
from pellucid.tir.schedule.scope import writes as written_by
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt

BufferChoice = tuple[str, int] | str
Layout = IndexMap | Callable[..., Any]


class ReindexPrimitives(ScheduleCore):
    """`reindex`, `reindex_cache_read` and `reindex_cache_write`."""

    @primitive
    def reindex(self, block: BlockRV | str, buffer: BufferChoice) -> BlockRV:
        """Let a block access a copy of a buffer that is indexed by its iteration variables.

            C[vi] = A[vi * 2 + 1]          →        for ax0 in range(8):
                                                        with T.block("A_reindex_reindex"):
                                                            A_reindex[v0] = A[v0 * 2 + 1]
                                                    …   C[vi] = A_reindex[vi]

        `buffer` is ("read", position), ("write", position), or a buffer's name. The copy has one
        dimension for each iteration variable that the indices mention. Gives the block that copies.

            >>> sch = Schedule(strided_conv)
            >>> copy = sch.reindex("C", ("read", 0))

        Conditions: all accesses of the block to the buffer are at equal indices, and none is
        through a pointer, view or call; a buffer that is read is written by no block of the scope
        after it began to be copied, and what is read has been written; one that is written is
        written by this block alone, in each instance, at indices that are a bijective map of
        data-parallel variables, and is not read before.
        """
        spot = self.block(block)
        target, writes = chosen_buffer(spot, buffer)
        index = _common_index(spot, target)
        used = [v for v in spot.block.iter_vars if _mentions(index, v.var)]
        variables = [v.var.fresh() for v in used]
        layout = IndexMap(variables, variables)
        name = f"{target.name}_reindex"
        return self._reindexed(block, target, writes, layout, target.scope(), name)

    @primitive
    def reindex_cache_read(
        self,
        block: BlockRV | str,
        read_buffer_index: int | str,
        storage_scope: str,
        index_map: Layout,
    ) -> BlockRV:
        """As `cache_read` for one block, with a copy that is indexed by a map of the block's
        iteration variables.

        `index_map` takes all iteration variables of the block and gives the indices of the copy.

            >>> sch = Schedule(matmul)
            >>> copy = sch.reindex_cache_read("C", "A", "local", lambda i, j, k: (k, i))

        Conditions: those of `reindex` for a read; the scope exists; the map uses every variable
        that the indices mention, and gives different indices where these differ.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        target = buffer_at(spot, read_buffer_index, spot.block.reads, "read")
        layout = self._layout(spot, index_map)
        name = f"{target.name}_{scope_suffix(storage_scope)}"
        return self._reindexed(block, target, False, layout, storage_scope, name, full=True)

    @primitive
    def reindex_cache_write(
        self,
        block: BlockRV | str,
        write_buffer_index: int | str,
        storage_scope: str,
        index_map: Layout,
    ) -> BlockRV:
        """As `cache_write` for one block, with a copy that is indexed by a map of the block's
        iteration variables.

            >>> sch = Schedule(matmul)
            >>> copy = sch.reindex_cache_write("C", "C", "local", lambda i, j, k: (j, i))

        Conditions: those of `reindex` for a write, and of `reindex_cache_read` for the map, which
        must not use reduction variables.
        """
        require_scope(storage_scope)
        spot = self.block(block)
        target = buffer_at(spot, write_buffer_index, spot.block.writes, "write")
        layout = self._layout(spot, index_map)
        name = f"{target.name}_{scope_suffix(storage_scope)}"
        return self._reindexed(block, target, True, layout, storage_scope, name, full=True)

    def _layout(self, spot: Spot, index_map: Layout) -> IndexMap:
        """The map, with the block's variables as a last resort for its dtype; recorded."""
        dtype = spot.block.iter_vars[0].var.dtype if spot.block.iter_vars else "int32"
        found = self.in_sizes(as_index_map(index_map, len(spot.block.iter_vars), str(dtype)))
        self.note(index_map=found)
        return found

    def _reindexed(
        self,
        block: BlockRV | str,
        target: Buffer,
        writes: bool,
        layout: IndexMap,
        scope_name: str,
        name: str,
        *,
        full: bool = False,
    ) -> BlockRV:
        spot = self.block(block)
        function = self.name_of(block)
        index = _common_index(spot, target)
        require_plain_access(spot.block, target, spot)
        variables = list(spot.block.iter_vars)
        if not full:
            variables = [v for v in variables if _mentions(index, v.var)]
        analyzer = _with_domains(self.analyzer(function), variables)
        _require_inside(spot, target, index, analyzer)
        require_all_instances(spot, self.analyzer(function))
        # Without a map of the user's, variables of one value stay in the indices.
        known = analyzer if full else Analyzer()
        mapped = layout.map_indices([v.var for v in variables], known)
        used = [
            v
            for v in variables
            if _mentions(mapped, v.var) or (_is_unit(v) and _mentions(index, v.var))
        ]
        _require_layout(spot, index, variables, used, mapped)
        if writes:
            self._require_writable(spot, target, index, used)
            require_all_stored(spot, target, self.analyzer(function))
        else:
            _require_not_overwritten(spot, target)
            require_defined(spot, target, self.analyzer(function))
        shape = _shape_of(layout, variables, analyzer)
        copy = decl_buffer(shape, target.dtype, name, scope=scope_name)
        block_name = name if full or writes else f"{name}_reindex"
        nest, token = _copy_nest(block_name, used, index, mapped, target, copy, writes)
        changed = Redirect(target, copy, lambda _: list(mapped)).visit(spot.block)
        func = self.tree(function).func
        around = {**buffers_around(func, spot), copy.data: copy}
        # The regions of the block are single elements of the copy now.
        table: dict[Any, Any] = {spot.block: with_regions(changed, around)}
        scope = scope_of(spot)
        position = _position(scope, spot) + (1 if writes else 0)
        _require_apart(scope, spot, target, writes)
        body = insert(replace(scope.block.body, table), position, nest)
        new = scope.block.replace(body=body, alloc_buffers=[*scope.block.alloc_buffers, copy])
        self.commit(function, replace(func.body, {scope.block: new}))
        return self.new_block(function, token, block_name)

    def _require_writable(
        self, spot: Spot, target: Buffer, index: Sequence[PrimExpr], used: Sequence[IterVar]
    ) -> None:
        scope = scope_of(spot)
        others = [w for w in writers_of(target, scope.blocks()) if w is not spot]
        if others:
            raise Refused(f"several blocks write {target.name!r}", spot, *others)
        if target in reads(spot):
            raise Refused(f"the block {spot.name!r} reads what it writes", spot)
        if any(v.iter_type != IterVar.DataPar for v in used):
            raise Refused(
                f"the indices of {target.name!r} use variables that are not data-parallel", spot
            )
        require_bijective(spot, target, index, used, self.analyzer(self._looking_at or "main"))


def as_index_map(mapping: Layout, rank: int, dtype: str) -> IndexMap:
    """An index map from a map or a Python function of `rank` indices."""
    if isinstance(mapping, IndexMap):
        if len(mapping.initial_indices) != rank:
            raise Refused(
                "the index map takes another number of indices",
                expected=str(rank),
                found=str(len(mapping.initial_indices)),
            )
        return mapping
    try:
        found, separators = IndexMap.from_func_with_separators(mapping, rank, index_dtype=dtype)
    except TypeMismatchError as error:
        raise mismatch_refused(error) from None
    if separators:
        raise Refused("the index map has axis separators", cure="only transform_layout takes them")
    return found


def chosen_buffer(spot: Spot, choice: Any) -> tuple[Buffer, bool]:
    """The buffer that is meant, and whether it is written."""
    if isinstance(choice, tuple | list):
        kind, position = cast("tuple[str, int]", choice)
        if kind not in ("read", "write"):
            raise Refused(f"there is no kind {kind!r}", expected='"read" or "write"')
        regions = spot.block.reads if kind == "read" else spot.block.writes
        return buffer_at(spot, position, regions, kind), kind == "write"
    written = [each.buffer.name for each in spot.block.writes]
    if choice in written:
        return buffer_at(spot, choice, spot.block.writes, "write"), True
    return buffer_at(spot, choice, spot.block.reads, "read"), False


def _mentions(exprs: Sequence[PrimExpr], var: Var) -> bool:
    return any(uses_var(each, {var}.__contains__) for each in exprs)


def _vars(iter_vars: Sequence[IterVar]) -> list[Var]:
    return [each.var for each in iter_vars]


def _common_index(spot: Spot, buffer: Buffer) -> tuple[PrimExpr, ...]:
    """The indices at which a block accesses a buffer, the same everywhere."""
    found: list[tuple[PrimExpr, ...]] = []
    parts = [spot.block.body] if spot.block.init is None else [spot.block.init, spot.block.body]
    for part in parts:
        for each in pre_order(part):
            if isinstance(each, BufferLoad | BufferStore) and each.buffer is buffer:
                found.append(each.indices)
    if not found or not all(structural_equal(each, found[0]) for each in found):
        raise Refused(
            f"the block {spot.name!r} accesses {buffer.name!r} at different indices",
            spot,
            found="; ".join(", ".join(repr(i) for i in each) for each in found) or "no access",
        )
    own = set(_vars(spot.block.iter_vars))
    inner = [
        each
        for index in found[0]
        for each in pre_order(index)
        if isinstance(each, BufferLoad) or (isinstance(each, Var) and each not in own)
    ]
    moved = [each for each in inner if isinstance(each, BufferLoad) or _defined_in(spot, each)]
    if moved:
        raise Refused(
            f"the indices of {buffer.name!r} depend on more than the variables of {spot.name!r}",
            spot,
            found=repr(moved[0]),
        )
    return found[0]


def _defined_in(spot: Spot, var: Var) -> bool:
    """Whether a variable is a loop inside the block."""
    return any(
        isinstance(each, For) and each.loop_var is var for each in pre_order(spot.block.body)
    )


def _with_domains(analyzer: Analyzer, variables: Sequence[IterVar]) -> Analyzer:
    for each in variables:
        if each.dom is not None:
            analyzer.bind(each.var, each.dom)
    return analyzer


def _require_inside(
    spot: Spot, target: Buffer, index: Sequence[PrimExpr], analyzer: Analyzer
) -> None:
    """Refuse indices that a condition keeps inside the buffer, which the copy would not have."""
    for each, extent in zip(index, target.shape, strict=True):
        inside = analyzer.can_prove_greater_equal(each, 0) and analyzer.can_prove_less(each, extent)
        if not inside:
            raise Refused(
                f"an index of {target.name!r} may leave the buffer",
                spot,
                expected=f"an index from 0 to {extent!r} - 1 for all values of the variables",
                found=repr(each),
            )


def _require_layout(
    spot: Spot,
    index: Sequence[PrimExpr],
    variables: Sequence[IterVar],
    used: Sequence[IterVar],
    mapped: Sequence[PrimExpr],
) -> None:
    """Refuse a map that mixes elements up."""
    missing = [v for v in variables if _mentions(index, v.var) and v not in used]
    if missing:
        raise Refused(
            f"the index map leaves out the variable {missing[0].var.name!r}, which the indices use",
            spot,
        )
    domains = {v.var: v.dom for v in used if v.dom is not None}
    found = detect_iter_map(list(mapped), domains, check_level=IterMapLevel.BIJECTIVE)
    if found.errors:
        raise Refused(
            "the index map is not bijective", spot, found=", ".join(repr(each) for each in mapped)
        )


def _is_unit(variable: IterVar) -> bool:
    domain = variable.dom
    return domain is not None and isinstance(domain.extent, IntImm) and domain.extent.value == 1


def _require_not_overwritten(spot: Spot, target: Buffer) -> None:
    """Refuse a buffer that the block, or one after it was copied, writes."""
    if target in written_by(spot):
        raise Refused(f"the block {spot.name!r} reads what it writes", spot)
    blocks = scope_of(spot).blocks()
    for each in writers_of(target, blocks[blocks.index(spot) + 1 :]):
        raise Refused(f"the block {each.name!r} writes {target.name!r} later", each)


def _shape_of(layout: IndexMap, variables: Sequence[IterVar], analyzer: Analyzer) -> list[PrimExpr]:
    ranges = [v.dom for v in variables if v.dom is not None]
    return [
        analyzer.simplify(each.min + each.extent) for each in layout.map_ranges(ranges, analyzer)
    ]


def _copy_nest(
    name: str,
    used: Sequence[IterVar],
    index: Sequence[PrimExpr],
    mapped: Sequence[PrimExpr],
    target: Buffer,
    copy: Buffer,
    writes: bool,
) -> tuple[Stmt, BlockToken]:
    """The loops and the block that copy, over the variables that the indices mention."""
    fresh = {v.var: Var(f"v{k}", v.var.dtype) for k, v in enumerate(used)}
    outer = [substitute(each, fresh) for each in index]
    inner = [substitute(each, fresh) for each in mapped]
    source, place = ((copy, inner), (target, outer))
    if not writes:
        source, place = place, source
    load = BufferLoad(*source)
    store = BufferStore(place[0], load, place[1])
    iter_vars = [IterVar(v.dom, fresh[v.var], IterVar.DataPar) for v in used]
    loops: list[For] = []
    values: list[PrimExpr] = []
    for axis, each in enumerate(used):
        domain = each.dom
        assert domain is not None
        var = Var(f"ax{axis}", each.var.dtype)
        loops.append(For(var, const(0, var.dtype), domain.extent, ForKind.SERIAL, store))
        first = domain.min
        at_zero = isinstance(first, IntImm) and first.value == 0
        values.append(var if at_zero else var + first)
    token = BlockToken()
    region = BufferRegion(place[0], [Range(min=i, extent=const(1, i.dtype)) for i in place[1]])
    block = Block(iter_vars, [load], [region], name, store, token=token)
    body: Stmt = BlockRealize(values, const(True), block)
    for loop in reversed(loops):
        body = loop.replace(body=body)
    return body, token


def _require_apart(scope: Spot, spot: Spot, target: Buffer, writes: bool) -> None:
    """Refuse where a producer (or consumer) shares the nest beside which the copy goes."""
    for each in scope.blocks():
        touches = target in (reads(each) if writes else written_by(each))
        if touches and each is not spot and _position(scope, each) == _position(scope, spot):
            raise Refused(
                f"the block {each.name!r} uses {target.name!r} in the same nest as {spot.name!r}",
                spot,
                each,
                cure="do this before moving the blocks together",
            )


def _position(scope: Spot, spot: Spot) -> int:
    path = {id(spot.node), *(id(each.node) for each in spot.above())}
    for position, each in enumerate(statements(scope.block.body)):
        if id(each) in path:
            return position
    raise Refused(f"the block {spot.name!r} is not directly reached in {scope.name!r}", spot)
