"""Packed functions whose result's shape depends on the data, against NumPy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pellucid.runtime.registry import get_global_func
from pellucid.runtime.tensor import array
from pellucid.support.errors import ArgumentError

X = np.array([[3, 0, 3], [0, 7, 1]], "int32")


def call(name: str, *args: Any) -> Any:
    found = get_global_func(f"pellucid.builtin.{name}")
    assert found is not None
    result = found(*args)
    return [each.numpy() for each in result] if isinstance(result, tuple) else result.numpy()


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_nonzero() -> None:
    same(call("nonzero", X), np.stack(np.nonzero(X)))
    same(call("argwhere", array(X)), np.argwhere(X))
    assert call("nonzero", X).dtype == np.int64
    assert call("nonzero", np.array(5)).shape == (1, 1)
    assert call("nonzero", np.zeros((2, 3))).shape == (2, 0)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_unique(axis: Any) -> None:
    x = np.array([[2, 1, 2], [2, 1, 2], [0, 1, 0]], "float32")
    expected = np.unique(x, True, True, True, axis=axis)
    found = call("unique", x, 1, 1, 1, 1, axis)
    for one, wanted in zip(found, expected, strict=True):
        same(one.reshape(-1), wanted.reshape(-1))
    assert call("unique", x, 1, 0, 0, 0, axis).dtype == np.float32
    value, index, inverse, counts = call("unique", x, 0, 1, 1, 1, axis)
    assert list(index) == sorted(index)
    same(np.take(value, inverse, axis), x)
    same(np.take(x, index, axis), value)
    assert counts.sum() == (9 if axis is None else 3)


@pytest.mark.parametrize("axis", [None, 1])
def test_unique_consecutive(axis: Any) -> None:
    x = torch.tensor([[1, 1, 2, 2, 1], [3, 3, 3, 3, 3]])
    expected = torch.unique_consecutive(x, True, True, axis)
    for one, wanted in zip(
        call("unique_consecutive", x.numpy(), 1, 1, axis), expected, strict=True
    ):
        same(one, wanted)
    same(call("unique_consecutive", np.zeros(0, "int32")), np.zeros(0))


def test_selection() -> None:
    same(call("masked_select", X, X > 0), X[X > 0])
    same(call("masked_select", X, np.array([True, False, True])), X[:, [0, 2]].reshape(-1))
    same(call("compress", np.array([True, False, True]), X, 1), X[:, [0, 2]])
    with pytest.raises(ArgumentError, match="must be bool"):
        call("masked_select", X, X)


def test_counts_and_repetition() -> None:
    same(call("bincount", np.array([1, 4, 1]), 7), [0, 2, 0, 0, 1, 0, 0])
    weights = np.array([0.5, 1, 2], "float32")
    found = call("bincount", np.array([1, 4, 1]), 0, weights)
    assert found.dtype == np.float32
    same(found, [0, 2.5, 0, 0, 1])
    same(call("repeat_interleave", X, np.array([2, 1]), 0), X[[0, 0, 1]])
    same(call("arange", np.array(2), np.array([9]), np.array(3)), [2, 5, 8])
    with pytest.raises(ArgumentError, match="negative"):
        call("bincount", np.array([-1]))
    with pytest.raises(ArgumentError, match="no such axis"):
        call("unique", X, 1, 0, 0, 0, 2)
