"""Operators that move elements: padding, pixels to channels and back, embeddings, upsampling."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pellucid import te, topi
from pellucid.ir import arithmetic as ar
from pellucid.relax.op import rules
from pellucid.relax.op.inference import (
    Inference,
    as_int,
    product,
    reshaped,
    simplified,
    tensor_of,
)
from pellucid.relax.op.nn.layouts import from_plain, parse, to_plain
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi import indexing, transform
from pellucid.topi.nn import image_blocks

_MODES = ("constant", "reflect", "replicate", "circular", "symmetric")
# What other libraries call some of them.
_OTHER_NAMES = {"edge": "replicate", "wrap": "circular"}
_NUMPY_MODES = {"replicate": "edge", "circular": "wrap"}


def _flat_widths(value: Any) -> tuple[int, ...]:
    """(before, after) of each axis, one after another; also from pairs."""
    found: list[int] = []
    for each in cast("tuple[Any, ...]", value) if type(value) is tuple else (value,):
        found += [*each] if type(each) is tuple else [each]
    if not all(type(each) is int for each in found):
        raise ValueError("integers: before and after of each axis")
    return tuple(found)


def _pad_info(c: Inference) -> StructInfo:
    info, widths = c.tensor("data"), c["pad_width"]
    if c["pad_mode"] not in _MODES:
        raise c.error("pad_mode", "is unknown.", ", ".join(_MODES), c["pad_mode"])
    if info.ndim == -1:
        return reshaped(info, None, len(widths) // 2)
    if len(widths) != 2 * info.ndim:
        raise c.error(
            "pad_width", "does not fit the tensor.", f"{2 * info.ndim} integers", str(len(widths))
        )
    dims = known_dims(info)
    if dims is None:
        return info
    return reshaped(info, [dim + widths[2 * i] + widths[2 * i + 1] for i, dim in enumerate(dims)])


def _np_pad(data: Any, pad_width: Any, pad_mode: str, pad_value: float) -> Any:
    """A negative width cuts off."""
    pairs = list(zip(pad_width[::2], pad_width[1::2], strict=True))
    grown = [(max(low, 0), max(high, 0)) for low, high in pairs]
    mode = _NUMPY_MODES.get(pad_mode, pad_mode)
    options = {"constant_values": pad_value} if mode == "constant" else {}
    found = np.pad(data, grown, mode, **options)
    cut = tuple(
        slice(max(-low, 0), extent - max(-high, 0))
        for (low, high), extent in zip(pairs, found.shape, strict=True)
    )
    return found[cut].astype(data.dtype)


@op(
    "nn.pad",
    infer=_pad_info,
    numpy=_np_pad,
    samples=[
        case(t("n", 3), [0, 0, 1, 2]),
        case(t(2, 3), [1, 0, 0, 2], pad_value=1.5),
        case(t(4, "n"), [2, 1, 0, 0], "reflect"),
        case(t(3, 2), [[1, 2], [0, 1]], "replicate"),
        case(t(3, 2), [1, 2, 0, 0], "circular"),
        case(t(3, 2), [2, 1, 0, 0], "symmetric"),
        case(t(3, dtype="int32"), [1, 1], pad_value=7),
        case(t(3), [1, 1], "edge"),
    ],
    convert={"pad_width": _flat_widths, "pad_mode": lambda mode: _OTHER_NAMES.get(mode, mode)},
    tolerance="exact",
)
def pad(
    data: Tensor, pad_width: Sequence[int], pad_mode: str = "constant", pad_value: float = 0.0
) -> Any:
    """Elements added around: `pad_width` says how many before and after each axis.

    They are `pad_value` ("constant"), the elements mirrored at the border ("reflect") or behind it
    ("symmetric"), the border itself ("replicate", also called "edge"), or those of the other end
    ("circular",
    also called "wrap").
    """
    before, after = list(pad_width[::2]), list(pad_width[1::2])
    if pad_mode == "constant":
        return topi.nn.pad(data, before, after, ar.const(pad_value, data.dtype))
    lower = {
        "reflect": topi.nn.reflect_pad,
        "symmetric": topi.nn.symmetric_pad,
        "replicate": topi.nn.replicate_pad,
        "circular": topi.nn.circular_pad,
    }[pad_mode]
    return lower(data, before, after)


# Pixels and channels


def _blocks_unknown(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return reshaped(info, None, info.ndim)


def _shuffle_info(c: Inference) -> StructInfo:
    info, r = c.tensor("data"), c["upscale_factor"]
    if r < 1:
        raise c.error("upscale_factor", "must be positive.", None, r)
    if info.ndim in (0, 1, 2):
        raise c.error("data", "is no image.", "at least 3 dimensions", str(info.ndim))
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, info.ndim)
    channels = as_int(dims[-3])
    if channels is not None and channels % (r * r):
        raise c.error(
            "data", "has channels that do not fill the blocks.", f"a multiple of {r * r}",
            str(channels),
        )  # fmt: skip
    return reshaped(info, (*dims[:-3], dims[-3] // (r * r), dims[-2] * r, dims[-1] * r))


def _np_shuffle(data: Any, upscale_factor: int) -> Any:
    r = upscale_factor
    *lead, c, h, w = data.shape
    parts = data.reshape(*lead, c // (r * r), r, r, h, w)
    n = len(lead)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return np.ascontiguousarray(parts.transpose(order)).reshape(*lead, c // (r * r), h * r, w * r)


@op(
    "nn.pixel_shuffle",
    infer=_shuffle_info,
    numpy=_np_shuffle,
    samples=[case(t("n", 8, 2, 3), 2), case(t(4, 1, 2), 2), case(t(1, 1, 9, 1, 1), 3)],
    tolerance="exact",
)
def pixel_shuffle(data: Tensor, upscale_factor: int) -> Any:
    """Channels become blocks of pixels: (…, c·r², h, w) gives (…, c, h·r, w·r)."""
    r = upscale_factor
    *lead, c, h, w = data.shape
    shape = [*lead, simplified(c // (r * r)), simplified(h * r), simplified(w * r)]

    def element(*i: Any) -> Any:
        *front, channel, y, x = i
        return data(*front, channel * (r * r) + y % r * r + x % r, y // r, x // r)

    return te.compute(shape, element, "T_pixel_shuffle")


def _np_unshuffle(data: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    *lead, c, h, w = data.shape
    parts = data.reshape(*lead, c, h // r, r, w // r, r)
    n = len(lead)
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return np.ascontiguousarray(parts.transpose(order)).reshape(*lead, c * r * r, h // r, w // r)


def _unshuffle_info(c: Inference) -> StructInfo:
    info, r = c.tensor("data"), c["downscale_factor"]
    if r < 1:
        raise c.error("downscale_factor", "must be positive.", None, r)
    if info.ndim in (0, 1, 2):
        raise c.error("data", "is no image.", "at least 3 dimensions", str(info.ndim))
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, info.ndim)
    for extent in dims[-2:]:
        known = as_int(extent)
        if known is not None and known % r:
            raise c.error("data", "does not consist of blocks.", f"a multiple of {r}", str(known))
    return reshaped(info, (*dims[:-3], dims[-3] * (r * r), dims[-2] // r, dims[-1] // r))


@op(
    "nn.pixel_unshuffle",
    infer=_unshuffle_info,
    numpy=_np_unshuffle,
    samples=[case(t("n", 2, 4, 2), 2), case(t(1, 3, 3), 3)],
    tolerance="exact",
)
def pixel_unshuffle(data: Tensor, downscale_factor: int) -> Any:
    """Blocks of pixels become channels: (…, c, h·r, w·r) gives (…, c·r², h, w)."""
    r = downscale_factor
    *lead, c, h, w = data.shape
    shape = [*lead, simplified(c * (r * r)), simplified(h // r), simplified(w // r)]

    def element(*i: Any) -> Any:
        *front, channel, y, x = i
        inner = channel % (r * r)
        return data(*front, channel // (r * r), y * r + inner // r, x * r + inner % r)

    return te.compute(shape, element, "T_pixel_unshuffle")


def _check_blocks(c: Inference) -> None:
    found = parse(c, "layout", c["layout"], "NCHW")
    c.tensor("data", (len(found.parts),))


def _np_depth_to_space(data: Any, block_size: int, layout: str, mode: str) -> Any:
    x, b = to_plain(data, layout, "NCHW"), block_size
    n, c, h, w = x.shape
    if mode == "CRD":
        found = _np_shuffle(x, b)
    else:
        parts = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
        found = np.ascontiguousarray(parts).reshape(n, c // (b * b), h * b, w * b)
    return from_plain(found, layout, "NCHW")


@op(
    "nn.depth_to_space",
    infer=rules.by_lowering(_blocks_unknown, _check_blocks),
    numpy=_np_depth_to_space,
    samples=[
        case(t("n", 8, 2, 1), 2),
        case(t(1, 8, 1, 2), 2, mode="CRD"),
        case(t(1, 2, 2, 4), 2, layout="NHWC"),
    ],
    tolerance="exact",
)
def depth_to_space(data: Tensor, block_size: int, layout: str = "NCHW", mode: str = "DCR") -> Any:
    """Channels become blocks of pixels; in the channels the position in the block counts first
    ("DCR") or last ("CRD").
    """
    return image_blocks.depth_to_space(data, block_size, layout, mode)


def _np_space_to_depth(data: Any, block_size: int, layout: str) -> Any:
    x, b = to_plain(data, layout, "NCHW"), block_size
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    found = np.ascontiguousarray(parts).reshape(n, c * b * b, h // b, w // b)
    return from_plain(found, layout, "NCHW")


@op(
    "nn.space_to_depth",
    infer=rules.by_lowering(_blocks_unknown, _check_blocks),
    numpy=_np_space_to_depth,
    samples=[case(t("n", 2, 4, 2), 2), case(t(1, 2, 4, 1), 2, layout="NHWC")],
    tolerance="exact",
)
def space_to_depth(data: Tensor, block_size: int, layout: str = "NCHW") -> Any:
    """Blocks of pixels become channels; the position in the block counts first."""
    return image_blocks.space_to_depth(data, block_size, layout)


def _batch_flatten_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    if info.ndim == 0:
        raise c.error("data", "has no batch.", "at least 1 dimension", "0")
    dims = known_dims(info)
    return reshaped(info, None if dims is None else (dims[0], product(dims[1:])), 2)


@op(
    "nn.batch_flatten",
    infer=_batch_flatten_info,
    numpy=lambda data: data.reshape(data.shape[0], -1),
    samples=[case(t("n", 2, 3)), case(t(2)), case(t(2, 3, dtype="int32"))],
    tolerance="exact",
)
def batch_flatten(data: Tensor) -> Any:
    """All dimensions but the first as one: (n, a, b, …) gives (n, a·b·…)."""
    return transform.flatten(data)


# Tables


def _embedding_info(c: Inference) -> StructInfo:
    table, indices = c.tensor("weight", (2,)), c.tensor("indices")
    c.require_integer("indices")
    rows, places = known_dims(table), known_dims(indices)
    ndim = -1 if indices.ndim == -1 else indices.ndim + 1
    if rows is None or places is None:
        return tensor_of(None, table.dtype, ndim)
    return tensor_of((*places, rows[1]), table.dtype)


def _np_embedding(weight: Any, indices: Any) -> Any:
    count = weight.shape[0]
    places = indices.astype(np.int64)
    places = np.where(places < 0, places + count, places)
    return weight[np.clip(places, 0, count - 1)]


@op(
    "nn.embedding",
    infer=_embedding_info,
    numpy=_np_embedding,
    samples=[
        case(t(5, 3), t("n", 2, dtype="int64", low=0, high=5)),
        case(t(5, "k"), t(3, dtype="int32", low=-5, high=5)),
    ],
    tolerance="exact",
)
def embedding(weight: Tensor, indices: Tensor) -> Any:
    """Rows of a table (n, d) at indices (…): (…, d). A negative index counts from the end; one
    outside is brought to the border.
    """
    return indexing.embedding(weight, indices)


__all__ = [
    "batch_flatten", "depth_to_space", "embedding", "pad", "pixel_shuffle", "pixel_unshuffle",
    "space_to_depth",
]  # fmt: skip
