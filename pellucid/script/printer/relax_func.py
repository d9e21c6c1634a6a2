"""Graph functions: signature, symbolic variables, dataflow blocks, bindings, branches, closures."""

from __future__ import annotations

from typing import Any

from pellucid.ir import scalar
from pellucid.ir.structural import structural_equal
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataflowBlock,
    DataflowVar,
    Function,
    If,
    MatchCast,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.struct_info import StructInfo
from pellucid.script.printer import expr, values
from pellucid.script.printer.context import Printer, call_text, prints_stmt
from pellucid.script.printer.free import Uses
from pellucid.script.printer.prim_func import decorator
from pellucid.script.printer.struct_info import quoted

# Calls whose result is what they declare, so that the binding needs no annotation.
_DECLARING = ("relax.call_tir", "relax.call_tir_inplace", "relax.call_dps_packed")


def print_relax_func(p: Printer, func: Function, name: str, options: list[str]) -> None:
    """A graph function of a module, or one by itself, under `name`."""
    if "global_symbol" not in func.attrs:
        options = ["private=True", *options]
    with p.names.frame():
        symbols: list[scalar.Var] = []
        if p.budget is None:
            uses = Uses(func)
            p.use_counts = uses.counts
            symbols = [each for each in (*uses.symbols, *uses.free) if isinstance(each, scalar.Var)]
        texts = [f"{expr.define(p, each)} = {expr.declaration(p, each)}" for each in symbols]
        _function(p, func, name, options, texts)


def _function(
    p: Printer, func: Function, name: str, options: list[str], prelude: list[str]
) -> None:
    """The lines of a function; `prelude` declares its symbolic variables."""
    if not func.is_pure:
        options = [*options, "pure=False"]
    p.line(decorator(p.relax("function"), options))
    with p.names.frame():
        params = [_param(p, each) for each in func.params]
        returns = "" if func.ret_struct_info is None else f" -> {quoted(p, func.ret_struct_info)}"
        p.statement_line(func, f"def {name}({', '.join(params)}){returns}:")
        with p.block():
            attrs = dict(func.attrs.entries)
            if attrs.get("global_symbol") == name and type(attrs["global_symbol"]) is str:
                del attrs["global_symbol"]
            if attrs:
                p.line(f"{p.relax('func_attr')}({values.text(p, attrs)})")
            for each in prelude:
                p.line(each)
            blocks(p, func.body)
            p.line(f"return {p.expr(func.body.body)}")


def _param(p: Printer, param: Var) -> str:
    info = param.struct_info_
    annotation = "" if info is None else f": {quoted(p, info)}"
    return p.marks.wrap(param, f"{expr.define(p, param)}{annotation}")


def blocks(p: Printer, seq: SeqExpr) -> None:
    """The blocks of a sequence."""
    for each in seq.blocks:
        p.stmt(each)


@prints_stmt(BindingBlock)
def binding_block(p: Printer, node: BindingBlock, tail: bool) -> None:
    """Bindings, at the present depth."""
    del tail
    for each in node.bindings:
        p.stmt(each)


@prints_stmt(DataflowBlock)
def dataflow_block(p: Printer, node: DataflowBlock, tail: bool) -> None:
    """`with R.dataflow():` … `R.output(...)`."""
    del tail
    p.statement_line(node, f"with {p.relax('dataflow')}():")
    p.depth += 1
    outputs: list[str] = []
    for each in node.bindings:
        p.stmt(each)
        if not isinstance(each.var, DataflowVar):
            outputs.append(p.expr(each.var))
    p.line(f"{p.relax('output')}({', '.join(outputs)})")
    p.depth -= 1


def _annotated(p: Printer, name: str, info: StructInfo | None, declared: StructInfo | None) -> str:
    """`name: R.Tensor(...)`; without the annotation where the value declares the same."""
    if info is None or not p.config.show_all_struct_info:
        return name
    if declared is not None and (info is declared or structural_equal(info, declared)):
        return name
    return f"{name}: {p.expr(info)}"


@prints_stmt(VarBinding)
def var_binding(p: Printer, node: VarBinding, tail: bool) -> None:
    """`lv: R.Tensor(...) = value`."""
    del tail
    value = node.value
    if isinstance(value, Function):
        _local_function(p, node, value)
        return
    if isinstance(value, If):
        _branches(p, node, value)
        return
    if isinstance(value, SeqExpr):
        blocks(p, value)
        value = value.body
    text = p.expr(value)
    name = p.marks.wrap(node.var, _name(p, node.var))
    target = _annotated(p, name, node.var.struct_info_, _declared(value))
    p.statement_line(node, f"{target} = {text}")


def _name(p: Printer, var: Var) -> str:
    """A name for a variable; `_` serves for all that are not used."""
    if var.name_hint == "_" and p.use_counts is not None and not p.use_counts[id(var)]:
        return "_"
    return expr.define(p, var)


def _declared(value: Any) -> StructInfo | None:
    """The struct info that a call says itself."""
    if isinstance(value, Call) and getattr(value.op, "name", None) in _DECLARING:
        return value.sinfo_args[0] if len(value.sinfo_args) == 1 else None
    return None


@prints_stmt(MatchCast)
def match_cast(p: Printer, node: MatchCast, tail: bool) -> None:
    """`x = R.match_cast(y, R.Tensor((n, 4), dtype="float32"))`."""
    del tail
    text = call_text(p.relax("match_cast"), [p.expr(node.value), p.expr(node.struct_info)])
    name = p.marks.wrap(node.var, expr.define(p, node.var))
    target = _annotated(p, name, node.var.struct_info_, node.struct_info)
    p.statement_line(node, f"{target} = {text}")


def _local_function(p: Printer, node: VarBinding, func: Function) -> None:
    """A function inside a function, which may call itself by the name of the variable."""
    name = expr.define(p, node.var)
    _function(p, func, name, [], [])


def _branches(p: Printer, node: VarBinding, value: If) -> None:
    """`if cond:` … `else:` …, each ending in a binding of the variable."""
    condition = p.expr(value.cond)
    name = expr.define(p, node.var)
    p.statement_line(node, f"if {condition}:")
    _branch(p, node.var, name, value.true_branch)
    p.line("else:")
    _branch(p, node.var, name, value.false_branch)


def _branch(p: Printer, var: Var, name: str, seq: SeqExpr) -> None:
    with p.block():
        blocks(p, seq)
        text = p.expr(seq.body)
        p.line(f"{_annotated(p, name, var.struct_info_, None)} = {text}")


@prints_stmt(SeqExpr)
def sequence(p: Printer, node: SeqExpr, tail: bool) -> None:
    """Blocks, then the value."""
    del tail
    blocks(p, node)
    p.line(p.expr(node.body))


@prints_stmt(If)
def choice(p: Printer, node: If, tail: bool) -> None:
    """A choice that is not bound to anything."""
    del tail
    p.line(f"if {p.expr(node.cond)}:")
    with p.block():
        sequence(p, node.true_branch, True)
    p.line("else:")
    with p.block():
        sequence(p, node.false_branch, True)


@prints_stmt(Binding)
def any_binding(p: Printer, node: Binding, tail: bool) -> None:
    """A binding of another class."""
    del tail
    p.line(p.expr(node))


@prints_stmt(Function)
def function_statement(p: Printer, node: Function, tail: bool) -> None:
    """A graph function by itself."""
    del tail
    symbol = node.attrs.get("global_symbol")
    plain = isinstance(symbol, str) and symbol.isidentifier()
    print_relax_func(p, node, p.config.name or (symbol if plain else "main"), [])
