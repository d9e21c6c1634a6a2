"""The same elements in another shape or order: transpose, reshape, flip, roll and relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import (
    as_list,
    axes_of,
    axis_of,
    compute,
    constant,
    product,
    ravel,
    require_equal,
    simplify,
    simplify_within,
    unravel,
)


def transpose(a: te.Tensor, axes: Sequence[int] | None = None) -> te.Tensor:
    """The dimensions in the order of `axes`; in reverse order without them."""
    if axes is None:
        order = list(range(a.ndim))[::-1]
    else:
        order = [axis_of(axis, a.ndim) for axis in as_list(axes)]
    if sorted(order) != list(range(a.ndim)):
        raise TypeMismatchError(
            "transpose needs every axis once.",
            expected=f"a permutation of 0 to {a.ndim - 1}",
            found=repr(axes),
        )
    shape = [a.shape[axis] for axis in order]

    def element(*i: Any) -> Any:
        return a(*[i[order.index(axis)] for axis in range(a.ndim)])

    return compute(shape, element, "T_transpose")


def swapaxes(a: te.Tensor, axis1: int, axis2: int) -> te.Tensor:
    """Two dimensions exchanged."""
    order = list(range(a.ndim))
    first, second = axis_of(axis1, a.ndim), axis_of(axis2, a.ndim)
    order[first], order[second] = second, first
    return transpose(a, order)


def _inferred(a: te.Tensor, newshape: Any) -> list[Any]:
    """The new shape, with one extent of -1 replaced by what is left, and 0 by the old extent."""
    found: list[Any] = []
    whole = product(a.shape)
    for number, extent in enumerate(as_list(newshape)):
        keeps = constant(extent) == 0 and number < a.ndim and constant(whole) != 0
        found.append(a.shape[number] if keeps else extent)
    unknown = [number for number, extent in enumerate(found) if constant(extent) == -1]
    if len(unknown) > 1:
        raise TypeMismatchError("Only one extent can be inferred.", found=repr(newshape))
    if unknown:
        rest = product([e for number, e in enumerate(found) if number != unknown[0]])
        if constant(rest) == 0:
            raise TypeMismatchError(
                "An extent beside one of zero cannot be inferred.", found=repr(newshape)
            )
        found[unknown[0]] = simplify(whole // rest)
    require_equal(whole, product(found), "The numbers of elements of the old and new shape")
    return found


def reshape(a: te.Tensor, newshape: Any) -> te.Tensor:
    """The elements in row-major order in a new shape; one extent may be -1: what is left.

    An extent of 0 keeps the old one (unless the tensor has no elements).
    """
    shape = _inferred(a, newshape)

    def element(*i: Any) -> Any:
        return a(*simplify_within(unravel(ravel(i, shape), a.shape), i, shape))

    return compute(shape, element, "T_reshape")


def flatten(data: te.Tensor) -> te.Tensor:
    """All dimensions but the first in one: (n, …) gives (n, m)."""
    rest = data.shape[1:]
    shape = [data.shape[0] if data.ndim else 1, product(rest)]

    def element(i: Any, j: Any) -> Any:
        return data(i, *unravel(j, rest)) if data.ndim else data()

    return te.compute(shape, element, "tensor", "injective")


def squeeze(a: te.Tensor, axis: Any = None) -> te.Tensor:
    """Without the dimensions `axis`, whose extent is 1; without all of extent 1 when None."""
    if axis is None:
        axes = [number for number, extent in enumerate(a.shape) if constant(extent) == 1]
    else:
        axes = axes_of(axis, a.ndim)
    for each in axes:
        if constant(a.shape[each]) != 1:
            raise TypeMismatchError(
                f"Dimension {each} cannot be squeezed.", expected="1", found=repr(a.shape[each])
            )
    shape = [extent for number, extent in enumerate(a.shape) if number not in axes]

    def element(*i: Any) -> Any:
        rest = iter(i)
        return a(*[0 if number in axes else next(rest) for number in range(a.ndim)])

    return compute(shape, element, "T_squeeze")


def expand_dims(a: te.Tensor, axis: Any, num_newaxis: int = 1) -> te.Tensor:
    """With new dimensions of extent 1: `num_newaxis` of them before `axis`; or, with a list, one at
    each of those places of the result.
    """
    if isinstance(axis, list | tuple):
        axes = axes_of(axis, a.ndim + len(as_list(axis)))
    else:
        first = axis_of(axis, a.ndim + 1)
        axes = list(range(first, first + num_newaxis))
    rest = iter(a.shape)
    shape = [1 if number in axes else next(rest) for number in range(a.ndim + len(axes))]

    def element(*i: Any) -> Any:
        return a(*[index for number, index in enumerate(i) if number not in axes])

    return compute(shape, element, "T_expand_dims", "broadcast")


def flip(a: te.Tensor, axis: Any = 0) -> te.Tensor:
    """The elements in reverse order along an axis, or along several."""
    axes = axes_of(axis, a.ndim)

    def element(*i: Any) -> Any:
        return a(
            *[
                simplify(a.shape[number] - 1) - index if number in axes else index
                for number, index in enumerate(i)
            ]
        )

    return compute(a.shape, element, "T_flip")


def reverse_sequence(
    a: te.Tensor, seq_lengths: te.Tensor, seq_axis: int = 1, batch_axis: int = 0
) -> te.Tensor:
    """The first `seq_lengths[b]` elements along `seq_axis` reversed, for each `b` of
    `batch_axis`; the others stay.
    """
    along, batch = axis_of(seq_axis, a.ndim), axis_of(batch_axis, a.ndim)
    require_equal(a.shape[batch], seq_lengths.shape[0], "The batch and the number of lengths")
    last = simplify(a.shape[along] - 1)

    def element(*i: Any) -> Any:
        place = list(i)
        length = ar.cast_to(ar.convert(i[along]).dtype, seq_lengths(i[batch]))
        turned = ar.maximum(ar.minimum(length - 1, last) - i[along], 0)
        place[along] = ar.select(i[along] < length, turned, i[along])
        return a(*place)

    return compute(a.shape, element, "T_reverse_sequence")


def roll(a: te.Tensor, shift: Any, axis: Any = None) -> te.Tensor:
    """The elements moved by `shift` places, those that fall off entering on the other side; in
    row-major order without an axis.
    """
    if axis is None:
        whole = product(a.shape)

        def flat(*i: Any) -> Any:
            position = (ravel(i, a.shape) - shift) % whole
            return a(*unravel(position, a.shape))

        return compute(a.shape, flat, "T_roll")
    axes = [axis_of(each, a.ndim) for each in as_list(axis)]
    shifts = as_list(shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(shifts) != len(axes):
        raise TypeMismatchError(
            "roll needs one shift an axis.", expected=str(len(axes)), found=str(len(shifts))
        )

    def element(*i: Any) -> Any:
        place = list(i)
        for each, amount in zip(axes, shifts, strict=True):
            place[each] = (place[each] - amount) % a.shape[each]
        return a(*place)

    return compute(a.shape, element, "T_roll")


def repeat(a: te.Tensor, repeats: int, axis: int | None = None) -> te.Tensor:
    """Every element `repeats` times along `axis`; of the flattened tensor without one."""
    if axis is None:
        whole = product(a.shape)

        def flat(i: Any) -> Any:
            return a(*unravel(i // repeats, a.shape))

        return te.compute((simplify(whole * repeats),), flat, "T_repeat", "broadcast")
    at = axis_of(axis, a.ndim)
    shape = list(a.shape)
    shape[at] = simplify(shape[at] * repeats)

    def element(*i: Any) -> Any:
        return a(*i[:at], i[at] // repeats, *i[at + 1 :])

    return compute(shape, element, "T_repeat", "broadcast")


def tile(a: te.Tensor, reps: Any) -> te.Tensor:
    """The tensor repeated `reps` times along each axis; with more repetitions than dimensions, new
    leading ones.
    """
    counts = as_list(reps)
    rank = max(a.ndim, len(counts))
    counts = [1] * (rank - len(counts)) + counts
    extents = [1] * (rank - a.ndim) + list(a.shape)
    shape = [simplify(ar.convert(e) * c) for e, c in zip(extents, counts, strict=True)]
    lead = rank - a.ndim

    def element(*i: Any) -> Any:
        place: list[Any] = []
        for number, extent in enumerate(a.shape):
            index = i[lead + number]
            if constant(extent) == 1:
                place.append(0)
            else:
                place.append(index if constant(counts[lead + number]) == 1 else index % extent)
        return a(*place)

    return compute(shape, element, "T_tile", "broadcast")


def sliding_window(data: te.Tensor, axis: int, window_shape: Any, strides: Any) -> te.Tensor:
    """All windows of `window_shape` over the axes from `axis` on, `strides` apart.

    (a…, e0, e1) gives (a…, n0, n1, w0, w1): the numbers of windows, then their elements.
    """
    first = axis_of(axis, data.ndim)
    window, steps = as_list(window_shape), as_list(strides)
    count = data.ndim - first
    if len(window) != count or len(steps) != count:
        raise TypeMismatchError(
            "sliding_window needs a size and a stride for each axis from the first on.",
            expected=f"{count}",
            found=f"{len(window)} and {len(steps)}",
        )
    numbers = [
        simplify((extent - size) // step + 1)
        for extent, size, step in zip(data.shape[first:], window, steps, strict=True)
    ]
    shape = [*data.shape[:first], *numbers, *window]

    def element(*i: Any) -> Any:
        place = list(i[:first])
        for k in range(count):
            place.append(i[first + k] * steps[k] + i[first + count + k])
        return data(*place)

    return compute(shape, element, "T_sliding_window")


def batch_to_space_nd(
    data: te.Tensor, block_shape: Sequence[int], crop_begin: Sequence[int], crop_end: Sequence[int]
) -> te.Tensor:
    """The batch dealt out over blocks of space.

    (b·Πblock, s…, r…) gives (b, s·block - crops…, r…).
    """
    blocks, count = list(block_shape), len(block_shape)
    share = 1
    for block in blocks:
        share *= block
    batch = simplify(data.shape[0] // share)
    spatial = [
        simplify(data.shape[1 + k] * blocks[k] - crop_begin[k] - crop_end[k]) for k in range(count)
    ]

    def element(*i: Any) -> Any:
        inside = [i[1 + k] + crop_begin[k] for k in range(count)]
        number: Any = 0
        for k in range(count):
            number = number * blocks[k] + inside[k] % blocks[k]
        place = [inside[k] // blocks[k] for k in range(count)]
        return data(number * batch + i[0], *place, *i[1 + count :])

    return compute([batch, *spatial, *data.shape[1 + count :]], element, "T_batch_to_space_nd")


def space_to_batch_nd(
    data: te.Tensor,
    block_shape: Sequence[int],
    pad_before: Sequence[int],
    pad_after: Sequence[int],
    pad_value: float = 0.0,
) -> te.Tensor:
    """Blocks of the padded space put into the batch: the inverse of `batch_to_space_nd`."""
    blocks, count = list(block_shape), len(block_shape)
    share = 1
    for block in blocks:
        share *= block
    spatial: list[Any] = []
    for k in range(count):
        padded = simplify(data.shape[1 + k] + pad_before[k] + pad_after[k])
        known = constant(padded)
        if known is not None and known % blocks[k]:
            raise TypeMismatchError(
                "The padded extent must be a multiple of the block.",
                expected=f"a multiple of {blocks[k]}",
                found=str(known),
            )
        spatial.append(simplify(padded // blocks[k]))
    batch = data.shape[0]

    def element(*i: Any) -> Any:
        number = i[0] // batch
        offsets = unravel(number, blocks)
        inside: list[Any] = []
        place: list[Any] = [i[0] % batch]
        for k in range(count):
            index = i[1 + k] * blocks[k] + offsets[k] - pad_before[k]
            place.append(index)
            inside.append(ar.logical_and(index >= 0, index < data.shape[1 + k]))
        condition = inside[0]
        for each in inside[1:]:
            condition = ar.logical_and(condition, each)
        fill = ar.const(pad_value, data.dtype)
        return te.if_then_else(condition, data(*place, *i[1 + count :]), fill)

    shape = [simplify(batch * share), *spatial, *data.shape[1 + count :]]
    return compute(shape, element, "T_space_to_batch_nd")
