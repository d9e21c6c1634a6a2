"""Order: sorting, the largest elements, medians, and places in sorted rows."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from typing import Any

from pellucid import topi
from pellucid.relax.op.inference import Inference, as_int, reshaped, tensor_of
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.rules import NUMBERS
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo, TupleStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy
from pellucid.topi import indexing
from pellucid.topi.shapes import compute, where_any
from pellucid.topi.transform import reshape, squeeze


def _along(c: Inference, argument: str = "data") -> TensorStructInfo:
    info = c.tensor(argument)
    c.require_dtype(argument, "numbers", *NUMBERS)
    if info.ndim != -1:
        c.axis("axis", info.ndim)
    return info


def _np_order(data: Any, axis: int, descending: bool) -> Any:
    """Stable in both directions."""
    key = data.astype(np.float64) if data.dtype.kind not in "iu" else data.astype(np.int64)
    return np.argsort(-key if descending else key, axis, kind="stable")


def _sort_info(c: Inference) -> StructInfo:
    return _along(c)


_SORTED = [
    case(t("n", 5)),
    case(t("n", 4), axis=0, descending=True),
    case(t(6, dtype="int32", low=0, high=3), descending=True),
    case(t(2, 3, dtype="float16"), axis=-1),
]


@op(
    "sort",
    infer=_sort_info,
    numpy=lambda data, axis, descending: np.take_along_axis(
        data, _np_order(data, axis, descending), axis
    ),
    samples=_SORTED,
    tolerance="exact",
)
def sort(data: Tensor, axis: int = -1, descending: bool = False) -> Any:
    """The elements in order along `axis`."""
    return topi.sort(data, axis, not descending)


def _argsort_info(c: Inference) -> StructInfo:
    info = _along(c)
    return TensorStructInfo(info.shape, c["dtype"], ndim=info.ndim)


def _np_argsort(data: Any, axis: int, descending: bool, dtype: str) -> Any:
    return _np_order(data, axis, descending).astype(to_numpy(dtype))


@op(
    "argsort",
    infer=_argsort_info,
    numpy=_np_argsort,
    samples=[*_SORTED, case(t(4, dtype="int32"), dtype="int64")],
    tolerance="exact",
)
def argsort(data: Tensor, axis: int = -1, descending: bool = False, dtype: str = "int32") -> Any:
    """The positions of the elements in order along `axis`; equal elements keep their order."""
    return topi.argsort(data, None, axis, not descending, dtype)


def _topk_info(c: Inference) -> StructInfo:
    info, kind = _along(c), c["ret_type"]
    if kind not in ("both", "values", "indices"):
        raise c.error("ret_type", "is unknown.", '"both", "values" or "indices"', kind)
    dims = known_dims(info)
    if dims is None:
        values = reshaped(info, None, info.ndim)
        places = tensor_of(None, c["dtype"], info.ndim)
    else:
        axis = c.axis("axis", info.ndim)
        total = as_int(dims[axis])
        if total is not None and c["k"] > total:
            raise c.error("k", "is more than there are elements.", f"at most {total}", c["k"])
        extent = c["k"] if c["k"] > 0 else dims[axis]
        shape = [extent if number == axis else dim for number, dim in enumerate(dims)]
        values, places = reshaped(info, shape), tensor_of(shape, c["dtype"])
    if kind == "both":
        return TupleStructInfo([values, places])
    return values if kind == "values" else places


def _np_topk(data: Any, k: int, axis: int, ret_type: str, largest: bool, dtype: str) -> Any:
    order = _np_order(data, axis, largest)
    if k > 0:
        order = np.take(order, np.arange(k), axis)
    values = np.take_along_axis(data, order, axis)
    places = order.astype(to_numpy(dtype))
    return {"both": (values, places), "values": values, "indices": places}[ret_type]


@op(
    "topk",
    infer=_topk_info,
    numpy=_np_topk,
    samples=[
        case(t("n", 5), 2),
        case(t(5, "n"), 3, axis=0, largest=False, dtype="int64"),
        case(t(4), k=1, ret_type="values"),
        case(t(2, 4, dtype="int32"), -1, ret_type="indices"),
    ],
    tolerance="exact",
)
def topk(
    data: Tensor,
    k: int = 1,
    axis: int = -1,
    ret_type: str = "both",
    largest: bool = True,
    dtype: str = "int32",
) -> Any:
    """The `k` largest elements along `axis` (or smallest), in order, and their positions.

    `ret_type` "both" gives the tuple, "values" or "indices" one of them. With `k` below 1 all.
    """
    return topi.topk(data, k, axis, ret_type, not largest, dtype)


# Medians


def _median_info(c: Inference) -> StructInfo:
    info, axis = c.tensor("x"), c["axis"]
    c.require_dtype("x", "numbers", *NUMBERS)
    dims, keep = known_dims(info), bool(c["keepdims"])
    if axis is None:
        if not keep:
            return tensor_of((), info.dtype)
        return tensor_of(None if info.ndim == -1 else [1] * info.ndim, info.dtype)
    if info.ndim == -1:
        values = reshaped(info, None)
        return TupleStructInfo([values, tensor_of(None, "int64")])
    at = c.axis("axis", info.ndim)
    if dims is None:
        ndim = info.ndim if keep else info.ndim - 1
        return TupleStructInfo([reshaped(info, None, ndim), tensor_of(None, "int64", ndim)])
    shape = [1 if number == at else dim for number, dim in enumerate(dims)]
    if not keep:
        del shape[at]
    return TupleStructInfo([reshaped(info, shape), tensor_of(shape, "int64")])


def _np_median(x: Any, axis: int | None, keepdims: bool) -> Any:
    data = x.reshape(-1) if axis is None else x
    along = 0 if axis is None else axis
    order = _np_order(data, along, False)
    middle = np.take(order, [(data.shape[along] - 1) // 2], along)
    values = np.take_along_axis(data, middle, along)
    if axis is None:
        return values.reshape((1,) * x.ndim if keepdims else ())
    places = middle.astype(np.int64)
    return (values, places) if keepdims else (values.squeeze(along), places.squeeze(along))


@op(
    "median",
    infer=_median_info,
    numpy=_np_median,
    samples=[
        case(t("n", 5), axis=1),
        case(t(4, "n"), axis=0, keepdims=True),
        case(t(2, 3)),
        case(t(2, 2), keepdims=True),
    ],
    tolerance="exact",
)
def median(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Any:
    """The element in the middle of the order along `axis` (the lower one of two), and its position
    as int64; without `axis` the element alone, of the whole tensor.
    """
    data = reshape(x, [-1]) if axis is None else x
    at = 0 if axis is None else axis % x.ndim
    order = topi.argsort(data, None, at, True, "int64")
    middle = (data.shape[at] - 1) // 2

    def element(*i: Any) -> Any:
        return where_any(order(*i[:at], middle, *i[at + 1 :]), data.shape[at])

    place = compute([*data.shape[:at], 1, *data.shape[at + 1 :]], element, "T_middle")
    values = indexing.gather(data, at, place)
    if axis is None:
        return reshape(values, [1] * x.ndim if keepdims else [])
    return [values, place] if keepdims else [squeeze(values, [at]), squeeze(place, [at])]


# Places in sorted rows


def _places_info(argument: str, sorted_name: str) -> Any:
    def rule(c: Inference) -> StructInfo:
        info, row = c.tensor(argument), c.tensor(sorted_name)
        c.same_dtype(sorted_name, argument)
        if sorted_name == "boundaries" and row.ndim not in (-1, 1):
            raise c.error(sorted_name, "must be a vector.", "1 dimension", row)
        if row.ndim not in (-1, 1) and info.ndim not in (-1, row.ndim):
            raise c.error(sorted_name, "does not fit the values.", f"1 or {info.ndim}", row)
        dtype = "int32" if c["out_int32"] else "int64"
        return TensorStructInfo(info.shape, dtype, ndim=info.ndim)

    return rule


def _np_places(row: Any, values: Any, right: bool, out_int32: bool) -> Any:
    side = "right" if right else "left"
    kind = np.int32 if out_int32 else np.int64
    if row.ndim == 1:
        return np.searchsorted(row, values, side).astype(kind)
    flat = [
        np.searchsorted(a, b, side)
        for a, b in zip(
            row.reshape(-1, row.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True
        )
    ]
    return np.stack(flat).reshape(values.shape).astype(kind)


_ROW = t(values=[-1.0, 0.0, 0.0, 0.5, 1.5])


@op(
    "bucketize",
    infer=_places_info("input_tensor", "boundaries"),
    numpy=lambda input_tensor, boundaries, out_int32, right: _np_places(
        boundaries, input_tensor, right, out_int32
    ),
    samples=[
        case(t("n", 3), _ROW),
        case(t(values=[0.0, 0.5, 9.0]), _ROW, right=True, out_int32=True),
        case(t(3, dtype="int32"), t(values=[0, 2, 4], dtype="int32")),
    ],
    tolerance="exact",
)
def bucketize(
    input_tensor: Tensor, boundaries: Tensor, out_int32: bool = False, right: bool = False
) -> Any:
    """The number of the bucket between sorted `boundaries` that each element falls into.

    An element equal to a boundary falls below it, or above when `right`.
    """
    dtype = "int32" if out_int32 else "int64"
    return topi.bucketize(input_tensor, boundaries, right, dtype)


@op(
    "searchsorted",
    infer=_places_info("values", "sorted_sequence"),
    numpy=lambda sorted_sequence, values, out_int32, right: _np_places(
        sorted_sequence, values, right, out_int32
    ),
    samples=[
        case(_ROW, t("n", 2)),
        case(t(values=[[0.0, 1.0], [2.0, 3.0]]), t(2, 3, high=4.0), right=True),
    ],
    tolerance="exact",
)
def searchsorted(
    sorted_sequence: Tensor, values: Tensor, out_int32: bool = False, right: bool = False
) -> Any:
    """Where each value would be put in to keep a row in order: before equal elements, or behind
    them when `right`. One row for all values, or one for each row of them.
    """
    dtype = "int32" if out_int32 else "int64"
    return topi.searchsorted(sorted_sequence, values, right, dtype)


__all__ = ["argsort", "bucketize", "median", "searchsorted", "sort", "topk"]
