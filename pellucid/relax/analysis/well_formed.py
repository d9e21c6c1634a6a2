"""Is a module, or a function, in the language? The verifier that runs between passes.

In: a module or a function of either level. Out: nothing, or a `WellFormedError` that names the
first broken rule with its place. Graph functions have to keep the rules of `well_formed_function`
and those here, which are about functions together; loop functions those of `tir.analysis`.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.relax.analysis.variables import defined_symbolic_vars
from pellucid.relax.analysis.well_formed_function import FunctionChecker
from pellucid.relax.expr import Function
from pellucid.support.errors import WellFormedError
from pellucid.tir.analysis.well_formed import verify_well_formed
from pellucid.tir.function import PrimFunc


def assert_well_formed(obj: IRModule | BaseFunc, check_struct_info: bool = True) -> None:
    """Raise a `WellFormedError` that names the first broken rule of a module or function.

    With `check_struct_info=False` struct infos may be missing and are not compared.
    """
    if isinstance(obj, IRModule):
        _check_module(obj, check_struct_info)
    else:
        _check_function(str(obj.attrs.get("global_symbol", "main")), obj, None, check_struct_info)


def well_formed(obj: IRModule | BaseFunc, check_struct_info: bool = True) -> bool:
    """Whether a module or function keeps all rules; `assert_well_formed` says which it breaks."""
    try:
        assert_well_formed(obj, check_struct_info)
    except WellFormedError:
        return False
    return True


def _check_function(
    name: str, function: Any, mod: IRModule | None, check_struct_info: bool
) -> None:
    if isinstance(function, Function):
        FunctionChecker(name, mod, check_struct_info).function(function)
    elif isinstance(function, PrimFunc) and mod is None:
        verify_well_formed(function)


def _check_module(mod: IRModule, check_struct_info: bool) -> None:
    owner: dict[Any, str] = {}
    for gvar, function in mod.items():
        name = gvar.name_hint
        _check_symbol(name, function)
        if isinstance(function, Function):
            _check_own(name, function, owner)
    verify_well_formed(mod)
    for gvar, function in mod.items():
        _check_function(gvar.name_hint, function, mod, check_struct_info)


def _check_symbol(name: str, function: BaseFunc) -> None:
    symbol = function.attrs.get("global_symbol")
    if symbol is not None and str(symbol) != name:
        raise WellFormedError(
            f"The function {name!r} has another global_symbol.",
            place=function.span,
            expected=repr(name),
            found=repr(str(symbol)),
            cure="relax.transform.NormalizeGlobalVar() renames the function to its symbol",
        )


def _check_own(name: str, function: Function, owner: dict[Any, str]) -> None:
    """Parameters and symbolic variables belong to one function."""
    for param in function.params:
        other = owner.setdefault(param, name)
        if other != name:
            raise WellFormedError(
                f"The functions {other!r} and {name!r} share the parameter {param.name_hint!r}.",
                cure="give each function variables of its own: relax.copy_with_new_vars(f)",
            )
    for each in defined_symbolic_vars(function):
        other = owner.setdefault(each, name)
        if other != name:
            raise WellFormedError(
                f"The functions {other!r} and {name!r} share the symbolic variable {each.name!r}.",
                cure="give each function variables of its own: relax.copy_with_new_vars(f)",
            )


hooks.verifier.fill(assert_well_formed)
