"""What a step changed, for marking it in the script."""

from __future__ import annotations

from typing import Any

from pellucid.ir.structural import structural_equal
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import Evaluate, For


def changed_parts(old: PrimFunc, new: PrimFunc) -> list[Any]:
    """The loops and blocks of `new` that are not in `old`, or differ in more than what is inside
    them.
    """
    before, after = Tree(old), Tree(new)
    found: list[Any] = []
    for spot in after.everything():
        if isinstance(spot.node, For):
            other = before.loops.get(spot.node.loop_var)
            same = other is not None and _same_loop(other.loop, spot.node)
        else:
            other = before.blocks.get(spot.block.token)
            same = other is not None and _same_block(other, spot)
        if not same:
            found.append(spot.node)
    return found


def _same_loop(a: For, b: For) -> bool:
    nothing = Evaluate(0)
    return structural_equal(a.replace(body=nothing), b.replace(body=nothing))


def _same_block(a: Spot, b: Spot) -> bool:
    """Whether two blocks agree, apart from the loops and blocks inside."""
    if a.node is b.node:
        return True
    inner = bool(a.children or b.children)
    return structural_equal(_bare(a.realize, inner), _bare(b.realize, inner), map_free_vars=True)


def _bare(realize: BlockRealize, inner: bool) -> BlockRealize:
    if not inner:
        return realize
    block: Block = realize.block
    return realize.replace(block=block.replace(body=Evaluate(0)))
