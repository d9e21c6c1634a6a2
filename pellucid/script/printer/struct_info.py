"""Struct infos as text: `R.Tensor((n, 4), dtype="float32")`, `R.Tuple(...)`, `R.Callable(...)`.

In the signature of a function, which Python evaluates before any symbolic variable exists,
dimensions that are not constant are written as strings: `R.Tensor(("n", 4), dtype="float32")`.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.dtype import INT64
from pellucid.ir.scalar import IntImm
from pellucid.relax.expr import ShapeExpr
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    VDevice,
)
from pellucid.script.printer.context import (
    Level,
    Printer,
    Text,
    call_text,
    prints_expr,
    string_text,
    tuple_text,
)


def dimension(p: Printer, value: Any) -> str:
    """A dimension; integer constants are bare."""
    text = p.expr(value, Level.ANY, INT64)
    return string_text(text) if p.quoting and not isinstance(value, IntImm) else text


def dimensions(p: Printer, values: tuple[Any, ...]) -> list[str]:
    """Several dimensions."""
    return [dimension(p, each) for each in values]


def quoted(p: Printer, info: StructInfo) -> str:
    """A struct info in a signature."""
    before, p.quoting = p.quoting, True
    text = p.expr(info)
    p.quoting = before
    return text


@prints_expr(ObjectStructInfo)
def any_object(p: Printer, node: ObjectStructInfo, bare: Any) -> Text:
    """`R.Object`."""
    del node, bare
    return p.relax("Object"), Level.ATOM


@prints_expr(PrimStructInfo)
def number(p: Printer, node: PrimStructInfo, bare: Any) -> Text:
    """`R.Prim("int64")`, `R.Prim(value=n)`."""
    del bare
    if node.value is None:
        return f"{p.relax('Prim')}({string_text(node.dtype)})", Level.ATOM
    text = p.expr(node.value, Level.ANY, INT64)
    if p.quoting and not isinstance(node.value, IntImm):
        # The dtype tells what a variable is that only comes into being here.
        args = [] if node.dtype == "int64" else [string_text(node.dtype)]
        return call_text(p.relax("Prim"), args, [("value", string_text(text))]), Level.ATOM
    return f"{p.relax('Prim')}(value={text})", Level.ATOM


@prints_expr(ShapeStructInfo)
def shape(p: Printer, node: ShapeStructInfo, bare: Any) -> Text:
    """`R.Shape([n, 4])`, `R.Shape(ndim=2)`."""
    del bare
    if node.values is None:
        return f"{p.relax('Shape')}(ndim={node.ndim})", Level.ATOM
    return f"{p.relax('Shape')}([{', '.join(dimensions(p, node.values))}])", Level.ATOM


@prints_expr(TensorStructInfo)
def tensor(p: Printer, node: TensorStructInfo, bare: Any) -> Text:
    """`R.Tensor((n, 4), dtype="float32")`, `R.Tensor(dtype="float32", ndim=2)`."""
    del bare
    args: list[str] = []
    keywords: list[tuple[str, str]] = []
    if isinstance(node.shape, ShapeExpr):
        args.append(tuple_text(dimensions(p, node.shape.values)))
    elif node.shape is not None:
        args.append(p.expr(node.shape))
    if node.dtype:
        keywords.append(("dtype", string_text(node.dtype)))
    if node.shape is None and node.ndim != -1:
        keywords.append(("ndim", str(node.ndim)))
    if node.vdevice is not None:
        keywords.append(("vdevice", p.expr(node.vdevice)))
    return call_text(p.relax("Tensor"), args, keywords), Level.ATOM


@prints_expr(VDevice)
def virtual_device(p: Printer, node: VDevice, bare: Any) -> Text:
    """`I.vdevice("llvm", 0, "global")`."""
    del bare
    args = [string_text(str(node.target)), str(node.vdevice_id), string_text(node.memory_scope)]
    if node.target is None:
        args[0] = "None"
    return call_text(p.ir("vdevice"), args), Level.ATOM


@prints_expr(TupleStructInfo)
def tuple_info(p: Printer, node: TupleStructInfo, bare: Any) -> Text:
    """`R.Tuple(a, b)`."""
    del bare
    return f"{p.relax('Tuple')}({p.exprs(node.fields)})", Level.ATOM


@prints_expr(FuncStructInfo)
def function(p: Printer, node: FuncStructInfo, bare: Any) -> Text:
    """`R.Callable((a, b), result, True)`; without parameters known, by keywords."""
    del bare
    if node.params is not None:
        params = tuple_text([p.expr(each) for each in node.params])
        args = [params, p.expr(node.ret), str(node.purity)]
        keywords = [] if node.derive_func is None else [_derive(node)]
        return call_text(p.relax("Callable"), args, keywords), Level.ATOM
    keywords = [("ret", p.expr(node.ret)), ("purity", str(node.purity))]
    if node.derive_func is not None:
        keywords.append(_derive(node))
    return call_text(p.relax("Callable"), [], keywords), Level.ATOM


def _derive(node: FuncStructInfo) -> tuple[str, str]:
    name = getattr(node.derive_func, "name", node.derive_func)
    return "derive_func", string_text(str(name))
