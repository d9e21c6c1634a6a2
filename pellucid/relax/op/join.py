"""Operators that put tensors together, take them apart, repeat and turn them."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.ir.dtype import UNKNOWN
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, product, reshaped, same, simplified, tensor_of
from pellucid.relax.op.record import Tensor, Tensors, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import (
    ObjectStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.te_call import known_dims
from pellucid.topi import join, transform


def _alike(c: Inference, infos: Sequence[TensorStructInfo]) -> tuple[str, int]:
    """The dtype and rank that tensors of a tuple share; the empty dtype or -1 when unknown."""
    if not infos:
        raise c.error("tensors", "is empty.", "at least one tensor")
    dtypes = dict.fromkeys(each.dtype for each in infos)
    known = [each for each in dtypes if each != UNKNOWN]
    if len(known) > 1:
        raise c.error("tensors", "has tensors of several dtypes.", "one dtype", ", ".join(known))
    ranks = dict.fromkeys(each.ndim for each in infos)
    fixed = [each for each in ranks if each != -1]
    if len(fixed) > 1:
        found = ", ".join(map(str, fixed))
        raise c.error("tensors", "has tensors of several ranks.", "one rank", found)
    return str(known[0]) if len(dtypes) == 1 and known else "", fixed[0] if fixed else -1


def _concat_info(c: Inference) -> StructInfo:
    infos = c.tensors("tensors")
    if infos is None:
        return tensor_of(None, "")
    dtype, rank = _alike(c, infos)
    if rank == -1:
        return tensor_of(None, dtype)
    axis = c.axis("axis", rank)
    shapes = [known_dims(each) for each in infos]
    known = [each for each in shapes if each is not None]
    for number in range(rank):
        if number == axis:
            continue
        for each in known[1:]:
            c.require_equal(
                "tensors",
                f"has tensors of different extents along axis {number}.",
                known[0][number],
                each[number],
            )
    if len(known) < len(shapes):
        return tensor_of(None, dtype, rank)
    dims: list[Any] = list(known[0])
    dims[axis] = simplified(sum((each[axis] for each in known[1:]), known[0][axis]))
    return tensor_of(dims, dtype)


@op(
    "concat",
    infer=_concat_info,
    numpy=lambda tensors, axis: np.concatenate(tensors, axis),
    samples=[
        case([t("n", 3), t("m", 3)]),
        case([t("n", 2), t("n", 3), t("n", 1)], axis=-1),
        case([t(3, dtype="int32")], 0),
    ],
    tolerance="exact",
)
def concat(tensors: Tensors, axis: int = 0) -> Any:
    """The tensors one after another along `axis`; their other extents are equal."""
    return join.concatenate(tensors, axis)


def _stack_info(c: Inference) -> StructInfo:
    infos = c.tensors("tensors")
    if infos is None:
        return tensor_of(None, "")
    dtype, rank = _alike(c, infos)
    if rank == -1:
        return tensor_of(None, dtype)
    axis = c.axis("axis", rank + 1)
    shapes = [known_dims(each) for each in infos]
    known = [each for each in shapes if each is not None]
    for each in known[1:]:
        for x, y in zip(known[0], each, strict=True):
            c.require_equal("tensors", "has tensors of different shapes.", x, y)
    if not known:
        return tensor_of(None, dtype, rank + 1)
    dims: list[Any] = list(known[0])
    return tensor_of([*dims[:axis], len(infos), *dims[axis:]], dtype)


@op(
    "stack",
    infer=_stack_info,
    numpy=lambda tensors, axis: np.stack(tensors, axis),
    samples=[
        case([t("n", 3), t("n", 3)]),
        case([t(2, 3), t(2, 3), t(2, 3)], axis=-1),
        case([t(), t()], 0),
    ],
    tolerance="exact",
)
def stack(tensors: Tensors, axis: int = 0) -> Any:
    """Tensors of one shape side by side along a new axis, which stands at `axis`."""
    return join.stack(tensors, axis)


def _split_unknown(c: Inference) -> StructInfo:
    info, parts = c.tensor("x"), c["indices_or_sections"]
    count = len(parts) + 1 if isinstance(parts, tuple) else parts
    return TupleStructInfo([reshaped(info, None, info.ndim)] * count)


def _check_split(c: Inference) -> None:
    info = c.tensor("x")
    parts = c["indices_or_sections"]
    if not isinstance(parts, tuple) and (not isinstance(parts, int) or parts < 1):
        raise c.error(
            "indices_or_sections", "is wrong.", "a number of parts, or a list of indices", parts
        )
    if info.ndim != -1:
        c.axis("axis", info.ndim)


def _np_split(x: Any, indices_or_sections: Any, axis: int) -> Any:
    """A number that does not divide the extent leaves a shorter last part."""
    if isinstance(indices_or_sections, int):
        size = -(-x.shape[axis] // indices_or_sections)
        cuts = [min(size * each, x.shape[axis]) for each in range(1, indices_or_sections)]
    else:
        cuts = [*indices_or_sections]
    return tuple([each.copy() for each in np.split(x, cuts, axis)])


@op(
    "split",
    infer=rules.fields_by_lowering(_split_unknown, _check_split),
    numpy=_np_split,
    samples=[
        case(t("n", 6), 3, axis=1),
        case(t(6, "n"), [1, 4], 0),
        case(t(5), 2),
        case(t(4, 2, dtype="int32"), 1, -1),
    ],
    tolerance="exact",
)
def split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """A tuple of parts along `axis`: a number of equal ones, or cut at a list of indices."""
    return join.split(x, indices_or_sections, axis)


def _grid_unknown(c: Inference) -> StructInfo:
    infos = c.tensors("tensors")
    if infos is None:
        return ObjectStructInfo()
    return TupleStructInfo([reshaped(each, None, len(infos)) for each in infos])


def _check_grid(c: Inference) -> None:
    infos = c.tensors("tensors")
    for each in infos or ():
        if each.ndim not in (-1, 0, 1):
            raise c.error("tensors", "must hold vectors.", "1 dimension", str(each.ndim))
    if infos is not None:
        _alike_dtype(c, infos)


def _alike_dtype(c: Inference, infos: Sequence[TensorStructInfo]) -> None:
    known = dict.fromkeys(each.dtype for each in infos if each.dtype != UNKNOWN)
    if not infos:
        raise c.error("tensors", "is empty.", "at least one tensor")
    if len(known) > 1:
        raise c.error("tensors", "has tensors of several dtypes.", "one dtype", ", ".join(known))


@op(
    "meshgrid",
    infer=rules.fields_by_lowering(_grid_unknown, _check_grid),
    numpy=lambda tensors, indexing: tuple(
        each.copy() for each in np.meshgrid(*tensors, indexing=indexing)
    ),
    samples=[
        case([t("n"), t("m")]),
        case([t(2), t(3), t(2)], indexing="xy"),
    ],
    tolerance="exact",
)
def meshgrid(tensors: Tensors, indexing: str = "ij") -> Any:
    """Each vector spread over the grid that all span: a tuple of one tensor a vector.

    With "ij" vectors belong to the axes in order; with "xy" the first two are exchanged.
    """
    return join.meshgrid(tensors, indexing)


# Repetition


def _repeat_info(c: Inference) -> StructInfo:
    info, axis = c.tensor("data"), c["axis"]
    if c["repeats"] < 0:
        raise c.error("repeats", "must not be negative.", None, c["repeats"])
    dims = known_dims(info)
    if axis is None:
        return reshaped(info, None if dims is None else [product(dims) * c["repeats"]], 1)
    if info.ndim == -1:
        return info
    at = c.axis("axis", info.ndim)
    if dims is None:
        return reshaped(info, None, info.ndim)
    return reshaped(info, [d * c["repeats"] if i == at else d for i, d in enumerate(dims)])


@op(
    "repeat",
    infer=_repeat_info,
    numpy=lambda data, repeats, axis: np.repeat(data, repeats, axis),
    samples=[case(t("n", 3), 2, 0), case(t("n", 2), 3), case(t(2, 3, dtype="int32"), 2, -1)],
    tolerance="exact",
)
def repeat(data: Tensor, repeats: int, axis: int | None = None) -> Any:
    """Every element `repeats` times in a row along `axis`; of the flat tensor without one."""
    return transform.repeat(data, repeats, axis)


def _tile_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    counts = c["repeats"] if isinstance(c["repeats"], tuple) else (c["repeats"],)
    if info.ndim == -1:
        return reshaped(info, None)
    rank = max(info.ndim, len(counts))
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, rank)
    counts = (1,) * (rank - len(counts)) + counts
    whole = (1,) * (rank - len(dims)) + dims
    return reshaped(info, [a * b for a, b in zip(whole, counts, strict=True)])


@op(
    "tile",
    infer=_tile_info,
    numpy=lambda data, repeats: np.tile(data, repeats),
    samples=[case(t("n", 3), (2, 1)), case(t(3), (2, 2)), case(t("n", 2), 2)],
    tolerance="exact",
)
def tile(data: Tensor, repeats: int | Sequence[int]) -> Any:
    """The whole tensor repeated along each axis; missing axes are put in front."""
    return transform.tile(data, repeats)


def _same_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    if info.ndim != -1 and c["axis"] is not None:
        c.axes("axis", info.ndim)
    return info


@op(
    "flip",
    infer=_same_info,
    numpy=lambda data, axis: np.flip(data, axis).copy(),
    samples=[case(t("n", 3), 0), case(t(2, "n"), axis=-1), case(t(2, 3, 2), [0, 2])],
    tolerance="exact",
)
def flip(data: Tensor, axis: int | Sequence[int] | None = None) -> Any:
    """The elements in reverse order along an axis, several, or all."""
    return transform.flip(data, axis)


@op(
    "roll",
    infer=_same_info,
    numpy=lambda data, shift, axis: np.roll(data, shift, axis),
    samples=[case(t("n", 3), 1, 0), case(t(2, 3), -4), case(t(2, 3), [1, 2], [0, 1])],
    tolerance="exact",
)
def roll(data: Tensor, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """The elements moved on along axes; those that leave at the end come in at the begin."""
    return transform.roll(data, shift, axis)


def _swap_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    if info.ndim == -1:
        return info
    first, second = c.axis("axis1", info.ndim), c.axis("axis2", info.ndim)
    dims = known_dims(info)
    if dims is None:
        return info
    order = list(range(info.ndim))
    order[first], order[second] = second, first
    return info if same(dims[first], dims[second]) else reshaped(info, [dims[i] for i in order])


@op(
    "swapaxes",
    infer=_swap_info,
    numpy=lambda x, axis1, axis2: np.ascontiguousarray(np.swapaxes(x, axis1, axis2)),
    samples=[case(t("n", 3, 2), 0, -1), case(t(2, 3), 1, 1)],
    tolerance="exact",
)
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return transform.swapaxes(x, axis1, axis2)


__all__ = [
    "concat", "flip", "meshgrid", "repeat", "roll", "split", "stack", "swapaxes", "tile",
]  # fmt: skip
