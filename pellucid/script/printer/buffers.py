"""How buffers come into being in a script: `T.match_buffer`, `T.alloc_buffer`, `T.decl_buffer`,
`T.Buffer`.

Every field that differs from what the short form means is written out. Variables in a shape that
nothing defines yet are declared in the lines before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.scalar import IntImm, Var
from pellucid.ir.types import PointerType, PrimType
from pellucid.script.printer import expr
from pellucid.script.printer.context import Printer, call_text, string_text, tuple_text
from pellucid.tir.buffer import DEFAULT_ALIGNMENT, Buffer


def has_own_pointer(p: Printer, buffer: Buffer) -> bool:
    """Whether the pointer is the one that declaring the buffer makes: unknown so far, of its
    type.
    """
    if buffer.data in p.names:
        return False
    annotation = buffer.data.type_annotation
    return (
        type(buffer.data) is Var
        and isinstance(annotation, PointerType)
        and isinstance(annotation.element_type, PrimType)
        and annotation.element_type.dtype == buffer.dtype
    )


def _is_zero(value: Any) -> bool:
    return type(value) is IntImm and value.dtype == "int32" and value.value == 0


def is_simple(p: Printer, buffer: Buffer) -> bool:
    """Whether shape and dtype say everything, and the shape is constant."""
    return (
        all(type(extent) is IntImm for extent in buffer.shape)
        and not buffer.strides
        and _is_zero(buffer.elem_offset)
        and buffer.scope() == "global"
        and buffer.data_alignment == DEFAULT_ALIGNMENT
        and buffer.offset_factor == 1
        and not buffer.buffer_type
        and not buffer.axis_separators
        and has_own_pointer(p, buffer)
    )


def shape_text(p: Printer, buffer: Buffer) -> str:
    """`(16, n)`."""
    return tuple_text([p.expr(extent) for extent in buffer.shape])


def annotation(p: Printer, buffer: Buffer) -> str:
    """`T.Buffer((128, 128), "float32")`, of a simple buffer."""
    return f"{p.tir('Buffer')}({shape_text(p, buffer)}, {string_text(buffer.dtype)})"


def arguments(
    p: Printer, buffer: Buffer, *, of_known: bool = False
) -> tuple[list[str], list[tuple[str, str]]]:
    """The arguments of a declaration: shape, dtype, and keywords for all that is not the
    default.
    """
    args = [shape_text(p, buffer)]
    if buffer.dtype != p.config.buffer_dtype:
        args.append(string_text(buffer.dtype))
    keywords: list[tuple[str, str]] = []
    if of_known or not has_own_pointer(p, buffer):
        keywords.append(("data", p.expr(buffer.data)))
    elif buffer.scope() != "global":
        keywords.append(("scope", string_text(buffer.scope())))
    if buffer.strides:
        keywords.append(("strides", tuple_text([p.expr(each) for each in buffer.strides])))
    if not _is_zero(buffer.elem_offset) or buffer.offset_factor != 1:
        keywords.append(("elem_offset", p.expr(buffer.elem_offset)))
    if buffer.data_alignment != DEFAULT_ALIGNMENT:
        keywords.append(("align", str(buffer.data_alignment)))
    if buffer.offset_factor != 1:
        keywords.append(("offset_factor", str(buffer.offset_factor)))
    if buffer.buffer_type:
        keywords.append(("buffer_type", string_text(buffer.buffer_type)))
    if buffer.axis_separators:
        keywords.append(("axis_separators", f"[{p.exprs(buffer.axis_separators)}]"))
    return args, keywords


def define(p: Printer, buffer: Buffer) -> str:
    """A name for the buffer, by which its pointer is known too."""
    name = expr.define(p, buffer)
    if buffer.data not in p.names:
        p.names.set(buffer.data, f"{name}.data")
    return name


def declaration(p: Printer, buffer: Buffer, function: str, first: list[str]) -> str:
    """`A = T.match_buffer(a, (16, n), "float32")`; the variables in it are declared before."""
    # T.decl_buffer without a pointer would allocate memory too.
    args, keywords = arguments(p, buffer, of_known=function == "decl_buffer")
    name = define(p, buffer)
    return f"{name} = {call_text(p.tir(function), [*first, *args], keywords)}"


def declare(p: Printer, buffer: Buffer, function: str, first: list[str] | None = None) -> None:
    """Write the line that declares a buffer."""
    text = declaration(p, buffer, function, first or [])
    p.line(p.marks.wrap(buffer, text))


def wait(p: Printer, buffer: Buffer, known: Callable[[Any], bool]) -> bool:
    """Whether a free buffer mentions variables that the body defines: it is then declared where
    they all are visible. `known` says of a variable that it is not one of them.
    """
    missing: list[Any] = []

    def mention(node: Any) -> None:
        if node.is_variable and not known(node):
            missing.append(node)
        node.walk(mention, mention)

    buffer.walk(mention, mention)
    if missing:
        p.waiting.append((missing, buffer))
    return bool(missing)


def declare_waiting(p: Printer) -> None:
    """Declare the free buffers whose variables are all visible by now."""
    for entry in list(p.waiting):
        missing, buffer = entry
        if all(each in p.names for each in missing):
            p.waiting.remove(entry)
            declare(p, buffer, "Buffer")


def declare_free(p: Printer, buffer: Buffer) -> str:
    """The name of a buffer that nothing defines; it is declared before the statement at hand."""
    args, keywords = arguments(p, buffer)
    if len(args) == 1:
        args.append(string_text(buffer.dtype))
    name = define(p, buffer)
    p.pending.append(f"{name} = {call_text(p.tir('Buffer'), args, keywords)}")
    return name


expr.declare_buffer.append(declare_free)
