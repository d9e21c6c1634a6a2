"""Operators whose result's shape depends on the data: which elements are there, and which differ.

They are computed by functions of the runtime; what follows them gets its dimensions by match_cast.
"""

from __future__ import annotations

from typing import Any

from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.packed import builtin
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo, TupleStructInfo

_DATA_DEPENDENT = {"FDataDependent": True}
_SPARSE = t("n", 3, dtype="int32", low=0, high=2)


def _nonzero_info(c: Inference) -> StructInfo:
    c.tensor("x")
    return tensor_of(None, "int64", 2)


def _np_nonzero(x: Any) -> Any:
    return np.stack(np.nonzero(np.atleast_1d(x))).astype(np.int64)


@op(
    "nonzero",
    infer=_nonzero_info,
    numpy=_np_nonzero,
    samples=[case(_SPARSE), case(t(4, dtype="bool")), case(t(values=[0.0, 2.0]))],
    legalize=builtin("nonzero"),
    tolerance="exact",
    attributes=_DATA_DEPENDENT,
)
def nonzero(x: Tensor) -> Any:
    """Where elements are not zero: (d, n), one row for each dimension of `x`."""
    ...


def _np_argwhere(x: Any) -> Any:
    return np.argwhere(x).astype(np.int64)


@op(
    "argwhere",
    infer=_nonzero_info,
    numpy=_np_argwhere,
    samples=[case(_SPARSE), case(t(4, dtype="bool"))],
    legalize=builtin("argwhere"),
    tolerance="exact",
    attributes=_DATA_DEPENDENT,
)
def argwhere(x: Tensor) -> Any:
    """Where elements are not zero: (n, d), one row an element."""
    ...


def _unique_info(c: Inference) -> StructInfo:
    info, axis = c.tensor("x"), c["axis"]
    if axis is not None and info.ndim != -1:
        c.axis("axis", info.ndim)
    found: list[StructInfo] = [tensor_of(None, info.dtype, 1 if axis is None else info.ndim)]
    if c["return_index"]:
        found.append(tensor_of(None, "int64", 1))
    if c["return_inverse"]:
        whole = TensorStructInfo(info.shape, "int64", ndim=info.ndim)
        found.append(whole if axis is None else tensor_of(None, "int64", 1))
    if c["return_counts"]:
        found.append(tensor_of(None, "int64", 1))
    return found[0] if len(found) == 1 else TupleStructInfo(found)


def _np_unique(
    x: Any,
    sorted: bool,
    return_index: bool,
    return_inverse: bool,
    return_counts: bool,
    axis: int | None,
) -> Any:
    found, first, inverse, number = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first, kind="stable")
        found = np.take(found, order, 0 if axis is None else axis)
        first, number = first[order], number[order]
        inverse = np.argsort(order)[inverse]
    inverse = inverse.reshape(x.shape) if axis is None else inverse
    asked = ((return_index, first), (return_inverse, inverse), (return_counts, number))
    more = [each.astype(np.int64) for wanted, each in asked if wanted]
    return (found, *more) if more else found


@op(
    "unique",
    infer=_unique_info,
    numpy=_np_unique,
    samples=[
        case(_SPARSE),
        case(t(6, dtype="int64", low=0, high=4), sorted=False),
        case(_SPARSE, return_index=True, return_inverse=True, return_counts=True),
        case(t(4, 2, dtype="int32", low=0, high=2), axis=0, return_counts=True),
    ],
    legalize=builtin("unique", "sorted", "return_index", "return_inverse", "return_counts", "axis"),
    tolerance="exact",
    attributes=_DATA_DEPENDENT,
)
def unique(
    x: Tensor,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The different elements of the flat tensor (slices along `axis`), in order or in that of their
    first occurrence.

    On demand a tuple: also where each occurs first, for each element the place of its value, and
    how often each occurs.
    """
    ...


def _select_info(c: Inference) -> StructInfo:
    c.require_dtype("mask", "bools", "bool")
    rules.broadcast_of(c, ("x", "mask"), c.tensor("x").dtype)
    return tensor_of(None, c.tensor("x").dtype, 1)


def _np_select(x: Any, mask: Any) -> Any:
    values, holds = np.broadcast_arrays(x, mask)
    return values[holds]


@op(
    "masked_select",
    infer=_select_info,
    numpy=_np_select,
    samples=[case(t("n", 3), t("n", 3, dtype="bool")), case(t(2, 3), t(3, dtype="bool"))],
    legalize=builtin("masked_select"),
    tolerance="exact",
    attributes=_DATA_DEPENDENT,
)
def masked_select(x: Tensor, mask: Tensor) -> Any:
    """The elements where `mask` holds, row by row; both are broadcast."""
    ...


def _count_info(c: Inference) -> StructInfo:
    c.tensor("x", (1,))
    c.require_integer("x")
    if as_int(c["minlength"]) is None or c["minlength"] < 0:
        raise c.error("minlength", "must be a count.", None, c["minlength"])
    return tensor_of(None, "int64", 1)


def _np_bincount(x: Any, minlength: int) -> Any:
    return np.bincount(x, minlength=minlength).astype(np.int64)


@op(
    "bincount",
    infer=_count_info,
    numpy=_np_bincount,
    samples=[case(t("n", dtype="int64", low=0, high=4)), case(t(3, dtype="int32", low=0), 9)],
    legalize=builtin("bincount", "minlength"),
    tolerance="exact",
    attributes=_DATA_DEPENDENT,
)
def bincount(x: Tensor, minlength: int = 0) -> Any:
    """How often each number from 0 on occurs in a vector, of at least `minlength` numbers."""
    ...


__all__ = ["argwhere", "bincount", "masked_select", "nonzero", "unique"]
