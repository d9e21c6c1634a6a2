"""From a plan to a native entry: one function that checks, allocates, calls kernels and returns,
with no Python between.

In: a `GraphPlan`, and the signatures of the loop functions in the same LLVM module. Out:
`__tvm_ffi_<name>`, with the
conventions of `runtime/abi.py`. `why_not_native` says which plans are left to the stepper: those
with closures,
strings, values of unknown kind, and packed functions that return their result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pellucid.codegen.llvm.dims import DimEmitter
from pellucid.codegen.llvm.entry import (
    Argument,
    EntryChecks,
    ScalarArgument,
    ShapeArgument,
    TensorArgument,
)
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
    number_any,
    store_any,
    tensor_from_object,
)
from pellucid.codegen.llvm.text import Block, Function, Module
from pellucid.codegen.llvm.types import register_type, split
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dims, dtypes, plan
from pellucid.runtime.dims import Dim
from pellucid.runtime.plan import GraphPlan, Step
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.support.errors import InternalError, TypeMismatchError

STACK_ARENA = 16_384
_MESSAGE_BYTES = 512
_KNOWN_STEPS = (
    plan.MatchShape,
    plan.CheckInfo,
    plan.MakeShape,
    plan.MakePrim,
    plan.Const,
    plan.Alloc,
    plan.CallKernel,
    plan.CallGraph,
    plan.MakeTuple,
    plan.GetItem,
    plan.If,
)


def why_not_native(graph: GraphPlan, native: set[str]) -> str | None:
    """Why a plan cannot be compiled to a native entry, or None. `native` are the graph functions
    that can.
    """
    for spec in graph.signature.params:
        reason = _unknown_kind(spec)
        if reason is not None:
            return reason
    for step in plan.walk(graph.steps):
        if isinstance(step, plan.CallPacked) and not step.dps:
            return f"the packed function {step.name!r} returns its result"
        if isinstance(step, plan.Literal) and isinstance(step.value, str):
            return "it handles strings"
        if isinstance(step, plan.CheckInfo):
            reason = _unknown_kind(step.spec)
            if reason is not None:
                return reason
        if isinstance(step, plan.CallGraph) and step.function not in native:
            return f"it calls {step.function!r}, which is stepped"
        if not isinstance(step, (*_KNOWN_STEPS, plan.CallPacked, plan.Literal)):
            return "it handles closures"
    if graph.signature.result is None or _unknown_kind(graph.signature.result) is not None:
        calls = any(
            isinstance(s, plan.CallGraph) and s.function == graph.name
            for s in plan.walk(graph.steps)
        )
        return "its result is of unknown kind" if calls else None
    return None


def _unknown_kind(spec: Spec) -> str | None:
    if isinstance(spec, TensorSpec | ScalarSpec):
        return None
    if isinstance(spec, ShapeSpec):
        return None if spec.rank >= 0 else f"the rank of {spec.name!r} is unknown"
    if isinstance(spec, TupleSpec):
        return next((r for r in map(_unknown_kind, spec.fields) if r is not None), None)
    return f"the kind of {spec.name!r} is unknown"


def native_functions(graphs: Mapping[str, GraphPlan]) -> dict[str, str | None]:
    """For each graph function why it is not native, or None: a function is, when all it calls are.
    """
    native = set(graphs)
    reasons: dict[str, str | None] = {}
    while True:
        reasons = {name: why_not_native(graph, native) for name, graph in graphs.items()}
        left = {name for name, reason in reasons.items() if reason is None}
        if left == native:
            return reasons
        native = left


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a graph function may refer to: loop functions, graph functions, and constants (each
    a dtype and a shape).
    """

    kernels: Mapping[str, Signature]
    graphs: Mapping[str, GraphPlan]
    constants: Sequence[tuple[str, tuple[int, ...]]]


