"""`tvm.topi.utils`: numbers out of expressions; and `topi.matmul` with its own arguments."""

from __future__ import annotations

from typing import Any

from pellucid.arith import Analyzer
from pellucid.ir.scalar import IntImm, Var
from pellucid.support.errors import TypeMismatchError
from pellucid.te import Tensor
from pellucid.topi import nn


def simplify(expr: Any) -> Any:
    """An expression in its simplest form; a tuple of them each."""
    if isinstance(expr, tuple | list):
        items: list[Any] = list(expr)  # pyright: ignore[reportUnknownArgumentType]
        return tuple([simplify(each) for each in items])
    return expr if isinstance(expr, int | float) else Analyzer().simplify(expr)


def get_const_int(expr: Any) -> int:
    """The value of an integer expression that is constant; else a `TypeMismatchError`."""
    if isinstance(expr, int):
        return expr
    found = simplify(expr)
    if not isinstance(found, IntImm):
        raise TypeMismatchError("A constant integer is expected.", found=repr(expr))
    return found.value


def get_const_tuple(in_tuple: Any) -> tuple[Any, ...]:
    """The extents of a shape as numbers; variables stay as they are."""
    found = [each if isinstance(each, int) else simplify(each) for each in in_tuple]
    return tuple([each.value if isinstance(each, IntImm) else each for each in found])


def equal_const_int(expr: Any, value: int) -> bool:
    """Whether an expression is the constant `value`."""
    found = expr if isinstance(expr, int | Var) else simplify(expr)
    return (found.value if isinstance(found, IntImm) else found) == value


def prod(values: Any) -> Any:
    """The product of extents; 1 of none."""
    result: Any = 1
    for each in values:
        result = result * each
    return simplify(result)


def matmul(a: Tensor, b: Tensor, transp_a: bool = False, transp_b: bool = False) -> Tensor:
    """The product of two matrices, each taken transposed where asked for."""
    return nn.matmul(a, b, transpose_a=transp_a, transpose_b=transp_b)
