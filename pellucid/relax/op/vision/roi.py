"""Regions of interest: parts of an image brought to one size.

Regions are rows (image, x1, y1, x2, y2); coordinates times `spatial_scale` are those of the data.
A region of an image that is not there gives zeros.
"""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.nn.layouts import counts
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.tir import op as tir
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt, seq
from pellucid.topi.loops import block, grid, loop, store, when

_REGIONS = t(values=[[0, 0, 0, 5, 4], [1, 1.5, 0.5, 3, 6], [0, 2, 1, 2, 1], [1, -3, -2, 9, 9]])
_IMAGE = t("n", 2, 6, 7)


def _info(c: Inference) -> StructInfo:
    data, rois = c.tensor("data", (4,)), c.tensor("rois", (2,))
    c.require_float("data")
    dtype = c.same_dtype("data", "rois")
    pooled = c["pooled_size"]
    if any(each < 1 for each in pooled):
        raise c.error("pooled_size", "must be positive.", None, pooled)
    x, r = known_dims(data), known_dims(rois)
    if r is not None and as_int(r[1]) not in (5, None):
        raise c.error("rois", "must have rows (image, x1, y1, x2, y2).", "5 columns", r[1])
    if x is None or r is None:
        return tensor_of(None, dtype, 4)
    c.require_equal("rois", "must have rows (image, x1, y1, x2, y2).", 5, r[1])
    return tensor_of((r[0], x[1], *pooled), dtype)


def _align_info(c: Inference) -> StructInfo:
    if c["mode"] not in ("avg", "max"):
        raise c.error("mode", "is unknown.", '"avg" or "max"', c["mode"])
    return _info(c)


# RoIAlign (He et al., 2017): the mean of bilinear samples


def _np_sample(image: Any, y: float, x: float) -> Any:
    """The channels at a position; zeros further than a pixel outside."""
    height, width = image.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(image.shape[0])
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, along = y - top, x - left
    upper = image[:, top, left] * (1 - along) + image[:, top, right] * along
    lower = image[:, bottom, left] * (1 - along) + image[:, bottom, right] * along
    return upper * (1 - down) + lower * down


def _np_align(
    data: Any, rois: Any, pooled_size: Any, spatial_scale: float, sample_ratio: int,
    aligned: bool, mode: str,
) -> Any:  # fmt: skip
    rows, columns = pooled_size
    out = np.zeros((len(rois), data.shape[1], rows, columns))
    for r, (index, *corners) in enumerate(rois):
        if not 0 <= int(index) < len(data):
            continue
        x1, y1, x2, y2 = (each * spatial_scale - 0.5 * aligned for each in corners)
        least = -math.inf if aligned else 1.0
        width, height = max(x2 - x1, least), max(y2 - y1, least)
        steps = (height / rows, width / columns)
        counts = [sample_ratio if sample_ratio > 0 else math.ceil(each) for each in steps]
        for i, j in np.ndindex(rows, columns):
            samples = [
                _np_sample(
                    data[int(index)],
                    y1 + steps[0] * (i + (a + 0.5) / counts[0]),
                    x1 + steps[1] * (j + (b + 0.5) / counts[1]),
                )
                for a in range(counts[0])
                for b in range(counts[1])
            ]
            if samples:
                out[r, :, i, j] = np.mean(samples, 0) if mode == "avg" else np.max(samples, 0)
    return out


class _Region:
    """Corner, and size of a bin, of one region, as scalar expressions."""

    def __init__(self, rois: Buffer, r: Any, pooled: Any, scale: float, aligned: bool) -> None:
        dtype = rois.dtype
        shift = ar.const(0.5 if aligned else 0.0, dtype)
        corners = [rois[r, ar.const(k)] * ar.const(scale, dtype) - shift for k in range(1, 5)]
        self.x, self.y = corners[0], corners[1]
        width, height = corners[2] - corners[0], corners[3] - corners[1]
        if not aligned:
            one = ar.const(1, dtype)
            width, height = ar.maximum(width, one), ar.maximum(height, one)
        self.bin_height = height / ar.const(pooled[0], dtype)
        self.bin_width = width / ar.const(pooled[1], dtype)


