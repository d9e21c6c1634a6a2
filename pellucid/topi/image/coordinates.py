"""Positions in the input of a resize: fractions of integers, or floats, with their roundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError, did_you_mean
from pellucid.tir import op as tir
from pellucid.topi.shapes import constant, simplify

ROUNDINGS = ("round", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
MODES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)


@dataclass(frozen=True)
class Position:
    """The position `numerator / denominator` of integers."""

    numerator: Any
    denominator: Any
    rounding: str
    dtype: str

    def floor(self) -> Any:
        """The integer not above."""
        return self.numerator // self.denominator

    def fraction(self) -> Any:
        """What is above that, from 0 up to 1, as a float."""
        rest = self.numerator % self.denominator
        return ar.cast_to(self.dtype, rest) / ar.cast_to(self.dtype, self.denominator)

    def rounded(self) -> Any:
        """The integer that the rounding method picks."""
        top, below = self.numerator, self.denominator
        if self.rounding == "floor":
            return top // below
        if self.rounding == "ceil":
            return (top + below - 1) // below
        if self.rounding == "round_prefer_floor":
            # ceil(x - 1/2): a half goes down.
            return (top * 2 - below + below * 2 - 1) // (below * 2)
        return (top * 2 + below) // (below * 2)

    def outside(self, extent: Any) -> Any:
        """No position of this kind counts as outside."""
        del extent


@dataclass(frozen=True)
class FloatPosition(Position):
    """A position as a float: the `numerator`."""

    def floor(self) -> Any:
        """The integer not above."""
        return ar.cast_to("int32", tir.floor(self.numerator))

    def fraction(self) -> Any:
        """What is above that, from 0 up to 1."""
        return self.numerator - tir.floor(self.numerator)

    def rounded(self) -> Any:
        """The integer that the rounding method picks."""
        x = self.numerator
        rounded = {
            "floor": lambda: tir.floor(x),
            "ceil": lambda: tir.ceil(x),
            "round_prefer_floor": lambda: tir.ceil(x - 0.5),
        }.get(self.rounding, lambda: tir.floor(x + 0.5))()
        return ar.cast_to("int32", rounded)

    def outside(self, extent: Any) -> Any:
        """Whether it lies before the first element or behind the last."""
        last = ar.cast_to(self.dtype, extent - 1)
        return tir.any(self.numerator < 0.0, self.numerator > last)


def position_of(
    index: Any,
    extent: Any,
    out_extent: Any,
    mode: str,
    rounding: str,
    dtype: str,
    region: tuple[Any, Any] | None,
) -> Position:
    """The position in an axis of `extent` over which `index` of an axis of `out_extent` lies."""
    if mode not in MODES:
        raise TypeMismatchError(
            f"There is no coordinate transformation {mode!r}.",
            expected=", ".join(MODES),
            cure=did_you_mean(mode, MODES),
        )
    method = rounding or ("round" if mode == "align_corners" else "floor")
    if method not in ROUNDINGS:
        raise TypeMismatchError(
            f"There is no rounding method {method!r}.",
            expected=", ".join(ROUNDINGS),
            cure=did_you_mean(method, ROUNDINGS),
        )
    if region is not None:
        return FloatPosition(_cropped(index, extent, out_extent, region, dtype), 1, method, dtype)
    top, below = _fraction(index, extent, out_extent, mode)
    return Position(top, below, method, dtype)


def _fraction(index: Any, extent: Any, out_extent: Any, mode: str) -> tuple[Any, Any]:
    n, m = extent, out_extent
    single = constant(m) == 1
    if mode == "align_corners":
        if single:
            return index, 1
        below = simplify(m - 1)
        return index * simplify(n - 1), below if constant(below) else ar.maximum(below, 1)
    if mode == "asymmetric":
        return _reduced(index, n, m)
    if mode == "tf_half_pixel_for_nn":
        return (index * 2 + 1) * n, simplify(ar.convert(m) * 2)
    if mode == "pytorch_half_pixel" and single:
        return index, 1
    top = (index * 2 + 1) * n - m
    if mode == "pytorch_half_pixel" and constant(m) is None:
        top = ar.select(ar.eq(m, 1), ar.const(0, ar.convert(top).dtype), top)
    return top, simplify(ar.convert(m) * 2)


def _reduced(index: Any, n: Any, m: Any) -> tuple[Any, Any]:
    """`index · n / m` in lowest terms where one extent is a multiple of the other."""
    a, b = constant(n), constant(m)
    if a and b and b % a == 0:
        return index, b // a
    if a and b and a % b == 0:
        return index * (a // b), 1
    ratio = simplify(ar.convert(m) // n) if a is None and b is None else m
    known = constant(ratio)
    if a is None and b is None and known and constant(simplify(m - n * known)) == 0:
        return index, known
    return index * n, m


def _cropped(index: Any, extent: Any, out_extent: Any, region: tuple[Any, Any], dtype: str) -> Any:
    start, end = (ar.cast_to(dtype, ar.convert(each)) for each in region)
    last = ar.cast_to(dtype, extent - 1)
    if constant(out_extent) == 1:
        return (start + end) * last * 0.5
    step = (end - start) * last / ar.cast_to(dtype, ar.convert(out_extent) - 1)
    return start * last + ar.cast_to(dtype, index) * step
