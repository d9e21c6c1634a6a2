"""Comparisons of index expressions.

In: a comparison whose sides are simplified. Out: a constant where it is decided, else its normal
form: what both sides share cancelled; terms with positive coefficients on the left, the others and
the constant on the right; divided by the common factor. `>` and `>=` remain only against a constant
(`x > 3`); elsewhere the sides are exchanged.
"""

from __future__ import annotations

import math

from pellucid.arith.context import Context
from pellucid.arith.form import Linear, Polynomial
from pellucid.arith.modular import residue_of
from pellucid.arith.prove import prove_not_negative, prove_zero
from pellucid.ir.dtype import BOOL
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, GE, GT, LE, LT, NE, CmpOp, IntImm, Sub

TRUE = IntImm(BOOL, 1)
FALSE = IntImm(BOOL, 0)
INVERSE: dict[type[CmpOp], type[CmpOp]] = {LT: GE, LE: GT, GT: LE, GE: LT, EQ: NE, NE: EQ}


def truth(value: bool) -> IntImm:
    """A bool constant."""
    return TRUE if value else FALSE


def decide(context: Context, expr: CmpOp) -> bool | None:
    """Whether a comparison of integers always holds, never holds, or neither is known."""
    difference = context.polynomial(expr.b).plus(context.polynomial(expr.a), -1)
    if isinstance(expr, EQ | NE):
        equal = _decide_equal(context, expr, difference)
        return equal if equal is None or isinstance(expr, EQ) else not equal
    if isinstance(expr, GT | GE):
        difference = difference.scaled(-1)
    margin = 1 if isinstance(expr, LT | GT) else 0
    # The comparison says that `difference >= margin`.
    if prove_not_negative(context, difference.shifted(-margin)):
        return True
    if prove_not_negative(context, difference.scaled(-1).shifted(margin - 1)):
        return False
    return None


def _decide_equal(context: Context, expr: CmpOp, difference: Polynomial) -> bool | None:
    if prove_zero(context, difference):
        return True
    residue = residue_of(context, Sub(expr.a, expr.b)) if expr.a.dtype == expr.b.dtype else None
    if residue is not None and residue.base != 0:
        return False
    for sign in (1, -1):
        if prove_not_negative(context, difference.scaled(sign).shifted(-1)):
            return False
    return None


def normal_comparison(context: Context, expr: CmpOp) -> PrimExpr:
    """The normal form of a comparison that is not decided."""
    kind, a, b = type(expr), expr.a, expr.b
    if kind in (GT, GE):
        kind, a, b = (LT if kind is GT else LE), b, a
    form = context.linear(a).plus(context.linear(b), -1)
    form = _divided(kind, form)
    left, right = Linear(), Linear()
    for key, atom, coefficient in form:
        if coefficient > 0:
            left.add_term(key, atom, coefficient)
        else:
            right.add_term(key, atom, -coefficient)
    if kind in (EQ, NE) and not left.terms:
        left, right = right, left
        form = Linear(form.terms, -form.const)
    if not left.terms and kind in (LT, LE):
        # Only negative terms: a number is compared with what is greater, which is written first.
        flipped = GT if kind is LT else GE
        return flipped(right.to_expr(a.dtype), IntImm(a.dtype, form.const))
    right.const = -form.const
    return kind(left.to_expr(a.dtype), right.to_expr(a.dtype))


def _divided(kind: type[CmpOp], form: Linear) -> Linear:
    """`form < 0` (or `<=`, `==`, `!=`) divided by the common factor of the coefficients."""
    common = math.gcd(*[coefficient for _, _, coefficient in form])
    if common <= 1:
        return form
    if kind in (EQ, NE):
        # What no multiple of the factor can equal was decided before.
        const = form.const // common if form.const % common == 0 else None
        if const is None:
            return form
    elif kind is LT:
        const = -((-form.const + common - 1) // common)
    else:
        const = -(-form.const // common)
    return Linear({k: (a, c // common) for k, (a, c) in form.terms.items()}, const)


def inverse(expr: CmpOp) -> CmpOp:
    """The comparison that holds exactly when this one of integers does not."""
    return INVERSE[type(expr)](expr.a, expr.b)
