"""Sorting along an axis, the largest elements, and search in sorted rows.

Rows are sorted by merging, so equal elements keep their order and a row of n elements takes
n·log2(n) steps. NaN counts as larger than every number.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt, seq
from pellucid.topi import elementwise, indexing
from pellucid.topi.loops import block, grid, loop, moved, repeat_while, store, when, without
from pellucid.topi.shapes import axis_of, compute, constant, require_equal
from pellucid.topi.slicing import strided_slice


def _comes_first(a: Any, b: Any, is_ascend: bool) -> Any:
    """Whether `a` must stand before `b`, which is before it now."""
    smaller = a < b if is_ascend else a > b
    if not a.dtype.is_float:
        return smaller
    low, high = (a, b) if is_ascend else (b, a)
    return ar.logical_or(smaller, ar.logical_and(tir.isnan(high), ar.logical_not(tir.isnan(low))))


def _merge_row(
    row: list[Any], at: int, extent: Any, source: Buffer, outs: list[Buffer], is_ascend: bool
) -> Stmt:
    """Sort one row: `outs` are the order, room for the merged order, and the variables of the
    loops: the length of sorted runs, the places read in the two runs, the start of the pair.
    """
    order, merged, state = outs
    width, left, right, begin = (state[ar.const(n)] for n in range(4))

    def place(index: Any) -> tuple[Any, ...]:
        return tuple(moved(row, at, index))

    def value(position: Any) -> Any:
        return source[place(ar.cast_to("int64", order[place(position)]))]

    size = ar.cast_to("int64", extent)
    middle = ar.minimum(begin + width, size)
    end = ar.minimum(begin + width * 2, size)

    def step(k: Any) -> Stmt:
        position = begin + ar.cast_to("int64", k)
        first = value(left)
        # The right run's element goes first where the left run is used up, or it must.
        from_right = ar.if_then_else(
            right < end,
            ar.if_then_else(left < middle, _comes_first(value(right), first, is_ascend), True),
            False,
        )
        return when(
            from_right,
            [store(merged, place(position), order[place(right)]), store(state, [2], right + 1)],
            [store(merged, place(position), order[place(left)]), store(state, [1], left + 1)],
        )

    pair = seq(
        store(state, [1], begin),
        store(state, [2], middle),
        loop("k", end - begin, step),
        store(state, [3], end),
    )

    def copy(k: Any) -> Stmt:
        return store(order, place(k), merged[place(k)])

    return seq(
        loop("k", extent, lambda k: store(order, place(k), k)),
        store(state, [0], ar.const(1, "int64")),
        repeat_while(
            width < size,
            store(state, [3], ar.const(0, "int64")),
            repeat_while(begin < size, pair),
            loop("k", extent, copy),
            store(state, [0], width * 2),
        ),
    )


def argsort(
    data: te.Tensor,
    valid_count: te.Tensor | None = None,
    axis: int = -1,
    is_ascend: bool = True,
    dtype: str = "int32",
) -> te.Tensor:
    """The indices that sort `data` along `axis`; equal elements keep their order."""
    if valid_count is not None:
        raise TypeMismatchError(
            "argsort sorts whole rows.", cure="mask what is not valid before, and pass None"
        )
    at = axis_of(axis, data.ndim)
    extent = data.shape[at]
    kind = DataType(dtype)
    work = "int64" if kind.is_float or kind.bits < 32 else dtype

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        def row(rest: list[Any]) -> Stmt:
            return _merge_row(rest, at, extent, ins[0], outs, is_ascend)

        return grid(without(data.shape, at), row)

    shapes = [data.shape, data.shape, [4]]
    found = block(shapes, [work, work, "int64"], [data], body, "argsort")[0]
    return found if work == dtype else elementwise.cast(found, dtype)


def sort(data: te.Tensor, axis: int = -1, is_ascend: bool = True) -> te.Tensor:
    """The elements in order along `axis`."""
    order = argsort(data, None, axis, is_ascend, _index_dtype(data, axis))
    return indexing.gather(data, axis, order)


def _index_dtype(data: te.Tensor, axis: int) -> str:
    known = constant(data.shape[axis_of(axis, data.ndim)])
    return "int32" if known is not None and known < 2**31 else "int64"


def topk(
    data: te.Tensor,
    k: Any = 1,
    axis: int = -1,
    ret_type: str = "both",
    is_ascend: bool = False,
    dtype: str = "int64",
) -> Any:
    """The `k` largest elements along `axis` (the smallest with `is_ascend`), in order.

    Where there turn out to be fewer, the last places hold the first element.

    `ret_type` "both" gives [values, indices], "values" or "indices" one of them. `k` below 1 means
    all.
    """
    if ret_type not in ("both", "values", "indices"):
        raise TypeMismatchError(
            "There is no such kind of result.",
            expected='"both", "values" or "indices"',
            found=repr(ret_type),
        )
    at = axis_of(axis, data.ndim)
    number = constant(k)
    total = constant(data.shape[at])
    if number is not None and total is not None and number > total:
        raise TypeMismatchError(
            "topk asks for more elements than there are.",
            expected=f"at most {total}",
            found=str(number),
        )
    order = argsort(data, None, at, is_ascend, _index_dtype(data, at))
    if not (number is not None and number < 1):
        order = _first(order, k, at) if total is None else strided_slice(order, [0], [k], axes=[at])
    values = indexing.gather(data, at, order)
    if ret_type == "values":
        return values
    indices = elementwise.cast(order, dtype)
    return indices if ret_type == "indices" else [values, indices]


def _first(order: te.Tensor, count: Any, axis: int) -> te.Tensor:
    """The first `count` positions of an order; 0 behind its end."""
    shape = [*order.shape[:axis], count, *order.shape[axis + 1 :]]

    def element(*i: Any) -> Any:
        zero = ar.const(0, order.dtype)
        return ar.if_then_else(i[axis] < order.shape[axis], order(*i), zero)

    return compute(shape, element, "T_first")


def searchsorted(
    sorted_sequence: te.Tensor,
    values: te.Tensor,
    right: bool = False,
    dtype: str = "int64",
) -> te.Tensor:
    """Where each value would be put in to keep a sorted row in order: before equal elements, or
    behind them when `right`.

    The sequence is one row for all values, or (…, n) with one row for each row (…, m) of values.
    """
    single = sorted_sequence.ndim == 1
    if not single:
        if values.ndim != sorted_sequence.ndim:
            raise TypeMismatchError(
                "searchsorted needs one row, or as many dimensions as the values have.",
                expected=str(values.ndim),
                found=str(sorted_sequence.ndim),
            )
        for number in range(values.ndim - 1):
            require_equal(
                sorted_sequence.shape[number], values.shape[number], "The rows and their values"
            )
    count = ar.cast_to("int64", sorted_sequence.shape[-1])

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        result, state = outs
        low, high = state[ar.const(0)], state[ar.const(1)]
        middle = (low + high) // 2

        def one(i: list[Any]) -> Stmt:
            value = ins[1][tuple(i)] if i else ins[1][()]
            element = ins[0][(middle,) if single else (*i[:-1], middle)]
            before = ar.logical_not(_comes_first(value, element, True))
            if not right:
                before = _comes_first(element, value, True)
            return seq(
                store(state, [0], ar.const(0, "int64")),
                store(state, [1], count),
                repeat_while(
                    low < high,
                    when(before, store(state, [0], middle + 1), store(state, [1], middle)),
                ),
                store(result, i, low),
            )

        return grid(values.shape, one)

    shapes, dtypes = [values.shape, [2]], [dtype, "int64"]
    return block(shapes, dtypes, [sorted_sequence, values], body, "searchsorted")[0]


def bucketize(
    input_tensor: te.Tensor, boundaries: te.Tensor, right: bool = False, dtype: str = "int64"
) -> te.Tensor:
    """The number of the bucket between sorted `boundaries` that each element falls into."""
    return searchsorted(boundaries, input_tensor, right, dtype)
