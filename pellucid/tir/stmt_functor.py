"""Small functions that walk, rebuild and copy loop programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pellucid.ir import visitor
from pellucid.ir.arithmetic import const
from pellucid.ir.node import Node, map_value
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var, as_expr
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad, MatchBufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.stmt import BufferRealize, BufferStore, SeqStmt, Stmt, seq

F = TypeVar("F", bound=Node)


def post_order_visit(stmt: Node, fvisit: Callable[[Any], None]) -> None:
    """Call `fvisit` on each statement and expression below `stmt` once, children first."""

    def visit(node: Any) -> None:
        if isinstance(node, Stmt | PrimExpr):
            fvisit(node)

    visitor.post_order_visit(stmt, visit)


def pre_order_visit(stmt: Node, fvisit: Callable[[Any], bool | None]) -> None:
    """Call `fvisit` on each statement and expression, parents first; False stops going down."""

    class PreOrder(visitor.Visitor):
        def visit(self, node: Any) -> Any:
            wanted = isinstance(node, Stmt | PrimExpr)
            if wanted and fvisit(node) is False:
                return None
            return super().visit(node)

    PreOrder().visit(stmt)


def ir_transform(
    stmt: Stmt,
    preorder: Callable[[Any], Any] | None = None,
    postorder: Callable[[Any], Any] | None = None,
    only_enable: Sequence[str] | None = None,
) -> Any:
    """Rebuild a statement.

    `preorder(node)` may give a replacement, which is taken as it is; None goes on to the children,
    and then `postorder(node)` may give one. `only_enable` lists the node classes that both are
    asked about ("tir.For" or "For"); all when it is None.
    """
    enabled = None if only_enable is None else {name.rpartition(".")[2] for name in only_enable}

    class Transform(StmtExprMutator):
        def visit(self, node: Any) -> Any:
            asked = isinstance(node, Stmt | PrimExpr) and (
                enabled is None or type(node).__name__ in enabled
            )
            found = preorder(node) if asked and preorder is not None else None
            if found is not None:
                return found
            new = super().visit(node)
            found = postorder(new) if asked and postorder is not None else None
            return new if found is None else found

    return Transform().visit(stmt)


class _BufferSubstitution(StmtExprMutator):
    """Replaces variables, and buffers where they are given or where their data is."""

    def __init__(self, mapping: Mapping[Any, Any]) -> None:
        super().__init__()
        self.replaced.update(mapping)

    def of(self, buffer: Buffer) -> Buffer:
        """The buffer to use instead; one whose pointer or shape is replaced is rebuilt."""
        found = self.replaced.get(buffer)
        if found is None:
            found = buffer.map(self.visit, self.visit_definition)
            self.replaced[buffer] = found
        return found

    def visit_buffer_(self, buffer: Buffer) -> Buffer:
        """A used buffer."""
        return self.of(buffer)


def substitute(node: Any, vmap: Mapping[Any, Any] | Callable[[Any], Any]) -> Any:
    """The program with variables replaced; values may be expressions, numbers or buffers.

    `vmap` may be a function of a variable that gives its replacement, or None to keep it. Buffers
    whose shape or pointer mentions a replaced variable follow. The same object when nothing
    changes.
    """
    if isinstance(vmap, Mapping):
        answers = cast("Mapping[Any, Any]", vmap)
    else:
        answers = {var: vmap(var) for var in _used_vars(node)}
    table: dict[Any, Any] = {
        key: each if isinstance(each, Buffer) else _replacement(key, each)
        for key, each in answers.items()
        if each is not None
    }
    if not table:
        return node
    return map_value(node, _BufferSubstitution(table).visit)


def _replacement(key: Any, value: Any) -> PrimExpr:
    """A replacement as an expression; a Python number takes the variable's dtype."""
    if isinstance(value, int | float) and isinstance(key, Var):
        return const(value, key.dtype)
    return as_expr(value)


