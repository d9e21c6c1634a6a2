"""Writing into a copy of a tensor at places that are elements of tensors themselves.

Updates are written in row-major order; `reduction` says how they combine with what is there:
"update", "add", "mul", "mean", "max" or "min". A negative index counts from the end; an update
whose place lies outside is left out.
"""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from typing import Any

from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, as_int
from pellucid.relax.op.record import Number, Tensor, Tensors, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi import scatter, slicing

_REDUCTIONS = ("update", "add", "mul", "mean", "max", "min")


def _put(result: Any, counts: Any, place: Any, value: Any, reduction: str) -> None:
    """One update."""
    old = result[place]
    if reduction == "update":
        result[place] = value
    elif reduction == "mul":
        result[place] = old * value
    elif reduction in ("max", "min"):
        result[place] = (np.maximum if reduction == "max" else np.minimum)(old, value)
    else:
        result[place] = old + value
        counts[place] += 1


def _finish(result: Any, counts: Any, reduction: str) -> Any:
    if reduction != "mean":
        return result
    if result.dtype.kind in "iu":
        return np.floor_divide(result, counts).astype(result.dtype)
    return (result / counts).astype(result.dtype)


def _check(c: Inference) -> None:
    c.require_integer("indices")
    if c["reduction"] not in _REDUCTIONS:
        raise c.error("reduction", "is unknown.", ", ".join(_REDUCTIONS), c["reduction"])
    c.same_dtype("data", "updates")


def _elements_info(c: Inference) -> StructInfo:
    _check(c)
    info, indices, updates = c.tensor("data"), c.tensor("indices"), c.tensor("updates")
    if info.ndim != -1:
        c.axis("axis", info.ndim)
        for name, each in (("indices", indices), ("updates", updates)):
            if each.ndim not in (-1, info.ndim):
                raise c.error(name, "has another rank than the data.", str(info.ndim), each)
    x, y = known_dims(indices), known_dims(updates)
    for have, want in zip(x or (), y or (), strict=False):
        c.require_equal("updates", "has another shape than the indices.", have, want)
    return info


def _np_scatter_elements(data: Any, indices: Any, updates: Any, axis: int, reduction: str) -> Any:
    result, counts = data.copy(), np.ones(data.shape, np.int32)
    for place in np.ndindex(indices.shape):
        index = int(indices[place])
        index += data.shape[axis] if index < 0 else 0
        if 0 <= index < data.shape[axis]:
            at = list(place)
            at[axis] = index
            _put(result, counts, tuple(at), updates[place], reduction)
    return _finish(result, counts, reduction)


_INDEX = t("n", 3, dtype="int64", low=-4, high=5)


@op(
    "scatter_elements",
    infer=_elements_info,
    numpy=_np_scatter_elements,
    samples=[
        case(t("n", 4), _INDEX, t("n", 3), axis=1),
        case(t("n", 4), _INDEX, t("n", 3), axis=1, reduction="add"),
        case(t(2, 4), t(2, 3, dtype="int32", low=0, high=4), t(2, 3), 1, "mul"),
        case(t(2, 4), t(2, 3, dtype="int64", low=0, high=4), t(2, 3), 1, "max"),
        case(t(2, 4), t(2, 3, dtype="int64", low=0, high=4), t(2, 3), 1, "mean"),
    ],
)
def scatter_elements(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, reduction: str = "update"
) -> Any:
    """A copy of `data` in which `updates[i]` is at `i` with the index along `axis` replaced by
    `indices[i]`.
    """
    return scatter.scatter_elements(data, indices, updates, axis, reduction)


def _nd_info(c: Inference) -> StructInfo:
    _check(c)
    info, indices, updates = c.tensor("data"), c.tensor("indices"), c.tensor("updates")
    places, dims, rows = known_dims(indices), known_dims(info), known_dims(updates)
    count = as_int(places[-1]) if places else None
    if info.ndim == -1 or count is None or places is None:
        return info
    if count > info.ndim:
        raise c.error(
            "indices", "has more coordinates than the data has dimensions.",
            f"at most {info.ndim}", str(count),
        )  # fmt: skip
    rank = len(places) - 1 + info.ndim - count
    if updates.ndim not in (-1, rank):
        raise c.error("updates", "has the wrong rank.", str(rank), updates)
    if dims is not None and rows is not None:
        for have, want in zip(rows, (*places[:-1], *dims[count:]), strict=True):
            c.require_equal("updates", "has the wrong shape.", want, have)
    return info


def _np_scatter_nd(data: Any, indices: Any, updates: Any, reduction: str) -> Any:
    result, counts = data.copy(), np.ones(data.shape, np.int32)
    for place in np.ndindex(indices.shape[:-1]):
        at = [int(each) for each in indices[place]]
        at = [x + n if x < 0 else x for x, n in zip(at, data.shape, strict=False)]
        if all(0 <= x < n for x, n in zip(at, data.shape, strict=False)):
            _put(result, counts, tuple(at), updates[place], reduction)
    return _finish(result, counts, reduction)


