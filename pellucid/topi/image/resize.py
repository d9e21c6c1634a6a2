"""Resizing of one, two or three spatial dimensions: nearest, linear, cubic.

A position `i` of an output of extent `m` lies over the position `x` of the input of extent `n`:

- `half_pixel`: x = (i + 0.5)·n / m - 0.5
- `half_pixel_symmetric`: the same, since a size is what is asked for, and not a scale
- `pytorch_half_pixel`: the same, and 0 when m is 1
- `align_corners`: x = i·(n - 1) / (m - 1), and 0 when m is 1
- `asymmetric`: x = i·n / m
- `tf_half_pixel_for_nn`: x = (i + 0.5)·n / m
- `tf_crop_and_resize`: x goes evenly from `start·(n - 1)` to `end·(n - 1)` of the region `roi`;
  what lies outside of the input is `extrapolation_value`

All but the last are fractions of integers and computed as such: neither a rounding nor a weight
depends on float error in `x`. `nearest_neighbor` rounds by `rounding_method` ("round", "floor",
"ceil", "round_prefer_floor", "round_prefer_ceil"; unless given "round" with `align_corners`, else
"floor"); `linear` weighs two neighbours an axis, `cubic`
four. Indices outside stand for the outermost elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.image.coordinates import Position, position_of
from pellucid.topi.layout import layout as parse_layout
from pellucid.topi.shapes import as_list, compute, constant, where_any

METHODS = ("nearest_neighbor", "linear", "cubic")


def _clamped(index: Any, extent: Any) -> Any:
    return ar.maximum(ar.minimum(index, extent - 1), 0)


def _cubic_weights(t: Any, alpha: float) -> list[Any]:
    """The weights of the four neighbours for the fraction `t`, by Keys' kernel."""
    a = alpha
    t2 = t * t
    t3 = t2 * t
    return [
        (t3 - t2 * 2.0 + t) * a,
        t3 * (a + 2.0) - t2 * (a + 3.0) + 1.0,
        t2 * (2.0 * a + 3.0) - t3 * (a + 2.0) - t * a,
        (t2 - t3) * a,
    ]


def _taps(
    position: Position, extent: Any, method: str, alpha: float, exclude: bool
) -> list[tuple[Any, Any]]:
    """The input indices that count along one axis, each with its weight (None for a single one)."""
    if method == "nearest_neighbor":
        return [(_clamped(position.rounded(), extent), None)]
    if constant(extent) == 1:
        return [(ar.const(0), None)]
    low, t = position.floor(), position.fraction()
    if method == "linear":
        return [(_clamped(low, extent), 1.0 - t), (_clamped(low + 1, extent), t)]
    indices = [low - 1, low, low + 1, low + 2]
    weights = _cubic_weights(t, alpha)
    if exclude:
        inside = [tir.all(index >= 0, index < extent) for index in indices]
        weights = [
            ar.select(test, weight, weight * 0.0)
            for test, weight in zip(inside, weights, strict=True)
        ]
        total = weights[0] + weights[1] + weights[2] + weights[3]
        weights = [weight / total for weight in weights]
    return [(_clamped(i, extent), w) for i, w in zip(indices, weights, strict=True)]


def _blend(data: te.Tensor, place: list[Any], axes: Sequence[int], taps: Sequence[Any]) -> Any:
    """The weighted sum over the taps of every axis."""
    if not axes:
        return data(*place)
    total: Any = None
    for index, weight in taps[0]:
        value = _blend(data, [*place[: axes[0]], index, *place[axes[0] + 1 :]], axes[1:], taps[1:])
        if weight is not None:
            value = value.astype("float64" if data.dtype == "float64" else "float32") * weight
        total = value if total is None else total + value
    return total


def _to_dtype(value: Any, dtype: str) -> Any:
    """The value in `dtype`; into integers it is rounded, half to even."""
    target = ar.const(0, dtype).dtype
    if target.is_integer and value.dtype.is_float:
        return ar.cast_to(dtype, tir.nearbyint(value))
    return ar.cast_to(dtype, value)


