"""The padding of convolutions and pools, as users write it, as widths before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import as_list, constant, simplify


def pad_widths(
    padding: Any,
    extents: Sequence[Any],
    kernel: Sequence[Any],
    strides: Sequence[int],
) -> tuple[list[Any], list[Any]]:
    """Widths before and after each spatial dimension.

    `padding` is one integer; one for each dimension; all befores followed by all afters (top, left,
    bottom, right); "VALID" (none); or "SAME" (so much that the output has `ceil(extent / stride)`
    elements; an odd one goes behind). `kernel` holds the extents of the dilated kernel.
    """
    rank = len(extents)
    if isinstance(padding, str):
        return _named(padding, extents, kernel, strides)
    found = as_list(padding)
    if len(found) == 1:
        found = found * rank
    if len(found) == rank:
        return found, found
    if len(found) != 2 * rank:
        raise TypeMismatchError(
            "The padding does not fit the spatial dimensions.",
            expected=f"1, {rank} or {2 * rank} integers, or VALID or SAME",
            found=f"{len(found)}",
        )
    return found[:rank], found[rank:]


def _named(
    padding: str, extents: Sequence[Any], kernel: Sequence[Any], strides: Sequence[int]
) -> tuple[list[Any], list[Any]]:
    if padding.upper() == "VALID":
        return [0] * len(extents), [0] * len(extents)
    if padding.upper() != "SAME":
        raise TypeMismatchError(
            "There is no such padding.", expected='"VALID" or "SAME"', found=repr(padding)
        )
    before: list[Any] = []
    after: list[Any] = []
    for extent, size, stride in zip(extents, kernel, strides, strict=True):
        if stride == 1:
            total = simplify(size - 1)
        else:
            covered = ((extent + stride - 1) // stride - 1) * stride + size
            total = simplify(ar.maximum(covered - extent, 0))
        known = constant(total)
        before.append(known // 2 if known is not None else simplify(total // 2))
        after.append(known - known // 2 if known is not None else simplify((total + 1) // 2))
    return before, after


def dilated(kernel: Sequence[Any], dilation: Sequence[int]) -> list[Any]:
    """The extents that a kernel covers when its taps lie `dilation` apart."""
    return [simplify((size - 1) * step + 1) for size, step in zip(kernel, dilation, strict=True)]


def output_extent(extent: Any, before: Any, after: Any, size: Any, stride: int) -> Any:
    """How many windows of `size` fit, `stride` apart."""
    room = simplify(extent + before + after - size)
    known = constant(room)
    if known is not None and known < 0:
        raise TypeMismatchError(
            "The window is larger than the padded tensor.",
            expected=f"at most {constant(simplify(extent + before + after))}",
            found=repr(size),
        )
    return simplify(room // stride + 1)
