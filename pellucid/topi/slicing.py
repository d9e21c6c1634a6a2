"""Slices: with constant, symbolic and run-time bounds, and the assignment to one.

Bounds count as NumPy's do: from the end when negative, and cut off at the tensor; a negative step
walks backwards. A bound that is a symbolic expression is taken to be inside (`assume_inbound`), or
brought inside.
"""

from __future__ import annotations

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
    integer,
    require_equal,
    simplify,
)


def _bounds(
    begin: Any, end: Any, stride: int, extent: Any, assume_inbound: bool
) -> tuple[Any, Any]:
    """The first index and the number of elements of a slice."""
    total, low, high = constant(extent), constant(begin), constant(end)
    open_begin, open_end = begin is None, end is None
    if total is not None and (low is not None or open_begin) and (high is not None or open_end):
        steps = range(total)[slice(low, high, stride)]
        return steps.start, len(steps)
    first = _inside(begin, extent, stride, assume_inbound, default=0 if stride > 0 else extent - 1)
    last = _inside(end, extent, stride, assume_inbound, default=extent if stride > 0 else -1)
    room = last - first if stride > 0 else first - last
    count = simplify((ar.convert(room) + (abs(stride) - 1)) // abs(stride))
    return first, count if assume_inbound else simplify(ar.maximum(count, 0))


def _inside(bound: Any, extent: Any, stride: int, assume_inbound: bool, default: Any) -> Any:
    """A bound counted from the front."""
    if bound is None:
        return simplify(default)
    known, total = constant(bound), constant(extent)
    if known is not None and known < -(2**30):
        # The way to say "down to the begin".
        return ar.const(0 if stride > 0 else -1, "int64")
    value = bound
    if known is not None and known < 0:
        value = known + total if total is not None else extent + known
        if total is not None:
            value = max(value, 0 if stride > 0 else -1)
    if known is not None and total is not None:
        return min(value, total if stride > 0 else total - 1)
    if known is not None and known > 2**30:
        # The way to say "up to the end".
        return simplify(extent if stride > 0 else extent - 1)
    if assume_inbound:
        return simplify(value)
    if known is None:
        value = ar.select(ar.convert(bound) < 0, ar.convert(bound) + extent, bound)
    low, high = (0, extent) if stride > 0 else (-1, extent - 1)
    return simplify(ar.maximum(ar.minimum(value, high), low))


def _strides(strides: Any, count: int) -> list[int]:
    given = as_list(strides) if strides is not None else []
    found = [1 if each is None else integer(each, "stride of a slice") for each in given]
    if len(found) == 1 and count > 1:
        found = found * count
    found += [1] * (count - len(found))
    if 0 in found:
        raise TypeMismatchError("The step of a slice cannot be zero.", found=repr(strides))
    return found


def strided_slice(
    a: te.Tensor,
    begin: Any,
    end: Any,
    strides: Any = None,
    axes: Any = None,
    slice_mode: str = "end",
    assume_inbound: bool = True,
) -> te.Tensor:
    """The elements from `begin` up to and without `end`, `strides` apart, along `axes`.

    The axes are the first ones when None. With `slice_mode` "size", `end` holds numbers of elements
    (-1: all that follow), and the strides are 1.
    """
    lows, highs = as_list(begin), as_list(end)
    named = list(range(len(lows))) if axes is None else [axis_of(x, a.ndim) for x in as_list(axes)]
    if not len(lows) == len(highs) == len(named) or len(named) > a.ndim:
        raise TypeMismatchError(
            "A slice needs as many begins as ends, and an axis for each.",
            expected=f"at most {a.ndim}",
            found=f"{len(lows)} begins, {len(highs)} ends, {len(named)} axes",
        )
    steps = _strides(strides, len(named))
    if slice_mode == "size":
        highs = [_sized(low, size) for low, size in zip(lows, highs, strict=True)]
        steps = [1] * len(steps)
    elif slice_mode != "end":
        raise TypeMismatchError(
            "There is no such slice mode.", expected='"end" or "size"', found=repr(slice_mode)
        )
    shape, firsts = list(a.shape), [0] * a.ndim
    by = [1] * a.ndim
    for axis, low, high, step in zip(named, lows, highs, steps, strict=True):
        firsts[axis], shape[axis] = _bounds(low, high, step, a.shape[axis], assume_inbound)
        by[axis] = step
    block = "T_strided_slice_with_axes" if axes is not None else "T_strided_slice"

    def element(*i: Any) -> Any:
        return a(*[_stepped(i[n], firsts[n], by[n]) for n in range(a.ndim)])

    return compute(shape, element, block)


def _sized(low: Any, size: Any) -> Any:
    if constant(size) == -1:
        return None
    first, count = constant(low), constant(size)
    if first is not None and first < 0 and count is not None and first + count >= 0:
        return None
    return ar.convert(low) + size if first is None or count is None else first + count


def _stepped(index: Any, first: Any, step: int) -> Any:
    moved = index if step == 1 else index * step
    return moved if constant(first) == 0 else moved + first


def dynamic_strided_slice(
    a: te.Tensor, begin: te.Tensor, end: te.Tensor, strides: te.Tensor, output_shape: Any = None
) -> te.Tensor:
    """A slice whose bounds are elements of tensors (one for each of the first axes).

    `output_shape` says how many elements there are; without it the extents are those of the bounds'
    expressions, `ceil((end - begin) / stride)`.
    """
    count = integer(begin.shape[0], "number of bounds")
    if output_shape is None:
        raise TypeMismatchError(
            "The shape of a slice between run-time bounds must be given.",
            cure="pass output_shape=, with symbolic extents",
        )
    shape = as_list(output_shape)

    def element(*i: Any) -> Any:
        place: list[Any] = []
        for number, index in enumerate(i):
            if number >= count:
                place.append(index)
                continue
            extent = a.shape[number]
            low = ar.cast_to("int64", begin(number))
            step = ar.cast_to("int64", strides(number))
            first = ar.select(low < 0, low + extent, low)
            bound = extent - ar.select(step < 0, ar.const(1, "int64"), ar.const(0, "int64"))
            first = ar.maximum(ar.minimum(first, bound), 0)
            place.append(ar.maximum(ar.minimum(first + index * step, extent - 1), 0))
        return a(*place)

    del end
    return compute(shape, element, "T_strided_slice_dynamic")


def strided_set(a: te.Tensor, v: te.Tensor, begin: Any, end: Any, strides: Any = None) -> te.Tensor:
    """A copy of `a` in which the slice `begin:end:strides` (of the first axes) is `v`."""
    lows, highs = as_list(begin), as_list(end)
    steps = _strides(strides, len(lows))
    parts = [
        _bounds(low, high, step, a.shape[n], assume_inbound=True)
        for n, (low, high, step) in enumerate(zip(lows, highs, steps, strict=True))
    ]
    for number, (_, extent) in enumerate(parts):
        what = f"The extents of a slice and of what is put there, along axis {number}"
        require_equal(extent, v.shape[number], what)

    def element(*i: Any) -> Any:
        inside: list[Any] = []
        place = list(i)
        for number, (first, extent) in enumerate(parts):
            step = steps[number]
            distance = i[number] - first if step > 0 else ar.convert(first) - i[number]
            size = abs(step)
            inside.append(distance >= 0)
            if size > 1:
                inside.append(ar.eq(distance % size, 0))
            place[number] = distance if size == 1 else distance // size
            inside.append(place[number] < extent)
        return te.if_then_else(_all(inside), ar.cast_to(a.dtype, v(*place)), a(*i))

    return compute(a.shape, element, "T_strided_set")


def _all(conditions: Sequence[Any]) -> Any:
    found = conditions[0]
    for each in conditions[1:]:
        found = ar.logical_and(found, each)
    return found
