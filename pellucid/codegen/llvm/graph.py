"""From a plan to a native entry: one function that checks, allocates, calls kernels and returns,
with no Python between.

In: a `GraphPlan`, and the signatures of the loop functions in the same LLVM module. Out:
`__tvm_ffi_<name>`, with the conventions of `runtime/abi.py`. Which plans can be compiled is in
`graph_native.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from pellucid.codegen.llvm.entry import (
    Argument,
    EntryChecks,
    ScalarArgument,
    ShapeArgument,
    TensorArgument,
)
from pellucid.codegen.llvm.graph_base import Surroundings
from pellucid.codegen.llvm.graph_branches import GraphBranches
from pellucid.codegen.llvm.graph_native import native_functions
from pellucid.codegen.llvm.graph_values import (
    NULL,
    Held,
    Nothing,
    Number,
    Objects,
    Shape,
    Tensor,
    Tuple,
    at,
    declare,
    pointer_table,
)
from pellucid.codegen.llvm.text import Module
from pellucid.codegen.llvm.types import register_type
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dtypes, plan
from pellucid.runtime.plan import RESHAPE_MESSAGE, GraphPlan, Step
from pellucid.support.errors import InternalError, TypeMismatchError

STACK_ARENA = 16_384
RECURSIVE_ARENA = 1_024
"""As `STACK_ARENA`, for functions that call themselves."""
STACK_FOR_RECURSION = 4 << 20
"""The bytes of stack that calls inside each other may take; threads have 8 MiB on the systems that
we know.
"""


class GraphEmitter(GraphBranches):
    """Emits one graph function."""

    def emit(self) -> GraphPlan:
        """Emit the function; gives the plan with its native symbol."""
        f = self.f
        handle, args, count, result = f.params
        if self.recursive:
            self.limit_depth(handle)
        checks = EntryChecks(f, self.refuse, objects_only=True)
        arguments = checks.check(self.graph.signature, args, count)
        self.symbols = checks.symbols
        for register, argument in enumerate(arguments):
            self.held[register] = _held(argument)
        self.objects = Objects(f, self.module)
        f.call(declare(self.module, "pellucid_run_enter"), "void", [])
        frame = self.allocate_arena()
        last_uses = _last_uses(self.graph)
        for number, step in enumerate(self.graph.steps):
            self.step(step)
            for register in last_uses.get(number, ()):
                if register in self.owned:
                    self.objects.release(self.owned.pop(register))
        self.store_result(self.graph.result, result)
        self.leave(frame)
        f.ret(f.iconst("i32", 0))
        f.start(self.fail)
        self.leave(frame)
        f.ret(f.iconst("i32", -1))
        self.refusal()
        self.objects.finish()
        self.packed_handles()
        return replace(self.graph, native_symbol=f.name, packed=tuple(self.packed))

    def refusal(self) -> None:
        """The block for arguments that do not fit: Python finds the words."""
        self.f.start(self.refuse)
        self.raise_error(abi.CHECK_ERROR, self.module.string(self.graph.signature.name))
        self.f.ret(self.f.iconst("i32", -1))

    def limit_depth(self, handle: Value) -> None:
        """Stop before recursion leaves the stack. The outermost call hands the address of its own
        frame on to those inside it: as their handle, made odd, which no real handle is.
        """
        f = self.f
        here = f.cast("ptrtoint", f.alloca("i8", hint="frame"), "i64")
        given = f.cast("ptrtoint", handle, "i64")
        is_frame = f.icmp("ne", f.land(given, f.iconst("i64", 1)), 0)
        self.frame = f.select(is_frame, given, f.lor(here, f.iconst("i64", 1)))
        deep, fine = f.block("deep"), f.block("shallow")
        used = f.sub(self.frame, here)
        f.branch_if(f.icmp("slt", used, STACK_FOR_RECURSION), fine, deep)
        f.start(deep)
        message = (
            f"{self.graph.name} is called too deeply.\n"
            f"  expected: at most {STACK_FOR_RECURSION >> 20} MiB of stack for calls inside each "
            "other\n"
            "  cure: look for a recursion that does not end"
        )
        self.raise_error(abi.RUN_ERROR, self.module.string(message))
        f.ret(f.iconst("i32", -1))
        f.start(fine)

    def allocate_arena(self) -> Value | None:
        """The arena of this call: on the stack when it is small; gives what must be freed."""
        f, size = self.f, self.graph.arena_bytes
        if size == 0:
            return None
        limit = RECURSIVE_ARENA if self.recursive else STACK_ARENA
        if isinstance(size, int) and size <= limit:
            self.arena = f.alloca("i8", size, 64, "arena")
            return None
        slot = f.alloca("ptr", hint="heap")
        memory = f.call(declare(self.module, "pellucid_alloc"), "ptr", [self.dim(size)])
        f.store(memory, slot, 8)
        self.arena = memory
        fine, none = f.block("memory"), f.block("nomemory")
        f.branch_if(f.icmp("ne", memory, NULL), fine, none)
        f.start(none)
        self.raise_error(abi.MEMORY_ERROR, self.module.string(f"{self.graph.name}: no memory"))
        f.branch(self.fail)
        f.start(fine)
        return slot

    def leave(self, frame: Value | None) -> None:
        """Release everything."""
        self.objects.release_all()
        if frame is not None:
            free = declare(self.module, "pellucid_free")
            self.f.call(free, "void", [self.f.load("ptr", frame, 8)])
        self.f.call(declare(self.module, "pellucid_run_leave"), "void", [])

    def packed_handles(self) -> None:
        """The table of packed functions that the runtime fills in."""
        if self.packed:
            name = abi.PACKED_HANDLES_PREFIX + self.graph.name
            pointer_table(self.module, name, len(self.packed))

    def step(self, step: Step) -> None:
        """Emit one step."""
        rule = _STEPS.get(type(step))
        if rule is None:
            raise InternalError(f"{type(step).__name__} has no native form.")
        rule(self, step)

    def alloc(self, step: plan.Alloc) -> None:
        """A new tensor, in the arena or on its own."""
        extents = tuple([self.dim(each) for each in step.shape])
        if step.offset is None:
            self.new_tensor(step.dst, extents, step.dtype)
            return
        assert self.arena is not None
        place = self.f.gep("i8", self.arena, self.dim(step.offset))
        self.held[step.dst] = Tensor(place, extents, None, step.dtype)

    def new_tensor(self, register: int, extents: tuple[Value, ...], dtype: str) -> Value:
        """A tensor with storage of its own; gives its address."""
        f = self.f
        shape = self.extents_in_memory(extents)
        slot = self.any_slot()
        code = f.iconst("i32", dtypes.packed(dtype))
        rank = f.iconst("i32", len(extents))
        make = declare(self.module, "pellucid_tensor_new")
        self.check_status(f.call(make, "i32", [rank, shape, code, slot]))
        pointer = f.load("ptr", at(f, slot, abi.ANY_VALUE), 8)
        self.owned[register] = self.objects.own(pointer)
        data = f.load("ptr", at(f, pointer, abi.OBJECT_HEADER + abi.DL_DATA), 8)
        self.held[register] = Tensor(data, extents, pointer, dtype)
        return data

    def reshaped(self, step: plan.View | plan.Copy) -> tuple[Tensor, tuple[Value, ...], Value]:
        """The tensor that a step reshapes, its new extents, and how many elements there are."""
        value = self.held[step.reg]
        if not isinstance(value, Tensor) or value.extents is None or value.dtype is None:
            raise InternalError("a value is reshaped that is no tensor of known rank and dtype")
        extents = tuple([self.dim(each) for each in step.shape])
        before, after = self.product(value.extents), self.product(extents)
        what = f"{self.graph.name}: {RESHAPE_MESSAGE}"
        if before.constant is None or before.constant != after.constant:
            self.require(self.f.icmp("eq", before, after), what, before, after)
        return value, extents, after

    def product(self, extents: tuple[Value, ...]) -> Value:
        """How many elements a tensor has."""
        total = self.f.iconst("i64", 1)
        for each in extents:
            total = self.f.mul(total, each)
        return total

    def view(self, step: plan.View) -> None:
        """The same memory with other extents."""
        value, extents, _ = self.reshaped(step)
        self.held[step.dst] = Tensor(value.data, extents, None, value.dtype)

    def copy(self, step: plan.Copy) -> None:
        """A new tensor with the same elements."""
        value, extents, count = self.reshaped(step)
        dtype = cast("str", value.dtype)
        data = self.new_tensor(step.dst, extents, dtype)
        size = self.f.mul(count, self.f.iconst("i64", dtypes.element_bytes(dtype)))
        self.f.copy_memory(data, value.data, size)

    def check_bound(self, step: plan.CheckBound) -> None:
        """Stop where a dimension is larger than what memory was planned for."""
        value, bound = self.dim(step.dim), self.f.iconst("i64", step.bound)
        what = f"{self.graph.name}: {step.context}"
        self.require(self.f.icmp("sle", value, bound), what, bound, value)

    def store_result(self, register: int, result: Value) -> None:
        """Hand the result to the caller, with a reference of its own."""
        value = self.held[register]
        self.store_value(value, result)
        if isinstance(value, Number | Nothing):
            return
        slot = self.owned.get(register)
        if slot is not None:
            self.objects.forget(slot)
            return
        pointer = self.f.load("ptr", at(self.f, result, abi.ANY_VALUE), 8)
        self.f.call(declare(self.module, "TVMFFIObjectIncRef"), "i32", [pointer])


def _held(argument: Argument) -> Held:
    """An argument as a register's value."""
    if isinstance(argument, TensorArgument):
        return Tensor(argument.data, argument.shape, argument.object, argument.dtype)
    if isinstance(argument, ScalarArgument):
        return Number(argument.value, argument.dtype)
    if isinstance(argument, ShapeArgument):
        return Shape(argument.extents, argument.object)
    return Tuple(tuple([_held(field) for field in argument.fields]), argument.object)


