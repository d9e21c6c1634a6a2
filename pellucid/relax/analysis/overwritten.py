"""Which values of a graph function are overwritten in place while it runs.

What reads such a value has to do so before it is overwritten: passes that move or share
computations leave it where it is.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.visitor import pre_order
from pellucid.relax.analysis.use_def import all_bindings
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.call import CALL_TIR_INPLACE, INVOKE_CLOSURE, INVOKE_PURE_CLOSURE
from pellucid.relax.expr import Call, Expr, Function, If, Var


def _written_args(value: Expr, calls_write: bool) -> list[Any]:
    """The arguments that a binding's value may overwrite."""
    if not isinstance(value, Call):
        return []
    if value.op is CALL_TIR_INPLACE:
        places: tuple[int, ...] = value.attrs["inplace_indices"]
        args = list(value.args[1])
        return [args[place] for place in places if place >= 0]
    if isinstance(value.op, GlobalVar | Var):
        return list(value.args) if calls_write else []
    closures = (INVOKE_CLOSURE, INVOKE_PURE_CLOSURE)
    return list(value.args) if calls_write and value.op in closures else []


def overwritten(func: Function, mod: IRModule) -> set[Var]:
    """The variables whose value is overwritten in place, under this name or another.

    Where any function of the module writes in place, every call of a graph function may.
    """
    calls_write = any(
        isinstance(node, Call) and node.op is CALL_TIR_INPLACE
        for each in mod.values()
        if isinstance(each, Function)
        for node in pre_order(each)
    )
    bindings = all_bindings(func)
    found: set[Var] = set()
    for binding in bindings:
        for arg in _written_args(binding.value, calls_write):
            found.update(used_vars(arg))
    if not found:
        return found
    names = [each for each in bindings if not isinstance(each.value, Call | If | Function)]
    size = 0
    while size != len(found):
        size = len(found)
        for binding in names:
            # Two names of one value: what is written under one of them is written under the other.
            together = {binding.var, *used_vars(binding.value)}
            if together & found:
                found |= together
    return found
