"""Element by element, of one tensor: math functions, casts, clipping, filling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import DataType
from pellucid.tir import op as tir

ELEMENTWISE = "elemwise"


def unary(name: str, function: Callable[[Any], Any], doc: str) -> Callable[..., Any]:
    """The operator `name` that applies `function` to every element."""

    def operator(x: te.Tensor) -> te.Tensor:
        def element(*i: Any) -> Any:
            return function(x(*i))

        return te.compute(x.shape, element, name="compute", tag=ELEMENTWISE)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = doc
    return operator


def _math(name: str, what: str) -> Callable[..., Any]:
    return unary(name, getattr(tir, name), f"{what} of every element; the shape of `x` is kept.")


abs = _math("abs", "The absolute value")
acos = _math("acos", "The arc cosine, in radians,")
acosh = _math("acosh", "The inverse hyperbolic cosine")
asin = _math("asin", "The arc sine, in radians,")
asinh = _math("asinh", "The inverse hyperbolic sine")
atan = _math("atan", "The arc tangent, in radians,")
atanh = _math("atanh", "The inverse hyperbolic tangent")
ceil = _math("ceil", "The least integer not below")
cos = _math("cos", "The cosine (radians)")
cosh = _math("cosh", "The hyperbolic cosine")
erf = _math("erf", "The error function")
exp = _math("exp", "e to the power")
floor = _math("floor", "The largest integer not above")
isfinite = _math("isfinite", "Whether it is finite,")
isinf = _math("isinf", "Whether it is infinite,")
isnan = _math("isnan", "Whether it is NaN,")
log = _math("log", "The natural logarithm")
log2 = _math("log2", "The logarithm to base 2")
log10 = _math("log10", "The logarithm to base 10")
round = _math("round", "The nearest integer, halves away from zero,")
rsqrt = _math("rsqrt", "One over the square root")
sigmoid = _math("sigmoid", "1 / (1 + exp(-x))")
sin = _math("sin", "The sine (radians)")
sinh = _math("sinh", "The hyperbolic sine")
sqrt = _math("sqrt", "The square root")
tan = _math("tan", "The tangent (radians)")
tanh = _math("tanh", "The hyperbolic tangent")
trunc = _math("trunc", "The integer towards zero")
negative = unary("negative", lambda x: -x, "Minus every element.")
identity = unary("identity", lambda x: x, "Every element as it is.")
logical_not = unary("logical_not", ar.logical_not, "Whether every element is false.")
bitwise_not = unary("bitwise_not", ar.bitwise_not, "Every bit of every element inverted.")


def _sign(x: Any) -> Any:
    zero, one = ar.const(0, x.dtype), ar.const(1, x.dtype)
    positive = ar.select(x > zero, one, zero)
    if x.dtype.is_uint or x.dtype.is_bool:
        return positive
    return ar.select(x < zero, ar.const(-1, x.dtype), positive)


sign = unary("sign", _sign, "-1, 0 or 1, by the sign of every element.")


def cast(x: te.Tensor, dtype: str, span: Any = None) -> te.Tensor:
    """Every element converted to `dtype`."""
    del span

    def element(*i: Any) -> Any:
        return ar.cast_to(dtype, x(*i))

    return te.compute(x.shape, element, name="T_cast", tag=ELEMENTWISE)


def reinterpret(x: te.Tensor, dtype: str) -> te.Tensor:
    """The bits of every element read as `dtype`, of the same size."""

    def element(*i: Any) -> Any:
        return tir.reinterpret(dtype, x(*i))

    return te.compute(x.shape, element, name="T_reinterpret", tag=ELEMENTWISE)


def clip(x: te.Tensor, a_min: Any, a_max: Any) -> te.Tensor:
    """Every element brought between `a_min` and `a_max`."""

    def element(*i: Any) -> Any:
        low, high = ar.const(a_min, x.dtype), ar.const(a_max, x.dtype)
        return ar.maximum(ar.minimum(x(*i), high), low)

    return te.compute(x.shape, element, name="compute", tag=ELEMENTWISE)


def full(shape: Any, dtype: str, fill_value: Any) -> te.Tensor:
    """A tensor of `shape` whose elements are all `fill_value`."""

    def element(*i: Any) -> Any:
        del i
        return ar.const(fill_value, DataType(dtype))

    return te.compute(shape, element, name="T_full", tag=ELEMENTWISE)


def full_like(x: te.Tensor, fill_value: Any) -> te.Tensor:
    """A tensor like `x` whose elements are all `fill_value`."""
    return full(x.shape, x.dtype, fill_value)


def elemwise_sum(xs: Any) -> te.Tensor:
    """The sum of tensors of one shape, element by element."""
    tensors = list(xs)

    def element(*i: Any) -> Any:
        total = tensors[0](*i)
        for each in tensors[1:]:
            total = total + each(*i)
        return total

    return te.compute(tensors[0].shape, element, name="T_elemwise_sum", tag=ELEMENTWISE)
