"""Tensors from nothing, or from the shape of another one: constants, ranges, diagonals, windows."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import math
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.relax.op.inference import Inference, as_int, reshaped, simplified, tensor_of
from pellucid.relax.op.record import Number, Shape, Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy
from pellucid.tir import op as tir
from pellucid.topi import creation, elementwise


def _filled(shape: Any, value: Any, dtype: Any) -> te.Tensor:
    """Every element the value: a scalar expression, or the element of a tensor."""

    def element(*i: Any) -> Any:
        del i
        found = value() if isinstance(value, te.Tensor) else value
        return ar.cast_to(str(dtype), found)

    return te.compute(shape, element, name="T_full", tag="elemwise")


def _full_info(c: Inference) -> StructInfo:
    shape, value = c.shape("shape"), c.tensor("fill_value", (0,))
    dtype = c["dtype"] or value.dtype
    if shape.values is None and c.expr("shape").is_variable:
        return TensorStructInfo(c.expr("shape"), dtype)
    return tensor_of(shape.values, dtype, shape.ndim)


def _full_reference(shape: Any, fill_value: Any, dtype: str | None) -> Any:
    value = np.asarray(fill_value)
    return np.full(shape, value.astype(value.dtype if dtype is None else to_numpy(dtype)))


@op(
    "full",
    infer=_full_info,
    numpy=_full_reference,
    samples=[
        case(("n", 3), 1.5),
        case((2, 3), t(dtype="int32")),
        case((2,), 3, "float16"),
        case((), True),
    ],
    tolerance="exact",
    inline_scalars=True,
)
def full(shape: Shape, fill_value: Tensor, dtype: str | None = None) -> Any:
    """A tensor whose elements are all `fill_value`, which has no dimensions."""
    return _filled(shape, fill_value, dtype or fill_value.dtype)


def _full_like_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    c.tensor("fill_value", (0,))
    return TensorStructInfo(info.shape, c["dtype"] or info.dtype, ndim=info.ndim)


def _full_like_reference(x: Any, fill_value: Any, dtype: str | None) -> Any:
    return np.full(x.shape, np.asarray(fill_value).astype((dtype and to_numpy(dtype)) or x.dtype))


@op(
    "full_like",
    infer=_full_like_info,
    numpy=_full_like_reference,
    samples=[case(t("n", 3), 1.5), case(t(2, dtype="int32"), 2, "float32")],
    tolerance="exact",
    inline_scalars=True,
)
def full_like(x: Tensor, fill_value: Tensor, dtype: str | None = None) -> Any:
    """A tensor of the shape of `x` whose elements are all `fill_value`."""
    return _filled(x.shape, fill_value, dtype or x.dtype)


def _shaped_info(c: Inference) -> StructInfo:
    shape = c.shape("shape")
    if shape.values is None and c.expr("shape").is_variable:
        return TensorStructInfo(c.expr("shape"), c["dtype"])
    return tensor_of(shape.values, c["dtype"], shape.ndim)


def _of_other_dtype(c: Inference) -> StructInfo:
    info = c.tensor("x")
    return TensorStructInfo(info.shape, c["dtype"] or info.dtype, ndim=info.ndim)


@op(
    "ones",
    infer=_shaped_info,
    numpy=lambda shape, dtype: np.ones(shape, to_numpy(dtype)),
    samples=[case(("n", 3), "float32"), case((2,), "bool")],
    tolerance="exact",
)
def ones(shape: Shape, dtype: str = "float32") -> Any:
    """A tensor of ones."""
    return elementwise.full(shape, dtype, 1)


@op(
    "zeros",
    infer=_shaped_info,
    numpy=lambda shape, dtype: np.zeros(shape, to_numpy(dtype)),
    samples=[case(("n", 3), "float32"), case((), "int64"), case((2, 0), "int8")],
    tolerance="exact",
)
def zeros(shape: Shape, dtype: str = "float32") -> Any:
    """A tensor of zeros."""
    return elementwise.full(shape, dtype, 0)


def _np_like(value: int) -> Any:
    def reference(x: Any, dtype: str | None) -> Any:
        return np.full(x.shape, value, x.dtype if dtype is None else to_numpy(dtype))

    return reference


_LIKE = [case(t("n", 3)), case(t(2, dtype="int32"), "float16")]


@op("ones_like", infer=_of_other_dtype, numpy=_np_like(1), samples=_LIKE, tolerance="exact")
def ones_like(x: Tensor, dtype: str | None = None) -> Any:
    """Ones in the shape of `x`."""
    return elementwise.full(x.shape, dtype or x.dtype, 1)


@op("zeros_like", infer=_of_other_dtype, numpy=_np_like(0), samples=_LIKE, tolerance="exact")
def zeros_like(x: Tensor, dtype: str | None = None) -> Any:
    """Zeros in the shape of `x`."""
    return elementwise.full(x.shape, dtype or x.dtype, 0)


# Ranges


def _range_defaults(values: dict[str, Any]) -> None:
    """One bound alone is the end; the dtype follows from the numbers."""
    if values["end"] is None:
        values["start"], values["end"] = 0, values["start"]
    if values["dtype"] in (None, "", "void"):
        numbers = [values[each] for each in ("start", "end", "step")]
        values["dtype"] = "float32" if any(map(_is_float, numbers)) else "int64"


def _is_float(number: Any) -> bool:
    value = getattr(number, "value", number)
    kind = getattr(value, "dtype", None)
    return isinstance(value, float) or (isinstance(kind, DataType) and kind.is_float)


def _range_info(c: Inference) -> StructInfo:
    low, high, step = (c.number(each) for each in ("start", "end", "step"))
    if low is None or high is None or step is None:
        return tensor_of(None, c["dtype"], 1)
    numbers = [_constant(each) for each in (low, high, step)]
    known = [each for each in numbers if each is not None]
    if len(known) == 3:
        if known[2] == 0:
            raise c.error("step", "must not be 0.")
        return tensor_of([max(0, math.ceil((known[1] - known[0]) / known[2]))], c["dtype"])
    if as_int(step) == 1:
        return tensor_of([ar.maximum(simplified(high - low), 0)], c["dtype"])
    up = step - 1 if (as_int(step) or 1) > 0 else step + 1
    count = ar.floordiv(high - low + up, step)
    return tensor_of([ar.maximum(simplified(count), 0)], c["dtype"])


def _constant(value: Any) -> int | float | None:
    found = getattr(value, "value", None)
    return found if isinstance(found, int | float) else None


@op(
    "arange",
    infer=_range_info,
    numpy=lambda start, end, step, dtype: np.arange(start, end, step).astype(to_numpy(dtype)),
    samples=[
        case(5),
        case(1, 8, 3),
        case(5, 0, -2, "int32"),
        case(0.0, 1.0, 0.25),
        case(0, 4, 1, "float32"),
    ],
    prepare=_range_defaults,
)
def arange(
    start: Number, end: Number | None = None, step: Number = 1, dtype: str | None = None
) -> Any:
    """Numbers from `start` up to and without `end`, `step` apart; `arange(end)` starts at 0.

    The dtype is int64, or float32 when one of the numbers is a float.
    """
    return creation.arange(start, end, step, str(dtype))


def _eye_defaults(values: dict[str, Any]) -> None:
    if values["m"] is None:
        values["m"] = values["n"]


def _eye_info(c: Inference) -> StructInfo:
    rows, columns = c.number("n"), c.number("m")
    dims = None if rows is None or columns is None else (rows, columns)
    return tensor_of(dims, c["dtype"], 2)


@op(
    "eye",
    infer=_eye_info,
    numpy=lambda n, m, k, dtype: np.eye(n, m, k, to_numpy(dtype)),
    samples=[case(3), case(2, 4, 1), case(3, 3, -1, "int32")],
    tolerance="exact",
    prepare=_eye_defaults,
)
def eye(n: Number, m: Number | None = None, k: Number = 0, dtype: str = "float32") -> Any:
    """An (n, m) matrix with ones on the diagonal `k`, counted upwards from the main one."""
    return creation.eye(n, m, k, dtype)


def _eye_like_info(c: Inference) -> StructInfo:
    info = c.tensor("x", (2,))
    return TensorStructInfo(info.shape, c["dtype"] or info.dtype, ndim=2)


@op(
    "eye_like",
    infer=_eye_like_info,
    numpy=lambda x, k, dtype: np.eye(*x.shape, k, x.dtype if dtype is None else to_numpy(dtype)),
    samples=[case(t("n", 3)), case(t(3, 3), 1, "int32")],
    tolerance="exact",
)
def eye_like(x: Tensor, k: Number = 0, dtype: str | None = None) -> Any:
    """`eye` in the shape of `x`."""
    return creation.eye(x.shape[0], x.shape[1], k, str(dtype or x.dtype))


def _triangle_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    if info.ndim in (0, 1):
        raise c.error("x", "is no matrix.", "at least 2 dimensions", str(info.ndim))
    return info


_MATRICES = [
    case(t("n", 3)),
    case(t(2, "n", 3), 1),
    case(t(3, 3, dtype="int32"), -1),
]


@op(
    "tril", infer=_triangle_info, numpy=lambda x, k: np.tril(x, k), samples=_MATRICES,
    tolerance="exact",
)  # fmt: skip
def tril(x: Tensor, k: Number = 0) -> Any:
    """The elements on and below the diagonal `k` of the last two axes; zeros above."""
    return creation.tril(x, k)


@op(
    "triu", infer=_triangle_info, numpy=lambda x, k: np.triu(x, k), samples=_MATRICES,
    tolerance="exact",
)  # fmt: skip
def triu(x: Tensor, k: Number = 0) -> Any:
    """The elements on and above the diagonal `k` of the last two axes; zeros below."""
    return creation.triu(x, k)


def _linspace_info(c: Inference) -> StructInfo:
    if not isinstance(c["num"], int) or c["num"] < 0:
        raise c.error("num", "must be a count.", "an integer, at least 0", c["num"])
    return tensor_of([c["num"]], c["dtype"])


@op(
    "linspace",
    infer=_linspace_info,
    numpy=lambda start, stop, num, dtype: np.linspace(start, stop, num).astype(to_numpy(dtype)),
    samples=[case(0.0, 1.0, 5), case(-1.0, 1.0, 1), case(3.0, 0.0, 4, "float64")],
    tolerance="reduction",
)
def linspace(start: float, stop: float, num: int, dtype: str = "float32") -> Any:
    """`num` numbers from `start` to `stop`, both included, at equal distances."""
    return creation.linspace(start, stop, num, dtype)


# Windows


def _window_info(c: Inference) -> StructInfo:
    size = c.number("window_size")
    if size is None:
        return tensor_of(None, c["dtype"], 1)
    if (as_int(size) or 0) < 0:
        raise c.error("window_size", "must not be negative.", None, size)
    if not DataType(c["dtype"]).is_float:
        raise c.error("dtype", "must be a float.", "float32", c["dtype"])
    return tensor_of([size], c["dtype"])


def _np_hamming(window_size: int, periodic: bool, alpha: float, beta: float, dtype: str) -> Any:
    count = window_size if periodic else window_size - 1
    angle = 2 * np.pi * np.arange(window_size) / max(count, 1)
    return (alpha - beta * np.cos(angle)).astype(to_numpy(dtype))


@op(
    "hamming_window",
    infer=_window_info,
    numpy=_np_hamming,
    samples=[case(5), case(6, periodic=False), case(1), case(4, dtype="float64")],
    tolerance="reduction",
)
def hamming_window(
    window_size: Number,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    dtype: str = "float32",
) -> Any:
    """`alpha - beta · cos(2π·i / N)`; N is the size, or one less when not `periodic`."""
    return _cosine_window(window_size, periodic, alpha, beta, dtype)


def _cosine_window(size: Any, periodic: bool, alpha: float, beta: float, dtype: str) -> te.Tensor:
    wide = "float64" if dtype == "float64" else "float32"
    whole = size if periodic else size - 1
    count = ar.cast_to(wide, ar.maximum(whole, 1))

    def element(i: Any) -> Any:
        angle = ar.cast_to(wide, i) * ar.const(2 * math.pi, wide) / count
        return (ar.const(alpha, wide) - ar.const(beta, wide) * tir.cos(angle)).astype(dtype)

    return te.compute((size,), element, name="T_window")


def _np_hann(window_size: int, periodic: bool, dtype: str) -> Any:
    return _np_hamming(window_size, periodic, 0.5, 0.5, dtype)


@op(
    "hann_window",
    infer=_window_info,
    numpy=_np_hann,
    samples=[case(5), case(6, periodic=False)],
    tolerance="reduction",
)
def hann_window(window_size: Number, periodic: bool = True, dtype: str = "float32") -> Any:
    """`0.5 - 0.5 · cos(2π·i / N)`; N is the size, or one less when not `periodic`."""
    return _cosine_window(window_size, periodic, 0.5, 0.5, dtype)


# Diagonals


def _diagonal_info(c: Inference) -> StructInfo:
    info = c.tensor("x", (2,))
    dims = known_dims(info)
    offset = c["offset"]
    if dims is None:
        return reshaped(info, None, 1)
    rows = dims[0] if offset >= 0 else dims[0] + offset
    columns = dims[1] if offset <= 0 else dims[1] - offset
    return reshaped(info, [ar.maximum(ar.minimum(rows, columns), 0)])


@op(
    "diagonal",
    infer=_diagonal_info,
    numpy=lambda x, offset: np.diagonal(x, offset).copy(),
    samples=[case(t("n", 3)), case(t(3, 4), 1), case(t(3, 2), -1)],
    tolerance="exact",
)
def diagonal(x: Tensor, offset: int = 0) -> Any:
    """The elements on a diagonal of a matrix, counted upwards from the main one."""
    rows = x.shape[0] if offset >= 0 else x.shape[0] + offset
    columns = x.shape[1] if offset <= 0 else x.shape[1] - offset
    low, high = max(-offset, 0), max(offset, 0)

    def element(i: Any) -> Any:
        return x(i + low, i + high)

    count = ar.maximum(ar.minimum(rows, columns), 0)
    return te.compute((simplified(count),), element, name="T_diagonal")


def _diag_info(c: Inference) -> StructInfo:
    info = c.tensor("x", (1,))
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, 2)
    extent = dims[0] + abs(c["offset"])
    return reshaped(info, [extent, extent])


@op(
    "diag",
    infer=_diag_info,
    numpy=lambda x, offset: np.diag(x, offset),
    samples=[case(t("n")), case(t(2), 1), case(t(3, dtype="int32"), -1)],
    tolerance="exact",
)
def diag(x: Tensor, offset: int = 0) -> Any:
    """A square matrix with the elements of a vector on a diagonal, zeros elsewhere."""
    extent = x.shape[0] + abs(offset)
    low, high = max(-offset, 0), max(offset, 0)

    def element(i: Any, j: Any) -> Any:
        on = ar.logical_and(ar.eq(i - low, j - high), i >= low)
        inside = ar.logical_and(on, i - low < x.shape[0])
        return te.if_then_else(inside, x(ar.maximum(i - low, 0)), ar.const(0, x.dtype))

    return te.compute((extent, extent), element, name="T_diag")


__all__ = [
    "arange", "diag", "diagonal", "eye", "eye_like", "full", "full_like", "hamming_window",
    "hann_window", "linspace", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip
