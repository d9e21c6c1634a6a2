"""Loop functions: `@T.prim_func`, their parameters and buffers, and the root block."""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import Var
from pellucid.ir.types import PrimType, TupleType
from pellucid.ir.visitor import pre_order
from pellucid.script.printer import block, buffers, expr, values
from pellucid.script.printer.context import Printer, prints_stmt, string_text
from pellucid.script.printer.free import Uses
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Stmt


def decorator(name: str, options: list[str]) -> str:
    """`@T.prim_func`, `@T.prim_func(private=True)`."""
    return f"@{name}({', '.join(options)})" if options else f"@{name}"


def print_prim_func(p: Printer, func: PrimFunc, name: str, options: list[str]) -> None:
    """A loop function under `name`; `options` are keywords of the decorator besides `private`."""
    if "global_symbol" not in func.attrs:
        options = ["private=True", *options]
    p.line(decorator(p.tir("prim_func"), options))
    with p.names.frame():
        uses = Uses(func) if p.budget is None else None
        pending: list[tuple[Var, Buffer]] = []
        params = ", ".join([_param(p, func, each, uses, pending) for each in func.params])
        header = f"def {name}({params}){_returns(p, func)}:"
        p.statement_line(func, header)
        with p.block():
            p.hoisting = p.budget is None
            _attributes(p, func, name)
            for var, buffer in pending:
                line = buffers.declaration(p, buffer, "match_buffer", [p.expr(var)])
                p.line(p.marks.wrap(buffer, line))
            if uses is not None:
                _free(p, uses)
            print_body(p, func.body)
            p.hoisting = False


def _free(p: Printer, uses: Uses) -> None:
    """Declare what the function uses without defining it."""
    elsewhere = {id(each) for each in (*uses.free, *uses.symbols)}

    def known(variable: Any) -> bool:
        return variable in p.names or id(variable) in elsewhere

    for each in uses.free:
        if each in p.names or (isinstance(each, Buffer) and buffers.wait(p, each, known)):
            continue
        expr.name_of(p, each)


def _param(
    p: Printer, func: PrimFunc, param: Var, uses: Uses | None, pending: list[tuple[Var, Buffer]]
) -> str:
    buffer: Buffer | None = func.buffer_map.get(param, None)
    if buffer is not None and _is_short(p, param, buffer, uses):
        text = buffers.annotation(p, buffer)
        name = buffers.define(p, buffer)
        return p.marks.wrap(param, p.marks.wrap(buffer, f"{name}: {text}"))
    if buffer is not None:
        pending.append((param, buffer))
    return p.marks.wrap(param, f"{expr.define(p, param)}: {param_type(p, param)}")


def _is_short(p: Printer, param: Var, buffer: Buffer, uses: Uses | None) -> bool:
    """Whether `A: T.Buffer(shape, dtype)` says it all: a handle that serves for nothing else."""
    annotation = param.type_annotation
    return (
        p.config.syntax_sugar
        and type(param) is Var
        and isinstance(annotation, PrimType)
        and annotation.dtype.is_handle
        and (uses is None or not uses.counts[id(param)])
        and buffer not in p.names
        and buffers.is_simple(p, buffer)
    )


def param_type(p: Printer, param: Var) -> str:
    """`T.int64`, `T.handle`, `T.handle("float32")`: what a parameter is annotated with."""
    text = expr.declaration(p, param)
    return text.removesuffix("()")


def _returns(p: Printer, func: PrimFunc) -> str:
    kind = func.ret_type
    if isinstance(kind, TupleType) and not kind.fields:
        return ""
    if isinstance(kind, PrimType):
        return f" -> {p.tir(kind.dtype)}"
    return f" -> {expr.type_text(p, kind)}"


def _attributes(p: Printer, func: PrimFunc, name: str) -> None:
    attrs = dict(func.attrs.entries)
    if attrs.get("global_symbol") == name and type(attrs["global_symbol"]) is str:
        del attrs["global_symbol"]
    if attrs:
        p.line(f"{p.tir('func_attr')}({values.text(p, attrs)})")


def is_implicit_root(p: Printer, node: Stmt) -> bool:
    """Whether reading the contents of this block back makes the block around them again."""
    if not (p.config.syntax_sugar and isinstance(node, BlockRealize) and is_true(node.predicate)):
        return False
    root = node.block
    if root.name_hint != "root" or root.iter_vars or root.reads or root.writes:
        return False
    if root.init is not None or root.match_buffers or len(root.annotations):
        return False
    if root.alloc_buffers:
        return True
    if isinstance(root.body, BlockRealize):
        return bool(root.body.block.iter_vars)
    return any(isinstance(each, BlockRealize | Block) for each in _statements(root.body))


def _statements(node: Stmt) -> Any:
    return pre_order(node)


def print_body(p: Printer, node: Stmt) -> None:
    """The body of a function, in which the root block is a comment."""
    if not is_implicit_root(p, node):
        p.stmt(node, True)
        return
    realize: Any = node
    root = realize.block
    comment = f'# with {p.tir("block")}("root"):'
    p.statement_line(node, p.marks.wrap(root, comment))
    for each in root.alloc_buffers:
        buffers.declare(p, each, "alloc_buffer")
    p.stmt(root.body, True)


@prints_stmt(PrimFunc)
def prim_func_statement(p: Printer, node: PrimFunc, tail: bool) -> None:
    """A loop function by itself."""
    del tail
    symbol = node.attrs.get("global_symbol")
    name = p.config.name or (
        symbol if isinstance(symbol, str) and symbol.isidentifier() else "main"
    )
    print_prim_func(p, node, name, [])


__all__ = ["block", "print_body", "print_prim_func", "string_text"]
