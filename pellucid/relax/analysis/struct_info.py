"""Struct infos: comparing, joining, erasing, and what follows from them."""

from __future__ import annotations

from pellucid.relax.base_check import (
    BaseCheckResult,
    is_base_of,
    struct_info_base_check,
    struct_info_lca,
)
from pellucid.relax.call_derivation import derive_call_ret_struct_info, prim_func_struct_info
from pellucid.relax.struct_info import (
    FuncStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import (
    definable_tir_vars_in_struct_info,
    erase_to_well_defined,
    tir_vars_in_struct_info,
)


def get_static_type(info: StructInfo) -> StructInfo:
    """What is known of a value without any shape: kinds, ranks and dtypes."""
    if isinstance(info, PrimStructInfo):
        return info if info.value is None else PrimStructInfo(info.dtype)
    if isinstance(info, ShapeStructInfo):
        return info if info.values is None else ShapeStructInfo(None, info.ndim)
    if isinstance(info, TensorStructInfo):
        if info.shape is None and info.vdevice is None:
            return info
        return TensorStructInfo(None, info.dtype, None, info.ndim)
    if isinstance(info, TupleStructInfo):
        return TupleStructInfo([get_static_type(each) for each in info.fields])
    if isinstance(info, FuncStructInfo) and info.params is not None:
        params = [get_static_type(each) for each in info.params]
        return FuncStructInfo(params, get_static_type(info.ret), info.purity)
    return info


def tensors_in(info: StructInfo) -> list[TensorStructInfo]:
    """The tensors that a value of this info consists of, tuples flattened."""
    if isinstance(info, TensorStructInfo):
        return [info]
    if isinstance(info, TupleStructInfo):
        return [each for field in info.fields for each in tensors_in(field)]
    return []


__all__ = [
    "BaseCheckResult",
    "definable_tir_vars_in_struct_info",
    "derive_call_ret_struct_info",
    "erase_to_well_defined",
    "get_static_type",
    "is_base_of",
    "prim_func_struct_info",
    "struct_info_base_check",
    "struct_info_lca",
    "tensors_in",
    "tir_vars_in_struct_info",
]
