"""The state of emitting one graph function: what registers hold, named dimensions, checks and
failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pellucid.codegen.llvm.dims import DimEmitter
from pellucid.codegen.llvm.graph_values import (
    NULL,
    Held,
    Number,
    Objects,
    Shape,
    Tensor,
    Tuple,
    at,
    declare,
    tensor_from_object,
)
from pellucid.codegen.llvm.text import Block, Function, Module
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dims, dtypes, plan
from pellucid.runtime.dims import Dim
from pellucid.runtime.plan import GraphPlan
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.support.errors import TypeMismatchError

_MESSAGE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a graph function may refer to: loop functions, graph functions, and constants (each
    a dtype and a shape).
    """

    kernels: Mapping[str, Signature]
    graphs: Mapping[str, GraphPlan]
    constants: Sequence[tuple[str, tuple[int, ...]]]

    def cycle(self, name: str) -> set[str]:
        """The graph functions that call `name`, directly or not, and are called by it likewise."""
        return {
            each
            for each in self._reached(name)
            if each in self.graphs and name in self._reached(each)
        }

    def _reached(self, name: str) -> set[str]:
        found, pending = set[str](), [name]
        while pending:
            for step in plan.walk(self.graphs[pending.pop()].steps):
                if isinstance(step, plan.CallGraph) and step.function not in found:
                    found.add(step.function)
                    pending.append(step.function)
        return found


class GraphBase:
    """What the parts of the emitter share."""

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
        self.recursive = bool(around.cycle(graph.name))
        self.frame: Value | None = None
        self.objects: Objects

    def raise_error(self, kind: str, message: Value) -> None:
        """Raise an error of `kind`."""
        name = declare(self.module, "TVMFFIErrorSetRaisedFromCStr")
        self.f.call(name, "void", [self.module.string(kind), message])

    def dim(self, value: Dim) -> Value:
        """A dimension as an i64."""
        return DimEmitter(self.f, self.symbols, self.fail).emit(value)

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
