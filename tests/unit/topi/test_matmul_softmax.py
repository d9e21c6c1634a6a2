"""Matrix products and softmax, against NumPy and torch; and the names of their blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.ir import structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import nn

RNG = np.random.default_rng(4)


def values(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.integers(-4, 5, shape).astype("float32")


SHAPES = [
    ((3, 4), (4, 2)),
    ((2, 3, 4), (4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((4,), (4,)),
    ((4,), (2, 4, 3)),
    ((2, 3, 4), (4,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul(evaluate: Callable[..., Any], a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = values(*a), values(*b)
    np.testing.assert_array_equal(evaluate(nn.matmul, x, y), x @ y)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_transposed_operands(
    evaluate: Callable[..., Any], transpose_a: bool, transpose_b: bool
) -> None:
    x, y = values(2, 3, 4), values(2, 4, 5)
    given = (
        x.transpose(0, 2, 1) if transpose_a else x,
        y.transpose(0, 2, 1) if transpose_b else y,
    )
    expected = x @ y
    found = evaluate(nn.matmul, *given, None, None, transpose_a, transpose_b)
    np.testing.assert_array_equal(found, expected)
    found = evaluate(nn.batch_matmul, *given, None, None, transpose_a, transpose_b)
    np.testing.assert_array_equal(found, expected)


def test_dense_with_a_bias(evaluate: Callable[..., Any]) -> None:
    x, w, b = values(2, 3, 4), values(5, 4), values(5)
    np.testing.assert_array_equal(evaluate(nn.dense, x, w, b), x @ w.T + b)


def test_out_dtype(evaluate: Callable[..., Any]) -> None:
    x = np.full((1, 4), 100, "int8")
    found = evaluate(nn.dense, x, x, None, "int32")
    assert found.dtype == np.int32
    assert found[0, 0] == 40000


def test_symbolic_extents() -> None:
    n = te.var("n", "int64")
    a, b = te.placeholder((n, 4), name="A"), te.placeholder((4, 3), name="B")
    function = te.create_prim_func([a, b, nn.matmul(a, b)], "int64")
    x, y = values(5, 4), values(4, 3)
    out = np.empty((5, 3), "float32")
    run_prim_func(function, [x, y, out])
    np.testing.assert_array_equal(out, x @ y)


@T.prim_func
def expected_dense(
    A: T.Buffer((2, 4), "float32"),
    B: T.Buffer((3, 4), "float32"),
    C: T.Buffer((2, 3), "float32"),
):
    T.func_attr({"global_symbol": "main", "tir.noalias": True})
    for i, j, k in T.grid(2, 3, 4):
        with T.block("T_matmul_NT"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vj, vk]


def test_the_loops_of_dense() -> None:
    a, b = te.placeholder((2, 4), name="A"), te.placeholder((3, 4), name="B")
    found = te.create_prim_func([a, b, nn.dense(a, b)])
    assert structural_equal(found, expected_dense)
    assert 'T.block("T_matmul_NT")' in found.script()
    assert "for i, j, k in T.grid(2, 3, 4):" in found.script()
    text = te.create_prim_func([a, b, nn.matmul(a, b, transpose_b=True)]).script()
    assert 'T.block("T_matmul_NT")' in text


def test_inner_extents_that_differ() -> None:
    with pytest.raises(TypeMismatchError, match="inner extents"):
        nn.matmul(te.placeholder((2, 3)), te.placeholder((4, 2)))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(evaluate: Callable[..., Any], name: str, axis: int) -> None:
    x = values(2, 3, 4) * 30
    found = evaluate(getattr(nn, name), x, axis)
    expected = getattr(torch, name)(torch.from_numpy(x), axis)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_blocks_of_softmax() -> None:
    x = te.placeholder((2, 3), name="x")
    text = te.create_prim_func([x, nn.softmax(x)]).script()
    for name in ("T_softmax_maxelem", "T_softmax_exp", "T_softmax_expsum", "T_softmax_norm"):
        assert f'T.block("{name}")' in text
    with pytest.raises(TypeMismatchError, match="takes floats"):
        nn.softmax(te.placeholder((2,), "int32"))
