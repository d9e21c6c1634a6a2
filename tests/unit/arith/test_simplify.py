"""Simplification against brute force: same value everywhere, idempotent, same object when idle."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import tir
from pellucid.arith.analyzer import Analyzer
from pellucid.arith.evaluate import evaluate
from pellucid.ir.arithmetic import logical_and, logical_not, logical_or, select, truncdiv, truncmod
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
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

U, J, X, Y = Var("i"), Var("j"), Var("x"), Var("y")
N = SizeVar("n")
LIMITS = {U: range(12), J: range(4), X: range(-9, 10, 3), Y: range(-5, 6, 5), N: range(0, 6, 5)}
EVERY_POINT = [
    dict(zip(LIMITS, values, strict=True)) for values in itertools.product(*LIMITS.values())
]
POINTS = random.Random(7).sample(EVERY_POINT, 150)

CONSTANTS = [IntImm("int32", v) for v in (-8, -3, -1, 0, 1, 2, 3, 4, 5, 8, 12, 16)]
DIVISORS = [IntImm("int32", v) for v in (1, 2, 3, 4, 8, 12, 16)]
SYMBOLIC = [N, Add(J, IntImm("int32", 1))]
LEAVES = [U, J, X, Y, N, *CONSTANTS]
OPERATIONS: list[Any] = [
    lambda draw, a, b: Add(a, b),
    lambda draw, a, b: Sub(a, b),
    lambda draw, a, b: Add(b, a),
    lambda draw, a, b: Mul(a, draw(st.sampled_from(CONSTANTS))),
    lambda draw, a, b: Mul(draw(st.sampled_from([U, J, N])), b),
    lambda draw, a, b: FloorDiv(a, draw(st.sampled_from(DIVISORS))),
    lambda draw, a, b: FloorMod(a, draw(st.sampled_from(DIVISORS))),
    lambda draw, a, b: truncdiv(a, draw(st.sampled_from(DIVISORS))),
    lambda draw, a, b: truncmod(a, draw(st.sampled_from(DIVISORS))),
    lambda draw, a, b: FloorDiv(a, draw(st.sampled_from(SYMBOLIC))),
    lambda draw, a, b: FloorMod(a, draw(st.sampled_from(SYMBOLIC))),
    lambda draw, a, b: Min(a, b),
    lambda draw, a, b: Max(a, b),
    lambda draw, a, b: select(draw(comparisons(1)), a, b),
]


@st.composite
def expressions(draw: Any, depth: int = 4) -> Any:
    """An integer expression over the five variables."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(LEAVES))
    a, b = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return draw(st.sampled_from(OPERATIONS))(draw, a, b)


@st.composite
def comparisons(draw: Any, depth: int) -> Any:
    kind = draw(st.sampled_from([LT, LE, GT, GE, EQ, NE]))
    return kind(draw(expressions(depth)), draw(expressions(depth)))


@st.composite
def conditions(draw: Any, depth: int = 2) -> Any:
    """A condition over such expressions."""
    if depth == 0 or draw(st.booleans()):
        return draw(comparisons(2))
    if draw(st.booleans()):
        return logical_not(draw(conditions(depth - 1)))
    join = draw(st.sampled_from([logical_and, logical_or]))
    return join(draw(conditions(depth - 1)), draw(conditions(depth - 1)))


anything = st.one_of(expressions(), conditions())


def analyzer() -> Analyzer:
    result = Analyzer()
    result.bind(U, Range(0, 12))
    result.bind(J, Range(0, 4))
    return result


def value_at(expr: Any, point: Any) -> int | None:
    """The value, or None where a divisor is zero."""
    try:
        return evaluate(expr, point)
    except ZeroDivisionError:
        return None


@given(anything)
@settings(max_examples=700)
def test_simplify_keeps_the_value(expr: Any) -> None:
    simple = analyzer().simplify(expr)
    for point in POINTS:
        value = value_at(expr, point)
        if value is not None:
            assert value_at(simple, point) == value, (expr, simple, point)


@given(anything)
@settings(max_examples=400)
def test_simplify_is_idempotent_and_idle(expr: Any) -> None:
    simple = analyzer().simplify(expr)
    assert analyzer().simplify(simple) is simple, (expr, simple)
    same = analyzer()
    again = same.simplify(expr)
    assert structural_equal(again, simple)
    assert same.simplify(again) is again


