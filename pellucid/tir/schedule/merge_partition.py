"""Merging loops that stand one after another, and partitioning a loop into several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import add, const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Var
from pellucid.ir.visitor import Mutator, substitute
from pellucid.tir.block import Block
from pellucid.tir.schedule.bindings import substitute_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import common_place, outside_analyzer
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.independence import moves_with, require_finished, require_same_iteration
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import LoopRV
from pellucid.tir.schedule.scope import writes
from pellucid.tir.schedule.split_fuse import require_directly_inside, require_plain
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import For, SeqStmt, Stmt, seq
from pellucid.tir.stmt_functor import renew_defs


class MergePartitionPrimitives(ScheduleCore):
    """`merge` and `loop_partition`."""

    @primitive
    def merge(self, *loops: LoopRV) -> LoopRV:
        """Merge loop nests that stand one after another: one nest runs all their bodies in turn.

        The given loops are the innermost ones of each nest, in program order.

            for i, j in T.grid(4, 8):                  for i, j in T.grid(4, 8):
                with T.block("A"): ...          →          with T.block("A"): ...
            for i, j in T.grid(4, 8):                      with T.block("B"): ...
                with T.block("B"): ...

            >>> sch = Schedule(chain)
            >>> (_, j), (_, k) = sch.get_loops("B"), sch.get_loops("C")
            >>> both = sch.merge(j, k)

        Conditions: the nests are neighbours in one sequence, equally deep, with equal extents, all
        starting at 0, with no annotations, no thread bindings and nothing beside their loops; a
        body uses of the earlier ones only what the same iteration wrote there, no sums that the
        loops carry on, and overwrites nothing that another iteration of an earlier one still uses.
        """
        if len(loops) < 2:
            raise Refused("there are not two loops to merge", found=str(len(loops)))
        spots = [self.loop(each) for each in loops]
        for position, each in enumerate(spots):
            if each in spots[:position]:
                raise Refused(f"the loop {each.name!r} is given twice", each)
        name = self.name_of(loops[0])
        nests = [_nest_of(each, spots) for each in spots]
        tops = [each[0] for each in nests]
        _require_alike(nests, self.analyzer(name))
        sequence = _neighbours(tops)
        merged = _merged(nests)
        # The conditions are checked on the merged nest, in which "the same iteration" has a
        # meaning.
        self._require_mergeable(name, sequence, tops, merged)
        body = self._with_merged(name, sequence, tops, merged)
        self.commit(name, body)
        return self.new_loop(name, nests[0][-1].loop.loop_var)

    def _with_merged(
        self, name: str, sequence: SeqStmt, tops: Sequence[Spot], merged: Stmt
    ) -> Stmt:
        nodes = [each.node for each in tops]
        parts: list[Any] = [
            merged if each is nodes[0] else None if each in nodes[1:] else each
            for each in sequence.seq
        ]
        return replace(self.tree(name).func.body, {sequence: seq(*parts)})

    def _require_mergeable(
        self, name: str, sequence: SeqStmt, tops: Sequence[Spot], merged: Stmt
    ) -> None:
        func = self.tree(name).func
        after = Tree(func.with_body(self._with_merged(name, sequence, tops, merged)))
        innermost = merged
        while isinstance(innermost, For) and isinstance(innermost.body, For):
            innermost = innermost.body
        place = after.spot(innermost)
        blocks = place.blocks()
        known = outside_analyzer(self.analyzer(name), place)
        require_finished(blocks, [place, *place.loops()][: _depth(merged)])
        require_same_iteration(place, blocks, known)
        _require_overwriting_in_order(place, blocks, known)

    @primitive
    def loop_partition(
        self, loop: LoopRV, factors: Sequence[Any], *, preserve_unit_iters: bool = True
    ) -> list[LoopRV]:
        """Partition a loop into loops that run one after another, one a factor, in order.

        One of the `factors` may be None or -1 and becomes what is left.

            for i in range(10):                        for i_0 in range(8):
                with T.block("B"):              →          with T.block("B_i0"):
                    vi = T.axis.spatial(10, i)                 vi = T.axis.spatial(10, i_0)
                                                       for i_1 in range(2):
                                                           with T.block("B_i1"):
                                                               vi = T.axis.spatial(10, i_1 + 8)

        Factors that add up to less than the extent are followed by a loop for what is left. The
        blocks of the first loop stay the same, those of the others are copies; all are named after
        the loop and its place. All loops start at 0.

            >>> sch = Schedule(elementwise)
            >>> i, j = sch.get_loops("B")
            >>> most, rest = sch.loop_partition(j, [6, None])

        Conditions: the loop has neither annotations nor a thread binding, starts at 0, and has a
        constant extent; factors are positive, at most one is open; they add up to no more than the
        extent.
        """
        spot = self.loop(loop)
        name = self.name_of(loop)
        require_plain(spot)
        extents = _parts([self.number(each) for each in factors], spot)
        old = spot.loop
        outer = [each.loop for each in spot.loops()]
        parts: list[For] = []
        begin = 0
        for position, extent in enumerate(extents):
            var = Var(f"{old.loop_var.name}_{position}", old.loop_var.dtype)
            new = For(var, const(0, var.dtype), const(extent, var.dtype), old.kind, old.body)
            body = substitute_loops(
                old.body,
                {old.loop_var: add(var, begin)},
                [*outer, new],
                self.analyzer(name),
                keep_unit=preserve_unit_iters,
            )
            suffix = f"_{old.loop_var.name}{position}"
            if position:
                body = _Renaming(suffix, copies=True).visit(renew_defs(body))
            else:
                body = _Renaming(suffix, copies=False).visit(body)
            parts.append(new.replace(body=body))
            begin += extent
        self.commit(name, replace(self.tree(name).func.body, {old: seq(*parts)}))
        return [self.new_loop(name, each.loop_var) for each in parts]


def _depth(nest: Stmt) -> int:
    """How many loops a nest begins with."""
    count = 0
    while isinstance(nest, For):
        nest, count = nest.body, count + 1
    return count


class _Renaming(Mutator):
    """Adds a suffix to the names of blocks; copies are no longer the blocks that they were."""

    def __init__(self, suffix: str, *, copies: bool) -> None:
        super().__init__()
        self.suffix = suffix
        self.copies = copies

    def visit_block_(self, block: Block) -> Block:
        """A block under its new name."""
        new: Block = self.visit_default(block)
        token = None if self.copies else new.token
        return new.replace(name_hint=new.name_hint + self.suffix, token=token)


def _parts(numbers: list[Any], spot: Spot) -> list[int]:
    """The extents of the parts."""
    if not isinstance(spot.loop.extent, IntImm):
        raise Refused(
            f"the extent of the loop {spot.name!r} is no constant",
            spot,
            found=repr(spot.loop.extent),
        )
    whole = spot.loop.extent.value
    opened = [k for k, each in enumerate(numbers) if each is None or each == -1]
    if len(opened) > 1:
        raise Refused("more than one factor is None or -1", spot)
    for k, each in enumerate(numbers):
        if k not in opened and (not isinstance(each, int) or each <= 0):
            raise Refused("a factor is no positive number", spot, found=str(each))
    total = sum(each for k, each in enumerate(numbers) if k not in opened)
    if opened and total < whole:
        numbers[opened[0]] = whole - total
        total, opened = whole, []
    if not opened and 0 < total < whole:
        numbers.append(whole - total)
        total = whole
    if total != whole or opened or not numbers:
        raise Refused(
            f"the factors do not add up to the extent of the loop {spot.name!r}",
            spot,
            expected=f"less than {whole} beside the open one" if opened else str(whole),
            found=str(total),
        )
    return numbers


def _nest_of(spot: Spot, spots: Sequence[Spot]) -> list[Spot]:
    """The loops from below the place that all nests have in common down to one of the loops."""
    other = next(each for each in spots if each is not spot)
    if spot is other or spot.is_below(other) or other.is_below(spot):
        raise Refused(f"the loops {spot.name!r} and {other.name!r} are in one nest", spot, other)
    top = common_place(spot, other)
    found = [spot]
    for each in spot.above():
        if each is top:
            break
        if not each.is_loop:
            raise Refused(f"there is a block around the loop {spot.name!r}", each)
        found.append(each)
    found.reverse()
    return found


def _require_alike(nests: Sequence[Sequence[Spot]], analyzer: Analyzer) -> None:
    first = nests[0]
    for nest in nests:
        for outer, inner in pairwise(nest):
            require_directly_inside(outer, inner)
        for each in nest:
            require_plain(each)
        if len(nest) != len(first):
            raise Refused(
                "the loops are not equally deep",
                first[-1],
                nest[-1],
                found=f"{len(first)} and {len(nest)} loops",
            )
        table: dict[Var, PrimExpr] = {}
        for mine, theirs in zip(first, nest, strict=True):
            extent = substitute(theirs.loop.extent, table)
            table[theirs.loop.loop_var] = mine.loop.loop_var
            if not analyzer.can_prove_equal(mine.loop.extent, extent):
                raise Refused(
                    f"the loops {mine.name!r} and {theirs.name!r} differ in extent",
                    mine,
                    theirs,
                    found=f"{mine.loop.extent!r} and {theirs.loop.extent!r}",
                )
            if mine.loop.loop_var.dtype != theirs.loop.loop_var.dtype:
                raise Refused(
                    f"the loops {mine.name!r} and {theirs.name!r} differ in dtype", mine, theirs
                )
            if mine.loop.kind is not theirs.loop.kind:
                raise Refused(
                    f"the loops {mine.name!r} and {theirs.name!r} differ in kind", mine, theirs
                )


def _neighbours(tops: Sequence[Spot]) -> SeqStmt:
    """The sequence in which the nests stand next to each other."""
    parent = tops[0].parent
    assert parent is not None
    body = parent.loop.body if parent.is_loop else parent.block.body
    if isinstance(body, SeqStmt):
        nodes = [each.node for each in tops]
        places = [k for k, each in enumerate(body.seq) if each in nodes]
        found = [body.seq[k] for k in places]
        adjacent = places == list(range(places[0], places[0] + len(tops))) if places else False
        if adjacent and all(a is b for a, b in zip(found, nodes, strict=True)):
            return body
    raise Refused(
        "the loops do not stand one after another",
        *tops,
        expected="neighbours in one sequence, given in program order",
    )


def _merged(nests: Sequence[Sequence[Spot]]) -> Stmt:
    """The merged nest."""
    first = nests[0]
    bodies: list[Stmt] = []
    for nest in nests:
        table: dict[Var, PrimExpr] = {
            theirs.loop.loop_var: mine.loop.loop_var
            for mine, theirs in zip(first, nest, strict=True)
            if mine is not theirs
        }
        bodies.append(substitute(nest[-1].loop.body, table))
    body = seq(*bodies)
    for each in reversed(first):
        body = each.loop.replace(body=body)
    return body


def _require_overwriting_in_order(place: Spot, blocks: Sequence[Spot], analyzer: Analyzer) -> None:
    """Refuse where iterations of two blocks that write one buffer may touch the same elements."""
    loops = [place, *place.loops()]
    for position, each in enumerate(blocks):
        for other in blocks[:position]:
            twice = [buffer for buffer in writes(other) if buffer in writes(each)]
            if twice and not all(
                moves_with(spot, loop, analyzer) for spot in (each, other) for loop in loops
            ):
                raise Refused(
                    f"the blocks {other.name!r} and {each.name!r} write the same elements of "
                    f"{twice[0].name!r} in several iterations",
                    other,
                    each,
                )
