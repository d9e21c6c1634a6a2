"""Counting: arithmetic operations and bytes of memory of a loop program.

Loops count by their extents, which have to be constants or have constant bounds; of the two cases
of a branch the dearer one counts; a `while` cannot be counted.
"""

from __future__ import annotations

import math
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import BinaryOp, Call, IntImm, Not, Range, Select
from pellucid.ir.visitor import iter_children, pre_order
from pellucid.support.errors import UnsupportedError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Allocate, AllocateConst, BufferStore, For, IfThenElse, While

_FREE_CALLS = {"tir.likely", "tir.if_then_else", "tir.reinterpret"}


class _Counter:
    """Counts operations on numbers; index arithmetic is free."""

    def __init__(self) -> None:
        self.analyzer = Analyzer()

    def count(self, node: Any) -> float:
        """The operations of a statement or expression."""
        if isinstance(node, For):
            return self.loop(node)
        if isinstance(node, While):
            raise UnsupportedError("The iterations of a while loop cannot be counted.")
        if isinstance(node, IfThenElse):
            other = 0.0 if node.else_case is None else self.count(node.else_case)
            return self.count(node.condition) + max(self.count(node.then_case), other)
        if isinstance(node, BufferLoad | Buffer | Range):
            return 0.0
        if isinstance(node, BufferStore):
            return self.count(node.value)
        if isinstance(node, Block):
            # An init runs once for a whole reduction: its share in one instance is small.
            return self.count(node.body)
        own = self.own(node) if isinstance(node, PrimExpr) else 0.0
        return own + sum(self.count(each) for each in iter_children(node) if _counts(each))

    def own(self, expr: PrimExpr) -> float:
        """What the operation itself counts."""
        if isinstance(expr, BinaryOp | Not | Select):
            return float(expr.dtype.lanes)
        if isinstance(expr, Call) and isinstance(expr.op, Op) and expr.op.name not in _FREE_CALLS:
            return float(expr.dtype.lanes)
        return 0.0

    def loop(self, loop: For) -> float:
        """The body, as often as it runs at most."""
        self.analyzer.bind(loop.loop_var, Range(min=loop.min, extent=loop.extent))
        times = self.analyzer.const_int_bound(loop.extent).max_value
        inner = self.count(loop.body)
        if inner and math.isinf(times):
            raise UnsupportedError(
                f"How often the loop over {loop.loop_var.name!r} runs is not known.",
                found=repr(loop.extent),
                cure="specialize the function to constant sizes first",
            )
        return inner * max(times, 0) if inner else 0.0


def _counts(node: Any) -> bool:
    return isinstance(node, Node) and not node.is_variable


def estimate_tir_flops(obj: PrimFunc | IRModule | Node) -> float:
    """How many arithmetic operations on elements a program does; index arithmetic is not counted.

    Reads and writes are free, an init does not count, a fused multiply-add counts as two.
    """
    if isinstance(obj, IRModule):
        return sum(estimate_tir_flops(f) for f in obj.values() if isinstance(f, PrimFunc))
    return _Counter().count(obj.body if isinstance(obj, PrimFunc) else obj)


def _bytes_of(dtype: Any, extents: tuple[PrimExpr, ...]) -> int:
    total = dtype.bytes * dtype.lanes
    for each in extents:
        if not isinstance(each, IntImm):
            raise UnsupportedError(
                "The size of an allocation is symbolic.",
                found=repr(each),
                cure="specialize the function to constant sizes first",
            )
        total *= each.value
    return total


def calculate_workspace_bytes(func: PrimFunc, workspace_byte_alignment: int = 1) -> int:
    """The most bytes that the function's own buffers take at one time, each rounded up."""

    def rounded(size: int) -> int:
        return -(-size // workspace_byte_alignment) * workspace_byte_alignment

    def most(node: Any) -> int:
        own = 0
        if isinstance(node, Allocate):
            own = rounded(_bytes_of(node.dtype, node.extents))
        elif isinstance(node, Block):
            own = sum(rounded(_bytes_of(b.dtype, b.shape)) for b in node.alloc_buffers)
        below = [most(each) for each in iter_children(node) if not each.is_variable]
        return own + max(below, default=0)

    return most(func.body)


def calculate_constant_bytes(func: PrimFunc, constant_byte_alignment: int = 1) -> int:
    """The bytes of the function's constants, each rounded up to the alignment."""
    total = 0
    for each in pre_order(func.body):
        if isinstance(each, AllocateConst):
            size = _bytes_of(each.dtype, each.extents)
            total += -(-size // constant_byte_alignment) * constant_byte_alignment
    return total


def calculate_allocated_bytes(obj: PrimFunc | IRModule) -> dict[str, dict[str, int]]:
    """For each function the bytes that it allocates, by storage scope."""
    if isinstance(obj, PrimFunc):
        return {"main": _allocated(obj)}
    return {
        var.name_hint: _allocated(func) for var, func in obj.items() if isinstance(func, PrimFunc)
    }


def _allocated(func: PrimFunc) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in pre_order(func.body):
        sizes: list[tuple[str, int]] = []
        if isinstance(each, Allocate):
            sizes = [(each.scope(), _bytes_of(each.dtype, each.extents))]
        elif isinstance(each, Block):
            sizes = [(b.scope(), _bytes_of(b.dtype, b.shape)) for b in each.alloc_buffers]
        for scope, size in sizes:
            found[scope] = found.get(scope, 0) + size
    return found