@op(
    "scatter_nd",
    infer=_nd_info,
    numpy=_np_scatter_nd,
    samples=[
        case(t(4, "n"), t(3, 1, dtype="int64", low=-4, high=5), t(3, "n")),
        case(t(3, 4), t(2, 2, dtype="int64", low=0, high=3), t(2), "add"),
        case(t(3), t(4, 1, dtype="int32", low=0, high=3), t(4), "min"),
    ],
)
def scatter_nd(data: Tensor, indices: Tensor, updates: Tensor, reduction: str = "update") -> Any:
    """A copy of `data` with slices replaced; coordinates lie along the last dimension of
    `indices`.
    """
    return scatter.scatter_nd(data, indices, updates, reduction, -1)


def _put_info(c: Inference) -> StructInfo:
    info, indices = c.tensor("data"), c.tensors("indices")
    c.same_dtype("data", "values")
    for each in indices or ():
        if each.dtype != "" and not each.dtype.is_integer:
            raise c.error("indices", "must hold integers.", "integers", each)
    if indices is not None and info.ndim != -1 and not 1 <= len(indices) <= info.ndim:
        raise c.error("indices", "has a wrong length.", f"1 to {info.ndim}", str(len(indices)))
    return info


def _np_index_put(data: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    result = data.copy()
    places = np.broadcast_arrays(*[each.astype(np.int64) for each in indices])
    shape = places[0].shape + data.shape[len(places) :]
    spread = np.broadcast_to(values, shape)
    for place in np.ndindex(places[0].shape):
        at = tuple(int(each[place]) for each in places)
        result[at] = result[at] + spread[place] if accumulate else spread[place]
    return result.astype(data.dtype)


@op(
    "index_put",
    infer=_put_info,
    numpy=_np_index_put,
    samples=[
        case(t("n", 3), [t(2, dtype="int64", low=0, high=2)], t(2, 3)),
        case(
            t(3, 4),
            [t(2, dtype="int64", low=0, high=3), t(2, dtype="int64", low=0, high=4)],
            t(2),
            accumulate=True,
        ),
    ],
)
def index_put(data: Tensor, indices: Tensors, values: Tensor, accumulate: bool = False) -> Any:
    """A copy of `data` with `data[indices[0], indices[1], …]` set to `values`, or increased by them
    with `accumulate`.
    """
    return scatter.index_put(data, indices, values, accumulate)


def _slice_scatter_info(c: Inference) -> StructInfo:
    info, src = c.tensor("input_tensor"), c.tensor("src")
    c.same_dtype("input_tensor", "src")
    if info.ndim != -1:
        c.axis("axis", info.ndim)
        if src.ndim not in (-1, info.ndim):
            raise c.error("src", "has another rank than the tensor.", str(info.ndim), src)
    if as_int(c.number("step")) is None or (as_int(c.number("step")) or 0) < 1:
        raise c.error("step", "must be a positive constant.", None, c.number("step"))
    whole, part = known_dims(info), known_dims(src)
    if whole is not None and part is not None:
        axis = c["axis"] % len(whole)
        for number, (x, y) in enumerate(zip(whole, part, strict=True)):
            if number != axis:
                c.require_equal("src", "has another extent than the tensor.", x, y)
    return rules.by_lowering(lambda each: each.tensor("input_tensor"))(c)


def _np_slice_scatter(
    input_tensor: Any, src: Any, start: int, end: int, step: int, axis: int
) -> Any:
    result = input_tensor.copy()
    parts: list[Any] = [slice(None)] * result.ndim
    parts[axis] = slice(start, end, step)
    result[tuple(parts)] = src
    return result


@op(
    "slice_scatter",
    infer=_slice_scatter_info,
    numpy=_np_slice_scatter,
    samples=[
        case(t("n", 6), t("n", 3), 0, 6, 2, axis=1),
        case(t(5, 2), t(3, 2), 1, 4, 1),
        case(t("n", 3), t("n", 3), 0, 2**31 - 1, 1),
    ],
    tolerance="exact",
)
def slice_scatter(
    input_tensor: Tensor, src: Tensor, start: Number, end: Number, step: Number, axis: int = 0
) -> Any:
    """A copy of the tensor in which the slice `start:end:step` along `axis` is `src`."""
    at = axis % input_tensor.ndim
    begin: list[Any] = [0] * input_tensor.ndim
    stop: list[Any] = list(input_tensor.shape)
    steps: list[Any] = [1] * input_tensor.ndim
    begin[at], stop[at], steps[at] = start, end, step
    return slicing.strided_set(input_tensor, src, begin, stop, steps)


__all__ = ["index_put", "scatter_elements", "scatter_nd", "slice_scatter"]
