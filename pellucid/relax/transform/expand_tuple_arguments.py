"""ExpandTupleArguments: private functions take the fields of tuples instead of tuples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.expr import Call, Expr, Function, Tuple, TupleGetItem, Var
from pellucid.relax.struct_info import StructInfo, TupleStructInfo
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import normalized
from pellucid.relax.transform.private_functions import (
    call_with,
    directly_called,
    with_changed_functions,
)


class _Fields(GraphSubstitution):
    """Replaces parameters by tuples of variables; items of known tuples are the fields."""

    def visit(self, node: Any) -> Any:
        """The field itself where an item of a known tuple is asked for."""
        new = super().visit(node)
        if isinstance(new, TupleGetItem) and isinstance(new.tuple_value, Tuple):
            return new.tuple_value.fields[new.index]
        return new


def _expanded(name: str, info: StructInfo, params: list[Var]) -> Expr:
    """New parameters for a value of `info`, and the value made of them."""
    if not isinstance(info, TupleStructInfo):
        params.append(Var(name, info))
        return params[-1]
    fields = [
        _expanded(f"{name}_{index}", field, params) for index, field in enumerate(info.fields)
    ]
    return Tuple(fields)


def _expand(func: Function, mod: IRModule) -> Function | None:
    infos = [each.struct_info for each in func.params]
    if not any(isinstance(info, TupleStructInfo) for info in infos):
        return None
    params: list[Var] = []
    mapping: dict[Any, Any] = {}
    for param, info in zip(func.params, infos, strict=True):
        if isinstance(info, TupleStructInfo):
            mapping[param] = _expanded(param.name_hint, info, params)
        else:
            params.append(param)
    body = _Fields(mapping).visit(func.body)
    made = Function(params, body, func.ret_struct_info, func.is_pure, func.attrs, func.span)
    return normalized(made, mod)


def _flat(value: Expr, info: StructInfo) -> list[Expr]:
    if not isinstance(info, TupleStructInfo):
        return [value]
    fields = (
        list(value.fields)
        if isinstance(value, Tuple)
        else [TupleGetItem(value, index) for index in range(len(info.fields))]
    )
    return [
        part for each, field in zip(fields, info.fields, strict=True) for part in _flat(each, field)
    ]


def _rule(func: Function) -> Callable[[Call], Expr]:
    infos = [each.struct_info for each in func.params]

    def rewrite(call: Call) -> Expr:
        args = [
            part for arg, info in zip(call.args, infos, strict=True) for part in _flat(arg, info)
        ]
        return call_with(call, args)

    return rewrite


@module_pass(opt_level=0, name="ExpandTupleArguments")
def _expand_all(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    changed: dict[str, Function] = {}
    rules: dict[str, Callable[[Call], Expr]] = {}
    for name, func in directly_called(mod).items():
        new = _expand(func, mod)
        if new is not None:
            changed[name] = new
            rules[name] = _rule(func)
    return with_changed_functions(mod, changed, rules)


def ExpandTupleArguments() -> Pass:
    """The pass after which private functions that are only called directly take no tuples."""
    return _expand_all
