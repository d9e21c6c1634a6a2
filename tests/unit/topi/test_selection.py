"""`topi.nonzero` and `topi.unique`: padded results against NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import topi

RNG = np.random.default_rng(3)
DATA = [
    RNG.integers(-2, 3, 9).astype("int32"),
    RNG.integers(0, 3, (3, 4)).astype("int64"),
    np.array([1.5, np.nan, 0.0, np.nan, 1.5, -np.inf], "float32"),
    np.array([True, False, True]),
    np.zeros((2, 2), "int32"),
]


@pytest.mark.parametrize("x", DATA, ids=str)
def test_nonzero(evaluate: Callable[..., Any], x: np.ndarray) -> None:
    found, number = evaluate(topi.nonzero, x)
    expected = np.stack(np.nonzero(x))
    assert number[0] == expected.shape[1]
    assert found.shape == (x.ndim, x.size)
    np.testing.assert_array_equal(found[:, : number[0]], expected)
    assert not found[:, number[0] :].any()


@pytest.mark.parametrize("x", DATA, ids=str)
@pytest.mark.parametrize("is_sorted", [True, False])
def test_unique(evaluate: Callable[..., Any], x: np.ndarray, is_sorted: bool) -> None:
    results = evaluate(lambda a: topi.unique(a, is_sorted, True), x)
    values, first, inverse, number, counts = results
    n = int(number[0])
    expected = np.unique(x, return_index=True, return_counts=True)
    order = np.arange(n) if is_sorted else np.argsort(expected[1])
    for found, wanted in zip((values, first, counts), expected, strict=True):
        np.testing.assert_array_equal(found[:n], wanted[order])
        assert not found[n:].any()
    np.testing.assert_array_equal(values[inverse], x.reshape(-1))
    assert len(evaluate(lambda a: topi.unique(a, is_sorted), x)) == 4
