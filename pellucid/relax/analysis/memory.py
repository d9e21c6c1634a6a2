"""Facts about the memory of a graph function: which operators only reshape, and how large its
symbolic dimensions may be.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.attrs import Attrs
from pellucid.ir.op import Op
from pellucid.ir.scalar import IntImm, Var
from pellucid.relax.expr import Call, Expr, Function
from pellucid.relax.symbolic import signature_vars
from pellucid.support.errors import TypeMismatchError

RESHAPING = ("relax.reshape", "relax.flatten", "relax.expand_dims", "relax.squeeze")
"""Operators that keep the elements and their order: a view of the same memory will do."""
UPPER_BOUND = "tir_var_upper_bound"
"""Function attribute: the largest values of symbolic dimensions of the signature, by name."""


def is_reshape_call(value: Expr) -> bool:
    """Whether an expression is a call of an operator that only reshapes its first argument."""
    return isinstance(value, Call) and isinstance(value.op, Op) and value.op.name in RESHAPING


def upper_bounds(func: Function) -> dict[Var, int]:
    """The dimensions that the function promises to be at most so large.

    Names that no symbolic variable of the signature has are passed over: the attribute is often
    given to all functions of a module alike.
    """
    given: Any = func.attrs.get(UPPER_BOUND, None)
    if given is None:
        return {}
    if not isinstance(given, Attrs):
        raise TypeMismatchError(
            f"The attribute {UPPER_BOUND} maps names to numbers.",
            place=func.span,
            expected="a dictionary such as {'n': 1024}",
            found=repr(given),
        )
    found: dict[Var, int] = {}
    for var in signature_vars([param.struct_info for param in func.params]):
        bound = given.get(var.name, None)
        number = bound.value if isinstance(bound, IntImm) else bound
        if number is None:
            continue
        if not isinstance(number, int) or number < 0:
            raise TypeMismatchError(
                f"The upper bound of {var.name} is not a number from 0 on.",
                place=func.span,
                found=repr(bound),
            )
        found[var] = number
    return found
