"""InlinePrivateFunctions: direct calls of private functions become their bodies.

A call stays where inlining would change the meaning or the form of the caller: the function is
recursive or a fused group (`Primitive`), an argument's shape is only known at run time, or a body
with an `If` would get into a dataflow block.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.calls import recursive_groups
from pellucid.relax.analysis.purity import contains_impure_call
from pellucid.relax.analysis.use_def import all_bindings
from pellucid.relax.analysis.variables import all_global_vars
from pellucid.relax.base_check import is_base_of
from pellucid.relax.call_derivation import SignatureMatch
from pellucid.relax.expr import Call, Expr, Function, If
from pellucid.relax.expr_functor import PyExprMutator
from pellucid.relax.substitution import copy_with_new_vars, substitute_graph
from pellucid.relax.symbolic import signature_vars
from pellucid.relax.transform.private_functions import directly_called


class _Inline(PyExprMutator):
    def __init__(self, mod: IRModule, functions: dict[str, Function]) -> None:
        super().__init__(mod)
        self.mod = mod
        self.functions = functions

    def visit_call_(self, op: Call) -> Any:
        """The body of the function that is called, on these arguments."""
        call = super().visit_call_(op)
        if not isinstance(call, Call) or not isinstance(call.op, GlobalVar):
            return call
        function = self.functions.get(call.op.name_hint)
        if function is None or not self.fits_here(function):
            return call
        call = self.builder_.normalize(call)
        body = _body_for(function, list(getattr(call, "args", ())))
        # What the body calls may be inlined as well.
        return call if body is None else self.visit_expr(body)

    def fits_here(self, function: Function) -> bool:
        """Whether the body may stand in the block that is open."""
        if not self.builder_.current_block_is_dataflow():
            return True
        has_if = any(isinstance(each.value, If) for each in all_bindings(function))
        return not has_if and not contains_impure_call(function, mod=self.mod)


def _body_for(function: Function, args: list[Expr]) -> Expr | None:
    """A copy of the body for these arguments; None when they may not fit before run time."""
    copy = copy_with_new_vars(function)
    infos = [each.struct_info for each in copy.params]
    symbols = signature_vars(infos)
    match = SignatureMatch(symbols)
    for index, (info, arg) in enumerate(zip(infos, args, strict=True)):
        match.bind(index, info, arg.struct_info_)
        if arg.struct_info_ is None or not is_base_of(match.instantiate(info), arg.struct_info_):
            return None
    if any(each not in match.values for each in symbols):
        return None
    return substitute_graph(
        copy.body, {**match.values, **dict(zip(copy.params, args, strict=True))}
    )


@module_pass(opt_level=0, name="InlinePrivateFunctions")
def _inline(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    recursive = {gvar.name_hint for group in recursive_groups(mod) for gvar in group}
    candidates = {
        name: func
        for name, func in directly_called(mod).items()
        if name not in recursive and "Primitive" not in func.attrs
    }
    if not candidates:
        return mod
    inliner = _Inline(mod, candidates)
    functions: dict[Any, Any] = {
        gvar: inliner.visit_expr(func) if isinstance(func, Function) else func
        for gvar, func in mod.items()
    }
    return _without_unused(mod.with_functions(functions), set(candidates))


def _without_unused(mod: IRModule, names: set[str]) -> IRModule:
    """The module without those functions of `names` that nothing calls any more."""
    while True:
        used = {each.name_hint for func in mod.values() for each in all_global_vars(func)}
        unused = names - used
        kept = {gvar: func for gvar, func in mod.items() if gvar.name_hint not in unused}
        if len(kept) == len(mod):
            return mod
        mod = mod.with_functions(kept)


def InlinePrivateFunctions() -> Pass:
    """The pass that puts the bodies of private functions where they are called."""
    return _inline
