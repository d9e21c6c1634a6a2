"""Rewriting indices of 64 bits with 32: the shared part of NarrowDataType and
ForceNarrowIndexToInt32.

In: a function with loops and blocks over int64. Out: loop variables, block variables, shapes,
indices and the conditions on them in int32. Values of int64 that a program computes with stay.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import cast_to
from pellucid.ir.dtype import INT32, INT64
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Cast,
    CmpOp,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    IterVar,
    Max,
    Min,
    Mod,
    Mul,
    Range,
    Sub,
    Var,
)
from pellucid.tir.block import BlockRealize
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.stmt import BufferStore
from pellucid.tir.transform.folding import Folder, rebuilt_binary
from pellucid.tir.transform.index_ranges import Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop

_ARITHMETIC = (Add, Sub, Mul, FloorDiv, FloorMod, Div, Mod, Min, Max)


class IndexNarrower(Folder):
    """Rewrites one function. With `force` everything that is an index becomes int32; without, what
    is known to fit.
    """

    def __init__(self, ranges: Ranges, *, force: bool) -> None:
        super().__init__()
        self.ranges = ranges
        self.force = force
        self.narrowed: dict[Var, Var] = {}

    # Expressions

    def fits(self, expr: PrimExpr) -> bool:
        """Whether an int64 expression may be computed in 32 bits."""
        if self.force:
            return True
        low, high = self.ranges.interval(expr)
        least, most = INT32.range()
        return not self.ranges.wraps(expr) and least <= low and high <= most

    def index(self, expr: PrimExpr) -> PrimExpr:
        """An index, in int32 where that is possible."""
        narrow = self.narrow(expr)
        return self.visit(expr) if narrow is None else narrow

    def narrow(self, expr: PrimExpr) -> PrimExpr | None:
        """An int64 expression in int32, or None."""
        if expr.dtype == INT32:
            return self.visit(expr)
        if expr.dtype != INT64 or not self.fits(expr):
            return None
        if isinstance(expr, IntImm):
            low, high = INT32.range()
            return IntImm(INT32, expr.value) if low <= expr.value <= high else None
        if isinstance(expr, Var):
            return self.narrowed.get(expr)
        if isinstance(expr, Cast):
            inner = expr.value
            return self.narrow(inner) if inner.dtype in (INT32, INT64) else cast_to(INT32, inner)
        if isinstance(expr, _ARITHMETIC):
            a, b = self.narrow(expr.a), self.narrow(expr.b)
            return None if a is None or b is None else type(expr)(a, b)
        return None

    def visit_binary_op_(self, node: Any) -> Any:
        """Comparisons of indices, and arithmetic."""
        if isinstance(node, CmpOp) and node.a.dtype == INT64:
            a, b = self.narrow(node.a), self.narrow(node.b)
            if a is not None and b is not None:
                return type(node)(a, b)
        return rebuilt_binary(node, self.visit(node.a), self.visit(node.b))

    def visit_cast_(self, node: Any) -> Any:
        """A conversion of an index."""
        narrow = self.narrow(node.value) if node.value.dtype == INT64 else None
        if narrow is not None:
            return cast_to(node.dtype, narrow)
        return super().visit_cast_(node)

    # Definitions

    def redefine(self, var: Var, fits: bool) -> Var:
        """A loop or block variable, in int32 where it fits."""
        if var.dtype != INT64 or not (fits or self.force):
            return var
        found = self.narrowed.get(var)
        if found is None:
            found = type(var)(var.name, INT32)
            self.narrowed[var] = found
            # Where a value of 64 bits is wanted, the new variable is widened.
            self.replaced[var] = Cast(INT64, found)
        return found

    def visit_definition(self, node: Any) -> Any:
        """A buffer's shape, and variables in general."""
        shape = getattr(node, "shape", None)
        if shape is None:
            return super().visit_definition(node)
        if node in self.replaced:
            return self.replaced[node]
        new_shape = tuple([self.index(each) for each in shape])
        new_strides = tuple([self.index(each) for each in node.strides])
        same = all(a is b for a, b in zip(shape, new_shape, strict=True))
        if same and all(a is b for a, b in zip(node.strides, new_strides, strict=True)):
            return node
        new = node.replace(
            shape=new_shape, strides=new_strides, elem_offset=self.index(node.elem_offset)
        )
        self.replaced[node] = new
        return new

    def visit_for_(self, node: Any) -> Any:
        """A loop."""
        bind_loop(self.ranges, node)
        fits = self.fits(node.loop_var) and self.narrow(node.extent) is not None
        var = self.redefine(node.loop_var, fits)
        if var is node.loop_var:
            return self.visit_default(node)
        low, extent = (cast_to(INT32, self.index(each)) for each in (node.min, node.extent))
        return node.replace(loop_var=var, min=low, extent=extent, body=self.visit(node.body))

    def visit_iter_var_(self, node: Any) -> Any:
        """A variable of a block, and its domain."""
        if node.dom is None:
            return node
        low = self.ranges.interval(node.dom.min)[0]
        top = self.ranges.interval(node.dom.min)[1]
        top += max(self.ranges.interval(node.dom.extent)[1], 1) - 1
        self.ranges.bind(node.var, low, top)
        fits = self.fits(node.var) and self.narrow(node.dom.extent) is not None
        var = self.redefine(node.var, fits)
        if var is node.var:
            return node
        low_end, extent = (cast_to(INT32, self.index(e)) for e in (node.dom.min, node.dom.extent))
        dom = Range(min=low_end, extent=extent)
        return IterVar(dom, var, node.iter_type, node.thread_tag, span=node.span)

    def visit_range_(self, node: Any) -> Any:
        """A range of a region."""
        low, extent = self.index(node.min), self.index(node.extent)
        if low is node.min and extent is node.extent:
            return node
        return Range(min=low, extent=extent, span=node.span)

    def visit_block_realize_(self, node: Any) -> Any:
        """A block, bindings in the dtype of its variables."""
        block = self.visit(node.block)
        values = [
            cast_to(each.var.dtype, self.index(value))
            for each, value in zip(block.iter_vars, node.iter_values, strict=True)
        ]
        return BlockRealize(values, self.visit(node.predicate), block, span=node.span)

    # Accesses

    def visit_buffer_load_(self, node: Any) -> Any:
        """The indices of a load."""
        buffer = self.visit(node.buffer)
        predicate = None if node.predicate is None else self.visit(node.predicate)
        indices = [self.index(each) for each in node.indices]
        same = all(a is b for a, b in zip(indices, node.indices, strict=True))
        if same and buffer is node.buffer and predicate is node.predicate:
            return node
        return BufferLoad(buffer, indices, predicate, span=node.span)

    def visit_buffer_store_(self, node: Any) -> Any:
        """The indices of a store."""
        buffer, value = self.visit(node.buffer), self.visit(node.value)
        predicate = None if node.predicate is None else self.visit(node.predicate)
        indices = [self.index(each) for each in node.indices]
        same = all(a is b for a, b in zip(indices, node.indices, strict=True))
        same = same and buffer is node.buffer and value is node.value
        if same and predicate is node.predicate:
            return node
        return BufferStore(buffer, value, indices, predicate, span=node.span)