def _sample(source: Buffer, b: Any, c: Any, y: Any, x: Any) -> Any:
    """The bilinear sample at a position that is not further than a pixel outside."""
    dtype = source.dtype
    zero, one = ar.const(0, dtype), ar.const(1, dtype)
    height, width = source.shape[2:]
    y = ar.minimum(ar.maximum(y, zero), ar.cast_to(dtype, height - 1))
    x = ar.minimum(ar.maximum(x, zero), ar.cast_to(dtype, width - 1))
    top, left = ar.cast_to("int64", y), ar.cast_to("int64", x)
    bottom, right = ar.minimum(top + 1, height - 1), ar.minimum(left + 1, width - 1)
    down, along = y - ar.cast_to(dtype, top), x - ar.cast_to(dtype, left)
    upper = source[b, c, top, left] * (one - along) + source[b, c, top, right] * along
    lower = source[b, c, bottom, left] * (one - along) + source[b, c, bottom, right] * along
    return upper * (one - down) + lower * down


@op(
    "vision.roi_align",
    infer=_align_info,
    numpy=widened(_np_align),
    samples=[
        case(_IMAGE, _REGIONS, (2, 3)),
        case(_IMAGE, _REGIONS, 2, 0.5, 2, aligned=True),
        case(_IMAGE, _REGIONS, (1, 2), sample_ratio=2, mode="max"),
    ],
    convert={"pooled_size": counts(2)},
    tolerance="reduction",
)
def roi_align(
    data: Tensor,
    rois: Tensor,
    pooled_size: Any,
    spatial_scale: float = 1.0,
    sample_ratio: int = -1,
    aligned: bool = False,
    mode: str = "avg",
) -> Any:
    """Each region of images (n, c, h, w) in `pooled_size` bins: (regions, c, rows, columns).

    A bin is the mean ("avg") or the largest ("max") of bilinear samples, `sample_ratio` along each
    axis, or as many as the bin has pixels when that is not positive. With `aligned` positions are
    shifted by half a pixel. The definition is torchvision's.
    """
    rows, columns = pooled_size
    count = rois.shape[0]
    dtype = str(data.dtype)
    start = -math.inf if mode == "max" else 0.0

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source, regions), (result, total, samples) = ins, outs
        down, across = samples[ar.const(0)], samples[ar.const(1)]
        value_so_far = total[ar.const(0)]

        def number(size: Any) -> Any:
            if sample_ratio > 0:
                return ar.const(sample_ratio, "int64")
            return ar.maximum(ar.cast_to("int64", tir.ceil(size)), ar.const(0, "int64"))

        def one(place: list[Any]) -> Stmt:
            r, c, i, j = place
            region = _Region(regions, r, pooled_size, spatial_scale, aligned)
            b = ar.cast_to("int64", regions[r, ar.const(0)])
            there = ar.logical_and(b >= 0, b < source.shape[0])

            def position(begin: Any, size: Any, index: Any, k: Any, many: Any) -> Any:
                part = (ar.cast_to(dtype, k) + ar.const(0.5, dtype)) / ar.cast_to(dtype, many)
                return begin + size * (ar.cast_to(dtype, index) + part)

            def add(k: Any, n: Any) -> Stmt:
                y = position(region.y, region.bin_height, i, k, down)
                x = position(region.x, region.bin_width, j, n, across)
                height, width = (ar.cast_to(dtype, each) for each in source.shape[2:])
                low = ar.const(-1, dtype)
                inside = tir.all(y >= low, y <= height, x >= low, x <= width)
                value = ar.if_then_else(inside, _sample(source, b, c, y, x), ar.const(0, dtype))
                both = ar.maximum if mode == "max" else ar.add
                return store(total, [0], both(value_so_far, value))

            inner = loop("k", down, lambda k: loop("m", across, lambda n: add(k, n)))
            many = ar.cast_to(dtype, down * across)
            mean = value_so_far if mode == "max" else value_so_far / many
            return seq(
                store(result, place, ar.const(0, dtype)),
                store(samples, [0], number(region.bin_height)),
                store(samples, [1], number(region.bin_width)),
                store(total, [0], ar.const(start, dtype)),
                when(tir.all(there, down > 0, across > 0), [inner, store(result, place, mean)]),
            )

        return grid([count, data.shape[1], rows, columns], one)

    shapes = [[count, data.shape[1], rows, columns], [1], [2]]
    return block(shapes, [dtype, dtype, "int64"], [data, rois], body, "roi_align")[0]


