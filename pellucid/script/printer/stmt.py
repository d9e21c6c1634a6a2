"""Statements of loop functions as lines of text.

A statement that lasts to the end of its block (a let, an allocation, an assertion) is written as a
plain line, with the rest below it at the same depth; elsewhere it is a `with` and its body is
indented. Both read back as the same tree. What no statement of the language can say (a loop whose
variable has another dtype than its bounds, say) is written by the constructors of the nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.ir import scalar
from pellucid.ir.scalar import IntImm, StringImm, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.types import PointerType, PrimType
from pellucid.ir.visitor import uses_var
from pellucid.script.metadata import ARRAY
from pellucid.script.printer import buffers, expr, values
from pellucid.script.printer.context import (
    Level,
    Printer,
    call_text,
    prints_stmt,
    string_text,
)
from pellucid.script.printer.generic import raw_statement
from pellucid.tir.block import is_true
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
)

SHORT_CONSTANT = 16
"""Constants in memory of up to this many elements are written as lists."""

# The thread axes that `T` has words for.
THREAD_TAGS = frozenset(
    [f"{kind}Idx.{axis}" for kind in ("block", "thread", "cluster") for axis in "xyz"]
    + ["vthread", "vthread.x", "vthread.y", "vthread.z"]
)
_KINDS = {
    ForKind.SERIAL: "serial",
    ForKind.PARALLEL: "parallel",
    ForKind.VECTORIZED: "vectorized",
    ForKind.UNROLLED: "unroll",
}


def body(p: Printer, node: Stmt) -> None:
    """An indented block."""
    with p.block():
        rest(p, node)


def rest(p: Printer, node: Stmt) -> None:
    """The statements up to the end of a scope, after the views of what was just defined."""
    buffers.declare_waiting(p)
    p.stmt(node, True)


def scoped(p: Printer, node: Any, tail: bool, line: str, header: str, name: str | None) -> None:
    """A statement with a body: `line`, or `with header as name:` where something follows it."""
    if tail:
        p.statement_line(node, line)
        rest(p, node.body)
        return
    p.statement_line(node, f"with {header}{'' if name is None else f' as {name}'}:")
    body(p, node.body)


@prints_stmt(SeqStmt)
def sequence(p: Printer, node: SeqStmt, tail: bool) -> None:
    """Statements one after another."""
    if len(node.seq) < 2 or any(isinstance(each, SeqStmt) for each in node.seq):
        raw_statement(p, node)
        return
    for each in node.seq[:-1]:
        p.stmt(each, False)
    p.stmt(node.seq[-1], tail)


@prints_stmt(Evaluate)
def evaluate(p: Printer, node: Evaluate, tail: bool) -> None:
    """A call on a line of its own, or `T.evaluate(value)`."""
    del tail
    text = p.expr(node.value)
    if not isinstance(node.value, scalar.Call) or text.startswith("~"):
        text = f"{p.tir('evaluate')}({text})"
    p.statement_line(node, text)


@prints_stmt(BufferStore)
def store(p: Printer, node: BufferStore, tail: bool) -> None:
    """`A[i, j] = value`."""
    del tail
    name = p.expr(node.buffer)
    if node.predicate is not None:
        args = [name, p.expr(node.value), f"[{p.exprs(node.indices)}]", p.expr(node.predicate)]
        p.statement_line(node, call_text(p.tir("buffer_store"), args))
        return
    target = f"{name}[{expr.indices_text(p, node.indices)}]"
    p.statement_line(node, f"{target} = {p.expr(node.value)}")


@prints_stmt(IfThenElse)
def if_then_else(p: Printer, node: IfThenElse, tail: bool) -> None:
    """`if condition:` … `else:` …."""
    del tail
    p.statement_line(node, f"if {p.expr(node.condition)}:")
    body(p, node.then_case)
    if node.else_case is not None:
        p.line("else:")
        body(p, node.else_case)


@prints_stmt(While)
def while_loop(p: Printer, node: While, tail: bool) -> None:
    """`while condition:`."""
    del tail
    p.statement_line(node, f"while {p.expr(node.condition)}:")
    body(p, node.body)


@prints_stmt(LetStmt)
def let(p: Printer, node: LetStmt, tail: bool) -> None:
    """`x: T.int32 = value`, or `with T.LetStmt(value) as x:`."""
    value = p.expr(node.value)
    var = node.var
    plain = type(var) is Var and isinstance(var.type_annotation, PrimType)
    if not plain or var.dtype != node.value.dtype:
        _let_of_declared(p, node, tail, value)
        return
    header = f"{p.tir('LetStmt')}({value})"
    if tail:
        name = expr.define(p, var)
        p.statement_line(node, f"{name}: {p.tir(var.dtype)} = {value}")
        rest(p, node.body)
        return
    name = p.names.fresh(expr.name_hint(p, var))
    p.statement_line(node, f"with {header} as {name}:")
    with p.block():
        p.names.set(var, name)
        rest(p, node.body)


def _let_of_declared(p: Printer, node: LetStmt, tail: bool, value: str) -> None:
    """A let of a variable whose type does not follow from the value: declared first."""
    name = expr.define(p, node.var)
    p.pending.append(f"{name} = {expr.declaration(p, node.var)}")
    header = f"{p.tir('LetStmt')}({value}, var={name})"
    scoped(p, node, tail, header, header, None)


@prints_stmt(AssertStmt)
def assertion(p: Printer, node: AssertStmt, tail: bool) -> None:
    """`assert condition, "message"`, or `with T.Assert(condition, "message"):`."""
    if not isinstance(node.message, StringImm):
        raw_statement(p, node)
        return
    condition, message = p.expr(node.condition, Level.OR), string_text(node.message.value)
    header = f"{p.tir('Assert')}({condition}, {message})"
    scoped(p, node, tail, f"assert {condition}, {message}", header, None)


@prints_stmt(AttrStmt)
def attribute(p: Printer, node: AttrStmt, tail: bool) -> None:
    """`T.attr(node, "key", value)`, as a line or a `with`; `T.launch_thread` where it fits."""
    if _is_launch(p, node):
        args = [string_text(node.node.thread_tag), p.expr(node.value)]
        _named(p, node, tail, call_text(p.tir("launch_thread"), args), node.node.var)
        return
    args = [values.text(p, node.node), string_text(node.attr_key), p.expr(node.value)]
    header = call_text(p.tir("attr"), args)
    scoped(p, node, tail, header, header, None)


def _is_launch(p: Printer, node: AttrStmt) -> bool:
    """Whether `v = T.launch_thread(tag, extent)` makes this fact and its variable."""
    axis: Any = node.node
    if not (isinstance(axis, scalar.IterVar) and axis.thread_tag in THREAD_TAGS):
        return False
    key = "virtual_thread" if axis.thread_tag.startswith("vthread") else "thread_extent"
    value: Any = node.value
    return (
        node.attr_key == key
        and axis.iter_type == scalar.IterVar.ThreadIndex
        and axis.var not in p.names
        and type(axis.var) is Var
        and axis.var.dtype == value.dtype
        and axis.dom is not None
        and _is_zero_of(axis.dom.min, value.dtype)
        and structural_equal(axis.dom.extent, value)
    )


def _is_plain_pointer(var: Var, dtype: str) -> bool:
    annotation = var.type_annotation
    return (
        type(var) is Var
        and isinstance(annotation, PointerType)
        and isinstance(annotation.element_type, PrimType)
        and annotation.element_type.dtype == dtype
    )


@prints_stmt(Allocate)
def allocate(p: Printer, node: Allocate, tail: bool) -> None:
    """`a = T.allocate([16], "float32", "global")`, or a `with`."""
    if not _is_plain_pointer(node.buffer_var, node.dtype):
        raw_statement(p, node)
        return
    args = [f"[{p.exprs(node.extents)}]", string_text(node.dtype), string_text(node.scope())]
    keywords: list[tuple[str, str]] = []
    if not is_true(node.condition):
        keywords.append(("condition", p.expr(node.condition)))
    if len(node.annotations):
        keywords.append(("annotations", values.text(p, node.annotations)))
    _named(p, node, tail, call_text(p.tir("allocate"), args, keywords), node.buffer_var)


def _named(p: Printer, node: Any, tail: bool, header: str, var: Var) -> None:
    name = p.names.fresh(expr.name_hint(p, var))
    if tail:
        p.names.set(var, name)
        p.statement_line(node, f"{name} = {header}")
        rest(p, node.body)
        return
    p.statement_line(node, f"with {header} as {name}:")
    with p.block():
        p.names.set(var, name)
        rest(p, node.body)


@prints_stmt(AllocateConst)
def allocate_const(p: Printer, node: AllocateConst, tail: bool) -> None:
    """`a = T.allocate_const([1, 2], "int32", [2])`, with the metadata for large contents."""
    if not _is_plain_pointer(node.buffer_var, node.dtype):
        raw_statement(p, node)
        return
    data = _few_elements(node) or p.metadata.refer(ARRAY, node.value)
    args = [data, string_text(node.dtype), f"[{p.exprs(node.extents)}]"]
    keywords: list[tuple[str, str]] = []
    if len(node.annotations):
        keywords.append(("annotations", values.text(p, node.annotations)))
    _named(p, node, tail, call_text(p.tir("allocate_const"), args, keywords), node.buffer_var)


@prints_stmt(DeclBuffer)
def declare_buffer(p: Printer, node: DeclBuffer, tail: bool) -> None:
    """`A = T.decl_buffer((16,), "float32", data=a)`, or a `with`."""
    if tail:
        text = buffers.declaration(p, node.buffer, "decl_buffer", [])
        p.statement_line(node, text)
        rest(p, node.body)
        return
    args, keywords = buffers.arguments(p, node.buffer, of_known=True)
    name = p.names.fresh(expr.name_hint(p, node.buffer))
    p.statement_line(node, f"with {call_text(p.tir('decl_buffer'), args, keywords)} as {name}:")
    with p.block():
        p.names.set(node.buffer, name)
        if node.buffer.data not in p.names:
            p.names.set(node.buffer.data, f"{name}.data")
        rest(p, node.body)


def _few_elements(node: AllocateConst) -> str:
    """A short list of integers or finite numbers as text; "" for what the metadata must hold."""
    array = np.asarray(node.value)
    if array.size > SHORT_CONSTANT or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        return ""
    return str(array.ravel().tolist())


def _is_zero_of(value: Any, dtype: str) -> bool:
    return type(value) is IntImm and value.value == 0 and value.dtype == dtype


def _in_grid(node: For) -> bool:
    """A loop as `T.grid` and `range` make them: serial, from zero, without annotations."""
    return (
        node.kind is ForKind.SERIAL
        and _has_plain_variable(node)
        and _is_zero_of(node.min, node.extent.dtype)
        and not len(node.annotations)
        and node.thread_binding is None
    )


def _has_plain_variable(node: For) -> bool:
    return (
        type(node.loop_var) is Var
        and isinstance(node.loop_var.type_annotation, PrimType)
        and node.loop_var.dtype == node.extent.dtype == node.min.dtype
    )


@prints_stmt(For)
def loop(p: Printer, node: For, tail: bool) -> None:
    """`for i in range(n):`, `for i, j in T.grid(n, m):`, `for i in T.parallel(n):` …."""
    del tail
    if not _has_plain_variable(node):
        raw_statement(p, node)
        return
    if _in_grid(node) and p.config.syntax_sugar:
        _grid(p, node)
        return
    iterator = _thread_loop(p, node) if node.kind is ForKind.THREAD_BINDING else _loop(p, node)
    if iterator is None:
        raw_statement(p, node)
        return
    _for(p, [node], iterator)


def _for(p: Printer, nest: list[For], iterator: str) -> None:
    """The `for` line of a nest and what is in it."""
    with p.names.frame():
        names = [expr.define(p, each.loop_var) for each in nest]
        texts = [p.marks.wrap(each.loop_var, name) for each, name in zip(nest, names, strict=True)]
        line = f"for {', '.join(texts)} in {iterator}:"
        for each in reversed(nest):
            line = p.marks.wrap(each, line)
        p.line(line)
        p.loops.append({each.loop_var: each for each in nest})
        body(p, nest[-1].body)
        p.loops.pop()


def _grid(p: Printer, node: For) -> None:
    nest = [node]
    seen = {node.loop_var}
    inner = node.body
    while (
        isinstance(inner, For)
        and _in_grid(inner)
        and inner.loop_var not in seen
        and not uses_var(inner.extent, seen.__contains__)
    ):
        p.spend()
        nest.append(inner)
        seen.add(inner.loop_var)
        inner = inner.body
    extents = p.exprs([each.extent for each in nest])
    _for(p, nest, f"{p.tir('grid')}({extents})" if len(nest) > 1 else f"range({extents})")


def _bounds(p: Printer, node: For) -> list[str] | None:
    """The arguments that give `min` and `extent`; None where no pair of ends gives them."""
    if _is_zero_of(node.min, node.extent.dtype):
        return [p.expr(node.extent)]
    end = expr.end_of(p, node.min, node.extent)
    return None if end is None else [p.expr(node.min), p.expr(end)]


def _annotations(p: Printer, node: For) -> list[tuple[str, str]]:
    return [("annotations", values.text(p, node.annotations))] if len(node.annotations) else []


def _loop(p: Printer, node: For) -> str | None:
    bounds = _bounds(p, node)
    if bounds is None or node.thread_binding is not None:
        return None
    keywords = _annotations(p, node)
    if node.kind is ForKind.SERIAL and not keywords and p.config.syntax_sugar:
        return f"range({', '.join(bounds)})"
    return call_text(p.tir(_KINDS[node.kind]), bounds, keywords)


def _thread_loop(p: Printer, node: For) -> str | None:
    """`T.thread_binding(128, thread="threadIdx.x")`."""
    bounds, axis = _bounds(p, node), node.thread_binding
    if bounds is None or axis is None or not is_plain_thread(axis, node.loop_var):
        return None
    keywords = [("thread", string_text(axis.thread_tag)), *_annotations(p, node)]
    return call_text(p.tir("thread_binding"), bounds, keywords)


def is_plain_thread(axis: scalar.IterVar, loop_var: Var) -> bool:
    """Whether the axis is the one that `T.thread_binding` makes of its tag."""
    return (
        axis.dom is None
        and axis.iter_type == scalar.IterVar.ThreadIndex
        and axis.thread_tag in THREAD_TAGS
        and type(axis.var) is Var
        and axis.var.dtype == loop_var.dtype
        and isinstance(axis.var.type_annotation, PrimType)
    )
