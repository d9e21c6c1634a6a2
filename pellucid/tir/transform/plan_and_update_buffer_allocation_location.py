"""PlanAndUpdateBufferAllocationLocation: memory is allocated where it is needed, and not before.

    tmp = T.alloc_buffer((64, 64))              for i in T.parallel(64):
    for i in T.parallel(64):                        with T.block(""):
        tmp[i, …] = …                    →              tmp = T.alloc_buffer((64, 64))
        … = tmp[i, …]                                   tmp[i, …] = …

Before: blocks (opaque or not). After: a buffer is allocated in the innermost loop that holds all
its uses, as far as no iteration sees what an earlier one left in it. For parallel and vectorized
loops that holds by their meaning; for serial ones it is shown here: either different iterations
touch different elements, or every element that is read was written before in the same iteration.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, And, IntImm, Ramp, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import Mutator, Visitor
from pellucid.support.errors import PassError
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For, ForKind, IfThenElse, SeqStmt, While
from pellucid.tir.transform.alloc_accesses import (
    Axis,
    Step,
    Use,
    Uses,
    axis_of,
    same_terms,
)
from pellucid.tir.transform.index_ranges import Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.vectorize_loop import function_ranges

_BY_MEANING = (ForKind.PARALLEL, ForKind.VECTORIZED, ForKind.THREAD_BINDING)


def common_path(uses: list[Use]) -> list[Step]:
    """The steps that all uses share, and that memory may be allocated behind."""
    first = uses[0].path
    length = min(len(use.path) for use in uses)
    shared: list[Step] = []
    for position in range(length):
        step = first[position]
        if isinstance(step.node, While):
            break
        if any(
            use.path[position].node is not step.node or use.path[position].child != step.child
            for use in uses
        ):
            break
        shared.append(step)
    return shared


class _Privacy:
    """Whether the iterations of a loop can have a buffer each for themselves."""

    def __init__(self, loop: For, depth: int, uses: list[Use], ranges: Ranges) -> None:
        self.loop = loop
        self.depth = depth
        self.uses = uses
        self.ranges = ranges

    def holds(self) -> bool:
        """Whether no iteration sees what another one wrote."""
        runs_once = self.ranges.interval(self.loop.extent)[1] <= 1
        if self.loop.kind in _BY_MEANING or runs_once:
            return True
        if any(use.indices is None for use in self.uses):
            return False
        return self.disjoint() or all(
            self.covered(position) for position, use in enumerate(self.uses) if not use.stores
        )

    # Different iterations touch different elements

    def disjoint(self) -> bool:
        """Whether some dimension keeps the iterations apart."""
        rank = len(self.uses[0].indices or ())
        return any(self.apart(axis) for axis in range(rank))

    def apart(self, number: int) -> bool:
        """Whether the indices of one dimension differ between iterations, for all pairs of uses."""
        around = self.around(self.depth)
        first: Axis | None = None
        low = high = 0
        step = 0
        for use in self.uses:
            axis = axis_of((use.indices or ())[number], around, self.ranges)
            own = [(atom, c) for atom, c in axis.fixed if atom is self.loop.loop_var]
            rest = [(atom, c) for atom, c in axis.fixed if atom is not self.loop.loop_var]
            if len(own) != 1 or any(self.loop.loop_var in _vars(atom) for atom, _ in rest):
                return False
            if first is None:
                first, step = Axis(rest, [], 0, 0), own[0][1]
                low, high = axis.low, axis.high
                continue
            if own[0][1] != step or not same_terms(rest, first.fixed):
                return False
            low, high = min(low, axis.low), max(high, axis.high)
        return high - low < abs(step)

    def around(self, depth: int) -> set[Var]:
        """The variables of the loops around (the loop itself included), and the free ones."""
        inside: set[Var] = set()
        known: set[Var] = set()
        for use in self.uses:
            for position, step in enumerate(use.path):
                if isinstance(step.node, For):
                    (known if position <= depth else inside).add(step.node.loop_var)
        free = {v for use in self.uses for index in use.indices or () for v in _vars(index)}
        return (free - inside) | known

    # What is read was written before, in the same iteration

    def covered(self, position: int) -> bool:
        """Whether an earlier store of the same iteration wrote all that a load reads."""
        read = self.uses[position]
        return any(
            self.covers(write, read) for write in self.uses[:position] if write.stores
        ) or any(self.initialises(write, read) for write in self.uses if write.stores)

    def covers(self, write: Use, read: Use) -> bool:
        """Whether a store that comes first writes all elements of the load's region."""
        split = divergence(write.path, read.path)
        if split is None or not self.is_certain(write, split):
            return False
        around = self.around_two(write, read, split)
        seen: set[Any] = set()
        for number, (a, b) in enumerate(zip(write.indices or (), read.indices or (), strict=True)):
            wide, narrow = axis_of(a, around, self.ranges), axis_of(b, around, self.ranges)
            variables = {atom for atom, _ in wide.varying}
            if not same_terms(wide.fixed, narrow.fixed) or variables & seen:
                return False
            seen |= variables
            if self.runs_alike(wide, narrow, write, read):
                continue
            low, high = self.reads(narrow, read, number)
            if not self.is_dense(wide, write) or low < wide.low or high > wide.high:
                return False
        return True

    def runs_alike(self, wide: Axis, narrow: Axis, write: Use, read: Use) -> bool:
        """Whether both indices are one loop variable each, of loops with the same range."""
        if len(wide.varying) != 1 or len(narrow.varying) != 1:
            return False
        (a, factor), (b, other) = wide.varying[0], narrow.varying[0]
        one, two = _loop_of(write, a), _loop_of(read, b)
        if one is None or two is None or factor != other:
            return False
        if (
            wide.low - factor * self.ranges.interval(a)[0]
            != narrow.low - other * (self.ranges.interval(b)[0])
        ):
            return False
        return structural_equal(one.min, two.min) and structural_equal(one.extent, two.extent)

    def reads(self, axis: Axis, use: Use, number: int) -> tuple[int, int]:
        """Which indices a load has; never one outside the buffer."""
        extent = use.buffer.shape[number]
        if axis.fixed or not isinstance(extent, IntImm):
            return axis.low, axis.high
        return max(axis.low, 0), min(axis.high, extent.value - 1)

    def around_two(self, write: Use, read: Use, split: int) -> set[Var]:
        """The variables that are the same for both: of the loops down to where they part."""
        inside = {
            step.node.loop_var
            for use in (write, read)
            for step in use.path[split:]
            if isinstance(step.node, For)
        }
        free = {v for use in (write, read) for index in use.indices or () for v in _vars(index)}
        return free - inside

    def is_certain(self, use: Use, split: int) -> bool:
        """Whether a store happens in every iteration, from where the paths part."""
        for step in use.path[split:]:
            node = step.node
            if isinstance(node, IfThenElse | While):
                return False
            if isinstance(node, For) and self.ranges.interval(node.extent)[0] < 1:
                return False
            if isinstance(node, BlockRealize) and not self.cuts_nothing(node.predicate, use):
                return False
        return True

    def cuts_nothing(self, predicate: PrimExpr, use: Use) -> bool:
        """Whether a predicate only says that an index is inside the buffer."""
        if is_true(predicate):
            return True
        if isinstance(predicate, And):
            return self.cuts_nothing(predicate.a, use) and self.cuts_nothing(predicate.b, use)
        a, b = getattr(predicate, "a", None), getattr(predicate, "b", None)
        if type(predicate).__name__ != "LT" or not isinstance(b, IntImm):
            return False
        for index, extent in zip(use.indices or (), use.buffer.shape, strict=True):
            if isinstance(extent, IntImm) and a is not None and self.same(a, index):
                return extent.value <= b.value
        return False

    def same(self, a: PrimExpr, b: PrimExpr) -> bool:
        """Whether two integers are the same sum."""
        if a.dtype.lanes != 1 or b.dtype.lanes != 1:
            return False
        x, y = self.ranges.linear(a), self.ranges.linear(b)
        return x.constant == y.constant and same_terms(list(x.terms), list(y.terms))

    def is_dense(self, axis: Axis, use: Use) -> bool:
        """Whether the varying part takes every value between its ends."""
        terms: list[tuple[int, int]] = []
        for atom, factor in axis.varying:
            if isinstance(atom, Ramp):
                terms.append((abs(factor), atom.lanes - 1))
                continue
            loop = _loop_of(use, atom)
            if loop is None or not isinstance(loop.extent, IntImm):
                return False
            if not isinstance(loop.min, IntImm):
                return False
            terms.append((abs(factor), loop.extent.value - 1))
        reach = 0
        for factor, count in sorted(terms):
            if factor > reach + 1:
                return False
            reach += factor * count
        return True

    def initialises(self, write: Use, read: Use) -> bool:
        """Whether a store of the same element happens in the first iteration of a reduction."""
        if write.indices is None or read.indices is None:
            return False
        if divergence(write.path, read.path) is None:
            return False
        if not all(
            structural_equal(a, b) for a, b in zip(write.indices, read.indices, strict=True)
        ):
            return False
        loops = write.loops()
        shared = [loop for loop in read.loops() if any(loop is each for each in loops)]
        if len(shared) != len(loops) or len(read.loops()) != len(loops):
            return False
        started = self.first_iterations(write)
        used = {v for index in write.indices for v in _vars(index)}
        return started is not None and not (started & used)

    def first_iterations(self, write: Use) -> set[Var] | None:
        """The loop variables that a store's only condition says to be at their start, or None."""
        inside = [step.node for step in write.path[self.depth + 1 :]]
        loops = {each.loop_var: each for each in inside if isinstance(each, For)}
        conditions = [
            (step.node.condition, step.child)
            for step in write.path[self.depth + 1 :]
            if isinstance(step.node, IfThenElse)
        ]
        others = [
            step.node
            for step in write.path[self.depth + 1 :]
            if isinstance(step.node, BlockRealize) and not is_true(step.node.predicate)
        ]
        if others or any(child for _, child in conditions):
            return None
        found: set[Var] = set()
        for condition, _ in conditions:
            for each in _conjuncts(condition):
                if not isinstance(each, EQ) or not isinstance(each.a, Var):
                    return None
                loop = loops.get(each.a)
                if loop is None or not structural_equal(each.b, loop.min):
                    return None
                found.add(each.a)
        return found


