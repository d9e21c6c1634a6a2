"""Moving a block into the loops of its consumers, or of its producers."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, hull
from pellucid.ir.arithmetic import add, cast_to, const, ge, logical_and, lt
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Cast, IntImm, IterVar, Range, Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.block import BlockRealize
from pellucid.tir.buffer import BufferRegion
from pellucid.tir.schedule.core import INLINE
from pellucid.tir.schedule.cover import (
    outside_analyzer,
    possible_region,
    require_all_instances,
    threads_that_share,
)
from pellucid.tir.schedule.edit import insert, remove, replace, statements
from pellucid.tir.schedule.inline import InlinePrimitives
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.scope import (
    consumers_of,
    is_affine,
    moves_reduction,
    producers_of,
    require_complete_or_reduction,
    require_no_output,
    require_no_repetition,
    require_not_alone,
    scope_of,
    why_not_complete,
)
from pellucid.tir.schedule.solve import clipped_range, needed_values
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import For, ForKind, Stmt


class ComputeAtPrimitives(InlinePrimitives):
    """`compute_at` and `reverse_compute_at`."""

    @primitive
    def compute_at(
        self,
        block: BlockRV | str,
        loop: LoopRV,
        preserve_unit_loops: bool = False,
        index: int = -1,
    ) -> None:
        """Compute a block inside a loop of its consumers, as much in each iteration as these need.

            for i, j in T.grid(8, 8):                  for i in range(8):
                with T.block("B"): ...                     for ax0 in range(8):
            for i, j in T.grid(8, 8):          →               with T.block("B"): ...
                with T.block("C"): ...                     for j in range(8):
                                                               with T.block("C"): ...

        for the loop `i` of C. The block gets new loops `ax0`, `ax1` …, one for each iteration
        variable that takes more than one value (for all with `preserve_unit_loops`). `index` is the
        position in the body of the loop: -1 the last that is possible, just before the first
        consumer, -2 the first one. A block that writes shared memory computes what all threads of
        the loops at and around this one need together.

            >>> sch = Schedule(chain)
            >>> i, j = sch.get_loops("C")
            >>> sch.compute_at("B", i)

        Conditions: block and loop are in one scope, and the loop is not around the block; the scope
        is a stage pipeline; the block is complete or a reduction block, no output block and not the
        only one; all its consumers are below the loop; it runs all instances of its domain; its
        variables are not narrower than their values at the loop; in the end the scope is a stage
        pipeline again.
        """
        mark = self.mark_of(loop)
        if mark is not None:
            if mark == INLINE:
                self.inline_block(block)
            return
        spot, top, analyzer = self._start(block, loop)
        require_no_output(spot)
        consumers = consumers_of(spot)
        _require_below(spot, top, consumers, "consumer")
        needed = [
            (region.region, _union(region, consumers, top, analyzer, reads=True))
            for region in spot.block.writes
            if any(each.buffer is region.buffer for c in consumers for each in c.block.reads)
        ]
        values = needed_values(_parallel(spot), needed, analyzer)
        self._move(self.name_of(block), spot, top, values, preserve_unit_loops, index, analyzer)

    @primitive
    def reverse_compute_at(
        self,
        block: BlockRV | str,
        loop: LoopRV,
        preserve_unit_loops: bool = False,
        index: int = -1,
    ) -> None:
        """Compute a block inside a loop of its producers, on what each iteration produces.

            for i, j in T.grid(8, 8):                  for i in range(8):
                with T.block("B"): ...                     for j in range(8):
            for i, j in T.grid(8, 8):          →               with T.block("B"): ...
                with T.block("C"): ...                     for ax0 in range(8):
                                                               with T.block("C"): ...

        for the loop `i` of B. Otherwise as `compute_at`.

            >>> sch = Schedule(matmul_relu)
            >>> i, j, k = sch.get_loops("C")
            >>> sch.reverse_compute_at("D", j)

        Conditions: as `compute_at`, with producers in place of consumers, and the block may be an
        output block; the loop and those around it move no reduction variable of a producer; in the
        end the block still runs all its instances, and a reduction block each of them once.
        """
        mark = self.mark_of(loop)
        if mark is not None:
            if mark == INLINE:
                self.reverse_inline_block(block)
            return
        spot, top, analyzer = self._start(block, loop)
        producers = producers_of(spot)
        _require_below(spot, top, producers, "producer")
        for each in producers:
            _require_finished(each, top)
        needed = [
            (region.region, _union(region, producers, top, analyzer, reads=False))
            for region in spot.block.reads
            if any(each.buffer is region.buffer for p in producers for each in p.block.writes)
        ]
        values = needed_values(spot.block.iter_vars, needed, analyzer)
        self._move(
            self.name_of(block), spot, top, values, preserve_unit_loops, index, analyzer, whole=True
        )

    def _start(self, block: BlockRV | str, loop: LoopRV) -> tuple[Spot, Spot, Analyzer]:
        """The block, the loop, and what is known there, after the conditions that both share."""
        top = self.loop(loop)
        spot = self.block(block)
        scope = scope_of(spot)
        if scope_of(top) is not scope or spot.is_below(top):
            raise Refused(
                f"the block {spot.name!r} and the loop {top.name!r} are not beside each other in "
                "one scope",
                spot,
                top,
                expected="a loop of the same scope that is not around the block",
            )
        name = self.name_of(block)
        known = self.analyzer(name)
        self.stage_pipelines(name).require(scope)
        require_complete_or_reduction(spot)
        require_not_alone(spot)
        require_all_instances(spot, known)
        return spot, top, outside_analyzer(known, top)

    def _move(
        self,
        name: str,
        spot: Spot,
        top: Spot,
        values: dict[Var, IntSet],
        keep_unit: bool,
        index: int,
        analyzer: Analyzer,
        whole: bool = False,
    ) -> None:
        """Put the block into the loop, with new loops over the needed values."""
        func = self.tree(name).func
        scope = scope_of(spot)
        position = _position(spot, top, index)
        new = _with_loops(spot, values, keep_unit, analyzer)
        body = replace(
            func.body, {top.loop: top.loop.replace(body=insert(top.loop.body, position, new))}
        )
        left = remove(body, [spot.node])
        assert left is not None
        after = Tree(func.with_body(left))
        moved = after.blocks[spot.block.token]
        plain = self.analyzer(name)
        if whole:
            require_all_instances(moved, plain)
            if why_not_complete(spot) is not None:
                loops = moved.loops()
                first = [k for k, e in enumerate(loops) if moves_reduction(moved, e)]
                require_no_repetition(moved, loops[first[0] :] if first else [])
                _require_in_order(moved, [loops[k] for k in first])
            if why_not_complete(spot) is not None and not is_affine(moved, analyzer=plain):
                raise Refused(
                    f"the reduction block {spot.name!r} would run some instances more than once",
                    spot,
                )
        self.stage_pipelines(name).require(after.blocks[scope.block.token])
        self.commit(name, left)


def _require_in_order(spot: Spot, loops: Sequence[Spot]) -> None:
    """Refuse loops that carry on a reduction in no order."""
    for each in loops:
        if each.loop.kind not in (ForKind.SERIAL, ForKind.UNROLLED):
            raise Refused(
                f"the loop {each.name!r} would run the reduction of the block {spot.name!r} out of "
                "order",
                each,
                found=each.loop.kind.name.lower(),
            )


def _parallel(spot: Spot) -> list[IterVar]:
    return [each for each in spot.block.iter_vars if each.iter_type == IterVar.DataPar]


def _require_below(spot: Spot, top: Spot, others: Sequence[Spot], what: str) -> None:
    outside = [each for each in others if not each.is_below(top)]
    if outside or not others:
        raise Refused(
            f"not all {what}s of the block {spot.name!r} are below the loop {top.name!r}",
            top,
            *outside,
            found=", ".join(each.name for each in outside) or f"it has no {what}s",
        )


def _require_finished(producer: Spot, top: Spot) -> None:
    """Refuse a loop at which the producer's sums are not complete."""
    pairs = zip(producer.block.iter_vars, producer.realize.iter_values, strict=True)
    reduced = [value for v, value in pairs if v.iter_type != IterVar.DataPar]
    for each in [top, *top.loops()]:
        if any(uses_var(value, {each.loop.loop_var}.__contains__) for value in reduced):
            raise Refused(
                f"the loop {each.name!r} moves a reduction variable of the producer "
                f"{producer.name!r}",
                each,
                producer,
                expected="a loop above all reductions of the producers",
            )


