"""Proving that a polynomial is not negative.

In: a polynomial and a context. Out: True when a proof was found; False says nothing. The search
tries, in this order: constant bounds; the facts of the context; replacing a variable with a
symbolic range by the end that makes the polynomial smallest; replacing quotients, remainders,
minima, maxima and selections by what bounds them. The work is limited by a number of steps, not by
a clock, so that the answer is always the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pellucid.arith.const_bound import bound_of_polynomial
from pellucid.arith.context import Context
from pellucid.arith.form import Polynomial
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloorDiv, FloorMod, IntImm, Max, Min, Select, Var

STEPS = 200
DEPTH = 8


class _Search:
    """One search for a proof, with what is left of its budget."""

    def __init__(self, context: Context, steps: int) -> None:
        self.context = context
        self.steps = steps
        self.open: set[frozenset[tuple[tuple[int, ...], int]]] = set()

    def not_negative(self, goal: Polynomial, depth: int = DEPTH) -> bool:
        """Whether `goal >= 0` can be shown."""
        goal = _reduced(goal)
        if goal.is_const():
            return goal.const >= 0
        self.steps -= 1
        low, high = bound_of_polynomial(self.context, goal)
        if low >= 0:
            return True
        if depth == 0 or self.steps <= 0 or high < 0:
            return False
        # A goal that is already being proved further up proves nothing here.
        mark = frozenset(goal.terms.items())
        if mark in self.open:
            return False
        self.open.add(mark)
        try:
            return self.by_facts(goal, depth) or self.by_replacing(goal, depth)
        finally:
            self.open.discard(mark)

    def by_facts(self, goal: Polynomial, depth: int) -> bool:
        """Subtract a known non-negative polynomial that shares a term."""
        for fact in self.context.facts:
            for monomial, coefficient in fact.terms.items():
                wanted = goal.terms.get(monomial, 0)
                if monomial and wanted and (wanted > 0) == (coefficient > 0):
                    # a·goal - b·fact >= 0 with positive a, b proves the goal.
                    common = math.gcd(wanted, coefficient)
                    rest = goal.scaled(abs(coefficient) // common).plus(
                        fact, -(abs(wanted) // common)
                    )
                    if self.not_negative(rest, depth - 1):
                        return True
        return False

    def by_replacing(self, goal: Polynomial, depth: int) -> bool:
        """Replace one atom by something that makes the goal smaller."""
        atoms = goal.atoms()
        for var in reversed(self.context.ranges):
            key = self.context.forms.wide_key(var)
            if key in atoms and self.by_range(goal, key, var, depth):
                return True
        for key in atoms:
            atom = self.context.forms.atom(key)
            rule = _RULES.get(type(atom))
            if rule is not None and rule(self, goal, key, atom, depth):
                return True
        return False

    def by_range(self, goal: Polynomial, key: int, var: Var, depth: int) -> bool:
        """Replace a variable by its least or greatest value, by the sign of what it is multiplied
        with.
        """
        parts = goal.split_by(key)
        if parts is None:
            return False
        factor, rest = parts
        low, high = self.context.ranges[var]
        if factor.is_const() and isinstance(low, IntImm) and isinstance(high, IntImm):
            # Constant bounds have used that already.
            return False
        if self.not_negative(factor, min(depth - 1, 2)):
            end = low
        elif self.not_negative(factor.scaled(-1), min(depth - 1, 2)):
            end = high
        else:
            return False
        return self.not_negative(rest.plus(factor.times(self.context.polynomial(end))), depth - 1)


def _reduced(goal: Polynomial) -> Polynomial:
    """The goal divided by the common factor of its coefficients, the constant rounded down."""
    common = math.gcd(*[c for m, c in goal.terms.items() if m])
    if common <= 1:
        return goal
    terms = {m: c // common for m, c in goal.terms.items()}
    return Polynomial({m: c for m, c in terms.items() if c})


def _by_quotient(search: _Search, goal: Polynomial, key: int, atom: PrimExpr, depth: int) -> bool:
    """`x // d` with a positive constant `d` is at most `x / d` and at least `(x - d + 1) / d`."""
    assert isinstance(atom, FloorDiv)
    parts = goal.split_by(key)
    if parts is None or not isinstance(atom.b, IntImm) or atom.b.value <= 0:
        return False
    factor, rest = parts
    divisor = atom.b.value
    dividend = search.context.polynomial(atom.a)
    if search.not_negative(factor, min(depth - 1, 2)):
        scaled = dividend.shifted(1 - divisor)
    elif search.not_negative(factor.scaled(-1), min(depth - 1, 2)):
        scaled = dividend
    else:
        return False
    return search.not_negative(rest.scaled(divisor).plus(factor.times(scaled)), depth - 1)


def _by_remainder(search: _Search, goal: Polynomial, key: int, atom: PrimExpr, depth: int) -> bool:
    """`x % d` is between 0 and `d - 1` for positive `d`, and at most `x` for non-negative `x`."""
    assert isinstance(atom, FloorMod)
    parts = goal.split_by(key)
    divisor = search.context.polynomial(atom.b)
    if parts is None or not search.not_negative(divisor.shifted(-1), min(depth - 1, 2)):
        return False
    factor, rest = parts
    if search.not_negative(factor, min(depth - 1, 2)):
        return search.not_negative(rest, depth - 1)
    if not search.not_negative(factor.scaled(-1), min(depth - 1, 2)):
        return False
    if search.not_negative(rest.plus(factor.times(divisor.shifted(-1))), depth - 1):
        return True
    dividend = search.context.polynomial(atom.a)
    return search.not_negative(dividend, min(depth - 1, 2)) and search.not_negative(
        rest.plus(factor.times(dividend)), depth - 1
    )


def _by_cases(every: bool, goals: list[Polynomial], search: _Search, depth: int) -> bool:
    results = (search.not_negative(goal, depth - 1) for goal in goals)
    return all(results) if every else any(results)


def _by_extremum(search: _Search, goal: Polynomial, key: int, atom: PrimExpr, depth: int) -> bool:
    """A minimum is at most each operand, and is one of them; a maximum is at least each."""
    assert isinstance(atom, Min | Max)
    parts = goal.split_by(key)
    if parts is None:
        return False
    factor, rest = parts
    operands = [search.context.polynomial(each) for each in (atom.a, atom.b)]
    goals = [rest.plus(factor.times(each)) for each in operands]
    helpful = factor.scaled(-1) if isinstance(atom, Min) else factor
    if search.not_negative(helpful, min(depth - 1, 2)) and _by_cases(False, goals, search, depth):
        return True
    return _by_cases(True, goals, search, depth)


def _by_selection(search: _Search, goal: Polynomial, key: int, atom: PrimExpr, depth: int) -> bool:
    """A selection is one of its two values."""
    assert isinstance(atom, Select)
    parts = goal.split_by(key)
    if parts is None:
        return False
    factor, rest = parts
    values = [search.context.polynomial(each) for each in (atom.true_value, atom.false_value)]
    return _by_cases(True, [rest.plus(factor.times(each)) for each in values], search, depth)


_Rule = Callable[[_Search, Polynomial, int, PrimExpr, int], bool]
_RULES: dict[type[PrimExpr], _Rule] = {
    FloorDiv: _by_quotient,
    FloorMod: _by_remainder,
    Min: _by_extremum,
    Max: _by_extremum,
    Select: _by_selection,
}


def prove_not_negative(context: Context, goal: Polynomial, steps: int = STEPS) -> bool:
    """Whether `goal >= 0` can be shown from what the context knows, within `steps` steps."""
    return _Search(context, steps).not_negative(goal)


def prove_zero(context: Context, goal: Polynomial, steps: int = STEPS) -> bool:
    """Whether `goal == 0` can be shown."""
    if goal.is_const():
        return goal.const == 0
    return prove_not_negative(context, goal, steps) and prove_not_negative(
        context, goal.scaled(-1), steps
    )
