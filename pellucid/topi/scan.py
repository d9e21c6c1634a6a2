"""Cumulative operators: each element combined with all before it along an axis, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt
from pellucid.topi import elementwise, transform
from pellucid.topi.loops import block, grid, loop, moved, store, when, without
from pellucid.topi.shapes import axis_of


def scanop(
    data: te.Tensor,
    binop: Callable[[Any, Any], Any],
    identity_value: Any,
    op_name: str,
    axis: int | None = None,
    dtype: str | None = None,
    exclusive: bool | None = False,
) -> te.Tensor:
    """`out[i] = binop(out[i - 1], data[i])` along `axis`; of the flat tensor without one.

    With `exclusive` an element is combined of those before it only, and the first is the identity.
    """
    if axis is None:
        data, axis = transform.reshape(data, (-1,)), 0
    at = axis_of(axis, data.ndim)
    kind = DataType(dtype or _sum_dtype(data.dtype))
    extent = data.shape[at]
    first = ar.cast_to(kind, ar.convert(identity_value))

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source,), (result,) = ins, outs

        def row(rest: list[Any]) -> Stmt:
            def step(k: Any) -> Stmt:
                place = moved(rest, at, k)
                before = moved(rest, at, k - 1)
                if exclusive:
                    value = ar.cast_to(kind, source[tuple(before)])
                    return when(
                        k > 0,
                        store(result, place, binop(result[tuple(before)], value)),
                        store(result, place, first),
                    )
                value = ar.cast_to(kind, source[tuple(place)])
                return when(
                    k > 0,
                    store(result, place, binop(result[tuple(before)], value)),
                    store(result, place, value),
                )

            return loop("k", extent, step)

        return grid(without(data.shape, at), row)

    return block([data.shape], [kind], [data], body, op_name)[0]


def _sum_dtype(dtype: DataType) -> DataType:
    """Bools are counted."""
    return DataType("int32") if dtype.is_bool else dtype


def cumsum(
    data: te.Tensor,
    axis: int | None = None,
    dtype: str | None = None,
    exclusive: bool | None = None,
) -> te.Tensor:
    """The running sum along `axis` (of the flat tensor without one), in `dtype`."""
    return scanop(data, ar.add, 0, "cumsum", axis, dtype, exclusive)


def cumprod(
    data: te.Tensor,
    axis: int | None = None,
    dtype: str | None = None,
    exclusive: bool | None = None,
) -> te.Tensor:
    """The running product along `axis` (of the flat tensor without one), in `dtype`."""
    return scanop(data, ar.mul, 1, "cumprod", axis, dtype, exclusive)


def cummax(data: te.Tensor, axis: int) -> te.Tensor:
    """The largest element so far along `axis`."""
    return scanop(data, ar.maximum, te.lowest(data.dtype), "cummax", axis)


def cummin(data: te.Tensor, axis: int) -> te.Tensor:
    """The smallest element so far along `axis`."""
    return scanop(data, ar.minimum, te.highest(data.dtype), "cummin", axis)


def logcumsumexp(data: te.Tensor, axis: int) -> te.Tensor:
    """`log(cumsum(exp(data)))` along `axis`, of floats, from the largest element so far."""
    if not data.dtype.is_float:
        raise TypeMismatchError(
            "logcumsumexp takes floats.", found=str(data.dtype), cure="cast the tensor first"
        )

    def combine(a: Any, b: Any) -> Any:
        high, low = ar.maximum(a, b), ar.minimum(a, b)
        total = high + te.log(ar.const(1, data.dtype) + te.exp(low - high))
        return ar.select(ar.eq(a, b), a + te.log(ar.const(2, data.dtype)), total)

    return scanop(data, combine, te.lowest(data.dtype), "logcumsumexp", axis)


def diff(data: te.Tensor, n: int = 1, axis: int = -1) -> te.Tensor:
    """The differences of neighbours along `axis`, `n` times over."""
    found = data
    at = axis_of(axis, data.ndim)
    for _ in range(n):
        found = _difference(found, at)
    return found if n else elementwise.identity(data)


def _difference(data: te.Tensor, at: int) -> te.Tensor:
    shape = list(data.shape)
    shape[at] = ar.convert(shape[at]) - 1

    def element(*i: Any) -> Any:
        return data(*i[:at], i[at] + 1, *i[at + 1 :]) - data(*i)

    return te.compute(shape, element, "T_diff", "injective")
