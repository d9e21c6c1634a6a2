"""Resizing, against torch and against a plain NumPy reference of every mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.image.coordinates import MODES, ROUNDINGS
from pellucid.topi.image.resize import resize1d, resize2d, resize3d

RNG = np.random.default_rng(6)
ROI = (0.25, 0.9)


def coordinate(i: int, n: int, m: int, mode: str) -> Fraction:
    """Where element `i` of `m` lies in `n`, by the definition of the mode."""
    half = Fraction(1, 2)
    if mode == "align_corners":
        return Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0)
    if mode == "asymmetric":
        return Fraction(i * n, m)
    if mode == "tf_half_pixel_for_nn":
        return (i + half) * Fraction(n, m)
    if mode == "tf_crop_and_resize":
        start, end = (Fraction(each) for each in ROI)
        if m == 1:
            return (start + end) * (n - 1) / 2
        return start * (n - 1) + i * (end - start) * (n - 1) / (m - 1)
    if mode == "pytorch_half_pixel" and m == 1:
        return Fraction(0)
    return (i + half) * Fraction(n, m) - half


def rounded(x: Fraction, method: str) -> int:
    half = Fraction(1, 2)
    choices: dict[str, Callable[[], int]] = {
        "floor": lambda: math.floor(x),
        "ceil": lambda: math.ceil(x),
        "round_prefer_floor": lambda: math.ceil(x - half),
    }
    return choices.get(method, lambda: math.floor(x + half))()


def weights(x: Fraction, n: int, method: str, alpha: float, exclude: bool) -> np.ndarray[Any, Any]:
    """The share of each input element."""
    found = np.zeros(n)
    low, f = math.floor(x), float(x - math.floor(x))
    taps = [(low, 1 - f), (low + 1, f)]
    if method == "cubic":
        a = alpha
        taps = []
        for k in range(-1, 3):
            d = abs(k - f)
            inner = (a + 2) * d**3 - (a + 3) * d**2 + 1
            outer = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            taps.append((low + k, inner if d <= 1 else outer))
    for index, weight in taps:
        if not (exclude and not 0 <= index < n):
            found[min(max(index, 0), n - 1)] += weight
    return found / found.sum() if exclude else found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("size", [1, 3, 8, 10])
def test_nearest(evaluate: Callable[..., Any], mode: str, rounding: str, size: int) -> None:
    x = RNG.normal(size=(1, 1, 5)).astype("float32")
    found = evaluate(resize1d, x, ROI, size, "NCW", "nearest_neighbor", mode, rounding)
    for i in range(size):
        index = min(max(rounded(coordinate(i, 5, size, mode), rounding), 0), 4)
        assert found[0, 0, i] == x[0, 0, index]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("method", "exclude"), [("linear", 0), ("cubic", 0), ("cubic", 1)])
@pytest.mark.parametrize("size", [1, 3, 9])
def test_weighted(
    evaluate: Callable[..., Any], mode: str, method: str, exclude: int, size: int
) -> None:
    x = RNG.normal(size=(1, 2, 5)).astype("float32")
    found = evaluate(resize1d, x, ROI, size, "NCW", method, mode, "", -0.75, exclude)
    for i in range(size):
        share = weights(coordinate(i, 5, size, mode), 5, method, -0.75, bool(exclude))
        np.testing.assert_allclose(found[0, :, i], x[0] @ share, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("method", "mode", "options"),
    [
        ("nearest_neighbor", "asymmetric", {"mode": "nearest"}),
        ("linear", "half_pixel", {"mode": "bilinear"}),
        ("linear", "align_corners", {"mode": "bilinear", "align_corners": True}),
        ("cubic", "half_pixel", {"mode": "bicubic"}),
        ("cubic", "align_corners", {"mode": "bicubic", "align_corners": True}),
    ],
)
@pytest.mark.parametrize("size", [(2, 7), (6, 3)])
def test_images_as_torch_does(
    evaluate: Callable[..., Any], method: str, mode: str, options: dict[str, Any], size: Any
) -> None:
    x = RNG.normal(size=(1, 2, 3, 4)).astype("float32")
    expected = functional.interpolate(torch.from_numpy(x), size, **options)
    found = evaluate(resize2d, x, None, size, "NCHW", method, mode, "", -0.75)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    found = evaluate(resize2d, last, None, size, "NHWC", method, mode, "", -0.75)
    np.testing.assert_allclose(found.transpose(0, 3, 1, 2), expected, rtol=2e-5, atol=2e-5)


def test_volumes_and_integers(evaluate: Callable[..., Any]) -> None:
    x = RNG.normal(size=(1, 1, 2, 3, 2)).astype("float32")
    expected = functional.interpolate(torch.from_numpy(x), (3, 4, 5), mode="trilinear")
    np.testing.assert_allclose(evaluate(resize3d, x, None, (3, 4, 5)), expected, rtol=2e-5)
    pixels = np.array([[[0, 10, 3]]], "uint8")
    found = evaluate(resize1d, pixels, None, 6)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0, 0], [0, 2, 8, 8, 5, 3])


def test_positions_outside_of_the_input(evaluate: Callable[..., Any]) -> None:
    x = np.arange(1, 5, dtype="float32").reshape(1, 1, 4)
    options = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}
    found = evaluate(resize1d, x, (-1.0, 1.0), 3, "NCW", "linear", **options)
    np.testing.assert_array_equal(found[0, 0], [9, 1, 4])


def test_symbolic_extents() -> None:
    n = te.var("n", "int64")
    a = te.placeholder((1, 1, n), name="A")
    result = resize1d(a, None, (n * 2,), "NCW", "linear", "align_corners")
    x = RNG.normal(size=(1, 1, 3)).astype("float32")
    out = np.empty((1, 1, 6), "float32")
    run_prim_func(te.create_prim_func([a, result], "int64"), [x, out])
    expected = functional.interpolate(torch.from_numpy(x), 6, mode="linear", align_corners=True)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_wrong_options() -> None:
    x = te.placeholder((1, 1, 4))
    with pytest.raises(TypeMismatchError, match="no coordinate transformation"):
        resize1d(x, None, 2, coordinate_transformation_mode="half_pixels")
    with pytest.raises(TypeMismatchError, match="no rounding method"):
        resize1d(x, None, 2, rounding_method="up")
    with pytest.raises(TypeMismatchError, match="needs a region"):
        resize1d(x, None, 2, coordinate_transformation_mode="tf_crop_and_resize")
