"""Operators that give a tensor another shape: its elements stay, or are summed or repeated."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.relax.expr import Call, Expr, ShapeExpr
from pellucid.relax.op.inference import (
    Inference,
    as_int,
    items,
    product,
    reshaped,
    same,
    simplified,
    tensor_of,
)
from pellucid.relax.op.record import Shape, TeLowering, Tensor, info_of, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import reduction, transform
from pellucid.topi.broadcast import broadcast_to as te_broadcast_to

Axes = int | Sequence[int] | None


def _permute_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    if info.ndim == -1:
        ndim = -1 if c["axes"] is None else len(c["axes"])
        return reshaped(info, None, ndim)
    order = list(range(info.ndim))[::-1] if c["axes"] is None else c.axes("axes", info.ndim)
    if len(order) != info.ndim:
        raise c.error("axes", "must name every axis once.", f"{info.ndim} axes", c["axes"])
    dims = known_dims(info)
    return reshaped(info, None if dims is None else [dims[axis] for axis in order], info.ndim)


@op(
    "permute_dims",
    infer=_permute_info,
    numpy=lambda x, axes: np.ascontiguousarray(np.transpose(x, axes)),
    samples=[
        case(t("n", 3)),
        case(t("n", 3, "k"), [1, 2, 0]),
        case(t(2, 3, 4), axes=[0, -1, 1]),
        case(t(3)),
    ],
    tolerance="exact",
)
def permute_dims(x: Tensor, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order; reversed when `axes` is None."""
    return transform.transpose(x, axes)


def _resolve_shape(values: dict[str, Any]) -> None:
    """A new shape with -1 and 0 replaced, from what is known of the tensor."""
    shape = values["shape"]
    if isinstance(shape, Expr):
        return
    wanted: list[Any] = [*shape] if type(shape) in (list, tuple) else [shape]
    plain = [as_int(each) for each in wanted]
    if -1 not in plain and 0 not in plain:
        return
    info = info_of(values["x"]) if isinstance(values["x"], Expr) else None
    dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
    if dims is None:
        raise TypeMismatchError(
            "relax.op.reshape: a shape with -1 or 0 needs a tensor whose shape is known.",
            found="no struct info" if info is None else repr(info),
            cure="name the dimensions by match_cast, or give the whole shape",
        )
    if plain.count(-1) > 1:
        raise TypeMismatchError(
            "relax.op.reshape: only one extent can be inferred.", found=repr(shape)
        )
    empty = any(as_int(each) == 0 for each in dims)
    for number, extent in enumerate(plain):
        if extent == 0 and not empty and number < len(dims):
            wanted[number] = dims[number]
    if -1 in plain:
        place = plain.index(-1)
        rest = product([each for number, each in enumerate(wanted) if number != place])
        if as_int(rest) == 0:
            raise TypeMismatchError(
                "relax.op.reshape: an extent beside one of zero cannot be inferred.",
                found=repr(shape),
            )
        total, parts = as_int(product(dims)), as_int(rest)
        if total is not None and parts is not None and total % parts:
            raise TypeMismatchError(
                "relax.op.reshape: the elements do not fill the new shape.",
                expected=f"a multiple of {parts} elements",
                found=str(total),
            )
        wanted[place] = simplified(product(dims) // rest)
    values["shape"] = wanted


def _reshape_info(c: Inference) -> StructInfo:
    info, shape = c.tensor("x"), c.shape("shape")
    if shape.values is None:
        held = c.expr("shape")
        known = held if isinstance(held, ShapeExpr) or held.is_variable else None
        return TensorStructInfo(known, str(info.dtype), ndim=shape.ndim)
    dims = known_dims(info)
    if dims is not None:
        old, new = product(dims), product(shape.values)
        x, y = as_int(old), as_int(new)
        if x is not None and y is not None and x != y:
            raise c.error(
                "shape", "has another number of elements than the tensor.", str(x), str(y)
            )
    return reshaped(info, shape.values)


@op(
    "reshape",
    infer=_reshape_info,
    numpy=lambda x, shape: np.reshape(x, shape),
    samples=[
        case(t("n", 6), ("n", 2, 3)),
        case(t("n", 6), (-1, 3)),
        case(t("n", 2, 3), (0, -1)),
        case(t(6, dtype="int32"), (2, 3)),
        case(t(1), ()),
        case(t(2, 3), 6),
    ],
    tolerance="exact",
    attributes={"FNative": True},
    prepare=_resolve_shape,
)
def reshape(x: Tensor, shape: Shape) -> Any:
    """The elements, row by row, in a new shape.

    One extent may be -1: what is left; an extent of 0 keeps the old one. Both are resolved when the
    call is built.
    """
    return transform.reshape(x, shape)


def _flatten_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    dims = known_dims(info)
    return reshaped(info, None if dims is None else [product(dims)], 1)


def _flat(x: Any) -> Any:
    return np.reshape(x, (-1,))


@op(
    "flatten",
    infer=_flatten_info,
    numpy=_flat,
    samples=[case(t("n", 3)), case(t(2, "n", 3)), case(t(3)), case(t())],
    tolerance="exact",
)
def flatten(x: Tensor) -> Any:
    """All elements, row by row, in one dimension."""
    return transform.reshape(x, [product(x.shape)])


def _expand_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    axes = c["axis"] if isinstance(c["axis"], tuple) else (c["axis"],)
    if info.ndim == -1:
        return info
    rank = info.ndim + len(axes)
    places = c.axes("axis", rank)
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, rank)
    rest = iter(dims)
    return reshaped(info, [1 if axis in places else next(rest) for axis in range(rank)])


