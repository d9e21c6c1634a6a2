"""Normalization: batch, layer, group, instance, RMS; dropout as it is when a model is used."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.relax.op.inference import Inference, as_int, items
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo, TupleStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi import elementwise
from pellucid.topi.nn import norm

Axes = Any  # an integer or several; in the lowering a tuple


def _weights_fit(c: Inference, axes: Sequence[int], *weights: str) -> None:
    """Raise unless weights have the extents of these axes of the data."""
    dims = c.dims("data")
    for name in weights:
        if not c.has(name):
            continue
        c.same_dtype("data", name)
        info = c.tensor(name, (len(axes),))
        found = known_dims(info)
        if dims is None or found is None:
            continue
        for axis, extent in zip(axes, found, strict=True):
            c.require_equal(name, f"does not fit axis {axis} of the data.", dims[axis], extent)


# Batches


def _batch_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    names = ("gamma", "beta", "moving_mean", "moving_var")
    if info.ndim != -1:
        _weights_fit(c, [c.axis("axis", info.ndim)], *names)
    return TupleStructInfo([info, c.tensor("moving_mean", (1,)), c.tensor("moving_var", (1,))])


def _np_batch_norm(
    data: Any,
    gamma: Any,
    beta: Any,
    moving_mean: Any,
    moving_var: Any,
    axis: int,
    epsilon: float,
    center: bool,
    scale: bool,
    momentum: float,
    training: bool,
) -> Any:
    shape = [1] * data.ndim
    shape[axis] = -1
    mean, variance = moving_mean, moving_var
    others = tuple(each for each in range(data.ndim) if each != axis % data.ndim)
    if training:
        mean, variance = data.mean(others), data.var(others)
    out = (data - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon)
    out = out * gamma.reshape(shape) if scale else out
    out = out + beta.reshape(shape) if center else out
    if not training:
        return out, moving_mean, moving_var
    count = data.size // data.shape[axis]
    unbiased = variance * count / max(count - 1, 1)
    return (
        out,
        moving_mean * (1 - momentum) + mean * momentum,
        moving_var * (1 - momentum) + unbiased * momentum,
    )


_FOUR = (t(3), t(3), t(3), t(3, low=0.5, high=2))


@op(
    "nn.batch_norm",
    infer=_batch_info,
    numpy=widened(_np_batch_norm),
    samples=[
        case(t("n", 3, 2, 2), *_FOUR, axis=1),
        case(t(2, 2, 3), *_FOUR, axis=-1, epsilon=1e-3, center=False),
        case(t(2, 3), *_FOUR, axis=1, scale=False),
        case(t(4, 3), *_FOUR, axis=1, training=True),
    ],
    tolerance="reduction",
)
def batch_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    axis: int = 1,
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
    momentum: float = 0.1,
    training: bool = False,
) -> Any:
    """The data normalized by channel (`axis`): a tuple of the result, mean, and variance.

    By the moving moments, which come back as they are; or when `training` by those of the batch,
    and the moving ones come back moved towards them by `momentum`. `center` adds `beta`, `scale`
    multiplies by `gamma`.
    """
    return norm.batch_norm(
        data, gamma, beta, moving_mean, moving_var, axis, epsilon, center, scale, training, momentum
    )


# Single examples


def _standardized(data: Any, axes: Any, epsilon: float) -> Any:
    mean = data.mean(axes, keepdims=True)
    return (data - mean) / np.sqrt(data.var(axes, keepdims=True) + epsilon)


def _along(data: Any, weight: Any, axes: Sequence[int]) -> Any:
    """A weight with the extents of some axes, spread over the data."""
    places = [axis % data.ndim for axis in axes]
    order = sorted(range(len(places)), key=lambda k: places[k])
    shape = [data.shape[i] if i in places else 1 for i in range(data.ndim)]
    return weight.transpose(order).reshape(shape)


def _np_layer_norm(
    data: Any, gamma: Any, beta: Any, axes: Any, epsilon: float, center: bool, scale: bool
) -> Any:
    out = _standardized(data, axes, epsilon)
    out = out * _along(data, gamma, axes) if scale else out
    return out + _along(data, beta, axes) if center else out


def _layer_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    if info.ndim != -1:
        axes = c.axes("axes", info.ndim)
        if axes != sorted(axes):
            raise c.error("axes", "must be in order.", str(sorted(axes)), axes)
        _weights_fit(c, axes, "gamma", "beta")
    return info


@op(
    "nn.layer_norm",
    infer=_layer_info,
    numpy=widened(_np_layer_norm),
    samples=[
        case(t("n", 4), t(4), t(4), axes=-1),
        case(t(2, 3, 4), t(3, 4), t(3, 4), axes=[-2, -1], epsilon=1e-3),
        case(t(2, 4), t(4), t(4), axes=[1], center=False),
        case(t(2, 4), t(4), t(4), axes=[1], scale=False),
        case(t(2, 4, dtype="float16"), t(4, dtype="float16"), t(4, dtype="float16"), [-1]),
    ],
    convert={"axes": items},
    tolerance="reduction",
)
def layer_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    axes: Axes,
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
) -> Any:
    """The data normalized over `axes`, times `gamma` (`scale`), plus `beta` (`center`)."""
    weight = gamma if scale else elementwise.full(gamma.shape, gamma.dtype, 1)
    return norm.layer_norm(data, weight, beta if center else None, list(axes), epsilon)


def _rms_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    if info.ndim != -1:
        _weights_fit(c, c.axes("axes", info.ndim), "weight")
    return info


def _np_rms_norm(data: Any, weight: Any, axes: Any, epsilon: float) -> Any:
    root = np.sqrt((data * data).mean(axes, keepdims=True) + epsilon)
    return data / root * _along(data, weight, axes)


@op(
    "nn.rms_norm",
    infer=_rms_info,
    numpy=widened(_np_rms_norm),
    samples=[
        case(t("n", 4), t(4)),
        case(t(2, 3, 4), t(3, 4), axes=[1, 2], epsilon=1e-3),
    ],
    convert={"axes": items},
    tolerance="reduction",
)
def rms_norm(data: Tensor, weight: Tensor, axes: Axes = -1, epsilon: float = 1e-5) -> Any:
    """`data / sqrt(mean(data²) + epsilon) · weight`, the mean over `axes`."""
    return norm.rms_norm(data, weight, list(axes), epsilon)


def _channel_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    if info.ndim != -1:
        channel = c.axis("channel_axis", info.ndim)
        c.axes("axes", info.ndim)
        _weights_fit(c, [channel], "gamma", "beta")
    return info


def _affine(out: Any, gamma: Any, beta: Any, channel_axis: int, center: bool, scale: bool) -> Any:
    shape = [1] * out.ndim
    shape[channel_axis] = -1
    out = out * gamma.reshape(shape) if scale else out
    return out + beta.reshape(shape) if center else out


def _np_group_norm(
    data: Any,
    gamma: Any,
    beta: Any,
    num_groups: int,
    channel_axis: int,
    axes: Any,
    epsilon: float,
    center: bool,
    scale: bool,
) -> Any:
    at = channel_axis % data.ndim
    size = data.shape[at] // num_groups
    parts = data.reshape(*data.shape[:at], num_groups, size, *data.shape[at + 1 :])
    spatial = [axis % data.ndim for axis in axes]
    over = sorted({at + 1, *[each if each < at else each + 1 for each in spatial if each != at]})
    out = _standardized(parts, tuple(over), epsilon).reshape(data.shape)
    return _affine(out, gamma, beta, at, center, scale)


def _group_info(c: Inference) -> StructInfo:
    info = _channel_info(c)
    dims = c.dims("data")
    if dims is not None:
        channels = as_int(dims[c.axis("channel_axis", len(dims))])
        if c["num_groups"] < 1 or (channels is not None and channels % c["num_groups"]):
            raise c.error(
                "num_groups", "does not divide the channels.", f"a divisor of {channels}",
                c["num_groups"],
            )  # fmt: skip
    return info


@op(
    "nn.group_norm",
    infer=_group_info,
    numpy=widened(_np_group_norm),
    samples=[
        case(t("n", 4, 2, 3), t(4), t(4), 2, 1, [2, 3]),
        case(t(2, 3, 4), t(4), t(4), 2, -1, [1], epsilon=1e-3),
        case(t(1, 2, 3), t(2), t(2), 1, 1, [2], center=False, scale=False),
    ],
    convert={"axes": items},
    tolerance="reduction",
)
def group_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    num_groups: int,
    channel_axis: int,
    axes: Axes,
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
) -> Any:
    """Channels in `num_groups` groups, each normalized over its channels and `axes` (the spatial
    ones); times `gamma` (`scale`), plus `beta` (`center`), by channel.
    """
    weights = (gamma if scale else None, beta if center else None)
    return norm.group_norm(data, *weights, num_groups, channel_axis, list(axes), epsilon)


def _np_instance_norm(
    data: Any,
    gamma: Any,
    beta: Any,
    channel_axis: int,
    axes: Any,
    epsilon: float,
    center: bool,
    scale: bool,
) -> Any:
    out = _standardized(data, axes, epsilon)
    return _affine(out, gamma, beta, channel_axis, center, scale)


@op(
    "nn.instance_norm",
    infer=_channel_info,
    numpy=widened(_np_instance_norm),
    samples=[
        case(t("n", 3, 2, 3), t(3), t(3), 1, [2, 3]),
        case(t(2, 4, 3), t(3), t(3), -1, [1], center=False),
        case(t(1, 2, 4), t(2), t(2), 1, [2], scale=False),
    ],
    convert={"axes": items},
    tolerance="reduction",
)
def instance_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    channel_axis: int,
    axes: Axes,
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
) -> Any:
    """Each channel of each example normalized over `axes` (the spatial ones); times `gamma`
    (`scale`), plus `beta` (`center`), by channel.
    """
    weights = (gamma if scale else None, beta if center else None)
    return norm.instance_norm(data, *weights, list(axes), epsilon, channel_axis)


# Others


def _float_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    return info


def _np_l2(data: Any, eps: float, axes: Any) -> Any:
    total = (data * data).sum(axes, keepdims=True)
    return data / np.sqrt(np.maximum(total, eps))


@op(
    "nn.l2_normalize",
    infer=_float_info,
    numpy=widened(_np_l2),
    samples=[case(t("n", 4), 1e-6, [1]), case(t(2, 3), 1e-6)],
    tolerance="reduction",
)
def l2_normalize(data: Tensor, eps: float = 1e-12, axes: Sequence[int] | None = None) -> Any:
    """`data / sqrt(max(sum(data²), eps))`, the sum over `axes`."""
    return norm.l2_normalize(data, eps, None if axes is None else list(axes))


def _np_lrn(data: Any, size: int, axis: int, alpha: float, beta: float, bias: float) -> Any:
    half = size // 2
    widths = [(0, 0)] * data.ndim
    widths[axis] = (half, half)
    squares = np.pad(data * data, widths)
    total = np.zeros(data.shape)
    for step in range(2 * half + 1):
        total += np.take(squares, np.arange(step, step + data.shape[axis]), axis)
    return data / (bias + alpha / size * total) ** beta


def _lrn_info(c: Inference) -> StructInfo:
    info = _float_info(c)
    if c["size"] % 2 == 0:
        raise c.error("size", "must be odd.", None, c["size"])
    return info


@op(
    "nn.lrn",
    infer=_lrn_info,
    numpy=widened(_np_lrn),
    samples=[case(t("n", 4, 2), 3), case(t(2, 5), 5, 1, 0.1, 0.5, 1.0)],
    tolerance="reduction",
)
def lrn(
    data: Tensor,
    size: int = 5,
    axis: int = 1,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 2.0,
) -> Any:
    """Local response normalization: by the squares of `size` neighbouring channels."""
    return norm.lrn(data, size, axis, alpha, beta, bias)


def _dropout_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return TupleStructInfo([info, TensorStructInfo(info.shape, str(info.dtype), ndim=info.ndim)])


@op(
    "nn.dropout",
    infer=_dropout_info,
    numpy=lambda data, rate: (data.copy(), np.ones_like(data)),
    samples=[case(t("n", 3)), case(t(2, dtype="float16"), 0.1)],
    tolerance="exact",
)
def dropout(data: Tensor, rate: float = 0.5) -> Any:
    """What dropout is when a model is used: the data themselves, and a mask of ones."""
    return [elementwise.identity(data), elementwise.full(data.shape, data.dtype, 1)]


__all__ = [
    "batch_norm", "dropout", "group_norm", "instance_norm", "l2_normalize", "layer_norm", "lrn",
    "rms_norm",
]  # fmt: skip
