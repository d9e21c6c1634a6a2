"""The scopes of a loop function while it is parsed: statement lists, frames, and what names stand
for.

A scope is a list of statements. An entry that is a function takes all that comes after it in the
scope as its body: that is how `x = T.allocate(...)` or `x: T.int32 = e` reach to the end of the
scope without a `with`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

from pellucid.ir.arithmetic import const, convert
from pellucid.ir.node import Node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, Var
from pellucid.script.parser.core import Context, StatementParser
from pellucid.script.parser.tir_frames import (
    AllocateConstFrame,
    AllocateFrame,
    AssertFrame,
    AttrFrame,
    DeclBufferFrame,
    Frame,
    LaunchThreadFrame,
    LetFrame,
    RealizeFrame,
)
from pellucid.script.parser.tir_types import DtypeFunction
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import BufferRegion, as_region
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AssertStmt,
    AttrStmt,
    BufferRealize,
    DeclBuffer,
    LetStmt,
    Stmt,
    pointer,
    seq,
)

Wrap = Callable[[Stmt], Stmt]


class ScopeParser(StatementParser):
    """Statement lists, and the frames that wrap what comes after them."""

    token = "tir"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.scopes: list[list[Stmt | Wrap]] = []
        # The variable of each thread axis, and the axis of each such variable.
        self.threads: dict[Var, IterVar] = {}

    # Scopes.

    def emit(self, stmt: Stmt, node: ast.AST | None = None) -> None:
        """Add a statement to the present scope; `node` is its place."""
        self.scopes[-1].append(stmt if node is None else self.at(stmt, node))

    def at(self, made: Any, node: ast.AST) -> Any:
        """A node just made, with its place."""
        if isinstance(made, Node) and made.span is None:
            # Setting the place is the last step of making the node.
            object.__setattr__(made, "span", self.span(node))
        return made

    def scope(self, parse: Callable[[], None]) -> Stmt:
        """What `parse` emits, as one statement."""
        self.scopes.append([])
        with self.variables.frame():
            parse()
        body: list[Stmt] = []
        for entry in reversed(self.scopes.pop()):
            if isinstance(entry, Stmt):
                body.append(entry)
            else:
                body = [entry(seq(*reversed(body)))]
        return seq(*reversed(body))

    # Frames.

    def open(self, frame: Frame, name: str, node: ast.AST) -> tuple[Any, Wrap]:
        """What the frame's name stands for, and how the frame wraps its body."""
        opener: Callable[..., tuple[Any, Wrap]] | None = getattr(
            self, f"open_{type(frame).__name__}", None
        )
        if opener is None:
            raise self.error(
                node,
                f"{frame.spelling} cannot stand here.",
                cure=f"write `with {frame.spelling}(...):`",
            )
        with self.placed(node):
            value, wrap = opener(frame, name)
        return value, lambda body: self.at(wrap(body), node)

    def open_LetFrame(self, frame: LetFrame, name: str) -> tuple[Any, Wrap]:
        """A variable that stands for a value."""
        var = frame.var
        if var is None:
            kind = cast("Any", frame.type_annotation)
            if isinstance(kind, Var):
                kind = kind.type_annotation
            elif isinstance(kind, DtypeFunction):
                kind = kind.dtype
            if kind is None:
                kind = frame.value.dtype
            var = Var(name or "v", kind)
        found = named(var, name or "v")
        return found, lambda body: LetStmt(found, frame.value, body)

    def open_AllocateFrame(self, frame: AllocateFrame, name: str) -> tuple[Any, Wrap]:
        """Memory."""
        var = pointer(name or "buffer", frame.dtype, frame.scope)
        return var, lambda body: Allocate(
            var, frame.dtype, frame.extents, frame.condition, body, frame.annotations
        )

    def open_AllocateConstFrame(self, frame: AllocateConstFrame, name: str) -> tuple[Any, Wrap]:
        """Constant memory."""
        var = pointer(name or "buffer", frame.dtype, "global")
        return var, lambda body: AllocateConst(
            var, frame.dtype, frame.extents, frame.data, body, frame.annotations
        )

    def open_DeclBufferFrame(self, frame: DeclBufferFrame, name: str) -> tuple[Any, Wrap]:
        """A view of memory; the memory too, where no pointer is given."""
        buffer = frame.buffer.make(name or "buffer")
        if frame.buffer.options["data"] is not None:
            return buffer, lambda body: DeclBuffer(buffer, body)

        def wrap(body: Stmt) -> Stmt:
            inner = DeclBuffer(buffer, body)
            return Allocate(buffer.data, buffer.dtype, buffer.shape, const(True), inner)

        return buffer, wrap

    def open_AttrFrame(self, frame: AttrFrame, name: str) -> tuple[Any, Wrap]:
        """A fact."""
        del name
        about: Any = frame.node
        if isinstance(about, Var) and about in self.threads:
            about = self.threads[about]
            if frame.key in ("thread_extent", "virtual_thread"):
                about = self._launched(about.var, frame.value)
        elif isinstance(about, int | float):
            about = convert(about)
        elif not isinstance(about, Node | str):
            raise TypeMismatchError(
                "T.attr is about a variable, a buffer, an axis or a string.", found=f"{about!r:.80}"
            )
        value = convert(frame.value) if frame.value is not None else const(0)
        return None, lambda body: AttrStmt(about, frame.key, value, body)

    def open_LaunchThreadFrame(self, frame: LaunchThreadFrame, name: str) -> tuple[Any, Wrap]:
        """Threads along an axis."""
        if isinstance(frame.axis, Var):
            if frame.axis not in self.threads:
                raise TypeMismatchError(
                    "This variable is no thread axis.",
                    found=frame.axis.name,
                    cure='make it with T.env_thread("threadIdx.x"), or give the tag itself',
                )
            axis = self._launched(frame.axis, frame.extent)
        else:
            var = Var(name or frame.axis, frame.extent.dtype)
            self.threads[var] = IterVar(None, var, IterVar.ThreadIndex, frame.axis)
            axis = self._launched(var, frame.extent)
        key = "virtual_thread" if axis.thread_tag.startswith("vthread") else "thread_extent"
        return axis.var, lambda body: AttrStmt(axis, key, frame.extent, body)

    def _launched(self, var: Var, extent: Any) -> IterVar:
        """The axis of a thread variable, with `extent` as its domain."""
        known = self.threads[var]
        extent = convert(extent)
        axis = IterVar(
            Range(min=const(0, extent.dtype), extent=extent), var, known.iter_type, known.thread_tag
        )
        self.threads[var] = axis
        return axis

    def open_RealizeFrame(self, frame: RealizeFrame, name: str) -> tuple[Any, Wrap]:
        """A region that comes into being."""
        del name
        region = as_region(frame.region)
        condition = convert(frame.condition)

        def wrap(body: Stmt) -> Stmt:
            made = BufferRealize(region.buffer, region.region, condition, body)
            return AttrStmt(region.buffer, "realize_scope", frame.scope, made)

        return None, wrap

    def open_AssertFrame(self, frame: AssertFrame, name: str) -> tuple[Any, Wrap]:
        """An assertion."""
        del name
        condition = condition_of(frame.condition)
        return None, lambda body: AssertStmt(condition, frame.message, body)

    # Values.

    def operand(self, value: Any) -> Any:
        """A region with constant extents is a vector where a value is wanted."""
        return value.asobject() if isinstance(value, BufferRegion) else value


def named(var: Var, name: str) -> Var:
    """A variable; one that was made without a name (`T.int64()`) gets this one."""
    if not var.name:
        # The variable is fresh: its name is the last thing about it to be known.
        object.__setattr__(var, "name", name)
    return var


def condition_of(value: Any) -> PrimExpr:
    """A truth value as an expression."""
    found = convert(value)
    if not found.dtype.is_bool:
        raise TypeMismatchError(
            "A condition must be bool.", found=str(found.dtype), cure="compare with `!= 0`"
        )
    return found


def is_number(value: object) -> bool:
    """Whether `value` is a plain Python number."""
    return isinstance(value, bool | int | float) and not isinstance(value, Node)
