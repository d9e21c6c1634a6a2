"""Tensor intrinsics made for a block: what it computes, on buffers of its size.

In: a block whose loops are inside of it, as `blockize` makes them. Out: the name of an intrinsic
whose description is the block's body with each buffer replaced by the part that the block uses, and
whose implementation does the same in loops of another kind.
"""

from __future__ import annotations

import random
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import const, sub
from pellucid.ir.node import Map
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import Mutator, pre_order, uses_var
from pellucid.testing.strategies.schedule_picks import number
from pellucid.tir.analysis.free_vars import undefined_vars
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer, full_region
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule import TensorIntrin
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt
from pellucid.tir.stmt_functor import renew_defs


def intrinsic_for(block: Block, rng: random.Random) -> str | None:
    """The name of an intrinsic for a block; None where its buffers' parts have no fixed size."""
    if block.match_buffers or block.alloc_buffers:
        return None
    regions: dict[Buffer, BufferRegion] = {}
    for each in (*block.writes, *block.reads):
        regions.setdefault(each.buffer, each)
    accesses = [e for e in pre_order(block.body) if isinstance(e, BufferLoad | BufferStore)]
    used = list(dict.fromkeys(each.buffer for each in accesses))
    parts: dict[Buffer, tuple[Buffer, list[PrimExpr]]] = {}
    for buffer in used:
        part = _part(buffer, regions.get(buffer))
        if part is None:
            return None
        parts[buffer] = part
    body = _Moved(parts).visit(block.body)
    own = {v.var for v in block.iter_vars}
    if uses_var(body, own.__contains__):
        return None
    written = {each.buffer for each in block.writes}
    loops = {each.loop_var for each in pre_order(body) if isinstance(each, For)}
    extents = [each.extent for each in pre_order(body) if isinstance(each, For)]
    if any(uses_var(each, lambda var: var not in loops) for each in extents):
        return None
    desc = _function(body, parts, written)
    if undefined_vars(desc):
        return None
    impl = _function(_OtherKind(rng).visit(renew_defs(body)), parts, written)
    name = f"law.made_{rng.randrange(10**9)}"
    TensorIntrin.register(name, desc, renew_defs(impl), override=True)
    return name


def _part(buffer: Buffer, region: BufferRegion | None) -> tuple[Buffer, list[PrimExpr]] | None:
    """A buffer for the part that a region is, and where the part begins."""
    if region is None:
        return None
    extents = [number(each.extent) for each in region.region]
    known = [each for each in extents if each is not None]
    if len(known) != len(extents):
        return None
    shape = [const(each, "int32") for each in known]
    return decl_buffer(shape, buffer.dtype, buffer.name), [each.min for each in region.region]


class _Moved(StmtExprMutator):
    """Leads accesses to the parts."""

    def __init__(self, parts: dict[Buffer, tuple[Buffer, list[PrimExpr]]]) -> None:
        super().__init__()
        self.parts = parts
        self.analyzer = Analyzer()

    def indices(self, buffer: Buffer, indices: tuple[PrimExpr, ...]) -> list[PrimExpr]:
        """Indices relative to a part's begin."""
        begin = self.parts[buffer][1]
        return [
            self.visit(self.analyzer.simplify(sub(a, b)))
            for a, b in zip(indices, begin, strict=True)
        ]

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load."""
        return BufferLoad(self.parts[load.buffer][0], self.indices(load.buffer, load.indices))

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store."""
        target = self.parts[store.buffer][0]
        value = self.visit(store.value)
        return BufferStore(target, value, self.indices(store.buffer, store.indices))

    def visit_buffer_region_(self, region: BufferRegion) -> BufferRegion:
        """A region."""
        begin = self.indices(region.buffer, tuple([each.min for each in region.region]))
        ranges = [each.replace(min=a) for a, each in zip(begin, region.region, strict=True)]
        return BufferRegion(self.parts[region.buffer][0], ranges)


class _OtherKind(Mutator):
    """Unrolls some loops."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng

    def visit_for_(self, loop: For) -> Stmt:
        """A loop."""
        new: For = self.visit_default(loop)
        serial = new.kind is ForKind.SERIAL and self.rng.random() < 0.5
        return new.replace(kind=ForKind.UNROLLED) if serial else new


def _function(
    body: Stmt, parts: dict[Buffer, tuple[Buffer, list[PrimExpr]]], written: set[Buffer]
) -> PrimFunc:
    buffers = [each for each, _ in parts.values()]
    results = [parts[each][0] for each in parts if each in written]
    root = Block(
        (),
        [full_region(each) for each in buffers],
        [full_region(each) for each in results],
        "root",
        body,
    )
    params = [Var(each.name, "handle") for each in buffers]
    table: dict[Any, Any] = dict(zip(params, buffers, strict=True))
    return PrimFunc(params, BlockRealize((), const(True), root), buffer_map=Map(table))
