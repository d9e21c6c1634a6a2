"""Graph expressions as text: leaves, tuples, and calls in their short forms where those read back
exactly.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pellucid.ir.attrs import Attrs
from pellucid.ir.dtype import INT64
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.scalar import IntImm
from pellucid.ir.structural import structural_equal
from pellucid.relax import call as calls
from pellucid.relax.expr import (
    Call,
    Constant,
    DataTypeImm,
    ExternFunc,
    PrimValue,
    ShapeExpr,
    StringImm,
    Tuple,
    TupleGetItem,
    Var,
    const,
)
from pellucid.relax.struct_info import StructInfo, TupleStructInfo
from pellucid.script.metadata import CONSTANT
from pellucid.script.printer import expr, values
from pellucid.script.printer.context import (
    Level,
    Printer,
    Text,
    call_text,
    prints_expr,
    string_text,
    tuple_text,
)
from pellucid.script.printer.generic import construction
from pellucid.script.printer.struct_info import dimensions
from pellucid.script.relax_ops import PREFIX, op_function


@prints_expr(Var)
def variable(p: Printer, node: Var, bare: Any) -> Text:
    """The variable's name; one that nothing defines keeps its hint."""
    del bare
    return p.names.get(node) or expr.define(p, node), Level.ATOM


@prints_expr(Constant)
def constant(p: Printer, node: Constant, bare: Any) -> Text:
    """`R.const(1.5, "float32")` of a scalar; anything larger is in the metadata."""
    del bare
    data = node.data
    if not data.shape:
        text = _scalar(data.numpy().item())
        wanted, found = data.numpy(), _read_back(data)
        if found is not None and found.tobytes() == wanted.tobytes():
            return f"{p.relax('const')}({text}, {string_text(data.dtype)})", Level.ATOM
    return p.metadata.refer(CONSTANT, data), Level.ATOM


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _read_back(data: Any) -> Any:
    value = data.numpy().item()
    if isinstance(value, float) and np.isnan(value):
        value = float("nan")
    found = expr.attempt(const, value, data.dtype)
    return None if found is None else found.data.numpy()


@prints_expr(PrimValue)
def prim_value(p: Printer, node: PrimValue, bare: Any) -> Text:
    """`R.prim_value(n + 1)`."""
    del bare
    return f"{p.relax('prim_value')}({p.expr(node.value, Level.ANY, INT64)})", Level.ATOM


@prints_expr(StringImm)
def string(p: Printer, node: StringImm, bare: Any) -> Text:
    """`R.str("text")`."""
    del bare
    return f"{p.relax('str')}({string_text(node.value)})", Level.ATOM


@prints_expr(DataTypeImm)
def data_type(p: Printer, node: DataTypeImm, bare: Any) -> Text:
    """`R.dtype("float32")`."""
    del bare
    return f"{p.relax('dtype')}({string_text(node.value)})", Level.ATOM


@prints_expr(ShapeExpr)
def shape(p: Printer, node: ShapeExpr, bare: Any) -> Text:
    """`R.shape([n, 4])`."""
    del bare
    return f"{p.relax('shape')}([{', '.join(dimensions(p, node.values))}])", Level.ATOM


@prints_expr(ExternFunc)
def extern(p: Printer, node: ExternFunc, bare: Any) -> Text:
    """`R.ExternFunc("name")`."""
    del bare
    keywords = [("attrs", values.text(p, node.attrs))] if len(node.attrs) else []
    name = string_text(node.global_symbol)
    return call_text(p.relax("ExternFunc"), [name], keywords), Level.ATOM


@prints_expr(Tuple)
def tuple_expr(p: Printer, node: Tuple, bare: Any) -> Text:
    """`(a, b)`; `R.tuple()` of nothing."""
    del bare
    if not node.fields:
        return f"{p.relax('tuple')}()", Level.ATOM
    return fields_text(p, node), Level.ATOM


def fields_text(p: Printer, node: Tuple) -> str:
    """The fields as a Python tuple."""
    return tuple_text([p.expr(each) for each in node.fields])


@prints_expr(TupleGetItem)
def tuple_item(p: Printer, node: TupleGetItem, bare: Any) -> Text:
    """`t[0]` of a variable."""
    del bare
    info = node.tuple_value.struct_info_
    if isinstance(node.tuple_value, Var) and isinstance(info, TupleStructInfo):
        return f"{p.expr(node.tuple_value)}[{node.index}]", Level.ATOM
    return construction(p, node), Level.ATOM