class GraphEmitter:
    """Emits one graph function."""

    def __init__(self, module: Module, graph: GraphPlan, around: Surroundings) -> None:
        self.module = module
        self.graph = graph
        self.around = around
        name = abi.ENTRY_PREFIX + graph.name
        params = [("ptr", "handle"), ("ptr", "args"), ("i32", "count"), ("ptr", "result")]
        self.f: Function = module.function(name, "i32", params)
        self.refuse: Block = self.f.block("refuse")
        self.fail: Block = self.f.block("fail")
        self.held: dict[int, Held] = {}
        self.owned: dict[int, Value] = {}
        self.packed: list[str] = []
        self.arena: Value | None = None
        self.symbols: dict[str, Value] = {}
        self.objects: Objects

    def emit(self) -> GraphPlan:
        """Emit the function; gives the plan with its native symbol."""
        f = self.f
        _, args, count, result = f.params
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

    def raise_error(self, kind: str, message: Value) -> None:
        """Raise an error of `kind`."""
        name = declare(self.module, "TVMFFIErrorSetRaisedFromCStr")
        self.f.call(name, "void", [self.module.string(kind), message])

    def allocate_arena(self) -> Value | None:
        """The arena of this call: on the stack when it is small; gives what must be freed."""
        f, size = self.f, self.graph.arena_bytes
        if size == 0:
            return None
        if isinstance(size, int) and size <= STACK_ARENA:
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

    def dim(self, value: Dim) -> Value:
        """A dimension as an i64."""
        return DimEmitter(self.f, self.symbols, self.fail).emit(value)

    def packed_handles(self) -> None:
        """The table of packed functions that the runtime fills in."""
        if self.packed:
            name = abi.PACKED_HANDLES_PREFIX + self.graph.name
            kind = f"[{len(self.packed)} x ptr]"
            self.module.global_value(
                name, kind, "zeroinitializer", align=8, constant=False, linkage="dso_local"
            )

    # Steps

    def step(self, step: Step) -> None:
        """Emit one step."""
        rule = _STEPS.get(type(step))
        if rule is None:
            raise InternalError(f"{type(step).__name__} has no native form.")
        rule(self, step)

    def check_status(self, status: Value) -> None:
        """Go on only where a call answered zero; its error is raised already."""
        fine = self.f.block("done")
        self.f.branch_if(self.f.icmp("eq", status, 0), fine, self.fail)
        self.f.start(fine)

    def require(self, condition: Value, message: str, expected: Value, found: Value) -> None:
        """Go on only where `condition` holds, else stop with a message that shows both numbers."""
        if condition.constant == 1:
            return
        f = self.f
        fine, wrong = f.block("fits"), f.block("differs")
        f.branch_if(condition, fine, wrong)
        f.start(wrong)
        if not self.module.declared("snprintf"):
            self.module.declare("snprintf", "i32", ["ptr", "i64", "ptr", "..."])
        buffer = f.alloca("i8", _MESSAGE_BYTES, 1, "message")
        plain = message.replace("%", "%%")
        form = self.module.string(f"{plain}\n  expected: %lld\n  found: %lld")
        size = f.iconst("i64", _MESSAGE_BYTES)
        f.call(
            "snprintf",
            "i32",
            [buffer, size, form, expected, found],
            signature="i32 (ptr, i64, ptr, ...)",
        )
        self.raise_error(abi.RUN_ERROR, buffer)
        f.branch(self.fail)
        f.start(fine)

    def match(self, bindings: dict[str, Value], dim: Dim, extent: Value, what: str) -> None:
        """Bind a bare name, or check an extent; `what` begins the message."""
        name = dims.bare_name(dim)
        if name is not None and name not in bindings:
            bindings[name] = extent
            return
        expected = DimEmitter(self.f, bindings, self.fail).emit(dim)
        if expected.name == extent.name:
            return
        if expected.constant is not None and expected.constant == extent.constant:
            return
        same = self.f.icmp("eq", expected, extent)
        self.require(same, f"{what} does not fit.", expected, extent)

    def alloc(self, step: plan.Alloc) -> None:
        """A new tensor, in the arena or on its own."""
        f = self.f
        extents = tuple([self.dim(each) for each in step.shape])
        if step.offset is not None:
            assert self.arena is not None
            place = f.gep("i8", self.arena, self.dim(step.offset))
            self.held[step.dst] = Tensor(place, extents, None, step.dtype)
            return
        shape = self.extents_in_memory(extents)
        slot = self.any_slot()
        code = f.iconst("i32", dtypes.packed(step.dtype))
        rank = f.iconst("i32", len(extents))
        make = declare(self.module, "pellucid_tensor_new")
        self.check_status(f.call(make, "i32", [rank, shape, code, slot]))
        pointer = f.load("ptr", at(f, slot, abi.ANY_VALUE), 8)
        self.owned[step.dst] = self.objects.own(pointer)
        data = f.load("ptr", at(f, pointer, abi.OBJECT_HEADER + abi.DL_DATA), 8)
        self.held[step.dst] = Tensor(data, extents, pointer, step.dtype)

    def extents_in_memory(self, extents: tuple[Value, ...]) -> Value:
        """An array of i64 on the stack."""
        if not extents:
            return NULL
        memory = self.f.alloca("i64", len(extents), 8, "extents")
        for axis, extent in enumerate(extents):
            self.f.store(extent, at(self.f, memory, 8 * axis), 8)
        return memory

    def any_slot(self, count: int = 1) -> Value:
        """Room for `count` values of TVMFFIAny."""
        return self.f.alloca(abi.LLVM_ANY, count, 8, "any")

    def kernel(self, step: plan.CallKernel) -> None:
        """A call of a loop function, after checking what its signature says of the extents."""
        signature = self.around.kernels[step.function]
        tensors = [self.held[register] for register in step.args]
        numbers = [self.dim(each) for each in step.dims]
        bindings: dict[str, Value] = {}
        operands: list[Value] = []
        later: list[tuple[Dim, Value, str]] = []
        for spec in signature.params:
            what = f"{self.graph.name}: argument {spec.name!r} of {step.function}"
            if isinstance(spec, TensorSpec):
                operands.append(self.kernel_tensor(spec, tensors.pop(0), bindings, later, what))
            elif isinstance(spec, ScalarSpec):
                operands.append(self.kernel_number(spec, tensors, numbers, bindings, what))
            else:
                raise TypeMismatchError(f"{what} is neither tensor nor number.")
        for dim, extent, what in later:
            self.match(bindings, dim, extent, what)
        bound = {s.value for s in signature.params if isinstance(s, ScalarSpec)}
        operands += [bindings[name] for name in signature.symbols() if name not in bound]
        self.check_status(self.f.call(abi.RAW_PREFIX + step.function, "i32", operands))

    def kernel_tensor(
        self,
        spec: TensorSpec,
        value: Held,
        bindings: dict[str, Value],
        later: list[tuple[Dim, Value, str]],
        what: str,
    ) -> Value:
        """One tensor operand of a kernel."""
        if not isinstance(value, Tensor):
            raise TypeMismatchError(f"{what} is not a tensor.", found=type(value).__name__)
        extents = self.known_extents(value, spec.rank, what)
        self.check_dtype(value, spec, what)
        for axis, (dim, extent) in enumerate(zip(spec.shape or (), extents, strict=True)):
            where = f"{what}: dimension {axis}"
            if dims.bare_name(dim) is None and not isinstance(dim, int):
                later.append((dim, extent, where))
            else:
                self.match(bindings, dim, extent, where)
        if spec.strides is not None:
            step: Value = self.f.iconst("i64", 1)
            for dim, extent in zip(reversed(spec.strides), reversed(extents), strict=True):
                self.match(bindings, dim, step, f"{what}: stride")
                step = self.f.mul(step, extent)
        return value.data

    def known_extents(self, value: Tensor, rank: int, what: str) -> tuple[Value, ...]:
        """The extents of a tensor that must have `rank` dimensions."""
        if value.extents is not None:
            if len(value.extents) != rank:
                raise TypeMismatchError(
                    f"{what} has the wrong rank.", expected=str(rank), found=str(len(value.extents))
                )
            return value.extents
        assert value.object is not None
        place = at(self.f, value.object, abi.OBJECT_HEADER + abi.DL_NDIM)
        found = self.f.cast("sext", self.f.load("i32", place, 4), "i64")
        wanted = self.f.iconst("i64", rank)
        self.require(self.f.icmp("eq", found, rank), f"{what} has the wrong rank.", wanted, found)
        return tensor_from_object(self.f, value.object, value.dtype, rank).extents or ()

    def check_dtype(self, value: Tensor, spec: TensorSpec, what: str) -> None:
        """Compare dtypes: here where both are known, else when the program runs."""
        if spec.dtype is None or value.dtype == spec.dtype:
            return
        if value.dtype is not None:
            raise TypeMismatchError(
                f"{what} has the wrong dtype.", expected=spec.dtype, found=value.dtype
            )
        assert value.object is not None
        place = at(self.f, value.object, abi.OBJECT_HEADER + abi.DL_DTYPE)
        found = self.f.load("i32", place, 4)
        code = dtypes.packed(spec.dtype)
        wide = self.f.cast("sext", found, "i64")
        message = f"{what} has the wrong dtype (as DLPack codes; {spec.dtype} is expected)."
        self.require(self.f.icmp("eq", found, code), message, self.f.iconst("i64", code), wide)

    def kernel_number(
        self,
        spec: ScalarSpec,
        registers: list[Held],
        numbers: list[Value],
        bindings: dict[str, Value],
        what: str,
    ) -> Value:
        """One scalar operand of a kernel: a dimension passed along, or a number in a register."""
        f = self.f
        if registers and isinstance(registers[0], Number):
            number = registers.pop(0)
            assert isinstance(number, Number)
            if number.dtype != spec.dtype:
                raise TypeMismatchError(
                    f"{what} has the wrong dtype.", expected=spec.dtype, found=number.dtype
                )
            return number.value
        value = numbers.pop(0)
        if spec.value is not None:
            self.match(bindings, spec.value, value, what)
        return f.cast("trunc", value, register_type(spec.dtype))

    def packed_call(self, step: plan.CallPacked) -> None:
        """A destination-passing call of a packed function."""
        f = self.f
        if step.name not in self.packed:
            self.packed.append(step.name)
        table = Value("ptr", f"@{abi.PACKED_HANDLES_PREFIX}{self.graph.name}")
        handle = f.load("ptr", at(f, table, 8 * self.packed.index(step.name)), 8)
        operands, result = self.operands(step.args), self.any_slot()
        store_any(f, abi.NONE, f.iconst("i64", 0), result)
        call = declare(self.module, "TVMFFIFunctionCall")
        count = f.iconst("i32", len(step.args))
        self.check_status(f.call(call, "i32", [handle, operands, count, result]))
        kind = f.load("i32", result, 8)
        with f.when(f.icmp("sge", kind, abi.OBJECT)):
            pointer = f.load("ptr", at(f, result, abi.ANY_VALUE), 8)
            f.call(declare(self.module, "TVMFFIObjectDecRef"), "i32", [pointer])

    def operands(self, registers: tuple[int, ...]) -> Value:
        """The values of registers as an array of TVMFFIAny (borrowed)."""
        array = self.any_slot(max(1, len(registers)))
        for index, register in enumerate(registers):
            self.store_value(self.held[register], at(self.f, array, index * abi.ANY_BYTES))
        return array

    def store_value(self, value: Held, slot: Value) -> None:
        """Write a value as a borrowed TVMFFIAny; shapes and tuples become objects."""
        f = self.f
        if isinstance(value, Number):
            number_any(f, value, slot)
        elif isinstance(value, Nothing):
            store_any(f, abi.NONE, f.iconst("i64", 0), slot)
        elif isinstance(value, Tensor):
            if value.object is None:
                raise InternalError("a tensor of the arena is seen from outside")
            store_any(f, abi.TENSOR, value.object, slot)
        else:
            kind = abi.SHAPE if isinstance(value, Shape) else abi.ARRAY
            store_any(f, kind, self.object_of(value), slot)

    def object_of(self, value: Shape | Tuple) -> Value:
        """The object of a shape or tuple, made if there is none."""
        if value.object is not None:
            return value.object
        f, slot = self.f, self.any_slot()
        if isinstance(value, Shape):
            extents = self.extents_in_memory(value.extents)
            count = f.iconst("i32", len(value.extents))
            status = f.call(
                declare(self.module, "pellucid_shape_new"), "i32", [extents, count, slot]
            )
        else:
            fields = self.any_slot(max(1, len(value.fields)))
            for index, field in enumerate(value.fields):
                self.store_value(field, at(f, fields, index * abi.ANY_BYTES))
            count = f.iconst("i32", len(value.fields))
            status = f.call(
                declare(self.module, "pellucid_tuple_new"), "i32", [fields, count, slot]
            )
        self.check_status(status)
        pointer = f.load("ptr", at(f, slot, abi.ANY_VALUE), 8)
        self.objects.own(pointer)
        return pointer

    def graph_call(self, step: plan.CallGraph) -> None:
        """A call of another graph function through its entry."""
        f = self.f
        operands, result = self.operands(step.args), self.any_slot()
        store_any(f, abi.NONE, f.iconst("i64", 0), result)
        entry = abi.ENTRY_PREFIX + step.function
        count = f.iconst("i32", len(step.args))
        self.check_status(f.call(entry, "i32", [NULL, operands, count, result]))
        spec = self.around.graphs[step.function].signature.result
        self.held[step.dst] = self.take(spec, result, owned=True)

    def take(self, spec: Spec | None, slot: Value, *, owned: bool) -> Held:
        """The value in a TVMFFIAny of the kind that `spec` says."""
        f = self.f
        place = at(f, slot, abi.ANY_VALUE)
        if isinstance(spec, ScalarSpec):
            return self.take_number(spec, place)
        if spec is None:
            return Nothing()
        pointer = f.load("ptr", place, 8)
        if owned:
            self.objects.own(pointer)
        if isinstance(spec, TensorSpec):
            return tensor_from_object(f, pointer, spec.dtype, spec.rank)
        if isinstance(spec, ShapeSpec):
            values = f.load("ptr", at(f, pointer, abi.SHAPE_DATA), 8)
            extents = [f.load("i64", at(f, values, 8 * i), 8) for i in range(spec.rank)]
            return Shape(tuple(extents), pointer)
        assert isinstance(spec, TupleSpec)
        items = f.load("ptr", at(f, pointer, abi.ARRAY_DATA), 8)
        fields = [
            self.take(each, at(f, items, index * abi.ANY_BYTES), owned=False)
            for index, each in enumerate(spec.fields)
        ]
        return Tuple(tuple(fields), pointer)

    def take_number(self, spec: ScalarSpec, place: Value) -> Number:
        """A number of a TVMFFIAny."""
        f = self.f
        scalar = split(spec.dtype)[0]
        if scalar.kind in ("float", "small"):
            wide = f.load("double", place, 8)
            value = f.cast("fptrunc", wide, "float") if scalar.bits == 32 else wide
            return Number(value, spec.dtype if scalar.bits == 32 else "float64")
        bits = f.load("i64", place, 8)
        return Number(f.cast("trunc", bits, register_type(spec.dtype)), spec.dtype)

    # Branches

    def branch(self, step: plan.If) -> None:
        """Two ways, and one value after them."""
        f = self.f
        condition = self.truth(self.held[step.cond])
        then, other, join = f.block("then"), f.block("else"), f.block("join")
        f.branch_if(condition, then, other)
        ends: list[tuple[Held, Block]] = []
        symbols = dict(self.symbols)
        sides = (
            (then, step.then_steps, step.then_reg),
            (other, step.else_steps, step.else_reg),
        )
        for block, steps, register in sides:
            f.start(block)
            self.symbols = dict(symbols)
            for each in steps:
                self.step(each)
            ends.append((self.complete(self.held[register]), f.current))
            f.branch(join)
        self.symbols = symbols
        f.start(join)
        self.held[step.dst] = self.merge(ends[0], ends[1])

    def complete(self, value: Held) -> Held:
        """A value in the form in which it can be merged: with an object where the kind has one."""
        if isinstance(value, Shape):
            return replace(value, object=None)
        if isinstance(value, Tuple):
            return Tuple(tuple([self.complete(field) for field in value.fields]))
        return value

    def truth(self, value: Held) -> Value:
        """A condition: a bool number, or the element of a tensor of rank 0."""
        if isinstance(value, Number):
            zero = self.f.iconst(value.value.type, 0)
            return self.f.icmp("ne", value.value, zero)
        if isinstance(value, Tensor):
            return self.f.icmp("ne", self.f.load("i8", value.data, 1), 0)
        raise TypeMismatchError(f"{self.graph.name}: a condition is neither number nor tensor.")

    def merge(self, a: tuple[Held, Block], b: tuple[Held, Block]) -> Held:
        """The value after a branch."""
        (x, from_x), (y, from_y) = a, b
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return self.merge_tensors((x, from_x), (y, from_y))
        if isinstance(x, Number) and isinstance(y, Number) and x.dtype == y.dtype:
            return Number(self.phi(a=(x.value, from_x), b=(y.value, from_y)), x.dtype)
        if isinstance(x, Shape) and isinstance(y, Shape) and len(x.extents) == len(y.extents):
            pairs = zip(x.extents, y.extents, strict=True)
            return Shape(tuple([self.phi((p, from_x), (q, from_y)) for p, q in pairs]))
        if isinstance(x, Tuple) and isinstance(y, Tuple) and len(x.fields) == len(y.fields):
            pairs = zip(x.fields, y.fields, strict=True)
            return Tuple(tuple([self.merge((p, from_x), (q, from_y)) for p, q in pairs]))
        if isinstance(x, Nothing) and isinstance(y, Nothing):
            return x
        raise TypeMismatchError(
            f"{self.graph.name}: the branches of an If give different kinds of values."
        )

    def phi(self, a: tuple[Value, Block], b: tuple[Value, Block]) -> Value:
        """One of two values, by where control came from."""
        phi = self.f.phi(a[0].type)
        phi.add(*a)
        phi.add(*b)
        return phi

    def merge_tensors(self, a: tuple[Tensor, Block], b: tuple[Tensor, Block]) -> Tensor:
        """A tensor after a branch; extents that both sides know stay known."""
        (x, from_x), (y, from_y) = a, b
        data = self.phi((x.data, from_x), (y.data, from_y))
        extents = None
        if x.extents is not None and y.extents is not None and len(x.extents) == len(y.extents):
            pairs = list(zip(x.extents, y.extents, strict=True))
            extents = tuple([self.phi((p, from_x), (q, from_y)) for p, q in pairs])
        both = None
        if x.object is not None and y.object is not None:
            both = self.phi((x.object, from_x), (y.object, from_y))
        return Tensor(data, extents, both, x.dtype if x.dtype == y.dtype else None)

    def check_info(self, spec: Spec, value: Held, what: str) -> Held:
        """Check a value against a spec when the program runs; names not bound yet are bound."""
        if isinstance(spec, TensorSpec) and isinstance(value, Tensor):
            self.check_dtype(value, spec, what)
            extents = value.extents
            if spec.rank >= 0:
                extents = self.known_extents(value, spec.rank, what)
            for axis, (dim, extent) in enumerate(
                zip(spec.shape or (), extents or (), strict=False)
            ):
                self.match(self.symbols, dim, extent, f"{what}: dimension {axis}")
            return replace(value, extents=extents, dtype=spec.dtype or value.dtype)
        if isinstance(spec, ShapeSpec) and isinstance(value, Shape):
            if spec.rank not in (-1, len(value.extents)):
                raise TypeMismatchError(f"{what} has the wrong number of dimensions.")
            for axis, (dim, extent) in enumerate(
                zip(spec.values or (), value.extents, strict=False)
            ):
                self.match(self.symbols, dim, extent, f"{what}: dimension {axis}")
            return value
        if isinstance(spec, ScalarSpec) and isinstance(value, Number):
            if spec.value is not None:
                wide = self.f.cast("sext", value.value, "i64")
                self.match(self.symbols, spec.value, wide, what)
            return value
        if isinstance(spec, TupleSpec) and isinstance(value, Tuple):
            pairs = zip(spec.fields, value.fields, strict=True)
            return Tuple(tuple([self.check_info(s, v, what) for s, v in pairs]), value.object)
        raise TypeMismatchError(
            f"{what} is of another kind.", expected=type(spec).__name__, found=type(value).__name__
        )

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


