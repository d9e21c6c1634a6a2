"""Statements of lowered loop functions as LLVM code.

In: the body of a function after the lowering stages (flat buffers, no blocks, no vectorized loops).
Out: instructions in the current function. Unrolled loops are straight code here: the loop variable
becomes a constant, and the body is emitted once for each of its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.emit_packed import PackedEmitter
from pellucid.codegen.llvm.graph_values import declare
from pellucid.codegen.llvm.types import size, split
from pellucid.codegen.llvm.value import Value
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.visitor import iter_children
from pellucid.runtime import abi, dtypes
from pellucid.support.errors import InternalError
from pellucid.tir import stmt as tir
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import ForKind
from pellucid.tir.transform.check_annotations import IMPORT_LLVM

STACK_BYTES = 64 * 1024
"""Constant allocations up to this size live on the stack, as long as all of a function's ..."""
STACK_TOTAL = 512 * 1024
"""... do not exceed this."""
STACK_RECURSIVE = 1024
"""As `STACK_TOTAL`, for functions that call themselves."""
UNROLL_LIMIT = 512
"""Unrolled loops that would make more copies of a body than this are emitted as loops."""
UNROLL_LOOPS_LIMIT = 64
"""The same where the body has loops of its own."""
LARGE_BODY = 8
"""Loops around so many copies of a statement, or more, are not unrolled by LLVM ..."""
SHORT_LOOP = 16
"""... unless they have at most so many iterations."""


