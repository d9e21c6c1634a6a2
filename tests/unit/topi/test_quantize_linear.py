"""Quantization, biases, dropout, against torch and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import te
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import nn

X = np.linspace(-40, 40, 24, dtype="float32").reshape(2, 3, 4)


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_quantize(evaluate: Callable[..., Any]) -> None:
    scale, zero = np.array([0.25, 0.5, 2.0], "float32"), np.array([0, 3, -7], "int32")
    exact = np.rint(X / scale[:, None]) + zero[:, None]
    found = evaluate(nn.quantize, X, scale, zero, 1)
    same(found, exact.clip(-128, 127).astype("int8"))
    back = evaluate(nn.dequantize, found, scale, zero, 1)
    same(back, (found.astype("float32") - zero[:, None]) * scale[:, None])
    found = evaluate(nn.quantize, X, 0.5, 100, -1, "uint8")
    same(found, (np.rint(X / 0.5) + 100).clip(0, 255).astype("uint8"))
    found = evaluate(nn.quantize, X, np.array(0.5, "float32"), np.array(1, "int8"))
    same(found, (np.rint(X / 0.5) + 1).clip(-128, 127).astype("int8"))
    with pytest.raises(TypeMismatchError, match="integers of floats"):
        nn.quantize(te.placeholder((2,), "int32"), 1.0, 0)


def test_halves_are_rounded_to_even(evaluate: Callable[..., Any]) -> None:
    same(evaluate(nn.quantize, np.array([0.5, 1.5, -2.5], "float32"), 1.0, 0), [0, 2, -2])


def test_bias_and_scale(evaluate: Callable[..., Any]) -> None:
    bias, scale = np.arange(3, dtype="float32"), np.arange(1, 4, dtype="float32")
    same(evaluate(nn.bias_add, X, bias), X + bias[:, None])
    same(evaluate(nn.bias_add, X, np.arange(4, dtype="float32"), -1), X + np.arange(4))
    np.testing.assert_allclose(
        evaluate(nn.scale_shift, X, scale, bias), X * scale[:, None] + bias[:, None], rtol=1e-6
    )
    with pytest.raises(TypeMismatchError, match="takes a vector"):
        nn.bias_add(te.placeholder((2, 3)), te.placeholder((1, 3)))


def test_dropout_without_learning(evaluate: Callable[..., Any]) -> None:
    kept, mask = evaluate(nn.dropout, X, 0.3)
    same(kept, X)
    same(mask, np.ones_like(X))
    with pytest.raises(TypeMismatchError, match="is a share"):
        nn.dropout(te.placeholder((2,)), 1.5)
