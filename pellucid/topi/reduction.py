"""Reductions over axes.

`axis` is an axis, a list of axes, or None for all of them; negative ones count from the end.
`keepdims` keeps the reduced axes with extent 1. The dtype is kept. Blocks are named
`<tensor>_red`, the reduction loops `k0, k1, …`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi import broadcast, elementwise
from pellucid.topi.shapes import (
    axes_of,
    compute,
    constant,
    product,
    ravel,
    require_equal,
)

COMM_REDUCE = "comm_reduce"


def reduced_shape(shape: Sequence[Any], axes: Sequence[int], keepdims: bool) -> list[Any]:
    """The shape after a reduction over `axes`."""
    if keepdims:
        return [1 if axis in axes else extent for axis, extent in enumerate(shape)]
    return [extent for axis, extent in enumerate(shape) if axis not in axes]


def source_indices(
    indices: Sequence[Any], reduced: Sequence[Any], axes: Sequence[int], rank: int, keepdims: bool
) -> list[Any]:
    """The indices into the tensor that is reduced: those of the result, and the reduction axes."""
    kept = iter(
        [i for axis, i in enumerate(indices) if axis not in axes] if keepdims else list(indices)
    )
    over = iter(reduced)
    return [next(over) if axis in axes else next(kept) for axis in range(rank)]


def reduction_axes(x: te.Tensor, axes: Sequence[int]) -> list[Any]:
    """Reduction axes over the dimensions `axes` of a tensor."""
    return [te.reduce_axis((0, x.shape[axis]), f"k{number}") for number, axis in enumerate(axes)]


def reduce(
    data: te.Tensor,
    axis: Any,
    keepdims: bool,
    reducer: Callable[..., Any],
    element_of: Callable[[Any], Any] = lambda value: value,
    name: str | None = None,
) -> te.Tensor:
    """`reducer` over some axes of `element_of` every element."""
    axes = axes_of(axis, data.ndim)
    block = name or f"{data.op.name}_red"
    if not axes:
        return compute(data.shape, lambda *i: element_of(data(*i)), block, COMM_REDUCE)
    over = reduction_axes(data, axes)

    def element(*i: Any) -> Any:
        return reducer(element_of(data(*source_indices(i, over, axes, data.ndim, keepdims))), over)

    return compute(reduced_shape(data.shape, axes, keepdims), element, block, COMM_REDUCE)


def _reduction(name: str, reducer: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def operator(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
        if (name in ("all", "any")) != data.dtype.is_bool:
            raise TypeMismatchError(
                f"{name} takes {'bools' if name in ('all', 'any') else 'numbers'}.",
                found=str(data.dtype),
                cure="cast the tensor first",
            )
        return reduce(data, axis, keepdims, reducer)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = doc
    return operator


sum = _reduction("sum", te.sum, "The sum over `axis`; 0 of nothing.")
prod = _reduction("prod", te.prod, "The product over `axis`; 1 of nothing.")
max = _reduction("max", te.max, "The largest element over `axis`; NaN where one is NaN.")
min = _reduction("min", te.min, "The smallest element over `axis`; NaN where one is NaN.")
all = _reduction("all", te.all, "Whether all bools over `axis` are true.")
any = _reduction("any", te.any, "Whether a bool over `axis` is true.")


def count(data: te.Tensor, axes: Sequence[int]) -> Any:
    """How many elements a reduction over `axes` combines, in the tensor's dtype."""
    return ar.cast_to(data.dtype, product([data.shape[axis] for axis in axes]))


def _require_float(data: te.Tensor, what: str) -> None:
    if not data.dtype.is_float:
        raise TypeMismatchError(
            f"{what} takes floats.", found=str(data.dtype), cure="cast the tensor first"
        )


