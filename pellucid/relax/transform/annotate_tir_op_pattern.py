"""AnnotateTIROpPattern: every loop function says what kind of operator it computes.

In: a module after LegalizeOps. Out: the same with the attribute `op_pattern` (a number of
`tir.analysis.op_pattern.OpPatternKind`) on its loop functions. Scheduled functions, and those that
are called by their symbol through call_dps_packed, stay as they are.
"""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.calls import called_symbols
from pellucid.relax.expr import Function
from pellucid.tir.analysis.op_pattern import op_pattern
from pellucid.tir.function import PrimFunc


@module_pass(opt_level=0, name="AnnotateTIROpPattern")
def _annotate(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    symbols = {
        name
        for function in mod.values()
        if isinstance(function, Function)
        for name in called_symbols(function)
    }
    functions = {
        gvar: _annotated(func)
        if isinstance(func, PrimFunc)
        and func.attrs.get("global_symbol", gvar.name_hint) not in symbols
        else func
        for gvar, func in mod.items()
    }
    return mod.with_functions(functions)


def _annotated(func: PrimFunc) -> PrimFunc:
    if "op_pattern" in func.attrs or func.attrs.get("tir.is_scheduled", False):
        return func
    return func.with_attr("op_pattern", int(op_pattern(func)))


def AnnotateTIROpPattern() -> Pass:
    """The pass that tells FuseOps what each loop function computes."""
    return _annotate
