"""Private functions whose every use is a direct call: their signature may be changed.

In: a module. Out: those functions, and the rewriting of the calls of a function. Used by the passes
that expand, drop or inline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.relax.expr import Call, Expr, Function
from pellucid.relax.expr_functor import PyExprMutator, PyExprVisitor
from pellucid.relax.normal_form import same_elements


class _OtherUses(PyExprVisitor):
    """Finds the functions that are used otherwise than by calling them directly."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_call_(self, op: Call) -> None:
        """The callee of a direct call is no other use."""
        if not isinstance(op.op, GlobalVar):
            self.visit_expr(op.op)
        for each in op.args:
            self.visit_expr(each)

    def visit_global_var_(self, op: GlobalVar) -> None:
        """Any other place is."""
        self.found.add(op.name_hint)


def used_otherwise(mod: IRModule) -> set[str]:
    """The names of the functions of which some use is no direct call."""
    uses = _OtherUses()
    for function in mod.values():
        uses.visit_expr(function)
    return uses.found


def directly_called(mod: IRModule) -> dict[str, Function]:
    """The private graph functions, by name, of which every use is a direct call."""
    other = used_otherwise(mod)
    return {
        gvar.name_hint: function
        for gvar, function in mod.items()
        if isinstance(function, Function)
        and "global_symbol" not in function.attrs
        and gvar.name_hint not in other
    }


class RewriteCalls(PyExprMutator):
    """Rewrites the direct calls of some functions: `rules[name](call)` gives the replacement."""

    def __init__(self, mod: IRModule, rules: dict[str, Callable[[Call], Expr]]) -> None:
        super().__init__(mod)
        self.rules = rules

    def visit_call_(self, op: Call) -> Any:
        """Apply the rule of the function that is called, if there is one."""
        call = super().visit_call_(op)
        if isinstance(call, Call) and isinstance(call.op, GlobalVar):
            rule = self.rules.get(call.op.name_hint)
            if rule is not None:
                return rule(call)
        return call


def with_changed_functions(
    mod: IRModule, changed: dict[str, Function], rules: dict[str, Callable[[Call], Expr]]
) -> IRModule:
    """The module with some functions replaced, and the calls of some rewritten."""
    if not changed and not rules:
        return mod
    replaced: dict[Any, Any] = {
        gvar: changed.get(gvar.name_hint, func) for gvar, func in mod.items()
    }
    base = mod.with_functions(replaced)
    rewriter = RewriteCalls(base, rules)
    functions = {
        gvar: rewriter.visit_expr(func) if isinstance(func, Function) else func
        for gvar, func in base.items()
    }
    return base.with_functions(functions)


def call_with(call: Call, args: list[Expr]) -> Call:
    """The call on other arguments; the same object when they are the same."""
    return call if same_elements(args, call.args) else call.replace(args=tuple(args))
