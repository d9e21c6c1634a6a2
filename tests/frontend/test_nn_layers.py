"""Layers of `frontend.nn` against PyTorch's, with the same weights: exported, well-formed, compiled
and run. All layers share one module and one compilation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from pellucid import cpu, relax
from pellucid.frontend import nn
from pellucid.frontend.nn import spec

torch = pytest.importorskip("torch", reason="torch is an extra")
T = torch.nn

IMAGE = (2, 4, 7, 6)
ROW = (3, 5, 8)

# Name → our layer, torch's layer, shapes of the arguments.
LAYERS: dict[str, tuple[Any, Any, list[tuple[int, ...]]]] = {
    "linear": (nn.Linear(8, 5), T.Linear(8, 5), [ROW]),
    "linear_plain": (nn.Linear(8, 5, bias=False), T.Linear(8, 5, bias=False), [ROW]),
    "conv1d": (nn.Conv1D(5, 4, 3, 2, 1), T.Conv1d(5, 4, 3, 2, 1), [ROW]),
    "conv2d": (nn.Conv2D(4, 6, 3, padding=1, groups=2), T.Conv2d(4, 6, 3, padding=1, groups=2),
               [IMAGE]),
    "conv2d_same": (nn.Conv2D(4, 2, (2, 3), padding="same", dilation=2),
                    T.Conv2d(4, 2, (2, 3), padding="same", dilation=2), [IMAGE]),
    "conv3d": (nn.Conv3D(2, 3, 2, bias=False), T.Conv3d(2, 3, 2, bias=False), [(1, 2, 4, 3, 5)]),
    "conv_transpose1d": (nn.ConvTranspose1D(5, 4, 3, 2), T.ConvTranspose1d(5, 4, 3, 2), [ROW]),
    "conv_transpose2d": (nn.ConvTranspose2D(4, 6, 3, 2, 1, 1, 2),
                         T.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2), [IMAGE]),
    "conv_transpose3d": (nn.ConvTranspose3D(2, 3, 2), T.ConvTranspose3d(2, 3, 2),
                         [(1, 2, 2, 3, 2)]),
    "layer_norm": (nn.LayerNorm(8), T.LayerNorm(8), [ROW]),
    "layer_norm_two": (nn.LayerNorm((5, 8), bias=False), T.LayerNorm((5, 8), bias=False), [ROW]),
    "layer_norm_plain": (nn.LayerNorm(8, elementwise_affine=False),
                         T.LayerNorm(8, elementwise_affine=False), [ROW]),
    "rms_norm": (nn.RMSNorm(8, 1e-6), T.RMSNorm(8, 1e-6), [ROW]),
    "group_norm": (nn.GroupNorm(2, 4), T.GroupNorm(2, 4), [IMAGE]),
    "instance_norm": (nn.InstanceNorm2D(4), T.InstanceNorm2d(4), [IMAGE]),
    "batch_norm1d": (nn.BatchNorm1D(5), T.BatchNorm1d(5), [ROW]),
    "batch_norm2d": (nn.BatchNorm2D(4), T.BatchNorm2d(4), [IMAGE]),
    "relu": (nn.ReLU(), T.ReLU(), [ROW]),
    "relu6": (nn.ReLU6(), T.ReLU6(), [ROW]),
    "gelu": (nn.GELU(), T.GELU(), [ROW]),
    "gelu_tanh": (nn.GELU("tanh"), T.GELU("tanh"), [ROW]),
    "silu": (nn.SiLU(), T.SiLU(), [ROW]),
    "sigmoid": (nn.Sigmoid(), T.Sigmoid(), [ROW]),
    "tanh": (nn.Tanh(), T.Tanh(), [ROW]),
    "mish": (nn.Mish(), T.Mish(), [ROW]),
    "selu": (nn.SELU(), T.SELU(), [ROW]),
    "softsign": (nn.Softsign(), T.Softsign(), [ROW]),
    "hardswish": (nn.Hardswish(), T.Hardswish(), [ROW]),
    "hardsigmoid": (nn.Hardsigmoid(), T.Hardsigmoid(), [ROW]),
    "log_sigmoid": (nn.LogSigmoid(), T.LogSigmoid(), [ROW]),
    "leaky_relu": (nn.LeakyReLU(0.2), T.LeakyReLU(0.2), [ROW]),
    "elu": (nn.ELU(0.5), T.ELU(0.5), [ROW]),
    "softplus": (nn.Softplus(2.0), T.Softplus(2.0), [ROW]),
    "prelu": (nn.PReLU(4), T.PReLU(4), [IMAGE]),
    "softmax": (nn.Softmax(1), T.Softmax(1), [ROW]),
    "log_softmax": (nn.LogSoftmax(-1), T.LogSoftmax(-1), [ROW]),
    "glu": (nn.GLU(2), T.GLU(2), [ROW]),
    "max_pool1d": (nn.MaxPool1D(2), T.MaxPool1d(2), [ROW]),
    "max_pool2d": (nn.MaxPool2D(3, 2, 1, ceil_mode=True), T.MaxPool2d(3, 2, 1, ceil_mode=True),
                   [IMAGE]),
    "avg_pool2d": (nn.AvgPool2D(3, 2, 1), T.AvgPool2d(3, 2, 1), [IMAGE]),
    "avg_pool2d_inside": (nn.AvgPool2D((2, 3), 1, 1, count_include_pad=False),
                          T.AvgPool2d((2, 3), 1, 1, count_include_pad=False), [IMAGE]),
    "max_pool3d": (nn.MaxPool3D(2), T.MaxPool3d(2), [(1, 2, 4, 3, 5)]),
    "adaptive_avg": (nn.AdaptiveAvgPool2D((3, 2)), T.AdaptiveAvgPool2d((3, 2)), [IMAGE]),
    "adaptive_max": (nn.AdaptiveMaxPool2D(2), T.AdaptiveMaxPool2d(2), [IMAGE]),
    "flatten": (nn.Flatten(), T.Flatten(), [IMAGE]),
    "flatten_inner": (nn.Flatten(1, 2), T.Flatten(1, 2), [IMAGE]),
    "dropout": (nn.Dropout(0.3), T.Dropout(0.3), [ROW]),
    "identity": (nn.Identity(), T.Identity(), [ROW]),
    "upsample": (nn.Upsample(scale_factor=2), T.Upsample(scale_factor=2), [IMAGE]),
    "upsample_bilinear": (nn.Upsample((9, 4), mode="bilinear"), T.Upsample((9, 4), mode="bilinear"),
                          [IMAGE]),
    "upsample_corners": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                         T.Upsample(scale_factor=2, mode="bilinear", align_corners=True), [IMAGE]),
    "sequential": (nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)),
                   T.Sequential(T.Linear(8, 4), T.ReLU(), T.Linear(4, 2)), [ROW]),
}  # fmt: skip


class All(nn.Module):
    """Every layer, each by a method of its own name."""

    def __init__(self) -> None:
        for name, (layer, _, _) in LAYERS.items():
            setattr(self, f"{name}_layer", layer)

    def __getattr__(self, name: str) -> Any:
        if name not in LAYERS:
            raise AttributeError(name)
        layer = LAYERS[name][0]
        return lambda x: layer(x)


def randomized(layer: Any, seed: int) -> Any:
    """torch's layer as it is used, with scales, means and variances that are not 1 and 0."""
    generator = torch.Generator().manual_seed(seed)
    for each in [*layer.parameters(), *layer.buffers()]:
        if each.is_floating_point():
            each.data = torch.rand(each.shape, generator=generator) * 0.8 + 0.1
    return layer.eval()


