"""Attributes of convolutions and pools as users write them, and layouts in NumPy.

A layout such as "NCHW" names the dimensions in order; "NCHW4c" has the channels split by 4, the
inner part last (see `topi.layout`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.relax.op.inference import Inference, items
from pellucid.relax.op.reference import np
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.layout import Layout, layout


def counts(rank: int) -> Callable[[Any], tuple[int, ...]]:
    """Converts one integer, or one a dimension, to `rank` of them."""

    def convert(value: Any) -> tuple[int, ...]:
        found = _integers(value)
        if len(found) == 1:
            found = found * rank
        if len(found) != rank:
            raise ValueError(f"one integer or {rank}")
        return found

    return convert


def paddings(rank: int) -> Callable[[Any], tuple[int, ...]]:
    """Converts one integer, one a dimension, or all befores and all afters, to the last form."""

    def convert(value: Any) -> tuple[int, ...]:
        found = _integers(value)
        if len(found) == 1:
            found = found * rank
        if len(found) == rank:
            found = found * 2
        if len(found) != 2 * rank:
            raise ValueError(f"1, {rank} or {2 * rank} integers")
        return found

    return convert


def optional_sizes(rank: int) -> Callable[[Any], Any]:
    """As `counts`; None, alone or as one of them, stays."""

    def convert(value: Any) -> Any:
        if value is None:
            return None
        found = items(value)
        if len(found) == 1:
            found = found * rank
        if len(found) != rank or not all(each is None or type(each) is int for each in found):
            raise ValueError(f"one integer or {rank}, or None")
        return found

    return convert


def _integers(value: Any) -> tuple[int, ...]:
    found = items(value)
    if not all(type(each) is int for each in found):
        raise ValueError("integers")
    return found


def parse(c: Inference, attribute: str, text: str, dimensions: str) -> Layout:
    """The layout that an attribute gives; it has to name just these dimensions."""
    try:
        found = layout(text)
    except TypeMismatchError as error:
        raise c.error(attribute, "is no layout.", error.expected, repr(text)) from None
    if sorted(found.axes) != sorted(dimensions):
        raise c.error(attribute, "does not fit.", f"the letters {dimensions}", repr(text))
    return found


def to_plain(x: Any, text: str, order: str) -> Any:
    """An array of some layout with whole dimensions in the given order."""
    parts = layout(text, x.shape).parts
    letters = [letter for letter, _ in parts]
    axes: list[int] = []
    shape: list[int] = []
    for letter in order:
        places = [i for i, each in enumerate(letters) if each.upper() == letter]
        places.sort(key=lambda place: letters[place].islower())
        axes += places
        size = 1
        for place in places:
            size *= x.shape[place]
        shape.append(size)
    return x.transpose(axes).reshape(shape)


def from_plain(x: Any, text: str, order: str) -> Any:
    """The inverse of `to_plain`; the channels are split as the layout says."""
    found = layout(text)
    shape: list[int] = []
    letters: list[str] = []
    for letter, extent in zip(order, x.shape, strict=True):
        inner = [(part, factor) for part, factor in found.parts if part == letter.lower()]
        below = found.factor(letter)
        shape += [extent // below, *[factor for _, factor in inner]]
        letters += [letter, *[part for part, _ in inner]]
    axes = [letters.index(part) for part, _ in found.parts]
    return np.ascontiguousarray(x.reshape(shape).transpose(axes))
