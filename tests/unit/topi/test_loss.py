"""Losses and selection, against torch and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid import te, topi
from pellucid.support.errors import TypeMismatchError

RNG = np.random.default_rng(10)
SCORES = RNG.normal(size=(3, 4, 2)).astype("float32")
TARGETS = np.array([[0, 3], [1, -100], [2, 2]])
WEIGHTS = np.array([1, 2, 0.5, 3], "float32")


def t(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(array)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(evaluate: Callable[..., Any], reduction: str, weighted: bool) -> None:
    weights = WEIGHTS if weighted else None
    options = {"weight": t(WEIGHTS) if weighted else None, "reduction": reduction}
    found = evaluate(topi.nn.nll_loss, SCORES, TARGETS, weights, reduction)
    expected = functional.nll_loss(t(SCORES), t(TARGETS), **options)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    found = evaluate(topi.nn.cross_entropy, SCORES, TARGETS, weights, reduction)
    expected = functional.cross_entropy(t(SCORES), t(TARGETS), **options)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_single_target(evaluate: Callable[..., Any]) -> None:
    found = evaluate(topi.nn.nll_loss, WEIGHTS, np.array(2), None, "sum")
    np.testing.assert_allclose(found, -0.5)
    with pytest.raises(TypeMismatchError, match="one dimension less"):
        topi.nn.nll_loss(te.placeholder((2, 3)), te.placeholder((2, 3), "int64"))


def test_cross_entropy_with_logits(evaluate: Callable[..., Any]) -> None:
    x, y = SCORES[:, :, 0].copy(), np.abs(SCORES[:, :, 1])
    found = evaluate(topi.nn.cross_entropy_with_logits, x, y)
    np.testing.assert_allclose(found, -(x * y).sum() / 3, rtol=1e-5)


def test_argwhere_of_a_known_number(evaluate: Callable[..., Any]) -> None:
    x = np.array([[0, 2, 0], [1, 0, 5]], "float32")
    expected = np.argwhere(x)
    np.testing.assert_array_equal(evaluate(lambda c: topi.argwhere((3, 2), c), x), expected)
    np.testing.assert_array_equal(evaluate(lambda c: topi.argwhere((2, 2), c), x), expected[:2])
    found = evaluate(lambda c: topi.argwhere((4, 2), c), x > 0)
    np.testing.assert_array_equal(found, [*expected, [0, 0]])
