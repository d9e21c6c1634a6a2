"""UpdateParamStructInfo: parameters get other struct infos, and what follows is inferred anew."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.expr import Expr, Function, Var
from pellucid.relax.expr_functor import PyExprMutator
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.transform.passes import function_pass


class _Update(PyExprMutator):
    def __init__(self, mod: IRModule, choose: Callable[[Var], StructInfo | None]) -> None:
        super().__init__(mod)
        self.choose = choose

    def visit_function_(self, op: Function) -> Expr:
        """The function of the new parameters; its result is derived."""
        params = [self.updated(each) for each in op.params]
        if all(a is b for a, b in zip(params, op.params, strict=True)):
            return super().visit_function_(op)
        body = self.visit_with_new_scope(op.body, params)
        return Function(params, body, None, op.is_pure, op.attrs, op.span)

    def updated(self, param: Var) -> Var:
        """A parameter with its new struct info, if it gets one."""
        new = self.with_struct_info(param, self.choose(param))
        if new is not param:
            self.set_var_remap(param, new)
        return new


def UpdateParamStructInfo(sinfo_func: Callable[[Var], StructInfo | None]) -> Pass:
    """The pass that gives each parameter the struct info that `sinfo_func(param)` returns; None
    leaves it.
    """

    @function_pass(opt_level=0, name="UpdateParamStructInfo")
    def update(func: Function, mod: IRModule, ctx: PassContext) -> Function:
        del ctx
        return _Update(mod, sinfo_func).visit_expr(func)

    return update
