"""Joining tensors and cutting them up: concatenate, stack, split."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import (
    as_list,
    axis_of,
    compute,
    constant,
    require_equal,
    simplify,
)


def _check_alike(tensors: Sequence[te.Tensor], axis: int | None, what: str) -> None:
    first = tensors[0]
    for each in tensors[1:]:
        if each.ndim != first.ndim or each.dtype != first.dtype:
            raise TypeMismatchError(
                f"{what} needs tensors of one rank and dtype.",
                expected=f"{first.ndim} dimensions of {first.dtype}",
                found=f"{each.ndim} dimensions of {each.dtype}",
            )
        for number in range(first.ndim):
            if number != axis:
                require_equal(
                    first.shape[number], each.shape[number], f"{what}: extents of axis {number}"
                )


def concatenate(a_tuple: Sequence[te.Tensor], axis: int = 0) -> te.Tensor:
    """The tensors one after another along `axis`; their other extents and dtypes are equal."""
    tensors = list(a_tuple)
    if not tensors:
        raise TypeMismatchError("concatenate needs at least one tensor.")
    at = axis_of(axis, tensors[0].ndim)
    _check_alike(tensors, at, "concatenate")
    starts: list[Any] = [0]
    for each in tensors:
        starts.append(simplify(ar.convert(starts[-1]) + each.shape[at]))
    shape = list(tensors[0].shape)
    shape[at] = starts[-1]

    def element(*i: Any) -> Any:
        value: Any = None
        for each, start in zip(tensors, starts, strict=False):
            index = i[at] if constant(start) == 0 else i[at] - start
            part = each(*i[:at], index, *i[at + 1 :])
            # Later parts stand in front: each is taken where the index has reached it.
            value = part if value is None else te.if_then_else(i[at] >= start, part, value)
        return value

    return compute(shape, element, "T_concat")


def stack(tensors: Sequence[te.Tensor], axis: int = 0) -> te.Tensor:
    """Tensors of one shape side by side along a new axis."""
    parts = list(tensors)
    if not parts:
        raise TypeMismatchError("stack needs at least one tensor.")
    at = axis_of(axis, parts[0].ndim + 1)
    _check_alike(parts, None, "stack")
    shape = [*parts[0].shape[:at], len(parts), *parts[0].shape[at:]]

    def element(*i: Any) -> Any:
        rest = [*i[:at], *i[at + 1 :]]
        value = parts[0](*rest)
        for number, each in enumerate(parts[1:], 1):
            value = te.if_then_else(i[at] >= number, each(*rest), value)
        return value

    return compute(shape, element, "T_stack")


def split(ary: te.Tensor, indices_or_sections: Any, axis: int = 0) -> list[te.Tensor]:
    """The tensor cut along `axis`: into a number of equal parts, or at a list of indices.

    When a number does not divide the extent, the last part is shorter.
    """
    at = axis_of(axis, ary.ndim)
    extent = ary.shape[at]
    if isinstance(indices_or_sections, list | tuple):
        cuts = [0, *as_list(indices_or_sections), extent]
    else:
        count = constant(indices_or_sections)
        if count is None or count < 1:
            raise TypeMismatchError(
                "split needs a number of parts, or a list of indices.",
                found=repr(indices_or_sections),
            )
        size = simplify((extent + count - 1) // count)
        cuts = [simplify(ar.minimum(size * number, extent)) for number in range(count + 1)]
    found: list[te.Tensor] = []
    for begin, end in itertools.pairwise(cuts):
        found.append(_part(ary, at, *_bounded(begin, end, extent)))
    return found


def _bounded(begin: Any, end: Any, extent: Any) -> tuple[Any, Any]:
    """Begin and extent of a part, inside the tensor."""
    total = constant(extent)
    low, high = constant(begin), constant(end)
    if total is not None and low is not None and high is not None:
        low = min(max(low + total if low < 0 else low, 0), total)
        high = min(max(high + total if high < 0 else high, 0), total)
        return low, max(high - low, 0)
    return begin, simplify(ar.convert(end) - begin)


def _part(ary: te.Tensor, at: int, begin: Any, extent: Any) -> te.Tensor:
    shape = list(ary.shape)
    shape[at] = extent

    def element(*i: Any) -> Any:
        index = i[at] if constant(begin) == 0 else i[at] + begin
        return ary(*i[:at], index, *i[at + 1 :])

    return compute(shape, element, "T_split_sections")


def meshgrid(a_tuple: Sequence[te.Tensor], indexing: str = "ij") -> list[te.Tensor]:
    """Each vector spread over the grid that all span: one tensor a vector.

    With "ij" the vectors belong to the axes in order; with "xy" the first two are exchanged.
    """
    vectors = list(a_tuple)
    if indexing not in ("ij", "xy"):
        raise TypeMismatchError(
            "There is no such indexing.", expected='"ij" or "xy"', found=repr(indexing)
        )
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    shape = [vectors[number].shape[0] if vectors[number].ndim else 1 for number in order]
    found: list[te.Tensor] = []
    for number, vector in enumerate(vectors):
        at = order.index(number)

        def element(*i: Any, vector: te.Tensor = vector, at: int = at) -> Any:
            return vector(i[at]) if vector.ndim else vector()

        found.append(compute(shape, element, "T_meshgrid"))
    return found
