"""AnnotateEntryFunc: the only function of a module, or the only public one, becomes its entry.

Before and after: any stage. The entry carries the attribute `tir.is_entry_func`; in a module with
several candidates nothing is marked.
"""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.tir.function import PrimFunc

_MARK = "tir.is_entry_func"


@module_pass(opt_level=0, name="tir.AnnotateEntryFunc")
def _annotate(mod: IRModule, ctx: PassContext) -> IRModule:
    """Mark the entry function."""
    del ctx
    functions = [(var, func) for var, func in mod.items() if isinstance(func, PrimFunc)]
    candidates = [each for each in functions if "global_symbol" in each[1].attrs] or functions
    if len(functions) == 1:
        candidates = functions
    if len(candidates) != 1:
        return mod
    entry, marked = candidates[0]
    if _MARK in marked.attrs:
        return mod
    changed = dict(mod.items())
    changed[entry] = marked.with_attr(_MARK, True)
    return mod.with_functions(changed)


def AnnotateEntryFunc() -> Pass:
    """The pass that marks the entry function."""
    return _annotate