def _conjuncts(condition: PrimExpr) -> list[PrimExpr]:
    if isinstance(condition, And):
        return _conjuncts(condition.a) + _conjuncts(condition.b)
    return [condition]


def _vars(expr: PrimExpr) -> set[Var]:
    found: set[Var] = set()

    def look(node: Any) -> None:
        if isinstance(node, Var):
            found.add(node)
        else:
            node.walk(look, look)

    look(expr)
    return found


def _loop_of(use: Use, var: Any) -> For | None:
    """The loop of a variable on the path of a use."""
    return next((loop for loop in use.loops() if loop.loop_var is var), None)


def divergence(first: tuple[Step, ...], second: tuple[Step, ...]) -> int | None:
    """Where two paths part, if they do so in a sequence that the first one leaves earlier."""
    for position, (a, b) in enumerate(zip(first, second, strict=False)):
        if a.node is not b.node:
            return None
        if a.child != b.child:
            in_order = isinstance(a.node, SeqStmt) and a.child < b.child
            return position if in_order else None
    return None


class _Plan(Visitor):
    """Decides for each allocated buffer which loop it moves into."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        self.moved: dict[Buffer, For] = {}

    def visit_for_(self, node: Any) -> Any:
        """A loop around."""
        bind_loop(self.ranges, node)
        self.visit_default(node)

    def visit_block_(self, node: Any) -> Any:
        """A block that allocates."""
        if node.alloc_buffers:
            self.plan(node)
        self.visit_default(node)

    def plan(self, block: Block) -> None:
        """Place the buffers of a block."""
        uses = Uses({buffer.data for buffer in block.alloc_buffers}, self.ranges)
        uses.visit(block.body)
        for buffer in block.alloc_buffers:
            found = uses.found[buffer.data]
            loop = self.deepest(found) if found else None
            if loop is not None:
                self.moved[buffer] = loop

    def deepest(self, uses: list[Use]) -> For | None:
        """The innermost loop that a buffer can move into."""
        best: For | None = None
        for depth, step in enumerate(common_path(uses)):
            if not isinstance(step.node, For):
                continue
            if not _Privacy(step.node, depth, uses, self.ranges).holds():
                return best
            best = step.node
        return best


class _Move(Mutator):
    def __init__(self, moved: dict[Buffer, For]) -> None:
        super().__init__()
        self.leaving = moved
        self.arriving: dict[For, list[Buffer]] = {}
        for buffer, loop in moved.items():
            self.arriving.setdefault(loop, []).append(buffer)

        self.inside: set[Buffer] = set()

    def stays(self, buffer: Buffer) -> bool:
        """Whether a block may speak of a buffer."""
        return buffer not in self.leaving or buffer in self.inside

    def visit_block_(self, node: Any) -> Any:
        """A block loses the buffers that move."""
        new = self.visit_default(node)
        mentioned = [*new.alloc_buffers, *[each.buffer for each in (*new.reads, *new.writes)]]
        if all(self.stays(each) for each in mentioned):
            return new
        return new.replace(
            alloc_buffers=[each for each in new.alloc_buffers if self.stays(each)],
            reads=[each for each in new.reads if self.stays(each.buffer)],
            writes=[each for each in new.writes if self.stays(each.buffer)],
        )

    def visit_for_(self, node: Any) -> Any:
        """A loop gets a block around its body, which allocates them."""
        buffers = self.arriving.get(node, [])
        self.inside.update(buffers)
        new = self.visit_default(node)
        if not buffers:
            return new
        self.inside.difference_update(buffers)
        block = Block((), (), (), "", new.body, alloc_buffers=tuple(buffers))
        return new.replace(body=BlockRealize((), const(True, "bool"), block))


def plan_and_update_buffer_allocation_location(func: PrimFunc) -> PrimFunc:
    """The function with its allocations moved inwards."""
    plan = _Plan(function_ranges(func))
    plan.visit(func.body)
    return func.with_body(_Move(plan.moved).visit(func.body)) if plan.moved else func


def verify_allocation_location(func: PrimFunc) -> None:
    """Doing it again would change nothing."""
    plan = _Plan(function_ranges(func))
    plan.visit(func.body)
    if plan.moved:
        names = ", ".join(repr(buffer.name) for buffer in plan.moved)
        raise PassError(
            "After PlanAndUpdateBufferAllocationLocation no allocation can move inwards.",
            found=names,
        )


def PlanAndUpdateBufferAllocationLocation() -> Pass:
    """The pass that moves allocations to where they are needed."""
    return stage(
        "PlanAndUpdateBufferAllocationLocation",
        plan_and_update_buffer_allocation_location,
        verify_allocation_location,
    )
