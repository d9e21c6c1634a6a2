"""RemoveNoOp: statements that do nothing go: empty loops and choices, constants that are evaluated.

Before: any stage. After: the same meaning without them. A condition or a bound that has an effect
(a call that is not pure) stays.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.op import Op
from pellucid.ir.scalar import Call, Div, FloorDiv, FloorMod, Mod, Var
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Evaluate, SeqStmt
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, is_nothing
from pellucid.tir.transform.passes import stage


def has_no_effect(expr: Any) -> bool:
    """Whether leaving out the evaluation of an expression makes no difference."""
    for node in pre_order(expr):
        if isinstance(node, Call) and not (
            isinstance(node.op, Op) and bool(node.op.get_attr("pure"))
        ):
            return False
        if isinstance(node, BufferLoad | Div | Mod | FloorDiv | FloorMod):
            return False
    return True


class _Remove(Folder):
    def visit_for_(self, node: Any) -> Any:
        """A loop without a body."""
        new = self.visit_default(node)
        quiet = has_no_effect(new.min) and has_no_effect(new.extent)
        return Evaluate(0) if is_nothing(new.body) and quiet else new

    def visit_if_then_else_(self, node: Any) -> Any:
        """A choice between nothing and nothing; an else that does nothing."""
        new = super().visit_if_then_else_(node)
        if is_nothing(new) or not hasattr(new, "then_case"):
            return new
        if is_nothing(new.then_case) and is_nothing(new.else_case) and has_no_effect(new.condition):
            return Evaluate(0)
        if new.else_case is not None and is_nothing(new.else_case):
            return new.replace(else_case=None)
        return new

    def visit_let_stmt_(self, node: Any) -> Any:
        """A name that nothing uses."""
        new = self.visit_default(node)
        used = any(each is new.var for each in pre_order(new.body) if isinstance(each, Var))
        if used or not has_no_effect(new.value):
            return new
        return new.body

    def visit_evaluate_(self, node: Any) -> Any:
        """A value that nobody takes."""
        return Evaluate(0) if not is_nothing(node) and has_no_effect(node.value) else node


def remove_no_op(func: PrimFunc) -> PrimFunc:
    """The function without statements that do nothing."""
    return func.with_body(_Remove().visit(func.body))


def verify_no_no_op(func: PrimFunc) -> None:
    """No sequence has a part that does nothing."""
    forbid(
        func,
        "RemoveNoOp",
        "statement without effect in a sequence",
        lambda node: isinstance(node, SeqStmt) and any(is_nothing(each) for each in node.seq),
    )


def RemoveNoOp() -> Pass:
    """The pass that removes what does nothing."""
    return stage("RemoveNoOp", remove_no_op, verify_no_no_op)
