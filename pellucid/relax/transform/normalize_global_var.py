"""NormalizeGlobalVar: public functions stand under their `global_symbol`."""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.global_names import renamed_to_symbols


@module_pass(opt_level=0, name="NormalizeGlobalVar")
def _normalize(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    return renamed_to_symbols(mod)


def NormalizeGlobalVar() -> Pass:
    """The pass that makes the names and the `global_symbol`s of public functions agree."""
    return _normalize
