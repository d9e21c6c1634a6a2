"""Reading elements at places: slices, and indices that are elements of tensors themselves.

A negative index counts from the end.
"""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from typing import Any

from pellucid.relax.expr import Call, Expr, Tuple
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int, rank_of, reshaped, tensor_of
from pellucid.relax.op.packed import call_builtin
from pellucid.relax.op.record import Number, Numbers, Tensor, Tensors, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import (
    StructInfo,
    TensorStructInfo,
)
from pellucid.relax.te_call import known_dims
from pellucid.topi import creation, indexing, slicing

_MODES = ("fast", "clip", "wrap", "nan")


def _taken_dims(c: Inference, dims: Any, places: Any, axis: int) -> Any:
    return None if dims is None or places is None else (*dims[:axis], *places, *dims[axis + 1 :])


def _take_info(c: Inference) -> StructInfo:
    info, indices = c.tensor("x"), c.tensor("indices")
    c.require_integer("indices")
    if c["mode"] not in _MODES:
        raise c.error("mode", "is unknown.", ", ".join(_MODES), c["mode"])
    if c["mode"] == "nan":
        c.require_float("x")
    if c["axis"] is None:
        if info.ndim not in (-1, 1):
            raise c.error("axis", "must be given.", "an axis", f"a tensor of rank {info.ndim}")
        return TensorStructInfo(indices.shape, str(info.dtype), ndim=indices.ndim)
    if info.ndim == -1:
        return reshaped(info, None)
    axis = c.axis("axis", info.ndim)
    ndim = -1 if indices.ndim == -1 else info.ndim - 1 + indices.ndim
    return reshaped(info, _taken_dims(c, known_dims(info), known_dims(indices), axis), ndim)


def _np_take(x: Any, indices: Any, axis: int | None, mode: str) -> Any:
    whole = indices.astype(np.int64)
    extent = x.size if axis is None else x.shape[axis]
    if mode == "wrap":
        return np.take(x, whole % extent, axis)
    front = np.where(whole < 0, whole + extent, whole)
    found = np.take(x, np.clip(front, 0, extent - 1), axis)
    if mode == "nan":
        outside = (front < 0) | (front >= extent)
        lead = 0 if axis is None else axis % x.ndim
        tail = found.ndim - lead - outside.ndim
        mask = outside.reshape((1,) * lead + outside.shape + (1,) * tail)
        found = np.where(mask, np.asarray(np.nan, found.dtype), found)
    return found


_OUTSIDE = t(values=[0, -1, 7, -9], dtype="int64")


@op(
    "take",
    infer=_take_info,
    numpy=_np_take,
    samples=[
        case(t("n", 4), t(3, dtype="int64", low=-4, high=4), 1),
        case(t(5, 2), t(2, 2, dtype="int32", low=0, high=5), axis=0),
        case(t(6), t(3, dtype="int32", low=0, high=6)),
        case(t(3, 2), _OUTSIDE, 0, mode="clip"),
        case(t(3, 2), _OUTSIDE, 0, mode="wrap"),
        case(t(3, 2), _OUTSIDE, 0, mode="nan"),
        case(t(3, "n"), t(dtype="int32", low=0, high=3), 0),
    ],
    tolerance="exact",
)
def take(x: Tensor, indices: Tensor, axis: int | None = None, mode: str = "fast") -> Any:
    """The slices of `x` along `axis` at `indices`, whose shape replaces that axis.

    An index outside is brought to the border ("clip"), counted round ("wrap"), or gives NaN
    ("nan"); with "fast" there must be none (the border is read).
    """
    return indexing.take(x, indices, axis, 0, "clip" if mode == "fast" else mode)


def _gather_elements_info(c: Inference) -> StructInfo:
    info, indices = c.tensor("data"), c.tensor("indices")
    c.require_integer("indices")
    if info.ndim != -1:
        c.axis("axis", info.ndim)
        if indices.ndim not in (-1, info.ndim):
            raise c.error("indices", "has another rank than the data.", str(info.ndim), indices)
    return TensorStructInfo(indices.shape, str(info.dtype), ndim=indices.ndim)


