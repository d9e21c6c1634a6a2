"""Elements by index, einsum, and tensors made from numbers, against NumPy and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import creation, elementwise, indexing
from pellucid.topi.einsum import einsum

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4, 5)).astype("float32")


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_take(evaluate: Callable[..., Any], axis: Any, dtype: str) -> None:
    indices = np.array([[0, 2], [1, 2]], dtype)
    same(evaluate(indexing.take, X, indices, axis), X.take(indices, axis))


def test_take_outside(evaluate: Callable[..., Any]) -> None:
    indices = np.array([-1, 3, 7, -9], "int64")
    same(evaluate(indexing.take, X, indices, 1), X[:, [3, 3, 3, 0]])
    same(evaluate(indexing.take, X, indices, 1, 0, "wrap"), X.take(indices, 1, mode="wrap"))
    found = evaluate(indexing.take, X, indices, 1, 0, "nan")
    same(np.isnan(found[0, :, 0]), [False, False, True, True])
    same(found[:, :2], X[:, [3, 3]])
    with pytest.raises(TypeMismatchError, match="no such mode"):
        indexing.take(te.placeholder((2,)), te.placeholder((2,), "int32"), 0, 0, "raise")
    with pytest.raises(TypeMismatchError, match="must be integers"):
        indexing.take(te.placeholder((2,)), te.placeholder((2,)), 0)


def test_take_by_batches_and_one(evaluate: Callable[..., Any]) -> None:
    indices = np.array([[0, 2], [1, 1], [3, 0]], "int32")
    found = evaluate(indexing.take, X, indices, 1, 1, "fast")
    same(found, np.take_along_axis(X, indices[:, :, None], 1))
    same(evaluate(indexing.take, X, 2, 1), X[:, 2])
    same(evaluate(indexing.embedding, X[0], indices), X[0][indices])


def test_gather(evaluate: Callable[..., Any]) -> None:
    indices = RNG.integers(0, 4, (3, 2, 5))
    same(evaluate(indexing.gather, X, 1, indices), np.take_along_axis(X, indices, 1))
    same(evaluate(indexing.gather_elements, X, indices - 4, 1), np.take_along_axis(X, indices, 1))
    with pytest.raises(TypeMismatchError, match="tensor's rank"):
        indexing.gather(te.placeholder((2, 3)), 0, te.placeholder((2,), "int32"))


def test_gather_nd(evaluate: Callable[..., Any]) -> None:
    indices = np.array([[0, 2, 1], [3, 0, -1]], "int64")
    same(evaluate(indexing.gather_nd, X, indices), X[indices[0], indices[1]])
    found = evaluate(indexing.gather_nd, X, np.ascontiguousarray(indices.T), 0, -1)
    same(found, X[indices[0], indices[1]])
    batched = np.array([[[1, 2]], [[0, 3]], [[2, 2]]], "int64")
    found = evaluate(indexing.gather_nd, X, batched, 1, -1)
    same(found, X[[0, 1, 2], [1, 0, 2], [2, 3, 2]][:, None])


def test_index_tensor_and_diagonal(evaluate: Callable[..., Any]) -> None:
    def index(x: Any, a: Any, b: Any) -> Any:
        return indexing.index_tensor(x, [a, b])

    rows, columns = np.array([[0], [2]], "int64"), np.array([1, 3, -1], "int64")
    same(evaluate(index, X, rows, columns), X[rows, columns])
    for offset in (0, 1, -2):
        same(evaluate(indexing.diagonal, X, offset, 0, 2), X.diagonal(offset, 0, 2))


EINSUMS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk->...ik", (2, 3, 4), (4, 5)),
    ("...i,...i->...", (2, 1, 4), (3, 4)),
    ("ij,kj->ijk", (2, 3), (4, 3)),
    ("ij,ij->", (2, 3), (2, 3)),
]


@pytest.mark.parametrize(("subscripts", "a", "b"), EINSUMS)
def test_einsum(evaluate: Callable[..., Any], subscripts: str, a: Any, b: Any) -> None:
    x, y = RNG.integers(-4, 5, a).astype("float32"), RNG.integers(-4, 5, b).astype("float32")
    same(evaluate(lambda x, y: einsum(subscripts, x, y), x, y), np.einsum(subscripts, x, y))


def test_einsum_of_one_operand(evaluate: Callable[..., Any]) -> None:
    x = RNG.integers(-4, 5, (3, 3)).astype("float32")
    for subscripts in ("ii->i", "ii", "ij->ji", "ij->j", "ba"):
        same(evaluate(lambda x, s=subscripts: einsum(s, x), x), np.einsum(subscripts, x))
    with pytest.raises(TypeMismatchError, match="one term an operand"):
        einsum("ij,jk->ik", te.placeholder((2, 3)))
    with pytest.raises(TypeMismatchError, match="does not fit"):
        einsum("ijk->ik", te.placeholder((2, 3)))


@pytest.mark.parametrize(
    "bounds", [(5,), (2, 9, 3), (9, 2, -3), (0, 1, 0.25), (3, 1), (1.5, 4.0, 0.5)]
)
def test_arange(evaluate: Callable[..., Any], bounds: Any) -> None:
    dtype = "float32" if any(isinstance(each, float) for each in bounds) else "int64"
    given = (*bounds, None) if len(bounds) == 1 else bounds
    rest = () if len(bounds) == 3 else (1,)
    same(evaluate(creation.arange, *given, *rest, dtype), np.arange(*bounds, dtype=dtype))


def test_arange_between_symbolic_bounds() -> None:
    n = te.var("n", "int64")
    out = np.empty(3, "int32")
    function = te.create_prim_func([n, creation.arange(1, n, 2, "int32")], "int64")
    run_prim_func(function, [6, out])
    same(out, [1, 3, 5])


def test_diagonals_and_triangles(evaluate: Callable[..., Any]) -> None:
    same(evaluate(creation.eye, 3, 4, 1, "int32"), np.eye(3, 4, 1, dtype="int32"))
    for k in (-1, 0, 2):
        same(evaluate(creation.triu, X, k), np.triu(X, k))
        same(evaluate(creation.tril, X, k), np.tril(X, k))
    same(evaluate(creation.trilu, X, np.array(1, "int64"), True), np.triu(X, 1))


def test_one_hot(evaluate: Callable[..., Any]) -> None:
    indices = np.array([[0, 3], [9, -1]], "int32")
    expected = np.where(indices[..., None] == np.arange(4), 2.0, 0.5).astype("float32")
    same(evaluate(creation.one_hot, indices, 2.0, 0.5, 4, -1, "float32"), expected)
    found = evaluate(creation.one_hot, indices, 2, 0, 4, 0, "int64")
    same(found, np.moveaxis(np.where(expected == 2, 2, 0), -1, 0))


def test_sequence_mask(evaluate: Callable[..., Any]) -> None:
    lengths = np.array([1, 3, 0, 2], "int32")
    expected = np.where(np.arange(3)[:, None, None] < lengths[:, None], X, np.float32(-1))
    same(evaluate(creation.sequence_mask, X, lengths, -1.0), expected)
    expected = np.where(np.arange(4)[:, None] < lengths[:3, None, None], X, np.float32(0))
    same(evaluate(creation.sequence_mask, X, lengths[:3], 0.0, 1), expected)


def test_new_diagonals(evaluate: Callable[..., Any]) -> None:
    value = np.arange(1, 13, dtype="float32").reshape(3, 4)
    expected = X.copy()
    for b in range(3):
        for i in range(4):
            expected[b, i, i + 1] = value[b, i]
    same(evaluate(creation.matrix_set_diag, X, value, 1), expected)
    square = np.zeros((3, 3), "float32")
    rows = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 0]], "float32")
    found = evaluate(creation.matrix_set_diag, square, rows, (-1, 1))
    same(found, [[3, 1, 0], [6, 4, 2], [0, 7, 5]])


def test_facts_about_a_shape(evaluate: Callable[..., Any]) -> None:
    same(evaluate(creation.ndarray_size, X), 60)
    same(evaluate(creation.shape, X, "int64"), [3, 4, 5])
    flat = np.array([[0, 59], [7, 23]], "int64")
    same(evaluate(creation.unravel_index, flat, (3, 4, 5)), np.unravel_index(flat, (3, 4, 5)))
    extents = np.array([3, 4, 5], "int64")
    same(evaluate(creation.unravel_index, flat, extents), np.unravel_index(flat, (3, 4, 5)))
    same(evaluate(creation.linspace, 0.0, 1.0, 5), np.linspace(0, 1, 5, dtype="float32"))


@pytest.mark.parametrize("name", ["exp", "sqrt", "floor", "abs", "sign", "negative", "tanh"])
def test_elementwise(evaluate: Callable[..., Any], name: str) -> None:
    x = np.abs(X) if name == "sqrt" else X
    expected = getattr(np, name)(x)
    np.testing.assert_allclose(evaluate(getattr(elementwise, name), x), expected, rtol=1e-6)


def test_casts_and_filling(evaluate: Callable[..., Any]) -> None:
    same(evaluate(elementwise.cast, X, "int32"), X.astype("int32"))
    same(evaluate(elementwise.reinterpret, X, "int32"), X.view("int32"))
    same(evaluate(elementwise.clip, X, -0.5, 0.5), X.clip(-0.5, 0.5))
    same(evaluate(elementwise.full, (2, 3), "int64", 7), np.full((2, 3), 7))
    same(evaluate(elementwise.full_like, X, 1.5), np.full_like(X, 1.5))
    same(evaluate(lambda a, b: elementwise.elemwise_sum([a, b]), X, X), X + X)
    same(evaluate(elementwise.isnan, X), np.isnan(X))
    same(evaluate(elementwise.sign, np.array([3, 0, -4], "int32")), [1, 0, -1])
    expected = torch.bitwise_not(torch.arange(4))
    same(evaluate(elementwise.bitwise_not, np.arange(4)), expected)
