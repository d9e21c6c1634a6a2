"""Turning conditions that hold into facts.

In: a context and a condition. The context then knows polynomials that are not negative, intervals
of single atoms, and the truth of the condition itself.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pellucid.arith.compare import inverse
from pellucid.arith.context import Context
from pellucid.arith.form import Polynomial, is_index
from pellucid.arith.interval import INFINITY, Interval
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, GE, GT, LE, LT, NE, And, CmpOp, Not, Or


@contextmanager
def assuming(context: Context, *conditions: PrimExpr) -> Generator[None]:
    """Within this scope the conditions hold."""
    saved = context.save()
    memories = context.bound_memory, context.simplified
    context.bound_memory, context.simplified = {}, {}
    for condition in conditions:
        assume(context, condition)
    try:
        yield
    finally:
        context.facts, context.atom_intervals, context.truths = saved
        context.bound_memory, context.simplified = memories


def assume(context: Context, condition: PrimExpr) -> None:
    """Add what a true condition says to the context."""
    if isinstance(condition, And):
        assume(context, condition.a)
        assume(context, condition.b)
        return
    if isinstance(condition, Not):
        _assume_not(context, condition.a)
        return
    context.truths[context.key(condition)] = True
    if isinstance(condition, CmpOp) and is_index(condition.a.dtype):
        context.truths[context.key(inverse(condition))] = False
        context.truths[context.key(_mirrored(condition))] = True
        _assume_comparison(context, condition)
    context.changed()


def _assume_not(context: Context, condition: PrimExpr) -> None:
    if isinstance(condition, Or):
        _assume_not(context, condition.a)
        _assume_not(context, condition.b)
    elif isinstance(condition, Not):
        assume(context, condition.a)
    elif isinstance(condition, CmpOp) and is_index(condition.a.dtype):
        assume(context, inverse(condition))
    else:
        context.truths[context.key(condition)] = False
        context.changed()


def _mirrored(condition: CmpOp) -> CmpOp:
    """The same comparison seen from the other side."""
    kinds: dict[type[CmpOp], type[CmpOp]] = {LT: GT, LE: GE, GT: LT, GE: LE, EQ: EQ, NE: NE}
    return kinds[type(condition)](condition.b, condition.a)


def _assume_comparison(context: Context, condition: CmpOp) -> None:
    difference = context.polynomial(condition.b).plus(context.polynomial(condition.a), -1)
    if isinstance(condition, EQ):
        add_fact(context, difference)
        add_fact(context, difference.scaled(-1))
    elif isinstance(condition, LT | LE):
        add_fact(context, difference.shifted(-1 if isinstance(condition, LT) else 0))
    elif isinstance(condition, GT | GE):
        add_fact(context, difference.scaled(-1).shifted(-1 if isinstance(condition, GT) else 0))


def add_fact(context: Context, fact: Polynomial) -> None:
    """Note that a polynomial is not negative."""
    context.facts.append(fact)
    monomials = [monomial for monomial in fact.terms if monomial]
    if len(monomials) != 1 or len(monomials[0]) != 1:
        return
    key, coefficient = monomials[0][0], fact.terms[monomials[0]]
    if coefficient > 0:
        known = Interval(-(fact.const // coefficient), INFINITY)
    else:
        known = Interval(-INFINITY, fact.const // -coefficient)
    old = context.atom_intervals.get(key)
    context.atom_intervals[key] = known if old is None else old.meet(known)