@prints_expr(Call)
def call(p: Printer, node: Call, bare: Any) -> Text:
    """A call in its short form where there is one."""
    del bare
    op = node.op
    text: str | None = None
    if isinstance(op, Op):
        special = _SPECIAL.get(op.name)
        text = special(p, node) if special is not None else None
        if text is None:
            text = _operator(p, node, op)
    elif isinstance(op, ExternFunc):
        text = _packed(p, node, op)
    elif isinstance(op, Var | GlobalVar) and not len(node.attrs) and not node.sinfo_args:
        return f"{p.expr(op)}({p.exprs(node.args)})", Level.ATOM
    return text or _any_call(p, node), Level.ATOM


def _any_call(p: Printer, node: Call) -> str:
    """`R.call_op("relax.add", (x, y), attrs={...}, sinfo_args=(...))`: any call at all."""
    op = string_text(node.op.name) if isinstance(node.op, Op) else p.expr(node.op)
    keywords: list[tuple[str, str]] = []
    if len(node.attrs):
        keywords.append(("attrs", values.text(p, node.attrs)))
    if node.sinfo_args:
        keywords.append(("sinfo_args", infos_text(p, node.sinfo_args)))
    args = tuple_text([p.expr(each) for each in node.args]) if node.args else "()"
    return call_text(p.relax("call_op"), [op, args], keywords)


def infos_text(p: Printer, infos: tuple[StructInfo, ...]) -> str:
    """Several struct infos, as a tuple."""
    return tuple_text([p.expr(each) for each in infos])


def _same_call(found: Any, node: Call) -> bool:
    return (
        isinstance(found, Call)
        and (found.op is node.op or _same_extern(found.op, node.op))
        and len(found.args) == len(node.args)
        and all(_same_arg(a, b) for a, b in zip(found.args, node.args, strict=True))
        and (found.attrs is node.attrs or structural_equal(found.attrs, node.attrs))
        and len(found.sinfo_args) == len(node.sinfo_args)
        and all(a is b for a, b in zip(found.sinfo_args, node.sinfo_args, strict=True))
    )


def _same_extern(a: Any, b: Any) -> bool:
    return (
        isinstance(a, ExternFunc)
        and isinstance(b, ExternFunc)
        and a.global_symbol == b.global_symbol
        and not len(b.attrs)
    )


def _same_arg(found: Any, wanted: Any) -> bool:
    return found is wanted or _same_extern(found, wanted)


def _result_text(p: Printer, info: StructInfo) -> str:
    """`out_sinfo`: one struct info, or a list of several."""
    if isinstance(info, TupleStructInfo) and len(info.fields) != 1:
        return f"[{p.exprs(info.fields)}]"
    return p.expr(info)


def _args_text(p: Printer, args: Any) -> str:
    if isinstance(args, Tuple):
        return fields_text(p, args) if args.fields else "()"
    return p.expr(args)


def _call_tir(p: Printer, node: Call) -> str | None:
    """`R.call_tir(cls.f, (x,), out_sinfo=...)`."""
    if len(node.args) not in (2, 3) or len(node.sinfo_args) != 1:
        return None
    callee, args, *more = node.args
    inplace = "inplace_indices" in node.attrs
    given: list[Any] = [callee, args]
    if inplace:
        given.append(node.attrs["inplace_indices"])
    function = calls.call_tir_inplace if inplace else calls.call_tir
    tir_vars = more[0] if more else None
    if not _same_call(expr.attempt(function, *given, node.sinfo_args[0], tir_vars), node):
        return None
    texts = [p.expr(callee), _args_text(p, args)]
    keywords = [("out_sinfo", _result_text(p, node.sinfo_args[0]))]
    if inplace:
        keywords.insert(0, ("inplace_indices", values.text(p, node.attrs["inplace_indices"])))
    if more:
        keywords.append(("tir_vars", p.expr(more[0])))
    name = "call_tir_inplace" if inplace else "call_tir"
    return call_text(p.relax(name), texts, keywords)


def _symbol_text(p: Printer, callee: Any) -> str:
    """The callee of a packed call: its name, or an expression."""
    if isinstance(callee, ExternFunc) and not len(callee.attrs):
        return string_text(callee.global_symbol)
    return p.expr(callee)


