"""Statements of loop programs. Each class says what running it means.

Order is program order unless a loop's kind says otherwise. `Block` and `BlockRealize` are in
`tir.block`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, cast

from pellucid.ir.attrs import EMPTY, Attrs, as_attrs
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, binder, child, data, node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, StringImm, Var, as_expr, as_exprs
from pellucid.ir.types import PointerType, PrimType
from pellucid.support.errors import TypeMismatchError, did_you_mean
from pellucid.tir.buffer import Buffer, access_dtype, check_rank, late


@node
class Stmt(Node):
    """Base of statements."""


class ForKind(IntEnum):
    """How the iterations of a loop run."""

    SERIAL = 0
    PARALLEL = 1
    VECTORIZED = 2
    UNROLLED = 3
    THREAD_BINDING = 4


_FOR_KINDS = {kind.name.lower(): kind for kind in ForKind}


def _for_kind(value: Any) -> ForKind:
    if not isinstance(value, str):
        return ForKind(value)
    if value not in _FOR_KINDS:
        raise TypeMismatchError(
            f"There is no loop kind {value!r}.", cure=did_you_mean(value, _FOR_KINDS)
        )
    return _FOR_KINDS[value]


@node
class For(Stmt):
    """Run `body` for each value of `loop_var` from `min`, `extent` of them (none when `extent` is
    not positive).

    Serial and unrolled: in order. Parallel: in any order or at once, on several threads; an
    iteration must not read what another writes. Vectorized: all at once, a lane each; `extent` is
    constant. Thread-bound: on the axis `thread_binding`. `annotations` are hints that do not change
    the meaning.
    """

    loop_var: Var = binder(converter=lambda var: var.var if isinstance(var, IterVar) else var)
    min: PrimExpr = child(converter=as_expr)
    extent: PrimExpr = child(converter=as_expr)
    kind: ForKind = data(converter=_for_kind)
    body: Stmt = child()
    thread_binding: IterVar | None = binder(default=None)
    annotations: Attrs = child(default=EMPTY, converter=as_attrs)
    visit_order = (
        "min",
        "extent",
        "loop_var",
        "thread_binding",
        "kind",
        "annotations",
        "body",
        "span",
    )


@node
class While(Stmt):
    """Run `body` as long as `condition` holds."""

    condition: PrimExpr = child(converter=as_expr)
    body: Stmt = child()


@node
class IfThenElse(Stmt):
    """Run `then_case` when `condition` holds, else `else_case` (nothing when that is None)."""

    condition: PrimExpr = child(converter=as_expr)
    then_case: Stmt = child()
    else_case: Stmt | None = child(default=None)


@node
class LetStmt(Stmt):
    """Run `body` with `var` standing for `value`, which is evaluated once."""

    var: Var = binder()
    value: PrimExpr = child(converter=as_expr)
    body: Stmt = child()
    visit_order = ("value", "var", "body", "span")


@node
class SeqStmt(Stmt):
    """Statements one after another. Build it with `seq`, which keeps it flat and never of length
    one.
    """

    seq: tuple[Stmt, ...] = child(converter=tuple)

    def __len__(self) -> int:
        """How many statements there are."""
        return len(self.seq)

    def __getitem__(self, index: int) -> Stmt:
        """One statement."""
        return self.seq[index]


@node
class Evaluate(Stmt):
    """Evaluate `value` for its effect."""

    value: PrimExpr = child(converter=as_expr)


@node
class BufferStore(Stmt):
    """Store `value` into `buffer` at `indices`; a vector index in the last place stores lane by
    lane.

    Where `predicate` (a bool per lane) is given and false, nothing is written.
    """

    buffer: Buffer = child()
    value: PrimExpr = child(converter=as_expr)
    indices: tuple[PrimExpr, ...] = child(converter=as_exprs)
    predicate: PrimExpr | None = child(default=None)

    def __post_init__(self) -> None:
        """Check rank and dtype."""
        check_rank(self.buffer, self.indices)
        expected = access_dtype(self.buffer, self.indices)
        if self.value.dtype != expected:
            raise TypeMismatchError(
                f"The value stored into {self.buffer.name!r} has the wrong dtype.",
                expected=str(expected),
                found=str(self.value.dtype),
                cure="cast the value",
            )


@node
class AssertStmt(Stmt):
    """Stop with `message` unless `condition` holds; then run `body`."""

    condition: PrimExpr = child(converter=as_expr)
    message: PrimExpr = child(converter=lambda m: StringImm(m) if isinstance(m, str) else m)
    body: Stmt = child()


@node
class AttrStmt(Stmt):
    """A fact `attr_key` = `value` about `node` that holds while `body` runs (a thread extent, a
    pragma).
    """

    node: Any = child(converter=lambda value: StringImm(value) if isinstance(value, str) else value)
    attr_key: str = data()
    value: Any = child(converter=as_expr)
    body: Stmt = child()


@node
class Allocate(Stmt):
    """Memory of `extents` elements of `dtype` for `buffer_var`, which lives while `body` runs
    (lowered programs).
    """

    buffer_var: Var = binder()
    dtype: DataType = data(converter=DataType)
    extents: tuple[PrimExpr, ...] = child(converter=as_exprs)
    condition: PrimExpr = child(default=True, converter=as_expr)
    body: Stmt = child(default=None)
    annotations: Attrs = child(default=EMPTY, converter=as_attrs)
    visit_order = ("extents", "condition", "buffer_var", "dtype", "annotations", "body", "span")

    def scope(self) -> str:
        """The storage scope."""
        annotation = self.buffer_var.type_annotation
        return (
            (annotation.storage_scope or "global")
            if isinstance(annotation, PointerType)
            else "global"
        )


@node
class AllocateConst(Stmt):
    """Constant memory with the contents `value` (an array) for `buffer_var`, while `body` runs."""

    buffer_var: Var = binder()
    dtype: DataType = data(converter=DataType)
    extents: tuple[PrimExpr, ...] = child(converter=as_exprs)
    value: Any = data(key=lambda array: (str(array.dtype), array.shape, array.tobytes()))
    body: Stmt = child(default=None)
    annotations: Attrs = child(default=EMPTY, converter=as_attrs)
    visit_order = ("extents", "buffer_var", "dtype", "value", "annotations", "body", "span")


@node
class DeclBuffer(Stmt):
    """`buffer` is a view of memory that exists already, known while `body` runs (lowered
    programs).
    """

    buffer: Buffer = binder()
    body: Stmt = child(default=None)


@node
class BufferRealize(Stmt):
    """`bounds` of `buffer` come into being while `body` runs, if `condition` holds."""

    buffer: Buffer = binder()
    bounds: tuple[Range, ...] = child(converter=tuple)
    condition: PrimExpr = child(converter=as_expr)
    body: Stmt = child()


def seq(*statements: Any) -> Stmt:
    """The statements in order: nested sequences are flattened, None left out, a single one stays
    itself.
    """
    flat: list[Stmt] = []
    for each in statements:
        if each is None:
            continue
        if isinstance(each, SeqStmt):
            flat.extend(each.seq)
        elif isinstance(each, list | tuple):
            inner = seq(*cast("list[Any]", each))
            flat.extend(inner.seq if isinstance(inner, SeqStmt) else [inner])
        else:
            flat.append(each)
    if not flat:
        return Evaluate(0)
    return flat[0] if len(flat) == 1 else SeqStmt(flat)


def pointer(name: str, dtype: str, scope: str = "") -> Var:
    """A pointer variable to elements of `dtype` in storage `scope`."""
    return Var(name, PointerType(PrimType(dtype), scope))


late["store"] = BufferStore
