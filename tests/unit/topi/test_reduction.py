"""Reductions, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import reduction

RNG = np.random.default_rng(1)
X = RNG.normal(size=(2, 3, 4)).astype("float32")
AXES: list[Any] = [None, 0, -1, (0, 2), [-1, 1], ()]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean"])
def test_numbers(evaluate: Callable[..., Any], name: str, axis: Any, keepdims: bool) -> None:
    over = tuple(axis) if isinstance(axis, list) else axis
    expected = getattr(np, name)(X, axis=over, keepdims=keepdims)
    found = evaluate(getattr(reduction, name), X, axis, keepdims)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["all", "any"])
def test_bools(evaluate: Callable[..., Any], name: str) -> None:
    found = evaluate(getattr(reduction, name), X > 0, 2)
    np.testing.assert_array_equal(found, getattr(np, name)(X > 0, axis=2))
    with pytest.raises(TypeMismatchError, match="takes bools"):
        getattr(reduction, name)(te.placeholder((2,)))


@pytest.mark.parametrize("axis", [None, 1, -1, (0, 1)])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("largest", [False, True])
def test_positions(evaluate: Callable[..., Any], axis: Any, last: bool, largest: bool) -> None:
    x = RNG.integers(0, 3, (2, 3, 4)).astype("float32")
    operator = reduction.argmax if largest else reduction.argmin
    found = evaluate(operator, x, axis, True, last, "int64")
    axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis % 3,)
    rest = [each for each in range(3) if each not in axes]
    lines = x.transpose(*rest, *axes).reshape([x.shape[each] for each in rest] + [-1])
    pick = np.argmax if largest else np.argmin
    expected = lines.shape[-1] - 1 - pick(lines[..., ::-1], -1) if last else pick(lines, -1)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    assert found.dtype == np.int64


def test_infinities(evaluate: Callable[..., Any]) -> None:
    x = np.full((2, 3), -np.inf, "float32")
    np.testing.assert_array_equal(evaluate(reduction.max, x, 1), x[:, 0])
    np.testing.assert_array_equal(evaluate(reduction.argmax, x, 1), [0, 0])
    np.testing.assert_array_equal(evaluate(reduction.logsumexp, x, 1), x[:, 0])


def test_variance_and_logsumexp(evaluate: Callable[..., Any]) -> None:
    np.testing.assert_allclose(evaluate(reduction.variance, X, 1), X.var(1), rtol=1e-5)
    np.testing.assert_allclose(
        evaluate(reduction.std, X, 1, True, 1), X.std(1, keepdims=True, ddof=1), rtol=1e-5
    )
    wide = X * 100
    expected = np.logaddexp.reduce(wide.astype("float64"), axis=2)
    np.testing.assert_allclose(evaluate(reduction.logsumexp, wide, 2), expected, rtol=1e-6)


def test_collapse_sum_undoes_broadcasting(evaluate: Callable[..., Any]) -> None:
    found = evaluate(lambda x: reduction.collapse_sum(x, (3, 1)), X)
    np.testing.assert_allclose(found, X.sum(axis=(0, 2))[:, None], rtol=1e-5)


def test_symbolic_extents_and_index_dtype() -> None:
    n = te.var("n", "int64")
    a = te.placeholder((n, 3), name="A")
    function = te.create_prim_func([a, reduction.argmax(a, 0)], index_dtype_override="int64")
    x = np.array([[1, 5, 2], [4, 5, 0]], "float32")
    out = np.empty(3, "int64")
    run_prim_func(function, [x, out])
    np.testing.assert_array_equal(out, [1, 0, 0])


def test_wrong_axes() -> None:
    a = te.placeholder((2, 3))
    with pytest.raises(TypeMismatchError, match="no such axis"):
        reduction.sum(a, 2)
    with pytest.raises(TypeMismatchError, match="named twice"):
        reduction.sum(a, (0, -2))


def test_names() -> None:
    a = te.placeholder((2, 3), name="A")
    text = te.create_prim_func([a, reduction.sum(a, 1)]).script()
    assert 'T.block("A_red")' in text
    assert "for ax0, k0 in T.grid(2, 3):" in text