def _np_gather(data: Any, indices: Any, axis: int) -> Any:
    window = tuple(
        slice(None) if number == axis % data.ndim else slice(0, extent)
        for number, extent in enumerate(indices.shape)
    )
    return np.take_along_axis(data[window], indices.astype(np.int64), axis)


@op(
    "gather_elements",
    infer=_gather_elements_info,
    numpy=_np_gather,
    samples=[
        case(t("n", 4), t("n", 3, dtype="int64", low=-4, high=4), 1),
        case(t(3, 4), t(2, 4, dtype="int32", low=0, high=3)),
    ],
    tolerance="exact",
)
def gather_elements(data: Tensor, indices: Tensor, axis: int = 0) -> Any:
    """Like `indices` in shape; its element at `i` is `data` at `i` with the index along `axis`
    replaced by `indices[i]`.
    """
    return indexing.gather(data, axis, indices)


def _gather_nd_info(c: Inference) -> StructInfo:
    info, indices = c.tensor("data"), c.tensor("indices")
    c.require_integer("indices")
    places, dims = known_dims(indices), known_dims(info)
    if places is None or info.ndim == -1:
        return reshaped(info, None)
    count = as_int(places[-1]) if places else None
    if count is None:
        return reshaped(info, None)
    batch = c["batch_dims"]
    if batch + count > info.ndim:
        raise c.error(
            "indices",
            "has more coordinates than the data has dimensions.",
            f"at most {info.ndim - batch} in the last dimension",
            str(count),
        )
    if dims is None:
        return reshaped(info, None, len(places) - 1 + info.ndim - batch - count)
    for x, y in zip(dims[:batch], places, strict=False):
        c.require_equal("indices", "has other batch extents than the data.", x, y)
    return reshaped(info, (*places[:-1], *dims[batch + count :]))


def _np_gather_nd(data: Any, indices: Any, batch_dims: int) -> Any:
    lead = indices.shape[:batch_dims]
    grid = np.indices(lead) if batch_dims else np.empty((0,), np.int64)
    spread = [each.reshape(lead + (1,) * (indices.ndim - 1 - batch_dims)) for each in grid]
    picked = [indices[..., number].astype(np.int64) for number in range(indices.shape[-1])]
    return data[tuple([*spread, *picked])]


@op(
    "gather_nd",
    infer=_gather_nd_info,
    numpy=_np_gather_nd,
    samples=[
        case(t("n", 3, 4), t(5, 2, dtype="int64", low=0, high=2)),
        case(t(3, 2), t(4, 1, dtype="int32", low=-2, high=2)),
        case(t(2, 3, 4), t(2, 3, 1, dtype="int64", low=0, high=3), batch_dims=1),
    ],
    tolerance="exact",
)
def gather_nd(data: Tensor, indices: Tensor, batch_dims: int = 0) -> Any:
    """The slices at coordinates, which lie along the last dimension of `indices`.

    The first `batch_dims` dimensions belong to both tensors.
    """
    return indexing.gather_nd(data, indices, batch_dims, -1)


def _index_tensor_info(c: Inference) -> StructInfo:
    info, indices = c.tensor("data"), c.tensors("indices")
    if indices is None:
        return reshaped(info, None)
    if not indices or (info.ndim != -1 and len(indices) > info.ndim):
        raise c.error("indices", "has a wrong length.", f"1 to {info.ndim}", str(len(indices)))
    for each in indices:
        if each.dtype != "" and not each.dtype.is_integer:
            raise c.error("indices", "must hold integers.", "integers", each)
    common: Any = known_dims(indices[0])
    for each in indices[1:]:
        common = c.broadcast(common, known_dims(each), "indices")
    dims = known_dims(info)
    lead = rank_of(*[each.ndim for each in indices])
    ndim = -1 if -1 in (lead, info.ndim) else lead + info.ndim - len(indices)
    if common is None or dims is None:
        return reshaped(info, None, ndim)
    return reshaped(info, (*common, *dims[len(indices) :]))


