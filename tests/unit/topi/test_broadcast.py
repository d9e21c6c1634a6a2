"""Operators on two tensors, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import broadcast

RNG = np.random.default_rng(0)
FLOATS = (RNG.normal(size=(3, 1)).astype("float32"), RNG.normal(size=(2, 1, 4)).astype("float32"))
INTS = (RNG.integers(-9, 9, (3, 1)).astype("int32"), RNG.integers(1, 9, (2, 1, 4)).astype("int32"))

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "floor_divide": np.floor_divide,
    "floor_mod": np.mod,
    "mod": np.fmod,
    "greater": np.greater,
    "less": np.less,
    "greater_equal": np.greater_equal,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
FLOAT_ONLY = {
    "divide": np.divide,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "log_add_exp": np.logaddexp,
}
INT_ONLY = {
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "left_shift": np.left_shift,
    "right_shift": np.right_shift,
}


@pytest.mark.parametrize("name", [*ARITHMETIC, *FLOAT_ONLY])
def test_floats(evaluate: Callable[..., Any], name: str) -> None:
    expected = {**ARITHMETIC, **FLOAT_ONLY}[name](*FLOATS)
    found = evaluate(getattr(broadcast, name), *FLOATS)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", [*ARITHMETIC, *INT_ONLY])
def test_integers(evaluate: Callable[..., Any], name: str) -> None:
    expected = {**ARITHMETIC, **INT_ONLY}[name](*INTS)
    found = evaluate(getattr(broadcast, name), *INTS)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_integer_division_rounds_towards_zero(evaluate: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(
        evaluate(broadcast.divide, *INTS), np.trunc(INTS[0] / INTS[1]).astype("int32")
    )


def test_integer_power_wraps_and_truncates(evaluate: Callable[..., Any]) -> None:
    base = np.array([3, -2, 1, -1, 7, 2, 0], "int32")
    exponent = np.array([5, 3, -4, -3, 40, -1, 0], "int32")
    expected = [243, -8, 1, -1, int(np.array(pow(7, 40, 2**32), "uint32").view("int32")), 0, 1]
    np.testing.assert_array_equal(evaluate(broadcast.power, base, exponent), expected)


def test_float_power(evaluate: Callable[..., Any]) -> None:
    base = np.abs(FLOATS[0]) + 1
    np.testing.assert_allclose(
        evaluate(broadcast.power, base, FLOATS[1]), np.power(base, FLOATS[1]), rtol=1e-5
    )


def test_dtypes_are_promoted(evaluate: Callable[..., Any]) -> None:
    found = evaluate(broadcast.add, INTS[0], FLOATS[1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, INTS[0] + FLOATS[1], rtol=1e-6)


def test_scalars_stand_on_either_side(evaluate: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(evaluate(lambda x: broadcast.add(x, 1), INTS[0]), INTS[0] + 1)
    np.testing.assert_array_equal(evaluate(lambda x: 2 - x, FLOATS[0]), 2 - FLOATS[0])
    np.testing.assert_array_equal(evaluate(lambda x: -(x * 2) / 4, FLOATS[0]), -FLOATS[0] / 2)


def test_scalars_alone_are_combined() -> None:
    assert int(broadcast.add(te.const(2), 3)) == 5


def test_symbolic_extents_broadcast_when_they_are_known() -> None:
    n, m = te.var("n", "int64"), te.var("m", "int64")
    a, b = te.placeholder((n, m), name="A"), te.placeholder((m,), name="B")
    function = te.create_prim_func([a, b, broadcast.add(a, b)])
    x, y = np.ones((2, 3), "float32"), np.arange(3, dtype="float32")
    out = np.empty((2, 3), "float32")
    run_prim_func(function, [x, y, out])
    np.testing.assert_array_equal(out, x + y)


@pytest.mark.parametrize("other", [4, te.var("m", "int64")])
def test_extents_that_may_differ_are_refused(other: Any) -> None:
    n = te.var("n", "int64")
    a, b = te.placeholder((n,), name="A"), te.placeholder((other,), name="B")
    for tensors in ((a, b), (b, a)):
        with pytest.raises(broadcast.UnprovedExtentsError, match="cannot be proved equal"):
            broadcast.multiply(*tensors)
    with pytest.raises(broadcast.UnprovedExtentsError):
        broadcast.broadcast_to(a, (other,))


def test_shapes_that_do_not_fit() -> None:
    a, b = te.placeholder((3, 4)), te.placeholder((3,))
    with pytest.raises(TypeMismatchError, match="do not broadcast"):
        broadcast.add(a, b)


def test_where_fma_and_broadcast_to(evaluate: Callable[..., Any]) -> None:
    condition = INTS[0] > 0
    np.testing.assert_array_equal(
        evaluate(broadcast.where, condition, FLOATS[0], FLOATS[1]), np.where(condition, *FLOATS)
    )
    np.testing.assert_array_equal(
        evaluate(lambda c: broadcast.where(c, 1.0, 0.0), INTS[0]), np.where(INTS[0], 1.0, 0.0)
    )
    found = evaluate(broadcast.ewise_fma, FLOATS[0], FLOATS[1], FLOATS[0])
    np.testing.assert_allclose(found, FLOATS[0] * FLOATS[1] + FLOATS[0], rtol=1e-6)
    found = evaluate(lambda x: broadcast.broadcast_to(x, (2, 3, 4)), FLOATS[0])
    np.testing.assert_array_equal(found, np.broadcast_to(FLOATS[0], (2, 3, 4)))
    with pytest.raises(TypeMismatchError, match="does not broadcast"):
        broadcast.broadcast_to(te.placeholder((3, 2)), (3, 4))


def test_blocks_are_named_after_the_operator() -> None:
    a, b = te.placeholder((3, 4), name="A"), te.placeholder((4,), name="B")
    text = te.create_prim_func([a, b, broadcast.add(a, b)]).script()
    assert 'T.block("T_add")' in text
    assert "for ax0, ax1 in T.grid(3, 4):" in text
