"""Tensors made from nothing but numbers, and facts about a tensor's shape."""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.shapes import (
    as_list,
    axis_of,
    compute,
    constant,
    integer,
    product,
    simplify,
    unravel,
)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "float32") -> te.Tensor:
    """The numbers from `start` (0 when only one bound is given) up to and without `stop`, `step`
    apart: `ceil((stop - start) / step)` of them.
    """
    if stop is None:
        start, stop = 0, start
    count = _count(start, stop, step)
    target = DataType(dtype)

    def element(i: Any) -> Any:
        if target.is_float:
            wide = "float64" if target.bits == 64 else "float32"
            value = ar.const(start, wide) + ar.cast_to(wide, i) * ar.const(step, wide)
            return ar.cast_to(dtype, value)
        return ar.cast_to(dtype, ar.convert(start) + i * step)

    return te.compute((count,), element, "T_arange", "injective")


def _count(start: Any, stop: Any, step: Any) -> Any:
    numbers = [_number(each) for each in (start, stop, step)]
    if numbers[2] == 0:
        raise TypeMismatchError("The step of arange cannot be zero.")
    if all(each is not None for each in numbers):
        low, high, by = (each for each in numbers if each is not None)
        return max(int(-((low - high) // by)), 0)
    by = numbers[2]
    if not isinstance(by, int):
        raise TypeMismatchError(
            "arange between symbolic bounds needs a constant whole step.", found=repr(step)
        )
    low, high = (start, stop) if by > 0 else (stop, start)
    return simplify(ar.maximum((ar.convert(high) - low + (abs(by) - 1)) // abs(by), 0))


def _number(value: Any) -> int | float | None:
    """The Python number that a bound is, or None."""
    if isinstance(value, int | float):
        return value
    return getattr(value, "value", None)


def eye(n: Any, m: Any = None, k: Any = 0, dtype: str = "float32") -> te.Tensor:
    """(n, m) with ones on diagonal `k` (0 the main one, positive ones above), else zeros."""

    def element(i: Any, j: Any) -> Any:
        return ar.cast_to(dtype, ar.eq(j - i, k))

    return te.compute((n, n if m is None else m), element, "T_eye", "injective")


def trilu(data: te.Tensor, k: Any, upper: bool) -> te.Tensor:
    """The last two dimensions kept above (`upper`) or below diagonal `k`, which is included; zero
    elsewhere. `k` is an integer, or a tensor without dimensions.
    """
    if data.ndim < 2:
        raise TypeMismatchError(
            "trilu needs a tensor of matrices.", expected="2 or more", found=str(data.ndim)
        )
    zero = ar.const(0, data.dtype)

    def element(*i: Any) -> Any:
        row, column = i[-2], i[-1]
        diagonal = k(*[0] * k.ndim) if isinstance(k, te.Tensor) else k
        distance = column - row
        inside = distance >= diagonal if upper else distance <= diagonal
        return ar.select(inside, data(*i), zero)

    return compute(data.shape, element, "trilu")


def triu(data: te.Tensor, k: Any = 0) -> te.Tensor:
    """What is on and above diagonal `k`; zero below."""
    return trilu(data, k, upper=True)


def tril(data: te.Tensor, k: Any = 0) -> te.Tensor:
    """What is on and below diagonal `k`; zero above."""
    return trilu(data, k, upper=False)


def one_hot(
    indices: te.Tensor, on_value: Any, off_value: Any, depth: Any, axis: int, dtype: str
) -> te.Tensor:
    """`on_value` where the new axis of extent `depth` has the index given, else `off_value`.

    The new axis stands at `axis` (-1: last). An index outside matches nowhere.
    """
    at = axis_of(axis, indices.ndim + 1)
    shape = [*indices.shape[:at], depth, *indices.shape[at:]]

    def element(*i: Any) -> Any:
        index = indices(*i[:at], *i[at + 1 :])
        same = ar.eq(index, ar.cast_to(index.dtype, i[at]))
        return ar.select(
            same, ar.cast_to(dtype, ar.convert(on_value)), ar.cast_to(dtype, ar.convert(off_value))
        )

    return compute(shape, element, "T_one_hot")


def sequence_mask(
    data: te.Tensor, valid_length: te.Tensor, mask_value: float = 0, axis: int = 0
) -> te.Tensor:
    """Elements at or behind `valid_length[b]` along `axis` (0 or 1) replaced by `mask_value`; `b`
    counts along the other of the first two axes.
    """
    at = axis_of(axis, data.ndim)
    if at > 1 or data.ndim < 2:
        raise TypeMismatchError(
            "sequence_mask works along axis 0 or 1 of two or more dimensions.", found=str(axis)
        )
    fill = ar.const(mask_value, data.dtype)

    def element(*i: Any) -> Any:
        length = valid_length(i[1 - at])
        outside = ar.cast_to(length.dtype, i[at]) >= length
        return ar.select(outside, fill, data(*i))

    return compute(data.shape, element, "T_sequence_mask")


def matrix_set_diag(
    data: te.Tensor,
    diagonal: te.Tensor,
    k: Any = 0,
    align: str = "RIGHT_LEFT",
) -> te.Tensor:
    """Matrices (…, m, n) with new diagonals: number `k`, or all from `k[0]` to `k[1]`.

    For one diagonal `diagonal` is (…, length); for several (…, count, length), the topmost first,
    each aligned to the right or left ("RIGHT_LEFT": those above the main one to the right).
    """
    bounds = as_list(k)
    low, high = bounds[0], bounds[-1]
    if align not in ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"):
        raise TypeMismatchError(
            "There is no such alignment.", expected="such as RIGHT_LEFT", found=repr(align)
        )
    above, below = (part == "RIGHT" for part in align.split("_"))
    several = diagonal.ndim == data.ndim
    rows, columns = data.shape[-2], data.shape[-1]
    longest = diagonal.shape[-1]

    def element(*i: Any) -> Any:
        lead, row, column = i[:-2], i[-2], i[-1]
        number = column - row
        place = ar.minimum(row, column)
        if several:
            # The diagonal's own length: it starts `number` off the corner.
            room = ar.select(number >= 0, columns - number, rows + number)
            length = ar.minimum(room, ar.minimum(rows, columns))
            shift = longest - length
            right = ar.select(number >= 0, ar.const(above), ar.const(below))
            own = [high - number, place + ar.select(right, shift, shift * 0)]
            value = diagonal(*lead, *own)
        else:
            value = diagonal(*lead, place)
        inside = ar.logical_and(number >= low, number <= high)
        return te.if_then_else(inside, value, data(*i))

    return compute(data.shape, element, "T_matrix_set_diag")


def unravel_index(indices: te.Tensor, shape: Any) -> te.Tensor:
    """The coordinates of flat `indices` in a tensor of `shape`: (d, …) with one row a dimension.

    `shape` is a list of extents, or a tensor (d) of them.
    """
    extents = as_list(shape)
    if isinstance(shape, te.Tensor):
        count = integer(shape.shape[0], "number of dimensions")
        extents = [shape(number) for number in range(count)]

    def element(*i: Any) -> Any:
        index = indices(*i[1:])
        rows = unravel(index, [ar.cast_to(index.dtype, ar.convert(each)) for each in extents])
        value = rows[-1]
        for number in range(len(rows) - 2, -1, -1):
            value = ar.select(ar.eq(i[0], number), rows[number], value)
        return value

    return compute([len(extents), *indices.shape], element, "T_unravel_index")


def ndarray_size(array: te.Tensor, dtype: str = "int32") -> te.Tensor:
    """The number of elements, as a tensor without dimensions."""
    total = product(array.shape)

    def element() -> Any:
        return ar.cast_to(dtype, total)

    return te.compute((), element, "ndarray_size", "injective")


def shape(array: te.Tensor, dtype: str = "int32") -> te.Tensor:
    """The extents, as a tensor with one element a dimension."""
    extents = array.shape

    def element(i: Any) -> Any:
        value = ar.cast_to(dtype, extents[-1]) if extents else ar.const(0, dtype)
        for number in range(len(extents) - 2, -1, -1):
            value = ar.select(ar.eq(i, number), ar.cast_to(dtype, extents[number]), value)
        return value

    return te.compute((len(extents),), element, "T_shape", "injective")


def is_constant_shape(array: te.Tensor) -> bool:
    """Whether no extent is symbolic."""
    return all(constant(extent) is not None for extent in array.shape)


def linspace(start: float, stop: float, num: int, dtype: str = "float32") -> te.Tensor:
    """`num` numbers evenly spaced from `start` to `stop`, both included."""

    def element(i: Any) -> Any:
        if num == 1:
            return ar.const(start, dtype)
        share = ar.cast_to("float64", i) * ((stop - start) / (num - 1))
        return ar.cast_to(
            dtype, tir.floor(share + start) if DataType(dtype).is_integer else share + start
        )

    return te.compute((num,), element, "T_linspace", "injective")
