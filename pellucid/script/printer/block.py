"""Blocks: `with T.block("C"):`, its axes, what it reads and writes, and its body."""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.types import PrimType
from pellucid.script.printer import buffers, expr, values
from pellucid.script.printer.context import Printer, prints_stmt, string_text
from pellucid.script.printer.generic import raw_statement
from pellucid.script.printer.stmt import body
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.stmt import For

_AXES = {
    IterVar.DataPar: "spatial",
    IterVar.CommReduce: "reduce",
    IterVar.Ordered: "scan",
    IterVar.Opaque: "opaque",
}
_LETTERS = {IterVar.DataPar: "S", IterVar.CommReduce: "R"}


@prints_stmt(BlockRealize)
def realize(p: Printer, node: BlockRealize, tail: bool) -> None:
    """A block where it runs."""
    del tail
    block = node.block
    pairs = zip(block.iter_vars, node.iter_values, strict=True)
    if not all(_is_expressible(axis) and value.dtype == axis.var.dtype for axis, value in pairs):
        raw_statement(p, node)
        return
    _header(p, node, "")
    with p.block():
        _axes(p, node)
        if not is_true(node.predicate) or node.predicate.dtype != "bool":
            p.line(f"{p.tir('where')}({p.expr(node.predicate)})")
        contents(p, block)


@prints_stmt(Block)
def block_alone(p: Printer, node: Block, tail: bool) -> None:
    """A block without the place where it runs: its axes are bound to nothing."""
    del tail
    if not all(_is_expressible(each) for each in node.iter_vars):
        raw_statement(p, node)
        return
    _header(p, node, ", no_realize=True")
    with p.block():
        for each in node.iter_vars:
            domain = _domain(p, each)
            line = f"{expr.define(p, each.var)} = {p.tir('axis')}.{_AXES[each.iter_type]}({domain})"
            p.line(p.marks.wrap(each, line))
        contents(p, node)


def _header(p: Printer, node: BlockRealize | Block, more: str) -> None:
    block = node.block if isinstance(node, BlockRealize) else node
    line = f"with {p.tir('block')}({string_text(block.name_hint)}{more}):"
    p.statement_line(node, p.marks.wrap(block, line) if block is not node else line)


def _is_expressible(axis: IterVar) -> bool:
    """Whether `T.axis` has a word for the axis."""
    return (
        axis.iter_type in _AXES
        and not axis.thread_tag
        and axis.dom is not None
        and type(axis.var) is Var
        and isinstance(axis.var.type_annotation, PrimType)
        and axis.dom.extent.dtype == axis.dom.min.dtype == axis.var.dtype
    )


def contents(p: Printer, block: Block) -> None:
    """Everything in a block below its axes."""
    own = {*block.alloc_buffers, *[each.buffer for each in block.match_buffers]}
    with p.names.frame():
        # Regions come first, unless they are of buffers that only come into being here.
        regions_first = not any(each.buffer in own for each in (*block.reads, *block.writes))
        if regions_first:
            _regions(p, block)
        _attributes(p, block)
        for each in block.alloc_buffers:
            buffers.declare(p, each, "alloc_buffer")
        for each in block.match_buffers:
            _match(p, each)
        if not regions_first:
            _regions(p, block)
        if block.init is not None:
            p.line(f"with {p.tir('init')}():")
            body(p, block.init)
        p.stmt(block.body, True)


def _regions(p: Printer, block: Block) -> None:
    p.line(f"{p.tir('reads')}({p.exprs(block.reads)})")
    p.line(f"{p.tir('writes')}({p.exprs(block.writes)})")


def _attributes(p: Printer, block: Block) -> None:
    if len(block.annotations):
        p.line(f"{p.tir('block_attr')}({values.text(p, block.annotations)})")


def _match(p: Printer, node: Any) -> None:
    line = buffers.declaration(p, node.buffer, "match_buffer", [p.expr(node.source)])
    p.line(p.marks.wrap(node, line))


def _remappable(p: Printer, axis: IterVar, value: Any) -> bool:
    """Whether the axis is a visible loop under another name."""
    if axis.iter_type not in _LETTERS or not isinstance(value, Var) or not p.config.syntax_sugar:
        return False
    loop = _loop_of(p, value)
    return (
        loop is not None
        and axis.var.dtype == value.dtype
        and axis.dom is not None
        and structural_equal(axis.dom, Range(min=loop.min, extent=loop.extent))
    )


def _loop_of(p: Printer, variable: Var) -> For | None:
    for nest in reversed(p.loops):
        if variable in nest:
            return nest[variable]
    return None


def _axes(p: Printer, node: BlockRealize) -> None:
    """The axes in order; neighbours that are loops under other names share a line."""
    axes = list(zip(node.block.iter_vars, node.iter_values, strict=True))
    position = 0
    while position < len(axes):
        end = position
        while end < len(axes) and _remappable(p, *axes[end]):
            end += 1
        if end - position >= 2:
            _remap(p, axes[position:end])
            position = end
        else:
            _axis(p, *axes[position])
            position += 1


def _remap(p: Printer, axes: list[tuple[IterVar, Any]]) -> None:
    letters = "".join([_LETTERS[axis.iter_type] for axis, _ in axes])
    values_text = p.exprs([value for _, value in axes])
    names = [p.marks.wrap(axis, expr.define(p, axis.var)) for axis, _ in axes]
    p.line(f'{", ".join(names)} = {p.tir("axis")}.remap("{letters}", [{values_text}])')


def _axis(p: Printer, axis: IterVar, value: Any) -> None:
    domain = _domain(p, axis)
    binding = p.expr(value)
    name = expr.define(p, axis.var)
    line = f"{name} = {p.tir('axis')}.{_AXES[axis.iter_type]}({domain}, {binding})"
    p.line(p.marks.wrap(axis, line))


def _domain(p: Printer, axis: IterVar) -> str:
    """`16`, `(2, 18)`, or the range by its fields."""
    dom: Any = axis.dom
    low = dom.min
    if type(low) is IntImm and low.value == 0 and low.dtype == dom.extent.dtype:
        return p.expr(dom.extent)
    end = expr.end_of(p, low, dom.extent)
    if end is not None:
        return f"({p.expr(low)}, {p.expr(end)})"
    return expr.range_text(p, dom)[0]