def _np_index(data: Any, indices: Any) -> Any:
    return data[tuple([each.astype(np.int64) for each in indices])]


@op(
    "index_tensor",
    infer=_index_tensor_info,
    numpy=_np_index,
    samples=[
        case(t("n", 3), [t(4, dtype="int64", low=-2, high=2)]),
        case(
            t(2, 3, 4),
            [t(2, 1, dtype="int64", low=0, high=2), t(3, dtype="int64", low=0, high=3)],
        ),
    ],
    tolerance="exact",
)
def index_tensor(data: Tensor, indices: Tensors) -> Any:
    """`data[indices[0], indices[1], …]`: the index tensors are broadcast together and stand for the
    first dimensions.
    """
    return indexing.index_tensor(data, indices)


# Slices


def _default_strides(values: dict[str, Any]) -> None:
    if values["strides"] is None:
        begin = values["begin"]
        count = len(begin.fields) if isinstance(begin, Tuple) else len(_listed(begin))
        values["strides"] = [1] * count


def _listed(value: Any) -> list[Any]:
    return [*value] if type(value) in (list, tuple) else [value]


def _slice_unknown(c: Inference) -> StructInfo:
    info = c.tensor("x")
    return reshaped(info, None, info.ndim)


def _check_slice(c: Inference) -> None:
    info = c.tensor("x")
    parts = {name: c.numbers(name) for name in ("axes", "begin", "end", "strides")}
    counts = {name: len(each) for name, each in parts.items() if each is not None}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise c.error("axes", "needs one begin, end and stride an axis.", None, found)
    for each in parts["axes"] or ():
        number = as_int(each)
        if number is None:
            raise c.error("axes", "must be constant.", "integers", each)
        if info.ndim != -1 and not -info.ndim <= number < info.ndim:
            raise c.error(
                "axes", "names no axis of the tensor.", f"{-info.ndim} to {info.ndim - 1}", number
            )
    for each in parts["strides"] or ():
        if each is not None and as_int(each) in (None, 0):
            raise c.error("strides", "must be constant and not 0.", None, each)


def _np_slice(
    x: Any, axes: Any, begin: Any, end: Any, strides: Any, assume_inbound: bool = False
) -> Any:
    del assume_inbound
    parts: list[Any] = [slice(None)] * x.ndim
    for axis, low, high, step in zip(axes, begin, end, strides, strict=True):
        extent = x.shape[axis]
        # A negative end below the tensor, walking backwards, means "to the first element".
        last = None if step < 0 and high < -extent else high
        parts[axis] = slice(low, last, step)
    return x[tuple(parts)].copy()


@op(
    "strided_slice",
    infer=rules.by_lowering(_slice_unknown, _check_slice),
    numpy=_np_slice,
    samples=[
        case(t("n", 6), [1], [1], [5]),
        case(t("n", 6), [1], [0], [6], [2]),
        case(t("n", 6), [1], [-1], [-7], [-2]),
        case(t(4, 5), [0, -1], [1, 0], [100, -1]),
        case(t("n", 3), [0], [0], ["n"]),
        case(t(4, dtype="int32"), [0], [3], [1]),
    ],
    tolerance="exact",
    prepare=_default_strides,
)
def strided_slice(
    x: Tensor,
    axes: Numbers,
    begin: Numbers,
    end: Numbers,
    strides: Numbers | None = None,
    assume_inbound: bool = False,
) -> Any:
    """The elements from `begin` up to and without `end`, `strides` apart, along `axes`.

    Bounds count as NumPy's do: from the end when negative, and cut off at the tensor. Symbolic
    bounds are brought inside as well, or taken to be inside with `assume_inbound`.
    """
    return slicing.strided_slice(x, begin, end, strides, axes, assume_inbound=assume_inbound)


