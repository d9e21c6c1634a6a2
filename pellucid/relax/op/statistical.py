"""Reductions: sums, means, extremes, over the axes `axis` (None: all), with `keepdims`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import Sample, case, t
from pellucid.topi import reduction

Axes = int | Sequence[int] | None
Build = Callable[..., Call]

_FLOATS = [
    case(t("n", 3)),
    case(t("n", 3, 4), axis=1),
    case(t(2, 3, "k"), axis=[0, -1], keepdims=True),
    case(t(3, 2, dtype="float16"), axis=-1),
    case(t(2, 3, dtype="float64"), axis=0, keepdims=True),
    case(t(2, 3), axis=[]),
]
_INTEGERS = [case(t(2, 3, dtype="int32"), axis=1), case(t(5, dtype="uint8"))]


def _reduction(
    name: str,
    numpy: Callable[..., Any],
    lower: Callable[..., Any],
    doc: str,
    samples: Sequence[Sample],
    kinds: tuple[str, ...] = rules.NUMBERS,
    dtype: str | None = None,
    tolerance: str = "reduction",
) -> Build:
    """The operator that combines the elements of `x` over `axis`."""

    def function(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Any:
        return lower(x, _axes(axis), keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc} `axis` is one axis, several, or None for all; `keepdims` leaves 1."
    return op(
        name,
        infer=rules.reduction("x", dtype=dtype, kinds=kinds),
        numpy=numpy,
        samples=samples,
        tolerance=tolerance,
    )(function)


def _axes(axis: Any) -> Any:
    return [*axis] if type(axis) is tuple else axis


def _of_own_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    """Integers are combined in their dtype, floats in float64."""

    def reference(x: Any, axis: Any, keepdims: bool) -> Any:
        if x.dtype.kind in "iu":
            return np.asarray(function(x, axis=axis, keepdims=keepdims)).astype(x.dtype)
        return widened(function)(x, axis=axis, keepdims=keepdims)

    return reference


def _np_logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    high = np.max(x, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - high), axis=axis, keepdims=True)) + high
    return total if keepdims else np.squeeze(total, axis=axis)


sum = _reduction("sum", _of_own_dtype(np.sum), reduction.sum, "The sum.", _FLOATS + _INTEGERS)
prod = _reduction(
    "prod", _of_own_dtype(np.prod), reduction.prod, "The product.", _FLOATS + _INTEGERS
)
max = _reduction(
    "max", _of_own_dtype(np.max), reduction.max, "The largest element.", _FLOATS + _INTEGERS,
    tolerance="exact",
)  # fmt: skip
min = _reduction(
    "min", _of_own_dtype(np.min), reduction.min, "The smallest element.", _FLOATS + _INTEGERS,
    tolerance="exact",
)  # fmt: skip
mean = _reduction("mean", widened(np.mean), reduction.mean, "The mean.", _FLOATS, rules.FLOATS)
variance = _reduction(
    "variance", widened(np.var), reduction.variance,
    "The mean of the squared distance from the mean.", _FLOATS, rules.FLOATS,
)  # fmt: skip
std = _reduction(
    "std", widened(np.std), reduction.std, "The square root of the variance.",
    _FLOATS, rules.FLOATS,
)  # fmt: skip
logsumexp = _reduction(
    "logsumexp", widened(_np_logsumexp), reduction.logsumexp,
    "log(sum(exp(x))), without overflow.", _FLOATS[:5], rules.FLOATS,
)  # fmt: skip

_BOOLS = [
    case(t("n", 3, dtype="bool")),
    case(t("n", 3, dtype="bool"), axis=1),
    case(t(2, 3, 2, dtype="bool"), axis=[0, 2], keepdims=True),
]
all = _reduction(
    "all", np.all, reduction.all, "Whether all bools are true.", _BOOLS, ("bool",), "bool", "exact"
)
any = _reduction(
    "any", np.any, reduction.any, "Whether a bool is true.", _BOOLS, ("bool",), "bool", "exact"
)


def _position(name: str, numpy: Callable[..., Any], lower: Callable[..., Any], doc: str) -> Build:
    def reference(x: Any, axis: int | None, keepdims: bool) -> Any:
        return numpy(x, axis=axis, keepdims=keepdims).astype(np.int64)

    def function(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Any:
        return lower(x, axis, keepdims, dtype="int64")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The position of the {doc} element along `axis`, as int64; the first of equal ones. None: "
        "in the whole tensor, row by row."
    )
    return op(
        name,
        infer=rules.reduction("x", dtype="int64", kinds=(*rules.NUMBERS, "bool")),
        numpy=reference,
        samples=[
            case(t("n", 4), axis=1),
            case(t("n", 4), axis=0, keepdims=True),
            case(t(2, 3, 2)),
            case(t(2, 4, dtype="int32", low=0, high=2), axis=-1),
        ],
        tolerance="exact",
    )(function)


argmax = _position("argmax", np.argmax, reduction.argmax, "largest")
argmin = _position("argmin", np.argmin, reduction.argmin, "smallest")

__all__ = [
    "all", "any", "argmax", "argmin", "logsumexp", "max", "mean", "min", "prod", "std", "sum",
    "variance",
]  # fmt: skip