def _used_vars(node: Any) -> list[Var]:
    nodes = cast("list[Any]", node) if isinstance(node, tuple | list) else [node]
    found: dict[Var, None] = {}
    for root in nodes:
        for each in visitor.pre_order(root):
            if isinstance(each, Var):
                found.setdefault(each)
            elif isinstance(each, Buffer):
                _symbols_of(each, found)
    return list(found)


def _symbols_of(buffer: Buffer, found: dict[Var, None]) -> None:
    for part in (buffer.data, *buffer.shape, *buffer.strides, buffer.elem_offset):
        for each in visitor.pre_order(part):
            if isinstance(each, Var):
                found.setdefault(each)


class _Renewal(StmtExprMutator):
    """Makes each definition a new object: variables, buffers, and the pointers of these."""

    def visit_definition(self, node: Any) -> Any:
        """The new object for a definition."""
        if not node.is_variable:
            return self.visit(node)
        found = self.replaced.get(node)
        if found is None:
            found = self.renewed_buffer(node) if isinstance(node, Buffer) else node.fresh()
            self.replaced[node] = found
        return found

    def renewed_buffer(self, buffer: Buffer) -> Buffer:
        """A new buffer; what its shape uses follows."""
        new = buffer.map(self.visit, self.visit)
        return new if new is not buffer else buffer.replace(name=buffer.name)

    def pointer(self, buffer: Buffer) -> None:
        """The pointer of a buffer that brings its own memory is defined with it."""
        self.replaced.setdefault(buffer.data, buffer.data.fresh())

    def symbols(self, buffer: Buffer) -> None:
        """Free dimensions, strides and offsets are defined with the buffer."""
        for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
            if isinstance(each, Var):
                self.replaced.setdefault(each, each.fresh())

    def visit_block_(self, block: Block) -> Block:
        """A block defines its iteration variables, buffers and views."""
        for buffer in block.alloc_buffers:
            self.pointer(buffer)
        for match in block.match_buffers:
            self.match(match)
        return self.visit_default(block)

    def match(self, match: MatchBufferRegion) -> None:
        """A view's pointer and free parts; what is bound outside stays."""
        self.pointer(match.buffer)
        for each in (*match.buffer.strides, match.buffer.elem_offset):
            if isinstance(each, Var):
                self.replaced.setdefault(each, each.fresh())

    def visit_buffer_realize_(self, realize: BufferRealize) -> Stmt:
        """A buffer that comes into being."""
        self.pointer(realize.buffer)
        return self.visit_default(realize)

    def visit_prim_func_(self, func: PrimFunc) -> PrimFunc:
        """Parameters, and the buffers and dimensions behind them."""
        params = [self.visit_definition(each) for each in func.params]
        for buffer in func.buffer_map.values():
            self.pointer(buffer)
            self.symbols(buffer)
        table = {
            self.replaced[param]: self.visit_definition(buffer)
            for param, buffer in func.buffer_map.items()
        }
        attrs = self.visit(func.attrs)
        return func.replace(
            params=params, buffer_map=table, body=self.visit(func.body), attrs=attrs
        )


def renew_defs(func: F) -> F:
    """A copy of a function (or statement) in which every definition is a new object.

    Needed wherever one function is used twice: variables and buffers belong to one place.
    """
    return _Renewal().visit(func)


def stmt_seq(*args: Any) -> Stmt:
    """The statements (or lists of them) one after another, flat; a single one stays itself."""
    return seq(*args)


def stmt_list(stmt: Stmt) -> list[Stmt]:
    """The statements of a sequence, or the single statement."""
    return list(stmt.seq) if isinstance(stmt, SeqStmt) else [stmt]


def buffers_used(node: Node) -> list[Buffer]:
    """The buffers that a program loads from, stores to or hands over, each once, in order."""
    found: dict[Buffer, None] = {}
    for each in visitor.pre_order(node):
        if isinstance(each, BufferLoad | BufferStore):
            found.setdefault(each.buffer)
        elif isinstance(each, Buffer):
            found.setdefault(each)
    return list(found)
