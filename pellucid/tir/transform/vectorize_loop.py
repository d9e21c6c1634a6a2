"""VectorizeLoop: the iterations of a vectorized loop become the lanes of vectors.

    for i in T.vectorized(16):                 B[j * 16:j * 16 + 16] =
        B[j * 16 + i] = A[j * 16 + i] * 2  →       A[j * 16:j * 16 + 16] * T.Broadcast(2, 16)

Before: flat buffers. After: no vectorized loops. A condition that differs between lanes becomes a
mask: the predicate of the loads and stores under it. More than `MAX_LANES` iterations are done
in pieces. A loop whose iterations depend on their order, or whose body has no vector form, becomes
a serial loop; its annotation `vectorize_refused` says why.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import add, cast_to, const, logical_not, mul, sub
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    And,
    Broadcast,
    Call,
    Cast,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    StringImm,
    Sub,
    Var,
)
from pellucid.ir.transform import Pass
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.op_calls import pointer_of
from pellucid.tir.stmt import (
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    Stmt,
    seq,
)
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, fold_substitute, keep_loop, rebuilt_binary
from pellucid.tir.transform.fresh_copy import fresh_copy
from pellucid.tir.transform.index_ranges import MAX_EXTENT, Ranges
from pellucid.tir.transform.lane_conflicts import bind_loop, lane_conflict
from pellucid.tir.transform.passes import stage

MAX_LANES = 64
REFUSED = "vectorize_refused"


class NoVectorForm(Exception):
    """The body of a loop cannot be done for all lanes at once; the text says why."""


def _reject(reason: str) -> NoVectorForm:
    return NoVectorForm(reason)


class _Lanes(Folder):
    """Rewrites the body of one loop for all lanes."""

    def __init__(self, var: Var, low: PrimExpr, lanes: int, ranges: Ranges) -> None:
        super().__init__()
        self.lanes = lanes
        self.ranges = ranges
        self.mask: PrimExpr | None = None
        self.replaced[var] = Ramp(low, const(1, low.dtype), lanes)
        # Memory that each lane has for itself.
        self.private: set[Var] = set()

    # Values

    def wide(self, value: PrimExpr) -> PrimExpr:
        """A value in every lane."""
        if value.dtype.lanes == self.lanes:
            return value
        if value.dtype.lanes != 1:
            raise _reject("its body has vectors of another length")
        return Broadcast(value, self.lanes)

    def visit(self, node: Any) -> Any:
        """Refuse vectors that were there before."""
        result = super().visit(node)
        if isinstance(result, PrimExpr) and result.dtype.lanes not in (1, self.lanes):
            raise _reject("its body has vectors already")
        return result

    def visit_ramp_(self, node: Any) -> Any:
        """A vector of its own in the body."""
        raise _reject("its body has vectors already")

    visit_broadcast_ = visit_ramp_
    visit_shuffle_ = visit_ramp_

    def visit_binary_op_(self, node: Any) -> Any:
        """Arithmetic and comparisons."""
        if isinstance(node, And | Or):
            return self.logical(node)
        a, b = self.visit(node.a), self.visit(node.b)
        if a.dtype.lanes == 1 and b.dtype.lanes == 1:
            return rebuilt_binary(node, a, b)
        ramp = _ramp_arithmetic(node, a, b)
        if ramp is None and isinstance(node, FloorDiv | FloorMod):
            ramp = self.divided_ramp(node, a, b)
        if ramp is not None:
            return ramp
        if isinstance(node, Div | Mod | FloorDiv | FloorMod):
            b = self.safe_divisor(b)
        return type(node)(self.wide(a), self.wide(b))

    def safe_divisor(self, divisor: PrimExpr) -> PrimExpr:
        """An integer divisor that is 1 in lanes that are masked off."""
        if self.mask is None or divisor.dtype.is_float or isinstance(divisor, IntImm):
            return divisor
        one = const(1, divisor.dtype.with_lanes(self.lanes))
        return Select(self.wide(self.mask), self.wide(divisor), one)

    def divided_ramp(self, node: Any, a: PrimExpr, b: PrimExpr) -> PrimExpr | None:
        """`//` and `%` of a ramp whose lanes all fall between two multiples of a constant."""
        if not (isinstance(a, Ramp) and isinstance(b, IntImm) and isinstance(a.stride, IntImm)):
            return None
        step, divisor = a.stride.value, b.value
        if divisor <= 0 or step < 0 or a.base.dtype.lanes != 1:
            return None
        form = self.ranges.linear(a.base)
        if any(factor % divisor for _, factor in form.terms):
            return None
        if form.constant % divisor + step * (a.lanes - 1) >= divisor:
            return None
        if self.ranges.wraps(a.base):
            return None
        if isinstance(node, FloorDiv):
            return Broadcast(FloorDiv(a.base, b), a.lanes)
        return Ramp(const(form.constant % divisor, a.base.dtype), a.stride, a.lanes)

    def logical(self, node: Any) -> PrimExpr:
        """And, Or: the right side counts only where the left one does not decide."""
        is_and = isinstance(node, And)
        a = self.visit(node.a)
        if a.dtype.lanes > 1:
            b = self.under(a if is_and else Not(a), node.b)
            return type(node)(a, self.wide(b))
        b = self.visit(node.b)
        if b.dtype.lanes == 1:
            return rebuilt_binary(node, a, b)
        decided = Broadcast(const(not is_and, "bool"), self.lanes)
        parts = (a, b, decided) if is_and else (a, decided, b)
        return Call(b.dtype, "tir.if_then_else", parts)

    def under(self, condition: PrimExpr, node: Any) -> Any:
        """`node` rewritten for the lanes in which the vector `condition` holds."""
        before = self.mask
        self.mask = condition if before is None else And(before, condition)
        result = self.visit(node)
        self.mask = before
        return result

    def visit_not_(self, node: Any) -> Any:
        """A negation."""
        a = self.visit(node.a)
        return logical_not(a) if a.dtype.lanes == 1 else Not(a)

    def visit_select_(self, node: Any) -> Any:
        """A choice between two values."""
        parts = [self.visit(each) for each in (node.condition, node.true_value, node.false_value)]
        if all(each.dtype.lanes == 1 for each in parts):
            return Select(*parts)
        return Select(*[self.wide(each) for each in parts])

    def visit_cast_(self, node: Any) -> Any:
        """A conversion; a ramp stays one where no lane changes its value."""
        value = self.visit(node.value)
        if value.dtype.lanes == 1:
            return cast_to(node.dtype, value)
        if isinstance(value, Ramp) and node.dtype.is_int and value.dtype.is_int:
            low, high = self.ranges.interval(value)
            least, most = node.dtype.range()
            if not self.ranges.wraps(value) and least <= low and high <= most:
                base, stride = value.base.astype(node.dtype), value.stride.astype(node.dtype)
                return Ramp(base, stride, value.lanes)
        return Cast(node.dtype.with_lanes(self.lanes), value)

    def visit_let_(self, node: Any) -> Any:
        """A name for a value."""
        value = self.visit(node.value)
        var = self.named(node.var, value)
        return Let(var, value, self.visit(node.body))

    def named(self, var: Var, value: PrimExpr) -> Var:
        """The variable for a value, which may have become a vector."""
        if value.dtype.lanes == 1:
            return var
        new = Var(var.name, value.dtype)
        self.replaced[var] = new
        return new

    # Calls

    def visit_call_(self, node: Any) -> Any:
        """Elementwise intrinsics work on vectors; other calls must be the same for all lanes."""
        name = node.op.name if isinstance(node.op, Op) else ""
        if name == "tir.if_then_else":
            return self.choice(node)
        if name == "tir.check_index":
            return self.checked(node)
        args = [self.visit(each) for each in node.args]
        scalar = all(not isinstance(each, PrimExpr) or each.dtype.lanes == 1 for each in args)
        pure = isinstance(node.op, Op) and bool(node.op.get_attr("pure"))
        if scalar:
            if not pure or (self.mask is not None and name == "tir.call_pure_extern"):
                raise _reject(f"it calls {name.removeprefix('tir.') or 'a function'}")
            return node.replace(args=args)
        elementwise = name in ("tir.reinterpret", "tir.likely") or (
            pure and node.op.get_attr("numpy") is not None
        )
        if not elementwise or pointer_of(node) is not None:
            raise _reject(f"{name.removeprefix('tir.')} has no vector form")
        return Call(node.dtype.with_lanes(self.lanes), node.op, [self.wide(each) for each in args])

    def choice(self, node: Any) -> PrimExpr:
        """`if_then_else`."""
        condition = self.visit(node.args[0])
        if condition.dtype.lanes > 1:
            a = self.under(condition, node.args[1])
            b = self.under(Not(condition), node.args[2])
            return Select(condition, self.wide(a), self.wide(b))
        a, b = self.visit(node.args[1]), self.visit(node.args[2])
        if a.dtype.lanes == 1 and b.dtype.lanes == 1:
            return Call(node.dtype, node.op, (condition, a, b))
        dtype = node.dtype.with_lanes(self.lanes)
        return Call(dtype, node.op, (condition, self.wide(a), self.wide(b)))

    def checked(self, node: Any) -> PrimExpr:
        """`check_index`: each active lane is checked."""
        index, extent, where, active = node.args
        value, limit = self.visit(index), self.visit(extent)
        flag = self.visit(active)
        if self.mask is not None:
            flag = And(self.mask, self.wide(flag))
        if flag.dtype.lanes > 1:
            value = self.wide(value)
        return Call(value.dtype, node.op, (value, limit, where, flag))

    # Memory

    def visit_buffer_load_(self, node: Any) -> Any:
        """A load; under a mask only active lanes read."""
        if node.predicate is not None or node.buffer.dtype.lanes != 1:
            raise _reject("its body has vectors already")
        buffer, index = self.place(node)
        if index.dtype.lanes == 1:
            if self.mask is None:
                return BufferLoad(buffer, (index,))
            index = Broadcast(index, self.lanes)
        return BufferLoad(buffer, (index,), self.mask)

    def place(self, node: Any) -> tuple[Buffer, PrimExpr]:
        """The buffer of an access, and the index there."""
        (index,) = [self.visit(each) for each in node.indices]
        buffer = self.replaced.get(node.buffer, node.buffer)
        if buffer.data not in self.private:
            return buffer, index
        if index.dtype.lanes == 1:
            return buffer, Ramp(mul(index, self.lanes), const(1, index.dtype), self.lanes)
        steps = Ramp(const(0, index.dtype.scalar), const(1, index.dtype.scalar), self.lanes)
        factor = Broadcast(const(self.lanes, index.dtype.scalar), self.lanes)
        return buffer, Add(Mul(index, factor), steps)

    def visit_buffer_store_(self, node: Any) -> Any:
        """A store."""
        if node.predicate is not None or node.buffer.dtype.lanes != 1:
            raise _reject("its body has vectors already")
        value = self.visit(node.value)
        buffer, index = self.place(node)
        if index.dtype.lanes == 1:
            raise _reject(f"all iterations store to one element of {buffer.name!r}")
        return BufferStore(buffer, self.wide(value), (index,), self.mask)

    def visit_allocate_(self, node: Any) -> Any:
        """Memory inside the loop: each lane has its own, side by side."""
        self.private.add(node.buffer_var)
        (extent,) = node.extents
        extent = self.uniform(extent, "the size of an allocation")
        return node.replace(extents=(mul(extent, self.lanes),), body=self.visit(node.body))

    def visit_decl_buffer_(self, node: Any) -> Any:
        """A view of memory."""
        buffer = node.buffer
        if buffer.data in self.private:
            self.replaced[buffer] = Buffer(
                buffer.data,
                buffer.dtype,
                [mul(self.uniform(buffer.shape[0], "the size of an allocation"), self.lanes)],
                name=buffer.name,
            )
        return DeclBuffer(self.replaced.get(buffer, buffer), self.visit(node.body))

    # Statements

    def uniform(self, expr: PrimExpr, what: str) -> PrimExpr:
        """An expression that must be the same for all lanes."""
        value = self.visit(expr)
        if value.dtype.lanes != 1:
            raise _reject(f"{what} differs between iterations")
        return value

    def visit_for_(self, node: Any) -> Any:
        """A loop inside runs for all lanes together."""
        low = self.uniform(node.min, "the start of a loop inside")
        extent = self.uniform(node.extent, "the length of a loop inside")
        kind = ForKind.SERIAL if node.kind == ForKind.PARALLEL else node.kind
        return keep_loop(node, min=low, extent=extent, kind=kind, body=self.visit(node.body))

    def visit_if_then_else_(self, node: Any) -> Any:
        """A condition for all lanes stays; one a lane becomes the mask of what is under it."""
        condition = self.visit(node.condition)
        if condition.dtype.lanes == 1:
            else_case = None if node.else_case is None else self.visit(node.else_case)
            return IfThenElse(condition, self.visit(node.then_case), else_case)
        mask = Var("mask", condition.dtype)
        parts = [self.under(mask, node.then_case)]
        if node.else_case is not None:
            parts.append(self.under(Not(mask), node.else_case))
        return LetStmt(mask, condition, seq(*parts))

    def visit_let_stmt_(self, node: Any) -> Any:
        """A name for a value."""
        value = self.visit(node.value)
        var = self.named(node.var, value)
        return LetStmt(var, value, self.visit(node.body))

    def visit_seq_stmt_(self, node: Any) -> Any:
        """One statement after another, each for all lanes."""
        return seq(*[self.visit(each) for each in node.seq])

    def visit_evaluate_(self, node: Any) -> Any:
        """An effect cannot happen for all lanes at once."""
        if isinstance(node.value, IntImm | StringImm):
            return node
        raise _reject("it evaluates something for its effect")

    def visit_assert_stmt_(self, node: Any) -> Any:
        """An assertion about all lanes."""
        if self.mask is not None:
            raise _reject("an assertion stands under a condition that differs between iterations")
        condition = self.uniform(node.condition, "the condition of an assertion")
        return AssertStmt(condition, node.message, self.visit(node.body))

    def visit_attr_stmt_(self, node: Any) -> Any:
        """A hint."""
        return AttrStmt(node.node, node.attr_key, node.value, self.visit(node.body))

    def visit_allocate_const_(self, node: Any) -> Any:
        """Constant memory is the same for all lanes."""
        return node.replace(body=self.visit(node.body))

    def visit_while_(self, node: Any) -> Any:
        """Lanes would leave such a loop one by one."""
        raise _reject("a while loop stands in it")


def _ramp_arithmetic(node: Any, a: PrimExpr, b: PrimExpr) -> PrimExpr | None:
    """Sums and products that stay ramps."""
    left, right = _as_ramp(a), _as_ramp(b)
    if left is None or right is None:
        return None
    lanes = max(a.dtype.lanes, b.dtype.lanes)
    if isinstance(node, Add):
        return Ramp(add(left[0], right[0]), add(left[1], right[1]), lanes)
    if isinstance(node, Sub):
        return Ramp(sub(left[0], right[0]), sub(left[1], right[1]), lanes)
    if isinstance(node, Mul):
        if b.dtype.lanes == 1:
            return Ramp(mul(left[0], b), mul(left[1], b), lanes)
        if a.dtype.lanes == 1:
            return Ramp(mul(a, right[0]), mul(a, right[1]), lanes)
    return None


def _as_ramp(value: PrimExpr) -> tuple[PrimExpr, PrimExpr] | None:
    """Base and stride of an integer ramp, or of a scalar (with stride 0)."""
    if isinstance(value, Ramp) and value.base.dtype.lanes == 1:
        return value.base, value.stride
    if value.dtype.lanes == 1 and value.dtype.is_integer:
        return value, const(0, value.dtype)
    return None


class _Vectorize(Folder):
    """Finds vectorized loops, inner ones first."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges

    def visit_for_(self, node: Any) -> Any:
        """A loop: vectorized ones disappear."""
        bind_loop(self.ranges, node)
        low, extent, body = self.visit(node.min), self.visit(node.extent), self.visit(node.body)
        loop = keep_loop(node, min=low, extent=extent, body=body)
        if node.kind != ForKind.VECTORIZED:
            return loop
        if not isinstance(extent, IntImm):
            return _serial(loop, "the number of iterations is not constant")
        if extent.value <= 0:
            return Evaluate(0)
        lanes = extent.value
        reason = lane_conflict(body, node.loop_var, lanes, self.ranges)
        if reason is not None:
            return _serial(loop, reason)
        try:
            return self.pieces(loop, lanes)
        except NoVectorForm as refusal:
            return _serial(loop, str(refusal))

    def pieces(self, loop: For, lanes: int) -> Stmt:
        """The loop in pieces of at most `MAX_LANES` lanes."""
        whole, rest = divmod(lanes, MAX_LANES)
        if lanes <= MAX_LANES:
            return self.lanes(loop, loop.min, lanes, loop.body)
        outer = Var(f"{loop.loop_var.name}_o", loop.loop_var.dtype)
        self.ranges.bind(outer, 0, whole - 1)
        low = add(loop.min, mul(outer, MAX_LANES))
        parts: list[Stmt] = [
            For(
                outer,
                const(0, outer.dtype),
                const(whole, outer.dtype),
                ForKind.SERIAL,
                self.lanes(loop, low, MAX_LANES, loop.body),
            )
        ]
        if rest:
            tail = add(loop.min, const(whole * MAX_LANES, loop.min.dtype))
            parts.append(self.lanes(loop, tail, rest, fresh_copy(loop.body)))
        return seq(*parts)

    def lanes(self, loop: For, low: PrimExpr, lanes: int, body: Stmt) -> Stmt:
        """The body for `lanes` iterations from `low` at once."""
        if lanes == 1:
            return fold_substitute(body, {loop.loop_var: low})
        return _Lanes(loop.loop_var, low, lanes, self.ranges).visit(body)


