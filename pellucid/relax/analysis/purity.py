"""Effects: which calls may have any.

A call of an operator has effects unless the operator's record says it is pure; a call of a function
has those that its signature admits; making a function or a closure has none.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.relax.expr import Call, Expr, Function
from pellucid.relax.expr_functor import PyExprVisitor
from pellucid.relax.struct_info import FuncStructInfo


def is_impure_call(call: Call, mod: IRModule | None = None) -> bool:
    """Whether a call may have effects. `mod` tells about its functions; without it a call of a
    GlobalVar counts as one that may.
    """
    op = call.op
    if isinstance(op, Op):
        return op.get_attr("FPurity") is not True
    info: Any = op.struct_info_
    if isinstance(op, GlobalVar):
        function = None if mod is None else mod.get(op)
        info = info if function is None else function.struct_info_
    return not (isinstance(info, FuncStructInfo) and info.purity)


class _FindImpure(PyExprVisitor):
    def __init__(self, own_name: Any, mod: IRModule | None) -> None:
        super().__init__()
        self.own_name = own_name
        self.mod = mod
        self.found: Call | None = None

    def visit_call_(self, op: Call) -> None:
        """Note the first call with effects, but for a function's call of itself."""
        if self.found is None and op.op is not self.own_name and is_impure_call(op, self.mod):
            self.found = op
        super().visit_call_(op)

    def visit_function_(self, op: Function) -> None:
        """Defining a function has no effect."""


def find_impure_call(expr: Expr, own_name: Any = None, mod: IRModule | None = None) -> Call | None:
    """The first call in `expr` that may have effects, or None.

    Of a function its body is looked at; functions defined within are not, until they are called.
    Calls of `own_name` (a recursive function's own variable) are passed over.
    """
    finder = _FindImpure(own_name, mod)
    finder.visit_expr(expr.body if isinstance(expr, Function) else expr)
    return finder.found


def contains_impure_call(expr: Expr, own_name: Any = None, mod: IRModule | None = None) -> bool:
    """Whether `expr` holds a call that may have effects; see `find_impure_call`."""
    return find_impure_call(expr, own_name, mod) is not None
