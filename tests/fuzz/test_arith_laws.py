"""Laws of `arith`: simplification keeps the value at every point, is idempotent and leaves what is
simple alone; bounds and residues hold; facts are used soundly; every rewrite rule is reached.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.evaluate import evaluate
from pellucid.arith.rules import BY_NAME
from pellucid.ir.arithmetic import logical_and, logical_or, select, truncdiv, truncmod
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
    Not,
    Range,
    SizeVar,
    Sub,
    Var,
)
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Mutator, pre_order
from tests.fuzz.coverage import Coverage

# The laws share what they note, so one process runs them all.
# Rules about vectors: `tests/unit/arith` tries them.
VECTORS = ("broadcasts", "ramp", "ramps")
U, J, X, Y = Var("i"), Var("j"), Var("x"), Var("y")
N = SizeVar("n")
P = Var("p", "bool")
LIMITS = {
    U: range(12),
    J: range(4),
    X: range(-9, 10, 3),
    Y: range(-5, 6, 5),
    N: range(0, 6, 5),
    P: range(2),
}
EVERY_POINT = [
    dict(zip(LIMITS, values, strict=True)) for values in itertools.product(*LIMITS.values())
]
POINTS = random.Random(7).sample(EVERY_POINT, 150)

CONSTANTS = [IntImm("int32", v) for v in (-8, -3, -1, 0, 1, 2, 3, 4, 5, 8, 12, 16)]
DIVISORS = [IntImm("int32", v) for v in (1, 2, 3, 4, 8, 12, 16)]
SYMBOLIC = [N, Add(J, IntImm("int32", 1))]
LEAVES = [U, J, X, Y, N, *CONSTANTS]
# Strategies are made once: making one costs more than drawing from it.
CONSTANT = st.sampled_from(CONSTANTS)
DIVISOR = st.sampled_from(DIVISORS)
SYMBOL = st.sampled_from(SYMBOLIC)
LEAF = st.sampled_from(LEAVES)
SMALL = st.sampled_from([1, 2, 3, 4])
UNBOUND = st.sampled_from([X, Y])
BOUND = st.sampled_from([U, J, N])
CHANCE = st.integers(0, 5)
OPERATIONS: list[Any] = [
    lambda draw, a, b: Add(a, b),
    lambda draw, a, b: Sub(a, b),
    lambda draw, a, b: Add(b, a),
    lambda draw, a, b: Mul(a, draw(CONSTANT)),
    lambda draw, a, b: Mul(draw(BOUND), b),
    lambda draw, a, b: FloorDiv(a, draw(DIVISOR)),
    lambda draw, a, b: FloorMod(a, draw(DIVISOR)),
    lambda draw, a, b: truncdiv(a, draw(DIVISOR)),
    lambda draw, a, b: truncmod(a, draw(DIVISOR)),
    lambda draw, a, b: FloorDiv(a, draw(SYMBOL)),
    lambda draw, a, b: FloorMod(a, draw(SYMBOL)),
    lambda draw, a, b: symbolic_multiple(draw, a, b),
    lambda draw, a, b: Min(a, b),
    lambda draw, a, b: Max(a, b),
    lambda draw, a, b: select(draw(conditions(1)), a, b),
    lambda draw, a, b: digits(draw, a),
    lambda draw, a, b: digits(draw, draw(UNBOUND)),
    lambda draw, a, b: digits(draw, draw(UNBOUND)) + b,
    lambda draw, a, b: clamped(draw, a),
]
OPERATION = st.sampled_from(OPERATIONS)
DIGITS: list[Any] = [
    lambda a, low, step, top: a // (low * step) % top,
    lambda a, low, step, top: a // (low * step) * step + a % (low * step) // low,
    lambda a, low, step, top: (
        a % (low * step * top) // (low * step) * step + a % (low * step) // low
    ),
    lambda a, low, step, top: a // low - a // (low * step) * step,
    lambda a, low, step, top: (
        a % (low * step * top) // low - a % (low * step * top) // (low * step) * step
    ),
    lambda a, low, step, top: (a * (low * step) + J) // (low * top),
    lambda a, low, step, top: (a * (low * step) + J) % (low * top),
]
DIGIT = st.sampled_from(DIGITS)
QUOTIENT = st.sampled_from([FloorDiv, FloorMod])
EXTREME = st.sampled_from([Min, Max])
COMPARISON = st.sampled_from([LT, LE, GT, GE, EQ, NE])
JUNCTION = st.sampled_from([logical_and, logical_or])


def digits(draw: Any, a: Any) -> Any:
    """Digits of a number, alone, joined, and taken from it."""
    return draw(DIGIT)(a, draw(SMALL), draw(SMALL), draw(SMALL))


def symbolic_multiple(draw: Any, a: Any, b: Any) -> Any:
    """A quotient or a remainder of a multiple of what it is divided by, and something else."""
    unit, kind = draw(SYMBOL), draw(QUOTIENT)
    return kind(Add(Mul(a, unit), b), unit)


def clamped(draw: Any, a: Any) -> Any:
    """Nested minima and maxima with constants."""
    one, other, kind = draw(CONSTANT), draw(CONSTANT), draw(EXTREME)
    return kind(kind(a, one), other)


@functools.cache
def expressions(depth: int = 4) -> Any:
    """An integer expression over the five variables."""
    if depth == 0:
        return LEAF

    @st.composite
    def inner(draw: Any) -> Any:
        if draw(CHANCE) == 0:
            return draw(LEAF)
        a, b = draw(expressions(depth - 1)), draw(expressions(depth - 1))
        return draw(OPERATION)(draw, a, b)

    return inner()


@functools.cache
def comparisons(depth: int) -> Any:
    """A comparison of two expressions."""
    sides = expressions(depth)
    return st.builds(lambda kind, a, b: kind(a, b), COMPARISON, sides, sides)


@functools.cache
def conditions(depth: int = 2) -> Any:
    """A condition over such expressions."""
    if depth == 0:
        return st.one_of(st.just(P), *[comparisons(2)] * 4)

    @st.composite
    def inner(draw: Any) -> Any:
        chance = draw(CHANCE)
        if chance == 0:
            return draw(conditions(0))
        if chance <= 2:
            return Not(draw(conditions(depth - 1)))
        return draw(JUNCTION)(draw(conditions(depth - 1)), draw(conditions(depth - 1)))

    return inner()


anything = st.one_of(expressions(), conditions())


def analyzer() -> Analyzer:
    result = Analyzer()
    result.bind(U, Range(0, 12))
    result.bind(J, Range(0, 4))
    return result


RULES = [rule for rule in BY_NAME.values() if not set(VECTORS) & set(rule.name.split("_"))]
NODES = {
    *("Add", "Sub", "Mul", "FloorDiv", "FloorMod", "Div", "Mod", "Min", "Max", "Select"),
    *("LT", "LE", "GT", "GE", "EQ", "NE", "And", "Or", "Not", "Var", "SizeVar", "IntImm"),
}
simplified = Coverage(
    "simplification keeps values",
    {rule.name for rule in RULES} | NODES,
    "test_simplify_keeps_the_value_and_is_idempotent",
)
bounded = Coverage("bounds hold", {"finite", "infinite"}, "test_bounds_and_residues_hold")
assumed_facts = Coverage("facts are sound", {"used", "unused"}, "test_facts_are_used_soundly")


def value_at(expr: Any, point: Any) -> int | None:
    """The value, or None where a divisor is zero."""
    try:
        return evaluate(expr, point)
    except ZeroDivisionError:
        return None


@given(anything)
@settings(max_examples=2000)
def test_simplify_keeps_the_value_and_is_idempotent(expr: Any) -> None:
    before = {rule.name: rule.uses for rule in RULES}
    simple = analyzer().simplify(expr)
    for point in POINTS:
        value = value_at(expr, point)
        if value is not None:
            assert value_at(simple, point) == value, (expr, simple, point)
    assert analyzer().simplify(simple) is simple, (expr, simple)
    used = {rule.name for rule in RULES if rule.uses > before[rule.name]}
    simplified.note(used | {type(each).__name__ for each in pre_order(expr)})


class Widened(Mutator):
    """The expression with int64 in the place of int32."""

    def visit_var_(self, var: Any) -> Any:
        return WIDE.get(var, var)

    visit_size_var_ = visit_var_

    def visit_int_imm_(self, value: Any) -> Any:
        return value if value.dtype.is_bool else IntImm("int64", value.value)


WIDE = {each: type(each)(each.name, "int64") for each in (U, J, X, Y, N)}


@given(anything)
@settings(max_examples=250)
def test_both_widths_have_the_same_normal_form(expr: Any) -> None:
    known = analyzer()
    for narrow, extent in ((U, 12), (J, 4)):
        known.bind(WIDE[narrow], Range(IntImm("int64", 0), IntImm("int64", extent)))
    simple = known.simplify(Widened().visit(expr))
    assert known.simplify(simple) is simple
    assert structural_equal(simple, Widened().visit(known.simplify(expr)))


@given(expressions())
@settings(max_examples=300)
def test_bounds_and_residues_hold(expr: Any) -> None:
    known = analyzer()
    low, high = known.const_int_bound(expr)
    coeff, base = known.modular_set(expr)
    for point in POINTS:
        value = value_at(expr, point)
        if value is not None:
            assert low <= value <= high
            assert value == base if coeff == 0 else (value - base) % coeff == 0
    bounded.note({"finite"} if abs(low) + abs(high) < math.inf else {"infinite"})


@given(conditions(), conditions())
@settings(max_examples=250)
def test_facts_are_used_soundly(assumed: Any, asked: Any) -> None:
    known = analyzer()
    with known.constraint_scope(assumed):
        simple = known.simplify(asked)
    for point in POINTS:
        if value_at(assumed, point) and value_at(asked, point) is not None:
            assert value_at(simple, point) == value_at(asked, point)
    decided = isinstance(simple, IntImm) and not isinstance(analyzer().simplify(asked), IntImm)
    assumed_facts.note({"used"} if decided else {"unused"})


def test_the_expressions_reach_every_rule() -> None:
    simplified.check()
    bounded.check()
    assumed_facts.check()
