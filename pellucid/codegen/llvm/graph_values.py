"""What a register of a plan is in native code: tensors, numbers, shapes, tuples; and moving them in
and out of TVMFFIAny.

A tensor always has an address and extents; it has an *object* (reference-counted, known to the
outside) unless it lies
in the arena. Objects of shapes and tuples are made only when somebody outside is to see them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.text import Function, Module
from pellucid.codegen.llvm.types import split
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: address of its first element, extents (None: only the object knows), object, dtype
    (None: unknown).
    """

    data: Value
    extents: tuple[Value, ...] | None
    object: Value | None
    dtype: str | None


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a register of the LLVM type of `dtype`."""

    value: Value
    dtype: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape; `object` where there is one already."""

    extents: tuple[Value, ...]
    object: Value | None = None


@dataclass(frozen=True, slots=True)
class Tuple:
    """A tuple; `object` where there is one already."""

    fields: tuple[Held, ...]
    object: Value | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value."""


Held = Tensor | Number | Shape | Tuple | Nothing

NULL = Value("ptr", "null")


class Objects:
    """The objects that one native call owns: each in a slot, released when the call ends.

    The slots are cleared at the place where `Objects` was made, which every path passes.
    """

    def __init__(self, function: Function, module: Module) -> None:
        self.f = function
        self.module = module
        self._slots: list[Value] = []
        self._clear_lines = function.lines
        self._clear_at = len(function.lines)

    def own(self, pointer: Value) -> Value:
        """Take over a reference; gives the slot it is in."""
        slot = self.f.alloca("ptr", hint="own")
        self._slots.append(slot)
        self.f.store(pointer, slot, 8)
        return slot

    def finish(self) -> None:
        """Write the clearing of all slots to its place."""
        lines = [f"  store ptr null, ptr {slot.name}, align 8" for slot in self._slots]
        self._clear_lines[self._clear_at : self._clear_at] = lines

    def release(self, slot: Value) -> None:
        """Give up the reference in a slot now."""
        self.f.call(release_function(self.module), "void", [self.f.load("ptr", slot, 8)])
        self.f.store(NULL, slot, 8)

    def forget(self, slot: Value) -> None:
        """The reference in a slot now belongs to somebody else."""
        self.f.store(NULL, slot, 8)

    def release_all(self) -> None:
        """Give up every reference."""
        name = release_function(self.module)
        for slot in self._slots:
            self.f.call(name, "void", [self.f.load("ptr", slot, 8)])


def declare(module: Module, name: str) -> str:
    """Declare a function of the ABI, once."""
    if not module.declared(name):
        text = {**abi.FFI_DECLARATIONS, **abi.SUPPORT_DECLARATIONS}[name]
        returned, rest = text.removeprefix("declare ").split(" @", 1)
        inside = rest[rest.index("(") + 1 : rest.rindex(")")]
        module.declare(name, returned, [each.strip() for each in inside.split(",") if each.strip()])
    return name


def release_function(module: Module) -> str:
    """The internal function that drops a reference that may be null."""
    name = "pellucid_release"
    if name not in module.functions:
        f = module.function(name, "void", [("ptr", "object")], linkage="internal")
        (pointer,) = f.params
        with f.when(f.icmp("ne", pointer, NULL)):
            f.call(declare(module, "TVMFFIObjectDecRef"), "i32", [pointer])
        f.ret()
    return name


def pointer_table(module: Module, name: str, count: int) -> Value:
    """The address of an exported table of pointers that the runtime fills in, declared once."""
    if not module.has_global(name):
        kind = f"[{count} x ptr]"
        module.global_value(name, kind, "zeroinitializer", align=8, constant=False, linkage="")
    return Value("ptr", f"@{name}")


def at(f: Function, pointer: Value, offset: int) -> Value:
    """The address `offset` bytes after `pointer`."""
    return pointer if offset == 0 else f.gep("i8", pointer, offset)


def tensor_from_object(f: Function, pointer: Value, dtype: str | None, rank: int) -> Tensor:
    """Take a tensor object apart; with rank -1 its extents stay unknown."""
    dltensor = at(f, pointer, abi.OBJECT_HEADER)
    start = f.load("ptr", at(f, dltensor, abi.DL_DATA), 8)
    data = f.gep("i8", start, f.load("i64", at(f, dltensor, abi.DL_BYTE_OFFSET), 8))
    if rank < 0:
        return Tensor(data, None, pointer, dtype)
    shape = f.load("ptr", at(f, dltensor, abi.DL_SHAPE), 8)
    extents = tuple([f.load("i64", at(f, shape, 8 * axis), 8) for axis in range(rank)])
    return Tensor(data, extents, pointer, dtype)


def store_any(f: Function, kind: int, value: Value, slot: Value) -> None:
    """Write a TVMFFIAny of type index `kind`."""
    f.store(f.iconst("i64", kind), slot, 8)
    f.store(value, at(f, slot, abi.ANY_VALUE), 8)


def number_any(f: Function, number: Number, slot: Value) -> None:
    """Write a number as TVMFFIAny: floats as doubles, bools as such, integers as i64."""
    scalar = split(number.dtype)[0]
    if scalar.kind in ("float", "small"):
        store_any(f, abi.FLOAT, convert(f, number.value, number.dtype, "float64"), slot)
    elif scalar.kind == "bool":
        store_any(f, abi.BOOL, f.cast("zext", number.value, "i64"), slot)
    else:
        extend = "sext" if scalar.kind == "int" else "zext"
        store_any(f, abi.INT, f.cast(extend, number.value, "i64"), slot)