def _expanded(x: Any, axis: Any) -> Any:
    return np.expand_dims(x, axis)


@op(
    "expand_dims",
    infer=_expand_info,
    numpy=_expanded,
    samples=[
        case(t("n", 3), 0),
        case(t("n", 3), [-1, 1]),
        case(t(), 0),
        case(t(2, 3), [0, 1, 4]),
    ],
    tolerance="exact",
)
def expand_dims(x: Tensor, axis: Axes) -> Any:
    """New axes of extent 1, which stand at `axis` in the result."""
    rank = x.ndim + (len(axis) if isinstance(axis, tuple) else 1)
    places = [each % rank for each in (axis if isinstance(axis, tuple) else (axis,))]
    return transform.expand_dims(x, places)


def _squeeze_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    if info.ndim == -1:
        return info
    dims = known_dims(info)
    if c["axis"] is None:
        if dims is None:
            return reshaped(info, None)
        if any(as_int(each) is None for each in dims):
            raise c.error(
                "axis", "must be given, since it is unknown which extents are 1.", None, info
            )
        return reshaped(info, [each for each in dims if as_int(each) != 1])
    axes = c.axes("axis", info.ndim)
    if dims is None:
        return reshaped(info, None, info.ndim - len(axes))
    for axis in axes:
        if as_int(dims[axis]) not in (1, None):
            raise c.error("axis", "names an axis whose extent is not 1.", "1", dims[axis])
    return reshaped(info, [each for axis, each in enumerate(dims) if axis not in axes])


def _squeezed(builder: Any, call: Call) -> Expr:
    """Extents that are 1 only as it turns out are checked when the program runs."""
    (value,) = call.args
    info, axes = value.struct_info, call.attrs.get("axis")
    dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
    if axes is None or dims is None:
        return _lowered_squeeze(builder, call)
    named = {each % len(dims) for each in items(axes)}
    if all(as_int(each) == 1 for axis, each in enumerate(dims) if axis in named):
        return _lowered_squeeze(builder, call)
    matched = [1 if axis in named else each for axis, each in enumerate(dims)]
    checked = builder.match_cast(value, TensorStructInfo(matched, info.dtype))
    return _lowered_squeeze(builder, call.replace(args=[checked]))


_lowered_squeeze = TeLowering("squeeze")


@op(
    "squeeze",
    infer=_squeeze_info,
    numpy=lambda x, axis: np.squeeze(x, axis),
    samples=[
        case(t(2, 1, 3, 1)),
        case(t("n", 1, 3), axis=1),
        case(t(1, "n", 1), axis=[0, -1]),
        case(t(1, 1)),
    ],
    legalize=_squeezed,
    tolerance="exact",
)
def squeeze(x: Tensor, axis: Axes = None) -> Any:
    """Without axes of extent 1: those named, or all."""
    return transform.squeeze(x, list(axis) if isinstance(axis, tuple) else axis)


