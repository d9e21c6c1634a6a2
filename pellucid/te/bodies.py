"""Bodies of operations in terms of buffers: elements become loads, axes become block variables.

A block variable may have a wider dtype than the axis it stands for (the index dtype asked for, or
that of a symbolic extent); what is computed from it is widened with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.ir import arithmetic as ar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import BinaryOp, Call, Cast, IntImm, Let, Select, Var
from pellucid.ir.visitor import Mutator
from pellucid.te.tensor import ProducerLoad
from pellucid.tir.buffer import Buffer, BufferLoad

_WIDENED = {
    "tir.bitwise_and": ar.bitwise_and,
    "tir.bitwise_or": ar.bitwise_or,
    "tir.bitwise_xor": ar.bitwise_xor,
    "tir.bitwise_not": ar.bitwise_not,
    "tir.shift_left": ar.shift_left,
    "tir.shift_right": ar.shift_right,
    "tir.if_then_else": ar.if_then_else,
}


def _constant_of(index: PrimExpr, extent: PrimExpr) -> PrimExpr:
    """A constant index in the dtype of the extent; any other index as it is."""
    if isinstance(index, IntImm) and index.dtype != extent.dtype:
        return IntImm(extent.dtype, index.value)
    return index


class Bodies(Mutator):
    """Rewrites a body: `variables` maps axes to block variables, `buffers` tensors to buffers."""

    def __init__(
        self, variables: Mapping[Var, PrimExpr], buffers: Mapping[tuple[int, int], Buffer]
    ) -> None:
        super().__init__()
        self.replaced.update(variables.items())
        self.buffers = buffers

    def visit_producer_load_(self, load: ProducerLoad) -> PrimExpr:
        """A load from the tensor's buffer."""
        buffer = self.buffers[load.producer.key]
        indices = [
            _constant_of(self.visit(index), extent)
            for index, extent in zip(load.indices, buffer.shape, strict=True)
        ]
        return BufferLoad(buffer, indices)

    def visit_binary_op_(self, node: BinaryOp) -> PrimExpr:
        """The operation on the new operands, promoted where their dtypes have come to differ."""
        a, b = self.visit(node.a), self.visit(node.b)
        if a is node.a and b is node.b:
            return node
        return type(node)(*ar.match_types(a, b))

    def visit_select_(self, node: Select) -> PrimExpr:
        """The choice between the new values, promoted where their dtypes have come to differ."""
        test, a, b = (self.visit(e) for e in (node.condition, node.true_value, node.false_value))
        if test is node.condition and a is node.true_value and b is node.false_value:
            return node
        return Select(test, *ar.match_types(a, b))

    def visit_cast_(self, node: Cast) -> PrimExpr:
        """The cast of the new value, or that value where it has the dtype already."""
        value = self.visit(node.value)
        if value is node.value:
            return node
        return value if value.dtype == node.dtype else Cast(node.dtype, value)

    def visit_call_(self, node: Call) -> PrimExpr:
        """A call whose dtype follows its arguments is built anew; others get arguments of the
        dtypes that they had.
        """
        args = [self.visit(arg) for arg in node.args]
        if all(new is old for new, old in zip(args, node.args, strict=True)):
            return node
        changed = any(
            isinstance(old, PrimExpr) and new.dtype != old.dtype
            for new, old in zip(args, node.args, strict=True)
        )
        if not changed:
            return node.replace(args=tuple(args))
        widened = _WIDENED.get(getattr(node.op, "name", ""))
        if widened is not None:
            return widened(*args)
        kept = [
            ar.cast_to(old.dtype, new) if isinstance(old, PrimExpr) else new
            for new, old in zip(args, node.args, strict=True)
        ]
        return node.replace(args=tuple(kept))

    def visit_let_(self, node: Let) -> PrimExpr:
        """The variable keeps its dtype."""
        value, body = self.visit(node.value), self.visit(node.body)
        if value is node.value and body is node.body:
            return node
        return Let(node.var, ar.cast_to(node.var.dtype, value), body)


__all__ = ["Bodies"]
