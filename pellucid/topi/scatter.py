"""Writing into a copy of a tensor at places that are themselves elements of a tensor.

Updates are written in row-major order, so the last one to a place stays (or all are combined, by
`reduction`: "update", "add", "mul", "mean", "min", "max"). A negative index counts from the end; an
update whose place lies outside is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt, seq
from pellucid.topi.broadcast import broadcast_indices, broadcast_shape
from pellucid.topi.loops import block, grid, store, when
from pellucid.topi.shapes import axis_of, constant, integer, require_equal, require_within
from pellucid.topi.slicing import strided_set


def _newest(old: Any, new: Any) -> Any:
    del old
    return new


COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "update": _newest,
    "add": ar.add,
    "mul": ar.mul,
    "min": ar.minimum,
    "max": ar.maximum,
    "mean": ar.add,
}


def _check(reduction: str, indices: te.Tensor, data: te.Tensor, updates: te.Tensor) -> None:
    if reduction not in COMBINE:
        raise TypeMismatchError(
            "There is no such way to combine updates.",
            expected=", ".join(COMBINE),
            found=repr(reduction),
        )
    if not indices.dtype.is_integer:
        raise TypeMismatchError(
            "Indices must be integers.", found=str(indices.dtype), cure='cast them to "int64"'
        )
    if data.dtype != updates.dtype:
        raise TypeMismatchError(
            "The updates have the dtype of the tensor.",
            expected=str(data.dtype),
            found=str(updates.dtype),
        )


def _copy(source: Buffer, result: Buffer) -> Stmt:
    return grid(
        source.shape, lambda i: store(result, i, source[tuple(i)] if i else source[()]), "c"
    )


def _place(index: Any, extent: Any) -> tuple[Any, Any]:
    """The index from the front, and whether it is inside."""
    wide = ar.cast_to("int64", index)
    if not index.dtype.is_uint:
        wide = ar.select(wide < 0, wide + extent, wide)
    return wide, ar.logical_and(wide >= 0, wide < extent)


def _write(outs: list[Buffer], place: Sequence[Any], value: Any, reduction: str) -> Stmt:
    """One update of the result; a mean also counts."""
    result = outs[0]
    update = store(result, place, COMBINE[reduction](result[tuple(place)], value))
    if reduction != "mean":
        return update
    counts = outs[1]
    return seq(update, store(counts, place, counts[tuple(place)] + 1))


def _average(outs: list[Buffer]) -> Stmt:
    result, counts = outs

    def one(i: list[Any]) -> Stmt:
        value, count = result[tuple(i)], ar.cast_to(result.dtype, counts[tuple(i)])
        quotient = value / count if result.dtype.is_float else ar.floordiv(value, count)
        return store(result, i, quotient)

    return grid(result.shape, one, "m")


def _scatter(
    data: te.Tensor,
    inputs: list[te.Tensor],
    reduction: str,
    name: str,
    writes: Callable[[list[Buffer], list[Buffer]], Stmt],
) -> te.Tensor:
    """A copy of `data`, then `writes`; with a mean, the counts and the division."""

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        start = [_copy(ins[0], outs[0])]
        if reduction == "mean":
            start.append(grid(outs[1].shape, lambda i: store(outs[1], i, 1), "o"))
        end = [_average(outs)] if reduction == "mean" else []
        return seq(*start, writes(ins, outs), *end)

    many = reduction == "mean"
    shapes = [data.shape] * (2 if many else 1)
    dtypes = [data.dtype, "int32"][: 2 if many else 1]
    return block(shapes, dtypes, [data, *inputs], body, name)[0]


def scatter_elements(
    data: te.Tensor,
    indices: te.Tensor,
    updates: te.Tensor,
    axis: int = 0,
    reduction: str = "update",
) -> te.Tensor:
    """A copy of `data` in which `updates[i]` is at `i` with the index along `axis` replaced by
    `indices[i]`; both are of the rank of `data` and of one shape.
    """
    _check(reduction, indices, data, updates)
    at = axis_of(axis, data.ndim)
    if not indices.ndim == updates.ndim == data.ndim:
        raise TypeMismatchError(
            "scatter_elements needs indices and updates of the tensor's rank.",
            expected=str(data.ndim),
            found=f"{indices.ndim} and {updates.ndim}",
        )
    for number in range(data.ndim):
        require_equal(
            indices.shape[number], updates.shape[number], "The extents of indices and updates"
        )

        if number != at:
            require_within(indices.shape[number], data.shape[number], "scatter_elements")

    def writes(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        def one(i: list[Any]) -> Stmt:
            index, inside = _place(ins[1][tuple(i)], data.shape[at])
            place = [*i[:at], index, *i[at + 1 :]]
            return when(inside, _write(outs, place, ins[2][tuple(i)], reduction))

        return grid(indices.shape, one)

    return _scatter(data, [indices, updates], reduction, "scatter_elements", writes)


def scatter_nd(
    data: te.Tensor,
    indices: te.Tensor,
    updates: te.Tensor,
    mode: str = "update",
    index_axis: int = 0,
) -> te.Tensor:
    """A copy of `data` with slices replaced: `indices` (m, …) holds along its first dimension (its
    last one with `index_axis` -1) the coordinates in the first m dimensions of `data`, `updates`
    (…, rest) the slices.
    """
    _check(mode, indices, data, updates)
    at = axis_of(index_axis, indices.ndim)
    count = integer(indices.shape[at], "number of coordinates")
    places = [extent for number, extent in enumerate(indices.shape) if number != at]
    if count > data.ndim or updates.ndim != len(places) + data.ndim - count:
        raise TypeMismatchError(
            "scatter_nd: the updates do not fit the indices.",
            expected=f"{len(places) + data.ndim - count} dimensions",
            found=str(updates.ndim),
        )

    def writes(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        def one(i: list[Any]) -> Stmt:
            where, rest = i[: len(places)], i[len(places) :]
            found = [
                _place(ins[1][(*where[:at], k, *where[at:])], data.shape[k]) for k in range(count)
            ]
            place = [*[index for index, _ in found], *rest]
            value = ins[2][tuple(i)] if i else ins[2][()]
            return when(tir.all(*[test for _, test in found]), _write(outs, place, value, mode))

        return grid(updates.shape, one)

    return _scatter(data, [indices, updates], mode, "scatter_nd", writes)


def index_put(
    data: te.Tensor, indices: Any, values: te.Tensor, accumulate: bool = False
) -> te.Tensor:
    """A copy of `data` with `data[indices[0], indices[1], …]` set to `values`, or increased by them
    with `accumulate`; index tensors are broadcast together, values to what is picked.
    """
    given = list(indices)
    mode = "add" if accumulate else "update"
    for each in given:
        _check(mode, each, data, values)
    common = broadcast_shape(*[each.shape for each in given])
    picked = [*common, *data.shape[len(given) :]]

    def writes(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        def one(i: list[Any]) -> Stmt:
            where = i[: len(common)]
            found = [
                _place(
                    ins[2 + n][tuple(broadcast_indices(where, each.shape, common))], data.shape[n]
                )
                for n, each in enumerate(given)
            ]
            place = [*[index for index, _ in found], *i[len(common) :]]
            value = ins[1][tuple(broadcast_indices(i, values.shape, picked))]
            return when(tir.all(*[test for _, test in found]), _write(outs, place, value, mode))

        return grid(picked, one)

    return _scatter(data, [values, *given], mode, "index_put", writes)


def slice_scatter(
    data: te.Tensor, src: te.Tensor, start: int, end: int, step: int, axis: int = 0
) -> te.Tensor:
    """A copy of `data` in which the slice `start:end:step` along `axis` is `src`."""
    at = axis_of(axis, data.ndim)
    begin: list[Any] = [0] * data.ndim
    stop: list[Any] = list(data.shape)
    steps = [1] * data.ndim
    begin[at], steps[at] = start, step
    total = constant(data.shape[at])
    stop[at] = min(end, total) if total is not None else end
    return strided_set(data, src, begin, stop, steps)
