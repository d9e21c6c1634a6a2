"""Whether the iterations of a loop may run all at once: no one touches what another one writes.

In: the body of a loop over flat buffers, its variable and number of iterations. Out: None, or the
reason why the iterations depend on their order. Two accesses of one memory are told apart by their
linear forms: with the same step `s` in the loop variable, iterations `x` and `y` meet only if
`s * (x - y)` equals the difference of the rest, of which an interval is known. Quotients and
remainders of the variable of a short loop are computed for each iteration instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.arith.evaluate import evaluate
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Visitor, pre_order
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.stmt import Stmt
from pellucid.tir.transform.index_ranges import Linear, Ranges

MOST_TABULATED = 64
"""Loops of more iterations are judged by linear forms alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """An access of a flat buffer; `stores` says that it writes."""

    buffer: Buffer
    index: PrimExpr
    stores: bool


class _Accesses(Visitor):
    """Collects accesses, and the variables that are defined inside."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        self.found: list[Access] = []
        self.inner: set[Var] = set()
        self.private: set[Var] = set()
        self.loops = False

    def visit_for_(self, node: Any) -> None:
        """A loop inside: its variable has a range."""
        bind_loop(self.ranges, node)
        self.loops = True
        self.inner.add(node.loop_var)
        self.visit_default(node)

    def visit_let_stmt_(self, node: Any) -> None:
        """A name inside."""
        self.inner.add(node.var)
        self.visit_default(node)

    visit_let_ = visit_let_stmt_

    def visit_allocate_(self, node: Any) -> None:
        """Memory that each iteration has for itself."""
        self.private.add(node.buffer_var)
        self.visit_default(node)

    def visit_buffer_load_(self, node: Any) -> None:
        """A load."""
        self.found.append(Access(node.buffer, node.indices[-1], False))
        self.visit_default(node)

    def visit_buffer_store_(self, node: Any) -> None:
        """A store."""
        self.found.append(Access(node.buffer, node.indices[-1], True))
        self.visit_default(node)

    def fixed(self, expr: PrimExpr, var: Var) -> bool:
        """Whether an expression has one value for all iterations."""
        for node in pre_order(expr):
            if isinstance(node, BufferLoad) or node is var or node in self.inner:
                return False
        return True


def bind_loop(ranges: Ranges, loop: Any) -> None:
    """Enter the range of a loop's variable."""
    low, high = ranges.interval(loop.min)
    most = ranges.interval(loop.extent)[1]
    ranges.bind(loop.loop_var, low, high + max(most, 1) - 1)


def _atoms(form: Linear) -> dict[PrimExpr, int]:
    return dict(form.terms)


def _rest(
    a: dict[PrimExpr, int], b: dict[PrimExpr, int], inner: set[Var], ranges: Ranges
) -> tuple[int, int]:
    """An interval of `Σ b - Σ a`, where inner variables differ between the two."""
    low = high = 0
    for atom in {**a, **b}:
        x, y = a.get(atom, 0), b.get(atom, 0)
        varies = atom in inner
        if not varies and x == y:
            continue
        least, most = ranges.interval(atom)
        for factor in [-x, y] if varies else [y - x]:
            ends = (factor * least, factor * most)
            low, high = low + min(ends), high + max(ends)
    return low, high


def _without_equal(a: dict[PrimExpr, int], b: dict[PrimExpr, int]) -> None:
    """Take out the atoms that both forms have, as different objects of one structure."""
    for atom in [each for each in a if not isinstance(each, Var)]:
        for other in [each for each in b if not isinstance(each, Var)]:
            if a.get(atom) == b[other] and structural_equal(atom, other):
                del b[other]
                a.pop(atom)
                break