def _last_uses(graph: GraphPlan) -> dict[int, list[int]]:
    """For each top-level step, the allocations of their own that nothing needs afterwards."""
    last: dict[int, int] = {}
    pinned = {graph.result}
    for number, step in enumerate(graph.steps):
        for inner in plan.walk((step,)):
            for register in plan.reads(inner):
                last[register] = number
                if not isinstance(inner, plan.CallKernel | plan.CallPacked):
                    pinned.add(register)
            if isinstance(inner, plan.If):
                pinned.update((inner.then_reg, inner.else_reg))
    found: dict[int, list[int]] = {}
    for step in graph.steps:
        if isinstance(step, plan.Alloc) and step.offset is None and step.dst not in pinned:
            found.setdefault(last.get(step.dst, len(graph.steps)), []).append(step.dst)
    return found


def _const(self: GraphEmitter, step: plan.Const) -> None:
    f = self.f
    if not self.module.has_global(abi.CONSTANTS_SYMBOL):
        kind = f"[{len(self.around.constants)} x ptr]"
        self.module.global_value(
            abi.CONSTANTS_SYMBOL,
            kind,
            "zeroinitializer",
            align=8,
            constant=False,
            linkage="dso_local",
        )
    table = Value("ptr", f"@{abi.CONSTANTS_SYMBOL}")
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
