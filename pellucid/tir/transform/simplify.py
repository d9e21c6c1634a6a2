"""Simplify: indices, bounds of loops and conditions in their simplest form.

    for f in range(4096):                              for f in range(4096):
        B[f // 64 * 64 + f % 64] = …            →          B[f] = …

Before and after: any stage. Integers that might wrap are left alone: the rules of `arith` hold for
numbers that do not. Of stored floats only the indices and conditions in them are touched.
"""

from __future__ import annotations

from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import logical_not
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import And, Broadcast, IntImm, Or, Ramp, Range, Var
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order
from pellucid.tir.block import BlockRealize
from pellucid.tir.buffer import BufferLoad, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, Evaluate, ForKind, IfThenElse, Stmt
from pellucid.tir.transform.folding import Folder, is_op, keep_loop
from pellucid.tir.transform.index_ranges import MAX_EXTENT, Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.ramps import as_ramp

_LARGE = 1 << 31


class _Simplify(Folder):
    def __init__(self, analyzer: Analyzer, ranges: Ranges) -> None:
        super().__init__()
        self.analyzer = analyzer
        self.ranges = ranges

    # What may be simplified

    def is_safe(self, expr: PrimExpr) -> bool:
        """Whether no step of an integer or bool expression can wrap."""
        for node in pre_order(expr):
            if not isinstance(node, PrimExpr):
                continue
            if not (node.dtype.is_int or node.dtype.is_bool) or node.dtype.lanes > 1:
                return False
            if node.dtype.bits == 64:
                if isinstance(node, IntImm) and abs(node.value) >= _LARGE:
                    return False
            elif node.dtype.is_int and self.ranges.wraps(node):
                return False
        return True

    def simple(self, expr: PrimExpr) -> PrimExpr:
        """An index, a bound or a condition in its simplest form."""
        expr = as_ramp(self.visit(expr))
        if isinstance(expr, IntImm | Var):
            return expr
        if isinstance(expr, Ramp):
            base, stride = self.simple(expr.base), self.simple(expr.stride)
            same = base is expr.base and stride is expr.stride
            return expr if same else expr.replace(base=base, stride=stride)
        if isinstance(expr, Broadcast):
            value = self.simple(expr.value)
            return expr if value is expr.value else expr.replace(value=value)
        if self.is_safe(expr):
            return self.analyzer.simplify(expr)
        if isinstance(expr, And | Or):
            a, b = self.simple(expr.a), self.simple(expr.b)
            return expr if a is expr.a and b is expr.b else type(expr)(a, b)
        return expr

    # Where it happens

    def visit_for_(self, node: Any) -> Any:
        """A loop: its variable is in its range inside."""
        low, extent = self.simple(node.min), self.simple(node.extent)
        bind_loop(self.ranges, node)
        if isinstance(extent, IntImm) and extent.value <= 0:
            return Evaluate(0)
        one = isinstance(extent, IntImm) and extent.value == 1
        if one and node.kind != ForKind.THREAD_BINDING and low.dtype == node.loop_var.dtype:
            self.replaced[node.loop_var] = low
            return self.visit(node.body)
        self.analyzer.bind(node.loop_var, Range(min=low, extent=extent), allow_override=True)
        body = self.visit(node.body)
        self.analyzer.unbind(node.loop_var)
        return keep_loop(node, min=low, extent=extent, body=body)

    def visit_if_then_else_(self, node: Any) -> Any:
        """A choice: what holds inside is known there."""
        condition = self.simple(node.condition)
        if isinstance(condition, IntImm):
            chosen = node.then_case if condition.value else node.else_case
            return Evaluate(0) if chosen is None else self.visit(chosen)
        then_case = self.within(condition, node.then_case)
        else_case = node.else_case
        if else_case is not None:
            else_case = self.within(logical_not(condition), else_case)
        same = condition is node.condition and then_case is node.then_case
        if same and else_case is node.else_case:
            return node
        return IfThenElse(condition, then_case, else_case, span=node.span)

    def within(self, condition: PrimExpr, node: Any) -> Any:
        """A statement or expression where a condition holds."""
        if not self.is_safe(condition):
            return self.visit(node)
        with self.analyzer.constraint_scope(condition):
            return self.visit(node)

    def visit_call_(self, node: Any) -> Any:
        """`if_then_else`, as the statement."""
        if not is_op(node, "tir.if_then_else"):
            return super().visit_call_(node)
        condition = self.simple(node.args[0])
        if isinstance(condition, IntImm):
            return self.visit(node.args[1] if condition.value else node.args[2])
        a = self.within(condition, node.args[1])
        b = self.within(logical_not(condition), node.args[2])
        if condition is node.args[0] and a is node.args[1] and b is node.args[2]:
            return node
        return node.replace(args=(condition, a, b))

    def visit_select_(self, node: Any) -> Any:
        """A choice between two values."""
        condition = self.simple(node.condition)
        a, b = self.visit(node.true_value), self.visit(node.false_value)
        if isinstance(condition, IntImm):
            return a if condition.value else b
        if condition is node.condition and a is node.true_value and b is node.false_value:
            return node
        return node.replace(condition=condition, true_value=a, false_value=b)

    def visit_buffer_load_(self, node: Any) -> Any:
        """The indices of a load."""
        buffer, indices = self.visit(node.buffer), self.simple_all(node.indices)
        predicate = None if node.predicate is None else self.visit(node.predicate)
        if buffer is node.buffer and indices is node.indices and predicate is node.predicate:
            return node
        return BufferLoad(buffer, indices, predicate, span=node.span)

    def visit_buffer_store_(self, node: Any) -> Any:
        """The indices of a store."""
        buffer, indices = self.visit(node.buffer), self.simple_all(node.indices)
        value = self.simple(node.value)
        predicate = None if node.predicate is None else self.visit(node.predicate)
        same = buffer is node.buffer and indices is node.indices and value is node.value
        if same and predicate is node.predicate:
            return node
        return BufferStore(buffer, value, indices, predicate, span=node.span)

    def visit_buffer_region_(self, node: Any) -> Any:
        """What a block says that it reads or writes."""
        buffer = self.visit(node.buffer)
        region = tuple(
            [
                each if low is each.min and extent is each.extent else Range(min=low, extent=extent)
                for each in node.region
                for low, extent in [(self.simple(each.min), self.simple(each.extent))]
            ]
        )
        if buffer is node.buffer and all(a is b for a, b in zip(region, node.region, strict=True)):
            return node
        return BufferRegion(buffer, region, span=node.span)

    def simple_all(self, indices: tuple[PrimExpr, ...]) -> tuple[PrimExpr, ...]:
        """Several indices; the same tuple when none changes."""
        new = tuple([self.simple(each) for each in indices])
        return indices if all(a is b for a, b in zip(new, indices, strict=True)) else new

    def visit_block_realize_(self, node: Any) -> Any:
        """A block: bindings and predicate are simplified, its inside is left for after lowering."""
        predicate = self.simple(node.predicate)
        values = self.simple_all(node.iter_values)
        block = self.visit(node.block)
        if predicate is node.predicate and values is node.iter_values and block is node.block:
            return node
        return BlockRealize(values, predicate, block, span=node.span)

    def visit_block_(self, node: Any) -> Any:
        """The variables of a block have their domains."""
        for each in node.iter_vars:
            if each.dom is not None:
                low = self.ranges.interval(each.dom.min)[0]
                high = self.ranges.interval(each.dom.min)[1]
                high += max(self.ranges.interval(each.dom.extent)[1], 1) - 1
                self.ranges.bind(each.var, low, high)
                self.analyzer.bind(each.var, each.dom, allow_override=True)
        return self.visit_default(node)


def simplify_statement(statement: Stmt, analyzer: Analyzer, ranges: Ranges) -> Stmt:
    """A statement simplified with what is known."""
    return _Simplify(analyzer, ranges).visit(statement)


def known_of(func: PrimFunc) -> tuple[Analyzer, Ranges]:
    """What is known at the head of a function: symbolic dimensions are not negative."""
    analyzer, ranges = Analyzer(), Ranges()
    for buffer in func.buffers:
        for extent in buffer.shape:
            if isinstance(extent, Var):
                ranges.bind(extent, 0, MAX_EXTENT)
                analyzer.mark_global_non_neg_value(extent)
    return analyzer, ranges


def simplify(func: PrimFunc) -> PrimFunc:
    """The function with simple indices, bounds and conditions."""
    analyzer, ranges = known_of(func)
    return func.with_body(_Simplify(analyzer, ranges).visit(func.body))


def Simplify() -> Pass:
    """The pass that simplifies indices, bounds and conditions."""
    return stage("Simplify", simplify)
