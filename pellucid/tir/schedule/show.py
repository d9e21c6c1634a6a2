"""What a step changed, for marking it in the script."""

from __future__ import annotations

from typing import Any

from pellucid.ir.structural import structural_equal
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import Evaluate, For, SeqStmt, Stmt


def changed_parts(old: PrimFunc, new: PrimFunc) -> list[Any]:
    """The loops and blocks of `new` that are not in `old`, or differ in more than what is inside
    them; of a block in which only statements differ, these statements.
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
            inside = [] if same or other is None else _statements(other, spot)
            if inside:
                found.extend(inside)
                continue
        if not same:
            found.append(spot.node)
    return found


def gone_parts(old: PrimFunc, new: PrimFunc) -> list[str]:
    """The loops and blocks of `old` that are not in `new`, in words."""
    before, after = Tree(old), Tree(new)
    return [
        f"{'loop' if spot.is_loop else 'block'} {spot.name!r}"
        for spot in before.everything()
        if (
            spot.loop.loop_var not in after.loops
            if spot.is_loop
            else spot.block.token not in after.blocks
        )
    ]


def _statements(old: Spot, new: Spot) -> list[Any]:
    """What differs in the body of a block that is the same otherwise; nothing where more does."""
    if old.children or new.children:
        return []
    bare = [each.realize.replace(block=_without_body(each.block)) for each in (old, new)]
    if not structural_equal(bare[0], bare[1], map_free_vars=True):
        return []
    pairs = [(old.block.body, new.block.body)]
    if old.block.init is not None and new.block.init is not None:
        pairs.append((old.block.init, new.block.init))
    return [each for a, b in pairs for each in _differing(a, b)]


def _without_body(block: Block) -> Block:
    """What a block is beside its statements, and the regions that follow from them."""
    init = None if block.init is None else Evaluate(0)
    return block.replace(body=Evaluate(0), init=init, reads=(), writes=())


def _differing(old: Stmt, new: Stmt) -> list[Any]:
    """The smallest statements of `new` that differ from those of `old`."""
    if structural_equal(old, new, map_free_vars=True):
        return []
    if isinstance(old, SeqStmt) and isinstance(new, SeqStmt) and len(old.seq) == len(new.seq):
        return [e for a, b in zip(old.seq, new.seq, strict=True) for e in _differing(a, b)]
    return [new]


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
