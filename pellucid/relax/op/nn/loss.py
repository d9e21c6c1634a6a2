"""Losses: how far predictions are from targets; "none", "mean" or "sum" of the elements."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, tensor_of
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import Sample, case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.tir import op as tir
from pellucid.topi import reduction as te_reduction
from pellucid.topi.shapes import product, where_any

_REDUCTIONS = ("none", "mean", "sum")
Build = Callable[..., Call]


def _check_reduction(c: Inference) -> None:
    if c["reduction"] not in _REDUCTIONS:
        raise c.error("reduction", "is unknown.", ", ".join(_REDUCTIONS), c["reduction"])


def _combined(values: te.Tensor, reduction: str) -> te.Tensor:
    """The elements themselves, their mean, or their sum."""
    if reduction == "none":
        return values
    total = te_reduction.sum(values)
    if reduction == "sum":
        return total
    count = ar.cast_to(values.dtype, product(values.shape))

    def mean() -> Any:
        return total() / count

    return te.compute((), mean, name="T_loss_mean")


def _np_combined(values: Any, reduction: str) -> Any:
    return {"none": values, "mean": np.mean(values), "sum": np.sum(values)}[reduction]


# Elements against elements


def _pair_info(c: Inference) -> StructInfo:
    _check_reduction(c)
    dtype = c.same_dtype("predictions", "targets")
    c.require_float("predictions")
    found = rules.broadcast_of(c, ("predictions", "targets"), dtype)
    first, second = known_dims(c.tensor("predictions")), known_dims(c.tensor("targets"))
    if first is not None and second is not None and len(first) == len(second):
        for x, y in zip(first, second, strict=True):
            c.require_equal("targets", "has another shape than the other tensor.", x, y)
    for each in ("predictions", "targets"):
        info = c.tensor(each)
        whole = known_dims(found) if isinstance(found, TensorStructInfo) else None
        dims = known_dims(info)
        if whole is not None and dims is not None:
            for x, y in zip(whole, dims, strict=False):
                c.require_equal(each, "has another shape than the other tensor.", x, y)
            if len(whole) != len(dims):
                raise c.error(each, "has another rank.", str(len(whole)), str(len(dims)))
    return found if c["reduction"] == "none" else tensor_of((), dtype)


def _pairwise(
    name: str,
    numpy: Callable[..., Any],
    element: Callable[..., Any],
    doc: str,
    samples: Sequence[Sample],
    **options: float,
) -> Build:
    """A loss of one prediction and one target, with numbers as options."""

    def reference(predictions: Any, targets: Any, reduction: str, **given: float) -> Any:
        return _np_combined(numpy(predictions, targets, **given), reduction)

    def lowered(predictions: te.Tensor, targets: te.Tensor, reduction: str, *given: float) -> Any:
        def value(*i: Any) -> Any:
            return element(predictions(*i), targets(*i), *given)

        values = te.compute(predictions.shape, value, name=f"T_{name}", tag="elemwise")
        return _combined(values, reduction)

    if options:
        (default,) = options.values()

        def with_option(
            predictions: Tensor, targets: Tensor, reduction: str = "mean", beta: float = default
        ) -> Any:
            return lowered(predictions, targets, reduction, beta)

        function: Callable[..., Any] = with_option
    else:

        def plain(predictions: Tensor, targets: Tensor, reduction: str = "mean") -> Any:
            return lowered(predictions, targets, reduction)

        function = plain
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return op(
        f"nn.{name}",
        infer=_pair_info,
        numpy=widened(reference),
        samples=samples,
        tolerance="reduction",
    )(function)


def _two(low: float = -2, high: float = 2) -> list[Sample]:
    a, b = t("n", 3, low=low, high=high), t("n", 3, low=low, high=high)
    return [case(a, b), case(a, b, "sum"), case(a, b, reduction="none")]


def _square(x: Any, y: Any) -> Any:
    return (x - y) * (x - y)


def _smooth(x: Any, y: Any, beta: float) -> Any:
    distance = tir.fabs(x - y)
    near = distance * distance * (0.5 / beta)
    return ar.select(distance < beta, near, distance - 0.5 * beta)


def _np_smooth(x: Any, y: Any, beta: float) -> Any:
    distance = np.abs(x - y)
    return np.where(distance < beta, 0.5 * distance**2 / beta, distance - 0.5 * beta)


def _huber(x: Any, y: Any, delta: float) -> Any:
    return _smooth(x, y, delta) * delta


def _np_bce(x: Any, y: Any) -> Any:
    return -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log(1 - x), -100))


def _bce(x: Any, y: Any) -> Any:
    low = ar.const(-100, x.dtype)
    one = ar.const(1, x.dtype)
    yes = ar.maximum(tir.log(x), low)
    no = ar.maximum(tir.log(one - x), low)
    return ar.neg(y * yes + (one - y) * no)


def _bce_logits(x: Any, y: Any) -> Any:
    smooth = tir.log1p(tir.exp(ar.neg(tir.fabs(x))))
    return ar.maximum(x, ar.const(0, x.dtype)) - x * y + smooth


def _np_bce_logits(x: Any, y: Any) -> Any:
    return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))


def _kl(x: Any, y: Any) -> Any:
    zero = ar.const(0, x.dtype)
    safe = ar.select(y > zero, y, ar.const(1, x.dtype))
    return ar.select(y > zero, y * (tir.log(safe) - x), zero)


def _np_kl(x: Any, y: Any) -> Any:
    return np.where(y > 0, y * (np.log(np.where(y > 0, y, 1)) - x), 0)


mse_loss = _pairwise(
    "mse_loss", lambda x, y: (x - y) ** 2, _square, "The squared distance.", _two()
)
l1_loss = _pairwise(
    "l1_loss", lambda x, y: np.abs(x - y), lambda x, y: tir.fabs(x - y), "The distance.", _two()
)
smooth_l1_loss = _pairwise(
    "smooth_l1_loss", _np_smooth, _smooth,
    "The distance, and half its square over `beta` where it is below `beta`.",
    [*_two(), case(t(4), t(4), "sum", 0.5)], beta=1.0,
)  # fmt: skip
huber_loss = _pairwise(
    "huber_loss", lambda x, y, beta: _np_smooth(x, y, beta) * beta, _huber,
    "`smooth_l1_loss` times `beta`.", [*_two(), case(t(4), t(4), "mean", 2.0)], beta=1.0,
)  # fmt: skip
binary_cross_entropy = _pairwise(
    "binary_cross_entropy", _np_bce, _bce,
    "-(y·log(x) + (1 - y)·log(1 - x)) of probabilities; logarithms are at least -100.",
    _two(0.1, 0.9),
)  # fmt: skip
binary_cross_entropy_with_logits = _pairwise(
    "binary_cross_entropy_with_logits", _np_bce_logits, _bce_logits,
    "`binary_cross_entropy` of sigmoid(x), without overflow.", _two(0, 1),
)  # fmt: skip
kl_div = _pairwise(
    "kl_div", _np_kl, _kl, "y·(log(y) - x), of logarithms x and probabilities y.", _two(0, 1)
)


# Classes


def _nll_shapes(c: Inference) -> tuple[TensorStructInfo, TensorStructInfo]:
    predictions, targets = c.tensor("predictions"), c.tensor("targets")
    c.require_float("predictions")
    c.require_integer("targets")
    _check_reduction(c)
    if predictions.ndim == 0:
        raise c.error("predictions", "has no classes.", "at least 1 dimension", "0")
    if -1 not in (predictions.ndim, targets.ndim) and targets.ndim != predictions.ndim - 1:
        raise c.error(
            "targets", "must have one dimension less than the predictions.",
            str(predictions.ndim - 1), str(targets.ndim),
        )  # fmt: skip
    return predictions, targets


def _nll_info(c: Inference) -> StructInfo:
    predictions, targets = _nll_shapes(c)
    dtype = predictions.dtype
    p, q = known_dims(predictions), known_dims(targets)
    if p is not None and q is not None:
        rest = p[1:] if len(p) == 1 else (p[0], *p[2:])
        for x, y in zip(rest, q, strict=True):
            c.require_equal("targets", "does not fit the predictions.", x, y)
    if c.has("weights"):
        c.same_dtype("predictions", "weights")
        w = known_dims(c.tensor("weights", (1,)))
        if w is not None and p is not None:
            classes = p[0] if len(p) == 1 else p[1]
            c.require_equal("weights", "does not have one weight a class.", classes, w[0])
    if c["reduction"] != "none":
        return tensor_of((), dtype)
    return TensorStructInfo(targets.shape, str(dtype), ndim=targets.ndim)


def _np_nll(
    predictions: Any, targets: Any, weights: Any = None, *, reduction: str, ignore_index: int
) -> Any:
    axis = 0 if predictions.ndim == 1 else 1
    classes = predictions.shape[axis]
    places = np.clip(targets, 0, classes - 1).astype(np.int64)
    picked = np.take_along_axis(predictions, np.expand_dims(places, axis), axis).squeeze(axis)
    given = np.ones(classes) if weights is None else weights
    factor = np.where(targets != ignore_index, given[places], 0)
    values = -picked * factor
    if reduction == "mean":
        return np.sum(values) / np.sum(factor)
    return _np_combined(values, reduction)


@op(
    "nn.nll_loss",
    infer=_nll_info,
    numpy=widened(_np_nll),
    samples=[
        case(t("n", 4), t("n", dtype="int64", low=0, high=4), t(4, low=0.5)),
        case(t(3, 2, 2), t(3, 2, dtype="int32", low=0, high=2), reduction="sum"),
        case(t(2, 3), t(values=[1, -100], dtype="int64"), reduction="mean"),
        case(t(2, 3), t(values=[1, 0], dtype="int64"), t(3), reduction="none"),
        case(t(4), t(dtype="int64", low=0, high=4)),
    ],
    tolerance="reduction",
)
def nll_loss(
    predictions: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Any:
    """Minus the prediction for the target's class, times the weight of the class.

    Predictions are logarithms of probabilities (n, classes, …), targets classes (n, …). Targets
    equal to `ignore_index` count for nothing. The mean is by weight.
    """
    axis = 0 if predictions.ndim == 1 else 1
    dtype = predictions.dtype
    zero = ar.const(0, dtype)

    def weight(target: Any) -> Any:
        if weights is None:
            return ar.const(1, dtype)
        return where_any(weights(target), predictions.shape[axis])

    def place(target: Any) -> Any:
        top = predictions.shape[axis] - 1
        return ar.maximum(ar.minimum(ar.cast_to("int64", target), top), 0)

    def value(*i: Any) -> Any:
        at = place(targets(*i))
        picked = predictions(*i[:axis], at, *i[axis:])
        found = where_any(picked, predictions.shape[axis]) * weight(at)
        return ar.select(ar.ne(targets(*i), ignore_index), ar.neg(found), zero)

    def share(*i: Any) -> Any:
        return ar.select(ar.ne(targets(*i), ignore_index), weight(place(targets(*i))), zero)

    values = te.compute(targets.shape, value, name="T_nll")
    if reduction != "mean":
        return _combined(values, reduction)
    total = te_reduction.sum(values)
    shares = te_reduction.sum(te.compute(targets.shape, share, name="T_nll_weight"))

    def mean() -> Any:
        return total() / shares()

    return te.compute((), mean, name="T_nll_mean")


def _logits_info(c: Inference) -> StructInfo:
    predictions, labels = c.tensor("predictions"), c.tensor("labels")
    dtype = c.same_dtype("predictions", "labels")
    c.require_float("predictions")
    if -1 not in (predictions.ndim, labels.ndim) and predictions.ndim != labels.ndim:
        raise c.error("labels", "has another rank.", str(predictions.ndim), str(labels.ndim))
    for x, y in zip(known_dims(predictions) or (), known_dims(labels) or (), strict=False):
        c.require_equal("labels", "has another shape than the predictions.", x, y)
    return tensor_of((), dtype)


def _np_logits(predictions: Any, labels: Any) -> Any:
    total = -(predictions * labels).sum()
    return total / predictions.shape[0] if predictions.ndim > 1 else total


@op(
    "nn.cross_entropy_with_logits",
    infer=_logits_info,
    numpy=widened(_np_logits),
    samples=[case(t("n", 4), t("n", 4)), case(t(4), t(4)), case(t(2, 3, 2), t(2, 3, 2))],
    tolerance="reduction",
)
def cross_entropy_with_logits(predictions: Tensor, labels: Tensor) -> Any:
    """Minus the sum of the products of logarithms of probabilities and labels; with several
    dimensions divided by the extent of the first, the batch.
    """

    def value(*i: Any) -> Any:
        return predictions(*i) * labels(*i)

    total = te_reduction.sum(te.compute(predictions.shape, value, name="T_cross_entropy"))
    many = predictions.ndim > 1
    count = ar.cast_to(predictions.dtype, predictions.shape[0]) if many else None

    def mean() -> Any:
        return ar.neg(total()) if count is None else ar.neg(total()) / count

    return te.compute((), mean, name="T_cross_entropy_mean")


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy_with_logits",
    "huber_loss", "kl_div", "l1_loss", "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip
