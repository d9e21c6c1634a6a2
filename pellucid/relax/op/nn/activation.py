"""Activations: element by element, and softmax along an axis."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int, simplified
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import Sample, case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.tir import op as tir
from pellucid.topi.nn import activation as te_nn
from pellucid.topi.nn.softmax import log_softmax as te_log_softmax
from pellucid.topi.nn.softmax import softmax as te_softmax

FLOATS = rules.FLOATS
Build = Callable[..., Call]

_SAMPLES = [
    case(t("n", 4, low=-4, high=4)),
    case(t(5, dtype="float64", low=-4, high=4)),
    case(t(2, 3, dtype="float16", low=-4, high=4)),
    case(t(values=[0.0, -0.0, 25.0, -25.0, 1.0])),
]


def _plain(
    name: str,
    numpy: Callable[[Any], Any],
    lower: Callable[..., Any],
    doc: str,
    samples: Sequence[Sample] = _SAMPLES,
    kinds: tuple[str, ...] = FLOATS,
    tolerance: str = "reduction",
) -> Build:
    """An activation without parameters."""

    def function(data: Tensor) -> Any:
        return lower(data)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return op(
        f"nn.{name}",
        infer=rules.like("data", *kinds),
        numpy=widened(numpy),
        samples=samples,
        tolerance=tolerance,
    )(function)


def _np_sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _np_erf(x: Any) -> Any:
    return np.array([math.erf(each) for each in x.flat]).reshape(x.shape)


def _np_softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    smooth = np.logaddexp(0, x * beta) / beta
    return np.where(x * beta > threshold, x, smooth)


def _np_hard_sigmoid(x: Any) -> Any:
    return np.clip(x + 3, 0, 6) / 6


def _np_gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


relu = _plain(
    "relu", lambda x: np.maximum(x, 0), te_nn.relu, "max(x, 0).",
    [*_SAMPLES, case(t(4, dtype="int32"))], rules.NUMBERS, "exact",
)  # fmt: skip
relu6 = _plain(
    "relu6", lambda x: np.clip(x, 0, 6), te_nn.relu6, "min(max(x, 0), 6).", tolerance="exact"
)
gelu = _plain(
    "gelu", lambda x: 0.5 * x * (1 + _np_erf(x / math.sqrt(2))), te_nn.gelu,
    "x · Φ(x), Φ the distribution function of the normal distribution.",
)  # fmt: skip
gelu_tanh = _plain("gelu_tanh", _np_gelu_tanh, te_nn.gelu_tanh, "`gelu` approximated by a tanh.")
silu = _plain("silu", lambda x: x * _np_sigmoid(x), te_nn.silu, "x · sigmoid(x).")
mish = _plain("mish", lambda x: x * np.tanh(_np_softplus(x)), te_nn.mish, "x · tanh(softplus(x)).")
softsign = _plain("softsign", lambda x: x / (1 + np.abs(x)), te_nn.softsign, "x / (1 + |x|).")
log_sigmoid = _plain(
    "log_sigmoid", lambda x: -_np_softplus(-x), te_nn.log_sigmoid, "log(sigmoid(x))."
)
hard_sigmoid = _plain(
    "hard_sigmoid", _np_hard_sigmoid, te_nn.hard_sigmoid, "min(max(x + 3, 0), 6) / 6."
)
hard_swish = _plain(
    "hard_swish", lambda x: x * _np_hard_sigmoid(x), te_nn.hard_swish, "x · hard_sigmoid(x)."
)

# With parameters


@op(
    "nn.leakyrelu",
    infer=rules.like("data", *FLOATS),
    numpy=widened(lambda data, alpha: np.where(data > 0, data, data * alpha)),
    samples=[case(t("n", 4)), case(t(3, dtype="float16"), 0.25)],
)
def leakyrelu(data: Tensor, alpha: float = 0.01) -> Any:
    """x where it is positive, else alpha · x."""
    return te_nn.leaky_relu(data, alpha)


leaky_relu = leakyrelu


@op(
    "nn.elu",
    infer=rules.like("data", *FLOATS),
    numpy=widened(lambda data, alpha: np.where(data > 0, data, alpha * np.expm1(data))),
    samples=[case(t("n", 4)), case(t(3), 0.5)],
    tolerance="reduction",
)
def elu(data: Tensor, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha · (exp(x) - 1)."""
    return te_nn.elu(data, alpha)


