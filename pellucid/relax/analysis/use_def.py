"""Who uses what: variables, their uses and what they are bound to."""

from __future__ import annotations

from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    DataflowBlock,
    Expr,
    Function,
    Var,
    VarBinding,
)
from pellucid.relax.expr_functor import PyExprVisitor


def udchain(block: DataflowBlock | BindingBlock) -> dict[Var, list[Var]]:
    """For each variable that occurs in a block: the variables of the bindings that use it."""
    users: dict[Var, dict[Var, None]] = {}
    for binding in block.bindings:
        for each in used_vars(binding.value):
            users.setdefault(each, {})[binding.var] = None
        users.setdefault(binding.var, {})
    return {var: list(found) for var, found in users.items()}


class _Bindings(PyExprVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Binding] = []

    def visit_binding(self, binding: Binding) -> None:
        """Note the binding, and those within its value."""
        self.found.append(binding)
        super().visit_binding(binding)


def all_bindings(expr: Expr) -> list[Binding]:
    """Every binding in `expr`, in order, those of branches and local functions included."""
    visitor = _Bindings()
    visitor.visit_expr(expr)
    return visitor.found


def name_to_binding(func: Function) -> dict[str, list[Binding]]:
    """The bindings of a function by the name of their variable."""
    table: dict[str, list[Binding]] = {}
    for binding in all_bindings(func):
        table.setdefault(binding.var.name_hint, []).append(binding)
    return table


def get_var2val(func: Function) -> dict[Var, Expr]:
    """What each variable of a function is bound to (match casts left out)."""
    return {each.var: each.value for each in all_bindings(func) if isinstance(each, VarBinding)}


def count_uses(expr: Expr) -> dict[Var, int]:
    """How often each variable is used in `expr` (0 for those that are only bound)."""
    counter = _Uses()
    counter.visit_expr(expr)
    return counter.count


class _Uses(PyExprVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.count: dict[Var, int] = {}

    def visit_var_(self, op: Var) -> None:
        """Count a use."""
        self.count[op] = self.count.get(op, 0) + 1

    def visit_var_def(self, var: Var) -> None:
        """Enter a definition."""
        self.count.setdefault(var, 0)
        super().visit_var_def(var)
