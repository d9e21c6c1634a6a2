"""The NumPy references against PyTorch, for operators whose definition is PyTorch's as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.relax.op.record import record_of

torch = pytest.importorskip("torch", reason="torch is an extra")
F = torch.nn.functional

RNG = np.random.default_rng(0)


def a(*shape: int) -> np.ndarray:
    """Random float64 elements, so that only the definitions can differ."""
    return RNG.uniform(-2, 2, shape)


def check(
    name: str, args: list[Any], attrs: dict[str, Any], expected: Any, tol: float = 1e-6
) -> None:
    record = record_of(name)
    defaults = {p.name: p.default for p in record.params if p.kind == "attr" and not p.required}
    attrs = {
        key: record.convert[key](value) if key in record.convert else value
        for key, value in {**defaults, **attrs}.items()
    }
    found = record.numpy(*args, **attrs)
    found = found if isinstance(found, tuple) else (found,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y.numpy(), rtol=tol, atol=tol)


def t(x: np.ndarray) -> Any:
    return torch.from_numpy(x)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 2), ((1, 2), (2, 1), 2, 1)],
)
def test_convolutions(stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    x, w = a(2, 4, 7, 8), a(6, 4 // groups, 3, 2)
    expected = F.conv2d(t(x), t(w), None, stride, padding, dilation, groups)
    attrs = {"strides": stride, "padding": padding, "dilation": dilation, "groups": groups}
    check("nn.conv2d", [x, w], attrs, expected)
    x, w = a(2, 4, 5, 4), a(4, 6 // groups, 3, 2)
    expected = F.conv_transpose2d(t(x), t(w), None, stride, padding, 0, groups, dilation)
    check("nn.conv2d_transpose", [x, w], attrs, expected)


def test_convolutions_of_other_ranks() -> None:
    x, w = a(2, 4, 9), a(6, 2, 3)
    attrs = {"strides": 2, "padding": 1, "groups": 2}
    check("nn.conv1d", [x, w], attrs, F.conv1d(t(x), t(w), None, 2, 1, 1, 2))
    x, w = a(1, 2, 4, 5, 4), a(3, 2, 2, 3, 2)
    check("nn.conv3d", [x, w], {"padding": 1}, F.conv3d(t(x), t(w), None, 1, 1))
    x, w = a(1, 2, 5), a(2, 3, 3)
    expected = F.conv_transpose1d(t(x), t(w), None, 2, 1, 1)
    check(
        "nn.conv1d_transpose", [x, w], {"strides": 2, "padding": 1, "output_padding": 1}, expected
    )


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("include", [False, True])
def test_pools(ceil_mode: bool, include: bool) -> None:
    x = a(2, 3, 8, 7)
    attrs = {
        "pool_size": 3,
        "strides": 2,
        "padding": 1,
        "ceil_mode": ceil_mode,
        "count_include_pad": include,
    }
    check("nn.avg_pool2d", [x], attrs, F.avg_pool2d(t(x), 3, 2, 1, ceil_mode, include))
    check("nn.max_pool2d", [x], attrs, F.max_pool2d(t(x), 3, 2, 1, 1, ceil_mode))


def test_adaptive_pools() -> None:
    x = a(2, 3, 7, 5)
    check(
        "nn.adaptive_avg_pool2d", [x], {"output_size": (3, 4)}, F.adaptive_avg_pool2d(t(x), (3, 4))
    )
    check(
        "nn.adaptive_max_pool2d", [x], {"output_size": (3, 4)}, F.adaptive_max_pool2d(t(x), (3, 4))
    )


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
    "hard_tanh": F.hardtanh,
    "soft_shrink": F.softshrink,
    "hard_shrink": F.hardshrink,
    "elu": F.elu,
    "celu": F.celu,
    "selu": F.selu,
    "softplus": F.softplus,
    "relu6": F.relu6,
    "leakyrelu": F.leaky_relu,
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "glu": F.glu,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    x = a(3, 6) * 3
    check(f"nn.{name}", [x], {}, ACTIVATIONS[name](t(x)))


def test_normalization() -> None:
    x, g, b = a(2, 4, 3, 5), a(4), a(4)
    mean, var = a(4), np.abs(a(4)) + 0.5
    expected = F.batch_norm(t(x), t(mean), t(var), t(g), t(b))
    check("nn.batch_norm", [x, g, b, mean, var], {}, (expected, t(mean), t(var)))
    running, spread = t(mean.copy()), t(var.copy())
    expected = F.batch_norm(t(x), running, spread, t(g), t(b), True)
    check("nn.batch_norm", [x, g, b, mean, var], {"training": True}, (expected, running, spread))
    w, c = a(3, 5), a(3, 5)
    check("nn.layer_norm", [x, w, c], {"axes": (2, 3)}, F.layer_norm(t(x), (3, 5), t(w), t(c)))
    attrs = {"num_groups": 2, "channel_axis": 1, "axes": (2, 3)}
    check("nn.group_norm", [x, g, b], attrs, F.group_norm(t(x), 2, t(g), t(b)))
    expected = F.instance_norm(t(x), None, None, t(g), t(b))
    check("nn.instance_norm", [x, g, b], {"channel_axis": 1, "axes": (2, 3)}, expected)
    weight = a(5)
    check("nn.rms_norm", [x, weight], {}, F.rms_norm(t(x), (5,), t(weight), 1e-5))
    check("nn.lrn", [x], {"size": 3}, F.local_response_norm(t(x), 3, k=2.0))


@pytest.mark.parametrize("mode", [None, "TopLeft"])
def test_attention(mode: str | None) -> None:
    q, k, v = a(2, 4, 4, 3), a(2, 4, 2, 3), a(2, 4, 2, 3)
    moved = [t(x).transpose(1, 2) for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*moved, is_causal=mode is not None, enable_gqa=True)
    check("nn.attention", [q, k, v], {"causal_mask": mode}, expected.transpose(1, 2))
    bias = a(4, 4, 4)
    expected = F.scaled_dot_product_attention(*moved, attn_mask=t(bias), enable_gqa=True)
    check("nn.attention_bias", [q, k, v, bias], {}, expected.transpose(1, 2))


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses(reduction: str) -> None:
    x, y = a(4, 3), a(4, 3)
    p = 1 / (1 + np.exp(-x))
    z = np.abs(y) / 2
    kinds: list[tuple[str, Any, Any, Any]] = [
        ("mse_loss", x, y, F.mse_loss),
        ("l1_loss", x, y, F.l1_loss),
        ("smooth_l1_loss", x, y, F.smooth_l1_loss),
        ("huber_loss", x, y, F.huber_loss),
        ("binary_cross_entropy", p, z, F.binary_cross_entropy),
        ("binary_cross_entropy_with_logits", x, z, F.binary_cross_entropy_with_logits),
        ("kl_div", x, z, F.kl_div),
    ]
    for name, first, second, function in kinds:
        expected = function(t(first), t(second), reduction=reduction)
        check(f"nn.{name}", [first, second], {"reduction": reduction}, expected)
    logp = np.log(np.abs(a(5, 4, 2)) + 0.1)
    target = np.array([[1, 0], [2, -100], [3, 3], [0, 1], [-100, 2]])
    weights = np.abs(a(4)) + 0.1
    expected = F.nll_loss(t(logp), t(target), t(weights), reduction=reduction)
    check("nn.nll_loss", [logp, target, weights], {"reduction": reduction}, expected)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(7, 3), (2, 9)])
def test_resize(align: bool, size: tuple[int, int]) -> None:
    x = a(1, 2, 4, 5)
    mode = "align_corners" if align else "half_pixel"
    for method, theirs in (("linear", "bilinear"), ("cubic", "bicubic")):
        expected = F.interpolate(t(x), size, mode=theirs, align_corners=align)
        attrs = {"method": method, "coordinate_transformation_mode": mode}
        check("image.resize2d", [x, size], attrs, expected)
    expected = F.interpolate(t(x), size, mode="nearest")
    attrs = {
        "method": "nearest_neighbor",
        "coordinate_transformation_mode": "asymmetric",
        "rounding_method": "floor",
    }
    check("image.resize2d", [x, size], attrs, expected)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_grid_sample(align: bool, method: str, padding: str) -> None:
    x, theta = a(2, 3, 4, 5), a(2, 2, 3) / 2
    grid = F.affine_grid(t(theta), [2, 3, 6, 4], align)
    check("image.affine_grid", [theta, (6, 4)], {"align_corners": align}, grid)
    expected = F.grid_sample(t(x), grid, method, padding, align)
    attrs = {"method": method, "padding_mode": padding, "align_corners": align}
    check("image.grid_sample", [x, grid.numpy()], attrs, expected)


def test_moving_elements() -> None:
    x = a(2, 8, 4, 6)
    check("nn.pixel_shuffle", [x], {"upscale_factor": 2}, F.pixel_shuffle(t(x), 2))
    check("nn.pixel_unshuffle", [x], {"downscale_factor": 2}, F.pixel_unshuffle(t(x), 2))
    y = a(3, 5)
    index = RNG.integers(0, 5, (3, 4))
    check("gather_elements", [y, index], {"axis": 1}, torch.gather(t(y), 1, t(index)))
    updates = a(3, 4)
    for reduction, theirs in (("add", "sum"), ("mul", "prod"), ("max", "amax"), ("mean", "mean")):
        expected = t(y).scatter_reduce(1, t(index), t(updates), theirs)
        attrs = {"axis": 1, "reduction": reduction}
        check("scatter_elements", [y, index, updates], attrs, expected)
    boundaries = np.sort(a(5))
    expected = torch.bucketize(t(y), t(boundaries), right=True)
    check("bucketize", [y, boundaries], {"right": True}, expected)
    check("cumsum", [y], {"axis": 1}, torch.cumsum(t(y), 1))
    check("median", [y], {"axis": 1}, tuple(torch.median(t(y), 1)))
    check("logsumexp", [y], {"axis": 1}, torch.logsumexp(t(y), 1))
    x = a(2, 3, 5, 4)
    for mode in ("reflect", "replicate", "circular"):
        expected = F.pad(t(x), (1, 2, 3, 1), mode)
        attrs = {"pad_width": (0, 0, 0, 0, 3, 1, 1, 2), "pad_mode": mode}
        check("nn.pad", [x], attrs, expected)
