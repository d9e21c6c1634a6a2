"""Pools: the largest element or the mean of windows, with strides; and global pools.

A window starts every `stride` elements of the padded tensor, its taps `dilation` apart. Padding
counts for nothing in a maximum; a mean counts it unless `count_include_pad` is false. With
`ceil_mode` a last window that hangs over the end is included, as long as it starts on the tensor or
on the padding before it; what hangs over is never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.layout import layout as parse_layout
from pellucid.topi.nn.windows import dilated, output_extent, pad_widths
from pellucid.topi.padding import pad
from pellucid.topi.shapes import constant, integers, product, simplify

REDUCE_NAMES = ("rv0", "rv1", "rv2")


@dataclass(frozen=True)
class Windows:
    """The windows along each spatial axis of a tensor."""

    axes: list[int]
    kernel: list[int]
    stride: list[int]
    dilation: list[int]
    before: list[Any]
    after: list[Any]
    extents: list[Any]


def spatial_axes(layout: str, shape: Sequence[Any]) -> list[int]:
    """Where the dimensions D, H, W of a layout stand."""
    found = parse_layout(layout, shape)
    return [number for number, (letter, _) in enumerate(found.parts) if letter in "DHW"]


def _ceil_extent(extent: Any, before: Any, after: Any, size: Any, stride: int) -> Any:
    """The number of windows when the last one may hang over."""
    count = simplify((extent + before + after - size + stride - 1) // stride + 1)
    hangs = simplify((count - 1) * stride >= extent + before)
    return simplify(count - ar.select(hangs, 1, 0))


def _windows(
    data: te.Tensor,
    kernel: Any,
    stride: Any,
    dilation: Any,
    padding: Any,
    ceil_mode: bool,
    layout: str,
) -> Windows:
    axes = spatial_axes(layout, data.shape)
    rank = len(axes)
    sizes = integers(kernel, rank, "kernel")
    steps = integers(stride, rank, "stride")
    gaps = integers(dilation, rank, "dilation")
    window = dilated(sizes, gaps)
    inner = [data.shape[axis] for axis in axes]
    before, after = pad_widths(padding, inner, window, steps)
    extents: list[Any] = []
    for k in range(rank):
        if ceil_mode:
            extents.append(_ceil_extent(inner[k], before[k], after[k], window[k], steps[k]))
        else:
            extents.append(output_extent(inner[k], before[k], after[k], window[k], steps[k]))
    return Windows(axes, sizes, steps, gaps, before, after, extents)


def _pad_temp(data: te.Tensor, windows: Windows, fill: Any, ceil_mode: bool) -> te.Tensor:
    low: list[Any] = [0] * data.ndim
    high: list[Any] = [0] * data.ndim
    for k, axis in enumerate(windows.axes):
        size = (windows.kernel[k] - 1) * windows.dilation[k] + 1
        low[axis], high[axis] = windows.before[k], windows.after[k]
        if ceil_mode:
            needed = (windows.extents[k] - 1) * windows.stride[k] + size
            extra = simplify(needed - data.shape[axis] - windows.before[k])
            high[axis] = simplify(ar.maximum(extra, windows.after[k]))
    if all(constant(width) == 0 for width in [*low, *high]):
        return data
    return pad(data, low, high, fill, name="pad_temp")


def _pooled(
    data: te.Tensor, temp: te.Tensor, windows: Windows, reducer: Any, name: str
) -> te.Tensor:
    shape = list(data.shape)
    for axis, extent in zip(windows.axes, windows.extents, strict=True):
        shape[axis] = extent
    over = [
        te.reduce_axis((0, size), name)
        for size, name in zip(windows.kernel, REDUCE_NAMES, strict=False)
    ]

    def element(*indices: Any) -> Any:
        place = list(indices)
        for k, axis in enumerate(windows.axes):
            place[axis] = indices[axis] * windows.stride[k] + over[k] * windows.dilation[k]
        return reducer(temp(*place), over)

    names = [f"ax{axis}" for axis in range(len(shape))]
    return te.compute(shape, element, name, name, varargs_names=names)


def _taps(
    index: Any, windows: Windows, k: int, extent: Any, include_pad: bool, ceil_mode: bool
) -> Any:
    """How many taps of a window count, along spatial axis `k`."""
    size, stride = windows.kernel[k], windows.stride[k]
    gap, before = windows.dilation[k], windows.before[k]
    padded = any(constant(width) != 0 for width in (before, windows.after[k]))
    if not ceil_mode and (include_pad or not padded):
        return size
    start = index * stride - before
    low: Any = 0
    end = extent
    if include_pad:
        end = simplify(extent + windows.after[k])
    elif constant(before) != 0:
        low = ar.maximum(ar.convert(0) - start, 0)
        low = low if gap == 1 else (low + gap - 1) // gap
    room = end - start
    high = ar.minimum(room if gap == 1 else (room + gap - 1) // gap, size)
    return ar.maximum(high - low, 1)


def _averaged(
    total: te.Tensor, data: te.Tensor, windows: Windows, include_pad: bool, ceil_mode: bool
) -> te.Tensor:
    def element(*indices: Any) -> Any:
        count: Any = 1
        for k, axis in enumerate(windows.axes):
            count = count * _taps(
                indices[axis], windows, k, data.shape[axis], include_pad, ceil_mode
            )
        value = total(*indices)
        if value.dtype.is_float:
            return value / ar.cast_to(value.dtype, count)
        return ar.truncdiv(value, ar.cast_to(value.dtype, count))

    names = [f"ax{axis}" for axis in range(total.ndim)]
    return te.compute(total.shape, element, "pool_avg", "elemwise", varargs_names=names)


def _pool(
    data: te.Tensor,
    kernel: Any,
    stride: Any,
    dilation: Any,
    padding: Any,
    pool_type: str,
    ceil_mode: bool,
    layout: str,
    count_include_pad: bool,
) -> te.Tensor:
    if pool_type not in ("max", "avg"):
        raise TypeMismatchError(
            "There is no such kind of pool.", expected='"max" or "avg"', found=repr(pool_type)
        )
    windows = _windows(data, kernel, stride, dilation, padding, ceil_mode, layout)
    if pool_type == "max":
        temp = _pad_temp(data, windows, te.lowest(data.dtype), ceil_mode)
        return _pooled(data, temp, windows, te.max, "pool_max")
    temp = _pad_temp(data, windows, ar.const(0, data.dtype), ceil_mode)
    total = _pooled(data, temp, windows, te.sum, "pool_sum")
    return _averaged(total, data, windows, count_include_pad, ceil_mode)


def pool1d(
    data: te.Tensor,
    kernel: Any,
    stride: Any,
    dilation: Any,
    padding: Any,
    pool_type: str,
    ceil_mode: bool = False,
    layout: str = "NCW",
    count_include_pad: bool = True,
) -> te.Tensor:
    """The maxima ("max") or means ("avg") of windows of a (n, c, w) tensor."""
    return _pool(
        data, kernel, stride, dilation, padding, pool_type, ceil_mode, layout, count_include_pad
    )


def pool2d(
    data: te.Tensor,
    kernel: Any,
    stride: Any,
    dilation: Any,
    padding: Any,
    pool_type: str,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    count_include_pad: bool = True,
) -> te.Tensor:
    """The maxima ("max") or means ("avg") of windows of a (n, c, h, w) tensor."""
    return _pool(
        data, kernel, stride, dilation, padding, pool_type, ceil_mode, layout, count_include_pad
    )


def pool3d(
    data: te.Tensor,
    kernel: Any,
    stride: Any,
    dilation: Any,
    padding: Any,
    pool_type: str,
    ceil_mode: bool = False,
    layout: str = "NCDHW",
    count_include_pad: bool = True,
) -> te.Tensor:
    """The maxima ("max") or means ("avg") of windows of a (n, c, d, h, w) tensor."""
    return _pool(
        data, kernel, stride, dilation, padding, pool_type, ceil_mode, layout, count_include_pad
    )


def global_pool(data: te.Tensor, pool_type: str, layout: str = "NCHW") -> te.Tensor:
    """The maximum ("max") or mean ("avg") over all of D, H and W, which keep the extent 1."""
    axes = spatial_axes(layout, data.shape)
    over = [
        te.reduce_axis((0, data.shape[axis]), name)
        for axis, name in zip(axes, REDUCE_NAMES, strict=False)
    ]
    if pool_type not in ("max", "avg"):
        raise TypeMismatchError(
            "There is no such kind of pool.", expected='"max" or "avg"', found=repr(pool_type)
        )
    shape = [1 if axis in axes else extent for axis, extent in enumerate(data.shape)]
    reducer = te.max if pool_type == "max" else te.sum

    def element(*indices: Any) -> Any:
        place = list(indices)
        for k, axis in enumerate(axes):
            place[axis] = over[k].var
        return reducer(data(*place), over)

    name = f"adaptive_pool_{'max' if pool_type == 'max' else 'sum'}"
    names = [f"ax{axis}" for axis in range(len(shape))]
    found = te.compute(shape, element, name, name, varargs_names=names)
    if pool_type == "max":
        return found
    count = ar.cast_to(data.dtype, product([data.shape[axis] for axis in axes]))

    def mean(*indices: Any) -> Any:
        value = found(*indices)
        return value / count if value.dtype.is_float else ar.truncdiv(value, count)

    return te.compute(shape, mean, "adaptive_pool_avg", "elemwise", varargs_names=names)