_PASSING = (plan.CallKernel, plan.CallPacked, plan.Copy)
"""Steps that keep nothing of what they read."""


def _last_uses(graph: GraphPlan) -> dict[int, list[int]]:
    """For each top-level step, the allocations of their own that nothing needs afterwards."""
    last: dict[int, int] = {}
    pinned = {graph.result}
    viewed: dict[int, int] = {}
    for number, step in enumerate(graph.steps):
        for inner in plan.walk((step,)):
            for each in plan.reads(inner):
                register = viewed.get(each, each)
                last[register] = number
                if isinstance(inner, plan.View):
                    viewed[inner.dst] = register
                elif not isinstance(inner, _PASSING):
                    pinned.add(register)
            if isinstance(inner, plan.If):
                pinned.update((inner.then_reg, inner.else_reg))
    found: dict[int, list[int]] = {}
    for step in graph.steps:
        own = isinstance(step, plan.Copy) or (isinstance(step, plan.Alloc) and step.offset is None)
        if isinstance(step, plan.Alloc | plan.Copy) and own and step.dst not in pinned:
            found.setdefault(last.get(step.dst, len(graph.steps)), []).append(step.dst)
    return found


def _const(self: GraphEmitter, step: plan.Const) -> None:
    f = self.f
    table = pointer_table(self.module, abi.CONSTANTS_SYMBOL, len(self.around.constants))
    pointer = f.load("ptr", at(f, table, 8 * step.index), 8)
    data = f.load("ptr", at(f, pointer, abi.OBJECT_HEADER + abi.DL_DATA), 8)
    dtype, shape = self.around.constants[step.index]
    extents = tuple([f.iconst("i64", extent) for extent in shape])
    self.held[step.dst] = Tensor(data, extents, pointer, dtype)


