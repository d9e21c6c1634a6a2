"""Regions of blocks whose bodies a primitive rewrote: found out again from the new bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir.scalar import Var
from pellucid.tir.analysis.access import detect_access
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.schedule.tree import Spot

# Annotations that list the positions of regions that were written down by hand.
EXPLICIT_READS = "explicit_read_region"
EXPLICIT_WRITES = "explicit_write_region"


def buffers_around(func: PrimFunc, spot: Spot) -> dict[Var, Buffer]:
    """The buffers that are known at a block, by their pointers."""
    found = {buffer.data: buffer for buffer in func.buffer_map.values()}
    for each in [spot, *spot.above()]:
        if not each.is_loop:
            found.update({b.data: b for b in each.block.alloc_buffers})
            found.update({m.buffer.data: m.buffer for m in each.block.match_buffers})
    return found


def with_regions(block: Block, buffers: Mapping[Var, Buffer]) -> Block:
    """The block with its regions found out again.

    Those behind pointers, and those written down by hand, stay as declared.
    """
    reads, writes, opaque = detect_access(block, buffers)
    hidden = set(opaque)
    changes: dict[str, Any] = {}
    annotations = block.annotations
    for field, key, found, declared in (
        ("reads", EXPLICIT_READS, reads, block.reads),
        ("writes", EXPLICIT_WRITES, writes, block.writes),
    ):
        positions: tuple[int, ...] = tuple(annotations.get(key, ()))
        touched = {each.buffer for each in found} | hidden
        by_hand = {declared[k].buffer for k in positions if k < len(declared)} & touched
        merged = _merged(found, declared, hidden | by_hand)
        changes[field] = merged
        if positions:
            kept = [k for k, each in enumerate(merged) if each.buffer in by_hand]
            annotations = annotations.updated({key: kept})
    return block.replace(annotations=annotations, **changes)


def _merged(
    found: list[BufferRegion], declared: tuple[BufferRegion, ...], hidden: set[Buffer]
) -> list[BufferRegion]:
    kept = {each.buffer: each for each in declared if each.buffer in hidden}
    result = [
        kept.pop(each.buffer, each)
        for each in found
        if each.buffer not in hidden or each.buffer in kept
    ]
    return result + list(kept.values())


class BlockRewriter(StmtExprMutator):
    """Rewrites programs; blocks whose content changes get their regions anew.

    Root blocks, which declare nothing, stay without regions.
    """

    def __init__(self, buffers: Mapping[Var, Buffer]) -> None:
        super().__init__()
        self.buffers = dict(buffers)

    def visit_block_(self, block: Block) -> Block:
        """A block with its content rewritten."""
        for buffer in block.alloc_buffers:
            self.buffers[buffer.data] = buffer
        for match in block.match_buffers:
            self.buffers[match.buffer.data] = match.buffer
        new = self.rewritten(block)
        return new if new is block or is_bare(block) else with_regions(new, self.buffers)

    def rewritten(self, block: Block) -> Block:
        """The block with its parts visited, regions left aside."""
        changes: dict[str, Any] = {
            "match_buffers": self.visit_definitions(block.match_buffers),
            "init": None if block.init is None else self.visit(block.init),
            "body": self.visit(block.body),
        }
        if all(changes[key] is getattr(block, key) for key in changes):
            return block
        return block.replace(**changes)

    def visit_definitions(self, matches: tuple[Any, ...]) -> tuple[Any, ...]:
        """The views of a block."""
        new = tuple([self.visit_definition(each) for each in matches])
        return matches if all(a is b for a, b in zip(new, matches, strict=True)) else new


def is_bare(block: Block) -> bool:
    """Whether a block declares no regions because it is the root of a function."""
    return not block.iter_vars and not block.reads and not block.writes