def _resize(
    data: te.Tensor,
    roi: Any,
    size: Any,
    layout: str,
    method: str,
    mode: str,
    rounding_method: str,
    cubic: tuple[float, bool],
    extrapolation_value: float,
    out_dtype: str | None,
) -> te.Tensor:
    if method not in METHODS:
        raise TypeMismatchError(
            "There is no such method of resizing.",
            expected=", ".join(METHODS),
            found=repr(method),
        )
    found = parse_layout(layout, data.shape)
    axes = [number for number, (letter, _) in enumerate(found.parts) if letter in "DHW"]
    sizes = as_list(size)
    if len(sizes) == 1:
        sizes = sizes * len(axes)
    if len(sizes) != len(axes):
        raise TypeMismatchError(
            "The size does not fit the layout.",
            expected=f"{len(axes)} extents for {layout}",
            found=str(len(sizes)),
        )
    shape = list(data.shape)
    for axis, extent in zip(axes, sizes, strict=True):
        shape[axis] = extent
    region = _region(roi, len(axes)) if mode == "tf_crop_and_resize" else [None] * len(axes)
    dtype = out_dtype or str(data.dtype)
    float_dtype = "float64" if data.dtype == "float64" else "float32"

    def element(*indices: Any) -> Any:
        positions = [
            position_of(
                indices[axis],
                data.shape[axis],
                shape[axis],
                mode,
                rounding_method,
                float_dtype,
                region[k],
            )
            for k, axis in enumerate(axes)
        ]
        taps = [
            _taps(position, data.shape[axis], method, *cubic)
            for position, axis in zip(positions, axes, strict=True)
        ]
        value = _to_dtype(_blend(data, list(indices), axes, taps), dtype)
        value = where_any(value, *[data.shape[axis] for axis in axes])
        outside = [p.outside(data.shape[axis]) for p, axis in zip(positions, axes, strict=True)]
        outside = [each for each in outside if each is not None]
        if not outside:
            return value
        return ar.select(tir.any(*outside), ar.const(extrapolation_value, dtype), value)

    return compute(shape, element, "resize")


def _region(roi: Any, count: int) -> list[tuple[Any, Any]]:
    """The part of each spatial axis that `roi` = (starts…, ends…) covers, as fractions."""
    found = as_list(roi) if roi is not None else []
    if len(found) == 2 * count:
        return [(found[k], found[count + k]) for k in range(count)]
    if len(found) == 2 * (count + 2):
        return [(found[2 + k], found[count + 4 + k]) for k in range(count)]
    raise TypeMismatchError(
        "tf_crop_and_resize needs a region.",
        expected=f"{2 * count} fractions: all starts, then all ends",
        found=f"{len(found)}",
    )


def resize1d(
    data: te.Tensor,
    roi: Any,
    size: Any,
    layout: str = "NCW",
    method: str = "linear",
    coordinate_transformation_mode: str = "half_pixel",
    rounding_method: str = "",
    bicubic_alpha: float = -0.5,
    bicubic_exclude: int = 0,
    extrapolation_value: float = 0.0,
    out_dtype: str | None = None,
) -> te.Tensor:
    """(n, c, w) resized to the width `size`; see the head of this file."""
    return _resize(
        data,
        roi,
        size,
        layout,
        method,
        coordinate_transformation_mode,
        rounding_method,
        (bicubic_alpha, bool(bicubic_exclude)),
        extrapolation_value,
        out_dtype,
    )


def resize2d(
    data: te.Tensor,
    roi: Any,
    size: Any,
    layout: str = "NCHW",
    method: str = "linear",
    coordinate_transformation_mode: str = "half_pixel",
    rounding_method: str = "",
    bicubic_alpha: float = -0.5,
    bicubic_exclude: int = 0,
    extrapolation_value: float = 0.0,
    out_dtype: str | None = None,
) -> te.Tensor:
    """(n, c, h, w) resized to `size` = (height, width); see the head of this file."""
    return _resize(
        data,
        roi,
        size,
        layout,
        method,
        coordinate_transformation_mode,
        rounding_method,
        (bicubic_alpha, bool(bicubic_exclude)),
        extrapolation_value,
        out_dtype,
    )


def resize3d(
    data: te.Tensor,
    roi: Any,
    size: Any,
    layout: str = "NCDHW",
    method: str = "linear",
    coordinate_transformation_mode: str = "half_pixel",
    rounding_method: str = "",
    bicubic_alpha: float = -0.5,
    bicubic_exclude: int = 0,
    extrapolation_value: float = 0.0,
    out_dtype: str | None = None,
) -> te.Tensor:
    """(n, c, d, h, w) resized to `size` = (depth, height, width); see the head of this file."""
    return _resize(
        data,
        roi,
        size,
        layout,
        method,
        coordinate_transformation_mode,
        rounding_method,
        (bicubic_alpha, bool(bicubic_exclude)),
        extrapolation_value,
        out_dtype,
    )
