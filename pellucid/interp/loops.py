"""The meaning of loop functions: every statement, run one element at a time on NumPy memory.

Loops of all kinds run in order (a correct parallel or vectorized loop does not notice), thread-
bound loops and thread
extents too. Works on functions with blocks as well as on lowered ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from pellucid.interp.foreign import call_meaning, without_count
from pellucid.interp.memory import Pointer, Storage, View, compact_strides
from pellucid.interp.scalar import ReturnValueError, ScalarEvaluator
from pellucid.interp.values import element, is_lanes, numpy_dtype
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.prim_expr import PrimExpr
from pellucid.runtime.dtypes import SCALARS
from pellucid.runtime.registry import get_global_func
from pellucid.runtime.tensor import Tensor
from pellucid.support.errors import ArgumentError, InterpreterError, RunError, UnsupportedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir import stmt as tir
from pellucid.tir.analysis.call_cycle import DEEPEST_CALL
from pellucid.tir.block import BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, full_region
from pellucid.tir.function import PrimFunc


class LoopInterpreter(ScalarEvaluator):
    """Runs the statements of one call of a loop function."""

    def __init__(self, module: IRModule | None = None, name: str = "main") -> None:
        super().__init__()
        allow_deep_recursion()
        self.module = module
        self.name = name
        self.views: dict[Buffer, View] = {}
        self.calls_around = 0

    # Arguments

    def bind(self, func: PrimFunc, args: tuple[Any, ...]) -> None:
        """Bind the parameters: arrays and storages to buffers, numbers to scalars, shapes to
        symbolic dimensions.
        """
        if len(args) != len(func.params):
            raise ArgumentError(
                f"{self.name} takes {len(func.params)} arguments.", found=f"{len(args)} arguments"
            )
        for param, arg in zip(func.params, args, strict=True):
            if param not in func.buffer_map:
                self.env[param] = arg.item() if isinstance(arg, np.generic) else arg
        for param, arg in zip(func.params, args, strict=True):
            if param in func.buffer_map:
                self.bind_bare_dimensions(func.buffer_map[param], arg)
        for param, arg in zip(func.params, args, strict=True):
            if param in func.buffer_map:
                self.bind_tensor(func.buffer_map[param], arg)
                self.env[param] = self.env[func.buffer_map[param].data]

    def bind_bare_dimensions(self, buffer: Buffer, arg: Any) -> None:
        """Bind the variables that stand alone as dimensions, so that an expression over one may
        come in an earlier argument.
        """
        shape = getattr(arg, "shape", ())
        for expr, extent in zip(buffer.shape, shape, strict=False):
            if isinstance(expr, ir.Var) and expr not in self.env:
                self.env[expr] = int(extent)

    def bind_tensor(self, buffer: Buffer, arg: Any) -> None:
        """Bind a buffer parameter to an array or a `View`; its free dimensions are bound by first
        use.
        """
        view = arg if isinstance(arg, View) else _array_view(buffer, arg, self.name)
        if view.dtype != buffer.dtype:
            raise ArgumentError(
                f"{self.name}: argument {buffer.name!r} has the wrong dtype.",
                expected=str(buffer.dtype),
                found=str(view.dtype),
            )
        if len(view.shape) != len(buffer.shape):
            raise ArgumentError(
                f"{self.name}: argument {buffer.name!r} has the wrong rank.",
                expected=f"{len(buffer.shape)} dimensions",
                found=f"{len(view.shape)}",
            )
        for axis, (expr, extent) in enumerate(zip(buffer.shape, view.shape, strict=True)):
            self.match(expr, extent, f"{self.name}: argument {buffer.name!r}, dimension {axis}")
        for axis, expr in enumerate(buffer.strides):
            self.match(
                expr, view.strides[axis], f"{self.name}: argument {buffer.name!r}, stride {axis}"
            )
        self.match(buffer.elem_offset, 0, f"{self.name}: argument {buffer.name!r}, offset")
        self.env.setdefault(buffer.data, Pointer(view.storage, view.offset))
        self.views[buffer] = View(
            buffer.name, view.storage, view.offset, view.shape, view.strides, buffer.dtype
        )

    def match(self, expr: PrimExpr, value: int, what: str) -> None:
        """Bind a free variable to `value`, or check that the expression has it."""
        if isinstance(expr, ir.Var) and expr not in self.env:
            self.env[expr] = value
        elif self.integer(expr) != value:
            raise ArgumentError(
                f"{what} does not fit.", expected=str(self.integer(expr)), found=str(value)
            )

    # Memory

    def view(self, buffer: Buffer) -> View:
        """The concrete view of a buffer: bound by a declaration, or computed from its pointer."""
        found = self.views.get(buffer)
        if found is not None:
            return found
        pointer = self.env.get(buffer.data)
        if not isinstance(pointer, Pointer):
            raise InterpreterError(f"The buffer {buffer.name!r} has no memory here.")
        shape = tuple(self.integer(extent) for extent in buffer.shape)
        strides = tuple(self.integer(s) for s in buffer.strides) or compact_strides(shape)
        offset = pointer.offset + self.integer(buffer.elem_offset)
        storage = _storage_as(pointer.storage, buffer.dtype)
        return View(buffer.name, storage, offset, shape, strides, buffer.dtype)

    def allocate(self, buffer: Buffer) -> None:
        """Fresh memory for a buffer."""
        shape = tuple(self.integer(extent) for extent in buffer.shape)
        if min(shape, default=0) < 0:
            raise InterpreterError(
                f"The buffer {buffer.name!r} has a negative extent.", found=str(list(shape))
            )
        strides = tuple(self.integer(s) for s in buffer.strides) or compact_strides(shape)
        last = sum((extent - 1) * s for extent, s in zip(shape, strides, strict=True))
        size = 0 if 0 in shape else last + 1 + self.integer(buffer.elem_offset)
        storage = Storage.fresh(buffer.name, size, numpy_dtype(buffer.dtype))
        self.env[buffer.data] = Pointer(storage)
        offset = self.integer(buffer.elem_offset)
        self.views[buffer] = View(buffer.name, storage, offset, shape, strides, buffer.dtype)

    def eval_other(self, expr: PrimExpr) -> Any:
        """Loads."""
        if not isinstance(expr, BufferLoad):
            return super().eval_other(expr)
        view = self.view(expr.buffer)
        indices = [self.eval(index) for index in expr.indices]
        if expr.dtype.lanes == 1:
            return element(view.read(tuple(indices)), expr.dtype)
        mask = None if expr.predicate is None else np.atleast_1d(self.eval(expr.predicate))
        lanes = np.zeros(expr.dtype.lanes, numpy_dtype(expr.dtype))
        for lane in range(expr.dtype.lanes):
            if mask is None or mask[lane]:
                lanes[lane] = view.read(_lane(indices, lane))
        return lanes

    def store(self, statement: tir.BufferStore) -> None:
        """A store, lane by lane."""
        value = self.eval(statement.value)
        view = self.view(statement.buffer)
        indices = [self.eval(index) for index in statement.indices]
        lanes = statement.value.dtype.lanes
        mask = (
            None if statement.predicate is None else np.atleast_1d(self.eval(statement.predicate))
        )
        if lanes == 1:
            if mask is None or mask[0]:
                view.write(tuple(indices), value)
            return
        for lane in range(lanes):
            if mask is None or mask[lane]:
                view.write(_lane(indices, lane), value[lane])

    # Statements

    def run(self, statement: tir.Stmt) -> None:
        """Run one statement."""
        rule = _STATEMENTS.get(type(statement))
        if rule is None:
            raise UnsupportedError(
                f"The interpreter has no meaning for {type(statement).__name__}."
            )
        rule(self, statement)

    def loop(self, statement: tir.For) -> None:
        """A loop of any kind, in order."""
        low = self.integer(statement.min)
        for value in range(low, low + self.integer(statement.extent)):
            self.env[statement.loop_var] = value
            self.run(statement.body)

    def block(self, realize: BlockRealize) -> None:
        """One instance of a block."""
        if not self.eval(realize.predicate):
            return
        block = realize.block
        first = True
        values = [self.eval(value) for value in realize.iter_values]
        for iter_var, value in zip(block.iter_vars, values, strict=True):
            low, extent = self.domain(iter_var)
            if not low <= value < low + extent:
                raise InterpreterError(
                    f"The block {block.name_hint!r} is bound outside its domain.",
                    expected=f"{low} <= {iter_var.var.name} < {low + extent}",
                    found=str(value),
                )
            self.env[iter_var.var] = value
            if iter_var.iter_type == ir.IterVar.CommReduce and value != low:
                first = False
        for buffer in block.alloc_buffers:
            self.allocate(buffer)
        for match in block.match_buffers:
            self.match_region(match.buffer, match.source)
        if block.init is not None and first:
            self.run(block.init)
        self.run(block.body)

    def domain(self, iter_var: ir.IterVar) -> tuple[int, int]:
        """Least value and extent of an iteration variable."""
        if iter_var.dom is None:
            raise InterpreterError(f"The iteration variable {iter_var.var.name!r} has no domain.")
        return self.integer(iter_var.dom.min), self.integer(iter_var.dom.extent)

    def match_region(self, target: Buffer, source: BufferRegion) -> None:
        """Make `target` a view of a region: leading dimensions of extent one may be dropped."""
        outer = self.view(source.buffer)
        lows = tuple(self.integer(each.min) for each in source.region)
        extents = tuple(self.integer(each.extent) for each in source.region)
        drop = len(extents) - len(target.shape)
        if drop < 0 or any(extent != 1 for extent in extents[:drop]):
            raise InterpreterError(
                f"The view {target.name!r} does not fit its region.",
                expected=f"{len(target.shape)} dimensions, after leading ones of extent 1",
                found=str(extents),
            )
        offset = outer.offset + sum(i * s for i, s in zip(lows, outer.strides, strict=True))
        strides = outer.strides[drop:]
        for expr, extent in zip(target.shape, extents[drop:], strict=True):
            self.match(expr, extent, f"view {target.name!r}")
        for expr, stride in zip(target.strides, strides, strict=False):
            self.match(expr, stride, f"view {target.name!r}, stride")
        if isinstance(target.elem_offset, ir.Var):
            self.env[target.elem_offset] = offset
        self.env[target.data] = Pointer(
            outer.storage, 0 if isinstance(target.elem_offset, ir.Var) else offset
        )
        self.views[target] = View(
            target.name, outer.storage, offset, extents[drop:], strides, target.dtype
        )

    # Calls

    def call(self, expr: Any) -> Any:
        """Calls that need memory, packed functions, or other functions of the module."""
        if isinstance(expr.op, GlobalVar):
            return self.call_function(expr)
        rule = _MEMORY_CALLS.get(expr.op.name)
        if rule is None:
            raise UnsupportedError(
                f"The interpreter has no meaning for the intrinsic {expr.op.name}.",
                found=repr(expr),
            )
        return rule(self, expr)

    def call_function(self, expr: Any) -> Any:
        """A call of another loop function of the module."""
        name = expr.op.name_hint
        if self.module is None or name not in self.module:
            raise InterpreterError(f"There is no function {name!r} to call.")
        if self.calls_around >= DEEPEST_CALL:
            raise InterpreterError(
                f"{name} is called too deeply.",
                expected=f"at most {DEEPEST_CALL} calls inside each other",
                cure="look for a recursion that does not end",
            )
        args = [self.argument(each) for each in expr.args]
        return run_prim_func(
            self.module[name], args, self.module, name, calls_around=self.calls_around + 1
        )

    def argument(self, arg: Any) -> Any:
        """An argument of a packed call: scalars by value, loads and regions as tensors, strings as
        they are.
        """
        if isinstance(arg, BufferRegion):
            return self.region_array(arg)
        if isinstance(arg, Buffer):
            view = self.view(arg)
            return view
        return self.eval(arg)

    def region_array(self, region: BufferRegion) -> np.ndarray[Any, Any]:
        """The elements of a region, as a strided view of the storage."""
        view = self.view(region.buffer)
        lows = [self.integer(each.min) for each in region.region]
        extents = [self.integer(each.extent) for each in region.region]
        start = view.offset + sum(i * s for i, s in zip(lows, view.strides, strict=True))
        size = view.storage.values.itemsize
        return np.lib.stride_tricks.as_strided(
            view.storage.values[start:], extents, [s * size for s in view.strides]
        )


def _lane(indices: list[Any], lane: int) -> tuple[int, ...]:
    return tuple([int(i[lane]) if is_lanes(i) else int(i) for i in indices])


def _storage_as(storage: Storage, dtype: DataType) -> Storage:
    wanted = numpy_dtype(dtype)
    if storage.values.dtype == wanted:
        return storage
    if storage.values.dtype.itemsize != wanted.itemsize:
        raise UnsupportedError(
            f"The memory {storage.name!r} is seen as elements of another size.",
            expected=str(storage.values.dtype),
            found=str(wanted),
        )
    return Storage(storage.name, storage.values.view(wanted), storage.written)


def _array_view(buffer: Buffer, arg: Any, name: str) -> View:
    if isinstance(arg, Tensor):
        arg = arg.numpy() if arg.dtype in _BY_BYTES else np.from_dlpack(cast("Any", arg))
    if not is_lanes(arg):
        raise ArgumentError(
            f"{name}: argument {buffer.name!r} must be an array.", found=type(arg).__name__
        )
    dtype = _DTYPE_OF_ARRAY.get(arg.dtype)
    if dtype is None:
        raise ArgumentError(
            f"{name}: argument {buffer.name!r} has a dtype that tensors cannot have.",
            found=str(arg.dtype),
        )
    shape = tuple(arg.shape)
    if arg.flags.c_contiguous or arg.size == 0:
        storage = Storage.of_array(buffer.name, arg)
        return View(buffer.name, storage, 0, shape, compact_strides(shape), dtype)
    if not buffer.strides:
        raise ArgumentError(
            f"{name}: argument {buffer.name!r} is not compact.",
            cure="pass numpy.ascontiguousarray(x)",
        )
    size = arg.dtype.itemsize
    strides = tuple([int(s) // size for s in arg.strides])
    if any(s < 0 for s in strides):
        raise ArgumentError(f"{name}: argument {buffer.name!r} has negative strides.")
    span = 1 + sum((extent - 1) * s for extent, s in zip(shape, strides, strict=True))
    flat = np.lib.stride_tricks.as_strided(arg, (span,), (size,))
    storage = Storage(buffer.name, flat, np.ones(span, bool))
    return View(buffer.name, storage, 0, shape, strides, dtype)


_BY_BYTES = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
_DTYPE_OF_ARRAY = {row[2]: DataType(name) for name, row in SCALARS.items()}


def _if(self: LoopInterpreter, statement: Any) -> None:
    if self.eval(statement.condition):
        self.run(statement.then_case)
    elif statement.else_case is not None:
        self.run(statement.else_case)


def _while(self: LoopInterpreter, statement: Any) -> None:
    while self.eval(statement.condition):
        self.run(statement.body)


def _let(self: LoopInterpreter, statement: Any) -> None:
    self.env[statement.var] = self.eval(statement.value)
    self.run(statement.body)


def _seq(self: LoopInterpreter, statement: Any) -> None:
    for each in statement.seq:
        self.run(each)


def _assert(self: LoopInterpreter, statement: Any) -> None:
    if not self.eval(statement.condition):
        raise RunError(f"{self.name}: {statement.message.value}")
    self.run(statement.body)


def _attr(self: LoopInterpreter, statement: Any) -> None:
    if statement.attr_key not in ("thread_extent", "virtual_thread"):
        self.run(statement.body)
        return
    var = statement.node.var
    if var in self.env:  # An inner statement about the same thread axis.
        self.run(statement.body)
        return
    for value in range(self.integer(statement.value)):
        self.env[var] = value
        self.run(statement.body)
    del self.env[var]


def _allocate(self: LoopInterpreter, statement: Any) -> None:
    size = int(np.prod([self.integer(extent) for extent in statement.extents], dtype=np.int64))
    storage = Storage.fresh(
        statement.buffer_var.name, size * statement.dtype.lanes, numpy_dtype(statement.dtype)
    )
    self.env[statement.buffer_var] = Pointer(storage)
    self.run(statement.body)


def _allocate_const(self: LoopInterpreter, statement: Any) -> None:
    values = np.array(statement.value, dtype=numpy_dtype(statement.dtype)).reshape(-1)
    self.env[statement.buffer_var] = Pointer(Storage.of_array(statement.buffer_var.name, values))
    self.run(statement.body)


def _decl_buffer(self: LoopInterpreter, statement: Any) -> None:
    buffer = statement.buffer
    if buffer.data not in self.env:
        self.allocate(buffer)
    else:
        self.views.pop(buffer, None)
        self.views[buffer] = self.view(buffer)
    self.run(statement.body)


def _realize(self: LoopInterpreter, statement: Any) -> None:
    self.allocate(statement.buffer)
    self.run(statement.body)


_STATEMENTS: dict[type[tir.Stmt], Callable[[LoopInterpreter, Any], None]] = {
    tir.For: LoopInterpreter.loop,
    BlockRealize: LoopInterpreter.block,
    tir.BufferStore: LoopInterpreter.store,
    tir.IfThenElse: _if,
    tir.While: _while,
    tir.LetStmt: _let,
    tir.SeqStmt: _seq,
    tir.Evaluate: lambda self, s: self.eval(s.value),
    tir.AssertStmt: _assert,
    tir.AttrStmt: _attr,
    tir.Allocate: _allocate,
    tir.AllocateConst: _allocate_const,
    tir.DeclBuffer: _decl_buffer,
    tir.BufferRealize: _realize,
}


def packed_function(name: str) -> Callable[..., Any]:
    """The registered function of that name; an unknown name is an error."""
    return cast("Callable[..., Any]", get_global_func(name))


def _call_packed(self: LoopInterpreter, expr: ir.Call) -> Any:
    name, *args = expr.args
    given = [self.region_array(full_region(a)) if isinstance(a, Buffer) else a for a in args]
    return packed_function(name.value)(
        *[each if isinstance(each, np.ndarray) else self.argument(each) for each in given]
    )


def _stack_array(self: LoopInterpreter, expr: ir.Call) -> np.ndarray[Any, Any]:
    data, shape, strides, _, like, offset = expr.args
    pointer = self.eval(data)
    storage = _storage_as(pointer.storage, like.dtype)
    extents = tuple([self.integer(each) for each in shape.args])
    steps = compact_strides(extents)
    if isinstance(strides, ir.Call):
        steps = tuple([self.integer(each) for each in strides.args])[-len(extents) :]
    size = storage.values.itemsize
    start = storage.values[pointer.offset + self.integer(offset) :]
    return np.lib.stride_tricks.as_strided(start, extents, [s * size for s in steps])


def _check_index(self: LoopInterpreter, expr: ir.Call) -> Any:
    index, extent, where, active = expr.args
    value, limit = self.eval(index), self.integer(extent)
    bad = np.logical_and(self.eval(active), (np.asarray(value) < 0) | (np.asarray(value) >= limit))
    if np.any(bad):
        raise InterpreterError(
            f"{where.value}: an index is out of bounds.",
            expected=f"0 <= index < {limit}",
            found=repr(value),
        )
    return value


def _address_of(self: LoopInterpreter, expr: ir.Call) -> Pointer:
    (load,) = expr.args
    view = self.view(load.buffer)
    return Pointer(view.storage, view.position(tuple(self.integer(i) for i in load.indices)))


def _access_ptr(self: LoopInterpreter, expr: ir.Call) -> Pointer:
    _, data, offset, *_ = expr.args
    pointer = self.eval(data)
    return Pointer(pointer.storage, pointer.offset + self.integer(offset))


def _no_effect(self: LoopInterpreter, expr: ir.Call) -> Any:
    del self, expr


def _call_extern(self: LoopInterpreter, expr: ir.Call) -> Any:
    name, *args = expr.args
    return call_meaning(
        cast("ir.StringImm", name).value,
        "C function",
        [self.eval(each) for each in args],
        expr.dtype,
    )


def _call_llvm(self: LoopInterpreter, expr: ir.Call) -> Any:
    name, *args = expr.args
    return call_meaning(
        cast("ir.StringImm", name).value,
        "LLVM intrinsic",
        [self.eval(each) for each in without_count(args)],
        expr.dtype,
    )


_MEMORY_CALLS: dict[str, Callable[[LoopInterpreter, Any], Any]] = {
    "tir.call_packed": _call_packed,
    "tir.tvm_call_packed": _call_packed,
    "tir.call_cpacked": _call_packed,
    "tir.call_extern": _call_extern,
    "tir.call_pure_extern": _call_extern,
    "tir.call_llvm_intrin": _call_llvm,
    "tir.call_llvm_pure_intrin": _call_llvm,
    "tir.address_of": _address_of,
    "tir.tvm_access_ptr": _access_ptr,
    "tir.tvm_stack_make_array": _stack_array,
    "tir.check_index": _check_index,
    "tir.assume": _no_effect,
    "tir.prefetch": _no_effect,
    "tir.tvm_storage_sync": _no_effect,
}


def run_prim_func(
    func: PrimFunc,
    args: Any,
    module: IRModule | None = None,
    name: str = "main",
    symbols: Mapping[ir.Var, int] | None = None,
    calls_around: int = 0,
) -> Any:
    """Run a loop function on NumPy arrays (changed in place) and numbers; gives the value of
    `T.ret`, or None. `calls_around` counts the calls of loop functions that this one stands in.
    """
    interpreter = LoopInterpreter(module, name)
    interpreter.calls_around = calls_around
    interpreter.env.update(symbols or {})
    with np.errstate(all="ignore"):
        interpreter.bind(func, tuple(args))
        try:
            interpreter.run(func.body)
        except ReturnValueError as done:
            return done.value
    return None
