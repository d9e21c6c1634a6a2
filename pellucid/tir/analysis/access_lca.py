"""Where a buffer is needed: the innermost loop or block around all of its accesses.

In: a function. Out: for each buffer that it accesses, a `For` or `Block`, or None for the function
itself. A buffer that a reduction accumulates is needed around all loops of that reduction.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import IterVar, Var
from pellucid.ir.visitor import Visitor, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For

Scope = For | Block


class _Detector(Visitor):
    """Keeps the path of loops and blocks, and for each buffer the path that all accesses share."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[Scope] = []
        self.common: dict[Buffer, list[Scope]] = {}
        self.pointers: dict[Var, Buffer] = {}
        self.views: dict[Buffer, Buffer] = {}
        # For each block on the path, how long the path was above the loops of its reductions.
        self.reduced: list[int | None] = []

    def access(self, buffer: Buffer, depth: int | None = None) -> None:
        """Note an access on the present path, or on its first `depth` scopes."""
        path = self.path if depth is None else self.path[:depth]
        while True:
            known = self.common.get(buffer)
            if known is None:
                self.common[buffer] = list(path)
            else:
                same = [a for a, b in zip(known, path, strict=False) if a is b]
                self.common[buffer] = same
            if buffer not in self.views:
                return
            buffer = self.views[buffer]

    def visit_prim_func_(self, func: PrimFunc) -> None:
        """The function; its parameters are needed by the function itself."""
        for buffer in func.buffer_map.values():
            self.pointers[buffer.data] = buffer
            self.common[buffer] = []
        self.visit(func.body)

    def visit_for_(self, loop: For) -> None:
        """A loop."""
        self.visit(loop.min)
        self.visit(loop.extent)
        self.path.append(loop)
        self.visit(loop.body)
        self.path.pop()

    def visit_block_realize_(self, realize: BlockRealize) -> None:
        """Bindings, then the block."""
        for each in (*realize.iter_values, realize.predicate):
            self.visit(each)
        block = realize.block
        self.reduced.append(self.above_reduction(realize))
        self.path.append(block)
        for buffer in block.alloc_buffers:
            self.pointers[buffer.data] = buffer
        for match in block.match_buffers:
            self.views[match.buffer] = match.source.buffer
            self.access(match.source.buffer)
        if block.init is not None:
            self.visit(block.init)
        self.visit(block.body)
        self.path.pop()
        self.reduced.pop()

    def above_reduction(self, realize: BlockRealize) -> int | None:
        """How many scopes of the path stand above the first loop that feeds a reduction."""
        values = [
            value
            for iter_var, value in zip(realize.block.iter_vars, realize.iter_values, strict=True)
            if iter_var.iter_type != IterVar.DataPar
        ]
        for depth, scope in enumerate(self.path):
            if isinstance(scope, For) and any(_uses(value, scope.loop_var) for value in values):
                return depth
        return None

    def visit_buffer_load_(self, load: BufferLoad) -> None:
        """A load."""
        self.access(load.buffer)
        self.visit_default(load)

    def visit_buffer_store_(self, store: BufferStore) -> None:
        """A store; what a reduction accumulates outlives its loops."""
        depth = self.reduced[-1] if self.reduced else None
        self.access(store.buffer, depth)
        self.visit_default(store)

    def visit_buffer_(self, buffer: Buffer) -> None:
        """A buffer that is handed over."""
        self.access(buffer)

    def visit_var_(self, var: Var) -> None:
        """The pointer of a buffer."""
        if var in self.pointers:
            self.access(self.pointers[var])


def _uses(expr: Any, var: Var) -> bool:
    return uses_var(expr, {var}.__contains__)


def detect_buffer_access_lca(func: PrimFunc) -> dict[Buffer, Scope | None]:
    """For each accessed buffer the innermost `For` or `Block` around all accesses, or None."""
    detector = _Detector()
    detector.visit(func)
    return {buffer: (path[-1] if path else None) for buffer, path in detector.common.items()}
