"""Padding: constant, repeated edge, mirrored, circular.

In: a tensor, and for each dimension how many elements to add before and after (they may be
symbolic). Out: the larger tensor. Constant padding guards its reads by a condition; the other kinds
compute an index that stays inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.shapes import INJECTIVE, as_list, constant, simplify, where_any

PAD = f"{INJECTIVE},pad"


def _widths(data: te.Tensor, pad_before: Any, pad_after: Any) -> tuple[list[Any], list[Any]]:
    before = as_list(pad_before)
    after = before if pad_after is None else as_list(pad_after)
    if len(before) != data.ndim or len(after) != data.ndim:
        raise TypeMismatchError(
            f"Padding of {data.name!r} needs one width a dimension, before and after.",
            expected=f"{data.ndim} and {data.ndim}",
            found=f"{len(before)} and {len(after)}",
        )
    return before, after


def _padded_shape(data: te.Tensor, before: Sequence[Any], after: Sequence[Any]) -> list[Any]:
    return [
        simplify(extent + low + high)
        for extent, low, high in zip(data.shape, before, after, strict=True)
    ]


def _is_zero(width: Any) -> bool:
    return constant(width) == 0


def _is_crop(width: Any) -> bool:
    """Whether a width adds nothing: zero, or negative (elements are then left out)."""
    known = constant(width)
    return known is not None and known <= 0


def pad(
    data: te.Tensor,
    pad_before: Any,
    pad_after: Any = None,
    pad_value: Any = 0.0,
    name: str = "PadInput",
    attrs: Any = None,
) -> te.Tensor:
    """`data` with `pad_value` (a number or a scalar expression) around it.

    `pad_before` and `pad_after` hold one width a dimension; `pad_after` is `pad_before` unless
    given. A negative constant width leaves elements out.
    """
    before, after = _widths(data, pad_before, pad_after)
    if isinstance(pad_value, float) and data.dtype.is_integer and pad_value.is_integer():
        pad_value = int(pad_value)
    fill = ar.cast_to(data.dtype, ar.const(pad_value, data.dtype))

    def element(*indices: Any) -> Any:
        inside: list[Any] = []
        source: list[Any] = []
        for axis, index in enumerate(indices):
            low, high, extent = before[axis], after[axis], data.shape[axis]
            source.append(index if _is_zero(low) else index - low)
            if not _is_crop(low):
                inside.append(index >= low)
            if not _is_crop(high):
                inside.append(index < simplify(extent + low))
        if not inside:
            return data(*source)
        return te.if_then_else(tir.all(*inside), data(*source), fill)

    return te.compute(_padded_shape(data, before, after), element, name, PAD, attrs)


def _index_pad(
    data: te.Tensor,
    pad_before: Any,
    pad_after: Any,
    name: str,
    inner: Callable[[Any, Any], Any],
) -> te.Tensor:
    """Padding by elements of the tensor: `inner(position, extent)` is the index for a position
    counted from the first element, negative before it. Around nothing zeros are put.
    """
    before, after = _widths(data, pad_before, pad_after)

    def element(*indices: Any) -> Any:
        source = [
            index
            if _is_zero(before[axis]) and _is_zero(after[axis])
            else inner(index - before[axis], data.shape[axis])
            for axis, index in enumerate(indices)
        ]
        padded = [
            extent
            for axis, extent in enumerate(data.shape)
            if not (_is_zero(before[axis]) and _is_zero(after[axis]))
        ]
        return where_any(data(*source), *padded)

    return te.compute(_padded_shape(data, before, after), element, name, PAD)


def edge_pad(
    data: te.Tensor, pad_before: Any, pad_after: Any = None, name: str = "EdgePadInput"
) -> te.Tensor:
    """`data` with its outermost elements repeated around it."""
    return _index_pad(
        data, pad_before, pad_after, name, lambda i, n: ar.minimum(ar.maximum(i, 0), n - 1)
    )


replicate_pad = edge_pad
"""Another name of `edge_pad`."""


def circular_pad(
    data: te.Tensor, pad_before: Any, pad_after: Any = None, name: str = "CircularPadInput"
) -> te.Tensor:
    """`data` continued on each side by its elements from the other side."""
    return _index_pad(data, pad_before, pad_after, name, lambda i, n: i % n)


def _reflect(i: Any, n: Any) -> Any:
    """The index mirrored at the outermost elements, as often as it takes."""
    if constant(n) == 1:
        return ar.const(0, i.dtype)
    period = simplify(n * 2 - 2)
    step = i % (period if constant(period) is not None else ar.maximum(period, 1))
    return ar.minimum(step, period - step)


def _symmetric(i: Any, n: Any) -> Any:
    """The index mirrored at the outer faces, as often as it takes."""
    step = i % (n * 2)
    return ar.minimum(step, n * 2 - 1 - step)


def reflect_pad(
    data: te.Tensor, pad_before: Any, pad_after: Any = None, name: str = "ReflectPadInput"
) -> te.Tensor:
    """`data` mirrored around its outermost elements, which are not repeated."""
    return _index_pad(data, pad_before, pad_after, name, _reflect)


def symmetric_pad(
    data: te.Tensor, pad_before: Any, pad_after: Any = None, name: str = "SymmetricPadInput"
) -> te.Tensor:
    """`data` mirrored at its outer faces: the outermost elements are repeated once."""
    return _index_pad(data, pad_before, pad_after, name, _symmetric)


def mirror_pad(
    data: te.Tensor,
    pad_before: Any,
    pad_after: Any = None,
    mode: str = "SYMMETRIC",
    name: str = "MirrorPadInput",
) -> te.Tensor:
    """`symmetric_pad` or `reflect_pad`, by `mode` ("SYMMETRIC" or "REFLECT")."""
    kinds = {"SYMMETRIC": _symmetric, "REFLECT": _reflect}
    if mode.upper() not in kinds:
        raise TypeMismatchError(
            "There is no such mode of mirror padding.",
            expected=" or ".join(kinds),
            found=repr(mode),
        )
    return _index_pad(data, pad_before, pad_after, name, kinds[mode.upper()])


def dilate(
    data: te.Tensor, strides: Any, dilation_value: Any = 0.0, name: str = "DilatedInput"
) -> te.Tensor:
    """`data` with `stride - 1` elements of `dilation_value` between any two along each axis."""
    steps = as_list(strides)
    if len(steps) != data.ndim:
        raise TypeMismatchError(
            "dilate needs one stride a dimension.", expected=str(data.ndim), found=str(len(steps))
        )
    shape = [
        simplify((extent - 1) * step + 1) for extent, step in zip(data.shape, steps, strict=True)
    ]
    fill = ar.const(dilation_value, data.dtype)

    def element(*indices: Any) -> Any:
        present = [i % s == 0 for i, s in zip(indices, steps, strict=True) if constant(s) != 1]
        source = [i if constant(s) == 1 else i // s for i, s in zip(indices, steps, strict=True)]
        if not present:
            return data(*source)
        return te.if_then_else(tir.all(*present), data(*source), fill)

    return te.compute(shape, element, name, f"{INJECTIVE},dilate")
