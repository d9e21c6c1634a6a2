"""ConvertBlocksToOpaque: blocks lose their iteration variables.

Before: blocks with bindings. After: every block is opaque (no iteration variables), its body
written in terms of the loop variables. A binding that reads memory is evaluated once, in a
`LetStmt` around the body; the regions that depended on it become the whole buffer.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import cast_to
from pellucid.ir.scalar import Var
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import BufferLoad, BufferRegion, full_region
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import LetStmt
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder
from pellucid.tir.transform.passes import stage


class _ToOpaque(Folder):
    def visit_block_realize_(self, node: Any) -> Any:
        """Substitute the bindings into the block."""
        predicate = self.visit(node.predicate)
        block = node.block
        values = [self.visit(value) for value in node.iter_values]
        kept: list[tuple[Var, Any]] = []
        for each, value in zip(block.iter_vars, values, strict=True):
            bound = cast_to(each.var.dtype, value)
            if any(isinstance(part, BufferLoad) for part in pre_order(bound)):
                kept.append((each.var, bound))
            else:
                self.replaced[each.var] = bound
        if block.iter_vars:
            block = block.replace(iter_vars=())
        block = self.visit(block)
        if kept:
            block = _with_lets(block, kept)
        if block is node.block and predicate is node.predicate:
            return node
        return BlockRealize((), predicate, block, span=node.span)


def _with_lets(block: Block, kept: list[tuple[Var, Any]]) -> Block:
    hidden = {var for var, _ in kept}

    def widened(region: BufferRegion) -> BufferRegion:
        return full_region(region.buffer) if uses_var(region, hidden.__contains__) else region

    body = block.body
    for var, value in reversed(kept):
        body = LetStmt(var, value, body)
    return block.replace(
        reads=[widened(each) for each in block.reads],
        writes=[widened(each) for each in block.writes],
        body=body,
    )


def convert_blocks_to_opaque(func: PrimFunc) -> PrimFunc:
    """The function with opaque blocks only."""
    return func.with_body(_ToOpaque().visit(func.body))


def verify_opaque_blocks(func: PrimFunc) -> None:
    """No block has iteration variables."""
    forbid(
        func,
        "ConvertBlocksToOpaque",
        "block with iteration variables",
        lambda node: isinstance(node, Block) and bool(node.iter_vars),
    )


def ConvertBlocksToOpaque() -> Pass:
    """The pass that substitutes block variables."""
    return stage("ConvertBlocksToOpaque", convert_blocks_to_opaque, verify_opaque_blocks)
