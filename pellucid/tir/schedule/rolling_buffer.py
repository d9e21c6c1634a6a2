"""Keeping only the part of a buffer that a sliding window still needs."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet
from pellucid.arith.iter_map_terms import is_const
from pellucid.arith.linear_equation import detect_linear_equation
from pellucid.ir.arithmetic import add, const, floormod, ge, logical_and, logical_or, lt, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.block import is_true
from pellucid.tir.buffer import Buffer, BufferRegion, decl_buffer
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.copies import buffer_at, require_plain_access
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import (
    bound_region,
    outside_analyzer,
    possible_region,
)
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.layout import relaid
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.scope import (
    consumers_of,
    require_complete_or_reduction,
    require_no_output,
    scope_of,
)
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import ForKind


class RollingBufferPrimitives(ScheduleCore):
    """`rolling_buffer`."""

    @primitive
    def rolling_buffer(self, block: BlockRV | str, write_buffer_index: int | str) -> None:
        """Let a buffer keep only the window that its consumers slide over, and compute only what is
        new in each iteration.

            for i in range(16):                        for i in range(16):
                for ax0 in range(3):                       for ax0 in range(3):
                    with T.block("B"):                         with T.block("B"):
                        vi = T.axis.spatial(18, i + ax0)           T.where(i < 1 or 2 <= ax0)
                        B[vi] = A[vi]            →                 B[vi % 3] = A[vi]
                with T.block("C"):                         with T.block("C"):
                    C[vi] = B[vi] + B[vi + 2]                  C[vi] = B[vi % 3] + B[(vi + 2) % 3]

        This is for a block that was moved into a loop of its consumers with compute_at, where
        neighbouring iterations need overlapping parts. The scope is no stage pipeline afterwards.

            >>> sch = Schedule(blur)
            >>> (i,) = sch.get_loops("C")
            >>> sch.compute_at("B", i)
            >>> sch.rolling_buffer("B", 0)

        Conditions: the block writes such a buffer, as the only one, and is no output block; it is
        complete or a reduction block (its variables may have values several times); the scope is a
        stage pipeline; all consumers are in a serial
        or unrolled loop around the block that starts at 0; along one dimension the part that one
        iteration needs moves by a constant step with it, is wider than the step, and has the same
        constant size everywhere; other dimensions do not move with the loop; parallel loops around
        use elements of their own in each iteration; the buffer is used through plain accesses only.
        """
        spot = self.block(block)
        name = self.name_of(block)
        buffer = buffer_at(spot, write_buffer_index, spot.block.writes, "write")
        require_no_output(spot)
        require_complete_or_reduction(spot, overlapping=True)
        self.stage_pipelines(name).require(scope_of(spot))
        for each in [spot, *consumers_of(spot)]:
            require_plain_access(each.block, buffer, each)
        window = _window(spot, buffer, self.analyzer(name))
        for each in spot.loops():
            if not _in_order(each):
                _require_own_part(spot, each, window.axis, buffer, self.analyzer(name))
        func = self.tree(name).func
        shape = list(buffer.shape)
        shape[window.axis] = const(window.size, shape[window.axis].dtype)
        new = decl_buffer(shape, buffer.dtype, buffer.name, scope=buffer.scope())
        layout = IndexMap.from_func(
            lambda *i: [
                floormod(index, window.size) if axis == window.axis else index
                for axis, index in enumerate(i)
            ],
            len(shape),
            index_dtype=str(buffer.shape[window.axis].dtype),
        )
        moved = relaid(func, buffer, new, layout, self.analyzer(name))
        moved = moved.with_body(_WholeAxis(new, window.axis).visit(moved.body))
        realize = Tree(moved).blocks[spot.block.token].realize
        old = realize.predicate
        guard = window.condition
        changed = realize.replace(predicate=guard if is_true(old) else logical_and(old, guard))
        self.commit(name, moved.with_body(replace(moved.body, {realize: changed})))


class _WholeAxis(StmtExprMutator):
    """Widens regions to all of an axis, where they are more than one element: the window wraps
    around.
    """

    def __init__(self, buffer: Buffer, axis: int) -> None:
        super().__init__()
        self.buffer = buffer
        self.axis = axis

    def visit_buffer_region_(self, region: BufferRegion) -> BufferRegion:
        """A region."""
        if region.buffer is not self.buffer:
            return region
        old = region.region[self.axis]
        if isinstance(old.extent, IntImm) and old.extent.value == 1:
            return region
        ranges = list(region.region)
        extent = self.buffer.shape[self.axis]
        ranges[self.axis] = Range(min=const(0, extent.dtype), extent=extent)
        return region.replace(region=ranges)


@dataclass
class _Window:
    """A window of `size` elements along `axis`, and when an element of it is to be computed."""

    axis: int
    size: int
    condition: PrimExpr


def _window(spot: Spot, buffer: Buffer, analyzer: Analyzer) -> _Window:
    """The window that the innermost loop around the block and its consumers moves."""
    consumers = consumers_of(spot)
    shared = [each for each in spot.loops() if all(other.is_below(each) for other in consumers)]
    if not consumers or not shared:
        raise Refused(
            f"the block {spot.name!r} and its consumers are in no common loop",
            spot,
            cure="move it there with compute_at",
        )
    region = next(each for each in spot.block.writes if each.buffer is buffer)
    ranges = bound_region(spot, region)
    for loop in reversed(shared):
        known = outside_analyzer(analyzer, loop)
        sets = possible_region(spot, region, loop, known, exact=False)
        moving = [axis for axis, each in enumerate(sets) if _moves(each, loop)]
        if not moving:
            continue
        if len(moving) > 1:
            raise Refused(
                f"the loop {loop.name!r} moves several dimensions of {buffer.name!r}", loop, spot
            )
        return _window_along(spot, loop, moving[0], sets[moving[0]], ranges, known, buffer)
    raise Refused(f"no common loop moves the part of {buffer.name!r} that is needed", spot)


def _moves(values: IntSet, loop: Spot) -> bool:
    ends = [each for each in (values.min_value, values.max_value) if each is not None]
    return any(uses_var(each, {loop.loop.loop_var}.__contains__) for each in ends)


def _window_along(
    spot: Spot,
    loop: Spot,
    axis: int,
    values: IntSet,
    ranges: list[Range],
    analyzer: Analyzer,
    buffer: Buffer,
) -> _Window:
    if not _in_order(loop):
        raise Refused(
            f"the loop {loop.name!r} does not run in order",
            loop,
            found=loop.loop.kind.name.lower(),
        )
    low, var = values.min_value, loop.loop.loop_var
    problem = Refused(
        f"the part of {buffer.name!r} that one iteration of {loop.name!r} needs has no fixed size "
        "or step",
        loop,
        spot,
    )
    movement = _movement(values, var, analyzer)
    if low is None or movement is None or not is_const(loop.loop.min, 0):
        raise problem
    step, size = movement
    if not 0 < step < size:
        raise Refused(
            f"neighbouring iterations of {loop.name!r} need no common part of {buffer.name!r}",
            loop,
            found=f"a step of {step}, a size of {size}",
        )
    first = lt(var, const(1, var.dtype))
    last = sub(add(ranges[axis].min, ranges[axis].extent), 1)
    fresh = ge(analyzer.simplify(last), analyzer.simplify(add(low, size - step)))
    return _Window(axis, size, logical_or(first, analyzer.simplify(fresh)))


def _in_order(loop: Spot) -> bool:
    return loop.loop.kind in (ForKind.SERIAL, ForKind.UNROLLED)


def _movement(values: IntSet, var: Var, analyzer: Analyzer) -> tuple[int, int] | None:
    """The step by which a loop moves a set, and the set's size; None unless both are numbers."""
    low, high = values.min_value, values.max_value
    if low is None or high is None:
        return None
    size = analyzer.simplify(add(sub(high, low), 1))
    steps = detect_linear_equation(low, [var], analyzer)
    if not steps or not isinstance(steps[0], IntImm) or not isinstance(size, IntImm):
        return None
    return steps[0].value, size.value


def _require_own_part(
    spot: Spot, loop: Spot, rolled: int, buffer: Buffer, analyzer: Analyzer
) -> None:
    """Refuse a loop that runs in no order, unless its iterations use different parts of the buffer
    along a dimension that is not rolled: a window holds the elements of one iteration at a time.
    """
    known = outside_analyzer(analyzer, loop)
    region = next(each for each in spot.block.writes if each.buffer is buffer)
    sets = possible_region(spot, region, loop, known, exact=False)
    for axis, each in enumerate(sets):
        movement = _movement(each, loop.loop.loop_var, known)
        if axis != rolled and movement is not None and abs(movement[0]) >= movement[1]:
            return
    raise Refused(
        f"iterations of the loop {loop.name!r}, which run in no order, share parts of "
        f"{buffer.name!r}",
        loop,
        spot,
    )
