"""Calls in graph functions: loop functions by their bodies, packed functions by handle, graph
functions by entry.
"""

from __future__ import annotations

from pellucid.codegen.llvm.graph_base import GraphBase
from pellucid.codegen.llvm.graph_values import (
    NULL,
    Held,
    Nothing,
    Number,
    Shape,
    Tensor,
    Tuple,
    at,
    declare,
    number_any,
    store_any,
    tensor_from_object,
)
from pellucid.codegen.llvm.types import register_type, split
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dims, plan
from pellucid.runtime.dims import Dim
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.support.errors import InternalError, TypeMismatchError


class GraphCalls(GraphBase):
    """The part of the emitter that calls."""

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
        inside = self.recursive and step.function in self.around.cycle(self.graph.name)
        handle = f.cast("inttoptr", self.frame, "ptr") if inside and self.frame else NULL
        self.check_status(f.call(entry, "i32", [handle, operands, count, result]))
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
