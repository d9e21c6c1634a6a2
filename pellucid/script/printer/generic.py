"""Any node at all by its constructor: `I.node("tir.stmt.For", loop_var=i, min=0, …)`.

This is how a text says what the language has no words for, so that every tree has a text. The
variables that the node defines are declared in the lines before it.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.node import Map, Node, Role, fields_of
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.types import Type
from pellucid.script.printer import expr, values
from pellucid.script.printer.context import (
    Level,
    Printer,
    Text,
    call_text,
    prints_expr,
    prints_stmt,
    string_text,
)
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt


def constructor_name(kind: type) -> str:
    """`tir.stmt.For`: what `I.node` knows the class by."""
    return f"{kind.__module__}.{kind.__name__}".removeprefix("pellucid.")


def _defined(node: Node) -> list[Any]:
    """The variables that come into being inside `node`, in order."""
    found: list[Any] = []
    seen: set[int] = set()

    def use(each: Any) -> None:
        if not each.is_variable and id(each) not in seen:
            seen.add(id(each))
            each.walk(use, define)

    def define(each: Any) -> None:
        if each.is_variable and id(each) not in seen:
            seen.add(id(each))
            each.walk(use, define)
            found.append(each)
        elif not each.is_variable:
            use(each)

    use(node)
    return found


def declare_inside(p: Printer, node: Node) -> None:
    """Declare the variables that `node` defines before the statement at hand."""
    for each in _defined(node):
        if each in p.names:
            continue
        text = expr.declaration(p, each) if isinstance(each, Var) else construction(p, each)
        p.pending.append(f"{expr.define(p, each)} = {text}")


def construction(p: Printer, node: Node) -> str:
    """The constructor of a node with its fields."""
    p.spend()
    keywords: list[tuple[str, str]] = []
    for field in fields_of(type(node)):
        value = getattr(node, field.name)
        if field.role is Role.DERIVED or field.name in ("span", "token", "struct_info_"):
            continue
        if value is None and field.default is None:
            continue
        keywords.append((field.name, _field_text(p, value)))
    name = string_text(constructor_name(type(node)))
    return call_text(p.ir("node"), [name], keywords)


def _field_text(p: Printer, value: Any) -> str:
    if isinstance(value, Map):
        entries = [f"{p.expr(key)}: {p.expr(each)}" for key, each in value.items()]
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, tuple):
        items = [_field_text(p, each) for each in cast("tuple[Any, ...]", value)]
        return f"[{', '.join(items)}]"
    if isinstance(value, Node):
        return p.expr(value) if isinstance(value, PrimExpr | Buffer) else values.node_text(p, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    return values.text(p, value)


@prints_expr(Node)
def any_node(p: Printer, node: Node, bare: Any) -> Text:
    """A node for which there is no other spelling."""
    del bare
    if p.budget is None:
        declare_inside(p, node)
    return construction(p, node), Level.ATOM


@prints_expr(Type)
def any_type(p: Printer, node: Type, bare: Any) -> Text:
    """A type of variables."""
    del bare
    return expr.type_text(p, node), Level.ATOM


@prints_stmt(Stmt)
def raw_statement(p: Printer, node: Stmt, tail: bool = True) -> None:
    """A statement by its constructor, on a line of its own."""
    del tail
    with p.names.frame():
        if p.budget is None:
            declare_inside(p, node)
        p.statement_line(node, construction(p, node))