def _dynamic_slice_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    for name in ("begin", "end", "strides"):
        c.tensor(name, (1,))
        c.require_dtype(name, "integers", "int", "uint")
        dims = c.dims(name)
        if dims is not None and info.ndim != -1:
            c.require_equal(name, "needs one element an axis.", info.ndim, dims[0])
    return reshaped(info, None, info.ndim)


def _np_dynamic_slice(x: Any, begin: Any, end: Any, strides: Any) -> Any:
    axes = list(range(x.ndim))
    return _np_slice(x, axes, begin.tolist(), end.tolist(), strides.tolist())


def _slice_at_run_time(builder: Any, call: Call) -> Expr:
    return call_builtin("dynamic_strided_slice", call.args, call.struct_info)


@op(
    "dynamic_strided_slice",
    infer=_dynamic_slice_info,
    numpy=_np_dynamic_slice,
    samples=[
        case(
            t("n", 6),
            t(values=[0, 1], dtype="int64"),
            t(values=[2, 5], dtype="int64"),
            t(values=[1, 2], dtype="int64"),
        ),
        case(
            t(5),
            t(values=[-1], dtype="int64"),
            t(values=[-5], dtype="int64"),
            t(values=[-1], dtype="int64"),
        ),
    ],
    tolerance="exact",
    legalize=_slice_at_run_time,
    attributes={"FDataDependent": True},
)
def dynamic_strided_slice(x: Tensor, begin: Tensor, end: Tensor, strides: Tensor) -> Any:
    """A slice whose bounds are elements of tensors, one for each axis; its extents are known only
    when the program runs.
    """
    ...


# One-hot


def _one_hot_info(c: Inference) -> StructInfo:
    info = c.tensor("indices")
    c.require_integer("indices")
    on, off = c.number("on_value"), c.number("off_value")
    if c["depth"] < 1:
        raise c.error("depth", "must be positive.", None, c["depth"])
    dtype = "" if on is None else str(on.dtype)
    if on is not None and off is not None and on.dtype != off.dtype:
        raise c.error("off_value", "has another dtype than on_value.", str(on.dtype), off.dtype)
    if info.ndim == -1:
        return tensor_of(None, dtype)
    axis = c.axis("axis", info.ndim + 1)
    dims = known_dims(info)
    if dims is None:
        return tensor_of(None, dtype, info.ndim + 1)
    return tensor_of((*dims[:axis], c["depth"], *dims[axis:]), dtype)


def _np_one_hot(indices: Any, on_value: Any, off_value: Any, depth: int, axis: int) -> Any:
    hit = indices[..., None] == np.arange(depth)
    kind = np.int64 if isinstance(on_value, int) else np.asarray(on_value).dtype
    found = np.where(hit, on_value, off_value).astype(kind)
    return np.ascontiguousarray(np.moveaxis(found, -1, axis))


@op(
    "one_hot",
    infer=_one_hot_info,
    numpy=_np_one_hot,
    samples=[
        case(t("n", dtype="int64", low=0, high=3), 1, 0, 3),
        case(t(2, 3, dtype="int32", low=-1, high=5), 2, -1, 4, axis=0),
        case(t(2, dtype="int64", low=0, high=2), 1.0, 0.0, 2, axis=1),
    ],
    tolerance="exact",
)
def one_hot(
    indices: Tensor, on_value: Number, off_value: Number, depth: int, axis: int = -1
) -> Any:
    """`on_value` where the new axis of extent `depth` has the index given, else `off_value`.

    The new axis stands at `axis`; the dtype is that of `on_value`.
    """
    return creation.one_hot(indices, on_value, off_value, depth, axis, str(on_value.dtype))


__all__ = [
    "dynamic_strided_slice", "gather_elements", "gather_nd", "index_tensor", "one_hot",
    "strided_slice", "take",
]  # fmt: skip
