"""Calls of packed functions from loop functions, through tvm_ffi.

In: `call_packed` and `call_cpacked` with numbers, strings, pointers and tensors made on the stack.
Out: a call of `TVMFFIFunctionCall` (or of the linked function). A tensor is handed over as a copy
that owns its storage, since the callee may keep it; what the callee wrote is copied back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.emit_call import CALLS, CallEmitter
from pellucid.codegen.llvm.graph_values import declare, release_function
from pellucid.codegen.llvm.types import alignment, split
from pellucid.codegen.llvm.value import Value
from pellucid.ir.dtype import DataType
from pellucid.ir.op import Op
from pellucid.ir.scalar import Call, StringImm
from pellucid.runtime import abi, dtypes

RAW_STRING = 8
"""Type index of a null-terminated string that is borrowed for a call."""


@dataclass(frozen=True, slots=True)
class HandedTensor:
    """A tensor that was copied for a callee: where it came from, the copy, and its object."""

    source: Value
    copy: Value
    object: Value
    extents: list[Value]
    strides: list[Value]
    dtype: DataType


class PackedEmitter(CallEmitter):
    """The part of the emitter that calls packed functions."""

    def packed(self, expr: Any) -> Value:
        """The int32 that a packed function gives (0 where it gives no number)."""
        f = self.f
        name, *args = expr.args
        slots = f.alloca(abi.LLVM_ANY, len(args) + 1, 8, "args")
        tensors: list[HandedTensor] = []
        for position, arg in enumerate(args):
            self.fill(self.slot(slots, position), arg, tensors)
        result = self.slot(slots, len(args))
        self.put(result, abi.NONE, f.iconst("i64", 0))
        count = f.iconst("i32", len(args))
        if expr.op.name == "tir.call_cpacked":
            callee = self.module.declare(name.value, "i32", ["ptr", "ptr", "i32", "ptr"])
            status = f.call(callee, "i32", [Value("ptr", "null"), slots, count, result])
        else:
            handle = f.load("ptr", self.handle(name.value), 8)
            call = declare(self.module, "TVMFFIFunctionCall")
            status = f.call(call, "i32", [handle, slots, count, result])
        for tensor in tensors:
            with f.when(f.icmp("eq", status, 0)), self.region():
                self.copy(tensor, back=True)
            self.release(tensor.object)
        self.pass_on(status)
        return self.number(result)

    def slot(self, slots: Value, position: int) -> Value:
        """The address of a TVMFFIAny in an array."""
        return self.f.gep("i8", slots, position * abi.ANY_BYTES)

    def put(self, slot: Value, kind: int, value: Value) -> None:
        """Write a TVMFFIAny."""
        self.f.store(self.f.iconst("i32", kind), slot, 8)
        self.f.store(self.f.iconst("i32", 0), self.f.gep("i8", slot, 4), 4)
        self.f.store(value, self.f.gep("i8", slot, abi.ANY_VALUE), 8)

    def handle(self, name: str) -> Value:
        """Where the function object of a packed function stands."""
        packed = self.shared.packed
        if name not in packed:
            packed.append(name)
        table = Value("ptr", f"@{abi.PACKED_HANDLES_PREFIX}{self.shared.name}")
        return self.f.gep("ptr", table, packed.index(name))

    def fill(self, slot: Value, arg: Any, tensors: list[HandedTensor]) -> None:
        """Write one argument."""
        if isinstance(arg, StringImm):
            self.put(slot, RAW_STRING, self.expr(arg))
            return
        if isinstance(arg, Call) and _is_array(arg):
            tensor = self.handed(arg)
            tensors.append(tensor)
            self.put(slot, abi.TENSOR, tensor.object)
            return
        dtype: DataType = arg.dtype
        value = self.expr(arg)
        if dtype.is_handle:
            self.put(slot, abi.OPAQUE_PTR, value)
        elif dtype.is_float:
            self.put(slot, abi.FLOAT, convert(self.f, value, dtype, "float64"))
        else:
            wide = convert(self.f, value, dtype, "int64")
            self.put(slot, abi.BOOL if dtype.is_bool else abi.INT, wide)

    def handed(self, array: Any) -> HandedTensor:
        """Copy the memory of a stack array into a new tensor."""
        f = self.f
        data, shape, strides, _, like, offset = array.args
        dtype: DataType = like.dtype
        extents = [self.index(each) for each in shape.args]
        steps = _compact(self, extents)
        if isinstance(strides, Call):
            steps = [self.index(each) for each in strides.args][-len(extents) :]
        memory = Value("ptr", "null")
        if extents:
            memory = f.alloca("i64", len(extents), 8, "extents")
            for axis, extent in enumerate(extents):
                f.store(extent, f.gep("i64", memory, axis), 8)
        made = f.alloca(abi.LLVM_ANY, 1, 8, "tensor")
        code = f.iconst("i32", dtypes.packed(dtype))
        rank = f.iconst("i32", len(extents))
        status = f.call(
            declare(self.module, "pellucid_tensor_new"), "i32", [rank, memory, code, made]
        )
        self.pass_on(status)
        object_ = f.load("ptr", f.gep("i8", made, abi.ANY_VALUE), 8)
        copy = f.load("ptr", f.gep("i8", object_, abi.OBJECT_HEADER + abi.DL_DATA), 8)
        start = self.address_at(self.expr(data), dtype, self.ranges.linear(offset))
        tensor = HandedTensor(start, copy, object_, extents, steps, dtype)
        self.copy(tensor, back=False)
        return tensor

    def copy(self, tensor: HandedTensor, *, back: bool) -> None:
        """Copy element by element between the strided memory and the compact tensor."""
        scalar, count = split(tensor.dtype)
        align = alignment(tensor.dtype)
        type_ = f"[{count} x {scalar.memory}]" if count > 1 else scalar.memory
        steps = _compact(self, tensor.extents)

        def element(source: Value, copy: Value) -> None:
            place, other = (copy, source) if back else (source, copy)
            self.f.store(self.f.load(type_, place, align), other, align)

        def dimension(axis: int, source: Value, copy: Value) -> None:
            if axis == len(tensor.extents):
                element(source, copy)
                return
            with self.f.loop(0, tensor.extents[axis]) as loop:
                stride = self.f.mul(loop.index, tensor.strides[axis])
                step = self.f.mul(loop.index, steps[axis])
                dimension(
                    axis + 1, self.f.gep(type_, source, stride), self.f.gep(type_, copy, step)
                )

        dimension(0, tensor.source, tensor.copy)

    def release(self, object_: Value) -> None:
        """Give up an object."""
        self.f.call(release_function(self.module), "void", [object_])

    def number(self, result: Value) -> Value:
        """What is in a TVMFFIAny as an int32; an object is released and counts as 0."""
        f = self.f
        kind = f.load("i32", result, 8)
        bits = f.load("i64", f.gep("i8", result, abi.ANY_VALUE), 8)
        with f.when(f.icmp("sge", kind, abi.OBJECT)):
            self.release(f.cast("inttoptr", bits, "ptr"))
        whole = f.lor(f.icmp("eq", kind, abi.INT), f.icmp("eq", kind, abi.BOOL))
        real = convert(f, f.cast("bitcast", bits, "double"), "float64", "int32")
        zero = f.iconst("i32", 0)
        other = f.select(f.icmp("eq", kind, abi.FLOAT), real, zero)
        return f.select(whole, f.cast("trunc", bits, "i32"), other)


def _is_array(call: Call) -> bool:
    return isinstance(call.op, Op) and call.op.name == "tir.tvm_stack_make_array"


def _compact(emitter: PackedEmitter, extents: list[Value]) -> list[Value]:
    step = emitter.f.iconst("i64", 1)
    found: list[Value] = []
    for extent in reversed(extents):
        found.append(step)
        step = emitter.f.mul(step, extent)
    return found[::-1]


PACKED_CALLS: dict[str, Callable[[Any, Any], Value]] = {
    "tir.call_packed": PackedEmitter.packed,
    "tir.call_cpacked": PackedEmitter.packed,
}
CALLS.update(PACKED_CALLS)
