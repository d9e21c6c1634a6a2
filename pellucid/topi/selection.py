"""Which elements hold and which differ, in tensors of the largest size that the result may have.

How many there are is decided by the data, and a loop function's results have shapes of their own:
what is left of a result is zero, and a vector of one element counts what is valid. Results of the
exact size come from packed functions: `pellucid.builtin.nonzero`, which `relax.op.nonzero` calls.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt, seq
from pellucid.topi import sorting, transform
from pellucid.topi.loops import block, grid, loop, store, when
from pellucid.topi.shapes import as_list, product, require_equal


def argwhere(output_shape: Any, condition: te.Tensor, dtype: str = "int64") -> te.Tensor:
    """The indices of the elements that are not zero, in row-major order: (n, d) for d dimensions.

    `output_shape` is (n, d). When fewer than n elements hold, the rows that are left are zero; when
    more hold, the first n are given.
    """
    rows, columns = _pair(output_shape)
    require_equal(columns, condition.ndim, "The columns asked for and the dimensions")

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source,), (result, state) = ins, outs
        count = state[ar.const(0)]

        def one(i: list[Any]) -> Stmt:
            value = source[tuple(i)] if i else source[()]
            holds = value if value.dtype.is_bool else ar.ne(value, ar.const(0, value.dtype))
            stores = [store(result, [count, column], index) for column, index in enumerate(i)]
            found = ar.logical_and(holds, count < rows)
            return when(found, [*stores, store(state, [0], count + 1)])

        return seq(
            grid([rows, columns], lambda i: store(result, i, 0), "z"),
            store(state, [0], ar.const(0, "int64")),
            grid(condition.shape, one),
        )

    return block([[rows, columns], [1]], [dtype, "int64"], [condition], body, "argwhere")[0]


def nonzero(data: te.Tensor, dtype: str = "int64") -> list[te.Tensor]:
    """Where elements are not zero, in row-major order: the indices (d, n), and their number (1).

    n is the number of elements of `data`; the columns behind the valid ones are zero.
    """
    size, count = product(data.shape), data.ndim

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source,), (result, number) = ins, outs
        found = number[ar.const(0)]

        def one(i: list[Any]) -> Stmt:
            value = source[tuple(i)]
            holds = value if value.dtype.is_bool else ar.ne(value, ar.const(0, value.dtype))
            stores = [store(result, [axis, found], index) for axis, index in enumerate(i)]
            return when(holds, [*stores, store(number, [0], found + 1)])

        return seq(
            grid([count, size], lambda i: store(result, i, 0), "z"),
            store(number, [0], ar.const(0, "int64")),
            grid(data.shape, one),
        )

    return block([[count, size], [1]], [dtype, "int64"], [data], body, "nonzero")


def unique(data: te.Tensor, is_sorted: bool = True, return_counts: bool = False) -> list[te.Tensor]:
    """The different elements of the flat tensor, of n elements each: the elements, where each
    occurs first, for each element of `data` the place of its value, and the number (1) of
    different ones; with `return_counts` also how often each occurs.

    They are in order, or in that of their first occurrence when not `is_sorted`; what is behind the
    valid ones is zero.
    """
    flat = transform.reshape(data, [product(data.shape)])
    size = flat.shape[0]
    # A stable sort: the first of equal elements is the one that occurs first.
    order = sorting.argsort(flat, axis=0, dtype="int64")

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        return _distinct(size, ins, outs, is_sorted)

    dtypes = [data.dtype, "int64", "int64", "int64", "int64", "int64", "int64"]
    shapes = [[size], [size], [size], [1], [size], [size], [size]]
    found = block(shapes, dtypes, [flat, order], body, "unique")
    return found[:5] if return_counts else found[:4]


def _distinct(size: Any, ins: list[Buffer], outs: list[Buffer], is_sorted: bool) -> Stmt:
    """Runs of equal elements in sorted order become the results; `group` is the run that an element
    belongs to, `rank` the place of a run's value in the result.
    """
    (source, order), (values, first, inverse, number, counts, group, rank) = ins, outs
    found = number[ar.const(0)]

    def clear(i: Any) -> list[Stmt]:
        return [store(each, [i], 0) for each in (values, first, inverse, counts, group, rank)]

    def mark(k: Any) -> list[Stmt]:
        here, before = order[k], order[ar.maximum(k - 1, 0)]
        new = ar.logical_or(k < 1, _differ(source[here], source[before]))
        begin = [store(rank, [here], 1), store(number, [0], found + 1)]
        return [when(new, begin), store(group, [here], ar.maximum(found - 1, 0))]

    def place(k: Any) -> Stmt:
        """The values one after another, in sorted order or in that of the tensor."""
        here = order[k] if is_sorted else ar.cast_to("int64", k)
        fill = [
            store(values, [found], source[here]),
            store(first, [found], here),
            store(counts, [group[here]], found),
            store(number, [0], found + 1),
        ]
        return when(ar.eq(rank[here], 1), fill)

    def refer(i: Any) -> Stmt:
        return store(inverse, [i], counts[group[i]])

    def count(i: Any) -> Stmt:
        return store(counts, [inverse[i]], counts[inverse[i]] + 1)

    return seq(
        loop("i", size, clear),
        store(number, [0], ar.const(0, "int64")),
        loop("k", size, mark),
        store(number, [0], ar.const(0, "int64")),
        loop("k", size, place),
        loop("i", size, refer),
        loop("i", size, lambda i: store(counts, [i], 0)),
        loop("i", size, count),
    )


def _differ(a: Any, b: Any) -> Any:
    """Whether two elements differ; NaN does not differ from NaN."""
    if not a.dtype.is_float:
        return ar.ne(a, b)
    both = ar.logical_and(tir.isnan(a), tir.isnan(b))
    return ar.logical_and(ar.ne(a, b), ar.logical_not(both))


def _pair(output_shape: Any) -> tuple[Any, Any]:
    found = as_list(output_shape)
    if len(found) != 2:
        raise TypeMismatchError(
            "The result of argwhere has two dimensions.", expected="(n, d)", found=repr(found)
        )
    return found[0], found[1]