class StmtEmitter(PackedEmitter):
    """The part of the emitter that runs statements."""

    def run(self, statement: tir.Stmt) -> None:
        """Emit a statement."""
        rule = _RULES.get(type(statement))
        if rule is None:
            raise InternalError(f"the emitter knows no {type(statement).__name__}")
        rule(self, statement)

    # Loops

    def loop(self, loop: Any) -> None:
        """A loop of any kind."""
        low, high = self.ranges.interval(loop.min)
        least, most = self.ranges.interval(loop.extent)
        self.ranges.bind(loop.loop_var, low, high + max(most, 1) - 1)
        begin, extent = self.index(loop.min), self.index(loop.extent)
        if most <= 0:
            return
        if extent.constant == 1 or self.is_unrolled(loop, extent.constant):
            self.unrolled(loop, begin, extent.constant or 0)
        elif loop.kind == ForKind.PARALLEL and not self.in_parallel:
            self.parallel(loop, begin, extent)
        elif loop.kind in (ForKind.VECTORIZED, ForKind.THREAD_BINDING):
            raise InternalError(f"a {loop.kind.name.lower()} loop reached the emitter")
        else:
            self.serial(loop, begin, extent, least >= 1)

    def is_unrolled(self, loop: Any, count: int | None) -> bool:
        """Whether a loop becomes straight code: it is to be unrolled, and the copies are few."""
        if loop.kind != ForKind.UNROLLED or count is None:
            return False
        copies, loops = _inside(loop.body)
        return self.copies * count * copies <= (UNROLL_LOOPS_LIMIT if loops else UNROLL_LIMIT)

    def unrolled(self, loop: Any, begin: Value, count: int) -> None:
        """The body once for each value of the variable."""
        before = self.copies
        self.copies *= max(count, 1)
        for step in range(count):
            self.bind_wide(loop.loop_var, self.f.add(begin, step))
            self.run(loop.body)
        self.copies = before

    def serial(self, loop: Any, begin: Value, extent: Value, runs: bool) -> None:
        """A counted loop."""
        end = self.f.add(begin, extent)
        # A body with many copies in it fills the registers: LLVM need not make more of them.
        # Short loops it may still write out: what they keep in memory becomes registers then.
        short = extent.constant is not None and extent.constant <= SHORT_LOOP
        full = not short and _inside(loop.body)[0] >= LARGE_BODY
        hint = self.module.loop_metadata("llvm.loop.unroll.disable") if full else ""
        with (
            self.f.loop(begin, end, at_least_once=runs, metadata=hint) as counted,
            self.region(),
        ):
            self.bind_wide(loop.loop_var, counted.index)
            self.know_positive(loop.extent)
            self.run(loop.body)

    def know_positive(self, extent: ir.PrimExpr) -> None:
        """Inside a loop its extent is not zero, nor are the factors of it."""
        pending = [extent]
        while pending:
            each = pending.pop()
            self.nonzero.add(each)
            if isinstance(each, ir.Mul):
                pending += [each.a, each.b]
            elif isinstance(each, ir.Cast) and each.value.dtype.is_integer:
                pending.append(each.value)

    def parallel(self, loop: Any, begin: Value, extent: Value) -> None:
        """A loop on several threads; see `emit_parallel`."""
        raise NotImplementedError

    def while_loop(self, statement: Any) -> None:
        """While."""
        f = self.f
        head, body, done = f.block("while"), f.block("body"), f.block("done")
        f.branch(head)
        f.start(head)
        with self.region():
            f.branch_if(self.expr(statement.condition), body, done)
            f.start(body)
            self.run(statement.body)
        f.branch(head)
        f.start(done)

    # Choices and names

    def choice(self, statement: Any) -> None:
        """IfThenElse."""
        condition = self.expr(statement.condition)
        if statement.else_case is None:
            with self.f.when(condition), self.region():
                self.run(statement.then_case)
            return
        with self.f.when_else(condition) as other:
            with self.region():
                self.run(statement.then_case)
            self.f.otherwise(other)
            with self.region():
                self.run(statement.else_case)

    def let_statement(self, statement: Any) -> None:
        """LetStmt."""
        self.bind_value(statement.var, statement.value)
        self.run(statement.body)

    def sequence(self, statement: Any) -> None:
        """SeqStmt."""
        for each in statement.seq:
            self.run(each)

    def evaluate(self, statement: Any) -> None:
        """Evaluate; `T.ret` leaves the function."""
        value = statement.value
        if isinstance(value, ir.Call) and isinstance(value.op, Op) and value.op.name == "tir.ret":
            self.leave_with(value.args[0])
        elif not isinstance(value, ir.IntImm | ir.FloatImm | ir.StringImm):
            self.expr(value)

    def leave_with(self, value: Any) -> None:
        """Leave the function with a value."""
        dtype: DataType = value.dtype
        emitted = self.expr(value)
        if self.result is not None:
            self.put(self.result, *self.any_of(emitted, dtype))
        self.leave(0)
        self.f.start(self.f.block("dead"))

    def any_of(self, value: Value, dtype: DataType) -> tuple[int, Value]:
        """Type index and payload of a number as a TVMFFIAny."""
        if dtype.is_float:
            return abi.FLOAT, convert(self.f, value, dtype, "float64")
        if dtype.is_handle:
            return abi.OPAQUE_PTR, value
        return abi.BOOL if dtype.is_bool else abi.INT, convert(self.f, value, dtype, "int64")

    def check(self, statement: Any) -> None:
        """AssertStmt."""
        message = statement.message
        text = message.value if isinstance(message, ir.StringImm) else "assertion failed"
        condition = self.expr(statement.condition)
        self.fail_unless(condition, abi.RUN_ERROR, f"{self.shared.name}: {text}")
        self.run(statement.body)

    def attribute(self, statement: Any) -> None:
        """AttrStmt: LLVM code to link; the others that are known here are hints."""
        if statement.attr_key == IMPORT_LLVM:
            where = f"{self.shared.name} (at {statement.node})"
            self.module.import_llvm(statement.value.value, where)
        self.run(statement.body)

    # Memory

    def store_statement(self, statement: Any) -> None:
        """BufferStore."""
        self.store(statement)

    def allocate(self, statement: Any) -> None:
        """Allocate."""
        self.with_memory(
            statement.buffer_var,
            statement.dtype,
            statement.extents,
            lambda: self.run(statement.body),
        )

    def declare(self, statement: Any) -> None:
        """DeclBuffer: a view, or memory of its own when its pointer is new."""
        buffer: Buffer = statement.buffer
        if buffer.data in self.vars:
            self.run(statement.body)
            return
        self.with_memory(buffer.data, buffer.dtype, buffer.shape, lambda: self.run(statement.body))

    def with_memory(
        self,
        pointer: ir.Var,
        dtype: DataType,
        extents: tuple[ir.PrimExpr, ...],
        body: Callable[[], None],
    ) -> None:
        """Run `body` with memory behind `pointer`, on the stack or from the pool of the runtime."""
        count = _constant_count(extents)
        if count is not None:
            total = count * size(dtype)
            shared = self.shared
            limit = STACK_RECURSIVE if shared.cycle else STACK_TOTAL
            if total <= STACK_BYTES and shared.stack_bytes + total <= limit:
                shared.stack_bytes += total
                scalar, inner = split(dtype)
                memory = self.f.alloca(
                    scalar.memory, max(count * inner, 1), abi.ALIGNMENT, f"{_plain(pointer.name)}."
                )
                self.bind(pointer, memory, private=True)
                self.stack.add(pointer)
                body()
                return
        memory = self.from_pool(pointer, self.byte_count(pointer, dtype, extents))
        self.bind(pointer, memory, private=True)

        def release() -> None:
            self.f.call(declare(self.module, "pellucid_free"), "void", [memory])

        with self.on_exit(release):
            body()

    def byte_count(
        self, pointer: ir.Var, dtype: DataType, extents: tuple[ir.PrimExpr, ...]
    ) -> Value:
        """The bytes of an allocation as an i64; an overflow is an error of memory."""
        f = self.f
        total = f.iconst("i64", size(dtype))
        for each in extents:
            extent = self.index(each)
            if extent.constant is not None and total.constant is not None:
                total = f.iconst("i64", max(extent.constant, 0) * total.constant)
                continue
            extent = f.intrinsic("llvm.smax", "i64", [extent, f.iconst("i64", 0)])
            pair = f.intrinsic("llvm.smul.with.overflow", "{ i64, i1 }", [total, extent], ("i64",))
            self.fail_unless(
                f.lnot(f.extract_value("i1", pair, 1)), abi.MEMORY_ERROR, self.no_memory(pointer)
            )
            total = f.extract_value("i64", pair, 0)
        return total

    def no_memory(self, pointer: ir.Var) -> str:
        """The message when an allocation fails."""
        return f"{self.shared.name}: there is no memory for {pointer.name!r}"

    def from_pool(self, pointer: ir.Var, total: Value) -> Value:
        """Memory of `total` bytes from the runtime."""
        f = self.f
        allocate = declare(self.module, "pellucid_alloc")
        memory = f.call(allocate, "ptr", [total], flags="noalias align 64")
        got = f.icmp("ne", memory, Value("ptr", "null"))
        self.fail_unless(got, abi.MEMORY_ERROR, self.no_memory(pointer))
        return memory

    def allocate_const(self, statement: Any) -> None:
        """AllocateConst: a constant of the module."""
        wanted = dtypes.to_numpy(str(statement.dtype))
        data = np.ascontiguousarray(statement.value, dtype=wanted).tobytes()
        number = len(self.module.functions)
        name = f"{self.shared.name}.{_plain(statement.buffer_var.name)}.{number}"
        while self.module.has_global(name):
            number += 1
            name = f"{self.shared.name}.{_plain(statement.buffer_var.name)}.{number}"
        text = 'c"' + ("\\" + data.hex("\\") if data else "") + '"'
        place = self.module.global_value(
            name, f"[{len(data)} x i8]", text, align=abi.ALIGNMENT, constant=True
        )
        self.bind(statement.buffer_var, place, private=True)
        self.run(statement.body)

    # Other loop functions

    def call_function(self, expr: Any) -> Value:
        """A call of another loop function of the module."""
        assert isinstance(expr.op, GlobalVar)
        name = expr.op.name_hint
        callee = self.shared.functions[name]
        values: list[Value] = []
        for param, arg in zip(callee.params, expr.args, strict=True):
            values.append(self.pointer(arg) if isinstance(arg, Buffer) else self.expr(arg))
            del param
        result = None
        if expr.dtype.kind != "void" and _returns(callee):
            result = self.f.alloca(abi.LLVM_ANY, 1, 8, "result")
            self.put(result, abi.NONE, self.f.iconst("i64", 0))
            values.append(result)
        prefix = abi.RAW_PREFIX
        if name in self.shared.cycle:
            assert self.calls_around is not None
            values.append(self.f.add(self.calls_around, 1))
            prefix = abi.COUNTED_PREFIX
        status = self.f.call(f"{prefix}{name}", "i32", values)
        self.pass_on(status)
        if result is None:
            return self.f.iconst("i32", 0)
        return self.number_of(result, expr.dtype)

    def number_of(self, slot: Value, dtype: DataType) -> Value:
        """The number of `dtype` in a TVMFFIAny."""
        payload = self.f.gep("i8", slot, abi.ANY_VALUE)
        if dtype.is_float:
            return convert(self.f, self.f.load("double", payload, 8), "float64", dtype)
        return convert(self.f, self.f.load("i64", payload, 8), "int64", dtype)


