"""Activations, element by element; the shape and dtype are kept.

All but `relu`, `leaky_relu` and `prelu` take floats; narrower floats than float32 are computed in
float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.shapes import axis_of, constant, require_equal

ELEMENTWISE = "elemwise"


def relu(x: te.Tensor) -> te.Tensor:
    """max(x, 0)."""

    def element(*i: Any) -> Any:
        return ar.maximum(x(*i), ar.const(0, x.dtype))

    return te.compute(x.shape, element, "compute", ELEMENTWISE)


def leaky_relu(x: te.Tensor, alpha: float) -> te.Tensor:
    """x where it is positive, else alpha · x."""

    def element(*i: Any) -> Any:
        value = x(*i)
        return ar.select(value > ar.const(0, x.dtype), value, value * ar.const(alpha, x.dtype))

    return te.compute(x.shape, element, "compute", ELEMENTWISE)


def prelu(x: te.Tensor, slope: te.Tensor, axis: int = 1) -> te.Tensor:
    """x where it is positive, else slope · x; `slope` has one element for each channel (`axis`), or
    a single one for all.
    """
    if slope.ndim != 1:
        raise TypeMismatchError(
            "The slope of prelu has one dimension.", expected="1", found=str(slope.ndim)
        )
    single = constant(slope.shape[0]) == 1
    at = axis_of(axis, x.ndim)
    if not single:
        require_equal(x.shape[at], slope.shape[0], "The channels and the slopes")

    def element(*i: Any) -> Any:
        value = x(*i)
        factor = slope(0 if single else i[at])
        return ar.select(value > ar.const(0, x.dtype), value, value * factor)

    return te.compute(x.shape, element, "compute", ELEMENTWISE)


def _activation(
    name: str, function: Callable[..., Any], doc: str, **defaults: float
) -> Callable[..., Any]:
    def operator(x: te.Tensor, *values: float, **named: float) -> te.Tensor:
        if not x.dtype.is_float:
            raise TypeMismatchError(
                f"{name} takes floats.", found=str(x.dtype), cure="cast the tensor first"
            )
        options = {**defaults, **dict(zip(defaults, values, strict=False)), **named}
        if len(values) > len(defaults) or set(options) != set(defaults):
            raise TypeMismatchError(
                f"{name} takes other options.",
                expected=", ".join(defaults) or "none",
                found=", ".join(map(str, [*values, *named])),
            )
        dtype = "float32" if x.dtype.bits < 32 else str(x.dtype)

        def element(*i: Any) -> Any:
            return ar.cast_to(x.dtype, function(ar.cast_to(dtype, x(*i)), **options))

        return te.compute(x.shape, element, f"T_{name}", ELEMENTWISE)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = doc
    return operator


def _gelu(x: Any) -> Any:
    return x * 0.5 * (tir.erf(x * math.sqrt(0.5)) + 1.0)


def _gelu_tanh(x: Any) -> Any:
    return x * 0.5 * (tir.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)


def _elu(x: Any, alpha: float) -> Any:
    return ar.select(x > 0.0, x, tir.expm1(ar.minimum(x, 0.0)) * alpha)


def _selu(x: Any, alpha: float, gamma: float) -> Any:
    return _elu(x, alpha) * gamma


def _celu(x: Any, alpha: float) -> Any:
    return ar.select(x > 0.0, x, tir.expm1(ar.minimum(x, 0.0) / alpha) * alpha)


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    scaled = x * beta
    smooth = ar.maximum(scaled, 0.0) + tir.log1p(tir.exp(ar.neg(tir.abs(scaled))))
    return ar.select(scaled > threshold, x, smooth / beta)


def _mish(x: Any) -> Any:
    return x * tir.tanh(_softplus(x, 1.0, 20.0))


def _hard_sigmoid(x: Any) -> Any:
    return ar.minimum(ar.maximum(x + 3.0, 0.0), 6.0) / 6.0


def _hard_tanh(x: Any, min_val: float, max_val: float) -> Any:
    return ar.minimum(ar.maximum(x, min_val), max_val)


def _shrink(x: Any, lambd: float) -> Any:
    return ar.select(x > lambd, x - lambd, ar.select(x < -lambd, x + lambd, x * 0.0))


def _hard_shrink(x: Any, lambd: float) -> Any:
    return ar.select(tir.abs(x) > lambd, x, x * 0.0)


def _silu(x: Any) -> Any:
    return x * tir.sigmoid(x)


def _softsign(x: Any) -> Any:
    return x / (tir.abs(x) + 1.0)


def _log_sigmoid(x: Any) -> Any:
    return ar.neg(_softplus(ar.neg(x), 1.0, 20.0))


def _hard_swish(x: Any) -> Any:
    return x * _hard_sigmoid(x)


def _relu6(x: Any) -> Any:
    return ar.minimum(ar.maximum(x, 0.0), 6.0)


gelu = _activation("gelu", _gelu, "x · Φ(x), with the error function.")
gelu_tanh = _activation("gelu_tanh", _gelu_tanh, "x · Φ(x), approximated by a tanh.")
silu = _activation("silu", _silu, "x · sigmoid(x).")
elu = _activation("elu", _elu, "x where positive, else alpha · (exp(x) - 1).", alpha=1.0)
selu = _activation(
    "selu",
    _selu,
    "gamma · elu(x, alpha).",
    alpha=1.6732632423543772,
    gamma=1.0507009873554805,
)
celu = _activation("celu", _celu, "x where positive, else alpha · (exp(x / alpha) - 1).", alpha=1.0)
softplus = _activation(
    "softplus",
    _softplus,
    "log(1 + exp(beta · x)) / beta; x itself where beta · x is above the threshold.",
    beta=1.0,
    threshold=20.0,
)
softsign = _activation("softsign", _softsign, "x / (1 + |x|).")
mish = _activation("mish", _mish, "x · tanh(softplus(x)).")
log_sigmoid = _activation("log_sigmoid", _log_sigmoid, "log(sigmoid(x)).")
hard_sigmoid = _activation("hard_sigmoid", _hard_sigmoid, "min(max(x + 3, 0), 6) / 6.")
hard_swish = _activation("hard_swish", _hard_swish, "x · hard_sigmoid(x).")
hard_tanh = _activation(
    "hard_tanh", _hard_tanh, "x brought between min_val and max_val.", min_val=-1.0, max_val=1.0
)
soft_shrink = _activation(
    "soft_shrink", _shrink, "x moved towards 0 by lambd, and 0 between.", lambd=0.5
)
hard_shrink = _activation("hard_shrink", _hard_shrink, "x, and 0 where |x| <= lambd.", lambd=0.5)
relu6 = _activation("relu6", _relu6, "min(max(x, 0), 6).")
