"""BindSymbolicVars: symbolic dimensions become numbers or other expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.scalar import as_expr
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.variables import all_symbolic_vars
from pellucid.relax.expr import Function, bind_symbolic_vars_hook
from pellucid.relax.struct_info import shape_value
from pellucid.relax.substitution import substitute_graph
from pellucid.support.errors import RegistryError, TypeMismatchError, did_you_mean


def _named(func: Function, key: str | TirVar) -> list[TirVar]:
    """The symbolic variables of a function that a key stands for."""
    found = all_symbolic_vars(func)
    if isinstance(key, TirVar):
        return [key] if key in found else []
    return [each for each in found if each.name == key]


def _substitution(func: Function, binding_map: Mapping[Any, Any]) -> dict[TirVar, PrimExpr]:
    table: dict[TirVar, PrimExpr] = {}
    for key, value in binding_map.items():
        variables = _named(func, key)
        if len(variables) > 1:
            raise RegistryError(
                f"The function has {len(variables)} symbolic variables named {key!r}.",
                cure="give the variable itself as the key",
            )
        for each in variables:
            expr = shape_value(value) if each.dtype == "int64" else as_expr(value)
            if expr.dtype != each.dtype:
                raise TypeMismatchError(
                    f"The value for the symbolic variable {each.name!r} has another dtype.",
                    expected=str(each.dtype),
                    found=str(expr.dtype),
                )
            table[each] = expr
    return table


def _unknown(key: Any, names: list[str]) -> RegistryError:
    name = key if isinstance(key, str) else key.name
    return RegistryError(
        f"There is no symbolic variable {name!r}.",
        found=", ".join(names) or "none",
        cure=did_you_mean(name, names),
    )


def bind_symbolic_vars(func: Function, binding_map: Mapping[Any, Any]) -> Function:
    """`func` with symbolic variables replaced; keys are names or variables, values ints or
    expressions. An unknown name is a `RegistryError`.
    """
    for key in binding_map:
        if not _named(func, key):
            raise _unknown(key, [each.name for each in all_symbolic_vars(func)])
    return substitute_graph(func, _substitution(func, binding_map))


def BindSymbolicVars(binding_map: Mapping[Any, Any], func_name: str | None = None) -> Pass:
    """The pass that replaces symbolic variables in one function, or in all that have them."""

    @module_pass(opt_level=0, name="BindSymbolicVars")
    def bind(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        functions: dict[Any, Any] = dict(mod.functions)
        chosen = [
            gvar
            for gvar, func in functions.items()
            if isinstance(func, Function) and func_name in (None, gvar.name_hint)
        ]
        if func_name is not None and not chosen:
            mod[func_name]
            raise TypeMismatchError(f"The function {func_name!r} is no graph function.")
        for key in binding_map:
            if not any(_named(functions[gvar], key) for gvar in chosen):
                names = [v.name for gvar in chosen for v in all_symbolic_vars(functions[gvar])]
                raise _unknown(key, list(dict.fromkeys(names)))
        for gvar in chosen:
            table = _substitution(functions[gvar], binding_map)
            functions[gvar] = substitute_graph(functions[gvar], table)
        return mod.with_functions(functions)

    return bind


bind_symbolic_vars_hook.fill(bind_symbolic_vars)
