"""Losses of classifiers, from logarithms of probabilities or from scores."""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import broadcast
from pellucid.topi.nn.softmax import log_softmax
from pellucid.topi.reduction import sum as sum_of
from pellucid.topi.shapes import compute, where_any

REDUCTIONS = ("mean", "sum", "none")


def nll_loss(
    predictions: te.Tensor,
    targets: te.Tensor,
    weights: te.Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> te.Tensor:
    """Minus the prediction of the class that `targets` names, times the weight of that class.

    Predictions are (c), (n, c) or (n, c, d…), targets () or (n) or (n, d…), weights (c). A target
    of `ignore_index`, or one that is no class, counts nothing. "mean" divides by the sum of the
    weights that count; "none" keeps one loss a target.
    """
    if reduction not in REDUCTIONS:
        raise TypeMismatchError(
            "There is no such reduction.", expected=", ".join(REDUCTIONS), found=repr(reduction)
        )
    if predictions.ndim < 1 or targets.ndim != max(predictions.ndim - 1, 0):
        raise TypeMismatchError(
            "The targets have one dimension less than the predictions.",
            expected=str(predictions.ndim - 1),
            found=str(targets.ndim),
        )
    at = 0 if predictions.ndim == 1 else 1
    classes = predictions.shape[at]
    zero = ar.const(0, predictions.dtype)

    def counted(i: Any) -> tuple[Any, Any]:
        """The class of a target, brought inside, and whether it counts."""
        target = ar.cast_to("int64", targets(*i))
        inside = ar.logical_and(target >= 0, target < classes)
        counts = ar.logical_and(inside, ar.ne(target, ignore_index))
        return ar.maximum(ar.minimum(target, classes - 1), 0), counts

    def weight_of(index: Any) -> Any:
        if weights is None:
            return ar.const(1, predictions.dtype)
        return where_any(weights(index), classes)

    def loss(*i: Any) -> Any:
        index, counts = counted(i)
        found = where_any(predictions(*i[:at], index, *i[at:]), classes)
        value = ar.neg(found) * weight_of(index)
        return ar.select(counts, value, zero)

    def share(*i: Any) -> Any:
        index, counts = counted(i)
        return ar.select(counts, weight_of(index), zero)

    losses = compute(targets.shape, loss, "T_nll_loss")
    if reduction == "none":
        return losses
    total = _sum(losses)
    if reduction == "sum":
        return total
    return broadcast.divide(total, _sum(compute(targets.shape, share, "T_nll_weights")))


def _sum(x: te.Tensor) -> te.Tensor:
    return sum_of(x) if x.ndim else x


def cross_entropy_with_logits(predictions: te.Tensor, targets: te.Tensor) -> te.Tensor:
    """Minus the mean over the first dimension of the sum of `predictions · targets` (logarithms of
    probabilities, and probabilities, of one shape).
    """
    total = _sum(broadcast.multiply(predictions, targets))
    count = predictions.shape[0] if predictions.ndim > 1 else 1
    return broadcast.divide(
        broadcast.multiply(total, -1), ar.cast_to(predictions.dtype, ar.convert(count))
    )


def cross_entropy(
    scores: te.Tensor,
    targets: te.Tensor,
    weights: te.Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> te.Tensor:
    """`nll_loss` of the log-softmax of `scores` over the classes."""
    axis = 0 if scores.ndim == 1 else 1
    return nll_loss(log_softmax(scores, axis), targets, weights, reduction, ignore_index)
