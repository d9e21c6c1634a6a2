"""Layouts: the order in which the dimensions of a tensor lie, such as "NCHW" or "NCHW16c".

A capital letter is a dimension; a small one with a factor is the inner part of the dimension of the
same letter, which is split by that factor: in "NCHW16c" the channels are `C * 16 + c`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import ceil_div, compute, constant, simplify, simplify_within

_PART = re.compile(r"(\d*)([A-Za-z])")


@dataclass(frozen=True)
class Layout:
    """The parts of a layout in order: (letter, factor); the factor of a capital letter is 0."""

    text: str
    parts: tuple[tuple[str, int], ...]

    @property
    def axes(self) -> list[str]:
        """The dimensions, as capital letters, in the order in which they first occur."""
        return list(dict.fromkeys(letter for letter, _ in self.parts if letter.isupper()))

    def factor(self, axis: str) -> int:
        """How many elements of a dimension lie in its inner parts together; 1 when not split."""
        found = 1
        for letter, factor in self.parts:
            if letter == axis.lower():
                found *= factor
        return found

    def position(self, axis: str) -> int:
        """Where the (outer part of the) dimension stands."""
        return [letter for letter, _ in self.parts].index(axis)

    def indices(self, logical: dict[str, Any]) -> list[Any]:
        """The indices into a tensor of this layout for indices of the dimensions."""
        found: list[Any] = []
        for number, (letter, factor) in enumerate(self.parts):
            index = logical[letter.upper()]
            below = self._below(number)
            if below > 1:
                index = index // below
            if letter.islower() and not self._is_whole(letter, below * factor, logical):
                index = index % factor
            found.append(index)
        return found

    def _below(self, number: int) -> int:
        """How many elements of the dimension one step of this part goes over."""
        letter, _ = self.parts[number]
        rest = [f for other, f in self.parts[number + 1 :] if other == letter.lower()]
        if letter.isupper():
            rest = [f for other, f in self.parts if other == letter.lower()]
        result = 1
        for each in rest:
            result *= each
        return result

    def _is_whole(self, letter: str, size: int, logical: dict[str, Any]) -> bool:
        """Whether the index is known to be below `size` (it is a constant)."""
        known = constant(logical[letter.upper()])
        return known is not None and 0 <= known < size

    def logical(self, indices: Sequence[Any]) -> dict[str, Any]:
        """The indices of the dimensions for indices into a tensor of this layout."""
        found: dict[str, Any] = {}
        for number, (letter, _) in enumerate(self.parts):
            axis = letter.upper()
            below = self._below(number)
            part = indices[number] * below if below > 1 else indices[number]
            found[axis] = part if axis not in found else found[axis] + part
        return found

    def shape(self, extents: dict[str, Any]) -> list[Any]:
        """The shape of a tensor of this layout for extents of the dimensions; a split dimension is
        rounded up to whole inner parts.
        """
        found: list[Any] = []
        for letter, factor in self.parts:
            if letter.islower():
                found.append(factor)
                continue
            inner = self.factor(letter)
            found.append(extents[letter] if inner == 1 else ceil_div(extents[letter], inner))
        return found

    def extents(self, shape: Sequence[Any]) -> dict[str, Any]:
        """The extents of the dimensions of a tensor of this layout."""
        found: dict[str, Any] = {}
        for (letter, _), extent in zip(self.parts, shape, strict=True):
            axis = letter.upper()
            found[axis] = extent if axis not in found else simplify(found[axis] * extent)
        return found


def layout(text: str, shape: Sequence[Any] | None = None) -> Layout:
    """Parse a layout. A small letter without a factor takes it from `shape`."""
    found = _PART.findall(text)
    if not found or "".join(number + letter for number, letter in found) != text:
        raise TypeMismatchError(
            "This is no layout.", expected="letters, as in NCHW or NCHW16c", found=repr(text)
        )
    if shape is not None and len(found) != len(shape):
        raise TypeMismatchError(
            f"The layout {text} does not fit the tensor.",
            expected=f"{len(found)} dimensions",
            found=f"{len(shape)}",
        )
    parts: list[tuple[str, int]] = []
    for number, (digits, letter) in enumerate(found):
        if letter.isupper():
            parts.append((letter, 0))
            continue
        factor = int(digits) if digits else None
        if factor is None and shape is not None:
            factor = constant(shape[number])
        if factor is None:
            raise TypeMismatchError(
                f"The layout {text} needs a factor before {letter!r}.",
                cure=f"write it as in {text.replace(letter, '4' + letter)}",
            )
        parts.append((letter, factor))
    letters = [letter for letter, _ in parts]
    if len({letter for letter in letters if letter.isupper()}) != sum(
        letter.isupper() for letter in letters
    ) or any(letter.upper() not in letters for letter in letters):
        raise TypeMismatchError(
            "In a layout each dimension occurs once as a capital letter.", found=repr(text)
        )
    return Layout(text, tuple(parts))


def layout_transform(
    array: te.Tensor, src_layout: str, dst_layout: str, pad_value: Any = 0
) -> te.Tensor:
    """The tensor in another layout: same elements, dimensions in the order of `dst_layout`.

    What rounding up to whole inner parts adds is `pad_value`.
    """
    source = layout(src_layout, array.shape)
    target = layout(dst_layout)
    if sorted(source.axes) != sorted(target.axes):
        raise TypeMismatchError(
            "Both layouts must have the same dimensions.", found=f"{src_layout} and {dst_layout}"
        )
    extents = source.extents(array.shape)
    shape = target.shape(extents)
    padded = [
        axis
        for axis in target.axes
        if target.factor(axis) > 1
        and not _divides(target.factor(axis), extents[axis], source.factor(axis))
    ]

    def element(*indices: Any) -> Any:
        logical = target.logical(indices)
        value = array(*simplify_within(source.indices(logical), indices, shape))
        if not padded:
            return value
        inside = [logical[axis] < extents[axis] for axis in padded]
        condition = inside[0]
        for each in inside[1:]:
            condition = ar.logical_and(condition, each)
        return te.if_then_else(condition, value, ar.const(pad_value, array.dtype))

    return compute(shape, element, "T_layout_trans")


def _divides(factor: int, extent: Any, known_factor: int) -> bool:
    known = constant(extent)
    return known % factor == 0 if known is not None else known_factor % factor == 0
