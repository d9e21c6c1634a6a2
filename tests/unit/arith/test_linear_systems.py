"""Bounds from conditions, inequalities and equations against enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.arith import (
    Analyzer,
    detect_clip_bound,
    evaluate,
    solve_linear_equations,
    solve_linear_inequalities,
)
from pellucid.ir.arithmetic import const, logical_and
from pellucid.ir.scalar import EQ, GE, GT, LE, LT, IntImm, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import TypeMismatchError

X, Y, Z, N = Var("x"), Var("y"), Var("z"), Var("n")
BOX = range(-4, 5)
COMPARISONS = [LT, LE, GT, GE, EQ]
FACTORS = st.integers(-3, 3)


def same(a: Any, b: Any) -> bool:
    return structural_equal(a, b, map_free_vars=False)


@st.composite
def linear(draw: Any, variables: tuple[Var, ...], kinds: Any = tuple(COMPARISONS)) -> Any:
    """A comparison of a sum with a constant."""
    total: Any = const(draw(st.integers(-6, 6)), "int32")
    for var in variables:
        total = total + var * draw(FACTORS)
    return draw(st.sampled_from(list(kinds)))(total, const(draw(st.integers(-8, 8)), "int32"))


def solutions(conditions: list[Any], variables: tuple[Var, ...], **fixed: int) -> Any:
    """All points of the box at which the conditions hold."""
    for point in itertools.product(BOX, repeat=len(variables)):
        values = dict(zip(variables, point, strict=True)) | {N: fixed.get("n", 0)}
        if all(evaluate(each, values) for each in conditions):
            yield values


def conjunction(parts: list[Any]) -> Any:
    found = parts[0]
    for each in parts[1:]:
        found = logical_and(found, each)
    return found


@given(st.lists(st.one_of(linear((X, N)), linear((Y, N))), min_size=1, max_size=4), st.data())
@settings(max_examples=150)
def test_clip_bounds_are_the_tightest(conditions: list[Any], data: Any) -> None:
    fixed = data.draw(st.integers(-3, 3))
    bounds = detect_clip_bound(conjunction(conditions), [X, Y])
    # What contradicts itself has no variables left when it is simplified.
    if not bounds or not any(solutions(conditions, (X, Y), n=fixed)):
        return
    for var, (low, high) in zip((X, Y), [bounds[:2], bounds[2:]], strict=True):
        own = [c for c in conditions if any(e is var for e in _variables(c))]
        values = {v[var] for v in solutions(own, (var,), n=fixed)}
        at = {N: fixed}
        least = -99 if low is None else evaluate(low, at)
        greatest = 99 if high is None else evaluate(high, at)
        assert values == {v for v in BOX if least <= v <= greatest}


def test_clip_bounds() -> None:
    low, high, least, greatest = detect_clip_bound(
        conjunction([X >= 3, X * 2 < N, Y * -3 + 7 >= 0, GT(N, Z)]), [X, Y]
    )
    assert same(low, IntImm("int32", 3))
    assert Analyzer().can_prove_equal(high, (N + 1) // 2 - 1)
    assert least is None
    assert same(greatest, IntImm("int32", 2))


@pytest.mark.parametrize("condition", [X + Y < 3, X * X < 3, X // 2 < Y, Var("p", "bool")])
def test_no_clip_bounds(condition: Any) -> None:
    expected = [None] * 4 if isinstance(condition, Var) else []
    assert detect_clip_bound(condition, [X, Y]) == expected


@given(st.lists(linear((X, Y, Z)), min_size=1, max_size=4))
@settings(max_examples=150)
def test_inequalities_keep_every_solution(conditions: list[Any]) -> None:
    domains = {v: Range(min=const(-4, "int32"), extent=const(9, "int32")) for v in (X, Y, Z)}
    solved = solve_linear_inequalities([X, Y, Z], conditions, domains)
    assert not solved.rest
    wanted = {tuple(p[v] for v in (X, Y, Z)) for p in solutions(conditions, (X, Y, Z))}
    found = set(chosen(solved, [Z, Y, X], {}))
    assert wanted <= found
    if solved.exact:
        assert wanted == found
        # Nothing is chosen that cannot be completed.
        assert not solved.infeasible or not wanted
        assert {p[2] for p in wanted} == {p[2] for p in chosen(solved, [Z], {})}


def chosen(solved: Any, order: list[Var], values: dict[Var, int]) -> Any:
    """All ways to choose values within the bounds, the last variable first."""
    if not all(evaluate(each, values) for each in solved.relations):
        return
    if not order:
        yield tuple(values.get(v) for v in (X, Y, Z))
        return
    bounds = solved.bounds[order[0]]
    low = max(evaluate(each, values) for each in bounds.lower)
    high = min(evaluate(each, values) for each in bounds.upper)
    for value in range(low, high + 1):
        yield from chosen(solved, order[1:], {**values, order[0]: value})


def test_inequalities_with_parameters() -> None:
    solved = solve_linear_inequalities([X, Y], [X >= 0, X + Y <= N, Y >= X * 2])
    assert solved.exact
    assert same(solved.bounds[X].as_set().min_value, IntImm("int32", 0))
    assert len(solved.bounds[X].upper) == 2
    holds = [n for n in range(-3, 4) if all(evaluate(r, {N: n}) for r in solved.relations)]
    assert holds == [0, 1, 2, 3]


def test_contradiction() -> None:
    assert solve_linear_inequalities([X, Y], [X < Y, Y < X]).infeasible
    assert not solve_linear_inequalities([X, Y], [X <= Y, Y <= X]).infeasible


def test_what_is_not_linear_is_left() -> None:
    solved = solve_linear_inequalities([X], [X >= 2, X * X < 9, X // 2 < 3])
    assert [len(solved.rest), solved.exact] == [2, False]
    assert len(solved.bounds[X].lower) == 1


@given(st.lists(linear((X, Y, Z, N), (EQ,)), min_size=1, max_size=3), st.integers(-3, 3))
@settings(max_examples=150)
def test_equations_have_exactly_these_solutions(equations: list[Any], n: int) -> None:
    solved = solve_linear_equations([X, Y, Z], equations)
    wanted = {tuple(p[v] for v in (X, Y, Z)) for p in solutions(equations, (X, Y, Z), n=n)}
    if not all(evaluate(each, {N: n}) for each in solved.relations):
        assert not wanted
        return
    found = set()
    for point in itertools.product(range(-12, 13), repeat=min(len(solved.free), 1)):
        # The other free numbers are zero: enough to see that each choice is a solution.
        free = dict(zip(solved.free, point, strict=False))
        values = {N: n, **dict.fromkeys(solved.free, 0), **free}
        here = {v: evaluate(solved.values[v], values) for v in (X, Y, Z)} | {N: n}
        assert all(evaluate(each, here) for each in equations)
        found.add(tuple(here[v] for v in (X, Y, Z)))
    if not solved.free:
        assert wanted <= found


def test_every_solution_is_reached() -> None:
    equations = [EQ(X * 2 + Y * 3, const(1, "int32"))]
    solved = solve_linear_equations([X, Y], equations)
    assert len(solved.free) == 1
    found = {
        tuple(evaluate(solved.values[v], {solved.free[0]: t}) for v in (X, Y))
        for t in range(-20, 21)
    }
    for x, y in itertools.product(BOX, repeat=2):
        assert (2 * x + 3 * y == 1) == ((x, y) in found)


def test_equations_without_solution() -> None:
    assert solve_linear_equations([X], [EQ(X * 2, const(5, "int32"))]).infeasible
    with pytest.raises(TypeMismatchError):
        solve_linear_equations([X], [X < 3])
    with pytest.raises(TypeMismatchError):
        solve_linear_equations([X], [EQ(X * X, const(4, "int32"))])


def _variables(expr: Any) -> list[Any]:
    return [each for each in pre_order(expr) if isinstance(each, Var)]
