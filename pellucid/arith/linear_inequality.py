"""Solving systems of linear inequalities by Fourier and Motzkin's elimination.

In: conditions on some integer variables, with anything else as parameters. Out: bounds of each
variable in terms of the variables after it, and what the conditions say of the parameters alone.
The variables are eliminated in the order given: to choose values, go backwards.

Eliminating `x` from `a·x >= L` and `b·x <= U` leaves `a·U >= b·L`, divided by the common divisor of
its factors and rounded. Every solution of the conditions fulfils that; the other way round there is
an integer between the bounds for certain only where `a` or `b` is 1. `LinearSolution.exact` says
whether that was always so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.clip_bound import bound_of_variable
from pellucid.arith.form import Linear
from pellucid.arith.int_set import IntSet
from pellucid.arith.region import conjuncts, non_negative_forms
from pellucid.ir.arithmetic import const, ge, maximum, minimum
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, IntImm, Range, Var
from pellucid.ir.visitor import uses_var

# No more inequalities than this are kept at a time; without the others bounds are wider.
LIMIT = 400


@dataclass
class VarBounds:
    """The bounds of one variable: it is at least each of `lower`, at most each of `upper`."""

    lower: list[PrimExpr] = field(default_factory=list[PrimExpr])
    upper: list[PrimExpr] = field(default_factory=list[PrimExpr])

    def as_set(self) -> IntSet:
        """The interval from the greatest lower bound to the least upper bound."""
        return IntSet(_joined(maximum, self.lower), _joined(minimum, self.upper))


@dataclass
class LinearSolution:
    """What a system of inequalities says.

    `bounds` has each variable's bounds, in terms of parameters and of variables later in the order.
    `relations` are conditions on parameters alone, without which there is no solution. `rest` are
    conditions that are not linear in the variables: the bounds know nothing of them. `exact` is
    True where every choice of values within `relations` and `bounds`, from the last variable to the
    first, can be completed; otherwise bounds may be wider than the solutions are.
    """

    bounds: dict[Var, VarBounds]
    relations: list[PrimExpr]
    rest: list[PrimExpr]
    exact: bool

    @property
    def infeasible(self) -> bool:
        """Whether the conditions are known to contradict each other."""
        return any(isinstance(each, IntImm) and each.value == 0 for each in self.relations)


def solve_linear_inequalities(
    variables: Sequence[Var],
    conditions: PrimExpr | Iterable[PrimExpr],
    ranges: Mapping[Var, Range] | None = None,
    analyzer: Analyzer | None = None,
) -> LinearSolution:
    """Solve comparisons (conjunctions too) for the variables; `ranges` adds their domains.

    A condition in which a variable stands otherwise than as `c·v` with a constant `c`, or which is
    no comparison of integers, goes to `rest`.
    """
    known = Analyzer() if analyzer is None else analyzer
    given = [conditions] if isinstance(conditions, PrimExpr) else list(conditions)
    for var, domain in (ranges or {}).items():
        given += [ge(var, domain.min), ge(domain.min + domain.extent - 1, var)]
    system = _System(list(variables), known)
    for each in given:
        for part in conjuncts(known.simplify(each)):
            system.add(part)
    return system.solve()


class _System:
    """Sums that are not negative, and the elimination of one variable after the other."""

    def __init__(self, variables: list[Var], analyzer: Analyzer) -> None:
        self.variables = variables
        self.analyzer = analyzer
        self.keys = {analyzer.context.key(var): var for var in variables}
        self.forms: dict[object, Linear] = {}
        self.rest: list[PrimExpr] = []
        self.exact = True

    def add(self, condition: PrimExpr) -> None:
        """Take in one comparison."""
        forms = non_negative_forms(condition, self.analyzer)
        wanted = set(self.variables)
        linear = all(
            isinstance(atom, Var) or not uses_var(atom, wanted.__contains__)
            for form in forms
            for _, atom, _ in form
        )
        if isinstance(condition, IntImm):
            forms = [Linear(const=0 if condition.value else -1)]
        if not forms or not linear:
            self.rest.append(condition)
            return
        if isinstance(condition, EQ) and any(abs(c) > 1 for _, _, c in forms[0]):
            # a·x == L has a solution only for some L, which two inequalities do not say.
            self.exact = False
        for form in forms:
            self.keep(form)

    def keep(self, form: Linear) -> None:
        """Add a sum; of two that differ in their constant, the stronger one stays."""
        divisor = math.gcd(*(abs(c) for _, _, c in form))
        if divisor > 1:
            terms = {key: (atom, c // divisor) for key, atom, c in form}
            form = Linear(terms, form.const // divisor)
        if not form.terms and form.const >= 0:
            return
        mark = frozenset((key, c) for key, _, c in form)
        other = self.forms.get(mark)
        if other is None or form.const < other.const:
            self.forms[mark] = form

    def solve(self) -> LinearSolution:
        """Eliminate all variables."""
        bounds = {var: self.eliminate(var) for var in self.variables}
        relations = [self.condition(form) for form in self.forms.values()]
        kept = [each for each in relations if not (isinstance(each, IntImm) and each.value)]
        return LinearSolution(bounds, kept, self.rest, self.exact and not self.rest)

    def eliminate(self, var: Var) -> VarBounds:
        """Take a variable out of all sums, and give its bounds."""
        key = self.analyzer.context.key(var)
        lower: list[tuple[int, Linear]] = []
        upper: list[tuple[int, Linear]] = []
        others: dict[object, Linear] = {}
        for mark, form in self.forms.items():
            found = form.terms.get(key)
            if found is None:
                others[mark] = form
                continue
            rest = Linear({k: v for k, v in form.terms.items() if k != key}, form.const)
            (lower if found[1] > 0 else upper).append((found[1], rest))
        self.forms = others
        for a, low in lower:
            for b, high in upper:
                self.exact &= min(a, -b) == 1
                # a·x + low >= 0 and b·x + high >= 0 with a > 0 > b
                total = Linear().plus(low, -b).plus(high, a)
                if len(self.forms) < LIMIT:
                    self.keep(total)
                else:
                    self.exact = False
        simplify = self.analyzer.simplify
        return VarBounds(
            [simplify(bound_of_variable(var, c, rest)) for c, rest in lower],
            [simplify(bound_of_variable(var, c, rest)) for c, rest in upper],
        )

    def condition(self, form: Linear) -> PrimExpr:
        """The condition that a sum is not negative."""
        dtype = next((atom.dtype for _, atom, _ in form), self._dtype())
        return self.analyzer.simplify(ge(form.to_expr(dtype), const(0, dtype)))

    def _dtype(self) -> DataType:
        return self.variables[0].dtype if self.variables else DataType("int32")


def _joined(join: object, parts: list[PrimExpr]) -> PrimExpr | None:
    """The maximum or minimum of all parts."""
    if not parts:
        return None
    found = parts[0]
    for each in parts[1:]:
        found = maximum(found, each) if join is maximum else minimum(found, each)
    return found
