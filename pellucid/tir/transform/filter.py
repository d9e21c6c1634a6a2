"""Filter: only the loop functions for which a condition holds stay in the module.

tir.transform.Filter(lambda f: "global_symbol" in f.attrs)(mod)
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.ir.transform import FunctionPass, Pass, PassContext, PassInfo
from pellucid.tir.function import PrimFunc


def Filter(fcond: Callable[[PrimFunc], bool]) -> Pass:
    """The pass that removes the loop functions for which `fcond` is false."""

    def run(func: PrimFunc, mod: IRModule, ctx: PassContext) -> PrimFunc | None:
        del mod, ctx
        return func if fcond(func) else None

    return FunctionPass(PassInfo(0, "tir.Filter"), run, PrimFunc)
