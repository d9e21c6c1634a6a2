"""Convolutions of one, two and three spatial dimensions, in any layout, grouped and dilated.

In: data such as NCHW, a kernel such as OIHW (I counts the channels of one group). Out: a tensor in
the data's layout, whose element is the sum over the kernel's taps and the channels of the group:
`out[n, f, y, x] = Σ data[n, g·I + rc, y·stride + ry·dilation − pad, …] · kernel[f, rc, ry, rx]`
with `g = f // (O / groups)`. The padded data are a block `pad_temp`; products and sums are in
`out_dtype` (the data's dtype unless given). Strides, paddings, dilations are one integer or one for
each spatial dimension; see `pad_widths` for other paddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.scalar import IterVar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.layout import Layout, layout
from pellucid.topi.nn.windows import dilated, output_extent, pad_widths
from pellucid.topi.padding import pad
from pellucid.topi.shapes import (
    constant,
    integers,
    require_equal,
    simplify,
    simplify_within,
)

SPATIAL_NAMES = {"N": "nn", "C": "ff", "D": "zz", "H": "yy", "W": "xx", "c": "ff_block"}
REDUCE_NAMES = {"D": "rz", "H": "ry", "W": "rx"}


@dataclass(frozen=True)
class Geometry:
    """What a convolution computes with: layouts, padded data, window steps, extents."""

    data_layout: Layout
    kernel_layout: Layout
    out_layout: Layout
    spatial: list[str]
    strides: list[int]
    dilation: list[int]
    before: list[Any]
    after: list[Any]
    out_extents: dict[str, Any]
    kernel_extents: dict[str, Any]


def default_kernel_layout(data_layout: str) -> str:
    """The kernel's layout that goes with a data layout: OIHW beside NCHW, HWIO beside NHWC."""
    spatial = "".join(letter for letter in data_layout if letter in "DHW")
    return (
        f"OI{spatial}" if data_layout.index("C") < data_layout.index(spatial[0]) else f"{spatial}IO"
    )


def _geometry(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    data_layout: str,
    kernel_layout: str,
) -> Geometry:
    source = layout(data_layout, data.shape)
    weight = layout(kernel_layout or default_kernel_layout(data_layout), kernel.shape)
    spatial = [axis for axis in source.axes if axis not in "NC"]
    if sorted(weight.axes) != sorted(["O", "I", *spatial]):
        raise TypeMismatchError(
            "The kernel's layout does not fit the data's.",
            expected=f"O, I and {', '.join(spatial)}",
            found=weight.text,
        )
    extents, sizes = source.extents(data.shape), weight.extents(kernel.shape)
    steps = integers(strides, len(spatial), "stride")
    gaps = integers(dilation, len(spatial), "dilation")
    _check_channels(extents["C"], sizes, groups)
    window = dilated([sizes[axis] for axis in spatial], gaps)
    inner = [extents[axis] for axis in spatial]
    before, after = pad_widths(padding, inner, window, steps)
    out = {"N": extents["N"], "C": sizes["O"]}
    for number, axis in enumerate(spatial):
        out[axis] = output_extent(
            extents[axis], before[number], after[number], window[number], steps[number]
        )
    parts = tuple((p, f if p.isupper() else weight.factor("O")) for p, f in source.parts)
    if any(p.islower() and p != "c" for p, _ in source.parts):
        raise TypeMismatchError("Only channels may be split in a data layout.", found=source.text)
    return Geometry(
        source, weight, Layout(source.text, parts), spatial, steps, gaps, before, after, out, sizes
    )


def _check_channels(channels: Any, sizes: dict[str, Any], groups: int) -> None:
    if groups < 1:
        raise TypeMismatchError("A convolution has at least one group.", found=str(groups))
    require_equal(
        channels,
        simplify(sizes["I"] * groups),
        "The channels of the data and those of the kernel times the groups",
    )
    known = constant(sizes["O"])
    if known is not None and known % groups:
        raise TypeMismatchError(
            "The number of kernels must be a multiple of the number of groups.",
            expected=f"a multiple of {groups}",
            found=str(known),
        )


