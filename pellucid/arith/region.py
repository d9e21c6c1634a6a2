"""Rectangular regions over loops: what a set of ranges covers when variables are relaxed.

In: a region (one `Range` a dimension), the ranges of the variables to relax, and a condition under
which the region is touched. Out: one `IntSet` a dimension. The *upper bound* holds every point that
is touched; the *lower bound* holds only points that are certainly touched, and is None where none
can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import Linear, is_index
from pellucid.arith.int_set import IntSet, as_int_set, eval_set, intersect, plus, simplified
from pellucid.arith.linear_equation import detect_linear_equation
from pellucid.ir.arithmetic import add, const, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, GE, GT, LE, LT, And, CmpOp, IntImm, Range, Var
from pellucid.ir.visitor import uses_var

Region = Sequence[Range]


def conjuncts(condition: PrimExpr) -> list[PrimExpr]:
    """The conditions that a conjunction joins."""
    if isinstance(condition, And):
        return conjuncts(condition.a) + conjuncts(condition.b)
    return [condition]


def non_negative_forms(condition: PrimExpr, analyzer: Analyzer) -> list[Linear]:
    """Sums that are not negative when a comparison of indices holds."""
    if not isinstance(condition, CmpOp) or not is_index(condition.a.dtype):
        return []
    context = analyzer.context
    difference = context.linear(condition.b).plus(context.linear(condition.a), -1)
    if isinstance(condition, LT | LE):
        return [difference.plus(Linear(const=-int(isinstance(condition, LT))))]
    if isinstance(condition, GT | GE):
        return [Linear(const=-int(isinstance(condition, GT))).plus(difference, -1)]
    return [difference, Linear().plus(difference, -1)] if isinstance(condition, EQ) else []


class Domains:
    """The domains of relaxed variables, and the conditions that hold."""

    def __init__(self, analyzer: Analyzer, domains: Mapping[Var, Any] | None = None) -> None:
        self.analyzer = analyzer
        self.sets: dict[Var, IntSet] = {v: as_int_set(d) for v, d in (domains or {}).items()}
        self.known: list[Linear] = []

    def copy(self) -> Domains:
        """The same, to be changed on its own."""
        result = Domains(self.analyzer)
        result.sets, result.known = dict(self.sets), list(self.known)
        return result

    def under(self, condition: PrimExpr) -> Domains:
        """The domains where `condition` holds: variables and sums of them that it bounds are
        clipped.
        """
        result = self.copy()
        for each in conjuncts(condition):
            for form in non_negative_forms(each, self.analyzer):
                result.clip(form)
        return result

    def clip(self, form: Linear) -> None:
        """Use that a sum is not negative."""
        moving = [atom for _, atom, _ in form if uses_var(atom, self.sets.__contains__)]
        if not moving:
            return
        self.known.append(form)
        if len(moving) == 1 and isinstance(moving[0], Var):
            var = moving[0]
            bound = self.bound_by(form, self.analyzer.context.linear(var), var)
            if bound is not None:
                self.sets[var] = simplified(intersect(self.sets[var], bound), self.analyzer)

    def bound_by(self, form: Linear, index: Linear, like: PrimExpr) -> IntSet | None:
        """What a non-negative sum says of an index with the same moving part, or its negative."""
        for sign in (1, -1):
            rest = form.plus(index, -sign)
            if not any(uses_var(atom, self.sets.__contains__) for _, atom, _ in rest):
                # form = sign · index + rest >= 0
                if sign > 0:
                    return IntSet(Linear().plus(rest, -1).to_expr(like.dtype), None)
                return IntSet(None, rest.to_expr(like.dtype))
        return None

    def set_of(self, expr: PrimExpr) -> IntSet:
        """What an expression ranges over."""
        if expr.dtype.lanes == 1 and not uses_var(expr, self.sets.__contains__):
            return IntSet.single_point(expr)
        found = eval_set(expr, self.sets, self.analyzer)
        if not is_index(expr.dtype):
            return found
        index = self.analyzer.context.linear(expr)
        for form in self.known:
            bound = self.bound_by(form, index, expr)
            if bound is not None:
                found = intersect(found, bound)
        return simplified(found, self.analyzer)

    def set_of_range(self, values: Range) -> IntSet:
        """What the points of a range, whose ends move, range over."""
        first = self.set_of(values.min)
        if isinstance(values.extent, IntImm) and values.extent.value == 1:
            return first
        last = self.set_of(sub(add(values.min, values.extent), 1))
        return simplified(IntSet(first.min_value, last.max_value), self.analyzer)


def estimate_region_upper_bound(
    region: Region,
    var_dom: Mapping[Var, Range],
    predicate: PrimExpr | None = None,
    analyzer: Analyzer | None = None,
) -> list[IntSet]:
    """Sets that hold every point of the region, for all values of the variables."""
    known = Analyzer() if analyzer is None else analyzer
    domains = Domains(known, var_dom)
    if predicate is not None:
        domains = domains.under(known.simplify(predicate))
    return [domains.set_of_range(each) for each in region]


def estimate_region_lower_bound(
    region: Region,
    var_dom: Mapping[Var, Range],
    predicate: PrimExpr | None = None,
    analyzer: Analyzer | None = None,
) -> list[IntSet] | None:
    """Sets whose every point the region certainly touches; None where that cannot be shown.

    Shown for indices that are sums `Σ c·v + base` which leave no gaps, each variable in one
    dimension only, and without a condition on the variables.
    """
    known = Analyzer() if analyzer is None else analyzer
    moving = set(var_dom)
    if predicate is not None and uses_var(known.simplify(predicate), moving.__contains__):
        return None
    taken: set[Var] = set()
    found: list[IntSet] = []
    for each in region:
        used = [var for var in var_dom if uses_var(each.min, {var}.__contains__)]
        if taken.intersection(used) or uses_var(each.extent, moving.__contains__):
            return None
        taken.update(used)
        dense = _dense_set(each, {var: var_dom[var] for var in used}, known)
        if dense is None:
            return None
        found.append(dense)
    return found


def _dense_set(values: Range, domains: Mapping[Var, Range], analyzer: Analyzer) -> IntSet | None:
    """The points that `values` covers, where they follow each other without gaps."""
    if not domains:
        return simplified(IntSet.from_range(values), analyzer)
    variables = list(domains)
    parts = detect_linear_equation(values.min, variables, analyzer)
    if not parts or not all(isinstance(each, IntImm) for each in parts[:-1]):
        return None
    factors = {v: p.value for v, p in zip(variables, parts, strict=False) if isinstance(p, IntImm)}
    reach: PrimExpr = values.extent
    found = IntSet.from_range(Range(min=parts[-1], extent=values.extent))
    # Of equal steps constant extents come first: their reach helps to prove the others.
    symbolic = {var: not isinstance(domains[var].extent, IntImm) for var in variables}
    for var in sorted(variables, key=lambda each: (abs(factors[each]), symbolic[each])):
        extent, factor = domains[var].extent, factors[var]
        if any(uses_var(end, set(variables).__contains__) for end in (domains[var].min, extent)):
            return None
        # The next step must not be longer than what is covered so far.
        if not analyzer.can_prove_less_equal(const(abs(factor), reach.dtype), reach):
            return None
        steps = IntSet(domains[var].min * factor, (domains[var].min + extent - 1) * factor)
        if factor < 0:
            steps = IntSet(steps.max_value, steps.min_value)
        found = plus(found, steps)
        reach = reach + (extent - 1) * abs(factor)
    return simplified(found, analyzer)


def estimate_region_strict_bound(
    region: Region,
    var_dom: Mapping[Var, Range],
    predicate: PrimExpr | None = None,
    analyzer: Analyzer | None = None,
) -> list[IntSet] | None:
    """Sets that hold exactly the points of the region; None where that cannot be shown."""
    return estimate_region_lower_bound(region, var_dom, predicate, analyzer)
