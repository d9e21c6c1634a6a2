"""Between floats and small integers: `q = clip(round(x / scale) + zero_point)`.

`scale` and `zero_point` are numbers, tensors without dimensions, or vectors along `axis`. Halves
are rounded to even.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.shapes import axis_of, constant, require_equal

ELEMENTWISE = "elemwise"


def _parameter(value: Any, data: te.Tensor, axis: int) -> Any:
    """A function from the index along `axis` to the parameter there."""

    def same(index: Any) -> Any:
        del index
        return value

    if not isinstance(value, te.Tensor):
        return same
    if value.ndim > 1:
        raise TypeMismatchError(
            "A scale or zero point has at most one dimension.", found=str(value.ndim)
        )
    if value.ndim == 1:
        single = constant(value.shape[0]) == 1
        if not single:
            require_equal(data.shape[axis], value.shape[0], "The axis and its scales")

        def along(index: Any) -> Any:
            return value(0 if single else index)

        return along

    def only(index: Any) -> Any:
        del index
        return value()

    return only


def quantize(
    data: te.Tensor, scale: Any, zero_point: Any, axis: int = -1, out_dtype: str = "int8"
) -> te.Tensor:
    """Floats as integers of `out_dtype`; what does not fit becomes the nearest that does."""
    if not data.dtype.is_float or not DataType(out_dtype).is_integer:
        raise TypeMismatchError(
            "quantize makes integers of floats.", found=f"{data.dtype} to {out_dtype}"
        )
    at = axis_of(axis, data.ndim) if data.ndim else 0
    scales, zeros = _parameter(scale, data, at), _parameter(zero_point, data, at)
    low, high = DataType(out_dtype).range()
    dtype = "float32" if data.dtype.bits < 32 else str(data.dtype)

    def element(*i: Any) -> Any:
        index = i[at] if i else None
        ratio = ar.cast_to(dtype, data(*i)) / ar.cast_to(dtype, ar.convert(scales(index)))
        value = tir.nearbyint(ratio) + ar.cast_to(dtype, ar.convert(zeros(index)))
        limited = ar.minimum(ar.maximum(value, float(low)), float(high))
        return ar.cast_to(out_dtype, limited)

    return te.compute(data.shape, element, "T_quantize", ELEMENTWISE)


def dequantize(
    data: te.Tensor, scale: Any, zero_point: Any, axis: int = -1, out_dtype: str = "float32"
) -> te.Tensor:
    """`(data - zero_point) * scale` in `out_dtype`."""
    if not DataType(out_dtype).is_float:
        raise TypeMismatchError("dequantize makes floats.", found=out_dtype)
    at = axis_of(axis, data.ndim) if data.ndim else 0
    scales, zeros = _parameter(scale, data, at), _parameter(zero_point, data, at)
    dtype = "float32" if DataType(out_dtype).bits < 32 else out_dtype

    def element(*i: Any) -> Any:
        index = i[at] if i else None
        distance = ar.cast_to(dtype, data(*i)) - ar.cast_to(dtype, ar.convert(zeros(index)))
        return ar.cast_to(out_dtype, distance * ar.cast_to(dtype, ar.convert(scales(index))))

    return te.compute(data.shape, element, "T_dequantize", ELEMENTWISE)
