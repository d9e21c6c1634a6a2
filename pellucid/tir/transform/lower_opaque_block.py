"""LowerOpaqueBlock: blocks disappear; what is left is loops, conditions and allocations.

Before: opaque blocks without init and without match buffers. After: no blocks. A predicate becomes
`if`; an allocated buffer becomes `Allocate` with a `DeclBuffer`; a loop of extent one is replaced
by its body. Annotations that start with `pragma_` become an `AttrStmt` around the body of their
block, or around their loop; LLVM code that is to be linked (`pragma_import_llvm`) stands around the
whole function, once. The others were for earlier stages or are notes, except `buffer_dim_align`,
which gives an allocated buffer padded strides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir.arithmetic import add, cast_to, const, floormod, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, StringImm
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import UnsupportedError
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import (
    Allocate,
    AttrStmt,
    BufferRealize,
    DeclBuffer,
    ForKind,
    IfThenElse,
    Stmt,
)
from pellucid.tir.transform.check_annotations import IMPORT_LLVM
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, keep_loop
from pellucid.tir.transform.passes import stage


class _LowerOpaque(Folder):
    def __init__(self, aligned: dict[Buffer, tuple[int, int, int]]) -> None:
        super().__init__()
        self.aligned = aligned
        # LLVM modules to link, each with the name of the block or loop that asks for it.
        self.imports: dict[str, str] = {}

    def visit_block_realize_(self, node: Any) -> Any:
        """A block becomes its body, inside its allocations and under its predicate."""
        predicate = self.visit(node.predicate)
        block = node.block
        for old in block.alloc_buffers:
            if old in self.aligned:
                self.replaced[old] = _padded(old, *self.aligned[old])
        body = self.visit(block.body)
        for buffer in reversed(block.alloc_buffers):
            body = allocation(self.visit_definition(buffer), body)
        body = self.pragmas(block.name_hint, block.annotations, body)
        return body if is_true(predicate) else IfThenElse(predicate, body)

    def visit_buffer_realize_(self, node: Any) -> Any:
        """A buffer that comes into being: memory for all of it."""
        return allocation(self.visit_definition(node.buffer), self.visit(node.body))

    def visit_for_(self, node: Any) -> Any:
        """A loop that runs once is its body."""
        low, extent = self.visit(node.min), self.visit(node.extent)
        one = isinstance(extent, IntImm) and extent.value == 1
        pragmas = {k: v for k, v in node.annotations.items() if k.startswith("pragma_")}
        if one and node.kind != ForKind.THREAD_BINDING:
            self.replaced[node.loop_var] = cast_to(node.loop_var.dtype, low)
            loop = self.visit(node.body)
        else:
            loop = keep_loop(node, min=low, extent=extent, body=self.visit(node.body))
            if pragmas:
                rest = {k: v for k, v in node.annotations.items() if k not in pragmas}
                loop = loop.replace(annotations=rest)
        return self.pragmas(node.loop_var.name, pragmas, loop)

    def pragmas(self, name: str, annotations: Mapping[str, Any], body: Stmt) -> Stmt:
        """`body` inside what the annotations of the block or loop `name` ask for."""
        for key, value in reversed(list(annotations.items())):
            if key == IMPORT_LLVM:
                text = value.value if isinstance(value, StringImm) else str(value)
                self.imports.setdefault(text, name)
            elif key.startswith("pragma_"):
                body = AttrStmt(StringImm(name), key, _expression(value), body)
        return body

    def linked(self, body: Stmt) -> Stmt:
        """The body of the function, inside the LLVM modules that it needs."""
        for text, name in reversed(self.imports.items()):
            body = AttrStmt(StringImm(name), IMPORT_LLVM, StringImm(text), body)
        return body


def _expression(value: Any) -> PrimExpr:
    if isinstance(value, PrimExpr):
        return value
    return StringImm(value) if isinstance(value, str) else const(value)


def _alignments(func: PrimFunc) -> dict[Buffer, tuple[int, int, int]]:
    """Axis, factor and offset for each buffer that a block writes and wants aligned."""
    found: dict[Buffer, tuple[int, int, int]] = {}
    for node in pre_order(func.body):
        if isinstance(node, Block):
            for index, *wish in node.annotations.get("buffer_dim_align", ()):
                axis, factor, offset = (int(each) for each in wish)
                found[node.writes[int(index)].buffer] = (axis, factor, offset)
    return found


def _padded(buffer: Buffer, axis: int, factor: int, offset: int) -> Buffer:
    """The buffer with strides such that the one of `axis` is `offset` modulo `factor`."""
    strides: list[PrimExpr] = []
    step: PrimExpr = const(1, buffer.shape[-1].dtype)
    for position in reversed(range(len(buffer.shape))):
        if position == axis % len(buffer.shape):
            step = add(step, floormod(sub(add(offset, factor), floormod(step, factor)), factor))
        strides.append(step)
        step = mul(step, buffer.shape[position])
    return buffer.replace(strides=tuple(reversed(strides)))


def allocated_extents(buffer: Buffer) -> tuple[PrimExpr, ...]:
    """The extents of the memory that an allocated buffer needs."""
    if not buffer.strides:
        return buffer.shape
    return (mul(buffer.shape[0], buffer.strides[0]), *[const(1, "int32")] * (buffer.ndim - 1))


def allocation(buffer: Buffer, body: Stmt) -> Stmt:
    """`body` with memory for `buffer`."""
    if not isinstance(buffer.elem_offset, IntImm) or buffer.elem_offset.value != 0:
        raise UnsupportedError(
            f"The allocated buffer {buffer.name!r} has an offset.",
            found=repr(buffer.elem_offset),
            cure="allocate it without elem_offset",
        )
    extents = allocated_extents(buffer)
    return Allocate(buffer.data, buffer.dtype, extents, body=DeclBuffer(buffer, body))


def lower_opaque_block(func: PrimFunc) -> PrimFunc:
    """The function without blocks."""
    lowering = _LowerOpaque(_alignments(func))
    return func.with_body(lowering.linked(lowering.visit(func.body)))


def verify_no_block(func: PrimFunc) -> None:
    """There are loops, conditions and allocations, and no blocks."""
    forbid(
        func,
        "LowerOpaqueBlock",
        "block",
        lambda node: isinstance(node, Block | BlockRealize | BufferRealize),
    )


def LowerOpaqueBlock() -> Pass:
    """The pass that removes blocks."""
    return stage("LowerOpaqueBlock", lower_opaque_block, verify_no_block)
