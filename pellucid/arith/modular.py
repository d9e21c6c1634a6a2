"""Modular sets: what an integer expression leaves when divided.

In: an expression and a context. Out: `Residue(coeff, base)`: the value is `coeff · k + base` for
some integer k. `coeff` 0 means the constant `base`; `(1, 0)` means that nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid.arith.context import Context, Residue
from pellucid.arith.form import is_index, widens
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Cast,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Select,
    SizeVar,
    Sub,
    Var,
)

ANY = Residue(1, 0)


def normal(coeff: int, base: int) -> Residue:
    """A residue with a non-negative coefficient and a base below it."""
    coeff = abs(coeff)
    return Residue(coeff, base % coeff if coeff else base)


def union(a: Residue, b: Residue) -> Residue:
    """What two residues have in common."""
    coeff = math.gcd(a.coeff, b.coeff, abs(a.base - b.base))
    return normal(coeff, a.base)


def residue_of(context: Context, expr: PrimExpr) -> Residue:
    """The modular set of an integer expression."""
    rule = _RULES.get(type(expr))
    if rule is None or (not is_index(expr.dtype) and not isinstance(expr, IntImm)):
        return ANY
    return rule(context, expr)


def _constant(context: Context, expr: IntImm) -> Residue:
    del context
    return Residue(0, expr.value)


def _var(context: Context, var: Var) -> Residue:
    value = context.values.get(var)
    return residue_of(context, value) if value is not None else context.residues.get(var, ANY)


def _sum(context: Context, expr: PrimExpr) -> Residue:
    form = context.linear(expr)
    coeff, base = 0, form.const
    for _, atom, coefficient in form:
        each = _product(context, atom) if isinstance(atom, Mul) else residue_of(context, atom)
        coeff = math.gcd(coeff, coefficient * each.coeff)
        base += coefficient * each.base
    return normal(coeff, base)


def _product(context: Context, expr: Mul) -> Residue:
    a = _product(context, expr.a) if isinstance(expr.a, Mul) else residue_of(context, expr.a)
    b = _product(context, expr.b) if isinstance(expr.b, Mul) else residue_of(context, expr.b)
    coeff = math.gcd(a.coeff * b.coeff, a.coeff * b.base, a.base * b.coeff)
    return normal(coeff, a.base * b.base)


def _quotient(context: Context, expr: FloorDiv) -> Residue:
    if not isinstance(expr.b, IntImm) or expr.b.value == 0:
        return ANY
    a, divisor = residue_of(context, expr.a), expr.b.value
    if a.coeff % divisor == 0:
        return normal(a.coeff // divisor, a.base // divisor)
    return ANY


def _remainder(context: Context, expr: FloorMod) -> Residue:
    if not isinstance(expr.b, IntImm) or expr.b.value == 0:
        return ANY
    a, divisor = residue_of(context, expr.a), expr.b.value
    if a.coeff % divisor == 0:
        return Residue(0, a.base % divisor)
    return normal(math.gcd(a.coeff, divisor), a.base)


def _either(context: Context, expr: Any) -> Residue:
    pair = (expr.true_value, expr.false_value) if isinstance(expr, Select) else (expr.a, expr.b)
    return union(residue_of(context, pair[0]), residue_of(context, pair[1]))


def _cast(context: Context, expr: Cast) -> Residue:
    return residue_of(context, expr.value) if widens(expr) else ANY


_RULES: dict[type[PrimExpr], Callable[[Context, Any], Residue]] = {
    IntImm: _constant,
    Var: _var,
    SizeVar: _var,
    Add: _sum,
    Sub: _sum,
    Mul: _sum,
    FloorDiv: _quotient,
    FloorMod: _remainder,
    Min: _either,
    Max: _either,
    Select: _either,
    Cast: _cast,
}
