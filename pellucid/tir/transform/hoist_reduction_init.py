"""HoistReductionInit: what happens in the first iteration only moves in front of the loop.

    for k in range(64):                          C[i] = 0
        if k == 0:                        →      for k in range(64):
            C[i] = 0                                 C[i] = C[i] + A[i, k]
        C[i] = C[i] + A[i, k]

Before: no blocks. After: the same meaning. A loop that stands between is split in two when its
iterations do not depend on each other, so that the init gets out of several loops.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import const, gt, logical_and
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, And, IntImm, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For, ForKind, IfThenElse, SeqStmt, Stmt, seq
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, fold_substitute, keep_loop
from pellucid.tir.transform.fresh_copy import fresh_copy
from pellucid.tir.transform.index_ranges import Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop, lane_conflict
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.vectorize_loop import function_ranges

_IN_ORDER = (ForKind.SERIAL, ForKind.UNROLLED)


class _Hoist(Folder):
    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        self.around: dict[Var, For] = {}

    def visit_for_(self, node: Any) -> Any:
        """A loop, after those inside it."""
        bind_loop(self.ranges, node)
        self.around[node.loop_var] = node
        loop = keep_loop(node, body=self.visit(node.body))
        del self.around[node.loop_var]
        found = _leading_choice(loop.body)
        if found is None:
            return loop
        choice, rest = found
        if _mentions(choice.condition, loop.loop_var):
            return self.first_iteration(loop, choice, rest)
        return self.fission(loop, choice, rest)

    def first_iteration(self, loop: For, choice: IfThenElse, rest: Stmt) -> Stmt:
        """Move out what the condition restricts to the first iteration."""
        if loop.kind not in _IN_ORDER:
            return loop
        others = _without_start(choice.condition, loop)
        if others is None:
            return loop
        if not (isinstance(loop.extent, IntImm) and loop.extent.value >= 1):
            others = [gt(loop.extent, const(0, loop.extent.dtype)), *others]
        init = fold_substitute(choice.then_case, {loop.loop_var: loop.min})
        return seq(_under(others, init), loop.replace(body=rest))

    def fission(self, loop: For, choice: IfThenElse, rest: Stmt) -> Stmt:
        """Give the init a loop of its own, where the iterations are independent."""
        if loop.kind not in (*_IN_ORDER, ForKind.VECTORIZED) or not self.is_start(choice.condition):
            return loop
        if not isinstance(loop.extent, IntImm):
            return loop
        lanes = loop.extent.value
        if lane_conflict(loop.body, loop.loop_var, lanes, self.ranges) is not None:
            return loop
        own = fresh_copy(loop.replace(body=choice.then_case))
        return seq(IfThenElse(choice.condition, own), loop.replace(body=rest))

    def is_start(self, condition: PrimExpr) -> bool:
        """Whether a condition says only that loops around are in their first iteration."""
        for each in _conjuncts(condition):
            loop = (
                self.around.get(each.a)
                if isinstance(each, EQ) and isinstance(each.a, Var)
                else None
            )
            if loop is None or not structural_equal(getattr(each, "b", None), loop.min):
                return False
        return True


def _leading_choice(body: Stmt) -> tuple[IfThenElse, Stmt] | None:
    """A choice without else at the head of a sequence, and the rest of the sequence."""
    if not isinstance(body, SeqStmt) or not isinstance(body.seq[0], IfThenElse):
        return None
    choice = body.seq[0]
    reads = any(isinstance(node, BufferLoad) for node in pre_order(choice.condition))
    if choice.else_case is not None or reads:
        return None
    return choice, seq(*body.seq[1:])


def _conjuncts(condition: PrimExpr) -> list[PrimExpr]:
    if isinstance(condition, And):
        return _conjuncts(condition.a) + _conjuncts(condition.b)
    return [condition]


def _without_start(condition: PrimExpr, loop: For) -> list[PrimExpr] | None:
    """The condition without `variable == start of the loop`; None if it does not say that."""
    others: list[PrimExpr] = []
    for each in _conjuncts(condition):
        if isinstance(each, EQ) and each.a is loop.loop_var and structural_equal(each.b, loop.min):
            continue
        if _mentions(each, loop.loop_var):
            return None
        others.append(each)
    return others


def _under(conditions: list[PrimExpr], statement: Stmt) -> Stmt:
    """A statement under all of some conditions."""
    if not conditions:
        return statement
    condition = conditions[0]
    for each in conditions[1:]:
        condition = logical_and(condition, each)
    return IfThenElse(condition, statement)


def _mentions(expr: PrimExpr, var: Var) -> bool:
    return any(node is var for node in pre_order(expr))


def hoist_reduction_init(func: PrimFunc) -> PrimFunc:
    """The function with inits in front of their loops."""
    return func.with_body(_Hoist(function_ranges(func)).visit(func.body))


def verify_hoisted(func: PrimFunc) -> None:
    """No serial loop begins with something for its first iteration only."""
    forbid(func, "HoistReductionInit", "condition on the first iteration", _is_left)


def _is_left(node: Any) -> bool:
    if not isinstance(node, For) or node.kind not in _IN_ORDER:
        return False
    found = _leading_choice(node.body)
    if found is None or not _mentions(found[0].condition, node.loop_var):
        return False
    return _without_start(found[0].condition, node) is not None


def HoistReductionInit() -> Pass:
    """The pass that moves the init of reductions in front of their loops."""
    return stage("HoistReductionInit", hoist_reduction_init, verify_hoisted)
