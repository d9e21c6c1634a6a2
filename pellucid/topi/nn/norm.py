"""Normalization: batch, layer, group, instance, RMS; and local response normalization.

Means and variances are taken in two passes (the variance is that of the distance from the mean), in
float32 for narrower floats. The result has the dtype of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.padding import pad
from pellucid.topi.reduction import reduced_shape, reduction_axes, source_indices
from pellucid.topi.shapes import (
    as_list,
    axes_of,
    axis_of,
    compute,
    constant,
    product,
    require_equal,
)


def _wide(dtype: Any) -> str:
    """The dtype in which sums are taken."""
    return "float32" if dtype.is_float and dtype.bits < 32 else str(dtype)


def _require_float(data: te.Tensor, what: str) -> None:
    if not data.dtype.is_float:
        raise TypeMismatchError(
            f"{what} takes floats.", found=str(data.dtype), cure="cast the tensor first"
        )


def moments(data: te.Tensor, axes: Sequence[int], name: str) -> tuple[te.Tensor, te.Tensor]:
    """Mean and variance over `axes`, which are not in the result."""
    dtype = _wide(data.dtype)
    count = ar.cast_to(dtype, product([data.shape[axis] for axis in axes]))
    shape = reduced_shape(data.shape, axes, keepdims=False)
    over, again = reduction_axes(data, axes), reduction_axes(data, axes)

    def total(*i: Any) -> Any:
        place = source_indices(i, over, axes, data.ndim, keepdims=False)
        return te.sum(data(*place).astype(dtype), over)

    sums = compute(shape, total, f"{name}_sum", "comm_reduce")

    def average(*i: Any) -> Any:
        return sums(*i) / count

    mean = compute(shape, average, f"{name}_mean")

    def squares(*i: Any) -> Any:
        place = source_indices(i, again, axes, data.ndim, keepdims=False)
        distance = data(*place).astype(dtype) - mean(*i)
        return te.sum(distance * distance, again)

    spread = compute(shape, squares, f"{name}_square_sum", "comm_reduce")

    def divided(*i: Any) -> Any:
        return spread(*i) / count

    return mean, compute(shape, divided, f"{name}_variance")


def layer_norm(
    data: te.Tensor,
    gamma: te.Tensor,
    beta: te.Tensor | None,
    axis: Any,
    epsilon: float = 1e-5,
) -> te.Tensor:
    """`(data - mean) / sqrt(variance + epsilon) * gamma + beta`, moments over `axis`.

    `gamma` and `beta` (which may be None) have the extents of those axes, in their order.
    """
    _require_float(data, "layer_norm")
    axes = axes_of(axis, data.ndim)
    for weight in (gamma, beta):
        if weight is not None:
            _check_weight(weight, [data.shape[each] for each in axes], "layer_norm")
    mean, variance = moments(data, axes, "T_layer_norm")
    dtype = str(mean.dtype)
    small = ar.const(epsilon, dtype)

    def element(*i: Any) -> Any:
        rest = [index for number, index in enumerate(i) if number not in axes]
        own = [i[each] for each in axes]
        value = (data(*i).astype(dtype) - mean(*rest)) * tir.rsqrt(variance(*rest) + small)
        value = value * gamma(*own).astype(dtype)
        if beta is not None:
            value = value + beta(*own).astype(dtype)
        return value.astype(data.dtype)

    return compute(data.shape, element, "T_layer_norm")


def _check_weight(weight: te.Tensor, extents: Sequence[Any], what: str) -> None:
    if weight.ndim != len(extents):
        raise TypeMismatchError(
            f"{what}: a weight has the wrong number of dimensions.",
            expected=str(len(extents)),
            found=str(weight.ndim),
        )
    for extent, wanted in zip(weight.shape, extents, strict=True):
        require_equal(wanted, extent, f"{what}: the extents of the data and of a weight")


def rms_norm(data: te.Tensor, weight: te.Tensor, axis: Any, epsilon: float = 1e-5) -> te.Tensor:
    """`data / sqrt(mean(data²) + epsilon) * weight`, the mean over `axis`."""
    _require_float(data, "rms_norm")
    axes = axes_of(axis, data.ndim)
    _check_weight(weight, [data.shape[each] for each in axes], "rms_norm")
    dtype = _wide(data.dtype)
    count = ar.cast_to(dtype, product([data.shape[each] for each in axes]))
    over = reduction_axes(data, axes)

    def squares(*i: Any) -> Any:
        value = data(*source_indices(i, over, axes, data.ndim, keepdims=False)).astype(dtype)
        return te.sum(value * value, over)

    shape = reduced_shape(data.shape, axes, keepdims=False)
    total = compute(shape, squares, "T_rms_norm_square_sum", "comm_reduce")
    small = ar.const(epsilon, dtype)

    def element(*i: Any) -> Any:
        rest = [index for number, index in enumerate(i) if number not in axes]
        value = data(*i).astype(dtype) * tir.rsqrt(total(*rest) / count + small)
        return (value * weight(*[i[each] for each in axes]).astype(dtype)).astype(data.dtype)

    return compute(data.shape, element, "T_rms_norm")


def _channels(
    data: te.Tensor,
    mean: te.Tensor,
    variance: te.Tensor,
    gamma: te.Tensor | None,
    beta: te.Tensor | None,
    epsilon: float,
    place: Callable[[Sequence[Any]], list[Any]],
    channel: int,
    name: str,
) -> te.Tensor:
    """The normalized data; `place` gives the indices of the moments, `channel` the axis of the
    weights."""
    dtype = _wide(data.dtype)
    small = ar.const(epsilon, dtype)

    def element(*i: Any) -> Any:
        at = place(i)
        distance = data(*i).astype(dtype) - mean(*at).astype(dtype)
        value = distance * tir.rsqrt(variance(*at).astype(dtype) + small)
        if gamma is not None:
            value = value * gamma(i[channel]).astype(dtype)
        if beta is not None:
            value = value + beta(i[channel]).astype(dtype)
        return value.astype(data.dtype)

    return compute(data.shape, element, name)


def instance_norm(
    data: te.Tensor,
    gamma: te.Tensor | None,
    beta: te.Tensor | None,
    axis: Any,
    epsilon: float = 1e-5,
    channel_axis: int = 1,
) -> te.Tensor:
    """Each channel of each instance normalized over `axis`; weights (c) along `channel_axis`."""
    _require_float(data, "instance_norm")
    axes, channel = axes_of(axis, data.ndim), axis_of(channel_axis, data.ndim)
    for weight in (gamma, beta):
        if weight is not None:
            _check_weight(weight, [data.shape[channel]], "instance_norm")
    mean, variance = moments(data, axes, "T_instance_norm")

    def place(i: Sequence[Any]) -> list[Any]:
        return [index for number, index in enumerate(i) if number not in axes]

    return _channels(data, mean, variance, gamma, beta, epsilon, place, channel, "T_instance_norm")


def group_norm(
    data: te.Tensor,
    gamma: te.Tensor | None,
    beta: te.Tensor | None,
    num_groups: int,
    channel_axis: int,
    axes: Any,
    epsilon: float = 1e-5,
) -> te.Tensor:
    """Channels in `num_groups` groups, each normalized over its channels and `axes`.

    `gamma` and `beta` (c) belong to the channels, along `channel_axis`; `axes` are the other axes
    (the spatial ones).
    """
    _require_float(data, "group_norm")
    at = axis_of(channel_axis, data.ndim)
    channels = constant(data.shape[at])
    if channels is None or channels % num_groups:
        raise TypeMismatchError(
            "The channels must be a multiple of the number of groups.",
            expected=f"a multiple of {num_groups}",
            found=repr(data.shape[at]),
        )
    for weight in (gamma, beta):
        if weight is not None:
            _check_weight(weight, [data.shape[at]], "group_norm")
    size = channels // num_groups
    split = [*data.shape[:at], num_groups, size, *data.shape[at + 1 :]]

    def grouped(*i: Any) -> Any:
        return data(*i[:at], i[at] * size + i[at + 1], *i[at + 2 :])

    parts = compute(split, grouped, "T_group_norm_groups")
    spatial = [axis_of(each, data.ndim) for each in as_list(axes)]
    over = sorted([at + 1, *[each if each < at else each + 1 for each in spatial if each != at]])
    mean, variance = moments(parts, over, "T_group_norm")

    def place(i: Sequence[Any]) -> list[Any]:
        whole = [*i[:at], i[at] // size, i[at] % size, *i[at + 1 :]]
        return [index for number, index in enumerate(whole) if number not in over]

    return _channels(data, mean, variance, gamma, beta, epsilon, place, at, "T_group_norm")


def batch_norm(
    data: te.Tensor,
    gamma: te.Tensor,
    beta: te.Tensor,
    moving_mean: te.Tensor,
    moving_var: te.Tensor,
    axis: int = 1,
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
    training: bool = False,
    momentum: float = 0.1,
) -> list[te.Tensor]:
    """The data normalized by channel (`axis`): [result, mean, variance].

    By the moving moments, which come back as they are; or, when `training`, by the moments of the
    batch, and the moving ones come back moved towards them by `momentum` (the variance with the
    divisor n - 1). `center` adds `beta`, `scale` multiplies by `gamma`; all weights have shape (c).
    """
    _require_float(data, "batch_norm")
    at = axis_of(axis, data.ndim)
    for weight in (gamma, beta, moving_mean, moving_var):
        _check_weight(weight, [data.shape[at]], "batch_norm")
    mean, variance = moving_mean, moving_var
    others = [each for each in range(data.ndim) if each != at]
    if training:
        mean, variance = moments(data, others, "T_batch_norm")

    def place(i: Sequence[Any]) -> list[Any]:
        return [i[at]]

    weights = (gamma if scale else None, beta if center else None)
    out = _channels(data, mean, variance, *weights, epsilon, place, at, "T_batch_norm")
    if not training:
        return [out, _copy(moving_mean, "T_moving_mean"), _copy(moving_var, "T_moving_var")]
    count = product([data.shape[each] for each in others])
    return [out, *_moved(mean, variance, moving_mean, moving_var, momentum, count)]


def _copy(x: te.Tensor, name: str) -> te.Tensor:
    def element(*i: Any) -> Any:
        return x(*i)

    return compute(x.shape, element, name)


def _moved(
    mean: te.Tensor,
    variance: te.Tensor,
    moving_mean: te.Tensor,
    moving_var: te.Tensor,
    momentum: float,
    count: Any,
) -> tuple[te.Tensor, te.Tensor]:
    """The moving moments, moved towards those of a batch of `count` elements."""
    dtype = str(mean.dtype)
    stay, move = ar.const(1 - momentum, dtype), ar.const(momentum, dtype)
    many, fewer = ar.cast_to(dtype, count), ar.cast_to(dtype, ar.maximum(count - 1, 1))

    def moved_mean(*i: Any) -> Any:
        found = moving_mean(*i).astype(dtype) * stay + mean(*i) * move
        return found.astype(moving_mean.dtype)

    def moved_variance(*i: Any) -> Any:
        unbiased = variance(*i) * (many / fewer)
        found = moving_var(*i).astype(dtype) * stay + unbiased * move
        return found.astype(moving_var.dtype)

    return (
        compute(mean.shape, moved_mean, "T_moving_mean"),
        compute(variance.shape, moved_variance, "T_moving_var"),
    )


def lrn(
    data: te.Tensor,
    size: int,
    axis: int = 1,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 2,
) -> te.Tensor:
    """Local response normalization: `data / (bias + alpha / size · Σ data²)^beta`, the sum over the
    `size` neighbours along `axis` (an odd number, the element itself in the middle).
    """
    _require_float(data, "lrn")
    if size % 2 == 0 or size < 1:
        raise TypeMismatchError("lrn needs an odd number of neighbours.", found=str(size))
    at = axis_of(axis, data.ndim)
    widths = [size // 2 if number == at else 0 for number in range(data.ndim)]
    temp = pad(data, widths, widths, 0.0, name="pad_temp")
    rxs = te.reduce_axis((0, size), "rxs")

    def squares(*i: Any) -> Any:
        value = temp(*i[:at], i[at] + rxs, *i[at + 1 :])
        return te.sum(value * value, rxs)

    total = compute(data.shape, squares, "T_lrn_square_sum", "comm_reduce")
    share = ar.const(alpha / size, data.dtype)

    def element(*i: Any) -> Any:
        base = ar.const(bias, data.dtype) + share * total(*i)
        return data(*i) / tir.power(base, ar.const(beta, data.dtype))

    return compute(data.shape, element, "T_lrn")


def l2_normalize(data: te.Tensor, eps: float, axis: Any = None) -> te.Tensor:
    """`data / sqrt(max(Σ data², eps))`, the sum over `axis`."""
    _require_float(data, "l2_normalize")
    axes = axes_of(axis, data.ndim)
    over = reduction_axes(data, axes)

    def squares(*i: Any) -> Any:
        value = data(*source_indices(i, over, axes, data.ndim, keepdims=False))
        return te.sum(value * value, over)

    shape = reduced_shape(data.shape, axes, keepdims=False)
    total = compute(shape, squares, "T_l2_square_sum", "comm_reduce")

    def element(*i: Any) -> Any:
        rest = [index for number, index in enumerate(i) if number not in axes]
        return data(*i) / tir.sqrt(ar.maximum(total(*rest), ar.const(eps, data.dtype)))

    return compute(data.shape, element, "T_l2_normalize")
