"""Symbolic variables in struct infos: which occur, which are defined there, and erasing those that
a scope does not know.

In: struct infos. Out: variables, or struct infos in which variables are replaced, or dropped where
nothing stands for them. Used by functions, the normal form, and the derivation of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pellucid.ir.node import Node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import pre_order, substitute
from pellucid.relax.struct_info import (
    FuncStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)

# What a variable stands for: an expression, or None when it is unknown.
Lookup = Callable[[Any], Any]


def unique(variables: Iterable[Var]) -> list[Var]:
    """The variables in order of first occurrence, each once."""
    return list(dict.fromkeys(variables))


def tir_vars_in_expr(expr: Node) -> list[Var]:
    """The symbolic variables in a scalar expression (or any node), in order of occurrence."""
    return unique(each for each in pre_order(expr) if isinstance(each, Var))


def tir_vars_in_struct_info(info: StructInfo) -> list[Var]:
    """The symbolic variables that occur in `info`, in order; a function info's own ones are left
    out.
    """
    found: list[Var] = []
    for part in _parts(info):
        if isinstance(part, FuncStructInfo):
            found.extend(_free_in_function(part))
        else:
            found.extend(each for each in pre_order(part) if isinstance(each, Var))
    return unique(found)


def definable_tir_vars_in_struct_info(info: StructInfo) -> list[Var]:
    """The symbolic variables that stand bare in `info`, as a dimension or a value: an argument (or
    a match) of this info defines them.
    """
    found: list[Var] = []
    for part in _parts(info):
        found.extend(each for each in _bare_places(part) if isinstance(each, Var))
    return unique(found)


def _parts(info: StructInfo) -> Iterable[StructInfo]:
    """The infos that are not tuples, in order."""
    if isinstance(info, TupleStructInfo):
        for field in info.fields:
            yield from _parts(field)
    else:
        yield info


def _bare_places(info: StructInfo) -> tuple[Any, ...]:
    if isinstance(info, PrimStructInfo):
        return (info.value,)
    if isinstance(info, ShapeStructInfo):
        return info.values or ()
    if isinstance(info, TensorStructInfo):
        return getattr(info.shape, "values", None) or ()
    return ()


def _free_in_function(info: FuncStructInfo) -> list[Var]:
    params = info.params or ()
    own = {each for param in params for each in definable_tir_vars_in_struct_info(param)}
    used = [each for part in (*params, info.ret) for each in tir_vars_in_struct_info(part)]
    return [each for each in used if each not in own]


def _resolve(expr: PrimExpr, lookup: Lookup) -> PrimExpr | None:
    """`expr` with each variable replaced; None when one is unknown."""
    table: dict[Any, Any] = {}
    for variable in tir_vars_in_expr(expr):
        value = lookup(variable)
        if value is None:
            return None
        if value is not variable:
            table[variable] = value
    return substitute(expr, table)


def _resolve_all(values: tuple[PrimExpr, ...], lookup: Lookup) -> tuple[PrimExpr, ...] | None:
    found = [_resolve(value, lookup) for value in values]
    known = tuple([each for each in found if each is not None])
    if len(known) < len(values):
        return None
    return values if all(a is b for a, b in zip(values, known, strict=True)) else known


def erase_to_well_defined(
    info: StructInfo, shape_var_map: Lookup | None = None, var_map: Lookup | None = None
) -> StructInfo:
    """`info` with symbolic variables replaced by `shape_var_map` and graph variables by `var_map`.

    Each map gives what a variable stands for, or None for unknown (as a missing map does for all).
    What contains an unknown variable loses its values: a tensor keeps ndim and dtype, a shape keeps
    ndim, a number keeps dtype. Function infos are left as they are. Returns the same object when
    nothing changed.
    """
    scalars = shape_var_map or _nothing
    graphs = var_map or _nothing
    if isinstance(info, PrimStructInfo):
        if info.value is None:
            return info
        value = _resolve(info.value, scalars)
        return info if value is info.value else PrimStructInfo(info.dtype, value)
    if isinstance(info, ShapeStructInfo):
        if info.values is None:
            return info
        values = _resolve_all(info.values, scalars)
        return info if values is info.values else ShapeStructInfo(values, info.ndim)
    if isinstance(info, TensorStructInfo):
        return _erase_tensor(info, scalars, graphs)
    if isinstance(info, TupleStructInfo):
        fields = [erase_to_well_defined(each, scalars, graphs) for each in info.fields]
        if all(a is b for a, b in zip(fields, info.fields, strict=True)):
            return info
        return TupleStructInfo(fields)
    return info


def _nothing(variable: Any) -> None:
    del variable


def _erase_tensor(info: TensorStructInfo, scalars: Lookup, graphs: Lookup) -> StructInfo:
    shape: Any = info.shape
    if shape is None:
        return info
    if shape.is_variable:
        new: Any = graphs(shape)
    else:
        values = _resolve_all(shape.values, scalars)
        new = None if values is None else (shape if values is shape.values else values)
    if new is shape:
        return info
    return TensorStructInfo(new, info.dtype, info.vdevice, info.ndim)


def erase_unknown(info: StructInfo, known: Callable[[Any], bool]) -> StructInfo:
    """`info` without the values that mention a variable (symbolic or graph) that is not `known`."""

    def keep(variable: Any) -> Any:
        return variable if known(variable) else None

    return erase_to_well_defined(info, keep, keep)


def signature_vars(params: Iterable[StructInfo]) -> list[Var]:
    """The symbolic variables that parameters of these infos define."""
    return unique(each for info in params for each in definable_tir_vars_in_struct_info(info))
