"""Pools, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import nn

RNG = np.random.default_rng(3)


def values(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.integers(-9, 9, shape).astype("float32")


def check(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-6, atol=1e-6)


CASES = [(2, 2, 0, 1, False), (3, 2, 1, 1, True), ((3, 2), (2, 3), (1, 0), (1, 2), True)]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil"), CASES)
def test_max(
    evaluate: Callable[..., Any], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> None:
    x = values(1, 2, 6, 7)
    found = evaluate(nn.pool2d, x, kernel, stride, dilation, padding, "max", ceil)
    expected = functional.max_pool2d(torch.from_numpy(x), kernel, stride, padding, dilation, ceil)
    check(found, expected)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, (1, 3), 1)])
def test_avg(
    evaluate: Callable[..., Any], kernel: Any, stride: Any, padding: Any, include: bool, ceil: bool
) -> None:
    x = values(1, 2, 6, 7)
    found = evaluate(nn.pool2d, x, kernel, stride, 1, padding, "avg", ceil, "NCHW", include)
    expected = functional.avg_pool2d(torch.from_numpy(x), kernel, stride, padding, ceil, include)
    check(found, expected)


def test_dilated_mean_counts_its_taps(evaluate: Callable[..., Any]) -> None:
    x = np.ones((1, 1, 5), "float32")
    found = evaluate(nn.pool1d, x, 3, 1, 2, 2, "avg", False, "NCW", False)
    check(found, np.ones((1, 1, 5)))


def test_other_ranks_and_layouts(evaluate: Callable[..., Any]) -> None:
    x = values(1, 2, 7)
    check(
        evaluate(nn.pool1d, x, 3, 2, 1, 1, "max"),
        functional.max_pool1d(torch.from_numpy(x), 3, 2, 1),
    )
    x = values(1, 2, 3, 4, 5)
    check(
        evaluate(nn.pool3d, x, 2, 2, 1, 1, "avg"),
        functional.avg_pool3d(torch.from_numpy(x), 2, 2, 1),
    )
    x = values(1, 5, 4, 2)
    nchw = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    found = evaluate(nn.pool2d, x, (2, 2), (2, 2), (1, 1), (0, 0, 1, 0), "max", False, "NHWC")
    expected = functional.max_pool2d(functional.pad(nchw, (0, 0, 0, 1), value=-99), 2)
    check(found.transpose(0, 3, 1, 2), expected)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("size", [1, (3, 2), (4, 7), (None, 3)])
def test_adaptive(evaluate: Callable[..., Any], size: Any, kind: str) -> None:
    x = values(1, 2, 6, 7)
    found = evaluate(nn.adaptive_pool, x, size, kind)
    function = getattr(functional, f"adaptive_{kind}_pool2d")
    check(found, function(torch.from_numpy(x), size))


def test_adaptive_of_other_ranks(evaluate: Callable[..., Any]) -> None:
    x = values(1, 2, 7)
    check(
        evaluate(nn.adaptive_pool1d, x, 3, "avg"),
        functional.adaptive_avg_pool1d(torch.from_numpy(x), 3),
    )
    x = values(1, 2, 3, 4, 5)
    check(
        evaluate(nn.adaptive_pool3d, x, (2, 3, 1), "max"),
        functional.adaptive_max_pool3d(torch.from_numpy(x), (2, 3, 1)),
    )


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_global(evaluate: Callable[..., Any], kind: str) -> None:
    x = values(2, 3, 4, 5)
    expected = (x.max if kind == "max" else x.mean)(axis=(2, 3), keepdims=True)
    check(evaluate(nn.global_pool, x, kind), expected)


@pytest.mark.parametrize("ceil", [False, True])
def test_symbolic_extents(ceil: bool) -> None:
    n, h = te.var("n", "int64"), te.var("h", "int64")
    a = te.placeholder((n, 1, h, 5), name="A")
    pooled = nn.pool2d(a, 3, 2, 1, 1, "avg", ceil, "NCHW", False)
    adapted = nn.adaptive_pool(a, (3, 2), "avg")
    x = values(2, 1, 6, 5)
    for result, expected in (
        (pooled, functional.avg_pool2d(torch.from_numpy(x), 3, 2, 1, ceil, False)),
        (adapted, functional.adaptive_avg_pool2d(torch.from_numpy(x), (3, 2))),
    ):
        out = np.empty(expected.shape, "float32")
        run_prim_func(te.create_prim_func([a, result], "int64"), [x, out])
        check(out, expected)


def test_wrong_pools() -> None:
    x = te.placeholder((1, 2, 4, 4))
    with pytest.raises(TypeMismatchError, match="kind of pool"):
        nn.pool2d(x, 2, 2, 1, 0, "min")
    with pytest.raises(TypeMismatchError, match="kernel does not fit"):
        nn.pool2d(x, (2, 2, 2), 2, 1, 0, "max")


def test_names() -> None:
    x = te.placeholder((1, 2, 4, 4), name="x")
    text = te.create_prim_func([x, nn.pool2d(x, 3, 1, 1, 1, "max")]).script()
    assert 'T.block("pad_temp")' in text
    assert 'T.block("pool_max")' in text
    assert "for ax0, ax1, ax2, ax3, rv0, rv1 in T.grid(1, 2, 4, 4, 3, 3):" in text