def _call_dps(p: Printer, node: Call) -> str | None:
    """`R.call_dps_packed("f", (x,), out_sinfo=...)`."""
    if len(node.args) != 2 or len(node.sinfo_args) != 1:
        return None
    callee, args = node.args
    if not _same_call(expr.attempt(calls.call_dps_packed, callee, args, node.sinfo_args[0]), node):
        return None
    return call_text(
        p.relax("call_dps_packed"),
        [_symbol_text(p, callee), _args_text(p, args)],
        [("out_sinfo", _result_text(p, node.sinfo_args[0]))],
    )


def _call_pure_packed(p: Printer, node: Call) -> str | None:
    """`R.call_pure_packed("f", x, sinfo_args=(...))`."""
    if not node.args or len(node.attrs):
        return None
    texts = [_symbol_text(p, node.args[0]), *[p.expr(each) for each in node.args[1:]]]
    return call_text(p.relax("call_pure_packed"), texts, _infos_keyword(p, node))


def _infos_keyword(p: Printer, node: Call) -> list[tuple[str, str]]:
    return [("sinfo_args", infos_text(p, node.sinfo_args))] if node.sinfo_args else []


def _with_args(name: str) -> Callable[[Printer, Call], str | None]:
    """The printer of the calls whose second argument is the tuple of arguments."""
    function: Any = getattr(calls, name)
    takes_infos = name != "make_closure"

    def text(p: Printer, node: Call) -> str | None:
        if len(node.args) != 2 or (node.sinfo_args and not takes_infos):
            return None
        if not _same_call(expr.attempt(lambda: _rebuild(function, node, takes_infos)), node):
            return None
        callee, args = node.args
        texts = [_symbol_text(p, callee), _args_text(p, args)]
        return call_text(p.relax(name), texts, _infos_keyword(p, node))

    return text


def _rebuild(function: Any, node: Call, takes_infos: bool) -> Any:
    keywords = {"sinfo_args": node.sinfo_args} if takes_infos and node.sinfo_args else {}
    return function(*node.args, **keywords)


_SPECIAL: dict[str, Callable[[Printer, Call], str | None]] = {
    "relax.call_tir": _call_tir,
    "relax.call_tir_inplace": _call_tir,
    "relax.call_dps_packed": _call_dps,
    "relax.call_pure_packed": _call_pure_packed,
    "relax.make_closure": _with_args("make_closure"),
    "relax.invoke_closure": _with_args("invoke_closure"),
    "relax.invoke_pure_closure": _with_args("invoke_pure_closure"),
    "relax.call_builtin_with_ctx": _with_args("call_builtin_with_ctx"),
}


def _is_keyword_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _packed(p: Printer, node: Call, op: ExternFunc) -> str:
    """`R.call_packed("f", x, sinfo_args=(...))`."""
    texts = [_symbol_text(p, op), *[p.expr(each) for each in node.args]]
    keywords = _infos_keyword(p, node)
    if len(node.attrs):
        keywords.append(("attrs", values.text(p, node.attrs)))
    return call_text(p.relax("call_packed"), texts, keywords)


def _host_attr(value: Any) -> Any:
    """What an attribute is when its text is read back, before it is made immutable again."""
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value


def _operator(p: Printer, node: Call, op: Op) -> str | None:
    """`R.add(x, y)`, `R.nn.softmax(x, axis=-1)`, where reading that back builds this call."""
    if not op.name.startswith(PREFIX):
        return None
    name = op.name.removeprefix(PREFIX)
    function = op_function(name)
    attrs = {key: _host_attr(value) for key, value in _entries(node.attrs)}
    if function is None or not all(_is_keyword_name(key) for key in attrs):
        return None
    if node.sinfo_args:
        attrs["sinfo_args"] = node.sinfo_args
    found = expr.attempt(lambda: function(*node.args, **attrs))
    if not _same_call(found, node):
        return None
    keywords = [(key, values.text(p, value)) for key, value in _entries(node.attrs)]
    keywords.extend(_infos_keyword(p, node))
    return call_text(p.relax(name), [p.expr(each) for each in node.args], keywords)


def _entries(attrs: Attrs) -> list[tuple[str, Any]]:
    return attrs.items()


def is_bare_integer(value: Any) -> bool:
    """Whether a dimension is a constant."""
    return isinstance(value, IntImm)
