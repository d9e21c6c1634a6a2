"""Integer division without traps and without undefined behaviour.

In: Div, Mod, FloorDiv, FloorMod of integers. Out: instructions that raise an error on a zero
divisor (unless the divisor is known not to be zero) and wrap on the one overflow there is, the
least value divided by -1. What is known of the operands' ranges chooses the cheapest form.
"""

from __future__ import annotations

from typing import Any

from pellucid.codegen.llvm.emit_state import State
from pellucid.codegen.llvm.types import lanes
from pellucid.codegen.llvm.value import Value
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Broadcast, IntImm, Var
from pellucid.runtime import abi
from pellucid.tir.transform.index_ranges import Interval


class IntegerDivision(State):
    """The part of the expression emitter that divides integers."""

    def expr(self, expr: PrimExpr) -> Value:
        """The value of an expression; see `emit_expr`."""
        raise NotImplementedError

    def index(self, expr: PrimExpr) -> Value:
        """A scalar integer expression as an i64; see `emit_expr`."""
        raise NotImplementedError

    def division(self, expr: Any, *, floor: bool, remainder: bool) -> Value:
        """The quotient or remainder, floored or truncated, of `expr.a` and `expr.b`."""
        dtype: DataType = expr.dtype
        if dtype.is_float:
            return self.float_division(expr, floor=floor, remainder=remainder)
        a_range, b_range = self.ranges.interval(expr.a), self.ranges.interval(expr.b)
        a, b = self.expr(expr.a), self.expr(expr.b)
        if a.constant is not None and b.constant:
            return self.folded(a, b, dtype, floor=floor, remainder=remainder)
        if self.may_be_zero(expr.b, b, b_range):
            self.check_divisor(b)
        if not dtype.is_int or (a_range[0] >= 0 and b_range[0] >= 0):
            return self.f.binary("urem" if remainder else "udiv", a, b)
        constant = _constant(expr.b)
        if floor and constant is not None and constant > 0 and constant & (constant - 1) == 0:
            if remainder:
                return self.f.land(a, self.f.iconst(a.type, constant - 1))
            return self.f.binary("ashr", a, self.f.iconst(a.type, constant.bit_length() - 1))
        quotient, rest = self.truncated(a, b, a_range, b_range, dtype)
        if floor:
            quotient, rest = self.floored(a, b, quotient, rest)
        return rest if remainder else quotient

    def folded(self, a: Value, b: Value, dtype: DataType, *, floor: bool, remainder: bool) -> Value:
        """The division of two constants, as they come from unrolled loops."""
        x, y = a.constant or 0, b.constant or 1
        if not dtype.is_int:
            mask = (1 << dtype.bits) - 1
            x, y = x & mask, y & mask
        quotient = x // y
        if not floor and quotient < 0 and quotient * y != x:
            quotient += 1
        return self.f.iconst(a.type, x - quotient * y if remainder else quotient)

    def may_be_zero(self, expr: PrimExpr, value: Value, interval: Interval) -> bool:
        """Whether the divisor might be zero here."""
        if interval[0] > 0 or interval[1] < 0 or value.constant:
            return False
        inner = expr.value if isinstance(expr, Broadcast) else expr
        atoms = (
            [atom for atom, _ in self.ranges.linear(inner).terms] if inner.dtype.lanes == 1 else []
        )
        single = self.ranges.linear(inner).constant == 0 if atoms else False
        return not (single and len(atoms) == 1 and self.is_nonzero(atoms[0]))

    def is_nonzero(self, expr: PrimExpr) -> bool:
        """Whether an expression is known not to be zero here, from the loops around."""
        if expr in self.nonzero:
            return True
        parts = [getattr(expr, "a", None), getattr(expr, "b", None)]
        product = type(expr).__name__ == "Mul"
        return product and all(
            isinstance(part, Var | IntImm) and (part in self.nonzero or _constant(part))
            for part in parts
        )

    def check_divisor(self, b: Value) -> None:
        """Raise an error where the divisor (or a lane of it) is zero."""
        zero = self.f.icmp("eq", b, 0)
        if lanes(b.type) > 1:
            zero = self.f.reduce("or", zero)
        message = f"{self.shared.name}: an integer is divided by zero"
        self.fail_unless(self.f.lnot(zero), abi.RUN_ERROR, message)

    def truncated(
        self, a: Value, b: Value, a_range: Interval, b_range: Interval, dtype: DataType
    ) -> tuple[Value, Value]:
        """Quotient and remainder, rounded towards zero."""
        f = self.f
        overflow = b_range[0] <= -1 <= b_range[1] and a_range[0] == dtype.range()[0]
        if not overflow:
            return f.binary("sdiv", a, b), f.binary("srem", a, b)
        minus = f.icmp("eq", b, -1)
        safe = f.select(minus, f.iconst(b.type, 1), b)
        zero = f.iconst(a.type, 0)
        quotient = f.select(minus, f.binary("sub", zero, a), f.binary("sdiv", a, safe))
        return quotient, f.select(minus, zero, f.binary("srem", a, safe))

    def floored(self, a: Value, b: Value, quotient: Value, rest: Value) -> tuple[Value, Value]:
        """From truncated to floored: one less where the remainder has the divisor's other sign."""
        f = self.f
        del a
        other_sign = f.icmp("slt", f.lxor(rest, b), 0)
        adjust = f.land(f.icmp("ne", rest, 0), other_sign)
        down = f.binary("sub", quotient, f.cast("zext", adjust, quotient.type))
        return down, f.binary("add", rest, f.select(adjust, b, f.iconst(b.type, 0)))

    def float_division(self, expr: Any, *, floor: bool, remainder: bool) -> Value:
        """FloorDiv and FloorMod of floats, and the truncated remainder; see `emit_call`."""
        raise NotImplementedError


def _constant(expr: Any) -> int | None:
    if isinstance(expr, Broadcast):
        return _constant(expr.value)
    return expr.value if isinstance(expr, IntImm) else None