def _broadcast_info(c: Inference) -> StructInfo:
    info, shape = c.tensor("x"), c.shape("shape")
    if shape.values is None:
        return reshaped(info, None, shape.ndim)
    dims = known_dims(info)
    if info.ndim > len(shape.values):
        raise c.error(
            "shape", "has too few dimensions.", f"at least {info.ndim}", str(len(shape.values))
        )
    for have, want in zip(
        dims or (), shape.values[len(shape.values) - len(dims or ()) :], strict=True
    ):
        x, y = as_int(have), as_int(want)
        if x not in (1, None) and y is not None and x != y:
            raise c.error("shape", "does not fit the tensor.", f"{x} there", str(y))
    return reshaped(info, shape.values)


@op(
    "broadcast_to",
    infer=_broadcast_info,
    numpy=lambda x, shape: np.broadcast_to(x, shape).copy(),
    samples=[
        case(t("n", 1), (3, "n", 4)),
        case(t(3), (2, 3)),
        case(t(dtype="int32"), (2, 2)),
    ],
    tolerance="exact",
)
def broadcast_to(x: Tensor, shape: Shape) -> Any:
    """Repeated along axes of extent 1, and along new leading axes, to a shape."""
    return te_broadcast_to(x, shape)


def _np_collapse(data: Any, shape: Any) -> Any:
    lead = data.ndim - len(shape)
    found = data.sum(axis=tuple(range(lead)))
    axes = tuple(i for i, extent in enumerate(shape) if extent == 1 and found.shape[i] != 1)
    return found.sum(axis=axes, keepdims=True) if axes else found


def _check_collapse(c: Inference, target: Sequence[Any] | None, argument: str) -> None:
    dims = c.dims("data")
    if dims is None or target is None:
        return
    if len(target) > len(dims):
        raise c.error(
            argument, "has more dimensions than the tensor.", f"at most {len(dims)}",
            str(len(target)),
        )  # fmt: skip
    for have, want in zip(dims[len(dims) - len(target) :], target, strict=True):
        x, y = as_int(have), as_int(want)
        if y not in (1, None) and x is not None and x != y:
            raise c.error(argument, "does not broadcast to the tensor.", f"1 or {x}", str(y))


def _collapse_to_info(c: Inference) -> StructInfo:
    info, shape = c.tensor("data"), c.shape("shape")
    _check_collapse(c, shape.values, "shape")
    return reshaped(info, shape.values, shape.ndim)


_COLLAPSED = [case(t(2, "n", 3), ("n", 3)), case(t(2, 3), (2, 1)), case(t(2, 3), ())]


@op(
    "collapse_sum_to",
    infer=_collapse_to_info,
    numpy=widened(_np_collapse),
    samples=_COLLAPSED,
    tolerance="reduction",
)
def collapse_sum_to(data: Tensor, shape: Shape) -> Any:
    """The sum over the axes along which `shape` is broadcast to the shape of `data`: what a
    gradient of `broadcast_to` is.
    """
    return reduction.collapse_sum(data, shape)


def _collapse_like_info(c: Inference) -> StructInfo:
    info, target = c.tensor("data"), c.tensor("collapse_target")
    dims = known_dims(target)
    _check_collapse(c, dims, "collapse_target")
    return tensor_of(dims, info.dtype, target.ndim)


@op(
    "collapse_sum_like",
    infer=_collapse_like_info,
    numpy=widened(lambda data, collapse_target: _np_collapse(data, collapse_target.shape)),
    samples=[case(t(2, "n", 3), t("n", 3)), case(t(2, 3), t(1, 3))],
    tolerance="reduction",
)
def collapse_sum_like(data: Tensor, collapse_target: Tensor) -> Any:
    """`collapse_sum_to` the shape of another tensor."""
    return reduction.collapse_sum(data, collapse_target.shape)


def _like_info(c: Inference) -> StructInfo:
    info, target = c.tensor("x"), c.tensor("like")
    return tensor_of(known_dims(target), info.dtype, target.ndim)


@op(
    "broadcast_like",
    infer=_like_info,
    numpy=lambda x, like: np.broadcast_to(x, like.shape).copy(),
    samples=[case(t("n", 1), t("n", 4)), case(t(3), t(2, 3))],
    tolerance="exact",
)
def broadcast_like(x: Tensor, like: Tensor) -> Any:
    """`broadcast_to` the shape of another tensor."""
    return te_broadcast_to(x, like.shape)


def same_extents(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two shapes are proved to be equal."""
    return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


__all__ = [
    "broadcast_like", "broadcast_to", "collapse_sum_like", "collapse_sum_to", "expand_dims",
    "flatten", "permute_dims", "reshape", "squeeze",
]  # fmt: skip
