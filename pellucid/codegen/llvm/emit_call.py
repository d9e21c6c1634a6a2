"""Calls of intrinsics and of functions from elsewhere, as LLVM instructions.

In: `Call` nodes. Out: their value. `CALLS` maps the names of operators to what emits them; math
functions go to `math.call_math`. `EFFECT_CALLS` are those that need statements of their own
(`emit_packed`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.codegen.llvm import math
from pellucid.codegen.llvm.convert import compute_dtype, convert
from pellucid.codegen.llvm.emit_access import AccessEmitter
from pellucid.codegen.llvm.emit_expr import is_native_float
from pellucid.codegen.llvm.emit_failure import fail_bounds
from pellucid.codegen.llvm.types import SCALARS, lanes, register_type, size, vector
from pellucid.codegen.llvm.value import Value
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, StringImm
from pellucid.support.errors import UnsupportedError


class CallEmitter(AccessEmitter):
    """The part of the emitter that calls."""

    def call(self, expr: Any) -> Value:
        """The value of a call."""
        if isinstance(expr.op, GlobalVar):
            return self.call_function(expr)
        assert isinstance(expr.op, Op)
        name = expr.op.name
        rule = CALLS.get(name)
        if rule is not None:
            return rule(self, expr)
        return self.math(name.removeprefix("tir."), expr)

    def math(self, name: str, expr: Any) -> Value:
        """A math function, in the dtype of its first operand."""
        operands = [self.expr(arg) for arg in expr.args]
        source: DataType = expr.args[0].dtype
        value = math.call_math(self.f, name, source, operands)
        result = math.result_dtype(name, source)
        return convert(self.f, value, result, expr.dtype)

    # Bits

    def bitwise(self, expr: Any) -> Value:
        """bitwise_and, bitwise_or, bitwise_xor."""
        op = expr.op.name.removeprefix("tir.bitwise_")
        return self.f.binary(op, self.expr(expr.args[0]), self.expr(expr.args[1]))

    def bitwise_not(self, expr: Any) -> Value:
        """bitwise_not."""
        return self.f.lnot(self.expr(expr.args[0]))

    def shift(self, expr: Any) -> Value:
        """shift_left, shift_right; a count outside the width shifts all bits out."""
        f = self.f
        dtype: DataType = expr.dtype
        value, count = self.expr(expr.args[0]), self.expr(expr.args[1])
        left = expr.op.name == "tir.shift_left"
        op = "shl" if left else ("ashr" if dtype.is_int else "lshr")
        low, high = self.ranges.interval(expr.args[1])
        if low >= 0 and high < dtype.bits:
            return f.binary(op, value, count)
        inside = f.icmp("ult", count, f.iconst(count.type, dtype.bits))
        if op == "ashr":
            return f.binary(
                op, value, f.select(inside, count, f.iconst(count.type, dtype.bits - 1))
            )
        safe = f.select(inside, count, f.iconst(count.type, 0))
        return f.select(inside, f.binary(op, value, safe), f.iconst(value.type, 0))

    def multiply_shift(self, expr: Any) -> Value:
        """q_multiply_shift: a fixed-point product in 64 bits, rounded."""
        f = self.f
        wide = vector("i64", expr.dtype.lanes)
        x, y, q, s = [f.cast("sext", self.expr(arg), wide) for arg in expr.args]
        zero, one = f.iconst(wide, 0), f.iconst(wide, 1)
        before = f.intrinsic("llvm.smax", wide, [f.binary("sub", zero, s), zero])
        after = f.intrinsic("llvm.smax", wide, [s, zero])
        product = f.binary("mul", f.binary("shl", x, before), y)
        total = f.binary("add", q, after)
        positive = f.icmp("sgt", total, zero)
        less = f.intrinsic("llvm.smax", wide, [f.binary("sub", total, one), zero])
        half = f.select(positive, f.binary("shl", one, less), zero)
        shifted = f.binary("ashr", f.binary("add", product, half), total)
        return f.cast("trunc", shifted, register_type(expr.dtype))

    def count_leading(self, expr: Any) -> Value:
        """clz, as int32."""
        source: DataType = expr.args[0].dtype
        value = math.call_math(self.f, "clz", source, [self.expr(expr.args[0])])
        unsigned = DataType(f"uint{source.bits}").with_lanes(source.lanes)
        return convert(self.f, value, unsigned, expr.dtype)

    def reinterpret(self, expr: Any) -> Value:
        """The same bits as another dtype."""
        (arg,) = expr.args
        value = self.expr(arg)
        target = register_type(expr.dtype)
        if "handle" in (arg.dtype.kind, expr.dtype.kind):
            return convert(self.f, value, arg.dtype, expr.dtype)
        if value.type == target:
            return value
        return self.f.emit(target, f"bitcast {value} to {target}")

    def half(self, expr: Any) -> Value:
        """vectorlow, vectorhigh."""
        value = self.expr(expr.args[0])
        count = expr.dtype.lanes
        start = count if expr.op.name == "tir.vectorhigh" else 0
        if count == 1:
            return self.f.extract(value, start)
        return self.f.shuffle(value, None, range(start, start + count))

    def combine(self, expr: Any) -> Value:
        """vectorcombine."""
        return self.f.concat([self.expr(each) for each in expr.args])

    def undefined(self, expr: Any) -> Value:
        """undef: zero is as good as any."""
        type_ = register_type(expr.dtype)
        return Value(type_, "null" if type_ == "ptr" else "zeroinitializer")

    def first(self, expr: Any) -> Value:
        """The first argument, as it is."""
        return self.expr(expr.args[0])

    def nothing(self, expr: Any) -> Value:
        """A call without effect here; its value is not used."""
        return self.f.iconst("i1", 1) if expr.dtype.is_bool else self.f.iconst("i32", 0)

    def next_after(self, expr: Any) -> Value:
        """nextafter: one step of the bits in the direction of the second operand."""
        dtype: DataType = expr.dtype
        f = self.f
        wide = DataType(compute_dtype(dtype))
        a, b = self.expr(expr.args[0]), self.expr(expr.args[1])
        bits = vector(f"i{dtype.bits}", dtype.lanes)
        x, y = convert(f, a, dtype, wide), convert(f, b, dtype, wide)
        word = a if a.type == bits else f.cast("bitcast", a, bits)
        zero = f.fconst(x.type, 0.0)
        up = f.fcmp("ogt", y, x)
        positive = f.fcmp("ogt", x, zero)
        grows = f.icmp("eq", up, positive)
        one = f.iconst(bits, 1)
        stepped = f.select(grows, f.binary("add", word, one), f.binary("sub", word, one))
        sign = f.iconst(bits, -(1 << (dtype.bits - 1)))
        from_zero = f.select(up, one, f.lor(one, sign))
        stepped = f.select(f.fcmp("oeq", x, zero), from_zero, stepped)
        other = b if b.type == bits else f.cast("bitcast", b, bits)
        stepped = f.select(f.fcmp("oeq", x, y), other, stepped)
        nan = f.fcmp("uno", x, y)
        total = convert(f, f.fadd(x, y), wide, dtype)
        result = stepped if a.type == bits else f.cast("bitcast", stepped, a.type)
        return f.select(nan, total, result)

    def float_division(self, expr: Any, *, floor: bool, remainder: bool) -> Value:
        """FloorDiv and FloorMod of floats."""
        dtype: DataType = expr.dtype
        if not floor:
            raise UnsupportedError(
                "The truncated remainder of floats has no node.",
                found=repr(expr),
                cure="use T.fmod",
            )

        def operation(a: Value, b: Value) -> Value:
            wide = dtype if is_native_float(dtype) else DataType("float32").with_lanes(dtype.lanes)
            whole = math.call_math(self.f, "floor", wide, [self.f.fdiv(a, b)])
            return self.f.fsub(a, self.f.fmul(whole, b)) if remainder else whole

        return self.in_float(dtype, operation, expr.a, expr.b)

    # Pointers

    def address_of(self, expr: Any) -> Value:
        """The address of an element."""
        load = expr.args[0]
        return self.address(load.buffer, self.only_index(load.buffer, load.indices))

    def access_pointer(self, expr: Any) -> Value:
        """tvm_access_ptr: so many elements of its type behind a pointer."""
        element, data, offset, *_ = expr.args
        step = size(element.dtype)
        return self.f.gep("i8", self.expr(data), self.f.mul(self.index(offset), step), "")

    def is_null(self, expr: Any) -> Value:
        """isnullptr."""
        return self.f.icmp("eq", self.expr(expr.args[0]), Value("ptr", "null"))

    def prefetch(self, expr: Any) -> Value:
        """prefetch."""
        pointer, write, locality, _ = expr.args
        numbers = [each.value if isinstance(each, IntImm) else 0 for each in (write, locality)]
        self.f.prefetch(self.expr(pointer), write=bool(numbers[0]), locality=numbers[1])
        return self.nothing(expr)

    # Functions from elsewhere

    def external(self, expr: Any) -> Value:
        """call_extern and call_pure_extern: a C function."""
        symbol, *args = expr.args
        values = [self.c_argument(each) for each in args]
        result = "void" if expr.dtype.kind == "void" else _c_type(expr.dtype)
        kinds = [value.type for value in values]
        declared = self.module.declared(symbol.value)
        if declared and symbol.value in self.module.functions:
            raise UnsupportedError(
                f"The name {symbol.value!r} is taken by a function of this module."
            )
        self.module.declare(symbol.value, result, kinds)
        value = self.f.call(symbol.value, result, values)
        if result == "void":
            return self.f.iconst("i32", 0)
        return self.f.icmp("ne", value, 0) if expr.dtype.is_bool else value

    def c_argument(self, arg: PrimExpr) -> Value:
        """An argument as C passes it."""
        value = self.expr(arg)
        if arg.dtype.is_bool:
            return self.f.cast("zext", value, vector("i8", lanes(value.type)))
        return value

    def llvm_intrinsic(self, expr: Any) -> Value:
        """call_llvm_intrin: the name is complete, or gets the overloads of the result."""
        name, *args = expr.args
        assert isinstance(name, StringImm)
        if args and isinstance(args[0], IntImm) and args[0].dtype == "uint32":
            args = args[1:]  # the number of arguments in the signature, which other systems want
        values = [self.expr(each) for each in args]
        result = "void" if expr.dtype.kind == "void" else _native_type(expr.dtype)
        values = [self.native(value, each.dtype) for value, each in zip(values, args, strict=True)]
        called = self.f.intrinsic(
            name.value, result, values, overloads=() if _is_complete(name.value) else (result,)
        )
        if result == "void":
            return self.f.iconst("i32", 0)
        register = register_type(expr.dtype)
        return called if result == register else self.f.cast("bitcast", called, register)

    def native(self, value: Value, dtype: DataType) -> Value:
        """A value as LLVM's own intrinsics take it: float16 as half, bfloat16 as bfloat."""
        wanted = _native_type(dtype)
        return value if value.type == wanted else self.f.cast("bitcast", value, wanted)

    def call_function(self, expr: Call) -> Value:
        """A call of another loop function; see `emit_stmt`."""
        raise NotImplementedError

    def check_index(self, expr: Any) -> Value:
        """tir.check_index: the index, after making sure that it is inside the buffer."""
        index, extent, where, mask = expr.args
        value = self.expr(index)
        count = lanes(value.type)
        wide = self.f.cast("sext" if index.dtype.is_int else "zext", value, vector("i64", count))
        limit = self.index(extent)
        outside = self.f.icmp("uge", wide, self.f.splat(limit, count))
        active = self.expr(mask)
        if active.type != "i1" or active.name not in ("true", "1"):
            outside = self.f.land(
                outside, self.f.splat(active, count) if active.type == "i1" else active
            )
        bad = outside if count == 1 else self.f.reduce("or", outside)
        failing, fine = self.f.block("outside"), self.f.block("inside")
        self.f.branch_if(bad, failing, fine)
        self.f.start(failing)
        shown = wide
        if count > 1:
            bits = self.f.emit(f"i{count}", f"bitcast {outside} to i{count}")
            lane = self.f.intrinsic("llvm.cttz", f"i{count}", [bits, Value("i1", "true")])
            shown = self.f.extract(wide, lane)
        fail_bounds(self.f, where.value, shown, limit)
        self.leave(-1)
        self.f.start(fine)
        return value


