"""Normalization, activations, paddings, blocks of pixels, against torch and NumPy."""

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
from pellucid.topi import padding as pad

RNG = np.random.default_rng(5)


def values(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.normal(size=shape).astype("float32")


def check(found: Any, expected: Any, rtol: float = 2e-5) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=rtol, atol=1e-5)


def t(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(array)


def test_layer_norm(evaluate: Callable[..., Any]) -> None:
    x, g, b = values(2, 3, 4), values(3, 4), values(3, 4)
    found = evaluate(nn.layer_norm, x, g, b, (1, 2))
    check(found, functional.layer_norm(t(x), (3, 4), t(g), t(b)))
    found = evaluate(nn.layer_norm, x + 1000, g[0], None, -1)
    check(found, functional.layer_norm(t(x + 1000), (4,), t(g[0])), 1e-3)


def test_layer_norm_of_narrow_floats(evaluate: Callable[..., Any]) -> None:
    x = (values(2, 8) * 100).astype("float16")
    g = np.ones(8, "float16")
    expected = functional.layer_norm(t(x.astype("float32")), (8,))
    found = evaluate(nn.layer_norm, x, g, g * 0, -1)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_rms_norm(evaluate: Callable[..., Any]) -> None:
    x, w = values(2, 3, 4), values(4)
    check(evaluate(nn.rms_norm, x, w, -1), functional.rms_norm(t(x), (4,), t(w), 1e-5))


def test_group_and_instance_norm(evaluate: Callable[..., Any]) -> None:
    x, g, b = values(2, 6, 3, 2), values(6), values(6)
    found = evaluate(nn.group_norm, x, g, b, 3, 1, [2, 3])
    check(found, functional.group_norm(t(x), 3, t(g), t(b)))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    found = evaluate(nn.group_norm, last, g, b, 2, -1, [1, 2])
    check(found.transpose(0, 3, 1, 2), functional.group_norm(t(x), 2, t(g), t(b)))
    found = evaluate(nn.instance_norm, x, g, b, (2, 3))
    check(found, functional.instance_norm(t(x), weight=t(g), bias=t(b)))
    with pytest.raises(TypeMismatchError, match="multiple of the number of groups"):
        nn.group_norm(te.placeholder((2, 6, 3)), None, None, 4, 1, [2])


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm(evaluate: Callable[..., Any], training: bool) -> None:
    x, g, b, mean = values(3, 4, 2, 2), values(4), values(4), values(4)
    var = np.abs(values(4)) + 0.1
    options = {"training": training, "momentum": 0.3, "epsilon": 1e-3}
    found = evaluate(nn.batch_norm, x, g, b, mean, var, **options)
    moved = t(mean.copy()), t(var.copy())
    expected = functional.batch_norm(t(x), *moved, t(g), t(b), training, 0.3, 1e-3)
    check(found[0], expected)
    check(found[1], moved[0])
    check(found[2], moved[1])


def test_lrn_and_l2_normalize(evaluate: Callable[..., Any]) -> None:
    x = values(2, 5, 3)
    found = evaluate(nn.lrn, x, 3, 1, 0.1, 0.75, 2.0)
    check(found, functional.local_response_norm(t(x), 3, 0.1, 0.75, 2.0))
    found = evaluate(nn.l2_normalize, x, 1e-12, [1])
    check(found, functional.normalize(t(x), dim=1))


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "mish": functional.mish,
    "log_sigmoid": functional.logsigmoid,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_swish": functional.hardswish,
    "hard_tanh": functional.hardtanh,
    "soft_shrink": functional.softshrink,
    "hard_shrink": functional.hardshrink,
    "relu6": functional.relu6,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(evaluate: Callable[..., Any], name: str) -> None:
    x = np.linspace(-8, 30, 39, dtype="float32").reshape(3, 13)
    check(evaluate(getattr(nn, name), x), ACTIVATIONS[name](t(x)))


def test_activations_with_parameters(evaluate: Callable[..., Any]) -> None:
    x, slope = values(2, 3, 4), values(3)
    check(evaluate(nn.leaky_relu, x, 0.1), functional.leaky_relu(t(x), 0.1))
    check(evaluate(nn.prelu, x, slope), functional.prelu(t(x), t(slope)))
    check(evaluate(nn.prelu, x, slope[:1]), functional.prelu(t(x), t(slope[:1])))
    check(evaluate(nn.elu, x, 0.5), functional.elu(t(x), 0.5))
    check(evaluate(nn.celu, x, alpha=2.0), functional.celu(t(x), 2.0))
    check(evaluate(nn.softplus, x, 3.0, 1.0), functional.softplus(t(x), 3.0, 1.0))
    with pytest.raises(TypeMismatchError, match="other options"):
        nn.gelu(te.placeholder((2,)), 1.0)


MODES = {
    "edge_pad": "edge",
    "reflect_pad": "reflect",
    "symmetric_pad": "symmetric",
    "circular_pad": "wrap",
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("widths", [((1, 0), (2, 1)), ((3, 4), (0, 5))])
def test_paddings(evaluate: Callable[..., Any], name: str, widths: Any) -> None:
    x = values(3, 4)
    before, after = zip(*widths, strict=True)
    found = evaluate(getattr(pad, name), x, before, after)
    np.testing.assert_array_equal(found, np.pad(x, widths, MODES[name]))


def test_constant_padding_and_mirror(evaluate: Callable[..., Any]) -> None:
    x = values(3, 4)
    found = evaluate(pad.pad, x, (1, 0), (0, 2), 7.0)
    np.testing.assert_array_equal(found, np.pad(x, ((1, 0), (0, 2)), constant_values=7))
    np.testing.assert_array_equal(evaluate(pad.pad, x, (-1, 0), (0, -2)), x[1:, :-2])
    found = evaluate(pad.mirror_pad, x, (1, 1), (1, 1), "REFLECT")
    np.testing.assert_array_equal(found, np.pad(x, 1, "reflect"))
    found = evaluate(pad.dilate, x, (2, 3))
    expected = np.zeros((5, 10), "float32")
    expected[::2, ::3] = x
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(TypeMismatchError, match="one width a dimension"):
        pad.pad(te.placeholder((2, 3)), (1,))


def test_padding_by_symbolic_widths() -> None:
    p, n = te.var("p", "int64"), te.var("n", "int64")
    a = te.placeholder((n,), name="A")
    function = te.create_prim_func([a, p, pad.pad(a, (p,), (1,))], "int64")
    x = values(3)
    out = np.empty(6, "float32")
    run_prim_func(function, [x, 2, out])
    np.testing.assert_array_equal(out, np.pad(x, (2, 1)))


def test_space_and_depth(evaluate: Callable[..., Any]) -> None:
    x = values(1, 8, 2, 3)
    found = evaluate(nn.depth_to_space, x, 2, "NCHW", "CRD")
    np.testing.assert_array_equal(found, functional.pixel_shuffle(t(x), 2))
    deep = evaluate(nn.depth_to_space, x, 2)
    expected = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)
    np.testing.assert_array_equal(deep, expected)
    np.testing.assert_array_equal(evaluate(nn.space_to_depth, deep, 2), x)
    with pytest.raises(TypeMismatchError, match="multiples of the block"):
        nn.space_to_depth(te.placeholder((1, 1, 3, 4)), 2)


def test_upsampling(evaluate: Callable[..., Any]) -> None:
    x = values(1, 2, 3, 4)
    found = evaluate(nn.upsampling, x, 2, 3)
    np.testing.assert_array_equal(found, x.repeat(2, 2).repeat(3, 3))
    found = evaluate(nn.upsampling, x, 2, 2, "NCHW", "bilinear", True)
    expected = functional.interpolate(t(x), scale_factor=2, mode="bilinear", align_corners=True)
    check(found, expected)
    y = values(1, 1, 2, 3, 2)
    found = evaluate(nn.upsampling3d, y, 2, 2, 2, "NCDHW", "trilinear")
    check(found, functional.interpolate(t(y), scale_factor=2, mode="trilinear"))
