"""The anchor block of a function: the one that does most of the work."""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IterVar
from pellucid.ir.visitor import Visitor
from pellucid.support.errors import UnsupportedError
from pellucid.tir.analysis.cost import estimate_tir_flops
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For


class _Blocks(Visitor):
    """Collects the blocks below the root, with the loops around each."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[For] = []
        self.found: list[tuple[Block, list[For]]] = []

    def visit_for_(self, loop: For) -> None:
        """A loop."""
        self.loops.append(loop)
        self.visit(loop.body)
        self.loops.pop()

    def visit_block_realize_(self, realize: BlockRealize) -> None:
        """A block; those inside of it belong to it, unless it is a root."""
        if not realize.block.iter_vars:
            self.visit(realize.block.body)
        else:
            self.found.append((realize.block, list(self.loops)))


def _work(block: Block, loops: list[For]) -> float:
    body = block.body
    for loop in reversed(loops):
        body = For(loop.loop_var, loop.min, loop.extent, "serial", body)
    return estimate_tir_flops(body)


def find_anchor_block(mod: IRModule | PrimFunc) -> Block | None:
    """The reduction block with most operations; without one, the block with most. None if none.

    Where the work cannot be counted (symbolic sizes), a block's number of reduction axes decides.
    """
    funcs = (
        [mod] if isinstance(mod, PrimFunc) else [f for f in mod.values() if isinstance(f, PrimFunc)]
    )
    found: list[tuple[bool, float, Block]] = []
    for func in funcs:
        blocks = _Blocks()
        blocks.visit(func.body)
        for block, loops in blocks.found:
            reductions = [v for v in block.iter_vars if v.iter_type == IterVar.CommReduce]
            try:
                work = _work(block, loops)
            except UnsupportedError:
                work = float(len(reductions))
            found.append((bool(reductions), work, block))
    if not found:
        return None
    return max(found, key=lambda each: each[:2])[2]