def _serial(loop: For, reason: str) -> For:
    annotations = loop.annotations.updated({REFUSED: reason})
    return loop.replace(kind=ForKind.SERIAL, annotations=annotations)


def function_ranges(func: PrimFunc) -> Ranges:
    """What is known of a function's parameters: dimensions are not negative."""
    ranges = Ranges()
    for buffer in func.buffers:
        for extent in buffer.shape:
            if isinstance(extent, Var):
                ranges.bind(extent, 0, MAX_EXTENT)
    return ranges


def vectorize_loop(func: PrimFunc) -> PrimFunc:
    """The function without vectorized loops."""
    return func.with_body(_Vectorize(function_ranges(func)).visit(func.body))


class _Serialize(Folder):
    def visit_for_(self, node: Any) -> Any:
        """A loop."""
        new = self.visit_default(node)
        return new.replace(kind=ForKind.SERIAL) if new.kind == ForKind.VECTORIZED else new


def serialize_vectorized(func: PrimFunc) -> PrimFunc:
    """The function with vectorized loops made serial."""
    return func.with_body(_Serialize().visit(func.body))


def verify_no_vectorized(func: PrimFunc) -> None:
    """No loop is vectorized."""
    forbid(
        func,
        "VectorizeLoop",
        "vectorized loop",
        lambda node: isinstance(node, For) and node.kind == ForKind.VECTORIZED,
    )


def VectorizeLoop(enable_vectorize: bool = True) -> Pass:
    """The pass that turns vectorized loops into vector operations (without `enable_vectorize`:
    into serial loops).
    """
    return stage(
        "VectorizeLoop",
        vectorize_loop if enable_vectorize else serialize_vectorized,
        verify_no_vectorized,
    )
