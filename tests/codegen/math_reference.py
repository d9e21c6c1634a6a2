"""References for the math functions, and how many units in the last place a result is off."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import mpmath
import numpy as np
from scipy import special

LONG = np.longdouble
MANTISSA = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}
SMALLEST = {"float16": -24, "bfloat16": -133, "float32": -149, "float64": -1074}
LARGEST = {
    "float16": 65504.0,
    "bfloat16": float(ml_dtypes.finfo(ml_dtypes.bfloat16).max),
    "float32": float(np.finfo(np.float32).max),
    "float64": float(np.finfo(np.float64).max),
}


def _erf(x: np.ndarray) -> np.ndarray:
    if x.dtype != LONG:
        return special.erf(x)
    mpmath.mp.prec = 80
    return np.array([_long(mpmath.erf(float(v))) for v in x], LONG)


def _long(value: mpmath.mpf) -> np.longdouble:
    if not mpmath.isfinite(value):
        return LONG(float(value))
    high = float(value)
    return LONG(high) + LONG(float(value - mpmath.mpf(high)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    z = np.exp(-np.abs(x))
    return np.where(x < 0, z, 1) / (1 + z)


def _round(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.trunc(np.abs(x)) + (np.abs(x) - np.trunc(np.abs(x)) >= 0.5), x)


REFERENCES: dict[str, Callable[..., np.ndarray]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "exp10": lambda x: np.power(x.dtype.type(10), x),
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "erf": _erf,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "pow": np.power,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": _round,
    "nearbyint": np.rint,
    "fabs": np.abs,
    "fmod": np.fmod,
    "copysign": np.copysign,
    "hypot": np.hypot,
    "ldexp": np.ldexp,
}


def reference(name: str, dtype: str, *operands: np.ndarray) -> np.ndarray:
    """`name` of the operands, in a precision well beyond that of `dtype`."""
    wide = LONG if dtype == "float64" else np.float64
    with np.errstate(all="ignore"):
        return REFERENCES[name](*(x.astype(wide) if x.dtype.kind != "i" else x for x in operands))


def ulps(got: np.ndarray, want: np.ndarray, dtype: str) -> np.ndarray:
    """The distance in units in the last place of `want` in `dtype`.

    Infinite where one of the two is NaN or infinite and the other is not the same. A `want` beyond
    the largest value by up to half a unit may also have become infinity.
    """
    wide = want.dtype
    value = got.astype(wide)
    with np.errstate(all="ignore"):
        _, exponent = np.frexp(want)
        unit = np.ldexp(
            wide.type(1),
            np.maximum(exponent - 1 - MANTISSA[dtype], SMALLEST[dtype]).astype(np.int32),
        )
        far = np.abs(want) > LARGEST[dtype]
        capped = np.where(far & np.isinf(value) & (np.sign(value) == np.sign(want)), want, value)
        error = np.abs(capped - want) / unit
    error = np.where(capped == want, 0, error)
    error = np.where(np.isnan(want) & np.isnan(value), 0, error)
    return np.where(np.isnan(error), np.inf, error).astype(np.float64)
