"""Structural equality: which variables may stand for each other."""

from __future__ import annotations

from pellucid import tir
from pellucid.ir.scalar import Let, Var
from pellucid.ir.structural import first_difference, structural_equal, structural_hash


def loop(extent: int = 8) -> tir.For:
    i = Var("i")
    return tir.For(i, 0, extent, "serial", tir.Evaluate(i))


def test_bound_variables_stand_for_each_other() -> None:
    assert structural_equal(loop(), loop())
    assert structural_hash(loop()) == structural_hash(loop())
    assert not structural_equal(loop(8), loop(9))


def test_free_variables_are_equal_only_to_themselves() -> None:
    x, y = Var("x"), Var("y")
    assert structural_equal(x + 1, x + 1)
    assert not structural_equal(x + 1, y + 1)
    assert structural_equal(x + 1, y + 1, map_free_vars=True)
    assert not structural_equal(x + x, x + y, map_free_vars=True)
    difference = first_difference(x + 1, y + 1)
    assert difference is not None
    assert difference[1:] == (x, y)


def test_a_free_variable_is_no_bound_one() -> None:
    x, y = Var("x"), Var("y")
    one, other = Let(x, 1, x + y), Let(y, 1, y + y)
    assert not structural_equal(one, other)
    assert not structural_equal(other, one)


def test_buffers_are_known_by_their_parts() -> None:
    data = tir.decl_buffer((8,), "float32", "A").data
    one, other = (tir.decl_buffer((8,), "float32", name, data) for name in "AB")
    assert structural_equal(one[0], other[0])
    assert not structural_equal(one[0], tir.decl_buffer((9,), "float32", "A", data)[0])
    assert not structural_equal(one[0], tir.decl_buffer((8,), "float32", "A")[0])
