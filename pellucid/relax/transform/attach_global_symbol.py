"""AttachGlobalSymbol: every function becomes public, under its name."""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.expr import Function
from pellucid.tir.function import PrimFunc


@module_pass(opt_level=0, name="AttachGlobalSymbol")
def _attach(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    functions = {
        gvar: function.with_attr("global_symbol", gvar.name_hint)
        if isinstance(function, Function | PrimFunc) and "global_symbol" not in function.attrs
        else function
        for gvar, function in mod.items()
    }
    return mod.with_functions(functions)


def AttachGlobalSymbol() -> Pass:
    """The pass that gives private functions the attribute `global_symbol`, as the executable needs
    a symbol for each.
    """
    return _attach
