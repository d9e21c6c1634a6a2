"""Loads, stores, addresses and vectors of the IR builder.

Alignments are in bytes and always given: the builder assumes none. `metadata` is text such as
`Module.alias_scopes` makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.codegen.llvm.instructions import Instructions
from pellucid.codegen.llvm.types import element, lanes, mangle, vector
from pellucid.codegen.llvm.value import Value
from pellucid.support.errors import InternalError


class Memory(Instructions):
    """The part of `Function` that emits memory accesses, addresses and vector operations."""

    # Memory

    def load(self, type_: str, pointer: Value, align: int, metadata: str = "") -> Value:
        """A value of `type_` from `pointer`."""
        return self.emit(type_, f"load {type_}, ptr {pointer.name}, align {align}{metadata}")

    def store(self, value: Value, pointer: Value, align: int, metadata: str = "") -> None:
        """Write `value` to `pointer`."""
        self.lines.append(
            f"  store {value.type} {value.name}, ptr {pointer.name}, align {align}{metadata}"
        )

    def gep(self, type_: str, pointer: Value, index: Value | int, flags: str = "inbounds") -> Value:
        """The address of element `index` of the array of `type_` at `pointer`.

        `index` may be a vector of integers: the result is then a vector of addresses.
        """
        if isinstance(index, int):
            if index == 0:
                return pointer
            index = Value("i64", str(index), index)
        elif index.constant == 0:
            return pointer
        result = vector("ptr", lanes(index.type))
        return self.emit(result, f"getelementptr {flags} {type_}, {pointer}, {index}")

    def member(self, struct: str, pointer: Value, *path: int) -> Value:
        """The address of a member of the struct type `struct` at `pointer`."""
        steps = ", ".join(f"i32 {each}" for each in path)
        return self.emit("ptr", f"getelementptr inbounds {struct}, {pointer}, i32 0, {steps}")

    def masked_load(
        self,
        type_: str,
        pointer: Value,
        align: int,
        mask: Value,
        other: Value | None = None,
        metadata: str = "",
    ) -> Value:
        """Lanes of `type_` from consecutive memory where `mask` is true; the others from `other`.

        Memory of lanes whose mask is false is not touched. `align` is that of the whole vector.
        """
        name = f"llvm.masked.load.{mangle(type_)}.p0"
        self.module.declare(name, type_, ["ptr", mask.type, type_])
        rest = other.name if other is not None else "poison"
        return self.emit(
            type_,
            f"call {type_} @{name}(ptr align {align} {pointer.name}, {mask}, {type_} {rest})"
            f"{metadata}",
        )

    def masked_store(
        self, value: Value, pointer: Value, align: int, mask: Value, metadata: str = ""
    ) -> None:
        """Write the lanes of `value` whose mask is true to consecutive memory."""
        name = f"llvm.masked.store.{mangle(value.type)}.p0"
        self.module.declare(name, "void", [value.type, "ptr", mask.type])
        self.do(f"call void @{name}({value}, ptr align {align} {pointer.name}, {mask}){metadata}")

    def gather(
        self,
        type_: str,
        pointers: Value,
        align: int,
        mask: Value | None = None,
        other: Value | None = None,
        metadata: str = "",
    ) -> Value:
        """One element from each address of the vector `pointers` where `mask` is true."""
        count = lanes(type_)
        active = mask or self.all_true(count)
        name = f"llvm.masked.gather.{mangle(type_)}.{mangle(pointers.type)}"
        self.module.declare(name, type_, [pointers.type, active.type, type_])
        rest = other.name if other is not None else "poison"
        return self.emit(
            type_,
            f"call {type_} @{name}({pointers.type} align {align} {pointers.name}, {active}, "
            f"{type_} {rest}){metadata}",
        )

    def scatter(
        self,
        value: Value,
        pointers: Value,
        align: int,
        mask: Value | None = None,
        metadata: str = "",
    ) -> None:
        """Each lane of `value` to its address where `mask` is true; a later lane wins."""
        active = mask or self.all_true(lanes(value.type))
        name = f"llvm.masked.scatter.{mangle(value.type)}.{mangle(pointers.type)}"
        self.module.declare(name, "void", [value.type, pointers.type, active.type])
        self.do(
            f"call void @{name}({value}, {pointers.type} align {align} {pointers.name}, {active})"
            f"{metadata}"
        )

    def copy_memory(
        self, to: Value, source: Value, size: Value | int, to_align: int = 1, from_align: int = 1
    ) -> None:
        """Copy `size` bytes between memories that do not overlap."""
        count = size if isinstance(size, Value) else self.iconst("i64", size)
        name = self.module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])
        self.do(
            f"call void @{name}(ptr align {to_align} {to.name}, "
            f"ptr align {from_align} {source.name}, {count}, i1 false)"
        )

    def set_memory(self, to: Value, byte: int, size: Value | int, align: int = 1) -> None:
        """Fill `size` bytes with `byte`."""
        count = size if isinstance(size, Value) else self.iconst("i64", size)
        name = self.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
        self.do(f"call void @{name}(ptr align {align} {to.name}, i8 {byte}, {count}, i1 false)")

    def prefetch(self, pointer: Value, *, write: bool = False, locality: int = 3) -> None:
        """Hint that `pointer` is wanted soon; `locality` 0 (once) to 3 (keep)."""
        name = self.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
        self.do(f"call void @{name}({pointer}, i32 {int(write)}, i32 {locality}, i32 1)")

    # Vectors

    def all_true(self, count: int) -> Value:
        """A mask of `count` lanes, all true."""
        return Value(vector("i1", count), "true" if count == 1 else "splat (i1 true)")

    def splat(self, value: Value, count: int) -> Value:
        """`value` in each of `count` lanes; one lane is the value itself."""
        if count == 1:
            return value
        type_ = vector(value.type, count)
        if value.name[0] != "%" and value.name[0] != "@":
            return Value(type_, f"splat ({value})")
        one = self.emit(type_, f"insertelement {type_} poison, {value}, i64 0")
        return self.emit(
            type_,
            f"shufflevector {one}, {type_} poison, <{count} x i32> zeroinitializer",
        )

    def insert(self, vector_: Value, value: Value, index: int | Value) -> Value:
        """`vector_` with lane `index` replaced by `value`."""
        place = index if isinstance(index, Value) else Value("i64", str(index))
        return self.emit(vector_.type, f"insertelement {vector_}, {value}, {place}")

    def extract(self, vector_: Value, index: int | Value) -> Value:
        """Lane `index` of `vector_`."""
        if vector_.type[0] != "<":
            raise InternalError(f"extract wants a vector, and has {vector_.type}.")
        place = index if isinstance(index, Value) else Value("i64", str(index))
        return self.emit(element(vector_.type), f"extractelement {vector_}, {place}")

    def shuffle(self, a: Value, b: Value | None, order: Sequence[int]) -> Value:
        """Lanes of `a` followed by `b`, picked by number; -1 is a lane that does not matter."""
        other = b.name if b is not None else "poison"
        picks = ", ".join("i32 poison" if each < 0 else f"i32 {each}" for each in order)
        return self.emit(
            vector(element(a.type), len(order)),
            f"shufflevector {a}, {a.type} {other}, <{len(order)} x i32> <{picks}>",
        )

    def ramp(self, start: Value, stride: int, count: int) -> Value:
        """The integer vector `start + stride * [0, 1, ... count - 1]`."""
        steps = ", ".join(f"{start.type} {stride * lane}" for lane in range(count))
        type_ = vector(start.type, count)
        if start.constant is not None:
            steps = ", ".join(
                f"{start.type} {start.constant + stride * lane}" for lane in range(count)
            )
            return Value(type_, f"<{steps}>")
        return self.binary("add", self.splat(start, count), Value(type_, f"<{steps}>"))

    def concat(self, parts: Sequence[Value]) -> Value:
        """Vectors (or scalars) of one type, one behind the other."""
        if parts[0].type[0] != "<":
            result = Value(vector(parts[0].type, len(parts)), "poison")
            for lane, part in enumerate(parts):
                result = self.insert(result, part, lane)
            return result
        values = list(parts)
        while len(values) > 1:
            if len(values) % 2:
                values.append(Value(values[0].type, "poison"))
            size = lanes(values[0].type)
            values = [
                self.shuffle(values[i], values[i + 1], range(2 * size))
                for i in range(0, len(values), 2)
            ]
        total = sum(lanes(part.type) for part in parts)
        result = values[0]
        return result if lanes(result.type) == total else self.shuffle(result, None, range(total))

    def reduce(self, op: str, vector_: Value, start: Value | None = None, flags: str = "") -> Value:
        """All lanes combined by "add", "mul", "and", "or", "smax", "fadd", "fmul", "fmax" ...

        "fadd" and "fmul" take a `start` value and the lanes in order unless `flags` has "reassoc".
        """
        args = [vector_] if start is None else [start, vector_]
        return self.intrinsic(
            f"llvm.vector.reduce.{op}",
            element(vector_.type),
            args,
            (vector_.type,),
            flags,
        )
