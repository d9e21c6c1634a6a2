"""Arithmetic, comparisons, conversions, calls and atomics of the IR builder.

Flags travel in the opcode or in `flags`: `binary("add nsw", a, b)`, `fadd(a, b, "contract")`.
Scalar integer constants are folded where both sides are known, and `x + 0`, `x * 1`, `x * 0` fold
too, so that addresses of unrolled code come out constant. Every method costs about a microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.codegen.llvm.types import element, float_literal, lanes, mangle, vector
from pellucid.codegen.llvm.value import Value, integer
from pellucid.support.errors import InternalError

if TYPE_CHECKING:
    from pellucid.codegen.llvm.text import Module


def _wrap(value: int, type_: str) -> int:
    """`value` as two's complement of the integer type `type_`, signed (i1 as 0 or 1)."""
    bits = int(type_[1:])
    value &= (1 << bits) - 1
    return value - (1 << bits) if bits > 1 and value >> (bits - 1) else value


class Instructions:
    """The part of `Function` that emits arithmetic, comparisons, conversions, calls, atomics."""

    module: Module
    lines: list[str]

    def __init__(self) -> None:
        self._count = 0

    def emit(self, type_: str, text: str) -> Value:
        """The instruction `text` with a result of `type_`."""
        self._count = count = self._count + 1
        name = f"%v{count}"
        self.lines.append(f"  {name} = {text}")
        return Value(type_, name)

    def do(self, text: str) -> None:
        """The instruction `text` without a result."""
        self.lines.append(f"  {text}")

    # Constants

    def iconst(self, type_: str, value: int) -> Value:
        """The integer `value` in `type_`; in every lane of a vector type (wrapped to its bits)."""
        if type_[0] == "<":
            scalar = element(type_)
            return Value(type_, f"splat ({scalar} {_wrap(value, scalar)})")
        value = _wrap(value, type_)
        return Value(type_, str(value), value)

    def fconst(self, type_: str, value: float) -> Value:
        """The float `value` in "float", "double" or a vector of them, rounded to nearest."""
        if type_[0] == "<":
            scalar = element(type_)
            return Value(type_, f"splat ({scalar} {float_literal(scalar, value)})")
        return Value(type_, float_literal(type_, value))

    def raw(self, type_: str, text: str) -> Value:
        """Any constant text as a value, such as `poison`, `zeroinitializer`, `true`."""
        return Value(type_, text)

    # Arithmetic

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """`op a, b`, `op` with its flags, such as "add nsw", "fmul contract"; one type."""
        if a.type != b.type:
            raise InternalError(f"{op} wants one type, and has {a.type} and {b.type}.")
        return self.emit(a.type, f"{op} {a.type} {a.name}, {b.name}")

    def add(self, a: Value, b: Value | int, flags: str = "") -> Value:
        """Integer sum; `flags` such as "nsw"."""
        b = (
            integer(b, a.type)
            if a.type[0] != "<" or isinstance(b, Value)
            else self.iconst(a.type, b)
        )
        x, y = a.constant, b.constant
        if x is not None and y is not None:
            return self.iconst(a.type, x + y)
        if y == 0:
            return a
        if x == 0:
            return b
        return self.binary(f"add {flags}" if flags else "add", a, b)

    def sub(self, a: Value, b: Value | int, flags: str = "") -> Value:
        """Integer difference."""
        b = (
            integer(b, a.type)
            if a.type[0] != "<" or isinstance(b, Value)
            else self.iconst(a.type, b)
        )
        x, y = a.constant, b.constant
        if x is not None and y is not None:
            return self.iconst(a.type, x - y)
        if y == 0:
            return a
        return self.binary(f"sub {flags}" if flags else "sub", a, b)

    def mul(self, a: Value, b: Value | int, flags: str = "") -> Value:
        """Integer product."""
        b = (
            integer(b, a.type)
            if a.type[0] != "<" or isinstance(b, Value)
            else self.iconst(a.type, b)
        )
        x, y = a.constant, b.constant
        if x is not None and y is not None:
            return self.iconst(a.type, x * y)
        if y == 1:
            return a
        if x == 1:
            return b
        if x == 0 or y == 0:
            return self.iconst(a.type, 0)
        return self.binary(f"mul {flags}" if flags else "mul", a, b)

    def fadd(self, a: Value, b: Value, flags: str = "") -> Value:
        """Float sum; `flags` are fast-math flags such as "contract" or "reassoc nsz"."""
        return self.binary(f"fadd {flags}" if flags else "fadd", a, b)

    def fsub(self, a: Value, b: Value, flags: str = "") -> Value:
        """Float difference."""
        return self.binary(f"fsub {flags}" if flags else "fsub", a, b)

    def fmul(self, a: Value, b: Value, flags: str = "") -> Value:
        """Float product."""
        return self.binary(f"fmul {flags}" if flags else "fmul", a, b)

    def fdiv(self, a: Value, b: Value, flags: str = "") -> Value:
        """Float quotient."""
        return self.binary(f"fdiv {flags}" if flags else "fdiv", a, b)

    def fneg(self, a: Value) -> Value:
        """The float with its sign turned over."""
        return self.emit(a.type, f"fneg {a.type} {a.name}")

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """`a * b + c`: one rounding where the target has the instruction, else two."""
        name = "llvm.fma" if self.module.target.has_fma else "llvm.fmuladd"
        return self.intrinsic(name, a.type, [a, b, c])

    def land(self, a: Value, b: Value) -> Value:
        """Bitwise and (of i1: logical)."""
        return self.binary("and", a, b)

    def lor(self, a: Value, b: Value) -> Value:
        """Bitwise or (of i1: logical)."""
        return self.binary("or", a, b)

    def lxor(self, a: Value, b: Value) -> Value:
        """Bitwise exclusive or."""
        return self.binary("xor", a, b)

    def lnot(self, a: Value) -> Value:
        """Bitwise complement (of i1: logical not)."""
        return self.binary(
            "xor", a, self.iconst(a.type, -1) if a.type != "i1" else Value("i1", "true", 1)
        )

    # Comparisons and choice

    def icmp(self, predicate: str, a: Value, b: Value | int) -> Value:
        """Integer or pointer comparison: "eq", "ne", "slt", "sle", "sgt", "sge", "ult" ..."""
        right = b if isinstance(b, Value) else self.iconst(a.type, b)
        if a.type != right.type:
            raise InternalError(f"icmp wants one type, and has {a.type} and {right.type}.")
        return self.emit(
            vector("i1", lanes(a.type)), f"icmp {predicate} {a.type} {a.name}, {right.name}"
        )

    def fcmp(self, predicate: str, a: Value, b: Value, flags: str = "") -> Value:
        """Float comparison: "oeq", "olt", "une" ...; "uno" asks whether one of them is NaN."""
        if a.type != b.type:
            raise InternalError(f"fcmp wants one type, and has {a.type} and {b.type}.")
        space = f"{flags} " if flags else ""
        return self.emit(
            vector("i1", lanes(a.type)), f"fcmp {space}{predicate} {a.type} {a.name}, {b.name}"
        )

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """`a` where the i1 (or vector of i1) `condition` is true, else `b`."""
        if a.type != b.type:
            raise InternalError(f"select wants one type, and has {a.type} and {b.type}.")
        return self.emit(a.type, f"select {condition}, {a}, {b}")

    # Conversions

    def cast(self, op: str, value: Value, type_: str) -> Value:
        """`op` is "trunc", "zext", "sext", "sitofp", "fptrunc", "bitcast", "ptrtoint" ...

        The same type on both sides gives the value itself.
        """
        if value.type == type_:
            return value
        if value.constant is not None and op in ("zext", "sext", "trunc"):
            number = value.constant
            if op == "zext":
                number &= (1 << int(value.type[1:])) - 1
            return self.iconst(type_, number)
        return self.emit(type_, f"{op} {value} to {type_}")

    # Calls

    def call(
        self,
        callee: str | Value,
        ret: str,
        args: Sequence[Value],
        *,
        signature: str = "",
        flags: str = "",
        attributes: str = "",
    ) -> Value:
        """Call a function by name or by address; `signature` such as "i32 (ptr, ...)" if variadic.

        `flags` stand before the type (fast-math flags), `attributes` behind the arguments. The
        value of a void call must not be used.
        """
        name = callee.name if isinstance(callee, Value) else f"@{callee}"
        space = f"{flags} " if flags else ""
        operands = ", ".join([f"{each.type} {each.name}" for each in args])
        text = f"call {space}{signature or ret} {name}({operands}) {attributes}".rstrip()
        if ret == "void":
            self.lines.append(f"  {text}")
            return Value("void", "")
        return self.emit(ret, text)

    def intrinsic(
        self,
        name: str,
        ret: str,
        args: Sequence[Value],
        overloads: Sequence[str] | None = None,
        flags: str = "",
    ) -> Value:
        """Call an LLVM intrinsic, declared on the way; `overloads` are the types in its name.

        Without `overloads` it is overloaded on `ret`; an empty sequence means that it is not.
        """
        for each in (ret,) if overloads is None else overloads:
            name = f"{name}.{mangle(each)}"
        if not self.module.declared(name):
            self.module.declare(name, ret, [each.type for each in args])
        return self.call(name, ret, args, flags=flags)

    def extract_value(self, type_: str, aggregate: Value, index: int) -> Value:
        """Member `index`, of `type_`, of a struct value."""
        return self.emit(type_, f"extractvalue {aggregate}, {index}")

    def inline_assembly(
        self, text: str, constraints: str, ret: str, args: Sequence[Value]
    ) -> Value:
        """An inline assembly with side effects."""
        operands = ", ".join(str(each) for each in args)
        call = f'call {ret} asm sideeffect "{text}", "{constraints}"({operands})'
        if ret == "void":
            self.do(call)
            return Value("void", "")
        return self.emit(ret, call)

    # Atomics

    def atomic_rmw(self, op: str, pointer: Value, value: Value, order: str = "seq_cst") -> Value:
        """Read, change with `op` ("add", "xchg", "umax" ...), write; gives the old value."""
        return self.emit(value.type, f"atomicrmw {op} {pointer}, {value} {order}")

    def compare_exchange(
        self, pointer: Value, expected: Value, new: Value, order: str = "seq_cst"
    ) -> tuple[Value, Value]:
        """Write `new` if memory holds `expected`; gives the old value and whether it wrote."""
        failure = {"release": "monotonic", "acq_rel": "acquire"}.get(order, order)
        pair = self.emit(
            f"{{ {expected.type}, i1 }}",
            f"cmpxchg {pointer}, {expected}, {new} {order} {failure}",
        )
        return (
            self.extract_value(expected.type, pair, 0),
            self.extract_value("i1", pair, 1),
        )

    def atomic_load(self, type_: str, pointer: Value, align: int, order: str = "acquire") -> Value:
        """An atomic load."""
        return self.emit(type_, f"load atomic {type_}, {pointer} {order}, align {align}")

    def atomic_store(
        self, value: Value, pointer: Value, align: int, order: str = "release"
    ) -> None:
        """An atomic store."""
        self.do(f"store atomic {value}, {pointer} {order}, align {align}")

    def fence(self, order: str = "seq_cst") -> None:
        """A memory fence."""
        self.do(f"fence {order}")
