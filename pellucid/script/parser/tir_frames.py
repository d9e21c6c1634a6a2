"""What the statements and frames of `T` evaluate to, before the parser makes IR of them.

`T.grid(...)`, `T.block(...)`, `T.alloc_buffer(...)` and the like are plain functions that return
one of these records. They say what was asked for; only the parser knows the name that the result is
assigned to, and what encloses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.types import Type
from pellucid.tir.buffer import Buffer, decl_buffer
from pellucid.tir.stmt import ForKind


class Frame:
    """What may stand in a `with`, or open a scope that lasts to the end of the present one."""

    spelling = "this"


@dataclass(frozen=True, slots=True)
class LoopFrame(Frame):
    """Loops nested in each other: (min, extent) of each, all of one kind; for a `for` statement."""

    kind: ForKind
    ranges: tuple[tuple[PrimExpr, PrimExpr], ...]
    annotations: Mapping[str, Any] | None = None
    thread: str | None = None
    spelling = "a loop"


@dataclass(frozen=True, slots=True)
class BlockFrame(Frame):
    """`T.block(name)`."""

    name: str
    no_realize: bool = False
    spelling = "T.block"


@dataclass(frozen=True, slots=True)
class InitFrame(Frame):
    """`T.init()`."""

    spelling = "T.init"


@dataclass(frozen=True, slots=True)
class LetFrame(Frame):
    """`T.LetStmt(value)`: a variable that stands for a value."""

    value: PrimExpr
    var: Var | None = None
    type_annotation: Type | None = None
    spelling = "T.LetStmt"


@dataclass(frozen=True, slots=True)
class AllocateFrame(Frame):
    """`T.allocate(extents, dtype, scope)`."""

    extents: tuple[PrimExpr, ...]
    dtype: DataType
    scope: str
    condition: Any
    annotations: Mapping[str, Any] | None
    spelling = "T.allocate"


@dataclass(frozen=True, slots=True)
class AllocateConstFrame(Frame):
    """`T.allocate_const(data, dtype, extents)`."""

    data: Any
    dtype: DataType
    extents: tuple[PrimExpr, ...]
    annotations: Mapping[str, Any] | None
    spelling = "T.allocate_const"


@dataclass(frozen=True, slots=True)
class DeclBufferFrame(Frame):
    """`T.decl_buffer(...)`: a view of memory, known in the rest of the scope."""

    buffer: BufferSpec
    spelling = "T.decl_buffer"


@dataclass(frozen=True, slots=True)
class AttrFrame(Frame):
    """`T.attr(node, key, value)`."""

    node: Any
    key: str
    value: Any
    spelling = "T.attr"


@dataclass(frozen=True, slots=True)
class LaunchThreadFrame(Frame):
    """`T.launch_thread(axis, extent)`; `axis` is a tag or a variable made by T.env_thread."""

    axis: str | Var
    extent: PrimExpr
    spelling = "T.launch_thread"


@dataclass(frozen=True, slots=True)
class RealizeFrame(Frame):
    """`T.realize(region, scope, condition)`."""

    region: Any
    scope: str
    condition: Any
    spelling = "T.realize"


@dataclass(frozen=True, slots=True)
class AssertFrame(Frame):
    """`T.Assert(condition, message)`."""

    condition: Any
    message: str
    spelling = "T.Assert"


@dataclass(frozen=True, slots=True)
class WhileFrame(Frame):
    """`with T.While(condition):`."""

    condition: Any
    spelling = "T.While"


@dataclass(frozen=True, slots=True)
class IfFrame(Frame):
    """`with T.If(condition):`, around `T.Then` and `T.Else`."""

    condition: Any
    spelling = "T.If"


@dataclass(frozen=True, slots=True)
class ThenFrame(Frame):
    """`with T.Then():`."""

    spelling = "T.Then"


@dataclass(frozen=True, slots=True)
class ElseFrame(Frame):
    """`with T.Else():`."""

    spelling = "T.Else"


class Named:
    """What must be assigned to a name, which it gets."""

    spelling = "this"


@dataclass(frozen=True, slots=True)
class BufferSpec(Named):
    """`T.Buffer(...)`: everything about a buffer but its name."""

    shape: tuple[Any, ...]
    options: Mapping[str, Any]
    spelling = "T.Buffer"

    def make(self, name: str) -> Buffer:
        """A new buffer of that name."""
        return decl_buffer(self.shape, name=name, **self.options)


@dataclass(frozen=True, slots=True)
class AllocBuffer(Named):
    """`T.alloc_buffer(...)`: a buffer that lives as long as the block, or the function."""

    buffer: BufferSpec
    spelling = "T.alloc_buffer"


@dataclass(frozen=True, slots=True)
class MatchBuffer(Named):
    """`T.match_buffer(source, ...)`: the buffer of a parameter, or a view of a region."""

    source: Any
    buffer: BufferSpec
    spelling = "T.match_buffer"


@dataclass(frozen=True, slots=True)
class Axis(Named):
    """`T.axis.spatial(domain, binding)` and its like; `iter_type` is one of IterVar's."""

    iter_type: int
    domain: Any
    binding: Any
    dtype: str | None
    spelling = "T.axis"


@dataclass(frozen=True, slots=True)
class Remap(Named):
    """`T.axis.remap(kinds, loop_variables)`."""

    kinds: str
    bindings: tuple[Any, ...]
    spelling = "T.axis.remap"


@dataclass(frozen=True, slots=True)
class EnvThread(Named):
    """`T.env_thread(tag)`: the variable of a thread axis."""

    tag: str
    dtype: str
    spelling = "T.env_thread"


@dataclass(frozen=True, slots=True)
class MetaVar:
    """`T.meta_var(value)`: the name stands for the value itself; no variable is made."""

    value: Any


@dataclass(frozen=True, slots=True)
class LetAnnotation:
    """`T.let[type]`: in an annotation, the type of a variable that stands for a value."""

    annotation: Any


class Clause:
    """A statement that says something about the enclosing block or function."""

    spelling = "this"


@dataclass(frozen=True, slots=True)
class Reads(Clause):
    """`T.reads(...)`."""

    regions: tuple[Any, ...]
    spelling = "T.reads"


@dataclass(frozen=True, slots=True)
class Writes(Clause):
    """`T.writes(...)`."""

    regions: tuple[Any, ...]
    spelling = "T.writes"


@dataclass(frozen=True, slots=True)
class Where(Clause):
    """`T.where(predicate)`."""

    predicate: Any
    spelling = "T.where"


@dataclass(frozen=True, slots=True)
class BlockAttr(Clause):
    """`T.block_attr({...})`."""

    attrs: Mapping[str, Any]
    spelling = "T.block_attr"


@dataclass(frozen=True, slots=True)
class FuncAttr(Clause):
    """`T.func_attr({...})`."""

    attrs: Mapping[str, Any]
    spelling = "T.func_attr"


@dataclass(frozen=True, slots=True)
class EvaluateClause(Clause):
    """`T.evaluate(value)`."""

    value: Any
    spelling = "T.evaluate"


@dataclass(frozen=True, slots=True)
class StoreClause(Clause):
    """`T.buffer_store(buffer, value, indices, predicate)`."""

    buffer: Buffer
    value: Any
    indices: Any
    predicate: Any
    spelling = "T.buffer_store"