def _literal(self: GraphEmitter, step: plan.Literal) -> None:
    value = step.value
    if value is None:
        self.held[step.dst] = Nothing()
    elif isinstance(value, bool):
        self.held[step.dst] = Number(self.f.iconst("i1", int(value)), "bool")
    elif isinstance(value, int):
        self.held[step.dst] = Number(self.f.iconst("i64", value), "int64")
    else:
        self.held[step.dst] = Number(self.f.fconst("double", float(value)), "float64")


def _make_prim(self: GraphEmitter, step: plan.MakePrim) -> None:
    value = self.f.cast("trunc", self.dim(step.value), register_type(step.dtype))
    self.held[step.dst] = Number(value, step.dtype)


def _make_shape(self: GraphEmitter, step: plan.MakeShape) -> None:
    self.held[step.dst] = Shape(tuple([self.dim(each) for each in step.dims]))


def _make_tuple(self: GraphEmitter, step: plan.MakeTuple) -> None:
    self.held[step.dst] = Tuple(tuple([self.held[register] for register in step.regs]))


def _get_item(self: GraphEmitter, step: plan.GetItem) -> None:
    value = self.held[step.reg]
    if not isinstance(value, Tuple):
        raise TypeMismatchError(f"{self.graph.name}: a field is taken of what is no tuple.")
    self.held[step.dst] = value.fields[step.index]


def _check_info(self: GraphEmitter, step: plan.CheckInfo) -> None:
    what = f"{self.graph.name}: {step.context}"
    self.held[step.reg] = self.check_info(step.spec, self.held[step.reg], what)


def _match_shape(self: GraphEmitter, step: plan.MatchShape) -> None:
    value, what = self.held[step.reg], f"{self.graph.name}: {step.context}"
    if isinstance(value, Tensor):
        extents = self.known_extents(value, len(step.dims), what)
    elif isinstance(value, Shape) and len(value.extents) == len(step.dims):
        extents = value.extents
    else:
        raise TypeMismatchError(f"{what} has the wrong number of dimensions.")
    for axis, (dim, extent) in enumerate(zip(step.dims, extents, strict=True)):
        self.match(self.symbols, dim, extent, f"{what}: dimension {axis}")


_STEPS: dict[type[Any], Callable[[GraphEmitter, Any], None]] = {
    plan.Alloc: GraphEmitter.alloc,
    plan.View: GraphEmitter.view,
    plan.Copy: GraphEmitter.copy,
    plan.CheckBound: GraphEmitter.check_bound,
    plan.CallKernel: GraphEmitter.kernel,
    plan.CallPacked: GraphEmitter.packed_call,
    plan.CallGraph: GraphEmitter.graph_call,
    plan.If: GraphEmitter.branch,
    plan.Const: _const,
    plan.Literal: _literal,
    plan.MakePrim: _make_prim,
    plan.MakeShape: _make_shape,
    plan.MakeTuple: _make_tuple,
    plan.GetItem: _get_item,
    plan.CheckInfo: _check_info,
    plan.MatchShape: _match_shape,
}


def emit_graph(module: Module, graph: GraphPlan, around: Surroundings) -> GraphPlan:
    """Emit the native entry of a plan into `module`; gives the plan with its symbol and packed
    names.
    """
    return GraphEmitter(module, graph, around).emit()


__all__ = ["Surroundings", "emit_graph", "native_functions"]