def _meet(step: int, lanes: int, rest: tuple[int, int]) -> bool:
    """Whether `step * m` is in the interval for some m with 0 < |m| < lanes."""
    step = abs(step)
    low, high = rest
    for sign in (1, -1):
        first, last = sorted((sign * step, sign * step * (lanes - 1)))
        if first <= high and low <= last:
            begin = max(low, first)
            multiple = -(-begin // step) * step
            if multiple <= min(high, last):
                return True
    return False


def _is_own(atom: PrimExpr, var: Var) -> bool:
    """Whether an expression depends on the loop variable, and on nothing else."""
    used = {node for node in pre_order(atom) if isinstance(node, Var | BufferLoad | Call)}
    return used == {var}


def _offsets(atoms: dict[PrimExpr, int], var: Var, lanes: int, ranges: Ranges) -> list[int] | None:
    """What the atoms that depend on the loop variable alone come to in each iteration; they are
    taken out. None for long loops, and where the iterations do not start at a constant.
    """
    low, high = ranges.interval(var)
    if lanes > MOST_TABULATED or high - low + 1 != lanes:
        return None
    own = [(atom, factor) for atom, factor in atoms.items() if _is_own(atom, var)]
    for atom, _ in own:
        del atoms[atom]
    try:
        return [
            sum(factor * int(evaluate(atom, {var: value})) for atom, factor in own)
            for value in range(low, high + 1)
        ]
    except ZeroDivisionError:
        return None  # an error when it runs, if it runs


def _table_conflict(
    name: str,
    mine: list[int],
    others: list[int],
    one: tuple[Linear, dict[PrimExpr, int]],
    other: tuple[Linear, dict[PrimExpr, int]],
    var: Var,
    seen: _Accesses,
) -> str | None:
    """Why two accesses depend on the order, whose distances in each iteration are known."""
    (a, left), (b, right) = one, other
    if any(not isinstance(atom, Var) and not seen.fixed(atom, var) for atom in (*left, *right)):
        return f"an index of {name!r} is not linear"
    _without_equal(left, right)
    low, high = _rest(left, right, seen.inner, seen.ranges)
    shift = b.constant - a.constant
    for x, first in enumerate(mine):
        for y, second in enumerate(others):
            if x != y and low + shift <= first - second <= high + shift:
                return f"an iteration accesses elements of {name!r} that another one writes"
    return None


def _conflict(one: Access, other: Access, var: Var, lanes: int, seen: _Accesses) -> str | None:
    """Why two accesses of one memory, at least one of them a store, depend on the order."""
    name = one.buffer.name
    if one.buffer.dtype != other.buffer.dtype:
        return f"{name!r} is accessed as two dtypes"
    a, b = seen.ranges.linear(one.index), seen.ranges.linear(other.index)
    left, right = _atoms(a), _atoms(b)
    if any(_is_own(atom, var) and atom is not var for atom in (*left, *right)):
        own = _offsets(left, var, lanes, seen.ranges), _offsets(right, var, lanes, seen.ranges)
        if own[0] is not None and own[1] is not None:
            return _table_conflict(name, own[0], own[1], (a, left), (b, right), var, seen)
    step, step_other = left.pop(var, 0), right.pop(var, 0)
    if step != step_other:
        return f"{name!r} is accessed with different steps"
    if step == 0:
        return f"all iterations access the same elements of {name!r}, and write there"
    if any(not isinstance(atom, Var) and not seen.fixed(atom, var) for atom in (*left, *right)):
        return f"an index of {name!r} is not linear"
    _without_equal(left, right)
    low, high = _rest(left, right, seen.inner, seen.ranges)
    shift = b.constant - a.constant
    if _meet(step, lanes, (low + shift, high + shift)):
        return f"an iteration accesses elements of {name!r} that another one writes"
    return None


def _is_linear(index: PrimExpr, ranges: Ranges) -> bool:
    return all(isinstance(atom, Var) for atom, _ in ranges.linear(index).terms)


def lane_conflict(body: Stmt, var: Var, lanes: int, ranges: Ranges) -> str | None:
    """Why `lanes` iterations over `var` cannot run all at once, or None."""
    seen = _Accesses(ranges)
    seen.visit(body)
    by_memory: dict[Var, list[Access]] = {}
    for access in seen.found:
        if access.buffer.data not in seen.private:
            by_memory.setdefault(access.buffer.data, []).append(access)
    for accesses in by_memory.values():
        alone = len(accesses) == 1 and not seen.loops
        if alone and not _is_linear(accesses[0].index, ranges):
            continue  # A scatter keeps the order of its lanes.
        for position, one in enumerate(accesses):
            for other in accesses[position:]:
                if not (one.stores or other.stores):
                    continue
                reason = _conflict(one, other, var, lanes, seen)
                if reason is not None:
                    return reason
    return None
