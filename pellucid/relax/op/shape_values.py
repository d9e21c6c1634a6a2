"""Shapes as values: of a tensor, from a tensor, as a tensor."""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.relax.expr import Call, Expr, ShapeExpr
from pellucid.relax.op.inference import Inference, as_int, product, tensor_of
from pellucid.relax.op.packed import call_builtin
from pellucid.relax.op.record import Shape, Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import (
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
)
from pellucid.relax.te_call import known_dims


def _shape_of_info(c: Inference) -> StructInfo:
    info = c.tensor("x")
    return ShapeStructInfo(known_dims(info), info.ndim)


def _known_shape(builder: Any, call: Call) -> Expr:
    info = call.args[0].struct_info_
    dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
    if dims is not None:
        return ShapeExpr(dims)
    del builder
    return call_builtin("shape_of", call.args, call.struct_info_)


def _np_shape_of(x: Any) -> Any:
    return tuple(int(each) for each in x.shape)


@op(
    "shape_of",
    infer=_shape_of_info,
    numpy=_np_shape_of,
    samples=[case(t("n", 3)), case(t(2, dtype="int8"))],
    legalize=_known_shape,
)
def shape_of(x: Tensor) -> Any:
    """The shape of a tensor."""
    ...


def _to_shape_info(c: Inference) -> StructInfo:
    info = c.tensor("x", (1,))
    if info.dtype not in ("", "int64"):
        raise c.error("x", "must be a vector of int64.", "int64", str(info.dtype))
    dims = known_dims(info)
    count = None if dims is None else as_int(dims[0])
    return ShapeStructInfo(None, -1 if count is None else count)


def _np_to_shape(x: Any) -> Any:
    return tuple(int(each) for each in x)


def _shape_at_run_time(builder: Any, call: Call) -> Expr:
    del builder
    return call_builtin("tensor_to_shape", call.args, call.struct_info_)


@op(
    "tensor_to_shape",
    infer=_to_shape_info,
    numpy=_np_to_shape,
    samples=[case(t(values=[2, 3, 4], dtype="int64"))],
    legalize=_shape_at_run_time,
    attributes={"FDataDependent": True},
)
def tensor_to_shape(x: Tensor) -> Any:
    """The elements of a vector of int64 as a shape; match_cast names its dimensions."""
    ...


def _to_tensor_info(c: Inference) -> StructInfo:
    shape = c.shape("shape")
    return tensor_of(None if shape.ndim == -1 else [shape.ndim], "int64", 1)


def _np_to_tensor(shape: Any) -> Any:
    return np.array([*shape], np.int64)


@op(
    "shape_to_tensor",
    infer=_to_tensor_info,
    numpy=_np_to_tensor,
    samples=[case(("n", 3)), case((2, 3, 4))],
    tolerance="exact",
)
def shape_to_tensor(shape: Shape) -> Any:
    """The dimensions as a vector of int64."""

    def element(i: Any) -> Any:
        value: Any = ar.const(0, "int64")
        for number in range(len(shape)):
            value = ar.select(ar.eq(i, number), ar.cast_to("int64", shape[number]), value)
        return value

    return te.compute((len(shape),), element, name="T_shape")


def _size_info(c: Inference) -> StructInfo:
    c.tensor("x")
    return tensor_of((), "int64")


def _np_size(x: Any) -> Any:
    return np.array(x.size, np.int64)


@op(
    "size",
    infer=_size_info,
    numpy=_np_size,
    samples=[case(t("n", 3)), case(t())],
    tolerance="exact",
)
def size(x: Tensor) -> Any:
    """The number of elements, as a tensor of int64."""

    def element() -> Any:
        return ar.cast_to("int64", product(x.shape))

    return te.compute((), element, name="T_size")


__all__ = ["shape_of", "shape_to_tensor", "size", "tensor_to_shape"]
