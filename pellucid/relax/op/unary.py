"""Element-wise operators of one tensor: arithmetic, rounding, exponentials, trigonometry, tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import Sample, case, t
from pellucid.runtime.dtypes import to_numpy
from pellucid.tir import op as tir
from pellucid.topi import elementwise

FLOATS = rules.FLOATS
NUMBERS = rules.NUMBERS
Build = Callable[..., Call]

_EDGES = [0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan"), 0.5]


def _unary(
    name: str,
    numpy: Callable[[Any], Any],
    lower: Callable[[te.Tensor], te.Tensor],
    doc: str,
    samples: Sequence[Sample] | None = None,
    kinds: Sequence[str] = FLOATS,
    dtype: str | None = None,
    tolerance: str = "math",
) -> Build:
    """The operator that applies a function of one number to every element of `x`."""

    def function(x: Tensor) -> Any:
        return lower(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return op(
        name,
        infer=rules.like("x", *kinds, dtype=dtype),
        numpy=numpy,
        samples=_floats() if samples is None else samples,
        tolerance=tolerance,
    )(function)


def _floats(low: float = -2.0, high: float = 2.0, edges: Sequence[float] = _EDGES) -> list[Sample]:
    """Samples of float tensors between two bounds, and of special values."""
    return [
        case(t("n", 3, low=low, high=high)),
        case(t(4, dtype="float64", low=low, high=high)),
        case(t(2, 1, 3, dtype="float16", low=low, high=high)),
        case(t(values=edges)),
    ]


def _any_number() -> list[Sample]:
    """Samples of floats, integers and a tensor of no dimensions."""
    return [
        case(t("n", 3)),
        case(t(5, dtype="int32")),
        case(t(2, 2, dtype="int8")),
        case(t(dtype="float64")),
    ]


def _made(name: str, function: Callable[[Any], Any]) -> Callable[[te.Tensor], te.Tensor]:
    return elementwise.unary(name, function, "")


# Arithmetic


def _np_sign(x: Any) -> Any:
    return np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)


def _reciprocal(x: Any) -> Any:
    return ar.div(ar.const(1, x.dtype), x)


def _square(x: Any) -> Any:
    return x * x


abs = _unary(
    "abs", np.abs, elementwise.abs, "The absolute value.", _any_number(), NUMBERS, None, "exact"
)
negative = _unary(
    "negative", np.negative, elementwise.negative, "Minus every element.",
    _any_number(), NUMBERS, None, "exact",
)  # fmt: skip
sign = _unary(
    "sign", _np_sign, elementwise.sign, "-1, 0 or 1 by the sign; 0 for NaN.",
    [*_any_number(), case(t(4, dtype="uint8"))], NUMBERS, None, "exact",
)  # fmt: skip
square = _unary(
    "square", np.square, _made("square", _square), "Every element times itself.",
    _any_number(), NUMBERS, None, "arithmetic",
)  # fmt: skip
reciprocal = _unary(
    "reciprocal", np.reciprocal, _made("reciprocal", _reciprocal), "One over every element.",
    _floats(0.5, 2.0), FLOATS, None, "arithmetic",
)  # fmt: skip
sqrt = _unary("sqrt", np.sqrt, elementwise.sqrt, "The square root; NaN below zero.", _floats(0))
rsqrt = _unary(
    "rsqrt", lambda x: (1 / np.sqrt(x)).astype(x.dtype), elementwise.rsqrt,
    "One over the square root.", _floats(0.1),
)  # fmt: skip

# Rounding


def _np_half_away(x: Any) -> Any:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(x.dtype.type(1), x), whole)


_ROUNDED = [
    *_floats(-5, 5),
    case(t(values=[0.5, 1.5, 2.5, -0.5, -1.5, 3.0])),
    case(t(3, dtype="int32")),
]


def _rounding(name: str, numpy: Callable[[Any], Any], lower: Callable[..., Any], doc: str) -> Build:
    def reference(x: Any) -> Any:
        return numpy(x).astype(x.dtype) if x.dtype.kind not in "iu" else x

    return _unary(name, reference, lower, doc, _ROUNDED, NUMBERS, None, "exact")


ceil = _rounding("ceil", np.ceil, elementwise.ceil, "The least integer that is not below.")
floor = _rounding("floor", np.floor, elementwise.floor, "The largest integer that is not above.")
trunc = _rounding("trunc", np.trunc, elementwise.trunc, "The integer towards zero.")
round = _rounding(
    "round", _np_half_away, elementwise.round, "The nearest integer; halves go away from zero."
)
nearbyint = _rounding(
    "nearbyint", np.rint, _made("nearbyint", tir.nearbyint),
    "The nearest integer; halves go to the even one.",
)  # fmt: skip

# Exponentials and logarithms


def _np_sigmoid(x: Any) -> Any:
    return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(x.dtype)


def _np_erf(x: Any) -> Any:
    wide = x.astype(np.float64)
    return np.array([math.erf(each) for each in wide.flat]).reshape(x.shape).astype(x.dtype)


exp = _unary(
    "exp", np.exp, elementwise.exp, "e to the power of every element.",
    [*_floats(), case(t(2, 3, dtype="bfloat16")), case(t(3, dtype="float8_e4m3fn"))],
)  # fmt: skip
exp2 = _unary("exp2", np.exp2, _made("exp2", tir.exp2), "2 to the power of every element.")
expm1 = _unary("expm1", np.expm1, _made("expm1", tir.expm1), "exp(x) - 1, accurate near zero.")
log = _unary("log", np.log, elementwise.log, "The natural logarithm; NaN below zero.", _floats(0.1))
log2 = _unary("log2", np.log2, elementwise.log2, "The logarithm to base 2.", _floats(0.1))
log10 = _unary("log10", np.log10, elementwise.log10, "The logarithm to base 10.", _floats(0.1))
log1p = _unary(
    "log1p", np.log1p, _made("log1p", tir.log1p), "log(1 + x), accurate near zero.", _floats(-0.9)
)
sigmoid = _unary("sigmoid", _np_sigmoid, elementwise.sigmoid, "1 / (1 + exp(-x)).")
erf = _unary("erf", _np_erf, elementwise.erf, "The error function.")

# Trigonometry

_FINITE = [0.0, -0.0, 1.0, -1.0, 0.5, float("nan")]
_UNIT = _floats(-1, 1, _FINITE)

sin = _unary("sin", np.sin, elementwise.sin, "The sine; radians.", _floats(-7, 7))
cos = _unary("cos", np.cos, elementwise.cos, "The cosine; radians.", _floats(-7, 7))
tan = _unary("tan", np.tan, elementwise.tan, "The tangent; radians.", _floats(-1.4, 1.4, _FINITE))
sinh = _unary("sinh", np.sinh, elementwise.sinh, "The hyperbolic sine.")
cosh = _unary("cosh", np.cosh, elementwise.cosh, "The hyperbolic cosine.")
tanh = _unary("tanh", np.tanh, elementwise.tanh, "The hyperbolic tangent.")
asin = _unary("asin", np.arcsin, elementwise.asin, "The arc sine; NaN outside [-1, 1].", _UNIT)
acos = _unary("acos", np.arccos, elementwise.acos, "The arc cosine; NaN outside [-1, 1].", _UNIT)
atan = _unary("atan", np.arctan, elementwise.atan, "The arc tangent.")
asinh = _unary("asinh", np.arcsinh, elementwise.asinh, "The inverse hyperbolic sine.")
acosh = _unary(
    "acosh", np.arccosh, elementwise.acosh, "The inverse hyperbolic cosine; NaN below 1.",
    _floats(1, 4),
)  # fmt: skip
atanh = _unary(
    "atanh", np.arctanh, elementwise.atanh, "The inverse hyperbolic tangent; NaN outside [-1, 1].",
    _floats(-0.9, 0.9),
)  # fmt: skip

# Tests and logic

_SPECIAL = [case(t(values=_EDGES)), case(t("n", 3)), case(t(3, dtype="float16"))]
_BOOLS = [case(t("n", 3, dtype="bool")), case(t(2, dtype="bool"))]
_BITS = [case(t("n", 3, dtype="int32")), case(t(4, dtype="uint8")), case(t(2, dtype="bool"))]

isfinite = _unary(
    "isfinite", np.isfinite, elementwise.isfinite, "Whether neither infinite nor NaN.",
    _SPECIAL, FLOATS, "bool", "exact",
)  # fmt: skip
isinf = _unary(
    "isinf", np.isinf, elementwise.isinf, "Whether infinite.", _SPECIAL, FLOATS, "bool", "exact"
)
isnan = _unary(
    "isnan", np.isnan, elementwise.isnan, "Whether NaN.", _SPECIAL, FLOATS, "bool", "exact"
)
logical_not = _unary(
    "logical_not", np.logical_not, elementwise.logical_not, "Whether false.",
    _BOOLS, ("bool",), "bool", "exact",
)  # fmt: skip
bitwise_not = _unary(
    "bitwise_not", np.invert, elementwise.bitwise_not, "Every bit inverted.",
    _BITS, ("int", "uint", "bool"), None, "exact",
)  # fmt: skip


# Casts and bounds


def _cast_reference(x: Any, dtype: str) -> Any:
    """Floats become integers towards zero, within the range; NaN becomes 0."""
    kind = to_numpy(dtype)
    if kind.kind in "iu" and x.dtype.kind not in "iub":
        info = np.iinfo(kind)
        whole = np.nan_to_num(
            np.trunc(x.astype(np.float64)), nan=0, posinf=2.0**70, neginf=-(2.0**70)
        )
        found = [min(max(int(each), info.min), info.max) for each in whole.flat]
        return np.array(found, kind).reshape(x.shape)
    if kind.kind == "b":
        return x != 0
    return x.astype(kind)


def _cast_info(c: Any) -> Any:
    info = c.tensor("x")
    return type(info)(info.shape, c["dtype"], info.vdevice, info.ndim)


@op(
    "astype",
    infer=_cast_info,
    numpy=_cast_reference,
    samples=[
        case(t("n", 3), "float64"),
        case(t(values=[1.7, -1.7, 300.0, float("nan"), -1e20]), "int8"),
        case(t(3, dtype="int32"), "float32"),
        case(t(4, dtype="bool"), "int32"),
        case(t(4, dtype="int32"), "bool"),
        case(t(3, 2), "float16"),
        case(t(3, 2), "bfloat16"),
        case(t(3), "float32"),
    ],
    tolerance="exact",
)
def astype(x: Tensor, dtype: str) -> Any:
    """Every element converted to `dtype`: floats become integers by rounding towards zero."""
    return elementwise.cast(x, dtype)


def _clip_reference(x: Any, min: float, max: float) -> Any:
    return np.minimum(np.maximum(x, np.asarray(min, x.dtype)), np.asarray(max, x.dtype))


@op(
    "clip",
    infer=rules.like("x", *NUMBERS),
    numpy=_clip_reference,
    samples=[
        case(t("n", 5), -1.0, 1.0),
        case(t(6, dtype="int32"), 0, 6),
        case(t(3, dtype="float16"), 0, 0.5),
    ],
    tolerance="exact",
)
def clip(x: Tensor, min: float, max: float) -> Any:
    """Every element brought between `min` and `max`."""
    return elementwise.clip(x, min, max)


def _reinterpret_info(c: Any) -> Any:
    info = c.tensor("x")
    bits = to_numpy(c["dtype"]).itemsize
    if info.dtype != "" and to_numpy(info.dtype).itemsize != bits:
        raise c.error("dtype", "has another size.", f"{info.dtype.bytes} bytes", c["dtype"])
    return type(info)(info.shape, c["dtype"], info.vdevice, info.ndim)


def _reinterpret_reference(x: Any, dtype: str) -> Any:
    return np.ascontiguousarray(x).view(to_numpy(dtype)).reshape(x.shape)


@op(
    "reinterpret",
    infer=_reinterpret_info,
    numpy=_reinterpret_reference,
    samples=[case(t("n", 3), "int32"), case(t(3, dtype="int16"), "uint16")],
    tolerance="exact",
)
def reinterpret(x: Tensor, dtype: str) -> Any:
    """The bits of every element read as another dtype of the same size."""
    return elementwise.reinterpret(x, dtype)


__all__ = [
    "abs", "acos", "acosh", "asin", "asinh", "astype", "atan", "atanh", "bitwise_not", "ceil",
    "clip", "cos", "cosh", "erf", "exp", "exp2", "expm1", "floor", "isfinite", "isinf", "isnan",
    "log", "log1p", "log2", "log10", "logical_not", "nearbyint", "negative", "reciprocal",
    "reinterpret", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc",
]  # fmt: skip