def _union(
    region: BufferRegion, blocks: Sequence[Spot], top: Spot, analyzer: Analyzer, *, reads: bool
) -> list[IntSet]:
    """What some blocks touch of a buffer in one iteration of a loop; what they read of memory that
    threads share, in those of all these threads.
    """
    threads = threads_that_share(region.buffer, top) if reads else []
    found: list[list[IntSet]] = []
    for each in blocks:
        regions = each.block.reads if reads else each.block.writes
        found += [
            possible_region(each, other, top, analyzer, exact=False, beside=threads)
            for other in regions
            if other.buffer is region.buffer
        ]
    return [hull(sets, analyzer) for sets in zip(*found, strict=True)]


def _position(spot: Spot, top: Spot, index: int) -> int:
    """Where in the body of a loop the block goes."""
    parts = statements(top.loop.body)
    producers, consumers = producers_of(spot), consumers_of(spot)

    def places(blocks: Sequence[Spot]) -> list[int]:
        return [k for k, part in enumerate(parts) if _holds(part, blocks, top)]

    # The block is not in the loop, so the loop holds producers or consumers, never both.
    first = max(places(producers), default=-1) + 1
    last = min(places(consumers), default=len(parts))
    if index == -1:
        return last
    if index == -2:
        return first
    if not first <= index <= last:
        raise Refused(
            f"the block {spot.name!r} cannot stand at position {index} of the loop {top.name!r}",
            top,
            expected=f"a position from {first} to {last}",
        )
    return index


def _holds(part: Stmt, blocks: Sequence[Spot], top: Spot) -> bool:
    """Whether one of the blocks is inside a statement of the loop's body."""
    for each in blocks:
        if each.is_below(top):
            path = [each.node, *[above.node for above in each.above()]]
            if any(node is part for node in path):
                return True
    return False


def _narrowed(value: PrimExpr, variable: IterVar, spot: Spot) -> PrimExpr:
    """A value in the integer type of a variable; refused where it might not fit."""
    cast = cast_to(variable.var.dtype, value)
    if isinstance(cast, Cast) and value.dtype.bits > cast.dtype.bits:
        raise Refused(
            f"the variable {variable.var.name!r} of the block {spot.name!r} is narrower than its "
            "values at the loop",
            spot,
            expected=str(value.dtype),
            found=str(cast.dtype),
            cure="let all loops and blocks count in one integer type",
        )
    return cast


def _with_loops(spot: Spot, values: dict[Var, IntSet], keep_unit: bool, analyzer: Analyzer) -> Stmt:
    """The block below new loops over the needed values of its variables."""
    loops: list[For] = []
    bindings: list[PrimExpr] = []
    predicate: PrimExpr = const(True)
    nothing = spot.node
    known = analyzer.copy()
    for variable in spot.block.iter_vars:
        domain = variable.dom
        assert domain is not None
        wanted = values.get(variable.var, IntSet.everything())
        dtype = variable.var.dtype
        low, extent, guarded = clipped_range(wanted, domain, known)
        low, extent = _narrowed(low, variable, spot), _narrowed(extent, variable, spot)
        binding: PrimExpr = low
        if keep_unit or not (isinstance(extent, IntImm) and extent.value == 1):
            loop = For(
                Var(f"ax{len(loops)}", dtype), const(0, dtype), extent, ForKind.SERIAL, nothing
            )
            loops.append(loop)
            known.bind(loop.loop_var, Range(min=loop.min, extent=extent))
            binding = add(low, loop.loop_var)
        bindings.append(binding)
        if guarded:
            end = known.simplify(add(domain.min, domain.extent))
            for condition in (ge(binding, domain.min), lt(binding, end)):
                if not known.can_prove(condition):
                    predicate = logical_and(predicate, known.simplify(condition))
    body: Stmt = BlockRealize(bindings, predicate, spot.block)
    for loop in reversed(loops):
        body = loop.replace(body=body)
    return body
