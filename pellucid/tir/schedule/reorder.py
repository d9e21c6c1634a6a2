"""Changing the order of loops, and of a block's iteration variables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import const
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import outside_analyzer
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.independence import require_finished, require_same_iteration
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.scope import (
    is_affine,
    moves_reduction,
    require_no_order,
    require_no_repetition,
)
from pellucid.tir.schedule.split_fuse import require_directly_inside
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import For, ForKind


class ReorderPrimitives(ScheduleCore):
    """`reorder`, `reorder_block_iter_var` and `add_unit_loop`."""

    @primitive
    def reorder(self, *ordered_loops: LoopRV) -> None:
        """Put nested loops into the given order, from the outside in.

            for i, j, k in T.grid(4, 8, 2):            for k, j, i in T.grid(2, 8, 4):
                with T.block("B"):              →          with T.block("B"):

        Loops of the nest that are not given keep their positions. With less than two loops nothing
        happens.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> sch.reorder(k, j, i)

        Conditions: no loop is given twice; all are in one nest, with nothing beside them from the
        outermost to the innermost; blocks below have only data-parallel and reduction variables,
        with affine bindings, and reductions are not repeated by a loop; bounds do not depend on a
        loop that would come further in; where there are several blocks, they use of each other only
        what the same iteration wrote, and no sums that the loops carry on.
        """
        if len(ordered_loops) < 2:
            return
        spots = [self.loop(each) for each in ordered_loops]
        name = self.name_of(ordered_loops[0])
        chain = _chain(spots)
        self._require_movable(chain, self.analyzer(name))
        places = [k for k, each in enumerate(chain) if each in spots]
        order = list(chain)
        for place, spot in zip(places, spots, strict=True):
            order[place] = spot
        _require_bounds(chain, order)
        body = chain[-1].loop.body
        for each in reversed(order):
            body = each.loop.replace(body=body)
        self.commit(name, replace(self.tree(name).func.body, {chain[0].loop: body}))

    def _require_movable(self, chain: Sequence[Spot], analyzer: Analyzer) -> None:
        blocks = chain[-1].blocks()
        known = outside_analyzer(analyzer, chain[0])
        for each in blocks:
            require_no_order(each)
            if not is_affine(each, chain[0], known):
                raise Refused(
                    f"the bindings of the block {each.name!r} are not affine in the loops to be "
                    "reordered",
                    each,
                    expected="sums of digits of the loop variables, each used once",
                    found=", ".join(repr(value) for value in each.realize.iter_values),
                )
            if any(moves_reduction(each, loop) for loop in chain):
                require_no_repetition(each, chain)
        if len(blocks) > 1:
            require_finished(blocks, chain)
            require_same_iteration(chain[-1], blocks, outside_analyzer(analyzer, chain[-1]))

    @primitive
    def reorder_block_iter_var(self, block: BlockRV | str, new_order: Sequence[int]) -> None:
        """Put the iteration variables of a block into another order.

            vi, vj = T.axis.remap("SS", [i, j])   →   vj, vi = T.axis.remap("SS", [j, i])

        for `new_order=[1, 0]`.

            >>> sch = Schedule(elementwise)
            >>> sch.reorder_block_iter_var("B", [1, 0])

        Conditions: `new_order` has each position once.
        """
        spot = self.block(block)
        name = self.name_of(block)
        count = len(spot.block.iter_vars)
        order = list(new_order)
        if sorted(order) != list(range(count)):
            raise Refused(
                "the new order is no permutation of the block's iteration variables",
                spot,
                expected=f"each of 0 to {count - 1} once",
                found=repr(order),
            )
        realize = spot.realize
        new = realize.replace(
            iter_values=[realize.iter_values[k] for k in order],
            block=realize.block.replace(iter_vars=[realize.block.iter_vars[k] for k in order]),
        )
        self.commit(name, replace(self.tree(name).func.body, {realize: new}))

    @primitive
    def add_unit_loop(self, block_or_loop: BlockRV | LoopRV | str) -> LoopRV:
        """Put a loop of one iteration around a block or loop.

            with T.block("B"):            →    for u in range(1):
                                                   with T.block("B"):

            >>> sch = Schedule(elementwise)
            >>> u = sch.add_unit_loop("B")

        Conditions: a block is not the root block.
        """
        spot = self.spot(block_or_loop)
        name = self.name_of(block_or_loop)
        if spot.parent is None:
            raise Refused(f"the block {spot.name!r} is the root block", spot)
        loops = [*spot.loops(), *([spot] if spot.is_loop else [])]
        var = Var("u", loops[-1].loop.loop_var.dtype if loops else "int32")
        zero, one = const(0, var.dtype), const(1, var.dtype)
        new = For(var, zero, one, ForKind.SERIAL, spot.node)
        self.commit(name, replace(self.tree(name).func.body, {spot.node: new}))
        return self.new_loop(name, var)


def _chain(spots: Sequence[Spot]) -> list[Spot]:
    """The nest from the outermost to the innermost of the loops."""
    for position, each in enumerate(spots):
        if each in spots[:position]:
            raise Refused(f"the loop {each.name!r} is given twice", each)
    bottom = max(spots, key=lambda each: each.depth())
    chain = [bottom, *[each for each in bottom.above() if each.is_loop]]
    found: list[Spot] = []
    for each in [bottom, *bottom.above()]:
        if not each.is_loop:
            break
        found.append(each)
        if all(other in found for other in spots):
            break
    missing = [each for each in spots if each not in found]
    if missing:
        raise Refused(
            f"the loops {missing[0].name!r} and {bottom.name!r} are not in one nest",
            missing[0],
            bottom,
            found="one is not inside the other" if missing[0] not in chain else "a block between",
        )
    found.reverse()
    for outer, inner in pairwise(found):
        require_directly_inside(outer, inner)
    return found


def _require_bounds(chain: Sequence[Spot], order: Sequence[Spot]) -> None:
    """Refuse where a bound would depend on a loop further in."""
    own = {each.loop.loop_var for each in chain}
    above: set[Var] = set()
    for each in order:
        loop: For = each.loop
        for bound in (loop.min, loop.extent):
            needed = own - above
            if uses_var(bound, needed.__contains__):
                raise Refused(
                    f"the bounds of the loop {each.name!r} depend on a loop that would be inside",
                    each,
                    found=repr(bound),
                )
        above.add(loop.loop_var)
