"""Adaptive pools: the output's extent is given, the windows follow from it.

Along an axis of extent `n`, window number `i` of `m` goes from `floor(i·n / m)` up to and without
`ceil((i + 1)·n / m)`; windows may overlap.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.nn.pool import REDUCE_NAMES, spatial_axes
from pellucid.topi.shapes import as_list, constant, simplify


def _start(index: Any, extent: Any, count: Any) -> Any:
    return index * extent // count


def _length(index: Any, extent: Any, count: Any) -> Any:
    """The extent of window number `index`."""
    return ((index + 1) * extent + count - 1) // count - _start(index, extent, count)


def _longest(extent: Any, count: Any) -> tuple[PrimExpr, bool]:
    """The extent of the longest window, and whether all are that long."""
    n, m = constant(extent), constant(count)
    if n is not None and m is not None:
        lengths = {int(_length(index, n, m)) for index in range(m)} or {0}
        return ar.const(max(lengths), simplify(extent).dtype), len(lengths) == 1
    if m == 1:
        return simplify(extent), True
    return simplify((extent + count - 1) // count + 1), False


def adaptive_pool(
    data: te.Tensor, output_size: Any, pool_type: str, layout: str = "NCHW"
) -> te.Tensor:
    """The maxima ("max") or means ("avg") of windows, `output_size` of them along D, H and W."""
    if pool_type not in ("max", "avg"):
        raise TypeMismatchError(
            "There is no such kind of pool.", expected='"max" or "avg"', found=repr(pool_type)
        )
    axes = spatial_axes(layout, data.shape)
    sizes = as_list(output_size)
    sizes = sizes * len(axes) if len(sizes) == 1 else sizes
    if len(sizes) != len(axes):
        raise TypeMismatchError(
            "The output size does not fit the layout.",
            expected=f"{len(axes)} extents",
            found=str(len(sizes)),
        )
    counts = [
        data.shape[axis] if size is None else size for axis, size in zip(axes, sizes, strict=True)
    ]
    shape = list(data.shape)
    for axis, extent in zip(axes, counts, strict=True):
        shape[axis] = extent
    longest = [_longest(data.shape[axis], n) for axis, n in zip(axes, counts, strict=True)]
    over = [
        te.reduce_axis((0, extent), name)
        for (extent, _), name in zip(longest, REDUCE_NAMES, strict=False)
    ]
    is_max = pool_type == "max"
    identity = te.lowest(data.dtype) if is_max else ar.const(0, data.dtype)

    def element(*indices: Any) -> Any:
        place = list(indices)
        inside: list[Any] = []
        for k, axis in enumerate(axes):
            extent, step = data.shape[axis], over[k].var
            place[axis] = _start(indices[axis], extent, counts[k]) + step
            if not longest[k][1]:
                inside.append(step < _length(indices[axis], extent, counts[k]))
        value = data(*place)
        if inside:
            value = te.if_then_else(tir.all(*inside), value, identity)
        return te.max(value, over) if is_max else te.sum(value, over)

    names = [f"ax{axis}" for axis in range(len(shape))]
    name = f"adaptive_pool_{'max' if is_max else 'sum'}"
    found = te.compute(shape, element, name, name, varargs_names=names)
    if is_max:
        return found

    def mean(*indices: Any) -> Any:
        count: Any = 1
        for k, axis in enumerate(axes):
            even = longest[k][1]
            extent = data.shape[axis]
            count = count * (longest[k][0] if even else _length(indices[axis], extent, counts[k]))
        value = found(*indices)
        divisor = ar.cast_to(value.dtype, count)
        return value / divisor if value.dtype.is_float else ar.truncdiv(value, divisor)

    return te.compute(shape, mean, "adaptive_pool_avg", "elemwise", varargs_names=names)


def adaptive_pool1d(
    data: te.Tensor, output_size: Any, pool_type: str, layout: str = "NCW"
) -> te.Tensor:
    """`adaptive_pool` of one spatial dimension."""
    return adaptive_pool(data, output_size, pool_type, layout)


def adaptive_pool3d(
    data: te.Tensor, output_size: Any, pool_type: str, layout: str = "NCDHW"
) -> te.Tensor:
    """`adaptive_pool` of three spatial dimensions."""
    return adaptive_pool(data, output_size, pool_type, layout)
