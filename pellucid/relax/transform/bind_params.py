"""BindParams: parameters become constants, and the symbolic dimensions that they show numbers.

mod = relax.transform.BindParams("main", {"w0": w0, "b0": b0})(mod)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.call_derivation import SignatureMatch
from pellucid.relax.expr import Expr, Function, Var, bind_params_hook, const
from pellucid.relax.substitution import substitute_graph
from pellucid.relax.symbolic import signature_vars, tir_vars_in_struct_info
from pellucid.support.errors import RegistryError, TypeMismatchError, did_you_mean
from pellucid.support.naming import identifier


def _parameter(func: Function, key: str | Var) -> Var:
    """The parameter that a key names."""
    names = [param.name_hint for param in func.params]
    if isinstance(key, Var):
        if key in func.params:
            return key
        raise RegistryError(
            f"The variable {key.name_hint!r} is no parameter of the function.",
            found=", ".join(names),
        )
    found = [param for param in func.params if param.name_hint == key]
    if not found:
        # In a script the name is an identifier: `fc1.weight` is read back as `fc1_weight`.
        found = [param for param in func.params if param.name_hint == identifier(key)]
    if not found:
        raise RegistryError(
            f"The function has no parameter {key!r}.",
            found=", ".join(names),
            cure=did_you_mean(key, names),
        )
    if len(found) > 1:
        raise RegistryError(
            f"The function has {len(found)} parameters named {key!r}.",
            cure="give the variable itself as the key: func.params[i]",
        )
    return found[0]


def _value(value: Any) -> Expr:
    """What a parameter is bound to: an expression, or a constant of a tensor or array."""
    if isinstance(value, Expr):
        return value
    # A parameter that torch trains has to be taken out of its graph of gradients.
    detach = getattr(value, "detach", None)
    return const(value if detach is None else detach())


def bind_params(func: Function, binding_map: Mapping[Any, Any]) -> Function:
    """`func` with some parameters replaced by constants; they are no parameters any more.

    Keys are names or parameters; values are tensors, NumPy arrays, torch tensors or expressions.
    A value that does not fit its parameter is a `TypeMismatchError`.
    """
    values = {_parameter(func, key): _value(value) for key, value in binding_map.items()}
    if not values:
        return func
    match = SignatureMatch(signature_vars([param.struct_info for param in func.params]))
    for index, param in enumerate(func.params):
        if param not in values:
            continue
        info = values[param].struct_info
        match.bind(index, param.struct_info, info)
        wanted = match.instantiate(param.struct_info)
        if struct_info_base_check(wanted, info) <= BaseCheckResult.FAIL_L1:
            raise _misfit(func, param, wanted, info, match)
    mapping: dict[Any, Any] = {**match.values, **values}
    params = [each for each in func.params if each not in values]
    rest = Function(params, func.body, func.ret_struct_info, func.is_pure, func.attrs, func.span)
    return substitute_graph(rest, mapping)


def _misfit(
    func: Function, param: Var, wanted: Any, found: Any, match: SignatureMatch
) -> TypeMismatchError:
    parts = [
        f"{each.name} = {match.values[each]!r} from {func.params[match.origin[each]].name_hint!r}"
        for each in tir_vars_in_struct_info(param.struct_info)
        if each in match.origin
    ]
    dtype, given = getattr(wanted, "dtype", ""), getattr(found, "dtype", "")
    return TypeMismatchError(
        f"The value for the parameter {param.name_hint!r} does not fit it.",
        expected=f"{wanted!r}" + (f", where {', '.join(parts)}" if parts else ""),
        found=repr(found),
        cure=f"convert it to {dtype}" if dtype != given and dtype != "" else None,
    )


def BindParams(func_name: str | GlobalVar, params: Mapping[Any, Any]) -> Pass:
    """The pass that binds parameters of one function; see `bind_params`."""

    @module_pass(opt_level=0, name="BindParams")
    def bind(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        func = mod[func_name]
        if not isinstance(func, Function):
            raise TypeMismatchError(
                f"BindParams binds parameters of a graph function; {func_name!r} is none.",
                found=type(func).__name__,
            )
        name = mod.get_global_var(func_name if isinstance(func_name, str) else func_name.name_hint)
        functions: dict[Any, Any] = dict(mod.functions)
        functions[name] = bind_params(func, params)
        return mod.with_functions(functions)

    return bind


bind_params_hook.fill(bind_params)