def _is_complete(name: str) -> bool:
    """Whether the name of an intrinsic has its overloads, or belongs to one target and has none."""
    last = name.rsplit(".", 1)[-1]
    target = name.split(".")[1] in ("x86", "aarch64", "arm")
    is_type = last[:1] in "ivfbp" and any(letter.isdigit() for letter in last)
    return target or is_type


def _native_type(dtype: DataType) -> str:
    names = {"float16": "half", "bfloat16": "bfloat"}
    element = names.get(dtype.scalar)
    return register_type(dtype) if element is None else vector(element, dtype.lanes)


def _c_type(dtype: DataType) -> str:
    return vector("i8", dtype.lanes) if dtype.is_bool else register_type(dtype)


Rule = Callable[[Any, Any], Value]
CALLS: dict[str, Rule] = {
    "tir.if_then_else": CallEmitter.if_then_else,
    "tir.likely": CallEmitter.first,
    **dict.fromkeys(
        ("tir.bitwise_and", "tir.bitwise_or", "tir.bitwise_xor"),
        CallEmitter.bitwise,
    ),
    "tir.bitwise_not": CallEmitter.bitwise_not,
    "tir.shift_left": CallEmitter.shift,
    "tir.shift_right": CallEmitter.shift,
    "tir.q_multiply_shift": CallEmitter.multiply_shift,
    "tir.clz": CallEmitter.count_leading,
    "tir.reinterpret": CallEmitter.reinterpret,
    "tir.vectorlow": CallEmitter.half,
    "tir.vectorhigh": CallEmitter.half,
    "tir.vectorcombine": CallEmitter.combine,
    "tir.undef": CallEmitter.undefined,
    "tir.assume": CallEmitter.nothing,
    "tir.tvm_storage_sync": CallEmitter.nothing,
    "tir.nextafter": CallEmitter.next_after,
    "tir.address_of": CallEmitter.address_of,
    "tir.tvm_access_ptr": CallEmitter.access_pointer,
    "tir.isnullptr": CallEmitter.is_null,
    "tir.prefetch": CallEmitter.prefetch,
    "tir.call_extern": CallEmitter.external,
    "tir.call_pure_extern": CallEmitter.external,
    "tir.call_llvm_intrin": CallEmitter.llvm_intrinsic,
    "tir.call_llvm_pure_intrin": CallEmitter.llvm_intrinsic,
    "tir.check_index": CallEmitter.check_index,
}
MATH_CALLS = frozenset(f"tir.{name}" for name in math.NAMES)
SMALL_DTYPES = frozenset(name for name, scalar in SCALARS.items() if scalar.kind == "small")
