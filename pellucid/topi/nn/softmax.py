"""Softmax and its logarithm along an axis.

Four blocks: the maximum (`…_maxelem`), the exponentials of what lies below it (`…_exp`), their sum
(`…_expsum`), and the quotient (`…_norm`). A row that is all minus infinity gives NaN, as the
formula does.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.topi.shapes import axis_of


def _check(x: te.Tensor, axis: int, name: str) -> int:
    if not x.dtype.is_float:
        raise TypeMismatchError(
            f"{name} takes floats.", found=str(x.dtype), cure="cast the tensor first"
        )
    if x.ndim == 0:
        raise TypeMismatchError(f"{name} needs a tensor with at least one dimension.")
    return axis_of(axis, x.ndim)


def softmax(x: te.Tensor, axis: int = -1) -> te.Tensor:
    """`exp(x) / sum(exp(x))` along `axis`, of floats; the shape is kept."""
    at = _check(x, axis, "softmax")
    rest = [extent for number, extent in enumerate(x.shape) if number != at]
    k1 = te.reduce_axis((0, x.shape[at]), "k")
    k2 = te.reduce_axis((0, x.shape[at]), "k")

    def with_axis(indices: Any, index: Any) -> list[Any]:
        return [*indices[:at], index, *indices[at:]]

    def without_axis(indices: Any) -> list[Any]:
        return [*indices[:at], *indices[at + 1 :]]

    def largest(*i: Any) -> Any:
        return te.max(x(*with_axis(i, k1)), k1)

    high = te.compute(rest, largest, "T_softmax_maxelem")

    def power(*i: Any) -> Any:
        return tir.exp(x(*i) - high(*without_axis(i)))

    powers = te.compute(x.shape, power, "T_softmax_exp")

    def total(*i: Any) -> Any:
        return te.sum(powers(*with_axis(i, k2)), k2)

    sums = te.compute(rest, total, "T_softmax_expsum")

    def quotient(*i: Any) -> Any:
        return powers(*i) / sums(*without_axis(i))

    return te.compute(x.shape, quotient, "T_softmax_norm", "softmax_output", {"axis": at})


def log_softmax(x: te.Tensor, axis: int = -1) -> te.Tensor:
    """`x - log(sum(exp(x)))` along `axis`, of floats; the shape is kept."""
    at = _check(x, axis, "log_softmax")
    rest = [extent for number, extent in enumerate(x.shape) if number != at]
    k1 = te.reduce_axis((0, x.shape[at]), "k")
    k2 = te.reduce_axis((0, x.shape[at]), "k")

    def with_axis(indices: Any, index: Any) -> list[Any]:
        return [*indices[:at], index, *indices[at:]]

    def largest(*i: Any) -> Any:
        return te.max(x(*with_axis(i, k1)), k1)

    high = te.compute(rest, largest, "T_softmax_maxelem")

    def total(*i: Any) -> Any:
        return te.sum(tir.exp(x(*with_axis(i, k2)) - high(*i)), k2)

    sums = te.compute(rest, total, "T_softmax_expsum")

    def difference(*i: Any) -> Any:
        place = [*i[:at], *i[at + 1 :]]
        return x(*i) - high(*place) - tir.log(sums(*place))

    return te.compute(x.shape, difference, "T_log_softmax_norm", "softmax_output", {"axis": at})


fast_softmax = softmax
"""`softmax`; its exponential is fast as it is."""
