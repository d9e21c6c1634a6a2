"""Interval sets and regions against enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import tir
from pellucid.arith.analyzer import Analyzer
from pellucid.arith.evaluate import evaluate
from pellucid.arith.int_set import EVERYTHING, NOTHING, IntSet, covers, eval_set, intersect, union
from pellucid.arith.linear_equation import detect_linear_equation
from pellucid.arith.region import (
    Domains,
    estimate_region_lower_bound,
    estimate_region_upper_bound,
)
from pellucid.ir.scalar import (
    Add,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Range,
    SizeVar,
    Sub,
    Var,
)
from pellucid.ir.structural import structural_equal

A, B, X = Var("a"), Var("b"), Var("x")
N = SizeVar("n")
EXTENTS = {A: 6, B: 3}
FIXED = [{X: x, N: n} for x in (-5, 0, 7) for n in (0, 1, 9)]
LEAVES = [A, B, X, N, *[IntImm("int32", v) for v in (-3, 0, 1, 2, 4)]]


@st.composite
def expressions(draw: Any, depth: int = 3) -> Any:
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(LEAVES))
    a, b = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    constant = IntImm("int32", draw(st.sampled_from([-4, -1, 1, 2, 3, 4, 8])))
    divisor = IntImm("int32", draw(st.sampled_from([1, 2, 3, 4, 8])))
    build = draw(
        st.sampled_from(
            [
                lambda: Add(a, b),
                lambda: Sub(a, b),
                lambda: Mul(a, constant),
                lambda: Mul(a, N),
                lambda: FloorDiv(a, divisor),
                lambda: FloorMod(a, divisor),
                lambda: Min(a, b),
                lambda: Max(a, b),
                lambda: tir.Select(a < b, a, b),
            ]
        )
    )
    return build()


def points() -> Any:
    for a, b in itertools.product(range(EXTENTS[A]), range(EXTENTS[B])):
        for fixed in FIXED:
            yield {A: a, B: b, **fixed}


@given(expressions())
@settings(max_examples=300)
def test_every_value_is_in_the_set(expr: Any) -> None:
    found = eval_set(expr, {A: Range(0, 6), B: Range(0, 3)})
    for point in points():
        value = evaluate(expr, point)
        assert found.min_value is None or evaluate(found.min_value, point) <= value
        assert found.max_value is None or value <= evaluate(found.max_value, point)


@given(expressions(2), expressions(2))
@settings(max_examples=200)
def test_sets_under_conditions(index: Any, bound: Any) -> None:
    condition = bound < X
    domains = Domains(Analyzer(), {A: Range(0, 6), B: Range(0, 3)})
    found = domains.under(Analyzer().simplify(condition)).set_of(index)
    for point in points():
        if evaluate(condition, point):
            value = evaluate(index, point)
            assert found.min_value is None or evaluate(found.min_value, point) <= value
            assert found.max_value is None or value <= evaluate(found.max_value, point)


@pytest.mark.parametrize(
    ("expr", "low", "high"),
    [
        (A * 4 + B, 0, 22),
        (X * 64 + A * 4 + B, X * 64, X * 64 + 22),
        ((A * 4 + B) // 8, 0, 2),
        ((A * 4 + B) % 64, 0, 22),
        (A * N + B, 0, N * 5 + 2),
        (tir.Cast("int64", A) + 1, tir.const(1, "int64"), tir.const(6, "int64")),
        (tir.Ramp(A * 4, 1, 4), 0, 23),
    ],
    ids=lambda value: None,
)
def test_ends(expr: Any, low: Any, high: Any) -> None:
    found = eval_set(expr, {A: Range(0, 6), B: Range(0, 3)})
    known = Analyzer()
    assert known.can_prove_equal(found.min_value, low)
    assert known.can_prove_equal(found.max_value, high)


def test_a_domain_may_depend_on_an_outer_variable() -> None:
    found = eval_set(A - B, {A: Range(0, N), B: Range(A, A + 4)})
    assert [found.min_value.value, found.max_value.value] == [-3, 0]


def test_unions_and_intersections() -> None:
    low, high = IntSet.interval(0, 4), IntSet.interval(3, 9)
    assert repr(union(low, high, NOTHING)) == "IntSet[0, 9]"
    assert repr(intersect(low, high)) == "IntSet[3, 4]"
    assert union(low, EVERYTHING).is_everything()
    assert intersect(low, NOTHING).is_nothing()
    assert covers(IntSet.interval(0, N), IntSet.interval(0, N - 1), Analyzer())
    assert not covers(IntSet.interval(0, N), IntSet.interval(-1, N), Analyzer())


def test_linear_equations() -> None:
    found = detect_linear_equation(A * 4 + B * N + X - 2, [A, B])
    for part, expected in zip(found, [IntImm("int32", 4), N, X - 2], strict=True):
        assert structural_equal(part, expected)
    assert detect_linear_equation(A * B, [A, B]) == []
    assert detect_linear_equation(A // 2, [A]) == []


def test_upper_bound_is_clipped_by_the_predicate() -> None:
    region = [Range.from_min_extent(A * 4 + B, 1)]
    found = estimate_region_upper_bound(region, {A: Range(0, 6), B: Range(0, 4)}, A * 4 + B < N)
    assert structural_equal(found[0].max_value, tir.min(N - 1, 23))


def test_lower_bound_needs_indices_without_gaps() -> None:
    domains = {A: Range(0, 6), B: Range(0, 4)}
    dense = estimate_region_lower_bound([Range.from_min_extent(A * 4 + B, 1)], domains)
    assert repr(dense) == "[IntSet[0, 23]]"
    assert estimate_region_lower_bound([Range.from_min_extent(A * 5 + B, 1)], domains) is None
    assert estimate_region_lower_bound([Range.from_min_extent(A, 1)], domains, A < 3) is None
    shared = [Range.from_min_extent(A, 1), Range.from_min_extent(A, 1)]
    assert estimate_region_lower_bound(shared, domains) is None


def test_lower_bound_whatever_order_the_variables_have() -> None:
    index = [Range.from_min_extent(A + B, 1)]
    for _ in range(8):
        # Fresh variables hash in another order each time.
        a, b = A.fresh(), B.fresh()
        for pair in ((a, b), (b, a)):
            sizes = {a: Range(0, N), b: Range(0, 2)}
            fresh = [Range.from_min_extent(pair[0] + pair[1], 1)]
            found = estimate_region_lower_bound(fresh, {each: sizes[each] for each in pair})
            assert repr(found) == "[IntSet[0, n]]"
    assert estimate_region_lower_bound(index, {A: Range(0, N), B: Range(0, N)}) is None
