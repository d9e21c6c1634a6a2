"""The value of an integer expression at given values of its variables, as a mathematical integer.

In: an expression and integers for its variables. Out: an int or bool. There is no wrapping at the
width of a dtype: this is the meaning that the rules of `arith` preserve, and what their tests
compare with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Call,
    Cast,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    Sub,
    Var,
)
from pellucid.support.errors import TypeMismatchError


def truncdiv(a: int, b: int) -> int:
    """The quotient rounded towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def truncmod(a: int, b: int) -> int:
    """The remainder of `truncdiv`."""
    return a - truncdiv(a, b) * b


_BINARY: dict[type[PrimExpr], Callable[[int, int], int]] = {
    Add: operator.add,
    Sub: operator.sub,
    Mul: operator.mul,
    FloorDiv: int.__floordiv__,
    FloorMod: operator.mod,
    Div: truncdiv,
    Mod: truncmod,
    Min: min,
    Max: max,
    EQ: operator.eq,
    NE: operator.ne,
    LT: operator.lt,
    LE: operator.le,
    GT: operator.gt,
    GE: operator.ge,
}


def evaluate(expr: PrimExpr, values: Mapping[Any, int]) -> int:
    """The value of `expr` where each variable has its value in `values`."""
    if isinstance(expr, IntImm):
        return expr.value
    if isinstance(expr, Var):
        return values[expr]
    if isinstance(expr, And):
        return bool(evaluate(expr.a, values)) and bool(evaluate(expr.b, values))
    if isinstance(expr, Or):
        return bool(evaluate(expr.a, values)) or bool(evaluate(expr.b, values))
    if isinstance(expr, Not):
        return not evaluate(expr.a, values)
    if isinstance(expr, BinaryOp):
        return _BINARY[type(expr)](evaluate(expr.a, values), evaluate(expr.b, values))
    if isinstance(expr, Select):
        chosen = expr.true_value if evaluate(expr.condition, values) else expr.false_value
        return evaluate(chosen, values)
    if isinstance(expr, Cast):
        value = evaluate(expr.value, values)
        return bool(value) if expr.dtype.is_bool else int(value)
    if isinstance(expr, Let):
        return evaluate(expr.body, {**values, expr.var: evaluate(expr.value, values)})
    if isinstance(expr, Call) and isinstance(expr.op, Op) and expr.op.name == "tir.if_then_else":
        return evaluate(expr.args[1 if evaluate(expr.args[0], values) else 2], values)
    raise TypeMismatchError("This expression has no integer value known here.", found=repr(expr))