def mean(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """The mean over `axis`, of floats."""
    _require_float(data, "mean")
    total = reduce(data, axis, keepdims, te.sum)
    return broadcast.divide(total, count(data, axes_of(axis, data.ndim)))


def variance(
    data: te.Tensor, axis: Any = None, keepdims: bool = False, correction: int = 0
) -> te.Tensor:
    """The mean squared distance from the mean over `axis`, of floats; the divisor is the number of
    elements less `correction`.
    """
    _require_float(data, "variance")
    centred = broadcast.subtract(data, mean(data, axis, keepdims=True))
    total = reduce(centred, axis, keepdims, te.sum, lambda value: value * value)
    divisor = count(data, axes_of(axis, data.ndim)) - ar.const(float(correction), data.dtype)
    return broadcast.divide(total, divisor if correction else count(data, axes_of(axis, data.ndim)))


def std(
    data: te.Tensor, axis: Any = None, keepdims: bool = False, correction: int = 0
) -> te.Tensor:
    """The square root of the variance over `axis`, of floats."""
    return elementwise.sqrt(variance(data, axis, keepdims, correction))


def _position_reducer(largest: bool, select_last_index: bool) -> Callable[..., Any]:
    """Combines pairs (position, value): the extreme value, of equal ones the first or last."""

    def combine(lhs: Any, rhs: Any) -> Any:
        better = lhs[1] > rhs[1] if largest else lhs[1] < rhs[1]
        earlier = lhs[0] > rhs[0] if select_last_index else lhs[0] < rhs[0]
        tie = ar.logical_and(ar.eq(lhs[1], rhs[1]), earlier)
        left = ar.logical_or(better, tie)
        return ar.select(left, lhs[0], rhs[0]), ar.select(left, lhs[1], rhs[1])

    def identity(position: DataType, value: DataType) -> Any:
        none = -1 if select_last_index else position.range()[1]
        worst = te.lowest(value) if largest else te.highest(value)
        return ar.const(none, position), worst

    return te.comm_reducer(combine, identity, name="argmax" if largest else "argmin")


def _position(
    data: te.Tensor,
    axis: Any,
    keepdims: bool,
    select_last_index: bool,
    largest: bool,
    dtype: str | None,
) -> te.Tensor:
    axes = axes_of(axis, data.ndim)
    over = reduction_axes(data, axes)
    reducer = _position_reducer(largest, select_last_index)
    extents = [data.shape[each] for each in axes]
    kind = dtype or str(product(extents).dtype)

    def element(*i: Any) -> Any:
        value = data(*source_indices(i, over, axes, data.ndim, keepdims))
        position = ar.cast_to(kind, ravel([each.var for each in over], extents))
        return reducer((position, value), over)

    shape = reduced_shape(data.shape, axes, keepdims)
    positions, _ = compute(shape, element, f"{data.op.name}_red_temp", COMM_REDUCE)

    def position_of(*i: Any) -> Any:
        return positions(*i)

    return compute(shape, position_of, f"{data.op.name}_red", COMM_REDUCE)


def argmax(
    data: te.Tensor,
    axis: Any = None,
    keepdims: bool = False,
    select_last_index: bool = False,
    dtype: str | None = None,
) -> te.Tensor:
    """The position of the largest element over `axis` (over several axes: in row-major order).

    Of equal ones the first, or the last with `select_last_index`. `dtype` is that of the shape
    unless given.
    """
    return _position(data, axis, keepdims, select_last_index, largest=True, dtype=dtype)


def argmin(
    data: te.Tensor,
    axis: Any = None,
    keepdims: bool = False,
    select_last_index: bool = False,
    dtype: str | None = None,
) -> te.Tensor:
    """The position of the smallest element over `axis`; see `argmax`."""
    return _position(data, axis, keepdims, select_last_index, largest=False, dtype=dtype)


def collapse_sum(data: te.Tensor, target_shape: Any) -> te.Tensor:
    """`data` summed over what broadcasting added to `target_shape`: its inverse, for gradients."""
    target = list(target_shape)
    lead = data.ndim - len(target)
    if lead < 0:
        raise TypeMismatchError(
            "collapse_sum cannot add dimensions.",
            expected=f"at most {data.ndim} dimensions",
            found=str(len(target)),
        )
    axes = list(range(lead))
    for axis, extent in enumerate(target):
        known = ar.convert(extent)
        wide = data.shape[lead + axis]
        if constant(known) != 1:
            require_equal(wide, known, "An extent that stays and that of the data")
        elif constant(wide) != 1:
            axes.append(lead + axis)
    if not axes:
        return elementwise.identity(data)
    over = reduction_axes(data, axes)

    def element(*i: Any) -> Any:
        indices = [None] * lead + list(i)
        steps = iter(over)
        picked = [next(steps) if axis in axes else index for axis, index in enumerate(indices)]
        return te.sum(data(*picked), over)

    return compute(target, element, f"{data.op.name}_red", COMM_REDUCE)


def logsumexp(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """log(sum(exp(data))) over `axis`, of floats, without overflow."""
    _require_float(data, "logsumexp")
    zero = ar.const(0, data.dtype)
    high = reduce(data, axis, True, te.max)
    # An infinite maximum would make NaN of the difference; the sum is then taken as it is.
    base = compute(
        high.shape,
        lambda *i: ar.select(tir.isfinite(high(*i)), high(*i), zero),
        f"{data.op.name}_base",
    )
    powers = elementwise.exp(broadcast.subtract(data, base))
    total = elementwise.log(reduce(powers, axis, keepdims, te.sum))
    if keepdims:
        return broadcast.add(total, base)
    axes = axes_of(axis, data.ndim)

    def element(*i: Any) -> Any:
        kept = source_indices(i, [0] * len(axes), axes, data.ndim, keepdims=False)
        return total(*i) + base(*kept)

    return compute(total.shape, element, "T_logsumexp")
