"""Resizing of one, two or three spatial dimensions.

A position `i` of an output of extent `m` lies over the position `x` of the input of extent `n`:
`half_pixel` x = (i + 0.5)·n / m - 0.5, also `half_pixel_symmetric`; `pytorch_half_pixel` the same,
and 0 when m is 1;
`align_corners` x = i·(n - 1) / (m - 1); `asymmetric` x = i·n / m; `tf_half_pixel_for_nn`
x = (i + 0.5)·n / m; `tf_crop_and_resize` evenly from `start·(n - 1)` to `end·(n - 1)` of the
region `roi`. The methods are "nearest_neighbor", "linear" and "cubic".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int, items, tensor_of
from pellucid.relax.op.nn.layouts import from_plain, parse, to_plain
from pellucid.relax.op.record import Shape, Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import Sample, case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.runtime.dtypes import to_numpy
from pellucid.topi.image import resize as te_resize
from pellucid.topi.image.coordinates import MODES, ROUNDINGS

_METHODS = ("nearest_neighbor", "linear", "cubic")
_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_LOWER = {1: te_resize.resize1d, 2: te_resize.resize2d, 3: te_resize.resize3d}


# Inference


def _unknown(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return tensor_of(None, c["out_dtype"] or info.dtype, info.ndim)


def _check(rank: int) -> Callable[[Inference], None]:
    def check(c: Inference) -> None:
        found = parse(c, "layout", c["layout"], "NC" + "DHW"[3 - rank :])
        c.tensor("data", (len(found.parts),))
        c.require_dtype("data", "numbers", *rules.NUMBERS)
        for name, known in (
            ("method", _METHODS),
            ("coordinate_transformation_mode", MODES),
            ("rounding_method", (*ROUNDINGS, "")),
        ):
            if c[name] not in known:
                raise c.error(name, "is unknown.", ", ".join(filter(None, known)), c[name])
        size = c.shape("size")
        if size.ndim not in (-1, rank):
            raise c.error("size", "does not fit the layout.", f"{rank} extents", str(size.ndim))
        if any(as_int(each) == 0 for each in size.values or ()):
            raise c.error("size", "must be positive.", None, repr(size))

    return check


def _whole_size(rank: int) -> Callable[[dict[str, Any]], None]:
    """One size stands for all dimensions."""

    def prepare(values: dict[str, Any]) -> None:
        if isinstance(values["size"], int):
            values["size"] = [values["size"]] * rank

    return prepare


# References


def _position(i: int, n: int, m: int, mode: str, region: Any) -> Any:
    if mode == "tf_crop_and_resize":
        low, high = region
        if m == 1:
            return 0.5 * (low + high) * (n - 1)
        return low * (n - 1) + i * (high - low) * (n - 1) / (m - 1)
    if mode == "align_corners":
        return Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0)
    if mode == "asymmetric":
        return Fraction(i * n, m)
    if mode == "tf_half_pixel_for_nn":
        return Fraction((2 * i + 1) * n, 2 * m)
    if mode == "pytorch_half_pixel" and m == 1:
        return Fraction(0)
    return Fraction((2 * i + 1) * n, 2 * m) - Fraction(1, 2)


def _rounded(x: Any, rounding: str, mode: str) -> int:
    method = rounding or ("round" if mode == "align_corners" else "floor")
    half = Fraction(1, 2) if isinstance(x, Fraction) else 0.5
    return {
        "floor": lambda: math.floor(x),
        "ceil": lambda: math.ceil(x),
        "round_prefer_floor": lambda: math.ceil(x - half),
    }.get(method, lambda: math.floor(x + half))()


def _cubic(t: float, a: float) -> list[float]:
    return [
        a * (t**3 - 2 * t**2 + t),
        (a + 2) * t**3 - (a + 3) * t**2 + 1,
        -(a + 2) * t**3 + (2 * a + 3) * t**2 - a * t,
        a * (t**2 - t**3),
    ]


def _matrix(
    n: int, m: int, mode: str, method: str, rounding: str, cubic: tuple[float, bool], region: Any
) -> tuple[Any, list[bool]]:
    """The weights (m, n) along one axis, and which positions lie outside."""
    weights, outside = np.zeros((m, n)), [False] * m
    for i in range(m):
        x = _position(i, n, m, mode, region)
        outside[i] = mode == "tf_crop_and_resize" and not 0 <= x <= n - 1
        if method == "nearest_neighbor":
            taps = [(_rounded(x, rounding, mode), 1.0)]
        elif n == 1:
            taps = [(0, 1.0)]
        else:
            low = math.floor(x)
            part = float(x - low)
            if method == "linear":
                taps = [(low, 1 - part), (low + 1, part)]
            else:
                taps = list(zip(range(low - 1, low + 3), _cubic(part, cubic[0]), strict=True))
                if cubic[1]:
                    taps = [(j, w if 0 <= j < n else 0.0) for j, w in taps]
                    total = sum(w for _, w in taps)
                    taps = [(j, w / total) for j, w in taps]
        for j, w in taps:
            weights[i, min(max(j, 0), n - 1)] += w
    return weights, outside


def _reference(rank: int) -> Callable[..., Any]:
    order = "NC" + "DHW"[3 - rank :]

    def reference(
        data: Any,
        size: Any,
        roi: Any,
        layout: str,
        method: str,
        coordinate_transformation_mode: str,
        rounding_method: str,
        cubic_alpha: float,
        cubic_exclude: int,
        extrapolation_value: float,
        out_dtype: str | None,
    ) -> Any:
        kind = data.dtype if out_dtype is None else to_numpy(out_dtype)
        found = to_plain(data, layout, order).astype(np.float64)
        mode, cubic = coordinate_transformation_mode, (cubic_alpha, bool(cubic_exclude))
        hidden: list[Any] = []
        for k in range(rank):
            region = None if roi is None else (roi[k], roi[rank + k])
            n = found.shape[2 + k]
            w, outside = _matrix(n, size[k], mode, method, rounding_method, cubic, region)
            found = np.moveaxis(np.tensordot(found, w, ([2 + k], [1])), -1, 2 + k)
            hidden.append(np.array(outside).reshape((-1,) + (1,) * (rank - 1 - k)))
        if kind.kind in "iu":
            found = np.rint(found)
        for each in hidden:
            found = np.where(each, extrapolation_value, found)
        return from_plain(found.astype(kind), layout, order)

    return reference


# Records


def _samples(rank: int) -> list[Sample]:
    shape: list[Any] = [2, 3, 2, 4][: rank + 1]
    size = [5, 3, 2][:rank]
    last = [1, *shape[1:], shape[0]]
    found = [
        case(t("n", *shape), size),
        case(t(1, *shape), size, method="nearest_neighbor"),
        case(t(*last), size, layout=f"N{'DHW'[3 - rank :]}C"),
    ]
    if rank != 2:
        return found
    image = t(1, 1, 3, 4)
    found += [
        case(image, [5, 2], method=method, coordinate_transformation_mode=mode)
        for mode in MODES
        if mode != "tf_crop_and_resize"
        for method in ("nearest_neighbor", "linear")
    ]
    found += [
        case(image, [4, 5], method="nearest_neighbor", rounding_method=each) for each in ROUNDINGS
    ]
    region = {"roi": [0.0, 0.2, 0.8, 1.2], "coordinate_transformation_mode": "tf_crop_and_resize"}
    found += [
        case(image, [3, 4], extrapolation_value=0.5, **region),
        case(image, [5, 5], method="cubic"),
        case(image, [5, 5], method="cubic", cubic_alpha=-0.5, cubic_exclude=1),
        case(t(1, 1, 2, 2, dtype="uint8"), [3, 3]),
        case(t(1, 1, 2, 2, dtype="float16"), 3, out_dtype="float32"),
        case(t(1, 1, "h", "w"), [4, 4]),
    ]
    return found


def _resize(rank: int) -> Callable[..., Call]:
    def function(
        data: Tensor,
        size: Shape,
        roi: Sequence[float] | None = None,
        layout: str = _LAYOUTS[rank],
        method: str = "linear",
        coordinate_transformation_mode: str = "half_pixel",
        rounding_method: str = "round",
        cubic_alpha: float = -0.75,
        cubic_exclude: int = 0,
        extrapolation_value: float = 0.0,
        out_dtype: str | None = None,
    ) -> Any:
        return _LOWER[rank](
            data, roi, size, layout, method, coordinate_transformation_mode, rounding_method,
            cubic_alpha, cubic_exclude, extrapolation_value, out_dtype,
        )  # fmt: skip

    function.__name__ = function.__qualname__ = f"resize{rank}d"
    function.__doc__ = (
        f"Data of {rank} spatial dimensions resized to `size`, which is a shape or a list; see the"
        " module for methods and coordinates."
    )
    return op(
        f"image.resize{rank}d",
        infer=rules.by_lowering(_unknown, _check(rank)),
        numpy=_reference(rank),
        samples=_samples(rank),
        prepare=_whole_size(rank),
        convert={"roi": lambda value: None if value is None else items(value)},
        tolerance="reduction",
    )(function)


resize1d = _resize(1)
resize2d = _resize(2)
resize3d = _resize(3)

__all__ = ["resize1d", "resize2d", "resize3d"]