def _pad_temp(data: te.Tensor, geometry: Geometry) -> te.Tensor:
    low: list[Any] = [0] * data.ndim
    high: list[Any] = [0] * data.ndim
    for number, axis in enumerate(geometry.spatial):
        position = geometry.data_layout.position(axis)
        low[position], high[position] = geometry.before[number], geometry.after[number]
    return pad(data, low, high, ar.const(0, data.dtype), name="pad_temp")


def _reduce_axes(geometry: Geometry) -> dict[str, IterVar]:
    """The reduction axes: channels first, or last where the data have them last."""
    sizes, spatial = geometry.kernel_extents, geometry.spatial
    taps = {axis: te.reduce_axis((0, sizes[axis]), REDUCE_NAMES[axis]) for axis in spatial}
    channels = {"I": te.reduce_axis((0, sizes["I"]), "rc")}
    last = geometry.data_layout.position("C") > geometry.data_layout.position(spatial[0])
    return {**taps, **channels} if last else {**channels, **taps}


def conv(
    inp: te.Tensor,
    filt: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
    data_layout: str = "NCHW",
    kernel_layout: str = "",
    out_dtype: str | None = None,
    name: str | None = None,
) -> te.Tensor:
    """A convolution of any number of spatial dimensions; see the head of this file."""
    geometry = _geometry(inp, filt, stride, padding, dilation, groups, data_layout, kernel_layout)
    dtype = out_dtype or str(inp.dtype)
    temp = _pad_temp(inp, geometry)
    axes = _reduce_axes(geometry)
    shape = geometry.out_layout.shape(geometry.out_extents)
    parts = (*geometry.data_layout.parts, *geometry.kernel_layout.parts)
    divided = any(letter.islower() for letter, _ in parts)
    per_group = simplify(geometry.out_extents["C"] // groups)

    def element(*indices: Any) -> Any:
        out = geometry.out_layout.logical(indices)
        channel: Any = axes["I"].var
        if groups > 1:
            channel = out["C"] // per_group * geometry.kernel_extents["I"] + channel
        at = {"N": out["N"], "C": channel}
        for number, axis in enumerate(geometry.spatial):
            tap = axes[axis].var
            step, gap = geometry.strides[number], geometry.dilation[number]
            at[axis] = out[axis] * step + tap * gap
        weight = {"O": out["C"], "I": axes["I"].var}
        weight.update({axis: axes[axis].var for axis in geometry.spatial})
        variables = [*indices, *[axis.var for axis in axes.values()]]
        bounds = [*shape, *[geometry.kernel_extents[axis] for axis in axes]]
        source = geometry.data_layout.indices(at)
        factors = geometry.kernel_layout.indices(weight)
        if groups > 1 or divided:
            source = simplify_within(source, variables, bounds)
            factors = simplify_within(factors, variables, bounds)
        left, right = temp(*source), filt(*factors)
        return te.sum(left.astype(dtype) * right.astype(dtype), list(axes.values()))

    names = [SPATIAL_NAMES[letter] for letter, _ in geometry.out_layout.parts]
    prefix = "group_" if groups > 1 else ""
    block = name or f"{prefix}conv{len(geometry.spatial)}d_{_layout_name(geometry.data_layout)}"
    return te.compute(shape, element, block, block, varargs_names=names)


def _layout_name(data_layout: Layout) -> str:
    """`nchw`, and `NCHWc` for a packed layout."""
    letters = "".join(letter for letter, _ in data_layout.parts)
    return letters if any(letter.islower() for letter in letters) else letters.lower()


def conv1d(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any = 1,
    padding: Any = "VALID",
    dilation: Any = 1,
    groups: int = 1,
    data_layout: str = "NCW",
    kernel_layout: str = "",
    out_dtype: str | None = None,
) -> te.Tensor:
    """A convolution of (n, c, w) by (o, c / groups, k); or NWC by WIO."""
    return conv(
        data, kernel, strides, padding, dilation, groups, data_layout, kernel_layout, out_dtype
    )


def conv1d_ncw(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any = 1,
    padding: Any = "VALID",
    dilation: Any = 1,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv1d` of NCW by OIW."""
    return conv(data, kernel, strides, padding, dilation, 1, "NCW", "OIW", out_dtype)


def conv1d_nwc(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any = 1,
    padding: Any = "VALID",
    dilation: Any = 1,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv1d` of NWC by WIO."""
    return conv(data, kernel, strides, padding, dilation, 1, "NWC", "WIO", out_dtype)


def group_conv1d_ncw(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any = 1,
    padding: Any = "VALID",
    dilation: Any = 1,
    groups: int = 1,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv1d` of NCW by OIW in groups."""
    return conv(data, kernel, strides, padding, dilation, groups, "NCW", "OIW", out_dtype)


def conv2d(
    input: te.Tensor,
    filter: te.Tensor,
    strides: Any,
    padding: Any,
    dilation: Any,
    data_layout: str = "NCHW",
    kernel_layout: str = "",
    out_dtype: str | None = None,
    groups: int = 1,
) -> te.Tensor:
    """A convolution of (n, c, h, w) by (o, c / groups, kh, kw); or of other layouts."""
    return conv(
        input, filter, strides, padding, dilation, groups, data_layout, kernel_layout, out_dtype
    )


def conv2d_nchw(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of NCHW by OIHW."""
    return conv(Input, Filter, stride, padding, dilation, 1, "NCHW", "OIHW", out_dtype)


def conv2d_nhwc(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of NHWC by HWIO."""
    return conv(Input, Filter, stride, padding, dilation, 1, "NHWC", "HWIO", out_dtype)


def conv2d_hwcn(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of HWCN by HWIO."""
    return conv(Input, Filter, stride, padding, dilation, 1, "HWCN", "HWIO", out_dtype)


def conv2d_NCHWc(
    data: te.Tensor,
    kernel: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    layout: str = "NCHWc",
    out_layout: str = "",
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of channels in inner blocks: (n, c_chunk, h, w, c_block) by
    (o_chunk, c_chunk, kh, kw, c_block, o_block).

    The layout of the result is that of the data, with the kernel's `o_block`; another `out_layout`
    is an error.
    """
    found = conv(data, kernel, stride, padding, dilation, 1, layout, "OIHWio", out_dtype)
    if out_layout and out_layout.rstrip("c").rstrip("0123456789") != "NCHW":
        raise TypeMismatchError(
            "conv2d_NCHWc gives NCHWc.",
            found=out_layout,
            cure="transform the result with topi.layout_transform",
        )
    return found


def group_conv2d_nchw(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of NCHW by OIHW in groups."""
    return conv(Input, Filter, stride, padding, dilation, groups, "NCHW", "OIHW", out_dtype)


def group_conv2d_nhwc(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv2d` of NHWC by HWIO in groups."""
    return conv(Input, Filter, stride, padding, dilation, groups, "NHWC", "HWIO", out_dtype)


def conv3d(
    data: te.Tensor,
    kernel: te.Tensor,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
    data_layout: str = "NCDHW",
    kernel_layout: str = "",
    out_dtype: str | None = None,
) -> te.Tensor:
    """A convolution of (n, c, d, h, w) by (o, c / groups, kd, kh, kw); or NDHWC by DHWIO."""
    return conv(
        data, kernel, strides, padding, dilation, groups, data_layout, kernel_layout, out_dtype
    )


def conv3d_ncdhw(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv3d` of NCDHW by OIDHW."""
    return conv(Input, Filter, stride, padding, dilation, groups, "NCDHW", "OIDHW", out_dtype)


def conv3d_ndhwc(
    Input: te.Tensor,
    Filter: te.Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
    out_dtype: str | None = None,
) -> te.Tensor:
    """`conv3d` of NDHWC by DHWIO."""
    return conv(Input, Filter, stride, padding, dilation, groups, "NDHWC", "DHWIO", out_dtype)
