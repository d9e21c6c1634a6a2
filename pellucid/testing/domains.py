"""The iteration domain of each block of a function, for comparing two versions of it.

In: a function. Out: for each block without blocks inside (a *leaf*) the loops and conditions around
it and the values that its iteration variables are bound to, in terms of loops and symbolic sizes
alone, with those of the blocks around it: together they say which *instance* of the block an
iteration runs. What is not made of loops, conditions and blocks is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pellucid.ir.arithmetic import logical_not
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute
from pellucid.tir.analysis import undefined_vars
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.core import IS_SCHEDULED
from pellucid.tir.stmt import Evaluate, For, IfThenElse, SeqStmt, Stmt


class UnprovedError(Exception):
    """The domains cannot be compared, or are not the same; the text says why."""


@dataclass
class Leaf:
    """A block without blocks inside, in its place.

    `order` is where it stands: positions in sequences and loops, from the outside in. `values` are
    what the variables `iters` are bound to, those of the blocks around it first.
    """

    token: Any
    block: Block
    loops: list[For]
    conditions: list[PrimExpr]
    iters: list[IterVar]
    values: list[PrimExpr]
    order: list[int | For] = field(default_factory=list["int | For"])


@dataclass
class Domains:
    """The leaves of a function by token, in order, and which blocks allocate which buffers."""

    func: PrimFunc
    leaves: dict[Any, Leaf] = field(default_factory=dict[Any, Leaf])
    allocated: dict[Any, list[Buffer]] = field(default_factory=dict[Any, list[Buffer]])


def domains_of(func: PrimFunc) -> Domains:
    """The domains of a function; raises `UnprovedError` for what is no nest of loops and blocks."""
    found = Domains(func)
    _Reader(found).read(func.body, _Around())
    return found


@dataclass(frozen=True)
class _Around:
    """What is around a statement."""

    loops: tuple[For, ...] = ()
    conditions: tuple[PrimExpr, ...] = ()
    iters: tuple[IterVar, ...] = ()
    values: tuple[PrimExpr, ...] = ()
    order: tuple[int | For, ...] = ()


class _Reader:
    """Walks down a function."""

    def __init__(self, domains: Domains) -> None:
        self.domains = domains

    def read(self, stmt: Stmt, around: _Around) -> None:
        """Note the leaves in a statement."""
        known: dict[Var, PrimExpr] = {
            i.var: v for i, v in zip(around.iters, around.values, strict=True)
        }
        if isinstance(stmt, For):
            loop = stmt.replace(
                min=substitute(stmt.min, known), extent=substitute(stmt.extent, known)
            )
            inner = _with(around, loops=(*around.loops, loop), order=(*around.order, loop))
            self.read(stmt.body, inner)
        elif isinstance(stmt, SeqStmt):
            for position, each in enumerate(stmt.seq):
                self.read(each, _with(around, order=(*around.order, position)))
        elif isinstance(stmt, IfThenElse):
            condition = substitute(stmt.condition, known)
            for position, each in enumerate((stmt.then_case, stmt.else_case)):
                if each is not None:
                    holds = logical_not(condition) if position else condition
                    order = (*around.order, position)
                    conditions = (*around.conditions, holds)
                    self.read(each, _with(around, conditions=conditions, order=order))
        elif isinstance(stmt, BlockRealize):
            self.block(stmt, around, known)
        elif not isinstance(stmt, Evaluate) or any(
            not e.is_variable for e in pre_order(stmt.value)
        ):
            raise UnprovedError(f"a {type(stmt).__name__} stands outside of all blocks")

    def block(self, realize: BlockRealize, around: _Around, known: dict[Var, PrimExpr]) -> None:
        """Note a block: a leaf, or one with blocks inside."""
        block = realize.block
        values = tuple([substitute(each, known) for each in realize.iter_values])
        predicate = substitute(realize.predicate, known)
        inner = _with(
            around,
            conditions=(*around.conditions, predicate),
            iters=(*around.iters, *block.iter_vars),
            values=(*around.values, *values),
        )
        if block.match_buffers:
            raise UnprovedError(f"the block {block.name_hint!r} matches buffers")
        self.domains.allocated[block.token] = list(block.alloc_buffers)
        if block.alloc_buffers and around.loops:
            raise UnprovedError(f"the block {block.name_hint!r} allocates inside of loops")
        if any(isinstance(each, Block) for each in pre_order(block.body)):
            if block.init is not None:
                raise UnprovedError(f"the block {block.name_hint!r} has an init and blocks inside")
            self.read(block.body, inner)
            return
        leaf = Leaf(
            block.token,
            block,
            list(inner.loops),
            list(inner.conditions),
            list(inner.iters),
            list(inner.values),
            list(inner.order),
        )
        if block.token in self.domains.leaves:
            raise UnprovedError(f"the block {block.name_hint!r} stands in two places")
        self.domains.leaves[block.token] = leaf


def _with(around: _Around, **parts: Any) -> _Around:
    """The surroundings with some parts changed."""
    values = {name: getattr(around, name) for name in around.__dataclass_fields__}
    return _Around(**{**values, **parts})


def require_same_blocks(before: Domains, after: Domains) -> None:
    """Refuse unless both have the same blocks with the same bodies, and the same buffers."""
    old, new = before.func, after.func
    if list(old.params) != list(new.params) or dict(old.buffer_map) != dict(new.buffer_map):
        raise UnprovedError("the parameters are others")
    bare = [each.without_attr(IS_SCHEDULED).with_body(Evaluate(0)) for each in (old, new)]
    if not structural_equal(bare[0], bare[1]):
        raise UnprovedError("the attributes of the function are others")
    if set(before.leaves) != set(after.leaves):
        raise UnprovedError("there are other blocks")
    empty: list[Buffer] = []
    for token in {*before.allocated, *after.allocated}:
        mine, other = before.allocated.get(token, empty), after.allocated.get(token, empty)
        if list(map(id, mine)) != list(map(id, other)):
            raise UnprovedError("buffers are allocated elsewhere, or are others")
    for token, leaf in before.leaves.items():
        _require_same_block(leaf, after.leaves[token], before)


def _require_same_block(old: Leaf, new: Leaf, before: Domains) -> None:
    name = old.block.name_hint
    if [each.var for each in old.iters] != [each.var for each in new.iters]:
        raise UnprovedError(f"the block {name!r} has other iteration variables")
    if old.block is not new.block:
        plain = [each.block.replace(annotations={}, reads=(), writes=()) for each in (old, new)]
        if not structural_equal(plain[0], plain[1]):
            raise UnprovedError(f"the body of the block {name!r} is another")
    outside = {each.var for each in old.iters}
    func = before.func
    outside |= set(func.params) - set(func.buffer_map)
    for buffer in func.buffer_map.values():
        for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
            outside |= {v for v in pre_order(each) if isinstance(v, Var)}
    known = {buffer.data for buffer in func.buffer_map.values()}
    known |= {buffer.data for several in before.allocated.values() for buffer in several}
    free = [v for v in undefined_vars(old.block, list(outside | known)) if isinstance(v, Var)]
    if free:
        raise UnprovedError(f"the block {name!r} uses the variable {free[0].name!r} of outside")
