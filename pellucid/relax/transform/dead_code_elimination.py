"""DeadCodeElimination: bindings that nothing needs, and functions that nothing reaches, go."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.calls import reachable
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.expr import Function


def remove_unreachable(mod: IRModule, entry_functions: Sequence[str] = ()) -> IRModule:
    """The module without private functions that no public one, and none of `entry_functions`,
    reaches. A module without any of these is taken as it is.
    """
    for name in entry_functions:
        mod.get_global_var(name)
    public = [gvar.name_hint for gvar, func in mod.items() if "global_symbol" in func.attrs]
    if not public and not entry_functions:
        return mod
    kept = reachable(mod, [*public, *entry_functions])
    return mod.with_functions({gvar: func for gvar, func in mod.items() if gvar.name_hint in kept})


def DeadCodeElimination(entry_functions: Sequence[str] | None = None) -> Pass:
    """The pass that removes what is not needed.

    Of each function the bindings go whose variable is unused and whose value has no effects; a
    match_cast stays, since it checks. Of the module the private functions go that no public one
    (and none of `entry_functions`) reaches.
    """

    @module_pass(opt_level=1, name="DeadCodeElimination")
    def eliminate(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        functions = {
            gvar: remove_all_unused(func, mod) if isinstance(func, Function) else func
            for gvar, func in mod.items()
        }
        return remove_unreachable(mod.with_functions(functions), entry_functions or ())

    return eliminate
