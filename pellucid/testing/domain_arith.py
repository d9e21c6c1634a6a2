"""Proof that two versions of a function run the same block instances, by sums of digits.

In: the domains of both versions. Out: nothing, or an `UnprovedError` that says what does not hold.
Covers functions in which every block has a nest of loops to itself, the nests in the same order in
both versions. Each block's bindings must be digits of its loops which together run through its
domain once (`detect_iter_map`), and its instances independent: those of different data-parallel
variables write different elements, and nothing is read that the block writes, but for the terms of
a known reduction. The initial instance of a reduction comes first since digits grow with loops.
"""

from __future__ import annotations

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.arith.iter_map_terms import IterSumExpr
from pellucid.ir.arithmetic import logical_and, mul
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import pre_order, uses_var
from pellucid.testing.domains import Domains, Leaf, UnprovedError
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.reducers import find_reduction
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.stmt import BufferStore, For, ForKind

UNORDERED = (ForKind.PARALLEL, ForKind.VECTORIZED, ForKind.THREAD_BINDING)


def require_same_instances(before: Domains, after: Domains) -> None:
    """Refuse unless both versions run the same instances in a compatible order."""
    if list(before.leaves) != list(after.leaves):
        raise UnprovedError("the blocks are in another order")
    for domains in (before, after):
        _require_own_nests(domains)
        for leaf in domains.leaves.values():
            _require_whole_domain(leaf, _analyzer(domains))
    for leaf in before.leaves.values():
        _require_independent(leaf)


def _analyzer(domains: Domains) -> Analyzer:
    """An analyzer that knows that symbolic sizes are not negative."""
    known = Analyzer()
    for buffer in domains.func.buffer_map.values():
        for each in buffer.shape:
            if isinstance(each, Var):
                known.mark_global_non_neg_value(each)
    return known


def _require_own_nests(domains: Domains) -> None:
    """Refuse where a loop is around several blocks."""
    seen: set[Var] = set()
    for leaf in domains.leaves.values():
        own = {loop.loop_var for loop in leaf.loops}
        if own & seen:
            raise UnprovedError("a loop is around several blocks")
        seen |= own


def _require_whole_domain(leaf: Leaf, known: Analyzer) -> None:
    """Refuse unless the loops run through the block's domain, each point once."""
    name = leaf.block.name_hint
    condition: PrimExpr = IntImm("bool", 1)
    for each in leaf.conditions:
        condition = logical_and(condition, each)
    ranges = {loop.loop_var: Range(min=loop.min, extent=loop.extent) for loop in leaf.loops}
    found = detect_iter_map(leaf.values, ranges, condition, IterMapLevel.BIJECTIVE, analyzer=known)
    if found.errors:
        raise UnprovedError(f"the bindings of the block {name!r} are no digits of its loops")
    for iter_var, index in zip(leaf.iters, found.indices, strict=True):
        if not _covers(index, iter_var, known):
            raise UnprovedError(f"the block {name!r} does not run through its whole domain")
    for iter_var, value in zip(leaf.iters, leaf.values, strict=True):
        _require_ordered(leaf, iter_var, value)


def _covers(index: IterSumExpr, iter_var: IterVar, known: Analyzer) -> bool:
    """Whether a sum of digits is `domain.min, …, domain.min + extent - 1`, without gaps."""
    domain = iter_var.dom
    if domain is None or not known.can_prove_equal(index.base, domain.min):
        return False
    # The digits from the lowest: each step is what those before it reach.
    extent: PrimExpr = IntImm(domain.extent.dtype, 1)
    for split in reversed(index.args):
        if not known.can_prove_equal(split.scale, extent):
            return False
        extent = known.simplify(mul(extent, split.extent))
    return known.can_prove_equal(extent, domain.extent)


def _require_ordered(leaf: Leaf, iter_var: IterVar, value: PrimExpr) -> None:
    """Refuse a loop without order that moves what is not data-parallel."""
    if iter_var.iter_type == IterVar.DataPar:
        return
    moved: set[Var] = {loop.loop_var for loop in leaf.loops if loop.kind in UNORDERED}
    if uses_var(value, moved.__contains__):
        raise UnprovedError(f"a loop without order moves a reduction of {leaf.block.name_hint!r}")


def _require_independent(leaf: Leaf) -> None:
    """Refuse unless the order of the block's instances does not matter, but for the first of each
    reduction.
    """
    block = leaf.block
    name = block.name_hint
    kinds = {each.iter_type for each in leaf.iters}
    if kinds - {IterVar.DataPar, IterVar.CommReduce}:
        raise UnprovedError(f"the block {name!r} has variables with an order")
    stores = [each for each in pre_order(block.body) if isinstance(each, BufferStore)]
    written = {each.buffer for each in stores}
    parallel = {each.var for each in leaf.iters if each.iter_type == IterVar.DataPar}
    for store in stores:
        if not parallel <= set(store.indices) or _mentions(store, leaf, parallel):
            raise UnprovedError(f"instances of the block {name!r} may write the same elements")
    if IterVar.CommReduce in kinds:
        try:
            find_reduction(block.body)
        except Refused as reason:
            raise UnprovedError(f"the block {name!r}: {reason.message}") from None
        return
    if block.init is not None or written & _read(leaf):
        raise UnprovedError(f"the block {name!r} reads what it writes")
    if any(isinstance(each, For) for each in pre_order(block.body)):
        raise UnprovedError(f"the block {name!r} has loops inside")


def _mentions(store: BufferStore, leaf: Leaf, parallel: set[Var]) -> bool:
    """Whether a reduction variable is in the indices of a store."""
    reduced = {each.var for each in leaf.iters} - parallel
    return any(uses_var(index, reduced.__contains__) for index in store.indices)


def _read(leaf: Leaf) -> set[Buffer]:
    return {each.buffer for each in pre_order(leaf.block.body) if isinstance(each, BufferLoad)}
