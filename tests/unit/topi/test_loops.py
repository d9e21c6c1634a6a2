"""Scans, scatters and sorts: operators whose loops are written out, against NumPy and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import scan, scatter
from pellucid.topi import sorting as sort

RNG = np.random.default_rng(8)
X = RNG.integers(-5, 6, (2, 3, 4)).astype("float32")


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_scans(evaluate: Callable[..., Any], axis: Any) -> None:
    same(evaluate(scan.cumsum, X, axis), X.cumsum(axis))
    same(evaluate(scan.cumprod, X, axis), X.cumprod(axis))
    found = evaluate(scan.cumsum, X, axis, "float64", True)
    assert found.dtype == np.float64
    same(found, X.cumsum(axis) - (X if axis is not None else X.reshape(-1)))


def test_extreme_scans_and_counts(evaluate: Callable[..., Any]) -> None:
    same(evaluate(scan.cummax, X, 1), np.maximum.accumulate(X, 1))
    same(evaluate(scan.cummin, X, 2), np.minimum.accumulate(X, 2))
    same(evaluate(scan.cumsum, X > 0, 1), (X > 0).cumsum(1))
    expected = torch.logcumsumexp(torch.from_numpy(X), 2)
    np.testing.assert_allclose(evaluate(scan.logcumsumexp, X, 2), expected, rtol=1e-5, atol=1e-6)
    same(evaluate(scan.diff, X, 2, -1), np.diff(X, 2))


def test_a_scan_of_symbolic_extents() -> None:
    n = te.var("n", "int64")
    a = te.placeholder((n, 3), name="A")
    out = np.empty((4, 3), "float32")
    x = RNG.integers(0, 9, (4, 3)).astype("float32")
    run_prim_func(te.create_prim_func([a, scan.cumsum(a, 0)], "int64"), [x, out])
    same(out, x.cumsum(0))


REDUCTIONS = {
    "update": None,
    "add": "sum",
    "mul": "prod",
    "mean": "mean",
    "min": "amin",
    "max": "amax",
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scatter_elements(evaluate: Callable[..., Any], axis: int, reduction: str) -> None:
    indices = RNG.integers(0, 2, (2, 2, 4))
    updates = RNG.integers(1, 6, (2, 2, 4)).astype("float32")
    found = evaluate(scatter.scatter_elements, X, indices, updates, axis, reduction)
    data, at, new = torch.from_numpy(X), torch.from_numpy(indices), torch.from_numpy(updates)
    if reduction == "update":
        # torch does not say which of several updates stays; NumPy keeps the last.
        expected = X.copy()
        for i in np.ndindex(*indices.shape):
            place = list(i)
            place[axis] = int(indices[i])
            expected[tuple(place)] = updates[i]
    else:
        expected = data.scatter_reduce(axis, at, new, REDUCTIONS[reduction]).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_scatter_leaves_out_what_is_outside(evaluate: Callable[..., Any]) -> None:
    x, updates = np.zeros(3, "int32"), np.array([1, 2, 3, 4], "int32")
    indices = np.array([0, -1, 3, -4], "int64")
    same(evaluate(scatter.scatter_elements, x, indices, updates), [1, 0, 2])


@pytest.mark.parametrize("mode", ["update", "add", "max"])
def test_scatter_nd(evaluate: Callable[..., Any], mode: str) -> None:
    indices = np.array([[1, 0, 1], [2, 0, 2]], "int64")
    updates = RNG.integers(-9, 9, (3, 4)).astype("float32")
    expected = X.copy()
    where = indices[0], indices[1]
    if mode == "add":
        np.add.at(expected, where, updates)
    elif mode == "max":
        np.maximum.at(expected, where, updates)
    else:
        for i in range(3):
            expected[indices[0, i], indices[1, i]] = updates[i]
    same(evaluate(scatter.scatter_nd, X, indices, updates, mode), expected)
    last = np.ascontiguousarray(indices.T)
    same(evaluate(scatter.scatter_nd, X, last, updates, mode, -1), expected)


@pytest.mark.parametrize("accumulate", [False, True])
def test_index_put(evaluate: Callable[..., Any], accumulate: bool) -> None:
    def put(x: Any, values: Any, a: Any, b: Any) -> Any:
        return scatter.index_put(x, [a, b], values, accumulate)

    rows, columns = np.array([[0], [1]]), np.array([2, 0, 2 if accumulate else 1])
    values = RNG.integers(0, 9, (3, 1)).astype("float32")
    expected = torch.from_numpy(X.copy()).index_put(
        (torch.from_numpy(rows), torch.from_numpy(columns)), torch.from_numpy(values), accumulate
    )
    same(evaluate(put, X, values, rows, columns), expected)


def test_slice_scatter(evaluate: Callable[..., Any]) -> None:
    source = -np.ones((2, 3, 2), "float32")
    expected = X.copy()
    expected[:, :, 0:4:2] = source
    same(evaluate(scatter.slice_scatter, X, source, 0, 9, 2, -1), expected)


def test_wrong_scatters() -> None:
    x, i = te.placeholder((3,)), te.placeholder((3,), "int32")
    with pytest.raises(TypeMismatchError, match="combine updates"):
        scatter.scatter_elements(x, i, x, 0, "sub")
    with pytest.raises(TypeMismatchError, match="dtype of the tensor"):
        scatter.scatter_elements(x, i, i)
    with pytest.raises(TypeMismatchError, match="must be integers"):
        scatter.scatter_nd(x, x, x)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("ascending", [True, False])
def test_argsort_is_stable(evaluate: Callable[..., Any], size: int, ascending: bool) -> None:
    x = RNG.integers(0, 4, (3, size)).astype("float32")
    found = evaluate(sort.argsort, x, None, -1, ascending, "int64")
    same(found, torch.from_numpy(x).argsort(dim=-1, descending=not ascending, stable=True))
    same(evaluate(sort.sort, x, -1, ascending), np.sort(x)[:, :: 1 if ascending else -1])


def test_sort_along_another_axis_and_dtype(evaluate: Callable[..., Any]) -> None:
    same(evaluate(sort.sort, X, 1), np.sort(X, 1))
    same(
        evaluate(sort.argsort, X[0, 0], None, 0, True, "float32"), np.argsort(X[0, 0], stable=True)
    )
    x = np.array([3, np.nan, -np.inf, np.nan, 1], "float32")
    same(evaluate(sort.sort, x), np.sort(x))
    same(evaluate(sort.argsort, x, None, 0, False), [1, 3, 0, 4, 2])
    same(evaluate(sort.sort, np.array([200, 3, 100], "uint8")), [3, 100, 200])


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_topk(evaluate: Callable[..., Any], axis: int, ascending: bool) -> None:
    x = RNG.permutation(24).reshape(2, 3, 4).astype("float32")
    values, indices = evaluate(sort.topk, x, 2, axis, "both", ascending)
    expected = torch.from_numpy(x).topk(2, axis, largest=not ascending)
    same(values, expected.values)
    same(indices, expected.indices)
    assert evaluate(sort.topk, x, 0, axis, "values", ascending).shape == x.shape
    assert evaluate(sort.topk, x, 1, axis, "indices", dtype="int32").dtype == np.int32
    with pytest.raises(TypeMismatchError, match="more elements than"):
        sort.topk(te.placeholder((2,)), 3)


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(evaluate: Callable[..., Any], right: bool) -> None:
    row = np.array([1, 3, 3, 5, 9], "float32")
    values = np.array([[0, 3, 4], [9, 10, 1]], "float32")
    side = "right" if right else "left"
    same(evaluate(sort.searchsorted, row, values, right), np.searchsorted(row, values, side))
    rows = np.stack([row, row * 2])
    expected = [np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)]
    same(evaluate(sort.searchsorted, rows, values, right, "int32"), expected)
    same(evaluate(sort.bucketize, values, row, right), np.searchsorted(row, values, side))
