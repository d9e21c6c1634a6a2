"""What stands around a layer's product: a bias along an axis, scaling, dropout when nothing is
learnt.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import axis_of, compute, require_equal


def _along(data: te.Tensor, vector: te.Tensor, axis: int, what: str) -> int:
    at = axis_of(axis, data.ndim)
    if vector.ndim != 1:
        raise TypeMismatchError(
            f"{what} takes a vector.", expected="1 dimension", found=str(vector.ndim)
        )
    require_equal(data.shape[at], vector.shape[0], f"{what}: the extents of axis and vector")
    return at


def bias_add(data: te.Tensor, bias: te.Tensor, axis: int = 1) -> te.Tensor:
    """`data` plus a vector along `axis`."""
    at = _along(data, bias, axis, "bias_add")

    def element(*i: Any) -> Any:
        return data(*i) + bias(i[at])

    return compute(data.shape, element, "T_add", "broadcast")


def scale_shift(data: te.Tensor, scale: te.Tensor, shift: te.Tensor, axis: int = 1) -> te.Tensor:
    """`data` times one vector plus another, both along `axis`."""
    at = _along(data, scale, axis, "scale_shift")
    _along(data, shift, axis, "scale_shift")

    def element(*i: Any) -> Any:
        return data(*i) * scale(i[at]) + shift(i[at])

    return compute(data.shape, element, "T_scale_shift", "broadcast")


def scale_shift_nchw(data: te.Tensor, scale: te.Tensor, shift: te.Tensor) -> te.Tensor:
    """`scale_shift` along the channels of NCHW."""
    return scale_shift(data, scale, shift, 1)


def scale_shift_nhwc(data: te.Tensor, scale: te.Tensor, shift: te.Tensor) -> te.Tensor:
    """`scale_shift` along the channels of NHWC."""
    return scale_shift(data, scale, shift, 3)


def dropout(data: te.Tensor, rate: float = 0.5) -> tuple[te.Tensor, te.Tensor]:
    """(data, mask) when nothing is learnt: the data as they are, and a mask of ones."""
    if not 0 <= rate < 1:
        raise TypeMismatchError(
            "The rate of dropout is a share.", expected="0 <= rate < 1", found=str(rate)
        )

    def same(*i: Any) -> Any:
        return data(*i)

    def ones(*i: Any) -> Any:
        del i
        return te.const(1, str(data.dtype))

    kept = compute(data.shape, same, "T_dropout", "elemwise")
    return kept, compute(data.shape, ones, "T_dropout_mask", "elemwise")
