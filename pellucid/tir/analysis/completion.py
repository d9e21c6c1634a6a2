"""Completing a function as it was written: reads and writes of blocks, and the root block.

In: a function whose blocks may say, by the annotation `DETECT_ACCESS`, that their reads (bit 1) or
writes (bit 2) were not written down. Out: the function with these regions inferred, the annotation
gone, and a root block around the body where there is need of one.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import const
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import Mutator, pre_order
from pellucid.support.errors import WellFormedError
from pellucid.tir.analysis.access import detect_access
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Stmt

DETECT_ACCESS = "tir.script_parsing_detect_access"
READS_MISSING = 1
WRITES_MISSING = 2


class OpaqueAccessError(WellFormedError):
    """A block accesses a buffer through a pointer, so that its regions have to be written down."""


class _Completer(Mutator):
    """Infers what is missing, inner blocks first."""

    def __init__(self, buffers: dict[Var, Buffer]) -> None:
        super().__init__()
        self.buffers = buffers

    def visit_block_(self, block: Block) -> Block:
        """Complete one block."""
        for buffer in block.alloc_buffers:
            self.buffers[buffer.data] = buffer
        for match in block.match_buffers:
            self.buffers[match.buffer.data] = match.buffer
        new: Block = self.visit_default(block)
        missing = new.annotations.get(DETECT_ACCESS)
        if missing is None:
            return new
        changes: dict[str, Any] = {"annotations": new.annotations.without(DETECT_ACCESS)}
        mask = int(missing)
        reads, writes, opaque = detect_access(new, self.buffers)
        if mask & READS_MISSING:
            changes["reads"] = reads
        if mask & WRITES_MISSING:
            changes["writes"] = writes
        _require_declared(new, mask, opaque)
        return new.replace(**changes)


def _require_declared(block: Block, missing: int, opaque: list[Buffer]) -> None:
    """Buffers behind pointers have to stand in the regions that were written down."""
    written_down: tuple[BufferRegion, ...] = ()
    if not missing & READS_MISSING:
        written_down += block.reads
    if not missing & WRITES_MISSING:
        written_down += block.writes
    for buffer in opaque:
        if any(each.buffer is buffer for each in written_down):
            continue
        raise OpaqueAccessError(
            f"What the block {block.name_hint!r} accesses of {buffer.name!r} cannot be inferred: "
            "it is reached through a pointer.",
            place=block.span,
            cure=f"write T.reads(...) and T.writes(...) with the region of {buffer.name!r}",
        )


def needs_root(body: Stmt) -> bool:
    """Whether a function's body has blocks but no root block."""
    if isinstance(body, BlockRealize):
        return bool(body.block.iter_vars)
    return any(isinstance(each, Block) for each in pre_order(body))


def root_block(body: Stmt, alloc_buffers: tuple[Buffer, ...] = ()) -> BlockRealize:
    """The root block around `body`."""
    block = Block((), (), (), "root", body, alloc_buffers=alloc_buffers)
    return BlockRealize((), const(True), block)


def complete(func: PrimFunc, alloc_buffers: tuple[Buffer, ...] = ()) -> PrimFunc:
    """The function with missing regions inferred and a root block where it needs one.

    `alloc_buffers` are buffers that the function allocates outside of any block: they go to the
    root block. A function without blocks gets none, unless it allocates. The very same object when
    nothing is missing.
    """
    body = func.body
    if alloc_buffers or needs_root(body):
        body = root_block(body, tuple(alloc_buffers))
    table = {buffer.data: buffer for buffer in func.buffer_map.values()}
    return func.with_body(_Completer(table).visit(body))
