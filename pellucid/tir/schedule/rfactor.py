"""Factoring a reduction: partial results along one loop, then the reduction of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import const, logical_and, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, Var
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace, statements
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.reducers import Reduction, find_reduction, stored_values
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import (
    loop_ranges,
    only_block,
    require_begin,
    require_reduction,
    scope_of,
)
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, LetStmt, Stmt, seq
from pellucid.tir.stmt_functor import renew_defs


class RFactorPrimitives(ScheduleCore):
    """`rfactor`."""

    @primitive
    def rfactor(self, loop: LoopRV, factor_axis: int = 0) -> BlockRV:
        """Reduce each iteration of `loop` for itself, then reduce these results along the loop.

            for i, k0, k1 in T.grid(4, 8, 2):        for i, k0, k1 in T.grid(4, 8, 2):
                with T.block("B"):                       with T.block("B_rf"):
                    B[vi] = B[vi] + A[vi, vk]     →          B_rf[vk0, vi] = B_rf[vk0, vi] + A[…]
                                                     for i, k0 in T.grid(4, 8):
                                                         with T.block("B"):
                                                             B[vi] = B[vi] + B_rf[vk0, vi]

        for the loop `k0`. `factor_axis` is the dimension of the new buffer `<name>_rf` that the
        loop becomes (negative ones count from the end). Gives the block of the partial results; the
        old reference stays with the block that writes the result.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> outer, inner = sch.split(k, [None, 2])
            >>> partial = sch.rfactor(inner, factor_axis=-1)

        Conditions: one block is below the loop, a reduction block that combines in a known way
        (see `reducers`) and starts at the beginning of its domain; the scope is a stage pipeline;
        the loop is serial, and moves reduction variables only; no loop moves both kinds; the block
        is the first thing in its outermost loop; from the first loop that moves reductions inwards
        there is nothing else; the block runs for the least values of its other reduction variables
        in every iteration of `loop`; the axis exists.
        """
        rf_loop = self.loop(loop)
        name = self.name_of(loop)
        spot = only_block(rf_loop)
        analyzer = self.analyzer(name)
        require_reduction(spot)
        require_begin(spot, analyzer)
        self.stage_pipelines(name).require(scope_of(spot))
        nest = _Nest.of(spot, rf_loop)
        nest.require_shape(analyzer)
        reduction = _reduction_of(spot)
        axis = _axis(factor_axis, reduction, spot)
        partial = [_partial_buffer(each, rf_loop.loop.extent, axis) for each in reduction.buffers]
        rf_nest, token = _rf_nest(nest, reduction, partial, axis)
        rest = _write_back(nest, reduction, partial, axis)
        scope = scope_of(spot)
        body = replace(scope.block.body, {nest.loops[0].loop: seq(rf_nest, rest)})
        new = scope.block.replace(body=body, alloc_buffers=[*scope.block.alloc_buffers, *partial])
        func = self.tree(name).func
        order = [*[each.buffer for each in spot.block.reads], *partial]
        new = _with_new_regions(
            new, {token, spot.block.token}, buffers_around(func, scope), partial, order
        )
        self.commit(name, replace(func.body, {scope.block: new}))
        return self.new_block(name, token, f"{spot.name}_rf")


@dataclass
class _Nest:
    """The loops around a reduction block, and which kind of variables each moves."""

    spot: Spot
    rf: Spot
    loops: list[Spot]
    spatial: list[Spot]
    reduced: list[Spot]

    @staticmethod
    def of(spot: Spot, rf: Spot) -> _Nest:
        """The nest of a block; loops that move both kinds are refused."""
        spatial: list[Spot] = []
        reduced: list[Spot] = []
        for each in spot.loops():
            kinds = {
                v.iter_type
                for v, value in zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
                if uses_var(value, {each.loop.loop_var}.__contains__)
            }
            if len(kinds) > 1:
                raise Refused(
                    f"the loop {each.name!r} moves data-parallel and reduction variables", each
                )
            if IterVar.CommReduce in kinds:
                reduced.append(each)
            else:
                spatial.append(each)
        return _Nest(spot, rf, spot.loops(), spatial, reduced)

    def require_shape(self, analyzer: Analyzer) -> None:
        """Check where the loop and the block stand."""
        if self.rf not in self.reduced:
            raise Refused(
                f"the loop {self.rf.name!r} moves no reduction variable",
                self.rf,
                expected="a loop that only reductions use",
            )
        if self.rf.loop.kind is not ForKind.SERIAL:
            raise Refused(
                f"the loop {self.rf.name!r} is not serial",
                self.rf,
                found=self.rf.loop.kind.name.lower(),
            )
        first = self.loops.index(self.reduced[0])
        for position, each in enumerate(self.loops):
            inside = self.loops[position + 1].node if each is not self.loops[-1] else self.spot.node
            parts = statements(each.loop.body)
            if parts[0] is not inside:
                raise Refused(
                    f"the block {self.spot.name!r} is not the first thing in the loop "
                    f"{each.name!r}",
                    each,
                )
            if position >= first and len(parts) > 1:
                raise Refused(
                    f"there is more than the block {self.spot.name!r} in the loop {each.name!r}",
                    each,
                )
        self.require_init(analyzer)

    def require_init(self, analyzer: Analyzer) -> None:
        """Check that every partial result is begun: the block's conditions hold at the least values
        of the other reduction loops.
        """
        others = [each.loop for each in self.reduced if each is not self.rf]
        least = {each.loop_var: each.min for each in others}
        known = bind_loops(analyzer.copy(), loop_ranges(each.loop for each in self.loops))
        for each in conjuncts(self.spot.realize.predicate):
            moving = {*least, self.rf.loop.loop_var}
            if uses_var(each, moving.__contains__) and not known.can_prove(substitute(each, least)):
                raise Refused(
                    f"some iterations of the loop {self.rf.name!r} reduce nothing",
                    self.rf,
                    found=f"the condition {each!r}",
                )

    def condition(self, loops: Sequence[Spot]) -> PrimExpr:
        """The conditions of the block that concern only these loops."""
        kept = {each.loop.loop_var for each in loops}
        others = {each.loop.loop_var for each in self.loops} - kept
        found: PrimExpr = const(True)
        for each in conjuncts(self.spot.realize.predicate):
            if not uses_var(each, others.__contains__):
                found = logical_and(found, each)
        return found


def _reduction_of(spot: Spot) -> Reduction:
    try:
        return find_reduction(spot.block.body)
    except Refused as reason:
        raise Refused(
            f"the reduction of the block {spot.name!r} is not understood: {reason.message}",
            spot,
            expected=reason.expected,
            found=reason.found,
            cure=reason.cure,
        ) from None


def _axis(factor_axis: int, reduction: Reduction, spot: Spot) -> int:
    rank = len(reduction.indices)
    if not -rank - 1 <= factor_axis <= rank:
        raise Refused(
            f"there is no axis {factor_axis}",
            spot,
            expected=f"an axis from {-rank - 1} to {rank}",
        )
    return factor_axis + rank + 1 if factor_axis < 0 else factor_axis


def _partial_buffer(buffer: Buffer, extent: PrimExpr, axis: int) -> Buffer:
    shape = list(buffer.shape)
    shape.insert(axis, extent)
    return decl_buffer(shape, buffer.dtype, f"{buffer.name}_rf", scope=buffer.scope())


def _with_axis(indices: Sequence[PrimExpr], axis: int, index: PrimExpr) -> list[PrimExpr]:
    found = list(indices)
    found.insert(axis, index)
    return found


def _combined(
    reduction: Reduction,
    buffers: Sequence[Buffer],
    indices: Sequence[PrimExpr],
    new: list[PrimExpr],
) -> Stmt:
    """Combine values into buffers: one store, or several under definitions of all results."""
    old: list[PrimExpr] = [BufferLoad(each, indices) for each in buffers]
    results = reduction.reducer.combine(old, new)
    if len(results) == 1:
        return BufferStore(buffers[0], results[0], indices)
    names = [Var(f"v_{b.name}", b.dtype) for b in buffers]
    body: Stmt = seq(*[BufferStore(b, v, indices) for b, v in zip(buffers, names, strict=True)])
    for var, value in reversed(list(zip(names, results, strict=True))):
        body = LetStmt(var, value, body)
    return body


def _rf_nest(
    nest: _Nest, reduction: Reduction, partial: Sequence[Buffer], axis: int
) -> tuple[Stmt, BlockToken]:
    """The nest of the partial results, over copies of all loops."""
    spot, rf = nest.spot, nest.rf.loop
    index = Var(f"v{rf.loop_var.name}", rf.loop_var.dtype)
    iter_vars = [IterVar(Range(min=rf.min, extent=rf.extent), index, IterVar.DataPar)]
    values: list[PrimExpr] = [rf.loop_var]
    table: dict[Var, PrimExpr] = {}
    inner: dict[Var, PrimExpr] = {rf.loop_var: index}
    pairs = list(zip(spot.block.iter_vars, spot.realize.iter_values, strict=True))
    # Variables that the loop moves are expressed by variables for each loop that moves them.
    for variable, value in pairs:
        if not uses_var(value, {rf.loop_var}.__contains__):
            fresh = variable.var.fresh()
            table[variable.var] = fresh
            iter_vars.append(IterVar(variable.dom, fresh, variable.iter_type))
            values.append(value)
            continue
        for each in nest.reduced:
            loop = each.loop
            if loop.loop_var in inner or not uses_var(value, {loop.loop_var}.__contains__):
                continue
            fresh = Var(f"v{loop.loop_var.name}", loop.loop_var.dtype)
            inner[loop.loop_var] = fresh
            domain = Range(min=loop.min, extent=loop.extent)
            iter_vars.append(IterVar(domain, fresh, IterVar.CommReduce))
            values.append(loop.loop_var)
        table[variable.var] = substitute(value, inner)
    indices = _with_axis(
        [substitute(i, table) for i in reduction.indices], axis, _offset(index, rf)
    )
    sources = [substitute(each, table) for each in reduction.sources]
    init: Stmt | None = None
    if any(each.iter_type == IterVar.CommReduce for each in iter_vars):
        body = _combined(reduction, partial, indices, sources)
        begin = [substitute(each, table) for each in _begin(spot, reduction)]
        init = seq(
            *[BufferStore(b, value, indices) for b, value in zip(partial, begin, strict=True)]
        )
    else:
        # Each partial result has one term: there is nothing to combine it with.
        body = seq(
            *[BufferStore(b, value, indices) for b, value in zip(partial, sources, strict=True)]
        )
    token = BlockToken()
    block = Block(
        iter_vars,
        (),
        (),
        f"{spot.name}_rf",
        body,
        init,
        annotations=spot.block.annotations,
        token=token,
    )
    result: Stmt = BlockRealize(values, spot.realize.predicate, block)
    for each in reversed(nest.loops):
        result = each.loop.replace(body=result)
    return renew_defs(result), token


def _begin(spot: Spot, reduction: Reduction) -> list[PrimExpr]:
    """What partial results begin with: what the result does, where that may be combined with it
    once more, else the identity.
    """
    init = spot.block.init
    if reduction.reducer.repeatable and init is not None:
        found = {each.buffer: each.value for each in stored_values(init)}
        if all(each in found for each in reduction.buffers):
            return [found[each] for each in reduction.buffers]
    return reduction.reducer.identity([each.dtype for each in reduction.buffers])


def _offset(index: Var, loop: For) -> PrimExpr:
    """The position of an iteration in the new dimension."""
    return sub(index, loop.min)


def _write_back(nest: _Nest, reduction: Reduction, partial: Sequence[Buffer], axis: int) -> Stmt:
    """What is left of the nest: the loops of the result and the factored loop."""
    spot, rf = nest.spot, nest.rf.loop
    index = Var(f"v{rf.loop_var.name}", rf.loop_var.dtype)
    kept = [
        (v, value)
        for v, value in zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
        if v.iter_type != IterVar.CommReduce
    ]
    factored = IterVar(Range(min=rf.min, extent=rf.extent), index, IterVar.CommReduce)
    iter_vars = [factored, *[v for v, _ in kept]]
    indices = _with_axis(reduction.indices, axis, _offset(index, rf))
    sources: list[PrimExpr] = [BufferLoad(each, indices) for each in partial]
    body = _combined(reduction, reduction.buffers, reduction.indices, sources)
    block = spot.block.replace(iter_vars=iter_vars, body=body, reads=(), writes=())
    loops = [each for each in nest.loops if each in nest.spatial or each is nest.rf]
    realize = BlockRealize([rf.loop_var, *[v for _, v in kept]], nest.condition(loops), block)
    first = nest.loops.index(nest.reduced[0])
    # Above the first reduction loop there may be other statements behind the block.
    result: Stmt = realize
    for position in reversed(range(len(nest.loops))):
        each = nest.loops[position]
        if position >= first:
            result = each.loop.replace(body=result) if each in loops else result
        else:
            rest = statements(each.loop.body)[1:]
            result = each.loop.replace(body=seq(result, *rest))
    return result


def _with_new_regions(
    scope: Block,
    tokens: set[BlockToken],
    buffers: dict[Var, Buffer],
    partial: Sequence[Buffer],
    order: Sequence[Buffer],
) -> Block:
    known = {**buffers, **{each.data: each for each in partial}}
    table: dict[Block, Block] = {}

    def place(region: BufferRegion) -> int:
        """Reads stay in the order that they had."""
        return order.index(region.buffer) if region.buffer in order else len(order)

    pending: list[Stmt] = [scope.body]
    while pending:
        current = pending.pop()
        if isinstance(current, BlockRealize):
            if current.block.token in tokens:
                new = with_regions(current.block, known)
                table[current.block] = new.replace(reads=sorted(new.reads, key=place))
        else:
            current.walk(
                lambda each: pending.append(each) if isinstance(each, Stmt) else None,
                lambda _: None,
            )
    return scope.replace(body=replace(scope.body, table))
