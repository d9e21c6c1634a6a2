"""Transposed convolutions: the gradient of a convolution with respect to its data.

In: data such as NCHW, a kernel such as IOHW (O counts the channels of one group). The extent of the
result is `(in - 1)·stride - before - after + dilation·(k - 1) + 1 + output_padding`. It is computed
as a convolution with the mirrored kernel (`kernel_transform`) over the data spread out by the
strides (`data_dilate`) and padded (`data_pad`).
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.layout import Layout, layout
from pellucid.topi.nn.conv import REDUCE_NAMES, SPATIAL_NAMES
from pellucid.topi.nn.windows import dilated, pad_widths
from pellucid.topi.padding import dilate, pad
from pellucid.topi.shapes import (
    integers,
    require_equal,
    simplify,
    simplify_within,
)


def _default_kernel_layout(data_layout: str) -> str:
    spatial = "".join(letter for letter in data_layout if letter in "DHW")
    return f"IO{spatial}"


def _spread(
    data: te.Tensor, source: Layout, strides: list[int], low: list[Any], high: list[Any]
) -> te.Tensor:
    """The data with zeros between and around their elements."""
    spatial = [axis for axis in source.axes if axis not in "NC"]
    steps, before, after = [1] * data.ndim, [0] * data.ndim, [0] * data.ndim
    for number, axis in enumerate(spatial):
        position = source.position(axis)
        steps[position] = strides[number]
        before[position], after[position] = low[number], high[number]
    zero = ar.const(0, data.dtype)
    if any(step != 1 for step in steps):
        data = dilate(data, steps, zero, name="data_dilate")
    return pad(data, before, after, zero, name="data_pad")


def _mirrored(kernel: te.Tensor, weight: Layout) -> te.Tensor:
    """The kernel with its taps in reverse order."""

    def element(*indices: Any) -> Any:
        picked = [
            simplify(kernel.shape[number] - 1) - index
            if weight.parts[number][0] in "DHW"
            else index
            for number, index in enumerate(indices)
        ]
        return kernel(*picked)

    return te.compute(kernel.shape, element, name="kernel_transform")


def conv_transpose(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any,
    padding: Any,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_layout: str = "NCHW",
    kernel_layout: str = "",
    out_dtype: str | None = None,
) -> te.Tensor:
    """A transposed convolution of any number of spatial dimensions; see the head of this file."""
    source = layout(data_layout, data.shape)
    weight = layout(kernel_layout or _default_kernel_layout(data_layout), kernel.shape)
    spatial = [axis for axis in source.axes if axis not in "NC"]
    extents, sizes = source.extents(data.shape), weight.extents(kernel.shape)
    require_equal(extents["C"], sizes["I"], "The channels of the data and those of the kernel")
    steps = integers(strides, len(spatial), "stride")
    gaps = integers(dilation, len(spatial), "dilation")
    extra = integers(output_padding, len(spatial), "output padding")
    for more, step, gap in zip(extra, steps, gaps, strict=True):
        if not 0 <= more < max(step, gap):
            raise TypeMismatchError(
                "The output padding must be less than the stride or the dilation.", found=str(more)
            )
    window = dilated([sizes[axis] for axis in spatial], gaps)
    inner = [extents[axis] for axis in spatial]
    before, after = pad_widths(padding, inner, window, [1] * len(spatial))
    low = [simplify(size - 1 - p) for size, p in zip(window, before, strict=True)]
    high = [simplify(s - 1 - p + e) for s, p, e in zip(window, after, extra, strict=True)]
    temp = _spread(data, source, steps, low, high)
    spread = source.extents(temp.shape)
    mirrored = _mirrored(kernel, weight)
    out_extents = {"N": extents["N"], "C": simplify(sizes["O"] * groups)}
    for axis, size in zip(spatial, window, strict=True):
        out_extents[axis] = simplify(spread[axis] - size + 1)
    shape = source.shape(out_extents)
    dtype = out_dtype or str(data.dtype)
    per_group = simplify(extents["C"] // groups)
    axes = {"C": te.reduce_axis((0, per_group), "rc")}
    axes.update({axis: te.reduce_axis((0, sizes[axis]), REDUCE_NAMES[axis]) for axis in spatial})

    def element(*indices: Any) -> Any:
        out = source.logical(indices)
        channel, kernel_out = axes["C"].var, out["C"]
        if groups > 1:
            channel = out["C"] // sizes["O"] * per_group + channel
            kernel_out = out["C"] % sizes["O"]
        at = {"N": out["N"], "C": channel}
        at.update({a: out[a] + axes[a].var * gap for a, gap in zip(spatial, gaps, strict=True)})
        taps = {"I": channel, "O": kernel_out, **{axis: axes[axis].var for axis in spatial}}
        left, right = source.indices(at), weight.indices(taps)
        if groups > 1:
            variables = [*indices, *[axis.var for axis in axes.values()]]
            bounds = [*shape, per_group, *[sizes[axis] for axis in spatial]]
            left = simplify_within(left, variables, bounds)
            right = simplify_within(right, variables, bounds)
        product = temp(*left).astype(dtype) * mirrored(*right).astype(dtype)
        return te.sum(product, list(axes.values()))

    names = [SPATIAL_NAMES[letter] for letter, _ in source.parts]
    block = f"conv{len(spatial)}d_transpose_{source.text.lower()}"
    return te.compute(shape, element, block, block, varargs_names=names)


def conv1d_transpose(
    data: te.Tensor,
    kernel: te.Tensor,
    stride: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_layout: str = "NCW",
    kernel_layout: str = "",
) -> te.Tensor:
    """A transposed convolution of (n, c, w) by (c, o / groups, k)."""
    return conv_transpose(
        data,
        kernel,
        stride,
        padding,
        output_padding,
        dilation,
        groups,
        data_layout,
        kernel_layout,
        out_dtype,
    )


def conv1d_transpose_ncw(
    data: te.Tensor,
    kernel: te.Tensor,
    stride: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
) -> te.Tensor:
    """`conv1d_transpose` of NCW by IOW."""
    return conv1d_transpose(data, kernel, stride, padding, out_dtype, output_padding)


def group_conv1d_transpose_ncw(
    data: te.Tensor,
    kernel: te.Tensor,
    stride: Any,
    padding: Any,
    out_dtype: str | None,
    output_padding: Any,
    groups: int,
) -> te.Tensor:
    """`conv1d_transpose` of NCW by IOW in groups."""
    return conv1d_transpose(data, kernel, stride, padding, out_dtype, output_padding, groups=groups)


def conv2d_transpose(
    Input: te.Tensor,
    Filter: te.Tensor,
    strides: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_layout: str = "NCHW",
    kernel_layout: str = "",
) -> te.Tensor:
    """A transposed convolution of (n, c, h, w) by (c, o / groups, kh, kw)."""
    return conv_transpose(
        Input,
        Filter,
        strides,
        padding,
        output_padding,
        dilation,
        groups,
        data_layout,
        kernel_layout,
        out_dtype,
    )


def conv2d_transpose_nchw(
    Input: te.Tensor,
    Filter: te.Tensor,
    strides: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
) -> te.Tensor:
    """`conv2d_transpose` of NCHW by IOHW."""
    return conv2d_transpose(Input, Filter, strides, padding, out_dtype, output_padding)


def group_conv2d_transpose_nchw(
    Input: te.Tensor,
    Filter: te.Tensor,
    strides: Any,
    padding: Any,
    out_dtype: str | None,
    output_padding: Any,
    groups: int,
) -> te.Tensor:
    """`conv2d_transpose` of NCHW by IOHW in groups."""
    return conv2d_transpose(
        Input, Filter, strides, padding, out_dtype, output_padding, groups=groups
    )


def conv3d_transpose(
    Input: te.Tensor,
    Filter: te.Tensor,
    strides: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_layout: str = "NCDHW",
    kernel_layout: str = "",
) -> te.Tensor:
    """A transposed convolution of (n, c, d, h, w) by (c, o / groups, kd, kh, kw)."""
    return conv_transpose(
        Input,
        Filter,
        strides,
        padding,
        output_padding,
        dilation,
        groups,
        data_layout,
        kernel_layout,
        out_dtype,
    )


def conv3d_transpose_ncdhw(
    Input: te.Tensor,
    Filter: te.Tensor,
    strides: Any,
    padding: Any,
    out_dtype: str | None = None,
    output_padding: Any = 0,
) -> te.Tensor:
    """`conv3d_transpose` of NCDHW by IODHW."""
    return conv3d_transpose(Input, Filter, strides, padding, out_dtype, output_padding)
