"""Depthwise convolutions: each channel is convolved by itself, with `m` kernels of its own.

Output channel `f` comes from channel `f // m` of the data and its kernel `f % m`.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.topi.nn.windows import dilated, output_extent, pad_widths
from pellucid.topi.padding import pad
from pellucid.topi.shapes import (
    constant,
    integers,
    require_equal,
    require_rank,
    simplify,
)


def depthwise_conv2d_nchw(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    out_dtype: str | None = None,
) -> te.Tensor:
    """Data (n, c, h, w) by a kernel (c, m, kh, kw) give (n, c·m, oh, ow)."""
    return _depthwise(Input, Filter, stride, padding, dilation, out_dtype, channels_last=False)


def depthwise_conv2d_nhwc(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    kernel_layout: str = "HWOI",
    out_dtype: str | None = None,
) -> te.Tensor:
    """Data (n, h, w, c) by a kernel (kh, kw, c, m) give (n, oh, ow, c·m)."""
    del kernel_layout  # Channels come before their multiplier by either name of the layout.
    return _depthwise(Input, Filter, stride, padding, dilation, out_dtype, channels_last=True)


def _depthwise(
    data: te.Tensor,
    kernel: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    out_dtype: str | None,
    *,
    channels_last: bool,
) -> te.Tensor:
    require_rank(data, (4,), "depthwise convolution")
    require_rank(kernel, (4,), "depthwise convolution")
    first, channel = (1, 3) if channels_last else (2, 1)
    dtype = out_dtype or str(data.dtype)
    taps, (channels, multiplier) = (
        (kernel.shape[:2], kernel.shape[2:])
        if channels_last
        else (kernel.shape[2:], kernel.shape[:2])
    )
    require_equal(data.shape[channel], channels, "The channels of the data and of the kernel")
    steps, gaps = integers(stride, 2, "stride"), integers(dilation, 2, "dilation")
    window = dilated(taps, gaps)
    inner = data.shape[first : first + 2]
    before, after = pad_widths(padding, inner, window, steps)
    low: list[Any] = [0] * 4
    high: list[Any] = [0] * 4
    low[first : first + 2], high[first : first + 2] = before, after
    temp = pad(data, low, high, ar.const(0, data.dtype), name="pad_temp")
    rows, columns = (
        output_extent(inner[k], before[k], after[k], window[k], steps[k]) for k in range(2)
    )
    ry, rx = te.reduce_axis((0, taps[0]), "ry"), te.reduce_axis((0, taps[1]), "rx")
    total = simplify(channels * multiplier)

    def value(n: Any, f: Any, y: Any, x: Any) -> Any:
        single = constant(multiplier) == 1
        group, part = (f, 0) if single else (f // multiplier, f % multiplier)
        place = [y * steps[0] + ry * gaps[0], x * steps[1] + rx * gaps[1]]
        source = [n, *place, group] if channels_last else [n, group, *place]
        weight = [ry, rx, group, part] if channels_last else [group, part, ry, rx]
        return te.sum(temp(*source).astype(dtype) * kernel(*weight).astype(dtype), [ry, rx])

    def element_last(nn: Any, yy: Any, xx: Any, ff: Any) -> Any:
        return value(nn, ff, yy, xx)

    def element_first(nn: Any, ff: Any, yy: Any, xx: Any) -> Any:
        return value(nn, ff, yy, xx)

    place = (rows, columns, total) if channels_last else (total, rows, columns)
    tag = "depthwise_conv2d_nhwc" if channels_last else "depthwise_conv2d_nchw"
    element = element_last if channels_last else element_first
    return te.compute((data.shape[0], *place), element, "DepthwiseConv2d", tag)