def _inside(body: Any) -> tuple[int, bool]:
    """How many copies the unrolled loops in a statement make of their bodies, and whether it has
    loops of other kinds.
    """
    if isinstance(body, tir.For):
        copies, loops = _inside(body.body)
        if body.kind == ForKind.UNROLLED and isinstance(body.extent, ir.IntImm):
            return copies * max(body.extent.value, 1), loops
        return copies, True
    found = [_inside(each) for each in iter_children(body) if isinstance(each, tir.Stmt)]
    return max((copies for copies, _ in found), default=1), any(loops for _, loops in found)


def _returns(func: Any) -> bool:
    return hasattr(func.ret_type, "dtype")


def _constant_count(extents: tuple[ir.PrimExpr, ...]) -> int | None:
    total = 1
    for each in extents:
        if not isinstance(each, ir.IntImm):
            return None
        total *= max(each.value, 0)
    return total


def _plain(name: str) -> str:
    """A name as LLVM identifiers allow it."""
    return "".join(each if each.isalnum() and each.isascii() else "_" for each in name)


Rule = Callable[[Any, Any], None]
_RULES: dict[type[tir.Stmt], Rule] = {
    tir.For: StmtEmitter.loop,
    tir.While: StmtEmitter.while_loop,
    tir.IfThenElse: StmtEmitter.choice,
    tir.LetStmt: StmtEmitter.let_statement,
    tir.SeqStmt: StmtEmitter.sequence,
    tir.Evaluate: StmtEmitter.evaluate,
    tir.BufferStore: StmtEmitter.store_statement,
    tir.AssertStmt: StmtEmitter.check,
    tir.AttrStmt: StmtEmitter.attribute,
    tir.Allocate: StmtEmitter.allocate,
    tir.AllocateConst: StmtEmitter.allocate_const,
    tir.DeclBuffer: StmtEmitter.declare,
}
