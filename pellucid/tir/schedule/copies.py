"""Blocks that copy one buffer into another, and accesses led to a copy.

In: a region of a buffer. Out: a buffer for a copy of it, loops and a block that copy, and the
program with some accesses going to the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet
from pellucid.ir.arithmetic import add, cast_to, const, ge, logical_and, lt, maximum, sub
from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, IterVar, Range, Var
from pellucid.ir.visitor import pre_order
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, decl_buffer
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockToken
from pellucid.tir.schedule.solve import clipped_range
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, Evaluate, For, ForKind, Stmt

SCOPES = ("global", "local", "shared", "warp", "wmma", "metal", "texture")


def require_scope(scope: str) -> str:
    """The storage scope, checked."""
    head = scope.split(".", maxsplit=1)[0]
    if head not in SCOPES:
        raise Refused(
            f"there is no storage scope {scope!r}",
            expected=", ".join(SCOPES) + ", with a suffix after a dot",
        )
    return scope


def scope_suffix(scope: str) -> str:
    """The storage scope as part of a name."""
    return scope.replace(".", "_")


def buffer_at(spot: Spot, index: Any, regions: Sequence[BufferRegion], what: str) -> Buffer:
    """The buffer that an index (or a name) picks from what a block reads or writes."""
    if isinstance(index, str):
        named = [each.buffer for each in regions if each.buffer.name == index]
        if named:
            return named[0]
    elif isinstance(index, Buffer):
        if any(each.buffer is index for each in regions):
            return index
    elif isinstance(index, int) and 0 <= index < len(regions):
        return regions[index].buffer
    names = ", ".join(f"{k}: {each.buffer.name}" for k, each in enumerate(regions))
    raise Refused(
        f"the block {spot.name!r} {what}s no buffer {index!r}", spot, expected=names or "none"
    )


@dataclass
class Part:
    """A part of a buffer: begin and extent in each dimension, and a condition where it may leave
    the buffer.
    """

    begin: list[PrimExpr]
    extent: list[PrimExpr]
    guarded: list[bool]

    def is_all_of(self, buffer: Buffer, analyzer: Analyzer) -> bool:
        """Whether it is the whole buffer."""
        return all(
            isinstance(low, IntImm) and low.value == 0 and analyzer.can_prove_equal(extent, whole)
            for low, extent, whole in zip(self.begin, self.extent, buffer.shape, strict=True)
        )


def part_of(buffer: Buffer, sets: Sequence[IntSet], analyzer: Analyzer) -> Part:
    """The part of a buffer that some sets of indices span."""
    part = Part([], [], [])
    for values, extent in zip(sets, buffer.shape, strict=True):
        domain = Range(min=const(0, extent.dtype), extent=extent)
        low, length, guarded = clipped_range(values, domain, analyzer)
        # What a condition keeps from being touched may leave less than nothing.
        if not analyzer.can_prove_greater_equal(length, 0):
            length = analyzer.simplify(maximum(length, const(0, length.dtype)))
        part.begin.append(low)
        part.extent.append(length)
        part.guarded.append(guarded)
    return part


def copy_nest(
    name: str, part: Part, whole: Sequence[PrimExpr], store: Callable[[list[Var]], BufferStore]
) -> tuple[Stmt, BlockToken]:
    """Loops over a part and a block that stores one element.

    The block's variables range over `whole`, the shape of the space that the part belongs to;
    `store` makes the store from them.
    """
    loops: list[For] = []
    values: list[PrimExpr] = []
    predicate: PrimExpr = const(True)
    iter_vars: list[IterVar] = []
    for axis, (low, extent, guarded) in enumerate(
        zip(part.begin, part.extent, part.guarded, strict=True)
    ):
        # Constant shapes are of any width, what loops compute of theirs.
        dtype = max(whole[axis].dtype, low.dtype, key=lambda each: each.bits)
        var = Var(f"ax{axis}", dtype)
        loops.append(For(var, const(0, dtype), _as(extent, dtype), ForKind.SERIAL, _NOTHING))
        value = add(_as(low, dtype), var)
        values.append(value)
        if guarded:
            inside = logical_and(ge(value, const(0, dtype)), lt(value, whole[axis]))
            predicate = logical_and(predicate, inside)
        domain = Range(min=const(0, dtype), extent=_as(whole[axis], dtype))
        iter_vars.append(IterVar(domain, Var(f"v{axis}", dtype), IterVar.DataPar))
    body = store([each.var for each in iter_vars])
    loads = [each for each in pre_order(body.value) if isinstance(each, BufferLoad)]
    token = BlockToken()
    block = Block(
        iter_vars, loads[:1], [BufferLoad(body.buffer, body.indices)], name, body, token=token
    )
    result: Stmt = BlockRealize(values, predicate, block)
    for loop in reversed(loops):
        result = loop.replace(body=result)
    return result, token


def _as(expr: PrimExpr, dtype: Any) -> PrimExpr:
    return const(expr.value, dtype) if isinstance(expr, IntImm) else cast_to(dtype, expr)


_NOTHING = Evaluate(0)


def cache_buffer(buffer: Buffer, shape: Sequence[PrimExpr], scope: str, name: str) -> Buffer:
    """A buffer for a copy."""
    return decl_buffer(shape, buffer.dtype, name, scope=scope)


class Redirect(StmtExprMutator):
    """Leads accesses to a buffer to another one, at other indices."""

    def __init__(
        self, old: Buffer, new: Buffer, move: Callable[[Sequence[PrimExpr]], list[PrimExpr]]
    ) -> None:
        super().__init__()
        self.old = old
        self.new = new
        self.move = move

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load."""
        found: BufferLoad = self.visit_default(load)
        if found.buffer is not self.old:
            return found
        return BufferLoad(self.new, self.move(found.indices), found.predicate)

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store."""
        found: BufferStore = self.visit_default(store)
        if found.buffer is not self.old:
            return found
        return found.replace(buffer=self.new, indices=self.move(found.indices))

    def visit_buffer_region_(self, region: BufferRegion) -> BufferRegion:
        """A region, moved by its begin."""
        found: BufferRegion = self.visit_default(region)
        if found.buffer is not self.old:
            return found
        begin = self.move([each.min for each in found.region])
        extents = [each.extent for each in found.region]
        if len(begin) != len(extents):
            # A copy of another rank is accessed at single elements.
            extents = [const(1, each.dtype) for each in begin]
        ranges = [Range(min=a, extent=b) for a, b in zip(begin, extents, strict=True)]
        return BufferRegion(self.new, ranges)


def moved_by(begin: Sequence[PrimExpr]) -> Callable[[Sequence[PrimExpr]], list[PrimExpr]]:
    """Indices relative to a begin."""
    analyzer = Analyzer()

    def move(indices: Sequence[PrimExpr]) -> list[PrimExpr]:
        return [
            index
            if isinstance(low, IntImm) and low.value == 0
            else analyzer.simplify(sub(index, low))
            for index, low in zip(indices, begin, strict=True)
        ]

    return move


def require_plain_access(node: Node, buffer: Buffer, spot: Spot) -> None:
    """Refuse a buffer that is used through its pointer or a view, or handed to a call.

    `node` must not hold the buffer's definition.
    """
    for each in pre_order(node):
        if each is buffer.data:
            raise Refused(f"the buffer {buffer.name!r} is used through its pointer", spot)
        if isinstance(each, MatchBufferRegion) and each.source.buffer is buffer:
            raise Refused(f"the buffer {buffer.name!r} has views", spot)
        if isinstance(each, Call) and _takes_buffer(each, buffer):
            raise Refused(f"the buffer {buffer.name!r} is handed to a call", spot)


def _takes_buffer(call: Call, buffer: Buffer) -> bool:
    address = isinstance(call.op, Op) and call.op.name == "tir.address_of"
    return any(
        arg is buffer
        or (isinstance(arg, BufferRegion) and arg.buffer is buffer)
        or (address and isinstance(arg, BufferLoad) and arg.buffer is buffer)
        for arg in call.args
    )
