"""Normalize: graph functions in normal form, with the struct info of everything filled in."""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.expr import Function
from pellucid.relax.transform.passes import function_pass, normalized


@function_pass(opt_level=0, name="Normalize")
def _normalize(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    return normalized(func, mod)


def Normalize() -> Pass:
    """The pass that brings graph functions into normal form.

    Arguments that are no leaves are bound to variables, nested sequences are flattened,
    neighbouring blocks of one kind become one, and struct infos are inferred where they miss.
    """
    return _normalize
