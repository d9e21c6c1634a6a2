"""Dimensions (`runtime.dims.Dim`) as i64 instructions."""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.codegen.llvm.text import Block, Function
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import dims
from pellucid.runtime.dims import Dim
from pellucid.support.errors import InternalError

_COMPARE = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}


class DimEmitter:
    """Computes dimensions in a function; control goes to `fail` where one divides by zero."""

    def __init__(self, function: Function, symbols: Mapping[str, Value], fail: Block) -> None:
        self.function = function
        self.symbols = symbols
        self.fail = fail

    def emit(self, dim: Dim) -> Value:
        """The value of `dim` as an i64."""
        f = self.function
        if isinstance(dim, int):
            return f.iconst("i64", dim)
        name = dims.bare_name(dim)
        if name is not None:
            return self._symbol(name)
        assert isinstance(dim, tuple)
        operator = str(dim[0])
        if operator == "const":
            return self.emit(dim[1])
        operands = [self.emit(each) for each in dim[1:]]
        if operator in ("add", "sub", "mul"):
            combine = {"add": f.add, "sub": f.sub, "mul": f.mul}[operator]
            return combine(operands[0], operands[1])
        if operator in ("floordiv", "floormod"):
            return self._division(operator, *operands)
        if operator in ("min", "max"):
            return f.intrinsic(f"llvm.s{operator}", "i64", operands)
        if operator == "neg":
            return f.sub(f.iconst("i64", 0), operands[0])
        return self._logic(operator, operands)

    def _symbol(self, name: str) -> Value:
        found = self.symbols.get(name)
        if found is None:
            raise InternalError(f"the symbolic dimension {name!r} is used before it is bound")
        return found

    def _truth(self, value: Value) -> Value:
        return self.function.icmp("ne", value, 0)

    def _logic(self, operator: str, operands: list[Value]) -> Value:
        f = self.function
        if operator == "select":
            return f.select(self._truth(operands[0]), operands[1], operands[2])
        if operator == "not":
            bit = f.icmp("eq", operands[0], 0)
        elif operator == "and":
            bit = f.land(self._truth(operands[0]), self._truth(operands[1]))
        elif operator == "or":
            bit = f.lor(self._truth(operands[0]), self._truth(operands[1]))
        else:
            bit = f.icmp(_COMPARE[operator], operands[0], operands[1])
        return f.cast("zext", bit, "i64")

    def _division(self, operator: str, a: Value, b: Value) -> Value:
        """Floored division; the divisors 0 and -1 cannot trap."""
        f = self.function
        if a.constant is not None and b.constant:
            python = a.constant // b.constant if operator == "floordiv" else a.constant % b.constant
            return f.iconst("i64", python)
        if b.constant is None or b.constant in (0, -1):
            fine = f.block("divisor")
            f.branch_if(f.icmp("ugt", f.add(b, 1), 1), fine, self.fail)
            f.start(fine)
        quotient, rest = f.binary("sdiv", a, b), f.binary("srem", a, b)
        other_sign = f.icmp("slt", f.lxor(rest, b), 0)
        adjust = f.land(f.icmp("ne", rest, 0), other_sign)
        if operator == "floordiv":
            return f.sub(quotient, f.cast("zext", adjust, "i64"))
        return f.add(rest, f.select(adjust, b, f.iconst("i64", 0)))
