"""Element-wise operators of three tensors, which broadcast."""

from __future__ import annotations

from typing import Any

from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.topi import broadcast


def _fma_reference(x1: Any, x2: Any, x3: Any) -> Any:
    return (x1 * x2 + x3).astype(x1.dtype)


@op(
    "ewise_fma",
    infer=rules.broadcast("x1", "x2", "x3", kinds=rules.NUMBERS),
    numpy=_fma_reference,
    samples=[
        case(t("n", 3), t("n", 3), t("n", 3)),
        case(t(2, 3), t(3), 0.5),
        case(t(4, dtype="int32"), t(4, dtype="int32"), t(4, dtype="int32")),
    ],
    inline_scalars=True,
)
def ewise_fma(x1: Tensor, x2: Tensor, x3: Tensor) -> Any:
    """`x1 * x2 + x3`, element by element. Shapes are broadcast; all have one dtype."""
    return broadcast.ewise_fma(x1, x2, x3)


def _choice_info(c: Inference) -> StructInfo:
    c.require_dtype("condition", "bools", "bool")
    dtype = c.same_dtype("x1", "x2")
    return rules.broadcast_of(c, ("x1", "x2", "condition"), dtype)


def _choice_reference(condition: Any, x1: Any, x2: Any) -> Any:
    return np.where(condition, x1, x2).astype(np.asarray(x1).dtype)


@op(
    "where",
    infer=_choice_info,
    numpy=_choice_reference,
    samples=[
        case(t("n", 3, dtype="bool"), t("n", 3), t("n", 3)),
        case(t(2, 1, dtype="bool"), t(3), t(1)),
        case(t(4, dtype="bool"), t(4, dtype="int32"), 7),
        case(t(2, 3, dtype="bool"), t(dtype="float16"), t(3, dtype="float16")),
    ],
    tolerance="exact",
    inline_scalars=True,
)
def where(condition: Tensor, x1: Tensor, x2: Tensor) -> Any:
    """`x1` where `condition` (bool) holds, else `x2`. Shapes are broadcast."""
    return broadcast.where(condition, x1, x2)


def _fill_info(c: Inference) -> StructInfo:
    c.require_dtype("mask", "bools", "bool")
    return rules.broadcast_of(c, ("x", "mask"), c.tensor("x").dtype)


def _fill_reference(x: Any, mask: Any, value: float) -> Any:
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


@op(
    "masked_fill",
    infer=_fill_info,
    numpy=_fill_reference,
    samples=[
        case(t("n", 3), t("n", 3, dtype="bool"), -1.0),
        case(t(2, 3), t(3, dtype="bool"), float("-inf")),
        case(t(4, dtype="int64"), t(4, dtype="bool"), 7),
    ],
    tolerance="exact",
)
def masked_fill(x: Tensor, mask: Tensor, value: float) -> Any:
    """`value` where `mask` (bool) holds, else the element of `x`. Shapes are broadcast."""
    return broadcast.where(mask, value, x)


__all__ = ["ewise_fma", "masked_fill", "where"]