@cache
def machine() -> tuple[Any, dict[str, Any]]:
    for seed, (ours, theirs, _) in enumerate(LAYERS.values()):
        ours.load_params(randomized(theirs, seed))
    methods = {
        name: {"x": spec.Tensor(shapes[0], "float32")} for name, (_, _, shapes) in LAYERS.items()
    }
    mod, params = All().export(methods, param_mode="constant")
    assert relax.analysis.well_formed(mod)
    return relax.VirtualMachine(relax.build(mod, target="llvm"), cpu()), params


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_what_torchs_does(name: str) -> None:
    _, theirs, shapes = LAYERS[name]
    vm, _ = machine()
    rng = np.random.default_rng(len(name))
    args = [rng.uniform(-2, 2, shape).astype("float32") for shape in shapes]
    with torch.no_grad():
        expected = theirs(*[torch.from_numpy(each) for each in args]).numpy()
    np.testing.assert_allclose(vm[name](*args).numpy(), expected, rtol=2e-5, atol=2e-5)


class Attention(nn.Module):
    def __init__(self) -> None:
        self.attention = nn.MultiHeadAttention(8, 2)

    def plain(self, x: nn.Tensor) -> nn.Tensor:
        return self.attention(x)

    def causal(self, x: nn.Tensor) -> nn.Tensor:
        return self.attention(x, is_causal=True)

    def across(self, x: nn.Tensor, y: nn.Tensor, mask: nn.Tensor) -> nn.Tensor:
        return self.attention(x, y, attn_mask=mask)

    def looked_up(self, i: nn.Tensor) -> nn.Tensor:
        return nn.op.embedding(nn.op.constant(np.arange(8.0).reshape(4, 2), "float32"), i)


def test_attention_with_several_heads_is_torchs() -> None:
    theirs = randomized(T.MultiheadAttention(8, 2, batch_first=True), 1)
    model = Attention()
    model.attention.load_params(theirs)
    x, y = spec.Tensor([2, "n", 8], "float32"), spec.Tensor([2, "m", 8], "float32")
    methods = {
        "plain": {"x": x},
        "causal": {"x": x},
        "across": {"x": x, "y": y, "mask": spec.Tensor(["n", "m"], "bool")},
        "looked_up": {"i": spec.Tensor(["n"], "int64")},
    }
    mod, params = model.export(methods)
    assert relax.analysis.well_formed(mod)
    vm = relax.VirtualMachine(relax.build(mod, target="llvm"), cpu())
    weights = [*params.values()]
    a, b = (torch.rand(2, n, 8) for n in (5, 3))
    hidden = torch.tensor([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]]).bool()
    upper = torch.triu(torch.ones(5, 5), 1).bool()

    def check(found: Any, *args: Any, **keywords: Any) -> None:
        with torch.no_grad():
            expected = theirs(*args, need_weights=False, **keywords)[0]
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)

    check(vm["plain"](a, *weights), a, a, a)
    check(vm["causal"](a, *weights), a, a, a, attn_mask=upper, is_causal=True)
    check(vm["across"](a, b, hidden.numpy(), *weights), a, b, b, attn_mask=hidden)
    found = vm["looked_up"](np.array([3, 0]), *weights).numpy()
    np.testing.assert_array_equal(found, [[6, 7], [0, 1]])
