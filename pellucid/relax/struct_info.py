"""Struct infos: what is known of a graph value before it is computed.

The kinds form a lattice below `ObjectStructInfo`: numbers, shapes, tensors, tuples, functions.
`None`, -1 and the empty dtype mean "unknown". Base check, erasure, least common ancestor and call
derivation are in `relax.analysis`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pellucid.ir.arithmetic import cast_to
from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.hooks import Hook
from pellucid.ir.node import Node, binder, child, data, node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, as_expr
from pellucid.support.errors import TypeMismatchError


@node
class StructInfo(Node):
    """Base of struct infos."""

    def same_as(self, other: object) -> bool:
        """Whether `other` is this very object."""
        return self is other

    def is_base_of(self, derived: StructInfo) -> bool:
        """Whether every value that `derived` describes is certainly described by this one."""
        return is_base_of_hook.get()(self, derived)


# Filled by `relax.base_check`.
is_base_of_hook: Hook[Callable[..., bool]] = Hook("is_base_of", "pellucid.relax.base_check")


@node
class ObjectStructInfo(StructInfo):
    """Any value at all."""


@node
class PrimStructInfo(StructInfo):
    """A number of `dtype`; `value` is its expression where that is known."""

    dtype: DataType = data(default=None)
    value: PrimExpr | None = child(default=None)

    def __init__(self, dtype: Any = None, value: Any = None, span: Any = None) -> None:
        if isinstance(dtype, PrimExpr):
            dtype, value = None, dtype
        if value is not None:
            value = as_expr(
                value if not isinstance(value, int) else IntImm(dtype or "int64", value)
            )
        kind = DataType(dtype) if dtype is not None else None
        if kind is None:
            if value is None:
                raise TypeMismatchError("A prim struct info needs a dtype or a value.")
            kind = value.dtype
        if value is not None and value.dtype != kind:
            raise TypeMismatchError(
                "The value of a prim struct info has another dtype.",
                expected=str(kind),
                found=str(value.dtype),
            )
        self._init("dtype", kind)
        self._init("value", value)
        self._init("span", span)


def shape_value(value: Any) -> PrimExpr:
    """A dimension: an int64 expression. Python ints become int64 constants; other integer types
    are cast.
    """
    expr = (
        IntImm("int64", value)
        if isinstance(value, int) and not isinstance(value, PrimExpr)
        else as_expr(value)
    )
    if expr.dtype == "int64":
        return expr
    if expr.dtype.is_integer:
        return cast_to("int64", expr)
    raise TypeMismatchError(
        "A dimension must be an integer.", expected="int64", found=f"{expr.dtype}: {expr!r}"
    )


@node
class ShapeStructInfo(StructInfo):
    """A shape of `ndim` dimensions (-1: unknown), with the dimensions `values` where they are
    known.
    """

    values: tuple[PrimExpr, ...] | None = child(default=None)
    ndim: int = data(default=-1)

    def __init__(self, values: Any = None, ndim: int = -1, span: Any = None) -> None:
        dims = None if values is None else tuple([shape_value(value) for value in values])
        if dims is not None and ndim not in (-1, len(dims)):
            raise TypeMismatchError(
                "ndim differs from the number of dimensions.",
                expected=str(len(dims)),
                found=str(ndim),
            )
        self._init("values", dims)
        self._init("ndim", ndim if dims is None else len(dims))
        self._init("span", span)


@node
class VDevice(Node):
    """A virtual device: where a tensor lives."""

    target: Any = data(default=None, key=str)
    vdevice_id: int = data(default=0)
    memory_scope: str = data(default="global")


@node
class TensorStructInfo(StructInfo):
    """A tensor of `dtype` ("" unknown) and `ndim` dimensions (-1 unknown).

    `shape` is a `ShapeExpr`, or a variable with a shape struct info, where it is known; else None.
    """

    shape: RelaxExpr | None = child(default=None)
    dtype: DataType = data(default="float32")
    vdevice: VDevice | None = child(default=None)
    ndim: int = data(default=-1)

    def __init__(
        self,
        shape: Any = None,
        dtype: str | None = "float32",
        vdevice: Any = None,
        ndim: int = -1,
        span: Any = None,
    ) -> None:
        expr = shape
        if shape is not None and not isinstance(shape, RelaxExpr):
            expr = shape_builders[0](shape)
        known = _ndim_of(expr)
        if known >= 0 and ndim not in (-1, known):
            raise TypeMismatchError(
                "ndim differs from the length of the shape.", expected=str(known), found=str(ndim)
            )
        self._init("shape", expr)
        kind = UNKNOWN if dtype is None else DataType(dtype)
        if kind.kind in ("handle", "void") or ndim < -1:
            raise TypeMismatchError(
                "There is no such tensor.",
                expected="a dtype with values, and ndim -1 (unknown) or more",
                found=f"dtype {str(kind)!r}, ndim {ndim}",
            )
        self._init("dtype", kind)
        self._init("vdevice", vdevice)
        self._init("ndim", known if known >= 0 else ndim)
        self._init("span", span)


# `relax.expr` puts ShapeExpr here: struct infos come before expressions.
shape_builders: list[Callable[[Any], RelaxExpr]] = []


def _ndim_of(shape: Any) -> int:
    if shape is None:
        return -1
    values: Any = getattr(shape, "values", None)
    if isinstance(values, tuple):
        return len(cast("tuple[Any, ...]", values))
    info = shape.struct_info_
    return info.ndim if isinstance(info, ShapeStructInfo) else -1


@node
class TupleStructInfo(StructInfo):
    """A tuple with these fields."""

    fields: tuple[StructInfo, ...] = child(converter=tuple)


def _optional_tuple(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)


@node
class FuncStructInfo(StructInfo):
    """A function. `params` None means opaque: any arguments, result by `derive_func(call, context)`
    or `ret`.

    Symbolic variables that stand bare in the parameters' infos are defined there. `purity` says
    whether calls are free of effects.
    """

    params: tuple[StructInfo, ...] | None = binder(converter=_optional_tuple)
    ret: StructInfo = child()
    purity: bool = data(default=True)
    derive_func: Any = data(default=None, key=lambda f: getattr(f, "name", f))

    def is_opaque(self) -> bool:
        """Whether nothing is known of the parameters."""
        return self.params is None

    @staticmethod
    def opaque_func(
        *,
        ret: StructInfo | None = None,
        derive_func: Any = None,
        purity: bool = False,
        span: Any = None,
    ) -> FuncStructInfo:
        """The info of a function about whose parameters nothing is known."""
        del span
        return FuncStructInfo(None, ret or ObjectStructInfo(), purity, derive_func)
