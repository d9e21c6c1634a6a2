"""Changing the iteration space of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map, inverse_affine_iter_map
from pellucid.arith.iter_map_terms import IterSumExpr
from pellucid.ir.arithmetic import add, cast_to, const, mul
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.reindex import Layout, as_index_map
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.scope import require_no_order
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, Evaluate, For, ForKind, Stmt


class BlockLayoutPrimitives(ScheduleCore):
    """`transform_block_layout`."""

    @primitive
    def transform_block_layout(self, block: BlockRV | str, index_map: Layout) -> None:
        """Let a block iterate over another space: `index_map` of its iteration variables.

            for i in range(16):                    for ax0, ax1 in T.grid(4, 4):
                with T.block("B"):                     with T.block("B"):
                    vi = T.axis.spatial(16, i)  →          v0, v1 = T.axis.remap("SS", [ax0, ax1])
                    B[vi] = A[vi]                          B[v0 * 4 + v1] = A[v0 * 4 + v1]

        for `lambda i: (i // 4, i % 4)`.

            >>> sch = Schedule(elementwise)
            >>> sch.transform_block_layout("B", lambda i, j: (i * 8 + j,))

        Conditions: the block has only data-parallel and reduction variables; it is all that is in
        its loops, which are its variables, one loop each; their bounds do not depend on each other;
        the map is bijective; each result depends on variables of one kind.
        """
        spot = self.block(block)
        name = self.name_of(block)
        old = spot.block
        dtype = str(old.iter_vars[0].var.dtype) if old.iter_vars else "int32"
        layout = self.in_sizes(as_index_map(index_map, len(old.iter_vars), dtype))
        self.note(index_map=layout)
        require_no_order(spot)
        top = require_trivial_nest(spot)
        domains = {v.var: v.dom for v in old.iter_vars if v.dom is not None}
        analyzer = self.analyzer(name)
        final = layout.map_indices([v.var for v in old.iter_vars], analyzer.copy())
        found = detect_iter_map(
            final, domains, check_level=IterMapLevel.BIJECTIVE, analyzer=analyzer
        )
        if found.errors:
            raise Refused(
                "the index map is not bijective on the block's variables",
                spot,
                found=found.errors[0],
            )
        new = _iterating_over(spot, final, found.indices, analyzer)
        self.commit(name, replace(self.tree(name).func.body, {top.node: new}))


def require_trivial_nest(spot: Spot) -> Spot:
    """The outermost loop of a block that is alone in its loops, each of which is a variable."""
    loops = spot.loops()
    inside: Any = spot.node
    for each in reversed(loops):
        if each.loop.body is not inside:
            raise Refused(
                f"the block {spot.name!r} is not all that is in the loop {each.name!r}", each
            )
        inside = each.loop
    values = list(spot.realize.iter_values)
    same = len(values) == len(loops) and all(
        any(value is each.loop.loop_var for value in values) for each in loops
    )
    own = {each.loop.loop_var for each in loops}
    for each in loops if same else []:
        if any(uses_var(e, own.__contains__) for e in (each.loop.min, each.loop.extent)):
            raise Refused(
                f"the bounds of the loop {each.name!r} depend on another loop",
                each,
                found=repr(each.loop.extent),
            )
        position = next(k for k, value in enumerate(values) if value is each.loop.loop_var)
        domain = spot.block.iter_vars[position].dom
        if domain is None or not _same_range(domain, each.loop):
            raise Refused(
                f"the loop {each.name!r} is not the domain of its variable",
                each,
                expected=repr(domain),
            )
    if not same or not is_true(spot.realize.predicate):
        raise Refused(
            f"the variables of the block {spot.name!r} are not its loops",
            spot,
            expected="one loop for each variable, without a predicate",
            found=", ".join(repr(each) for each in values),
        )
    return loops[0] if loops else spot


def _same_range(domain: Range, loop: For) -> bool:
    return structural_equal(domain.min, loop.min) and structural_equal(domain.extent, loop.extent)


def _iterating_over(
    spot: Spot, final: Sequence[PrimExpr], sums: Sequence[IterSumExpr], analyzer: Analyzer
) -> Stmt:
    """The block over the final indices."""
    old = spot.block
    iter_vars: list[IterVar] = []
    loops: list[For] = []
    values: list[PrimExpr] = []
    for axis, (expr, total) in enumerate(zip(final, sums, strict=True)):
        kinds = {v.iter_type for v in old.iter_vars if uses_var(expr, {v.var}.__contains__)}
        if len(kinds) > 1:
            raise Refused(
                "a result of the index map mixes variables of different kinds",
                spot,
                found=repr(expr),
            )
        extent = total.args[0].extent if total.args else const(1, expr.dtype)
        var = Var(f"v{axis}", expr.dtype)
        extent = cast_to(expr.dtype, extent)
        iter_vars.append(
            IterVar(
                Range(min=const(0, expr.dtype), extent=extent), var, kinds.pop() if kinds else 0
            )
        )
        loop_var = Var(f"ax{axis}", expr.dtype)
        loops.append(For(loop_var, const(0, expr.dtype), extent, ForKind.SERIAL, Evaluate(0)))
        values.append(loop_var)
    table = _inverse_of(old, iter_vars, sums, analyzer)
    block = substitute(old.replace(iter_vars=iter_vars), table)
    known = analyzer.copy()
    for each in iter_vars:
        if each.dom is not None:
            known.bind(each.var, each.dom)
    body: Stmt = BlockRealize(values, const(True), _SimplifiedIndices(known).visit(block))
    for each in reversed(loops):
        body = each.replace(body=body)
    return body


def _inverse_of(
    old: Block, iter_vars: Sequence[IterVar], sums: Sequence[IterSumExpr], analyzer: Analyzer
) -> dict[Var, PrimExpr]:
    """The old variables in terms of the new ones."""
    known = analyzer.copy()
    outputs: list[PrimExpr] = []
    for each, total in zip(iter_vars, sums, strict=True):
        if each.dom is not None:
            known.bind(each.var, each.dom)
        outputs.append(
            add(mul(each.var, total.args[0].scale), total.base) if total.args else each.var
        )
    inverse = inverse_affine_iter_map(sums, outputs, known)
    return {
        v.var: cast_to(v.var.dtype, inverse.get(v.var, v.dom.min))
        for v in old.iter_vars
        if v.dom is not None
    }


class _SimplifiedIndices(StmtExprMutator):
    """Simplifies the indices of accesses."""

    def __init__(self, analyzer: Analyzer) -> None:
        super().__init__()
        self.analyzer = analyzer

    def visit_range_(self, values: Range) -> Range:
        """A dimension of a region."""
        low = self.analyzer.simplify(values.min)
        return values if low is values.min else Range(min=low, extent=values.extent)

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load."""
        new: BufferLoad = self.visit_default(load)
        return new.replace(indices=[self.analyzer.simplify(each) for each in new.indices])

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store."""
        new: BufferStore = self.visit_default(store)
        return new.replace(indices=[self.analyzer.simplify(each) for each in new.indices])
