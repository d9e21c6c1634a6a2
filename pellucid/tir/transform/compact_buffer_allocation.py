"""CompactBufferAllocation: a buffer becomes as small as what is used of it.

    for i in range(64):                          for i in range(64):
        with T.block(""):                            with T.block(""):
            t = T.alloc_buffer((64, 64))     →           t = T.alloc_buffer((1, 64))
            for j in range(64):                          for j in range(64):
                t[i, j] = …                                  t[0, j] = …

Before: opaque blocks without match buffers, allocations where they belong. After: each dimension of
an allocated buffer has the extent of the indices that occur within the block, counted from the
least one; where that is not known to be a constant, the dimension stays as it is. Buffers with
strides, and those whose pointer is handed on, stay as they are.
"""

from __future__ import annotations

from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import add, const, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import Visitor, pre_order
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For
from pellucid.tir.transform.alloc_accesses import Axis, Use, Uses, axis_of, same_terms
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder
from pellucid.tir.transform.index_ranges import Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.vectorize_loop import function_ranges

Window = tuple[PrimExpr, PrimExpr]
"""Least index and extent of one dimension."""


class _Shrink(Visitor):
    """Finds the window of each dimension of each allocated buffer."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        self.windows: dict[Buffer, list[Window]] = {}

    def visit_block_(self, node: Any) -> None:
        """A block that allocates."""
        candidates = [each for each in node.alloc_buffers if not each.strides]
        if candidates:
            uses = Uses({each.data for each in candidates}, self.ranges)
            uses.visit(node.body)
            inside = {each.loop_var for each in pre_order(node.body) if isinstance(each, For)}
            defined = _defined(node)
            for buffer in candidates:
                self.shrink(buffer, uses.found[buffer.data], inside | defined)
        self.visit_default(node)

    def visit_for_(self, node: Any) -> None:
        """A loop around."""
        bind_loop(self.ranges, node)
        self.visit_default(node)

    def shrink(self, buffer: Buffer, uses: list[Use], inside: set[Var]) -> None:
        """The windows of one buffer, if any dimension becomes smaller."""
        if not uses or any(use.indices is None or use.buffer is not buffer for use in uses):
            return
        free = {
            v
            for use in uses
            for index in use.indices or ()
            for v in pre_order(index)
            if isinstance(v, Var)
        }
        windows: list[Window] = []
        smaller = False
        for number, extent in enumerate(buffer.shape):
            axes = [
                axis_of((use.indices or ())[number], free - inside, self.ranges) for use in uses
            ]
            window = self.window(axes, extent)
            windows.append(window or (const(0, extent.dtype), extent))
            smaller = smaller or window is not None
        if smaller:
            self.windows[buffer] = windows

    def window(self, axes: list[Axis], extent: PrimExpr) -> Window | None:
        """The window of one dimension; None when it is the whole of it."""
        first = axes[0]
        if any(not same_terms(axis.fixed, first.fixed) for axis in axes[1:]):
            return None
        low, high = min(axis.low for axis in axes), max(axis.high for axis in axes)
        if not first.fixed:
            low = max(low, 0)
            if isinstance(extent, IntImm):
                high = min(high, extent.value - 1)
        count = max(high - low + 1, 1)
        whole = extent.value if isinstance(extent, IntImm) else _UNBOUNDED
        if count >= whole:
            return None
        base: PrimExpr = const(low, extent.dtype)
        for atom, factor in first.fixed:
            base = add(base, mul(atom, const(factor, atom.dtype)))
        return base, const(count, extent.dtype)


_UNBOUNDED = 1 << 16
"""What an extent that is not constant counts as: a constant window of fewer elements is smaller.

Far below the ends of index types, which are all that is known of a loop over a symbolic size.
"""


def _defined(block: Block) -> set[Var]:
    """Variables that are given values inside a block by other means than loops."""
    return {
        each.var
        for each in pre_order(block.body)
        if type(each).__name__ in ("LetStmt", "Let") and isinstance(each.var, Var)
    }


class _Rewrite(Folder):
    """Replaces buffers by their windows."""

    def __init__(self, windows: dict[Buffer, list[Window]]) -> None:
        super().__init__()
        self.windows = windows
        self.made: dict[Buffer, Buffer] = {}
        self.analyzer = Analyzer()

    def visit_block_(self, node: Any) -> Any:
        """The allocation of smaller buffers."""
        for buffer in node.alloc_buffers:
            windows = self.windows.get(buffer)
            if windows is not None:
                self.made[buffer] = buffer.replace(shape=[extent for _, extent in windows])
        new = self.visit_default(node)
        buffers = [self.made.get(each, each) for each in new.alloc_buffers]
        return new if buffers == list(new.alloc_buffers) else new.replace(alloc_buffers=buffers)

    def moved(self, buffer: Buffer, indices: Any) -> list[PrimExpr]:
        """Indices counted from the start of the windows; what they share with it cancels."""
        return [
            self.analyzer.simplify(sub(index, low))
            for index, (low, _) in zip(indices, self.windows[buffer], strict=True)
        ]

    def visit_buffer_load_(self, node: Any) -> Any:
        """A load."""
        new = self.visit_default(node)
        if node.buffer not in self.made:
            return new
        indices = self.moved(node.buffer, new.indices)
        return BufferLoad(self.made[node.buffer], indices, new.predicate, span=node.span)

    def visit_buffer_store_(self, node: Any) -> Any:
        """A store."""
        new = self.visit_default(node)
        if node.buffer not in self.made:
            return new
        indices = self.moved(node.buffer, new.indices)
        made = self.made[node.buffer]
        return BufferStore(made, new.value, indices, new.predicate, span=node.span)

    def visit_buffer_region_(self, node: Any) -> Any:
        """A region that a block speaks of."""
        new = self.visit_default(node)
        if node.buffer not in self.made:
            return new
        lows = self.moved(node.buffer, [each.min for each in new.region])
        ranges = [
            Range(min=low, extent=each.extent) for low, each in zip(lows, new.region, strict=True)
        ]
        return BufferRegion(self.made[node.buffer], ranges)


def compact_buffer_allocation(func: PrimFunc) -> PrimFunc:
    """The function with smaller allocations."""
    shrink = _Shrink(function_ranges(func))
    shrink.visit(func.body)
    return func.with_body(_Rewrite(shrink.windows).visit(func.body)) if shrink.windows else func


def verify_compact(func: PrimFunc) -> None:
    """Blocks are opaque still."""
    forbid(
        func,
        "CompactBufferAllocation",
        "block with iteration variables",
        lambda node: isinstance(node, Block) and bool(node.iter_vars),
    )


def CompactBufferAllocation() -> Pass:
    """The pass that makes allocations as small as what is used."""
    return stage("CompactBufferAllocation", compact_buffer_allocation, verify_compact)
