"""Entry checks: what a compiled function verifies of its arguments before its body runs.

In: a `Signature` and the packed arguments (`runtime/abi.py`). Out: instructions that branch to a
refusing block when
anything does not fit, and the arguments taken apart: addresses, extents, numbers. Python explains a
refusal
(`runtime/check.py`), so nothing is formatted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.dims import DimEmitter
from pellucid.codegen.llvm.text import Block, Function
from pellucid.codegen.llvm.types import register_type, split
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dims, dtypes
from pellucid.runtime.dims import Dim
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.support.errors import UnsupportedError


@dataclass(frozen=True, slots=True)
class TensorArgument:
    """A tensor: its object (meaningless when only a DLTensor came), its DLTensor, data, extents,
    strides.

    `strides` are there where the signature declares some; `shape` where the rank is known.
    """

    object: Value
    dltensor: Value
    data: Value
    shape: tuple[Value, ...] | None
    strides: tuple[Value, ...]
    dtype: str | None


@dataclass(frozen=True, slots=True)
class ScalarArgument:
    """A number of `dtype`, in a register of its LLVM type."""

    value: Value
    dtype: str


@dataclass(frozen=True, slots=True)
class ShapeArgument:
    """A shape: its object, and its extents."""

    object: Value
    extents: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class TupleArgument:
    """A tuple: its object, and its fields."""

    object: Value
    fields: tuple[Argument, ...]


Argument = TensorArgument | ScalarArgument | ShapeArgument | TupleArgument


class EntryChecks:
    """Emits the checks of one entry into `function`; control goes to `refuse` when one fails.

    `symbols` collects the values of the symbolic dimensions. `objects_only` refuses a bare
    DLTensor.
    """

    def __init__(self, function: Function, refuse: Block, *, objects_only: bool = False) -> None:
        self.f = function
        self.refuse = refuse
        self.objects_only = objects_only
        self.symbols: dict[str, Value] = {}
        self._later: list[tuple[Dim, Value]] = []

    def check(self, signature: Signature, args: Value, count: Value) -> list[Argument]:
        """Check all arguments; gives them taken apart."""
        f = self.f
        self.require(f.icmp("eq", count, len(signature.params)))
        found: list[Argument] = []
        for index, spec in enumerate(signature.params):
            found.append(self.argument(spec, self.at(args, index * abi.ANY_BYTES)))
        self.finish()
        return found

    def finish(self) -> None:
        """Check the extents that are expressions, now that all names are bound."""
        emitter = DimEmitter(self.f, self.symbols, self.refuse)
        for dim, extent in self._later:
            self.require(self.f.icmp("eq", emitter.emit(dim), extent))
        self._later.clear()

    def require(self, condition: Value) -> None:
        """Go on only where the i1 `condition` holds."""
        passed = self.f.block("ok")
        self.f.branch_if(condition, passed, self.refuse)
        self.f.start(passed)

    def at(self, pointer: Value, offset: int) -> Value:
        """The address `offset` bytes after `pointer`."""
        return pointer if offset == 0 else self.f.gep("i8", pointer, offset)

    def argument(self, spec: Spec, slot: Value) -> Argument:
        """One argument (or tuple field) that stands in the TVMFFIAny at `slot`."""
        kind = self.f.load("i32", slot, 8)
        if isinstance(spec, TensorSpec):
            return self.tensor(spec, kind, slot)
        if isinstance(spec, ScalarSpec):
            return self.scalar(spec, kind, slot)
        if isinstance(spec, ShapeSpec):
            return self.shape(spec, kind, slot)
        if isinstance(spec, TupleSpec):
            return self.tuple(spec, kind, slot)
        assert isinstance(spec, AnySpec)
        raise UnsupportedError(f"The argument {spec.name!r} of any kind has no native form.")

    # Tensors

    def tensor(self, spec: TensorSpec, kind: Value, slot: Value) -> TensorArgument:
        """Kind, rank, dtype, device, layout, extents of a tensor."""
        f = self.f
        pointer = f.load("ptr", self.at(slot, abi.ANY_VALUE), 8)
        is_object = f.icmp("eq", kind, abi.TENSOR)
        if self.objects_only:
            self.require(is_object)
            dltensor = self.at(pointer, abi.OBJECT_HEADER)
        else:
            self.require(f.lor(is_object, f.icmp("eq", kind, abi.DL_TENSOR_PTR)))
            dltensor = f.select(is_object, self.at(pointer, abi.OBJECT_HEADER), pointer)
        conditions = [f.icmp("eq", self.field(dltensor, "i32", abi.DL_DEVICE_TYPE), abi.DEVICE_CPU)]
        if spec.rank >= 0:
            conditions.append(f.icmp("eq", self.field(dltensor, "i32", abi.DL_NDIM), spec.rank))
        if spec.dtype is not None:
            code = dtypes.packed(spec.dtype)
            conditions.append(f.icmp("eq", self.field(dltensor, "i32", abi.DL_DTYPE), code))
        self.require(self.all(conditions))
        extents, strides, is_empty = self.layout(spec, dltensor)
        data = f.gep(
            "i8",
            self.field(dltensor, "ptr", abi.DL_DATA),
            self.field(dltensor, "i64", abi.DL_BYTE_OFFSET),
        )
        self.aligned(spec, data, is_empty)
        for dim, extent in zip(spec.shape or (), extents, strict=False):
            self.match(dim, extent)
        for axis, (dim, stride) in enumerate(zip(spec.strides or (), strides, strict=True)):
            self.match_stride(dim, stride, extents[axis])
        shape = extents if spec.rank >= 0 else None
        return TensorArgument(pointer, dltensor, data, shape, strides, spec.dtype)

    def field(self, dltensor: Value, type_: str, offset: int) -> Value:
        """A field of a DLTensor."""
        return self.f.load(type_, self.at(dltensor, offset), 4 if type_ == "i32" else 8)

    def all(self, conditions: list[Value]) -> Value:
        """The conjunction of conditions."""
        result = conditions[0]
        for each in conditions[1:]:
            result = self.f.land(result, each)
        return result

    def layout(
        self, spec: TensorSpec, dltensor: Value
    ) -> tuple[tuple[Value, ...], tuple[Value, ...], Value | None]:
        """Extents, strides where declared, and whether there are no elements; refuses what is not
        compact.
        """
        f = self.f
        if spec.rank < 0:
            self.compact_of_any_rank(dltensor)
            return (), (), None
        shape = self.field(dltensor, "ptr", abi.DL_SHAPE)
        extents = tuple([f.load("i64", self.at(shape, 8 * i), 8) for i in range(spec.rank)])
        if spec.rank == 0:
            return (), (), None
        is_empty = f.icmp("eq", extents[0], 0)
        for extent in extents[1:]:
            is_empty = f.lor(is_empty, f.icmp("eq", extent, 0))
        given = self.field(dltensor, "ptr", abi.DL_STRIDES)
        if spec.strides is not None:
            return extents, self.declared_strides(given, extents), is_empty
        self.compact(given, extents, is_empty)
        return extents, (), is_empty

    def declared_strides(self, given: Value, extents: tuple[Value, ...]) -> tuple[Value, ...]:
        """The strides in elements, computed where the tensor says only "compact"."""
        f = self.f
        before = f.current
        loading, done = f.block("strided"), f.block("strides")
        step: Value = f.iconst("i64", 1)
        compact: list[Value] = []
        for extent in reversed(extents):
            compact.append(step)
            step = f.mul(step, extent)
        compact.reverse()
        f.branch_if(f.icmp("eq", given, _null()), done, loading)
        f.start(loading)
        loaded = [f.load("i64", self.at(given, 8 * i), 8) for i in range(len(extents))]
        f.branch(done)
        f.start(done)
        strides: list[Value] = []
        for one, other in zip(compact, loaded, strict=True):
            phi = f.phi("i64")
            phi.add(one, before)
            phi.add(other, loading)
            strides.append(phi)
        return tuple(strides)

    def compact(self, given: Value, extents: tuple[Value, ...], is_empty: Value) -> None:
        """Refuse strides that are not those of a compact row-major array."""
        f = self.f
        testing, done = f.block("layout"), f.block("compact")
        f.branch_if(f.lor(f.icmp("eq", given, _null()), is_empty), done, testing)
        f.start(testing)
        step: Value = f.iconst("i64", 1)
        fits: list[Value] = []
        for axis in reversed(range(len(extents))):
            stride = f.load("i64", self.at(given, 8 * axis), 8)
            same = f.icmp("eq", stride, step)
            fits.append(f.lor(same, f.icmp("eq", extents[axis], 1)))
            step = f.mul(step, extents[axis])
        f.branch_if(self.all(fits), done, self.refuse)
        f.start(done)

    def compact_of_any_rank(self, dltensor: Value) -> None:
        """As `compact`, of a tensor whose rank only it knows; an empty one is not asked for its
        strides.
        """
        f = self.f
        shape = self.field(dltensor, "ptr", abi.DL_SHAPE)
        given = self.field(dltensor, "ptr", abi.DL_STRIDES)
        rank = f.cast("sext", self.field(dltensor, "i32", abi.DL_NDIM), "i64")
        testing, done = f.block("layout"), f.block("compact")
        f.branch_if(f.icmp("eq", given, _null()), done, testing)
        f.start(testing)
        last = f.sub(rank, f.iconst("i64", 1))
        start = [f.iconst("i64", 1), f.iconst("i64", 0)]
        with f.loop(0, rank, carried=start) as axes:
            step, wrong = axes.carried
            axis = f.sub(last, axes.index)
            extent = f.load("i64", f.gep("i64", shape, axis), 8)
            stride = f.load("i64", f.gep("i64", given, axis), 8)
            fits = f.lor(f.icmp("eq", stride, step), f.icmp("eq", extent, 1))
            axes.next = [f.mul(step, extent), f.select(fits, wrong, f.iconst("i64", 1))]
        step, wrong = axes.results
        is_empty = f.icmp("eq", step, 0)
        f.branch_if(f.lor(f.icmp("eq", wrong, 0), is_empty), done, self.refuse)
        f.start(done)

    def aligned(self, spec: TensorSpec, data: Value, is_empty: Value | None) -> None:
        """Refuse an address that is not a multiple of the alignment (an empty tensor has none)."""
        f = self.f
        element = 1 if spec.dtype is None else dtypes.element_bytes(str(split(spec.dtype)[0].name))
        align = spec.align or element
        if align <= 1:
            return
        low = f.land(f.cast("ptrtoint", data, "i64"), f.iconst("i64", align - 1))
        fine = f.icmp("eq", low, 0)
        self.require(fine if is_empty is None else f.lor(fine, is_empty))

    def match(self, dim: Dim, extent: Value) -> None:
        """Bind a bare name at its first use; check everything else, expressions at the end."""
        name = dims.bare_name(dim)
        if name is None:
            if isinstance(dim, int):
                self.require(self.f.icmp("eq", extent, dim))
            else:
                self._later.append((dim, extent))
            return
        bound = self.symbols.get(name)
        if bound is None:
            self.symbols[name] = extent
        else:
            self.require(self.f.icmp("eq", extent, bound))

    def match_stride(self, dim: Dim, stride: Value, extent: Value) -> None:
        """As `match`; the stride of a dimension of extent 1 may be anything."""
        name = dims.bare_name(dim)
        if name is not None and name not in self.symbols:
            self.symbols[name] = stride
            return
        emitter = DimEmitter(self.f, self.symbols, self.refuse)
        same = self.f.icmp("eq", stride, emitter.emit(dim))
        self.require(self.f.lor(same, self.f.icmp("eq", extent, 1)))

    # Numbers, shapes, tuples

    def scalar(self, spec: ScalarSpec, kind: Value, slot: Value) -> ScalarArgument:
        """A number: its kind and range; a float may be given as an integer."""
        f = self.f
        scalar = split(spec.dtype)[0]
        bits = f.load("i64", self.at(slot, abi.ANY_VALUE), 8)
        is_int = f.lor(f.icmp("eq", kind, abi.INT), f.icmp("eq", kind, abi.BOOL))
        if scalar.kind in ("float", "small"):
            is_float = f.icmp("eq", kind, abi.FLOAT)
            self.require(f.lor(is_float, is_int))
            wide = f.select(
                is_float, f.cast("bitcast", bits, "double"), f.cast("sitofp", bits, "double")
            )
            return ScalarArgument(convert(f, wide, "float64", spec.dtype), spec.dtype)
        if scalar.kind == "handle":
            self.require(f.icmp("eq", kind, abi.OPAQUE_PTR))
            return ScalarArgument(f.cast("inttoptr", bits, "ptr"), spec.dtype)
        self.require(is_int)
        if scalar.bits < 64:
            low, high = _integer_range(scalar.kind, scalar.bits)
            shifted = f.sub(bits, low) if low else bits
            self.require(f.icmp("ule", shifted, high - low))
        if spec.value is not None:
            self.match(spec.value, bits)
        return ScalarArgument(f.cast("trunc", bits, register_type(spec.dtype)), spec.dtype)

    def shape(self, spec: ShapeSpec, kind: Value, slot: Value) -> ShapeArgument:
        """A shape of known rank."""
        f = self.f
        if spec.rank < 0:
            raise UnsupportedError(f"The shape {spec.name!r} of unknown rank has no native form.")
        self.require(f.icmp("eq", kind, abi.SHAPE))
        pointer = f.load("ptr", self.at(slot, abi.ANY_VALUE), 8)
        size = f.load("i64", self.at(pointer, abi.SHAPE_SIZE), 8)
        self.require(f.icmp("eq", size, spec.rank))
        values = f.load("ptr", self.at(pointer, abi.SHAPE_DATA), 8)
        extents = tuple([f.load("i64", self.at(values, 8 * i), 8) for i in range(spec.rank)])
        for dim, extent in zip(spec.values or (), extents, strict=False):
            self.match(dim, extent)
        return ShapeArgument(pointer, extents)

    def tuple(self, spec: TupleSpec, kind: Value, slot: Value) -> TupleArgument:
        """A tuple and its fields."""
        f = self.f
        self.require(f.icmp("eq", kind, abi.ARRAY))
        pointer = f.load("ptr", self.at(slot, abi.ANY_VALUE), 8)
        size = f.load("i64", self.at(pointer, abi.ARRAY_SIZE), 8)
        self.require(f.icmp("eq", size, len(spec.fields)))
        items = f.load("ptr", self.at(pointer, abi.ARRAY_DATA), 8)
        fields = [
            self.argument(each, self.at(items, index * abi.ANY_BYTES))
            for index, each in enumerate(spec.fields)
        ]
        return TupleArgument(pointer, tuple(fields))


def _null() -> Value:
    return Value("ptr", "null")


def _integer_range(kind: str, bits: int) -> tuple[int, int]:
    if kind == "int":
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1
