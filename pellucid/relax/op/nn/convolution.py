"""Convolutions and transposed convolutions of one, two and three spatial dimensions.

Data such as NCHW and a kernel such as OIHW (IOHW for transposed ones; I, or O, counts the channels
of one group) give a result in the data's layout, or in `out_layout`. Strides, dilations and
paddings are one integer, or one for each dimension; paddings also all befores, then all afters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.nn.layouts import counts, from_plain, paddings, parse, to_plain
from pellucid.relax.op.record import Infer, Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import Sample, case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy
from pellucid.topi.layout import layout_transform
from pellucid.topi.nn.conv import conv
from pellucid.topi.nn.conv_transpose import conv_transpose

Sizes = Any  # an integer or several; in the lowering a tuple


# Inference


def _unknown(c: Inference) -> StructInfo:
    data = c.tensor("data")
    ndim = len(parse(c, "out_layout", _out_layout(c), _dimensions(c)).parts)
    return tensor_of(None, c["out_dtype"] or data.dtype, ndim)


def _out_layout(c: Inference) -> str:
    return c["out_layout"] or c["data_layout"]


def _dimensions(c: Inference) -> str:
    return "NC" + "DHW"[3 - len(c["strides"]) :]


def _check(transposed: bool) -> Callable[[Inference], None]:
    def check(c: Inference) -> None:
        spatial = _dimensions(c)[2:]
        data_layout = parse(c, "data_layout", c["data_layout"], "NC" + spatial)
        kernel_layout = parse(c, "kernel_layout", c["kernel_layout"], "OI" + spatial)
        data = c.tensor("data", (len(data_layout.parts),))
        weight = c.tensor("weight", (len(kernel_layout.parts),))
        if not c["out_dtype"]:
            c.same_dtype("data", "weight")
        groups = c["groups"]
        if groups < 1:
            raise c.error("groups", "must be positive.", None, groups)
        x, y = known_dims(data), known_dims(weight)
        if x is None or y is None:
            return
        channels = data_layout.extents(x)["C"]
        sizes = kernel_layout.extents(y)
        wanted = sizes["I"] if transposed else sizes["I"] * groups
        what = "does not fit the channels of the data"
        what += "." if groups == 1 else f" in {groups} groups."
        c.require_equal("weight", what, channels, wanted)
        outputs = as_int(sizes["O"])
        if not transposed and outputs is not None and outputs % groups:
            raise c.error(
                "groups", "does not divide the number of kernels.", f"a divisor of {outputs}",
                groups,
            )  # fmt: skip

    return check


def _infer(transposed: bool) -> Infer:
    return rules.by_lowering(_unknown, _check(transposed))


# References


def _np_conv(
    data: Any,
    weight: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    data_layout: str,
    kernel_layout: str,
    out_layout: str | None,
    out_dtype: str | None,
) -> Any:
    rank = len(strides)
    spatial = "DHW"[3 - rank :]
    kind = data.dtype if out_dtype is None else to_numpy(out_dtype)
    wide = np.int64 if kind.kind in "iu" else np.float64
    x = to_plain(data, data_layout, "NC" + spatial).astype(wide)
    w = to_plain(weight, kernel_layout, "OI" + spatial).astype(wide)
    widths = [(0, 0), (0, 0), *zip(padding[:rank], padding[rank:], strict=True)]
    x = np.pad(x, widths)
    window = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    axes = tuple(range(2, 2 + rank))
    views = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    picked = (
        slice(None), slice(None), *[slice(None, None, s) for s in strides],
        *[slice(None, None, d) for d in dilation],
    )  # fmt: skip
    views = views[picked]
    parts: list[Any] = []
    for a, b in zip(np.split(views, groups, 1), np.split(w, groups, 0), strict=True):
        inner = list(range(2 + rank, 2 + 2 * rank))
        found = np.tensordot(a, b, ([1, *inner], [1, *axes]))
        parts.append(np.moveaxis(found, -1, 1))
    out = np.concatenate(parts, 1).astype(kind)
    return from_plain(out, out_layout or data_layout, "NC" + spatial)


def _np_conv_transpose(
    data: Any,
    weight: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
    data_layout: str,
    kernel_layout: str,
    out_layout: str | None,
    out_dtype: str | None,
) -> Any:
    rank = len(strides)
    spatial = "DHW"[3 - rank :]
    kind = data.dtype if out_dtype is None else to_numpy(out_dtype)
    x = to_plain(data, data_layout, "NC" + spatial).astype(np.float64)
    w = to_plain(weight, kernel_layout, "IO" + spatial).astype(np.float64)
    whole = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(x.shape[2:], strides, w.shape[2:], dilation, strict=True)
    ]
    extended = [a + b for a, b in zip(whole, output_padding, strict=True)]
    per_group = w.shape[1]
    out = np.zeros((x.shape[0], per_group * groups, *extended))
    share = x.shape[1] // groups
    for group in range(groups):
        a = x[:, group * share : (group + 1) * share]
        b = w[group * share : (group + 1) * share]
        target = out[:, group * per_group : (group + 1) * per_group]
        for tap in np.ndindex(*w.shape[2:]):
            place = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, x.shape[2:], strides, strict=True)
            )
            found = np.tensordot(a, b[(slice(None), slice(None), *tap)], ([1], [0]))
            target[(slice(None), slice(None), *place)] += np.moveaxis(found, -1, 1)
    cut = tuple(
        slice(low, extent - high)
        for low, high, extent in zip(padding[:rank], padding[rank:], extended, strict=True)
    )
    out = out[(slice(None), slice(None), *cut)].astype(kind)
    return from_plain(out, out_layout or data_layout, "NC" + spatial)


# Lowering


def _conv(
    data: Any,
    weight: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    layouts: tuple[str, str, str | None],
    out_dtype: str | None,
) -> Any:
    data_layout, kernel_layout, out_layout = layouts
    out = conv(
        data, weight, list(strides), list(padding), list(dilation), groups, data_layout,
        kernel_layout, out_dtype,
    )  # fmt: skip
    return _in_layout(out, data_layout, out_layout)


def _in_layout(out: Any, data_layout: str, out_layout: str | None) -> Any:
    if out_layout in (None, data_layout):
        return out
    return layout_transform(out, data_layout, str(out_layout))


def _convert(rank: int) -> dict[str, Any]:
    return {
        "strides": counts(rank),
        "padding": paddings(rank),
        "dilation": counts(rank),
        "output_padding": counts(rank),
    }


# One dimension

_CONV1D: list[Sample] = [
    case(t("n", 2, 6), t(3, 2, 3)),
    case(t(2, 4, 5), t(4, 2, 3), strides=2, padding=(1, 2), groups=2),
    case(t(1, 6, 2), t(3, 2, 3), dilation=2, data_layout="NWC", kernel_layout="WIO"),
]


@op(
    "nn.conv1d",
    infer=_infer(False),
    numpy=_np_conv,
    samples=_CONV1D,
    convert=_convert(1),
    tolerance="reduction",
)
def conv1d(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    data_layout: str = "NCW",
    kernel_layout: str = "OIW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """A convolution of one spatial dimension: (n, c, w) by (o, c / groups, k)."""
    layouts = (data_layout, kernel_layout, out_layout)
    return _conv(data, weight, strides, padding, dilation, groups, layouts, out_dtype)


# Two dimensions


@op(
    "nn.conv2d",
    infer=_infer(False),
    numpy=_np_conv,
    samples=[
        case(t("n", 2, 4, 5), t(3, 2, 3, 3)),
        case(t(1, 2, "h", "w"), t(2, 2, 3, 3), padding=1),
        case(t(1, 4, 5, 4), t(4, 1, 3, 2), strides=(2, 1), padding=(1, 0), groups=4),
        case(t(1, 5, 5, 2), t(3, 3, 2, 2), dilation=2, data_layout="NHWC", kernel_layout="HWIO"),
        case(t(1, 2, 4, 4), t(2, 2, 2, 2), padding=(1, 0, 0, 1), out_layout="NHWC"),
        case(t(1, 2, 3, 3, 2), t(2, 2, 2, 2, 2, 2), data_layout="NCHW2c", kernel_layout="OIHW2i2o"),
        case(t(1, 1, 3, 3, dtype="int8"), t(1, 1, 2, 2, dtype="int8"), out_dtype="int32"),
        case(t(1, 2, 3, 3, dtype="float16"), t(1, 2, 2, 2, dtype="float16")),
    ],
    convert=_convert(2),
    tolerance="reduction",
)
def conv2d(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = (1, 1),
    padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1),
    groups: int = 1,
    data_layout: str = "NCHW",
    kernel_layout: str = "OIHW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """A convolution of two spatial dimensions: (n, c, h, w) by (o, c / groups, kh, kw)."""
    layouts = (data_layout, kernel_layout, out_layout)
    return _conv(data, weight, strides, padding, dilation, groups, layouts, out_dtype)


# Three dimensions


@op(
    "nn.conv3d",
    infer=_infer(False),
    numpy=_np_conv,
    samples=[
        case(t("n", 1, 3, 3, 4), t(2, 1, 2, 2, 2)),
        case(t(1, 2, 3, 3, 3), t(2, 1, 2, 2, 2), strides=2, padding=1, groups=2),
        case(t(1, 3, 3, 2, 1), t(2, 2, 1, 1, 2), data_layout="NDHWC", kernel_layout="DHWIO"),
    ],
    convert=_convert(3),
    tolerance="reduction",
)
def conv3d(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = (1, 1, 1),
    padding: Sizes = (0, 0, 0),
    dilation: Sizes = (1, 1, 1),
    groups: int = 1,
    data_layout: str = "NCDHW",
    kernel_layout: str = "OIDHW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """A convolution of three spatial dimensions: (n, c, d, h, w) by (o, c / groups, kd, kh, kw)."""
    layouts = (data_layout, kernel_layout, out_layout)
    return _conv(data, weight, strides, padding, dilation, groups, layouts, out_dtype)


# Transposed


def _transposed(
    data: Any,
    weight: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
    layouts: tuple[str, str, str | None],
    out_dtype: str | None,
) -> Any:
    data_layout, kernel_layout, out_layout = layouts
    out = conv_transpose(
        data, weight, list(strides), list(padding), list(output_padding), list(dilation), groups,
        data_layout, kernel_layout, out_dtype,
    )  # fmt: skip
    return _in_layout(out, data_layout, out_layout)


@op(
    "nn.conv1d_transpose",
    infer=_infer(True),
    numpy=_np_conv_transpose,
    samples=[
        case(t("n", 2, 4), t(2, 3, 3)),
        case(t(1, 4, 3), t(4, 1, 3), strides=2, padding=1, output_padding=1, groups=2),
    ],
    convert=_convert(1),
    tolerance="reduction",
)
def conv1d_transpose(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    data_layout: str = "NCW",
    kernel_layout: str = "IOW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """The transposed convolution of one spatial dimension: (n, c, w) by (c, o / groups, k)."""
    layouts = (data_layout, kernel_layout, out_layout)
    return _transposed(
        data, weight, strides, padding, output_padding, dilation, groups, layouts, out_dtype
    )


@op(
    "nn.conv2d_transpose",
    infer=_infer(True),
    numpy=_np_conv_transpose,
    samples=[
        case(t("n", 2, 3, 3), t(2, 2, 2, 2)),
        case(t(1, 2, 3, 2), t(2, 1, 3, 2), strides=2, padding=(1, 0), output_padding=(1, 0)),
        case(t(1, 2, 2, 2), t(2, 1, 2, 2), dilation=2, groups=2),
    ],
    convert=_convert(2),
    tolerance="reduction",
)
def conv2d_transpose(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = (1, 1),
    padding: Sizes = (0, 0),
    output_padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1),
    groups: int = 1,
    data_layout: str = "NCHW",
    kernel_layout: str = "IOHW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """The transposed convolution of two spatial dimensions: (n, c, h, w) by
    (c, o / groups, kh, kw).
    """
    layouts = (data_layout, kernel_layout, out_layout)
    return _transposed(
        data, weight, strides, padding, output_padding, dilation, groups, layouts, out_dtype
    )


@op(
    "nn.conv3d_transpose",
    infer=_infer(True),
    numpy=_np_conv_transpose,
    samples=[
        case(t("n", 1, 2, 2, 3), t(1, 2, 2, 2, 2)),
        case(t(1, 1, 2, 2, 2), t(1, 1, 2, 2, 2), strides=2, padding=1, output_padding=1),
    ],
    convert=_convert(3),
    tolerance="reduction",
)
def conv3d_transpose(
    data: Tensor,
    weight: Tensor,
    strides: Sizes = (1, 1, 1),
    padding: Sizes = (0, 0, 0),
    output_padding: Sizes = (0, 0, 0),
    dilation: Sizes = (1, 1, 1),
    groups: int = 1,
    data_layout: str = "NCDHW",
    kernel_layout: str = "IODHW",
    out_layout: str | None = None,
    out_dtype: str | None = None,
) -> Any:
    """The transposed convolution of three spatial dimensions: (n, c, d, h, w) by
    (c, o / groups, kd, kh, kw).
    """
    layouts = (data_layout, kernel_layout, out_layout)
    return _transposed(
        data, weight, strides, padding, output_padding, dilation, groups, layouts, out_dtype
    )


__all__ = [
    "conv1d", "conv1d_transpose", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose",
]  # fmt: skip
