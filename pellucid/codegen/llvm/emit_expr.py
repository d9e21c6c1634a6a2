"""Scalar and vector expressions as LLVM instructions, one small method a node class.

In: an expression whose variables are bound. Out: its value in a register (`types.register_type`).
Index expressions are computed in 64 bits from their linear form, so that loop counters need no
conversions. Float arithmetic keeps its order; a product that is added or subtracted becomes one
multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.emit_integer import IntegerDivision
from pellucid.codegen.llvm.text import Block
from pellucid.codegen.llvm.types import literal, register_type, vector
from pellucid.codegen.llvm.value import Value
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.support.errors import InternalError, UnsupportedError
from pellucid.tir.transform.index_ranges import Linear

FloatOperation = Callable[..., Value]

_FLOAT_OPS: dict[type[PrimExpr], str] = {
    ir.Add: "fadd",
    ir.Sub: "fsub",
    ir.Mul: "fmul",
    ir.Div: "fdiv",
}
_INT_OPS: dict[type[PrimExpr], str] = {ir.Add: "add", ir.Sub: "sub", ir.Mul: "mul"}
_BOOL_OPS: dict[type[PrimExpr], str] = {
    ir.Add: "or",
    ir.Sub: "xor",
    ir.Mul: "and",
    ir.Max: "or",
    ir.Min: "and",
}
_FLOAT_COMPARE: dict[type[PrimExpr], str] = {
    ir.EQ: "oeq",
    ir.NE: "une",
    ir.LT: "olt",
    ir.LE: "ole",
    ir.GT: "ogt",
    ir.GE: "oge",
}
_INT_COMPARE: dict[type[PrimExpr], str] = {
    ir.EQ: "eq",
    ir.NE: "ne",
    ir.LT: "lt",
    ir.LE: "le",
    ir.GT: "gt",
    ir.GE: "ge",
}


def is_native_float(dtype: DataType) -> bool:
    """Whether a lane is a float32 or float64."""
    return dtype.kind == "float" and dtype.bits >= 32


class ExprEmitter(IntegerDivision):
    """Emits expressions; calls and loads are added by the classes built on this one."""

    def expr(self, expr: PrimExpr) -> Value:
        """The value of an expression."""
        rule = _RULES.get(type(expr))
        if rule is None:
            raise InternalError(f"the emitter knows no {type(expr).__name__}")
        return rule(self, expr)

    # Leaves

    def constant(self, expr: Any) -> Value:
        """An integer, bool, float or null constant."""
        dtype: DataType = expr.dtype
        if dtype.is_integer:
            return self.f.iconst(register_type(dtype), expr.value)
        text = literal(dtype, expr.value)
        return Value(register_type(dtype), text, int(expr.value) if dtype.is_bool else None)

    def string(self, expr: Any) -> Value:
        """The address of a string."""
        return self.module.string(expr.value)

    def variable(self, var: Any) -> Value:
        """The value of a variable."""
        binding = self.vars.get(var)
        if binding is None:
            raise InternalError(f"the variable {var.name!r} has no value in {self.shared.name!r}")
        if binding.value is None:
            assert binding.wide is not None
            return self.f.cast("trunc", binding.wide, register_type(var.dtype))
        return binding.value

    # Integers of index expressions, in 64 bits

    def index(self, expr: PrimExpr) -> Value:
        """A scalar integer expression as an i64 with its value."""
        return self.sum(self.ranges.linear(expr))

    def sum(self, form: Linear) -> Value:
        """The value of a linear form as an i64."""
        constant, terms = self.dynamic(form)
        total = self.partial_sum(terms)
        return self.f.add(total, constant) if total is not None else self.f.iconst("i64", constant)

    def dynamic(self, form: Linear) -> tuple[int, list[tuple[Value, int]]]:
        """The constant part of a form, and its terms that are not constant, outer loops first."""
        constant = form.constant
        found: list[tuple[int, Value, int]] = []
        for atom, coefficient in form.terms:
            value, depth = self.atom(atom)
            if value.constant is not None:
                constant += value.constant * coefficient
            else:
                found.append((depth, value, coefficient))
        found.sort(key=lambda term: term[0])
        return constant, [(value, coefficient) for _, value, coefficient in found]

    def partial_sum(self, terms: list[tuple[Value, int]]) -> Value | None:
        """Σ value · coefficient; sums of the first terms are computed once a region."""
        total: Value | None = None
        key: tuple[Any, ...] = ("sum",)
        for value, coefficient in terms:
            key = (*key, value.name, coefficient)
            total = self.cached(key, lambda v=value, c=coefficient, t=total: self.step(t, v, c))
        return total

    def step(self, total: Value | None, value: Value, coefficient: int) -> Value:
        """`total + value * coefficient`."""
        product = self.f.mul(value, coefficient)
        return product if total is None else self.f.add(total, product)

    def atom(self, atom: PrimExpr) -> tuple[Value, int]:
        """An atom of a linear form as an i64, and how deep it is defined."""
        if isinstance(atom, ir.Var):
            binding = self.vars.get(atom)
            if binding is not None and binding.wide is not None:
                return binding.wide, binding.depth
            depth = self.depth if binding is None else binding.depth
            return self.widened(self.variable(atom), atom.dtype), depth
        return self.widened(self.expr(atom), atom.dtype), self.depth

    def widened(self, value: Value, dtype: DataType) -> Value:
        """An integer (or bool) as an i64."""
        signed = dtype.is_int
        if value.type == "i64":
            return value
        return self.f.cast("sext" if signed else "zext", value, "i64")

    def is_index(self, expr: PrimExpr) -> bool:
        """Whether `index` gives this scalar expression exactly and at little cost."""
        if expr.dtype.lanes != 1 or expr.dtype not in ("int32", "int64"):
            return False
        form = self.ranges.linear(expr)
        return all(
            isinstance(atom, ir.Var) or (atom is not expr and atom.dtype.bits == 64)
            for atom, _ in form.terms
        )

    # Arithmetic

    def arithmetic(self, expr: Any) -> Value:
        """Add, Sub, Mul, and Div of floats."""
        dtype: DataType = expr.dtype
        kind = cast("type[PrimExpr]", type(expr))
        if dtype.is_float:
            return self.float_arithmetic(kind, expr, dtype)
        if kind is ir.Div:
            return self.division(expr, floor=False, remainder=False)
        if dtype == "int64" and expr.a.dtype.lanes == 1:
            return self.int64(expr)
        op = _BOOL_OPS[kind] if dtype.is_bool else _INT_OPS[kind]
        a, b = self.expr(expr.a), self.expr(expr.b)
        if op in ("add", "sub", "mul") and dtype.lanes == 1:
            return getattr(self.f, op)(a, b)
        return self.f.binary(op, a, b)

    def int64(self, expr: Any) -> Value:
        """A sum or product of int64, by its linear form where that takes it apart."""
        form = self.ranges.linear(expr)
        if len(form.terms) == 1 and form.terms[0][0] is expr:
            a, b = self.index(expr.a), self.index(expr.b)
            return getattr(self.f, _INT_OPS[type(expr)])(a, b)
        return self.sum(form)

    def float_arithmetic(self, kind: type[PrimExpr], expr: Any, dtype: DataType) -> Value:
        """A float operation: fused where a product is added, widened where the float is small."""
        if not is_native_float(dtype):
            return self.small(dtype, partial(self.f.binary, _FLOAT_OPS[kind]), expr.a, expr.b)
        if kind is ir.Add:
            for product, other in ((expr.a, expr.b), (expr.b, expr.a)):
                if isinstance(product, ir.Mul):
                    return self.multiply_add(product, other, expr.a is product)
        if kind is ir.Sub and isinstance(expr.a, ir.Mul):
            x, y = self.expr(expr.a.a), self.expr(expr.a.b)
            return self.f.fma(x, y, self.f.fneg(self.expr(expr.b)))
        if kind is ir.Sub and isinstance(expr.b, ir.Mul):
            c = self.expr(expr.a)
            x, y = self.expr(expr.b.a), self.expr(expr.b.b)
            return self.f.fma(self.f.fneg(x), y, c)
        if kind is ir.Mul and _is_minus_one(expr.b):
            return self.f.fneg(self.expr(expr.a))
        return self.f.binary(_FLOAT_OPS[kind], self.expr(expr.a), self.expr(expr.b))

    def multiply_add(self, product: Any, other: PrimExpr, product_first: bool) -> Value:
        """`product + other` in one operation, operands evaluated in their order."""
        if product_first:
            x, y = self.expr(product.a), self.expr(product.b)
            return self.f.fma(x, y, self.expr(other))
        c = self.expr(other)
        return self.f.fma(self.expr(product.a), self.expr(product.b), c)

    def small(self, dtype: DataType, operation: FloatOperation, *operands: PrimExpr) -> Value:
        """An operation on small floats: in float32, rounded behind it."""
        wide = DataType("float32").with_lanes(dtype.lanes)
        values = [convert(self.f, self.expr(each), each.dtype, wide) for each in operands]
        return convert(self.f, operation(*values), wide, dtype)

    def in_float(self, dtype: DataType, operation: FloatOperation, *operands: PrimExpr) -> Value:
        """An operation on floats of any size."""
        if is_native_float(dtype):
            return operation(*[self.expr(each) for each in operands])
        return self.small(dtype, operation, *operands)

    def extremum(self, expr: Any) -> Value:
        """Min and Max; of floats NaN if either is NaN."""
        dtype: DataType = expr.dtype
        greater = isinstance(expr, ir.Max)
        if dtype.is_float:
            sides = (_is_number(expr.a), _is_number(expr.b))
            return self.in_float(
                dtype, partial(self.float_extremum, greater, sides), expr.a, expr.b
            )
        if dtype.is_bool:
            return self.f.binary(_BOOL_OPS[type(expr)], self.expr(expr.a), self.expr(expr.b))
        sign = "s" if dtype.is_int else "u"
        name = f"llvm.{sign}{'max' if greater else 'min'}"
        return self.f.intrinsic(name, register_type(dtype), [self.expr(expr.a), self.expr(expr.b)])

    def float_extremum(
        self, greater: bool, numbers: tuple[bool, bool], a: Value, b: Value
    ) -> Value:
        """One instruction where one side is a constant (`numbers` says which): what is taken on NaN
        then follows from the order of the operands.
        """
        predicate = "ogt" if greater else "olt"
        if numbers[1]:
            return self.f.select(self.f.fcmp(predicate, b, a), b, a)
        chosen = self.f.select(self.f.fcmp(predicate, a, b), a, b)
        if numbers[0]:
            return chosen
        return self.f.select(self.f.fcmp("uno", a, a), a, chosen)

    # Comparisons and logic

    def comparison(self, expr: Any) -> Value:
        """EQ, NE, LT, LE, GT, GE."""
        dtype: DataType = expr.a.dtype
        if dtype.is_float:
            wide = dtype if is_native_float(dtype) else DataType("float32").with_lanes(dtype.lanes)
            a = convert(self.f, self.expr(expr.a), dtype, wide)
            b = convert(self.f, self.expr(expr.b), dtype, wide)
            return self.f.fcmp(_FLOAT_COMPARE[type(expr)], a, b)
        predicate = _INT_COMPARE[type(expr)]
        if predicate not in ("eq", "ne"):
            predicate = ("s" if dtype.is_int else "u") + predicate
        narrow = self.narrow_comparison(expr, predicate)
        if narrow is not None:
            return narrow
        if self.is_index(expr.a) and self.is_index(expr.b):
            return self.f.icmp(predicate, self.index(expr.a), self.index(expr.b))
        return self.f.icmp(predicate, self.expr(expr.a), self.expr(expr.b))

    def narrow_comparison(self, expr: Any, predicate: str) -> Value | None:
        """A ramp of int64 with one number for all lanes, compared in 32 bits: the distance from the
        base decides, and beyond the last lane all distances are alike.
        """
        ramp, other = expr.a, expr.b
        if not isinstance(ramp, ir.Ramp) or ramp.base.dtype != "int64":
            return None
        if not isinstance(other, ir.Broadcast) or not isinstance(ramp.stride, ir.IntImm):
            return None
        span = ramp.stride.value * (ramp.lanes - 1)
        ends = (*self.ranges.interval(ramp), *self.ranges.interval(other))
        if not 0 < span < 1 << 20 or max(abs(each) for each in ends) >= 1 << 62:
            return None
        f = self.f
        distance = f.sub(self.index(other.value), self.index(ramp.base))
        for name, bound in (("llvm.smax", -1), ("llvm.smin", span + 1)):
            distance = f.intrinsic(name, "i64", [distance, f.iconst("i64", bound)])
        steps = f.ramp(f.iconst("i32", 0), ramp.stride.value, ramp.lanes)
        limit = f.splat(f.cast("trunc", distance, "i32"), ramp.lanes)
        return f.icmp(predicate, steps, limit)

    def logical(self, expr: Any) -> Value:
        """And, Or: the right side is evaluated only where the left one does not decide."""
        is_and = isinstance(expr, ir.And)
        a = self.expr(expr.a)
        if expr.dtype.lanes > 1 or self.is_cheap(expr.b):
            return self.f.binary("and" if is_and else "or", a, self.expr(expr.b))
        decided = Value("i1", "false" if is_and else "true")
        return self.branches(
            a,
            (lambda: self.expr(expr.b)) if is_and else (lambda: decided),
            (lambda: decided) if is_and else (lambda: self.expr(expr.b)),
        )

    def negation(self, expr: Any) -> Value:
        """Not."""
        return self.f.lnot(self.expr(expr.a))

    def select(self, expr: Any) -> Value:
        """Select: both values are evaluated."""
        condition = self.expr(expr.condition)
        a, b = self.expr(expr.true_value), self.expr(expr.false_value)
        return self.f.select(self.mask_of(condition, expr.dtype), a, b)

    def mask_of(self, condition: Value, dtype: DataType) -> Value:
        """A condition for `select`: one for all lanes, or one a lane."""
        return condition if condition.type == "i1" else self.fit_mask(condition, dtype)

    def fit_mask(self, condition: Value, dtype: DataType) -> Value:
        """A mask with as many lanes as `dtype`."""
        if condition.type != vector("i1", dtype.lanes):
            raise InternalError(f"a mask {condition.type} cannot choose lanes of {dtype}")
        return condition

    def if_then_else(self, expr: Any) -> Value:
        """`tir.if_then_else`: only the value that is taken is evaluated."""
        condition, true_value, false_value = expr.args
        test = self.expr(condition)
        if test.type != "i1" or (self.is_cheap(true_value) and self.is_cheap(false_value)):
            a, b = self.expr(true_value), self.expr(false_value)
            return self.f.select(self.mask_of(test, expr.dtype), a, b)
        return self.branches(test, lambda: self.expr(true_value), lambda: self.expr(false_value))

    def branches(
        self, condition: Value, then: Callable[[], Value], other: Callable[[], Value]
    ) -> Value:
        """A value computed on one of two ways."""
        f = self.f
        blocks = f.block("then"), f.block("else")
        done = f.block("choice")
        f.branch_if(condition, *blocks)
        results: list[tuple[Value, Block]] = []
        for block, make in zip(blocks, (then, other), strict=True):
            f.start(block)
            with self.region():
                value = make()
            results.append((value, f.current))
            f.branch(done)
        f.start(done)
        phi = f.phi(results[0][0].type)
        for value, block in results:
            phi.add(value, block)
        return phi

    def is_cheap(self, expr: PrimExpr) -> bool:
        """Whether evaluating an expression costs little and can do no harm."""
        if isinstance(expr, ir.Var | ir.IntImm | ir.FloatImm):
            return True
        if (
            isinstance(expr, ir.Div | ir.Mod | ir.FloorDiv | ir.FloorMod)
            and not expr.dtype.is_float
        ):
            return isinstance(expr.b, ir.IntImm) and self.is_cheap(expr.a)
        if isinstance(expr, ir.BinaryOp):
            return self.is_cheap(expr.a) and self.is_cheap(expr.b)
        if isinstance(expr, ir.Not):
            return self.is_cheap(expr.a)
        if isinstance(expr, ir.Cast):
            return self.is_cheap(expr.value)
        if isinstance(expr, ir.Call) and isinstance(expr.op, Op) and expr.op.name == "tir.likely":
            return self.is_cheap(expr.args[0])
        return False

    # Conversions and vectors

    def cast(self, expr: Any) -> Value:
        """Cast."""
        source: PrimExpr = expr.value
        if expr.dtype == "int64" and self.is_index(source):
            return self.index(source)
        return convert(self.f, self.expr(source), source.dtype, expr.dtype)

    def ramp(self, expr: Any) -> Value:
        """Ramp: base, base + stride …"""
        base, stride = expr.base, expr.stride
        if base.dtype.lanes == 1 and isinstance(stride, ir.IntImm):
            return self.f.ramp(self.expr(base), stride.value, expr.lanes)
        first, step = self.expr(base), self.expr(stride)
        parts = [first]
        for _ in range(expr.lanes - 1):
            parts.append(self.f.binary("add", parts[-1], step))
        return self.f.concat(parts)

    def broadcast(self, expr: Any) -> Value:
        """Broadcast: the value in every lane; of a vector, the vector again and again."""
        value = self.expr(expr.value)
        inner: int = expr.value.dtype.lanes
        if inner == 1:
            return self.f.splat(value, expr.lanes)
        return self.f.shuffle(value, None, [lane % inner for lane in range(inner * expr.lanes)])

    def shuffle(self, expr: Any) -> Value:
        """Shuffle: lanes picked out of the concatenated vectors."""
        picks: list[int] = []
        for index in expr.indices:
            if not isinstance(index, ir.IntImm):
                raise UnsupportedError(
                    "The indices of a Shuffle must be constants.", found=repr(index)
                )
            picks.append(index.value)
        joined = self.f.concat(self.same_lanes([self.expr(each) for each in expr.vectors]))
        if len(picks) == 1:
            return joined if joined.type[0] != "<" else self.f.extract(joined, picks[0])
        return self.f.shuffle(joined, None, picks)

    def same_lanes(self, values: list[Value]) -> list[Value]:
        """Values to be concatenated: all scalars where their lanes differ."""
        if len({value.type for value in values}) == 1:
            return values
        scalars: list[Value] = []
        for value in values:
            if value.type[0] != "<":
                scalars.append(value)
                continue
            count = int(value.type[1:].split(" ", 1)[0])
            scalars.extend(self.f.extract(value, lane) for lane in range(count))
        return scalars

    def let(self, expr: Any) -> Value:
        """Let: the value is evaluated once."""
        self.bind_value(expr.var, expr.value)
        return self.expr(expr.body)

    def bind_value(self, var: ir.Var, value: PrimExpr) -> None:
        """Bind a variable to an expression; integers keep what is known of their range."""
        if var.dtype.is_integer and var.dtype.lanes == 1:
            self.ranges.bind(var, *self.ranges.interval(value))
            if self.is_index(value):
                self.bind_wide(var, self.index(value))
                return
        self.bind(var, self.expr(value))

    def load(self, expr: Any) -> Value:
        """BufferLoad; see `emit_access`."""
        raise NotImplementedError

    def call(self, expr: Any) -> Value:
        """Call; see `emit_call`."""
        raise NotImplementedError


def _is_minus_one(expr: PrimExpr) -> bool:
    if isinstance(expr, ir.Broadcast):
        return _is_minus_one(expr.value)
    return isinstance(expr, ir.FloatImm) and expr.value == -1.0


def _is_number(expr: PrimExpr) -> bool:
    """Whether an expression is a float constant that is not NaN."""
    if isinstance(expr, ir.Broadcast):
        return _is_number(expr.value)
    return isinstance(expr, ir.FloatImm) and expr.value == expr.value


_RULES: dict[type[PrimExpr], Callable[[Any, Any], Value]] = {
    ir.IntImm: ExprEmitter.constant,
    ir.FloatImm: ExprEmitter.constant,
    ir.StringImm: ExprEmitter.string,
    ir.Var: ExprEmitter.variable,
    ir.SizeVar: ExprEmitter.variable,
    **dict.fromkeys((ir.Add, ir.Sub, ir.Mul, ir.Div), ExprEmitter.arithmetic),
    ir.Mod: lambda e, x: e.division(x, floor=False, remainder=True),
    ir.FloorDiv: lambda e, x: e.division(x, floor=True, remainder=False),
    ir.FloorMod: lambda e, x: e.division(x, floor=True, remainder=True),
    **dict.fromkeys((ir.Min, ir.Max), ExprEmitter.extremum),
    **dict.fromkeys(_INT_COMPARE, ExprEmitter.comparison),
    ir.And: ExprEmitter.logical,
    ir.Or: ExprEmitter.logical,
    ir.Not: ExprEmitter.negation,
    ir.Select: ExprEmitter.select,
    ir.Cast: ExprEmitter.cast,
    ir.Ramp: ExprEmitter.ramp,
    ir.Broadcast: ExprEmitter.broadcast,
    ir.Shuffle: ExprEmitter.shuffle,
    ir.Let: ExprEmitter.let,
    ir.Call: lambda e, x: e.call(x),
}


def add_rule(kind: type[PrimExpr], rule: Callable[[Any, Any], Value]) -> None:
    """Say how expressions of a class above the scalars are emitted."""
    _RULES[kind] = rule
