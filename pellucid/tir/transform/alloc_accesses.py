"""Where and how an allocated buffer is used: the facts for placing and shrinking its memory.

In: the block that allocates it. Out: every access with its indices in terms of loop variables, the
path of statements that leads there, and the conditions on that path. Indices are seen as linear
forms, in which some variables are fixed (those of loops around the place in question) and others
vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Visitor, pre_order
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.stmt import For
from pellucid.tir.transform.folding import fold_substitute
from pellucid.tir.transform.index_ranges import Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop
from pellucid.tir.transform.ramps import taken_apart


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a statement, and which child of it comes next."""

    node: Any
    child: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """One access. `indices` None: the whole buffer, in a way that cannot be seen into."""

    buffer: Buffer
    indices: tuple[PrimExpr, ...] | None
    stores: bool
    path: tuple[Step, ...]

    def loops(self) -> list[For]:
        """The loops of the path, outer ones first."""
        return [step.node for step in self.path if isinstance(step.node, For)]


class Uses(Visitor):
    """Collects the uses of the buffers behind `pointers`, below a statement.

    `nodes` are statements on the way from the allocating block; loops bind their variables' ranges.
    """

    def __init__(self, pointers: set[Var], ranges: Ranges) -> None:
        super().__init__()
        self.pointers = pointers
        self.ranges = ranges
        self.found: dict[Var, list[Use]] = {pointer: [] for pointer in pointers}
        self.path: list[Step] = []
        self.values: dict[Var, PrimExpr] = {}

    def at(self, node: Any, child: int, inside: Any) -> None:
        """Visit a part of a statement, with the statement on the path."""
        self.path.append(Step(node, child))
        self.visit(inside)
        self.path.pop()

    def visit_for_(self, node: Any) -> None:
        """A loop."""
        self.visit(node.min)
        self.visit(node.extent)
        bind_loop(self.ranges, node)
        self.at(node, 0, node.body)

    def visit_seq_stmt_(self, node: Any) -> None:
        """A sequence."""
        for position, each in enumerate(node.seq):
            self.at(node, position, each)

    def visit_if_then_else_(self, node: Any) -> None:
        """A choice."""
        self.visit(node.condition)
        self.at(node, 0, node.then_case)
        if node.else_case is not None:
            self.at(node, 1, node.else_case)

    def visit_while_(self, node: Any) -> None:
        """A loop without a counter."""
        self.at(node, 0, node.condition)
        self.at(node, 0, node.body)

    def visit_block_realize_(self, node: Any) -> None:
        """A block: its variables have the values of the bindings."""
        self.visit(node.predicate)
        for each, value in zip(node.block.iter_vars, node.iter_values, strict=True):
            self.values[each.var] = fold_substitute(value, self.values)
        self.at(node, 0, node.block)

    def visit_block_(self, node: Any) -> None:
        """A block: what it says of its regions is not an access."""
        for match in node.match_buffers:
            self.opaque(match.source.buffer)
        self.path.append(Step(node))
        if node.init is not None:
            self.at(node, 0, node.init)
        self.at(node, 1, node.body)
        self.path.pop()

    def use(self, buffer: Buffer, indices: Any, stores: bool) -> None:
        """Note an access."""
        if buffer.data in self.pointers:
            seen = None if indices is None else fold_substitute(tuple(indices), self.values)
            self.found[buffer.data].append(Use(buffer, seen, stores, tuple(self.path)))

    def opaque(self, buffer: Buffer) -> None:
        """Note a use that cannot be seen into."""
        self.use(buffer, None, True)

    def visit_buffer_load_(self, node: Any) -> None:
        """A load."""
        for index in node.indices:
            self.visit(index)
        if node.predicate is not None:
            self.visit(node.predicate)
        self.use(node.buffer, node.indices, False)

    def visit_buffer_store_(self, node: Any) -> None:
        """A store, which happens after its value was computed."""
        self.visit(node.value)
        for index in node.indices:
            self.visit(index)
        if node.predicate is not None:
            self.visit(node.predicate)
            self.opaque(node.buffer)  # which lanes are written is not followed
            return
        self.use(node.buffer, node.indices, True)

    def visit_call_(self, node: Any) -> None:
        """A call that takes a pointer or a buffer."""
        name = node.op.name if isinstance(node.op, Op) else ""
        for arg in node.args:
            if isinstance(arg, Buffer):
                self.opaque(arg)
            elif name == "tir.address_of" and isinstance(arg, BufferLoad):
                self.opaque(arg.buffer)
            elif isinstance(arg, Var) and arg in self.pointers:
                self.found[arg].append(Use(_named(arg), None, True, tuple(self.path)))
            else:
                self.visit(arg)

    def visit_buffer_region_(self, node: Any) -> None:
        """A region as an argument."""
        self.opaque(node.buffer)


def _named(pointer: Var) -> Buffer:
    return Buffer(pointer, "uint8", (), name=pointer.name)


@dataclass(slots=True)
class Axis:
    """An index: `constant + Σ fixed + Σ varying`; the varying part lies in [low, high]."""

    fixed: list[tuple[PrimExpr, int]]
    varying: list[tuple[PrimExpr, int]]
    low: int
    high: int


def axis_of(index: PrimExpr, fixed: set[Var], ranges: Ranges) -> Axis:
    """An index taken apart; `fixed` are the variables that do not vary. The lanes of a vector vary
    like a loop around it.
    """
    base, lanes, step = taken_apart(index)
    form = ranges.linear(base)
    axis = Axis([], [], form.constant, form.constant)
    if lanes is not None:
        ends = (0, step * (lanes.lanes - 1))
        axis.varying.append((lanes, step))
        axis.low, axis.high = axis.low + min(ends), axis.high + max(ends)
    for atom, factor in form.terms:
        if is_fixed(atom, fixed):
            axis.fixed.append((atom, factor))
            continue
        axis.varying.append((atom, factor))
        least, most = ranges.interval(atom)
        ends = (factor * least, factor * most)
        axis.low, axis.high = axis.low + min(ends), axis.high + max(ends)
    return axis


def is_fixed(expr: PrimExpr, fixed: set[Var]) -> bool:
    """Whether an expression depends on fixed variables alone."""
    for node in pre_order(expr):
        if isinstance(node, BufferLoad) or (isinstance(node, Call) and not _is_pure(node)):
            return False
        if isinstance(node, Var) and node not in fixed:
            return False
    return True


def _is_pure(call: Call) -> bool:
    return isinstance(call.op, Op) and bool(call.op.get_attr("pure"))


def same_terms(a: list[tuple[PrimExpr, int]], b: list[tuple[PrimExpr, int]]) -> bool:
    """Whether two sums are the same, terms compared by structure."""
    if len(a) != len(b):
        return False
    rest = list(b)
    for atom, factor in a:
        for position, (other, other_factor) in enumerate(rest):
            if factor == other_factor and (atom is other or structural_equal(atom, other)):
                del rest[position]
                break
        else:
            return False
    return True


def variables_of(exprs: Any) -> set[Var]:
    """All variables in some expressions."""
    return {node for expr in exprs for node in pre_order(expr) if isinstance(node, Var)}
