"""RemoveUnusedParameters: private functions lose the parameters that they do not use."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.variables import all_symbolic_vars, used_vars
from pellucid.relax.expr import Call, Expr, Function, Var
from pellucid.relax.symbolic import definable_tir_vars_in_struct_info, tir_vars_in_struct_info
from pellucid.relax.transform.private_functions import (
    call_with,
    directly_called,
    with_changed_functions,
)


def _kept(func: Function) -> list[int]:
    """The numbers of the parameters that are used, or that alone show a dimension that is."""
    used = set(used_vars(func.body))
    if func.ret_struct_info is not None:
        used.update(used_vars(func.ret_struct_info))
    kept = {index for index, param in enumerate(func.params) if param in used}
    for index in sorted(kept):
        used.update(used_vars(func.params[index].struct_info))
    needed = set(all_symbolic_vars(func.body))
    if func.ret_struct_info is not None:
        needed.update(tir_vars_in_struct_info(func.ret_struct_info))
    for index in kept:
        needed.update(tir_vars_in_struct_info(func.params[index].struct_info))
    shown = {v for index in kept for v in _shown(func.params[index])}
    for index, param in enumerate(func.params):
        if param in used or (needed & set(_shown(param))) - shown:
            kept.add(index)
            shown.update(_shown(param))
    return sorted(kept)


def _shown(param: Var) -> list[object]:
    return list(definable_tir_vars_in_struct_info(param.struct_info))


def _rule(kept: list[int]) -> Callable[[Call], Expr]:
    return lambda call: call_with(call, [call.args[index] for index in kept])


@module_pass(opt_level=0, name="RemoveUnusedParameters")
def _remove(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    changed: dict[str, Function] = {}
    rules: dict[str, Callable[[Call], Expr]] = {}
    for name, func in directly_called(mod).items():
        kept = _kept(func)
        if len(kept) < len(func.params):
            params = [func.params[index] for index in kept]
            changed[name] = Function(
                params, func.body, func.ret_struct_info, func.is_pure, func.attrs, func.span
            )
            rules[name] = _rule(kept)
    return with_changed_functions(mod, changed, rules)


def RemoveUnusedParameters() -> Pass:
    """The pass that drops parameters of private functions that are only called directly; one that
    alone shows a symbolic dimension in use stays.
    """
    return _remove
