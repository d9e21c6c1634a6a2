"""Pools: the maxima or means of windows, of a given size or of a given number."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, tensor_of
from pellucid.relax.op.nn.layouts import (
    counts,
    from_plain,
    optional_sizes,
    paddings,
    parse,
    to_plain,
)
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import Sample, case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi.layout import layout_transform
from pellucid.topi.nn.adaptive_pool import adaptive_pool
from pellucid.topi.nn.pool import global_pool, pool1d, pool2d, pool3d

Sizes = Any  # an integer or several; in the lowering a tuple
Build = Callable[..., Call]
_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_LOWER = {1: pool1d, 2: pool2d, 3: pool3d}


def _spatial(rank: int) -> str:
    return "DHW"[3 - rank :]


def _in_layout(out: Any, layout: str, out_layout: str | None) -> Any:
    if out_layout in (None, layout):
        return out
    return layout_transform(out, layout, str(out_layout))


def _unknown(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return tensor_of(None, info.dtype, info.ndim)


# Windows of a given size


def _windows(
    x: Any, sizes: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool, fill: Any
) -> tuple[Any, list[int]]:
    """All windows of an NC… array, its borders filled; (n, c, …, windows' own axes)."""
    rank = len(sizes)
    extents: list[int] = []
    needed: list[int] = []
    for k in range(rank):
        n = x.shape[2 + k]
        room = n + padding[k] + padding[rank + k] - ((sizes[k] - 1) * dilation[k] + 1)
        count = (math.ceil if ceil_mode else math.floor)(room / strides[k]) + 1
        if ceil_mode and (count - 1) * strides[k] >= n + padding[k]:
            count -= 1
        extents.append(count)
        needed.append((count - 1) * strides[k] + (sizes[k] - 1) * dilation[k] + 1)
    widths = [(0, 0), (0, 0)]
    for k in range(rank):
        n = x.shape[2 + k]
        widths.append((padding[k], max(padding[rank + k], needed[k] - n - padding[k])))
    padded = np.pad(x, widths, constant_values=fill)
    spans = [(s - 1) * d + 1 for s, d in zip(sizes, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(2, 2 + rank)))
    picked = (
        slice(None), slice(None),
        *[slice(0, (n - 1) * s + 1, s) for n, s in zip(extents, strides, strict=True)],
        *[slice(None, None, d) for d in dilation],
    )  # fmt: skip
    return views[picked], extents


def _reference(rank: int, kind: str) -> Callable[..., Any]:
    order = "NC" + _spatial(rank)
    inner = tuple(range(-rank, 0))

    def reference(
        data: Any,
        pool_size: Any,
        strides: Any,
        padding: Any,
        dilation: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        layout: str,
        out_layout: str | None,
    ) -> Any:
        whole = data.dtype.kind in "iu"
        x = to_plain(data, layout, order).astype(np.int64 if whole else np.float64)
        lowest = np.iinfo(data.dtype).min if whole else -np.inf
        windows = (pool_size, strides, padding, dilation, ceil_mode)
        if kind == "max":
            found = _windows(x, *windows, lowest)[0].max(inner)
        else:
            total = _windows(x, *windows, 0)[0].sum(inner)
            ones = np.ones(x.shape)
            if count_include_pad:
                edges = [(0, 0), (0, 0), *zip(padding[:rank], padding[rank:], strict=True)]
                ones = np.pad(ones, edges, constant_values=1)
                # What hangs over behind the padding counts for nothing.
                windows = (pool_size, strides, (0,) * 2 * rank, dilation, ceil_mode)
            number = _windows(ones, *windows, 0)[0].sum(inner)
            number = number[tuple(slice(0, each) for each in total.shape)]
            found = total / np.maximum(number, 1)
            found = np.trunc(found) if whole else found
        return from_plain(found.astype(data.dtype), out_layout or layout, order)

    return reference


def _check(rank: int) -> Callable[[Inference], None]:
    def check(c: Inference) -> None:
        found = parse(c, "layout", c["layout"], "NC" + _spatial(rank))
        if c["out_layout"]:
            parse(c, "out_layout", c["out_layout"], "NC" + _spatial(rank))
        c.tensor("data", (len(found.parts),))
        c.require_dtype("data", "numbers", *rules.NUMBERS)

    return check


def _samples(rank: int) -> list[Sample]:
    shape: list[Any] = [2, 5, 4, 5][: rank + 1] if rank < 3 else [1, 4, 3, 4]
    last = [*[1] * 1, *shape[1:], shape[0]]
    found = [
        case(t("n", *shape), 2, 2),
        case(t(1, *shape), 3, 2, 1, ceil_mode=True),
        case(t(1, *shape), 2, 1, 1, count_include_pad=True),
        case(t(*last), 2, layout=_last(rank)),
    ]
    if rank == 2:
        found += [
            case(t(1, 2, "h", "w"), (2, 3), (1, 2), (0, 1, 1, 0)),
            case(t(1, 1, 6, 6), 2, 1, dilation=2),
            case(t(1, 1, 4, 4, dtype="int32"), 2, 2),
            case(t(1, 2, 4, 4), 2, out_layout="NHWC"),
        ]
    return found


def _last(rank: int) -> str:
    return f"N{_spatial(rank)}C"


def _pool(rank: int, kind: str) -> Build:
    """The operator `nn.<kind>_pool<rank>d`."""

    def function(
        data: Tensor,
        pool_size: Sizes = 1,
        strides: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        layout: str = _LAYOUTS[rank],
        out_layout: str | None = None,
    ) -> Any:
        out = _LOWER[rank](
            data, list(pool_size), list(strides), list(dilation), list(padding), kind,
            ceil_mode, layout, count_include_pad,
        )  # fmt: skip
        return _in_layout(out, layout, out_layout)

    function.__name__ = function.__qualname__ = f"{kind}_pool{rank}d"
    what = "largest element" if kind == "max" else "mean"
    function.__doc__ = (
        f"The {what} of each window of `pool_size`, `strides` apart, of {rank} spatial dimensions."
        " With `ceil_mode` the last window may hang over; `count_include_pad` says whether a mean"
        " counts the padding."
    )
    return op(
        f"nn.{kind}_pool{rank}d",
        infer=rules.by_lowering(_unknown, _check(rank)),
        numpy=_reference(rank, kind),
        samples=_samples(rank),
        convert={
            "pool_size": counts(rank),
            "strides": counts(rank),
            "padding": paddings(rank),
            "dilation": counts(rank),
        },
        tolerance="exact" if kind == "max" else "reduction",
    )(function)


max_pool1d = _pool(1, "max")
max_pool2d = _pool(2, "max")
max_pool3d = _pool(3, "max")
avg_pool1d = _pool(1, "avg")
avg_pool2d = _pool(2, "avg")
avg_pool3d = _pool(3, "avg")


# A given number of windows


def _adaptive_reference(rank: int, kind: str) -> Callable[..., Any]:
    order = "NC" + _spatial(rank)

    def reference(data: Any, output_size: Any, layout: str, out_layout: str | None) -> Any:
        x = to_plain(data, layout, order).astype(np.float64)
        sizes = x.shape[2:] if output_size is None else output_size
        sizes = [n if s is None else s for s, n in zip(sizes, x.shape[2:], strict=True)]
        out = np.zeros((*x.shape[:2], *sizes))
        for place in np.ndindex(*sizes):
            window = tuple(
                slice(i * n // s, -(-(i + 1) * n // s))
                for i, n, s in zip(place, x.shape[2:], sizes, strict=True)
            )
            part = x[(slice(None), slice(None), *window)].reshape(*x.shape[:2], -1)
            found = part.max(-1) if kind == "max" else part.mean(-1)
            out[(slice(None), slice(None), *place)] = found
        return from_plain(out.astype(data.dtype), out_layout or layout, order)

    return reference


def _adaptive(rank: int, kind: str) -> Build:
    def function(
        data: Tensor,
        output_size: Sizes | None = None,
        layout: str = _LAYOUTS[rank],
        out_layout: str | None = None,
    ) -> Any:
        sizes = [None] * rank if output_size is None else list(output_size)
        return _in_layout(adaptive_pool(data, sizes, kind, layout), layout, out_layout)

    function.__name__ = function.__qualname__ = f"adaptive_{kind}_pool{rank}d"
    what = "largest element" if kind == "max" else "mean"
    function.__doc__ = (
        f"The {what} of each of `output_size` windows that cover {rank} spatial dimensions evenly;"
        " None keeps an extent."
    )
    shape: list[Any] = [2, 5, 4, 3][: rank + 1]
    last = [1, *shape[1:], shape[0]]
    return op(
        f"nn.adaptive_{kind}_pool{rank}d",
        infer=rules.by_lowering(_unknown, _check_adaptive(rank)),
        numpy=_adaptive_reference(rank, kind),
        samples=[
            case(t("n", *shape), 2),
            case(t(1, *shape), [1] * rank),
            case(t(1, *shape)),
            case(t(*last), 3, layout=_last(rank)),
        ],
        convert={"output_size": optional_sizes(rank)},
        tolerance="exact" if kind == "max" else "reduction",
    )(function)


def _check_adaptive(rank: int) -> Callable[[Inference], None]:
    check = _check(rank)

    def rule(c: Inference) -> None:
        check(c)
        sizes = c["output_size"] or ()
        if any(each is not None and each < 1 for each in sizes):
            raise c.error("output_size", "must be positive.", None, sizes)

    return rule


adaptive_avg_pool1d = _adaptive(1, "avg")
adaptive_avg_pool2d = _adaptive(2, "avg")
adaptive_avg_pool3d = _adaptive(3, "avg")
adaptive_max_pool1d = _adaptive(1, "max")
adaptive_max_pool2d = _adaptive(2, "max")
adaptive_max_pool3d = _adaptive(3, "max")


# Over everything


def _global_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    default = c.function.__defaults__[0] if c.function.__defaults__ else "NCHW"
    found = parse(c, "layout", c["layout"], default)
    c.tensor("data", (len(found.parts),))
    dims = known_dims(info)
    if dims is None:
        return tensor_of(None, info.dtype, info.ndim)
    kept = [
        dim if letter in "NCc" else 1 for (letter, _), dim in zip(found.parts, dims, strict=True)
    ]
    return tensor_of(kept, info.dtype)


def _global(rank: int, kind: str) -> Build:
    letters = "DHW"[-rank:]

    def function(data: Tensor, layout: str = "NC" + letters) -> Any:
        return global_pool(data, kind, layout)

    def reference(data: Any, layout: str) -> Any:
        axes = tuple(i for i, letter in enumerate(layout) if letter in "DHW")
        found = data.astype(np.float64)
        found = found.max(axes, keepdims=True) if kind == "max" else found.mean(axes, keepdims=True)
        return found.astype(data.dtype)

    function.__name__ = function.__qualname__ = f"global_{kind}_pool{rank}d"
    what = "largest element" if kind == "max" else "mean"
    function.__doc__ = f"The {what} over all of {', '.join(letters)}, which keep the extent 1."
    shape = (2, 3, 4)[:rank]
    return op(
        f"nn.global_{kind}_pool{rank}d",
        infer=_global_info,
        numpy=reference,
        samples=[case(t("n", 2, *shape)), case(t(1, *shape, 2), layout=f"N{letters}C")],
        tolerance="exact" if kind == "max" else "reduction",
    )(function)


global_avg_pool1d = _global(1, "avg")
global_avg_pool2d = _global(2, "avg")
global_avg_pool3d = _global(3, "avg")
global_max_pool1d = _global(1, "max")
global_max_pool2d = _global(2, "max")
global_max_pool3d = _global(3, "max")


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "global_avg_pool1d", "global_avg_pool2d", "global_avg_pool3d", "global_max_pool1d",
    "global_max_pool2d", "global_max_pool3d", "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip
