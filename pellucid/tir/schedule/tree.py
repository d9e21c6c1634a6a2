"""The tree of loops and blocks of a function, for walking up and down.

In: a function. Out: a `Spot` for each loop and each block realize, with parent and children. Loops
are found by their variable, blocks by their token. The tree is made anew for each version of a
function and never changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pellucid.ir.scalar import Range, Var
from pellucid.ir.visitor import Mutator
from pellucid.support.errors import InternalError
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.rv import BlockToken
from pellucid.tir.stmt import For, Stmt


class Spot:
    """A loop or a block realize in its place."""

    __slots__ = ("children", "node", "parent")

    def __init__(self, node: For | BlockRealize, parent: Spot | None) -> None:
        self.node = node
        self.parent = parent
        self.children: list[Spot] = []

    @property
    def is_loop(self) -> bool:
        """Whether this is a loop."""
        return isinstance(self.node, For)

    @property
    def loop(self) -> For:
        """The loop."""
        if not isinstance(self.node, For):
            raise InternalError("A block was taken for a loop.")
        return self.node

    @property
    def realize(self) -> BlockRealize:
        """The block realize."""
        if not isinstance(self.node, BlockRealize):
            raise InternalError("A loop was taken for a block.")
        return self.node

    @property
    def block(self) -> Block:
        """The block."""
        return self.realize.block

    @property
    def name(self) -> str:
        """The name of the block or of the loop's variable."""
        return self.loop.loop_var.name if self.is_loop else self.block.name_hint

    def above(self) -> Iterator[Spot]:
        """The loops and blocks around this one, the closest first."""
        current = self.parent
        while current is not None:
            yield current
            current = current.parent

    def scope(self) -> Spot | None:
        """The closest block around this one; None for a root block."""
        return next((each for each in self.above() if not each.is_loop), None)

    def loops(self) -> list[Spot]:
        """The loops around this one within its scope, from the outside in."""
        found: list[Spot] = []
        for each in self.above():
            if not each.is_loop:
                break
            found.append(each)
        return found[::-1]

    def loops_from(self, top: Spot) -> list[Spot]:
        """The loops around this one from `top` (included) inwards."""
        found = self.loops()
        return found[found.index(top) :] if top in found else found

    def is_below(self, other: Spot) -> bool:
        """Whether `other` is around this one."""
        return any(each is other for each in self.above())

    def blocks(self) -> list[Spot]:
        """The blocks below that are reached through loops alone, in order."""
        found: list[Spot] = []
        for each in self.children:
            if each.is_loop:
                found.extend(each.blocks())
            else:
                found.append(each)
        return found

    def everything(self) -> Iterator[Spot]:
        """This and all loops and blocks below, parents first."""
        yield self
        for each in self.children:
            yield from each.everything()

    def depth(self) -> int:
        """How many loops and blocks are around this one."""
        return sum(1 for _ in self.above())


class Tree:
    """All loops and blocks of one version of a function."""

    def __init__(self, func: PrimFunc) -> None:
        self.func = func
        self.tops: list[Spot] = []
        self.loops: dict[Var, Spot] = {}
        self.blocks: dict[BlockToken, Spot] = {}
        self._add(func.body, None)

    def _add(self, stmt: Stmt, parent: Spot | None) -> None:
        below = parent
        if isinstance(stmt, For | BlockRealize):
            below = Spot(stmt, parent)
            (self.tops if parent is None else parent.children).append(below)
            if isinstance(stmt, For):
                self.loops[stmt.loop_var] = below
            else:
                self.blocks[stmt.block.token] = below
        for each in inner_statements(stmt):
            self._add(each, below)

    def everything(self) -> Iterator[Spot]:
        """All loops and blocks, parents first."""
        for each in self.tops:
            yield from each.everything()

    def spot(self, node: Any) -> Spot:
        """The spot of a loop or block realize of this very tree."""
        if isinstance(node, For):
            return self.loops[node.loop_var]
        return self.blocks[node.block.token]


def inner_statements(stmt: Stmt) -> list[Stmt]:
    """The statements directly inside a statement; a block's init is not among them."""
    if isinstance(stmt, BlockRealize):
        return [stmt.block.body]
    if isinstance(stmt, For):
        return [stmt.body]
    found: list[Stmt] = []

    def note(child: Any) -> None:
        if isinstance(child, Stmt):
            found.append(child)

    stmt.walk(note, note)
    return found


def domain_of(loop: For) -> Range:
    """What a loop's variable ranges over."""
    return Range(min=loop.min, extent=loop.extent)


class _Tokens(Mutator):
    """Gives each block a token of its own."""

    def __init__(self, renew: bool) -> None:
        super().__init__()
        self.renew = renew
        self.seen: set[BlockToken] = set()

    def visit(self, node: Any) -> Any:
        """Only statements are visited."""
        return super().visit(node) if isinstance(node, Stmt) else node

    def visit_block_(self, block: Block) -> Block:
        """A block; one that is a copy of another gets a new token."""
        token = block.token
        if self.renew or not isinstance(token, BlockToken) or token in self.seen:
            token = BlockToken()
        self.seen.add(token)
        body = self.visit(block.body)
        init = None if block.init is None else self.visit(block.init)
        if token is block.token and body is block.body and init is block.init:
            return block
        return block.replace(token=token, body=body, init=init)


def with_tokens(func: PrimFunc, *, renew: bool = False) -> PrimFunc:
    """The function with a token on each block; all of them new with `renew`."""
    return func.with_body(_Tokens(renew).visit(func.body))
