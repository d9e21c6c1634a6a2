"""Simplification: the normal form, what is proved, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.arith.analyzer import Analyzer
from pellucid.ir.scalar import LT, IntImm, Range, SizeVar, Var
from pellucid.ir.structural import structural_equal

U, J, X, Y = Var("i"), Var("j"), Var("x"), Var("y")
N = SizeVar("n")


def analyzer() -> Analyzer:
    result = Analyzer()
    result.bind(U, Range(0, 12))
    result.bind(J, Range(0, 4))
    return result


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
