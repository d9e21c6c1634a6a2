"""Elements picked by indices that are themselves elements of a tensor.

A negative index counts from the end. An index outside is brought to the nearest element ("clip"),
taken modulo the extent ("wrap"), gives NaN ("nan"), or is the caller's responsibility ("fast").
Where an extent turns out to be 0 there is no element to read, and the value is 0.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.broadcast import broadcast_indices, broadcast_shape
from pellucid.topi.shapes import (
    axis_of,
    compute,
    constant,
    integer,
    product,
    require_equal,
    require_within,
    simplify,
    unravel,
    where_any,
)

MODES = ("clip", "wrap", "nan", "fast")


def _require_integers(indices: te.Tensor, what: str) -> None:
    if not indices.dtype.is_integer:
        raise TypeMismatchError(
            f"{what}: indices must be integers.",
            found=str(indices.dtype),
            cure='cast them to "int64"',
        )


def _wide_enough(index: Any, extent: Any) -> Any:
    """The index in a signed dtype that can hold the extent."""
    known = constant(extent)
    needed = 64 if known is None or known > 2**31 - 1 else 32
    bits = max(index.dtype.bits + (1 if index.dtype.is_uint else 0), needed)
    return ar.cast_to("int64" if bits > 32 else "int32", index)


def normal_index(index: Any, extent: Any, mode: str = "clip") -> Any:
    """The index of an element, from the front, that `index` means by `mode`."""
    if mode == "fast":
        return index
    wide = _wide_enough(index, extent)
    if mode == "wrap":
        return wide % extent
    if not index.dtype.is_uint:
        wide = ar.select(wide < 0, wide + extent, wide)
    return ar.maximum(ar.minimum(wide, extent - 1), 0)


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise TypeMismatchError(
            "There is no such mode.", expected=", ".join(MODES), found=repr(mode)
        )


def take(
    a: te.Tensor,
    indices: Any,
    axis: int | None = None,
    batch_dims: int = 0,
    mode: str = "clip",
) -> te.Tensor:
    """The elements (or, along `axis`, the slices) at `indices`, whose shape replaces that axis.

    Without `axis` the tensor counts as flat. The first `batch_dims` dimensions belong to both.
    """
    _check_mode(mode)
    if not isinstance(indices, te.Tensor):
        return _take_one(a, indices, axis, mode)
    _require_integers(indices, "take")
    if axis is None:
        whole = product(a.shape)

        def flat(*i: Any) -> Any:
            index = indices(*i)
            place = unravel(normal_index(index, whole, mode), a.shape)
            return _guarded(where_any(a(*place), whole), index, whole, mode)

        return compute(indices.shape, flat, "T_take")
    at = axis_of(axis, a.ndim)
    batch = axis_of(batch_dims, indices.ndim + 1) if batch_dims else 0
    if batch > at:
        raise TypeMismatchError(
            "The batch dimensions of take stand before the axis.",
            expected=f"at most {at}",
            found=str(batch),
        )
    for number in range(batch):
        require_equal(a.shape[number], indices.shape[number], "The batch extents of take")
    inner = indices.shape[batch:]
    shape = [*a.shape[:at], *inner, *a.shape[at + 1 :]]

    def element(*i: Any) -> Any:
        before, picked, after = i[:at], i[at : at + len(inner)], i[at + len(inner) :]
        index = indices(*i[:batch], *picked)
        value = a(*before, normal_index(index, a.shape[at], mode), *after)
        return _guarded(where_any(value, a.shape[at]), index, a.shape[at], mode)

    return compute(shape, element, "T_take")


def _take_one(a: te.Tensor, index: Any, axis: int | None, mode: str) -> te.Tensor:
    """`take` at a scalar expression: the axis is gone."""
    at = axis_of(0 if axis is None else axis, a.ndim)
    place = normal_index(ar.convert(index), a.shape[at], mode)

    def element(*i: Any) -> Any:
        return where_any(a(*i[:at], place, *i[at:]), a.shape[at])

    return compute([*a.shape[:at], *a.shape[at + 1 :]], element, "T_take")


def _guarded(value: Any, index: Any, extent: Any, mode: str) -> Any:
    if mode != "nan":
        return value
    if not value.dtype.is_float:
        raise TypeMismatchError('The mode "nan" needs floats.', found=str(value.dtype))
    wide = _wide_enough(index, extent)
    inside = ar.logical_and(wide >= ar.neg(ar.convert(extent)), wide < extent)
    return ar.select(inside, value, ar.const(float("nan"), value.dtype))


def gather(data: te.Tensor, axis: int, indices: te.Tensor) -> te.Tensor:
    """Like `indices` in shape; its element at `i` is `data` at `i` with the index along `axis`
    replaced by `indices[i]`.
    """
    _require_integers(indices, "gather")
    at = axis_of(axis, data.ndim)
    if indices.ndim != data.ndim:
        raise TypeMismatchError(
            "gather needs indices of the tensor's rank.",
            expected=str(data.ndim),
            found=str(indices.ndim),
        )

    for number, extent in enumerate(data.shape):
        if number != at:
            require_within(indices.shape[number], extent, "gather")

    def element(*i: Any) -> Any:
        index = normal_index(indices(*i), data.shape[at])
        return where_any(data(*i[:at], index, *i[at + 1 :]), data.shape[at])

    return compute(indices.shape, element, "T_gather")


def gather_elements(data: te.Tensor, indices: te.Tensor, axis: int = 0) -> te.Tensor:
    """`gather` with the axis last: the order of arguments that ONNX has."""
    return gather(data, axis, indices)


def gather_nd(
    a: te.Tensor, indices: te.Tensor, batch_dims: int = 0, index_axis: int = 0
) -> te.Tensor:
    """The slices at coordinates: `indices` (m, …) holds m coordinates along its first dimension
    (its last one with `index_axis` -1), for the m dimensions of `a` behind the first `batch_dims`.
    """
    _require_integers(indices, "gather_nd")
    at = axis_of(index_axis, indices.ndim)
    count = integer(indices.shape[at], "number of coordinates")
    places = [extent for number, extent in enumerate(indices.shape) if number != at]
    if batch_dims + count > a.ndim or batch_dims > len(places):
        raise TypeMismatchError(
            "gather_nd has more coordinates than the tensor has dimensions.",
            expected=f"at most {a.ndim - batch_dims}",
            found=str(count),
        )
    shape = [*places, *a.shape[batch_dims + count :]]

    def element(*i: Any) -> Any:
        where, rest = list(i[: len(places)]), i[len(places) :]
        coordinates = [
            normal_index(indices(*where[:at], k, *where[at:]), a.shape[batch_dims + k])
            for k in range(count)
        ]
        value = a(*where[:batch_dims], *coordinates, *rest)
        return where_any(value, *a.shape[batch_dims : batch_dims + count])

    return compute(shape, element, "T_gather_nd")


def index_tensor(data: te.Tensor, indices: Any) -> te.Tensor:
    """`data[indices[0], indices[1], …]` as NumPy and torch do it: the index tensors are broadcast
    together and stand for the first dimensions.
    """
    from_tensors = list(indices)
    for each in from_tensors:
        _require_integers(each, "index_tensor")
    if not from_tensors or len(from_tensors) > data.ndim:
        raise TypeMismatchError(
            "index_tensor needs at least one index tensor, and at most one a dimension.",
            expected=f"1 to {data.ndim}",
            found=str(len(from_tensors)),
        )
    common = broadcast_shape(*[each.shape for each in from_tensors])
    shape = [*common, *data.shape[len(from_tensors) :]]

    def element(*i: Any) -> Any:
        where, rest = i[: len(common)], i[len(common) :]
        place = [
            normal_index(each(*broadcast_indices(where, each.shape, common)), data.shape[number])
            for number, each in enumerate(from_tensors)
        ]
        return where_any(data(*place, *rest), *data.shape[: len(from_tensors)])

    return compute(shape, element, "T_index_tensor")


def embedding(weight: te.Tensor, indices: te.Tensor) -> te.Tensor:
    """Rows of a table: weight (n, d) at indices (…) gives (…, d)."""
    return take(weight, indices, 0)


adv_index = index_tensor
"""Another name of `index_tensor`."""


def diagonal(data: te.Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> te.Tensor:
    """Diagonal number `offset` of the matrices in `axis1` and `axis2`, as a new last axis."""
    first, second = axis_of(axis1, data.ndim), axis_of(axis2, data.ndim)
    rows, columns = data.shape[first], data.shape[second]
    down, right = max(-offset, 0), max(offset, 0)
    length = simplify(ar.maximum(ar.minimum(rows - down, columns - right), 0))
    rest = [number for number in range(data.ndim) if number not in (first, second)]
    shape = [*[data.shape[number] for number in rest], length]

    def element(*i: Any) -> Any:
        place: list[Any] = [None] * data.ndim
        for number, index in zip(rest, i, strict=False):
            place[number] = index
        place[first], place[second] = i[-1] + down, i[-1] + right
        return data(*place)

    return compute(shape, element, "T_diagonal")
