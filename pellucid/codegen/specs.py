"""Signatures from struct infos and loop functions: what a compiled function takes, as data."""

from __future__ import annotations

from pellucid.codegen.dims import DimNames
from pellucid.relax import struct_info as si
from pellucid.relax.expr import Function, ShapeExpr
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)


def spec_of(info: si.StructInfo | None, name: str, names: DimNames) -> Spec:
    """The spec of a value with struct info `info`."""
    if isinstance(info, si.TensorStructInfo):
        shape = names.dims(info.shape.values) if isinstance(info.shape, ShapeExpr) else None
        return TensorSpec(name, str(info.dtype) or None, shape, ndim=info.ndim)
    if isinstance(info, si.ShapeStructInfo):
        values = None if info.values is None else names.dims(info.values)
        return ShapeSpec(name, values, info.ndim)
    if isinstance(info, si.PrimStructInfo):
        integer = info.value is not None and (info.dtype.is_integer or info.dtype.is_bool)
        return ScalarSpec(name, str(info.dtype), names.dim(info.value) if integer else None)
    if isinstance(info, si.TupleStructInfo):
        fields = [spec_of(each, f"{name}[{i}]", names) for i, each in enumerate(info.fields)]
        return TupleSpec(name, tuple(fields))
    return AnySpec(name)


def graph_signature(function: Function, name: str, names: DimNames) -> Signature:
    """The signature of a graph function."""
    params = [spec_of(param.struct_info_, param.name_hint, names) for param in function.params]
    return Signature(name, tuple(params), spec_of(function.ret_struct_info, "result", names))
