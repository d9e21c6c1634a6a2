"""RemoveUnusedOutputs: private functions return only those fields of a tuple that callers use.

When a single field is left, it is returned bare.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.expr import (
    Call,
    Expr,
    Function,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.expr_functor import PyExprMutator, PyExprVisitor
from pellucid.relax.struct_info import TupleStructInfo
from pellucid.relax.transform.passes import normalized
from pellucid.relax.transform.private_functions import directly_called


def _callee(value: Any, names: Any) -> str | None:
    """The function that a value calls directly, if it is one of `names`."""
    if isinstance(value, Call) and isinstance(value.op, GlobalVar):
        return value.op.name_hint if value.op.name_hint in names else None
    return None


class _UsedFields(PyExprVisitor):
    """Which fields of the functions' results are used; -1 stands for the whole tuple."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.used: dict[str, set[int]] = {name: set() for name in names}
        self.results: dict[Var, str] = {}

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """Note the variable of a call's result."""
        name = _callee(binding.value, self.used)
        if name is not None:
            self.results[binding.var] = name
        super().visit_var_binding_(binding)

    def visit_tuple_getitem_(self, op: TupleGetItem) -> None:
        """Note the use of a field."""
        if op.tuple_value in self.results:
            self.used[self.results[op.tuple_value]].add(op.index)  # pyright: ignore[reportArgumentType]
        else:
            super().visit_tuple_getitem_(op)

    def visit_var_(self, op: Var) -> None:
        """Any other use is of the whole."""
        if op in self.results:
            self.used[self.results[op]].add(-1)


class _Rewrite(PyExprMutator):
    """Takes the fields from where they stand now."""

    def __init__(self, mod: IRModule, kept: dict[str, list[int]]) -> None:
        super().__init__(mod)
        self.kept = kept
        self.results: dict[Var, list[int]] = {}

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """A call whose result has fewer fields now is inferred anew."""
        name = _callee(binding.value, self.kept)
        if name is None:
            super().visit_var_binding_(binding)
            return
        call = self.visit_expr(binding.value)
        call = self.builder_.normalize(call.replace(struct_info_=None))
        self.results[binding.var] = self.kept[name]
        new = self.with_struct_info(binding.var, call.struct_info_)
        self.set_var_remap(binding.var, new)
        self.builder_.emit_normalized(VarBinding(new, call, span=binding.span))

    def visit_tuple_getitem_(self, op: TupleGetItem) -> Expr:
        """The field at its new place; the result itself when it is the only one."""
        kept = self.results.get(op.tuple_value)  # pyright: ignore[reportArgumentType]
        if kept is None:
            return super().visit_tuple_getitem_(op)
        value = self.visit_expr(op.tuple_value)
        return value if len(kept) == 1 else TupleGetItem(value, kept.index(op.index))


def _narrowed(func: Function, kept: list[int], mod: IRModule) -> Function:
    body = func.body
    fields = [
        body.body.fields[index] if isinstance(body.body, Tuple) else TupleGetItem(body.body, index)
        for index in kept
    ]
    result = fields[0] if len(fields) == 1 else Tuple(fields)
    made = Function(
        func.params, SeqExpr(body.blocks, result), None, func.is_pure, func.attrs, func.span
    )
    return remove_all_unused(normalized(made, mod), mod)


@module_pass(opt_level=0, name="RemoveUnusedOutputs")
def _remove(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    private = {
        name: func
        for name, func in directly_called(mod).items()
        if isinstance(func.ret_struct_info, TupleStructInfo)
    }
    usage = _UsedFields(set(private))
    for func in mod.values():
        usage.visit_expr(func)
    kept: dict[str, list[int]] = {}
    for name, func in private.items():
        used = usage.used[name]
        count = len(cast("TupleStructInfo", func.ret_struct_info).fields)
        if used and -1 not in used and len(used) < count:
            kept[name] = sorted(used)
    if not kept:
        return mod
    functions: dict[Any, Any] = {
        gvar: _narrowed(func, kept[gvar.name_hint], mod) if gvar.name_hint in kept else func
        for gvar, func in mod.items()
    }
    base = mod.with_functions(functions)
    rewriter = _Rewrite(base, kept)
    for gvar, func in functions.items():
        functions[gvar] = rewriter.visit_expr(func)
    return base.with_functions(functions)


def RemoveUnusedOutputs() -> Pass:
    """The pass that drops fields that no caller looks at from the results of private functions."""
    return _remove
