"""Shapes and orders, joining and splitting, slices, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import join, slicing, transform

X = np.arange(24, dtype="float32").reshape(2, 3, 4)


def same(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_transpose(evaluate: Callable[..., Any]) -> None:
    same(evaluate(transform.transpose, X), X.T)
    same(evaluate(transform.transpose, X, (1, -1, 0)), X.transpose(1, 2, 0))
    same(evaluate(transform.swapaxes, X, 0, -1), X.swapaxes(0, 2))
    with pytest.raises(TypeMismatchError, match="every axis once"):
        transform.transpose(te.placeholder((2, 3)), (0, 0))


@pytest.mark.parametrize("shape", [(4, 6), (24,), (2, -1), (0, 3, -1), (1, 24, 1), -1])
def test_reshape(evaluate: Callable[..., Any], shape: Any) -> None:
    expected = (2, 3, 4) if shape == (0, 3, -1) else shape
    same(evaluate(transform.reshape, X, shape), X.reshape(expected))


def test_reshape_of_symbolic_extents() -> None:
    n = te.var("n", "int64")
    a = te.placeholder((n, 6), name="A")
    out = np.empty((6, 2), "float32")
    result = transform.reshape(a, (-1, 2))
    run_prim_func(
        te.create_prim_func([a, result], "int64"), [X.reshape(-1)[:12].reshape(2, 6), out]
    )
    same(out, X.reshape(-1)[:12].reshape(6, 2))


def test_reshape_to_another_size() -> None:
    with pytest.raises(TypeMismatchError, match="numbers of elements"):
        transform.reshape(te.placeholder((2, 3)), (4, 2))
    with pytest.raises(TypeMismatchError, match="Only one extent"):
        transform.reshape(te.placeholder((2, 3)), (-1, -1))


def test_units(evaluate: Callable[..., Any]) -> None:
    unit = X[:, None, :, :1]
    same(evaluate(transform.squeeze, unit), X[:, :, 0])
    same(evaluate(transform.squeeze, unit, [1]), X[:, :, :1])
    same(evaluate(transform.expand_dims, X, 1, 2), X[:, None, None])
    same(evaluate(transform.expand_dims, X, (0, -1)), X[None, ..., None])
    same(evaluate(transform.flatten, X), X.reshape(2, 12))
    with pytest.raises(TypeMismatchError, match="cannot be squeezed"):
        transform.squeeze(te.placeholder((2, 3)), 0)


def test_order(evaluate: Callable[..., Any]) -> None:
    same(evaluate(transform.flip, X, -1), X[..., ::-1])
    same(evaluate(transform.flip, X, (0, 1)), X[::-1, ::-1])
    same(evaluate(transform.roll, X, 5), np.roll(X, 5))
    same(evaluate(transform.roll, X, (1, -2), (0, 2)), np.roll(X, (1, -2), (0, 2)))
    lengths = np.array([2, 9], "int64")
    found = evaluate(transform.reverse_sequence, X, lengths)
    same(found, np.stack([X[0][[1, 0, 2]], X[1][::-1]]))


def test_repetition(evaluate: Callable[..., Any]) -> None:
    same(evaluate(transform.repeat, X, 2, 1), X.repeat(2, 1))
    same(evaluate(transform.repeat, X, 3), X.repeat(3))
    for reps in ((2,), (2, 1, 3), (2, 1, 1, 2), 2):
        same(evaluate(transform.tile, X, reps), np.tile(X, reps))


def test_windows(evaluate: Callable[..., Any]) -> None:
    found = evaluate(transform.sliding_window, X, 1, (2, 3), (1, 1))
    same(found, np.lib.stride_tricks.sliding_window_view(X, (2, 3), (1, 2)))
    found = evaluate(transform.sliding_window, X, 2, [2], [2])
    same(found, X.reshape(2, 3, 2, 2))


def test_space_in_the_batch(evaluate: Callable[..., Any]) -> None:
    x = np.arange(2 * 3 * 4, dtype="float32").reshape(2, 3, 4, 1)
    found = evaluate(transform.space_to_batch_nd, x, (2, 2), (1, 0), (0, 0))
    padded = np.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))
    parts = [padded[:, a::2, b::2] for a in range(2) for b in range(2)]
    same(found, np.concatenate(parts))
    same(evaluate(transform.batch_to_space_nd, found, (2, 2), (1, 0), (0, 0)), x)


def test_joining(evaluate: Callable[..., Any]) -> None:
    def concatenate(a: Any, b: Any, c: Any) -> Any:
        return join.concatenate([a, b, c], -2)

    def stack(a: Any, b: Any, c: Any) -> Any:
        return join.stack([a, b, c], -1)

    same(evaluate(concatenate, X, X[:, :1], X[:, :2]), np.concatenate([X, X[:, :1], X[:, :2]], 1))
    same(evaluate(stack, X, X * 2, X * 3), np.stack([X, X * 2, X * 3], -1))
    with pytest.raises(TypeMismatchError, match="extents of axis 1"):
        join.concatenate([te.placeholder((2, 3)), te.placeholder((2, 4))])
    with pytest.raises(TypeMismatchError, match="one rank and dtype"):
        join.stack([te.placeholder((2,)), te.placeholder((2,), "int32")])


@pytest.mark.parametrize("parts", [2, 3, (1,), (1, 3), [0, -1]])
def test_split(evaluate: Callable[..., Any], parts: Any) -> None:
    found = evaluate(join.split, X, parts, 2)
    for one, expected in zip(
        found,
        np.array_split(X, parts, 2) if parts != 3 else [X[..., :2], X[..., 2:], X[..., 4:]],
        strict=True,
    ):
        same(one, expected)


def test_meshgrid(evaluate: Callable[..., Any]) -> None:
    a, b = X[0, 0], X[0, :, 0]
    for indexing in ("ij", "xy"):

        def grid(x: Any, y: Any, indexing: str = indexing) -> Any:
            return join.meshgrid([x, y], indexing)

        for one, expected in zip(
            evaluate(grid, a, b), np.meshgrid(a, b, indexing=indexing), strict=True
        ):
            same(one, expected)


SLICES = [
    ((1, 0), (2, 2), None),
    ((0, -3), (9, -1), None),
    ((1, 2, 3), (-5, None, 0), (-1, 1, -2)),
    ((None, 2), (None, 1), (1, 1)),
]


@pytest.mark.parametrize(("begin", "end", "strides"), SLICES)
def test_slices(evaluate: Callable[..., Any], begin: Any, end: Any, strides: Any) -> None:
    steps = strides or [None] * len(begin)
    picked = tuple(slice(*each) for each in zip(begin, end, steps, strict=True))
    same(evaluate(slicing.strided_slice, X, begin, end, strides), X[picked])


def test_slices_of_some_axes(evaluate: Callable[..., Any]) -> None:
    same(evaluate(slicing.strided_slice, X, [1], [4], [2], [-1]), X[..., 1:4:2])
    found = evaluate(slicing.strided_slice, X, [0, 1], [2, -1], None, None, "size")
    same(found, X[:2, 1:])
    same(evaluate(slicing.strided_slice, X, [-2], [2], None, [2], "size"), X[..., -2:])
    text = te.create_prim_func(
        [a := te.placeholder((4,)), slicing.strided_slice(a, [1], [2], axes=[0])]
    ).script()
    assert 'T.block("T_strided_slice_with_axes")' in text


@pytest.mark.parametrize(("low", "high"), [(1, 3), (-2, 9), (0, -1)])
def test_slices_of_symbolic_extents(low: int, high: int) -> None:
    n = te.var("n", "int64")
    a = te.placeholder((n,), name="A")
    result = slicing.strided_slice(a, [low], [high], assume_inbound=False)
    x = np.arange(5, dtype="float32")
    out = np.empty(len(x[low:high]), "float32")
    run_prim_func(te.create_prim_func([a, result], "int64"), [x, out])
    same(out, x[low:high])


def test_slices_between_symbolic_bounds() -> None:
    begin, end = te.var("begin", "int64"), te.var("end", "int64")
    a = te.placeholder((5,), name="A")
    x = np.arange(5, dtype="float32")
    for inbound in (True, False):
        result = slicing.strided_slice(a, [begin], [end], [2], assume_inbound=inbound)
        out = np.empty(2, "float32")
        run_prim_func(te.create_prim_func([a, begin, end, result], "int64"), [x, 1, 4, out])
        same(out, x[1:4:2])


def test_slices_between_run_time_bounds(evaluate: Callable[..., Any]) -> None:
    low, high, step = (np.array(each, "int64") for each in ((1, -1), (2, 0), (1, -2)))
    found = evaluate(slicing.dynamic_strided_slice, X, low, high, step, output_shape=(1, 1, 4))
    same(found, X[1:2, -1:0:-2])


def test_assignment_to_a_slice(evaluate: Callable[..., Any]) -> None:
    value = -np.ones((1, 2, 4), "float32")
    expected = X.copy()
    expected[1:2, 2:0:-1] = value
    same(evaluate(slicing.strided_set, X, value, (1, 2), (2, 0), (1, -1)), expected)
    expected = X.copy()
    expected[0:1, 0:3:2] = value
    same(evaluate(slicing.strided_set, X, value, (0, 0), (1, 3), (1, 2)), expected)


def test_wrong_slices() -> None:
    x = te.placeholder((4,))
    with pytest.raises(TypeMismatchError, match="cannot be zero"):
        slicing.strided_slice(x, [0], [2], [0])
    with pytest.raises(TypeMismatchError, match="as many begins"):
        slicing.strided_slice(x, [0, 1], [2])


def test_torch_agrees_on_pixels(evaluate: Callable[..., Any]) -> None:
    same(evaluate(transform.roll, X, 1, 1), torch.roll(torch.from_numpy(X), 1, 1))
