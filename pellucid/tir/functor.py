"""Visitors and mutators over loop programs, for passes and for users.

    @tir.functor.mutator
    class Doubler(tir.PyStmtExprMutator):
        def visit_float_imm_(self, op):
            return tir.const(op.value * 2, op.dtype)

    func = func.with_body(Doubler().visit_stmt(func.body))

A class overrides `visit_<node>_` for the nodes it cares for (the class in snake case: `visit_for_`,
`visit_buffer_load_`); `super().visit_<node>_(op)` walks or rebuilds the children. A method that
fits no node is refused when the class is defined. Where nothing changes, a mutator gives back the
very same object; a sequence whose parts change stays flat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from pellucid.ir.node import node_names
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.visitor import Mutator, Visitor
from pellucid.tir.stmt import SeqStmt, Stmt, seq

T = TypeVar("T", bound="type[Any]")


class StmtMutator(Mutator):
    """Rebuilds statements; expressions are left as they are, except variables that are replaced."""

    def visit(self, node: Any) -> Any:
        """Only statements and what they consist of are visited."""
        if isinstance(node, PrimExpr) and not self.replaced:
            return node
        return super().visit(node)

    def visit_seq_stmt_(self, statements: SeqStmt) -> Stmt:
        """The sequence with its parts replaced, flat."""
        return flat_sequence(self, statements)


class StmtExprMutator(Mutator):
    """Rebuilds statements and expressions."""

    def visit_seq_stmt_(self, statements: SeqStmt) -> Stmt:
        """The sequence with its parts replaced, flat."""
        return flat_sequence(self, statements)


def flat_sequence(mutator: Mutator, statements: SeqStmt) -> Stmt:
    """A sequence with its parts replaced; a part may become several, or None for none."""
    new = [mutator.visit(each) for each in statements.seq]
    if all(a is b for a, b in zip(new, statements.seq, strict=True)):
        return statements
    return seq(*new)


class StmtVisitor(Visitor):
    """Walks statements; expressions are not entered."""

    def visit(self, node: Any) -> Any:
        """Only statements and what they consist of are visited."""
        return None if isinstance(node, PrimExpr) else super().visit(node)


ExprVisitor = Visitor
ExprMutator = Mutator
StmtExprVisitor = Visitor


class _WithDefaults:
    """Lets a user's method for a base class (`visit_binary_op_`) go before the defaults."""

    _methods: ClassVar[dict[Any, Any]]

    @classmethod
    def _method(cls, kind: type[Any]) -> Callable[..., Any] | None:
        """The user's own method for a node class; None for the default."""
        if kind not in cls._methods:
            names = [getattr(base, "node_name", "node") for base in kind.__mro__]
            found = [getattr(cls, f"visit_{name}_", None) for name in names]
            own = [each for each in found if each is not None and each not in _DEFAULTS]
            cls._methods[kind] = own[0] if own else None
        return cls._methods[kind]


class PyStmtExprVisitor(_WithDefaults, Visitor):
    """Base of users' visitors; every `visit_<node>_` has a default, which walks the children."""

    def visit_stmt(self, stmt: Stmt) -> None:
        """Walk a statement."""
        self.visit(stmt)

    def visit_expr(self, expr: PrimExpr) -> None:
        """Walk an expression."""
        self.visit(expr)


class PyStmtExprMutator(_WithDefaults, StmtExprMutator):
    """Base of users' mutators; every `visit_<node>_` has a default, which rebuilds the children."""

    def visit_stmt(self, stmt: Stmt) -> Stmt:
        """The statement, rebuilt."""
        return self.visit(stmt)

    def visit_expr(self, expr: PrimExpr) -> PrimExpr:
        """The expression, rebuilt."""
        return self.visit(expr)


def walk_children(self: Any, op: Any) -> None:
    """The default of a visitor's methods."""
    if not op.is_variable:
        self.visit_default(op)


def rebuild_children(self: Any, op: Any) -> Any:
    """The default of a mutator's methods."""
    return self.replaced.get(op, op) if op.is_variable else self.visit_default(op)


_DEFAULTS = (walk_children, rebuild_children)


def _add_defaults(cls: type[Any], default: Callable[[Any, Any], Any]) -> None:
    """Give the class a method for each node, so that `super().visit_…_` always exists."""
    for name in node_names - {"node"}:
        method = f"visit_{name}_"
        if not hasattr(cls, method):
            setattr(cls, method, default)


_add_defaults(PyStmtExprVisitor, walk_children)
_add_defaults(PyStmtExprMutator, rebuild_children)


def visitor(cls: T) -> T:
    """Mark a user's visitor; the class is used as it is."""
    return _require(cls, PyStmtExprVisitor)


def mutator(cls: T) -> T:
    """Mark a user's mutator; the class is used as it is."""
    return _require(cls, PyStmtExprMutator)


def _require(cls: T, base: type[Any]) -> T:
    if not issubclass(cls, base):
        raise TypeError(f"{cls.__name__} must inherit from {base.__name__}")
    return cls


__all__ = [
    "ExprMutator",
    "ExprVisitor",
    "PyStmtExprMutator",
    "PyStmtExprVisitor",
    "StmtExprMutator",
    "StmtExprVisitor",
    "StmtMutator",
    "StmtVisitor",
    "mutator",
    "visitor",
]
