"""Rebuilding statements: replacing, removing and inserting by path copying.

Every function here gives a new statement and leaves the old one alone; parts that do not change are
the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.ir.arithmetic import logical_and
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import Mutator, pre_order, substitute
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.functor import StmtExprMutator, flat_sequence
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
    seq,
)

_LEAVES = (BufferStore, Evaluate)


class _Replace(Mutator):
    """Replaces statements by identity; does not look into expressions or replaced parts."""

    def __init__(self, table: Mapping[Any, Any]) -> None:
        super().__init__()
        self.table = table

    def visit(self, node: Any) -> Any:
        """The replacement, or the node rebuilt around replaced parts."""
        if node in self.table:
            return self.table[node]
        if not isinstance(node, Stmt) or isinstance(node, _LEAVES):
            return node
        return super().visit(node)

    def visit_definition(self, node: Any) -> Any:
        """Definitions stay."""
        return node

    def visit_seq_stmt_(self, statements: SeqStmt) -> Stmt:
        """A sequence stays flat."""
        return flat_sequence(self, statements)


def replace(root: Stmt, table: Mapping[Any, Any]) -> Stmt:
    """`root` with statements (or blocks) replaced by identity."""
    return _Replace(table).visit(root)


_WRAPPERS = (For, AttrStmt, LetStmt, Allocate, AllocateConst, DeclBuffer, AssertStmt, While)


class _Remove(Mutator):
    """Removes statements, and what has nothing left inside."""

    def __init__(self, removed: set[Any]) -> None:
        super().__init__()
        self.removed = removed

    def visit(self, node: Any) -> Any:
        """The statement without the removed parts; None when nothing is left."""
        if node in self.removed:
            return None
        if not isinstance(node, Stmt) or isinstance(node, _LEAVES):
            return node
        if isinstance(node, _WRAPPERS):
            body = self.visit(node.body)
            if body is None or body is node.body:
                return None if body is None else node
            return node.replace(body=body)
        return super().visit(node)

    def visit_definition(self, node: Any) -> Any:
        """Definitions stay."""
        return node

    def visit_seq_stmt_(self, statements: SeqStmt) -> Stmt | None:
        """What is left of a sequence."""
        parts = [self.visit(each) for each in statements.seq]
        kept = [each for each in parts if each is not None]
        if all(a is b for a, b in zip(parts, statements.seq, strict=True)):
            return statements
        return seq(*kept) if kept else None

    def visit_if_then_else_(self, branch: IfThenElse) -> Stmt | None:
        """A branch that lost its content."""
        then_case = self.visit(branch.then_case)
        else_case = None if branch.else_case is None else self.visit(branch.else_case)
        if then_case is None and else_case is None:
            return None
        if then_case is branch.then_case and else_case is branch.else_case:
            return branch
        return branch.replace(
            then_case=Evaluate(0) if then_case is None else then_case, else_case=else_case
        )

    def visit_block_(self, block: Block) -> Block:
        """A block stays, also when nothing is left in it."""
        body = self.visit(block.body)
        if body is block.body:
            return block
        return block.replace(body=Evaluate(0) if body is None else body)


def remove(root: Stmt, removed: Sequence[Any]) -> Stmt | None:
    """`root` without the given statements; loops that become empty go too."""
    return _Remove(set(removed)).visit(root)


def statements(body: Stmt) -> list[Stmt]:
    """The statements of a body in order."""
    return list(body.seq) if isinstance(body, SeqStmt) else [body]


def insert(body: Stmt, position: int, new: Stmt) -> Stmt:
    """A body with a statement inserted before the one at `position`."""
    parts = statements(body)
    return seq(*parts[:position], new, *parts[position:])


def with_domains(block: Block, mapping: Mapping[Var, PrimExpr]) -> Block:
    """A block with loop variables replaced in the domains of its iteration variables."""
    new = [
        each if each.dom is None else each.replace(dom=substitute(each.dom, mapping))
        for each in block.iter_vars
    ]
    if all(a.dom is b.dom for a, b in zip(new, block.iter_vars, strict=True)):
        return block
    return block.replace(iter_vars=new)


class _Bindings(StmtExprMutator):
    """Replaces variables where loops, bindings and domains use them; bodies of blocks are not
    entered.
    """

    def __init__(self, mapping: Mapping[Var, PrimExpr]) -> None:
        super().__init__()
        self.mapping = mapping
        self.replaced |= {var: value for var, value in mapping.items()}

    def visit_block_realize_(self, realize: BlockRealize) -> Stmt:
        """The bindings; the content too where the block has no iteration variables."""
        if realize.block.iter_vars:
            values = self.visit_all(realize.iter_values)
            predicate = self.visit(realize.predicate)
            block = with_domains(realize.block, self.mapping)
            same = values is realize.iter_values and predicate is realize.predicate
            if same and block is realize.block:
                return realize
            return realize.replace(iter_values=values, predicate=predicate, block=block)
        return self.visit_default(realize)


def substitute_bindings(body: Stmt, mapping: Mapping[Var, PrimExpr]) -> Stmt:
    """A body with loop variables replaced, where they are used outside of blocks."""
    return _Bindings(mapping).visit(body) if mapping else body


class _Realizes(Mutator):
    """Applies a function to the outermost block realizes."""

    def __init__(
        self,
        function: Callable[[BlockRealize, tuple[For, ...]], Stmt],
        leaf: Callable[[Stmt], Stmt] | None,
    ) -> None:
        super().__init__()
        self.function = function
        self.leaf = leaf
        self.loops: tuple[For, ...] = ()

    def visit(self, node: Any) -> Any:
        """Only statements are visited."""
        if isinstance(node, BlockRealize):
            return self.function(node, self.loops)
        if isinstance(node, _LEAVES):
            return node if self.leaf is None else self.leaf(node)
        return super().visit(node) if isinstance(node, Stmt) else node

    def visit_definition(self, node: Any) -> Any:
        """Definitions stay."""
        return node

    def visit_for_(self, loop: For) -> Stmt:
        """A loop, with which the function sees the realizes below."""
        saved = self.loops
        self.loops = (*saved, loop)
        new = self.visit_default(loop)
        self.loops = saved
        return new

    def visit_seq_stmt_(self, parts: SeqStmt) -> Stmt:
        """A sequence stays flat."""
        return flat_sequence(self, parts)


def map_realizes(
    body: Stmt,
    function: Callable[[BlockRealize, tuple[For, ...]], Stmt],
    leaf: Callable[[Stmt], Stmt] | None = None,
) -> Stmt:
    """A body with each outermost block realize replaced by `function(realize, loops around it)`.

    `leaf` is applied to statements outside of all blocks.
    """
    return _Realizes(function, leaf).visit(body)


def with_condition(body: Stmt, condition: PrimExpr) -> Stmt:
    """A body that runs only where a condition holds: it goes into the predicates of the blocks."""

    def guard(realize: BlockRealize, loops: tuple[For, ...]) -> Stmt:
        del loops
        old = realize.predicate
        if is_true(old):
            return realize.replace(predicate=condition)
        # A condition that loads from memory must not be asked outside of what it was made for.
        loads = any(isinstance(each, BufferLoad) for each in pre_order(old))
        both = (condition, old) if loads else (old, condition)
        return realize.replace(predicate=logical_and(*both))

    return map_realizes(body, guard, lambda stmt: IfThenElse(condition, stmt))


class _Buffers(StmtExprMutator):
    """Replaces buffers wherever they are used."""

    def __init__(self, mapping: Mapping[Buffer, Buffer]) -> None:
        super().__init__()
        self.replaced |= {old: new for old, new in mapping.items()}
        self.replaced |= {old.data: new.data for old, new in mapping.items()}


def replace_buffers(node: Any, mapping: Mapping[Buffer, Buffer]) -> Any:
    """A program with buffers (and their pointers) replaced, where they are used and allocated."""
    return _Buffers(mapping).visit(node)


def nest(loops: Sequence[For], body: Stmt) -> Stmt:
    """A body inside copies of loops, from the outside in."""
    for loop in reversed(loops):
        body = loop.replace(body=body)
    return body