# RoIPool (Girshick, 2015): the largest pixel of each bin


def _np_pool(data: Any, rois: Any, pooled_size: Any, spatial_scale: float) -> Any:
    rows, columns = pooled_size
    height, width = data.shape[2:]
    out = np.zeros((len(rois), data.shape[1], rows, columns), data.dtype)
    for r, (index, *corners) in enumerate(rois):
        if not 0 <= int(index) < len(data):
            continue
        x1, y1, x2, y2 = (math.floor(float(c) * spatial_scale + 0.5) for c in corners)
        high, wide = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i, j in np.ndindex(rows, columns):
            top = min(max(y1 + i * high // rows, 0), height)
            bottom = min(max(y1 - (-(i + 1) * high // rows), 0), height)
            left = min(max(x1 + j * wide // columns, 0), width)
            right = min(max(x1 - (-(j + 1) * wide // columns), 0), width)
            if bottom > top and right > left:
                part = data[int(index), :, top:bottom, left:right]
                out[r, :, i, j] = part.max((1, 2))
    return out


@op(
    "vision.roi_pool",
    infer=_info,
    numpy=_np_pool,
    samples=[case(_IMAGE, _REGIONS, (2, 3)), case(_IMAGE, _REGIONS, 2, 0.5)],
    convert={"pooled_size": counts(2)},
    tolerance="exact",
)
def roi_pool(data: Tensor, rois: Tensor, pooled_size: Any, spatial_scale: float = 1.0) -> Any:
    """The largest pixel in each of `pooled_size` bins of every region of images (n, c, h, w):
    (regions, c, rows, columns). Corners are rounded to pixels; an empty bin gives 0.
    """
    rows, columns = pooled_size
    count, channels, dtype = rois.shape[0], data.shape[1], str(data.dtype)
    height, width = data.shape[2:]

    def corner(regions: Buffer, r: Any, k: int) -> Any:
        scaled = regions[r, ar.const(k)] * ar.const(spatial_scale, regions.dtype)
        return ar.cast_to("int64", tir.floor(scaled + ar.const(0.5, regions.dtype)))

    def clipped(value: Any, extent: Any) -> Any:
        return ar.minimum(ar.maximum(value, 0), extent)

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source, regions), (result, ends) = ins, outs
        top, bottom, left, right = (ends[ar.const(k)] for k in range(4))

        def one(place: list[Any]) -> Stmt:
            r, c, i, j = place
            x1, y1, x2, y2 = (corner(regions, r, k) for k in range(1, 5))
            high, wide = ar.maximum(y2 - y1 + 1, 1), ar.maximum(x2 - x1 + 1, 1)
            b = ar.cast_to("int64", regions[r, ar.const(0)])
            bounds = (
                clipped(y1 + i * high // rows, height),
                clipped(y1 + ((i + 1) * high + rows - 1) // rows, height),
                clipped(x1 + j * wide // columns, width),
                clipped(x1 + ((j + 1) * wide + columns - 1) // columns, width),
            )

            def widen(y: Any, x: Any) -> Stmt:
                found = source[b, c, y, x]
                return store(result, place, ar.maximum(result[tuple(place)], found))

            rows_of = loop(
                "y", bottom - top, lambda y: loop("x", right - left, lambda x: widen(y, x), left),
                top,
            )  # fmt: skip
            there = tir.all(b >= 0, b < source.shape[0], bottom > top, right > left)
            return seq(
                *[store(ends, [k], each) for k, each in enumerate(bounds)],
                store(result, place, ar.const(0, dtype)),
                when(there, [store(result, place, te.min_value(dtype)), rows_of]),
            )

        return grid([count, channels, rows, columns], one)

    shapes = [[count, channels, rows, columns], [4]]
    return block(shapes, [dtype, "int64"], [data, rois], body, "roi_pool")[0]


__all__ = ["roi_align", "roi_pool"]