@op(
    "nn.celu",
    infer=rules.like("data", *FLOATS),
    numpy=widened(
        lambda data, alpha: np.where(data > 0, data, alpha * np.expm1(np.minimum(data, 0) / alpha))
    ),
    samples=[case(t("n", 4)), case(t(3), 0.5)],
    tolerance="reduction",
)
def celu(data: Tensor, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha · (exp(x / alpha) - 1)."""
    return te_nn.celu(data, alpha)


_SELU = (1.6732632423543772, 1.0507009873554805)


@op(
    "nn.selu",
    infer=rules.like("data", *FLOATS),
    numpy=widened(
        lambda data: _SELU[1] * np.where(data > 0, data, _SELU[0] * np.expm1(np.minimum(data, 0)))
    ),
    samples=_SAMPLES,
    tolerance="reduction",
)
def selu(data: Tensor) -> Any:
    """The scaled elu that keeps mean 0 and variance 1."""
    return te_nn.selu(data)


@op(
    "nn.softplus",
    infer=rules.like("data", *FLOATS),
    numpy=widened(lambda data, beta, threshold: _np_softplus(data, beta, threshold)),
    samples=[case(t("n", 4)), case(t(values=[30.0, -30.0, 0.0])), case(t(3), 2.0, 1.0)],
    tolerance="reduction",
)
def softplus(data: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta · x)) / beta; x itself where beta · x is above the threshold."""
    return te_nn.softplus(data, beta, threshold)


@op(
    "nn.hard_tanh",
    infer=rules.like("data", *FLOATS),
    numpy=widened(lambda data, min_val, max_val: np.clip(data, min_val, max_val)),
    samples=[case(t("n", 4)), case(t(3), -0.5, 0.25)],
    tolerance="exact",
)
def hard_tanh(data: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x brought between two bounds."""
    return te_nn.hard_tanh(data, min_val, max_val)


def _np_soft_shrink(data: Any, lambd: float) -> Any:
    return np.where(data > lambd, data - lambd, np.where(data < -lambd, data + lambd, data * 0))


@op(
    "nn.soft_shrink",
    infer=rules.like("data", *FLOATS),
    numpy=widened(_np_soft_shrink),
    samples=[case(t("n", 4)), case(t(3), 0.25)],
)
def soft_shrink(data: Tensor, lambd: float = 0.5) -> Any:
    """x moved towards 0 by `lambd`, and 0 between."""
    return te_nn.soft_shrink(data, lambd)


@op(
    "nn.hard_shrink",
    infer=rules.like("data", *FLOATS),
    numpy=widened(lambda data, lambd: np.where(np.abs(data) > lambd, data, data * 0)),
    samples=[case(t("n", 4)), case(t(3), 0.25)],
    tolerance="exact",
)
def hard_shrink(data: Tensor, lambd: float = 0.5) -> Any:
    """x, and 0 where its magnitude is at most `lambd`."""
    return te_nn.hard_shrink(data, lambd)


def _prelu_info(c: Inference) -> StructInfo:
    info, alpha = c.tensor("data"), c.tensor("alpha", (1,))
    c.same_dtype("data", "alpha")
    if info.ndim != -1:
        axis = c.axis("axis", info.ndim)
        dims, slopes = known_dims(info), known_dims(alpha)
        if dims is not None and slopes is not None and as_int(slopes[0]) != 1:
            c.require_equal("alpha", "has not one slope a channel.", dims[axis], slopes[0])
    return info


def _np_prelu(data: Any, alpha: Any, axis: int) -> Any:
    shape = [1] * data.ndim
    shape[axis] = -1
    return np.where(data > 0, data, data * alpha.reshape(shape))


@op(
    "nn.prelu",
    infer=_prelu_info,
    numpy=_np_prelu,
    samples=[case(t("n", 3, 2), t(3)), case(t(2, 3), t(1)), case(t(2, 3), t(2), axis=0)],
)
def prelu(data: Tensor, alpha: Tensor, axis: int = 1) -> Any:
    """x where it is positive, else alpha · x, with a slope for each channel (or one for all)."""
    return te_nn.prelu(data, alpha, axis)


# Along an axis


def _axis_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    c.require_float("data")
    if info.ndim != -1:
        c.axis("axis", info.ndim)
    return info


def _np_log_softmax(data: Any, axis: int) -> Any:
    shifted = data - data.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


_ALONG = [
    case(t("n", 4)),
    case(t(2, "m", 3), axis=1),
    case(t(3, dtype="float16")),
    case(t(2, 4, dtype="bfloat16")),
    case(t(values=[[1000.0, 0.0], [-1000.0, 0.0]])),
]


@op(
    "nn.softmax",
    infer=_axis_info,
    numpy=widened(lambda data, axis: np.exp(_np_log_softmax(data, axis))),
    samples=_ALONG,
    tolerance="reduction",
)
def softmax(data: Tensor, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis, without overflow."""
    return te_softmax(data, axis)


@op(
    "nn.log_softmax",
    infer=_axis_info,
    numpy=widened(_np_log_softmax),
    samples=_ALONG,
    tolerance="reduction",
)
def log_softmax(data: Tensor, axis: int = -1) -> Any:
    """The logarithm of `softmax`."""
    return te_log_softmax(data, axis)


def _glu_unknown(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return type(info)(None, str(info.dtype), ndim=info.ndim)


def _check_glu(c: Inference) -> None:
    info = c.tensor("data")
    c.require_float("data")
    dims = known_dims(info)
    if dims is not None:
        extent = as_int(dims[c.axis("axis", info.ndim)])
        if extent is not None and extent % 2:
            raise c.error("data", "has an odd extent there.", "two halves", str(extent))


def _np_glu(data: Any, axis: int) -> Any:
    first, second = np.split(data, 2, axis)
    return first * _np_sigmoid(second)


@op(
    "nn.glu",
    infer=rules.by_lowering(_glu_unknown, _check_glu),
    numpy=widened(_np_glu),
    samples=[case(t("n", 4)), case(t(6, 2), axis=0)],
    tolerance="reduction",
)
def glu(data: Tensor, axis: int = -1) -> Any:
    """The first half along an axis times the sigmoid of the second."""
    at = axis % data.ndim
    shape = [simplified(d // 2) if i == at else d for i, d in enumerate(data.shape)]

    def element(*i: Any) -> Any:
        gate = data(*i[:at], i[at] + shape[at], *i[at + 1 :])
        return data(*i) * tir.sigmoid(gate)

    return te.compute(shape, element, name="T_glu")


__all__ = [
    "celu", "elu", "gelu", "gelu_tanh", "glu", "hard_shrink", "hard_sigmoid", "hard_swish",
    "hard_tanh", "leaky_relu", "leakyrelu", "log_sigmoid", "log_softmax", "mish", "prelu", "relu",
    "relu6", "selu", "silu", "soft_shrink", "softmax", "softplus", "softsign",
]  # fmt: skip