@given(expressions())
@settings(max_examples=400)
def test_bounds_and_residues_hold(expr: Any) -> None:
    known = analyzer()
    low, high = known.const_int_bound(expr)
    coeff, base = known.modular_set(expr)
    for point in POINTS:
        value = value_at(expr, point)
        if value is not None:
            assert low <= value <= high
            assert value == base if coeff == 0 else (value - base) % coeff == 0


@given(conditions(), conditions())
@settings(max_examples=300)
def test_constraints_are_used_soundly(assumed: Any, asked: Any) -> None:
    known = analyzer()
    with known.constraint_scope(assumed):
        simple = known.simplify(asked)
    for point in POINTS:
        if value_at(assumed, point) and value_at(asked, point) is not None:
            assert value_at(simple, point) == value_at(asked, point)


def simple(expr: Any) -> Any:
    return analyzer().simplify(expr)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((U * 4 + J) // 4, U),
        ((U * 4 + J) % 4, J),
        ((U * 4 + J) // 16, U // 4),
        (X // 4 * 4 + X % 4, X),
        (X - X // 4 * 4, X % 4),
        (X // 8 % 4, X % 32 // 8),
        ((X % 64) // 16 * 16 + X % 16, X % 64),
        ((X + 5) // 4, (X + 1) // 4 + 1),
        ((N * Y) // N, Y),
        (Y > X, X < Y),
        (X + 1 < Y + 3, X < Y + 2),
        (X * 4 < 5, X < 2),
        (LT(IntImm("int32", 3), X), X > 3),
        (4 - X * 2 <= Y * 0, X >= 2),
        (X * 4 <= 5, X <= 1),
        (tir.all(X < 7, X < 5), X < 5),
        (tir.min(4, X), tir.min(X, 4)),
        (tir.truncdiv(U, 4), U // 4),
        (3 - X + Y, Y - X + 3),
        ((N + 3) // 4 * 4 >= N, IntImm("bool", 1)),
        (tir.Select(X < 3, tir.max(X, 5), X), tir.Select(X < 3, IntImm("int32", 5), X)),
    ],
    ids=lambda value: None,
)
def test_normal_form(before: Any, after: Any) -> None:
    assert structural_equal(simple(before), after), (before, simple(before))


def test_products_of_sums_are_equal_but_stay_as_written() -> None:
    m = SizeVar("m")
    known = analyzer()
    assert known.can_prove_equal((m + 1) * N, N * m + N)
    product = (m + 1) * N
    assert known.simplify(product) is product


def test_widths_do_not_matter_to_equality() -> None:
    known = analyzer()
    wide = tir.Cast("int64", U)
    assert known.can_prove_equal(wide * 4 + 1, tir.Cast("int64", U * 4 + 1))
    assert known.can_prove_equal(U + 1, wide + 1)


def test_symbolic_ranges() -> None:
    known = Analyzer()
    m, k, i = SizeVar("m"), Var("k"), Var("i2")
    known.bind(i, Range(0, m))
    known.bind(k, Range(0, N))
    assert known.can_prove(i * N + k < m * N)
    assert not known.can_prove(i * N + k < m * N - 1)
    assert structural_equal(known.simplify((i * N + k) // N), i)
    assert structural_equal(known.simplify((i * N + k) % N), k)


def test_narrow_integers_wrap_and_are_left_alone() -> None:
    a = Var("a", "uint8")
    total = a + 200
    assert Analyzer().simplify(total) is total
    assert not Analyzer().can_prove(total >= 200)


def test_float_expressions_are_folded_only() -> None:
    f = Var("f", "float32")
    known = Analyzer()
    assert known.simplify(f * 1.0) is f
    assert known.simplify(f + 0.0).a is f
    assert isinstance(known.simplify(tir.Not(f < 1.0)), tir.Not)


def test_guards_stay() -> None:
    guarded = tir.all(X < 8, tir.floordiv(12, X + 20) > 0, X < 5)
    assert structural_equal(simple(guarded), tir.all(X < 8, tir.floordiv(12, X + 20) > 0, X < 5))
    buffer = tir.decl_buffer((8,), "int32", "A")
    guarded = tir.all(X < 8, buffer[X] > 0, X < 5)
    assert simple(guarded) is guarded


def test_bind_twice_is_an_error() -> None:
    known = analyzer()
    with pytest.raises(TypeError) as caught:
        known.bind(U, 3)
    assert str(caught.value) == (
        "The variable 'i' is bound already.\n  cure: pass allow_override=True"
    )
    known.bind(U, 3, allow_override=True)
    assert known.simplify(U + 1).value == 4
