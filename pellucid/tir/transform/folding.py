"""Rebuilding expressions so that constants fold: what lowering stages use after they put values in.

In: a tree in which variables are replaced. Out: the tree in which every arithmetic node that
changed was built again by the folding functions of `ir.arithmetic`. Nodes that do not change stay
the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from pellucid.ir import arithmetic
from pellucid.ir.node import Node, map_value
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Call,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Or,
    Sub,
)
from pellucid.ir.visitor import Mutator
from pellucid.tir.stmt import Evaluate, For, IfThenElse, Stmt, seq

_BINARY: dict[type[PrimExpr], Callable[[Any, Any], PrimExpr]] = {
    Add: arithmetic.add,
    Sub: arithmetic.sub,
    Mul: arithmetic.mul,
    Min: arithmetic.minimum,
    Max: arithmetic.maximum,
    And: arithmetic.logical_and,
    Or: arithmetic.logical_or,
    LT: arithmetic.lt,
    LE: arithmetic.le,
    GT: arithmetic.gt,
    GE: arithmetic.ge,
}
_DIVISIONS: dict[type[PrimExpr], Callable[[Any, Any], PrimExpr]] = {
    Div: arithmetic.truncdiv,
    Mod: arithmetic.truncmod,
    FloorDiv: arithmetic.floordiv,
    FloorMod: arithmetic.floormod,
}


def is_nothing(statement: Stmt | None) -> bool:
    """Whether a statement does nothing: absent, or the evaluation of a constant."""
    return statement is None or (
        isinstance(statement, Evaluate) and isinstance(statement.value, IntImm)
    )


def equals(a: PrimExpr, b: PrimExpr) -> PrimExpr:
    """`a == b`, folded where both are integer constants or the same object."""
    if isinstance(a, IntImm) and isinstance(b, IntImm):
        return arithmetic.const(a.value == b.value, "bool")
    if a is b and not a.dtype.is_float and a.dtype.lanes == 1:
        return arithmetic.const(True, "bool")
    return EQ(a, b)


class Folder(Mutator):
    """A mutator that folds every arithmetic node whose operands changed."""

    def __init__(self, mapping: Mapping[Any, Any] | None = None) -> None:
        super().__init__()
        self.replaced.update(mapping or {})

    def visit_binary_op_(self, node: Any) -> Any:
        """Arithmetic and comparisons."""
        return rebuilt_binary(node, self.visit(node.a), self.visit(node.b))

    def visit_not_(self, node: Any) -> Any:
        """A negation."""
        a = self.visit(node.a)
        return node if a is node.a else arithmetic.logical_not(a)

    def visit_cast_(self, node: Any) -> Any:
        """A conversion."""
        value = self.visit(node.value)
        return node if value is node.value else arithmetic.cast_to(node.dtype, value)

    def visit_select_(self, node: Any) -> Any:
        """A choice whose condition may have become constant."""
        new = self.visit_default(node)
        if new is not node and isinstance(new.condition, IntImm):
            return new.true_value if new.condition.value else new.false_value
        return new

    def visit_call_(self, node: Any) -> Any:
        """`if_then_else` whose condition may have become constant."""
        new = self.visit_default(node)
        if new is node or not is_op(new, "tir.if_then_else"):
            return new
        condition, true_value, false_value = new.args
        if isinstance(condition, IntImm):
            return true_value if condition.value else false_value
        return new

    def visit_if_then_else_(self, node: Any) -> Any:
        """A branch whose condition may have become constant."""
        condition = self.visit(node.condition)
        if condition is not node.condition and isinstance(condition, IntImm):
            chosen = node.then_case if condition.value else node.else_case
            return Evaluate(0) if chosen is None else self.visit(chosen)
        then_case = self.visit(node.then_case)
        else_case = None if node.else_case is None else self.visit(node.else_case)
        if (
            condition is node.condition
            and then_case is node.then_case
            and else_case is node.else_case
        ):
            return node
        return IfThenElse(condition, then_case, else_case, span=node.span)

    def visit_seq_stmt_(self, node: Any) -> Any:
        """A sequence stays flat, and loses what does nothing."""
        parts = [self.visit(each) for each in node.seq]
        if all(a is b for a, b in zip(parts, node.seq, strict=True)):
            return node
        return seq(*[part for part in parts if not is_nothing(part)])


def rebuilt_binary(node: Any, a: PrimExpr, b: PrimExpr) -> PrimExpr:
    """The operation `node` of other operands, folded; the node itself when they are its own."""
    if a is node.a and b is node.b:
        return node
    kind = cast("type[BinaryOp]", type(node))
    if kind is EQ or kind is NE:
        same = equals(a, b)
        if kind is EQ:
            return same
        return arithmetic.logical_not(same) if isinstance(same, IntImm) else NE(a, b)
    if kind in _DIVISIONS and not a.dtype.is_float and not _is_zero(b):
        return _DIVISIONS[kind](a, b)
    if kind in _BINARY and not (a.dtype.is_bool and issubclass(kind, Add | Sub | Mul)):
        return _BINARY[kind](a, b)
    return kind(a, b)


def _is_zero(value: PrimExpr) -> bool:
    return isinstance(value, IntImm) and value.value == 0


def fold_substitute(tree: Any, mapping: Mapping[Any, Any]) -> Any:
    """The tree (or tuple of trees) with variables replaced and constants folded."""
    return map_value(tree, Folder(mapping).visit) if mapping else tree


def is_op(node: Node, *names: str) -> bool:
    """Whether a node is a call of one of the operators `names`."""
    return isinstance(node, Call) and isinstance(node.op, Op) and node.op.name in names


def op_name(call: Call) -> str:
    """The name of the operator that is called; "" when a function of the module is."""
    return call.op.name if isinstance(call.op, Op) else ""


def keep_loop(loop: For, **changes: Any) -> For:
    """The loop with some fields changed; the same object when all are the same objects."""
    if all(getattr(loop, name) is value for name, value in changes.items()):
        return loop
    return loop.replace(**changes)


__all__ = [
    "Folder",
    "equals",
    "fold_substitute",
    "is_nothing",
    "is_op",
    "keep_loop",
    "op_name",
    "rebuilt_binary",
]
