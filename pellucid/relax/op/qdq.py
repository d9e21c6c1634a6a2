"""Between floats and small integers: `q = clip(round(x / scale) + zero_point)` and back."""

from __future__ import annotations

from typing import Any

from pellucid import topi
from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.relax.op.inference import Inference, as_int
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy


def _parameters_fit(c: Inference) -> None:
    info = c.tensor("data")
    axis = c.axis("axis", info.ndim) if info.ndim > 0 else 0
    dims = known_dims(info)
    for name in ("scale", "zero_point"):
        parameter = c.tensor(name, (0, 1))
        found = known_dims(parameter)
        if found and dims is not None and as_int(found[0]) != 1:
            c.require_equal(name, "does not fit the axis.", dims[axis], found[0])
    c.require_float("scale")
    zero = c.tensor("zero_point").dtype
    if zero != UNKNOWN and not (zero.is_integer or zero.is_float):
        raise c.error("zero_point", "must be a number.", "integers or floats", str(zero))


def _spread(value: Any, data: Any, axis: int) -> Any:
    shape = [1] * data.ndim
    if value.ndim == 1 and data.ndim:
        shape[axis] = -1
    return value.reshape(shape)


def _quantize_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    if not DataType(c["out_dtype"]).is_integer:
        raise c.error("out_dtype", "must be an integer type.", '"int8"', c["out_dtype"])
    _parameters_fit(c)
    return TensorStructInfo(info.shape, c["out_dtype"], ndim=info.ndim)


def _np_quantize(data: Any, scale: Any, zero_point: Any, axis: int, out_dtype: str) -> Any:
    kind = np.dtype(out_dtype)
    wide = np.float64 if data.dtype == np.float64 else np.float32
    ratio = data.astype(wide) / _spread(scale, data, axis).astype(wide)
    value = np.rint(ratio) + _spread(zero_point, data, axis).astype(wide)
    limits = np.iinfo(kind)
    return np.clip(value, limits.min, limits.max).astype(kind)


@op(
    "quantize",
    infer=_quantize_info,
    numpy=_np_quantize,
    samples=[
        case(t("n", 3), t(low=0.05, high=0.1), t(dtype="int8")),
        case(t(2, 3), t(3, low=0.01, high=0.02), t(3, dtype="int8"), axis=1),
        case(t(2, 3), t(2, low=0.01, high=0.02), t(1, dtype="uint8"), 0, "uint8"),
    ],
    tolerance="exact",
)
def quantize(
    data: Tensor, scale: Tensor, zero_point: Tensor, axis: int = -1, out_dtype: str = "int8"
) -> Any:
    """Floats as integers; halves go to the even one, and what does not fit becomes the nearest that
    does. Scale and zero point have no dimension, or one along `axis`.
    """
    return topi.nn.quantize(data, scale, zero_point, axis, out_dtype)


def _dequantize_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    if not DataType(c["out_dtype"]).is_float:
        raise c.error("out_dtype", "must be a float.", '"float32"', c["out_dtype"])
    _parameters_fit(c)
    return TensorStructInfo(info.shape, c["out_dtype"], ndim=info.ndim)


def _np_dequantize(data: Any, scale: Any, zero_point: Any, axis: int, out_dtype: str) -> Any:
    distance = data.astype(np.float64) - _spread(zero_point, data, axis).astype(np.float64)
    found = distance * _spread(scale, data, axis).astype(np.float64)
    return found.astype(to_numpy(out_dtype))


@op(
    "dequantize",
    infer=_dequantize_info,
    numpy=_np_dequantize,
    samples=[
        case(t("n", 3, dtype="int8"), t(low=0.05, high=0.1), t(dtype="int8")),
        case(t(2, 3, dtype="uint8"), t(3, low=0.01, high=0.02), t(3, dtype="uint8"), axis=1),
        case(t(2, dtype="int32"), t(), t(dtype="int32"), out_dtype="float16"),
    ],
)
def dequantize(
    data: Tensor, scale: Tensor, zero_point: Tensor, axis: int = -1, out_dtype: str = "float32"
) -> Any:
    """`(data - zero_point) · scale`. Scale and zero point have no dimension, or one along
    `axis`.
    """
    return topi.nn.dequantize(data, scale, zero_point, axis, out_dtype)


__all__ = ["dequantize", "quantize"]
