"""One loop function from a graph function that only calls loop functions.

In: a function whose bindings are `call_tir`s, tuples, their fields and aliases. Out: a `PrimFunc`
whose root block holds the bodies of the callees one after another, with what lies between them
allocated there; and how the result of the graph function is put together from its outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, union
from pellucid.ir.arithmetic import cast_to, const
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm, Range
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Mutator, pre_order
from pellucid.relax.call import CALL_TIR
from pellucid.relax.expr import (
    Call,
    Expr,
    Function,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.struct_info import (
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.te_call import known_dims
from pellucid.support.errors import PassError
from pellucid.support.naming import NameSupply, identifier
from pellucid.tir import stmt as tir
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer, BufferRegion, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Stmt

# What a graph value is here: a buffer, a tuple of values, or a shape or number (nothing to hold).
Value = Any


@dataclass(slots=True, frozen=True)
class Output:
    """A part of the result that is the output `index` of the loop function."""

    index: int


@dataclass(slots=True, frozen=True)
class Given:
    """A part of the result that is handed through: the field `path` of the parameter `param`."""

    param: int
    path: tuple[int, ...]


@dataclass(slots=True)
class Fused:
    """A loop function and what its callers have to know.

    `inputs` are the tensors it takes, `outputs` the infos of those it writes, `result` is the
    result as `Output`, `Given`, or a tuple of such, and `numbers` are the symbolic variables that
    are passed after the tensors.
    """

    func: PrimFunc
    inputs: list[Given]
    outputs: list[TensorStructInfo]
    result: Any
    numbers: list[TirVar]


class _Copy(Mutator):
    """The body of a callee on other buffers, with definitions and block names of its own."""

    def __init__(self, mapping: dict[Any, Any], names: NameSupply) -> None:
        super().__init__()
        self.replaced.update(mapping)
        self.names = names

    def visit_definition(self, node: Any) -> Any:
        """Each definition becomes a new object; a buffer gets a pointer of its own."""
        if not node.is_variable:
            return self.visit(node)
        found = self.replaced.get(node)
        if found is not None:
            return found
        if isinstance(node, Buffer):
            self.replaced.setdefault(node.data, node.data.fresh())
            found = node.map(self.visit, self.visit)
        else:
            found = node.map(self.visit, self.visit)
            found = node.fresh() if found is node else found
        self.replaced[node] = found
        return found

    def visit_block_(self, block: Block) -> Block:
        """A block under a name that no other one has; schedule references do not follow."""
        new = self.visit_default(block)
        return new.replace(
            name_hint=self.names.fresh(block.name_hint),
            reads=_each_once(new.reads),
            writes=_each_once(new.writes),
            token=None,
        )


def _each_once(regions: tuple[BufferRegion, ...]) -> tuple[BufferRegion, ...]:
    """Regions with those of one buffer joined: two parameters may stand for the same tensor."""
    table: dict[Buffer, BufferRegion] = {}
    for each in regions:
        known = table.get(each.buffer)
        table[each.buffer] = each if known is None else _joined(known, each)
    return regions if len(table) == len(regions) else tuple(table.values())


def _joined(a: BufferRegion, b: BufferRegion) -> BufferRegion:
    analyzer = Analyzer()
    ranges: list[Range] = []
    for x, y, extent in zip(a.region, b.region, a.buffer.shape, strict=True):
        both = union(IntSet.from_range(x), IntSet.from_range(y))
        whole = Range(min=const(0, extent.dtype), extent=extent)
        ranges.append(x if structural_equal(x, y) else both.to_range(analyzer, whole))
    return BufferRegion(a.buffer, ranges)


@dataclass(slots=True)
class _Fuser:
    """Collects the buffers and statements of the loop function for one graph function."""

    mod: IRModule
    name: str
    func: Function
    values: dict[Var, Value] = field(default_factory=dict["Var", Value])
    inputs: dict[Buffer, Given] = field(default_factory=dict["Buffer", Given])
    made: dict[Buffer, TensorStructInfo] = field(default_factory=dict["Buffer", TensorStructInfo])
    allocated: list[Buffer] = field(default_factory=list[Buffer])
    statements: list[Stmt] = field(default_factory=list[Stmt])
    blocks: NameSupply = field(default_factory=lambda: NameSupply(("root",)))
    buffers: NameSupply = field(default_factory=NameSupply)
    offered: list[TirVar] = field(default_factory=list[TirVar])

    def refuse(self, what: str, found: Any) -> PassError:
        """The error of a function that cannot be fused."""
        return PassError(
            f"FuseTIR cannot make one loop function of {self.name!r}: {what}.",
            place=getattr(found, "span", None),
            expected="call_tirs of loop functions, tuples and their fields, on tensors of known "
            "shape",
            found=repr(found),
            cure="lower its operators first (relax.transform.LegalizeOps), or take the attribute "
            "Primitive from it",
        )

    def fuse(self) -> Fused | None:
        """The loop function; None when the result is nothing but parameters."""
        for index, param in enumerate(self.func.params):
            self.values[param] = self.parameter(Given(index, ()), param.struct_info, param)
        for block in self.func.body.blocks:
            for binding in block.bindings:
                if not isinstance(binding, VarBinding):
                    raise self.refuse("it casts", binding)
                self.values[binding.var] = self.value(binding.value)
        outputs: list[Buffer] = []
        result = self.result(self.value(self.func.body.body), outputs)
        if not outputs:
            return None
        return self.finished(outputs, result)

    def parameter(self, place: Given, info: StructInfo, param: Var) -> Value:
        """The value of a parameter, or of a part of it."""
        if isinstance(info, TupleStructInfo):
            return tuple(
                [
                    self.parameter(Given(place.param, (*place.path, i)), each, param)
                    for i, each in enumerate(info.fields)
                ]
            )
        if isinstance(info, ShapeStructInfo | PrimStructInfo):
            shown = info.values or () if isinstance(info, ShapeStructInfo) else (info.value,)
            self.offered.extend(each for each in shown if isinstance(each, TirVar))
            return place
        dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
        if dims is None or not isinstance(info, TensorStructInfo):
            raise self.refuse("a parameter is no tensor of known shape", param)
        name = "_".join([param.name_hint, *map(str, place.path)])
        buffer = decl_buffer(dims, info.dtype, self.buffers.fresh(identifier(name)))
        self.inputs[buffer] = place
        return buffer

    def value(self, expr: Expr) -> Value:
        """What an expression stands for; a call adds the statements that compute it."""
        if isinstance(expr, Var):
            return self.values[expr]
        if isinstance(expr, Tuple):
            return tuple([self.value(each) for each in expr.fields])
        if isinstance(expr, TupleGetItem):
            return self.value(expr.tuple_value)[expr.index]
        if isinstance(expr, Call) and expr.op is CALL_TIR:
            return self.call(expr)
        raise self.refuse("it does more than call loop functions", expr)

    def call(self, call: Call) -> Value:
        """The outputs of a call of a loop function, whose body is added."""
        callee = self.mod.get(cast("GlobalVar", call.args[0]))
        if not isinstance(callee, PrimFunc):
            raise self.refuse("it calls something else than a loop function", call)
        args = [self.value(each) for each in cast("Tuple", call.args[1]).fields]
        info = call.sinfo_args[0]
        infos = info.fields if isinstance(info, TupleStructInfo) else (info,)
        params = [each for each in callee.params if each in callee.buffer_map]
        own = [callee.buffer_map[each] for each in params]
        outputs = [
            self.intermediate(each, buffer.name)
            for each, buffer in zip(infos, own[len(args) :], strict=True)
        ]
        mapping = self.substitution(call, own, [*args, *outputs])
        numbers = [each for each in callee.params if each not in callee.buffer_map]
        given = cast("ShapeExpr", call.args[2]).values if len(call.args) > 2 else ()
        for var, value in zip(numbers, given, strict=True):
            mapping[var] = cast_to(var.dtype, value)
        self.bind_dims(call, own, [*args, *outputs], mapping)
        self.add_body(callee, _Copy(mapping, self.blocks))
        return tuple(outputs) if isinstance(info, TupleStructInfo) else outputs[0]

    def intermediate(self, info: StructInfo, name: str) -> Buffer:
        """A new buffer for an output."""
        dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
        if dims is None or not isinstance(info, TensorStructInfo):
            raise self.refuse("an output is no tensor of known shape", info)
        buffer = decl_buffer(dims, info.dtype, self.buffers.fresh(identifier(name)))
        self.made[buffer] = info
        return buffer

    def substitution(self, call: Call, own: list[Buffer], actual: list[Value]) -> dict[Any, Any]:
        """The callee's buffers and their pointers → the buffers that stand for them."""
        mapping: dict[Any, Any] = {}
        for mine, theirs in zip(own, actual, strict=True):
            plain = isinstance(theirs, Buffer) and theirs.dtype == mine.dtype
            moved = not isinstance(mine.elem_offset, IntImm) or mine.elem_offset.value != 0
            if not plain or mine.strides or moved or len(theirs.shape) != len(mine.shape):
                raise self.refuse("a tensor is not the plain array that its callee takes", call)
            mapping[mine] = theirs
            mapping[mine.data] = theirs.data
        return mapping

    def bind_dims(
        self, call: Call, own: list[Buffer], actual: list[Buffer], mapping: dict[Any, Any]
    ) -> None:
        """The callee's symbolic dimensions → what they are here."""
        pairs = [
            pair
            for mine, theirs in zip(own, actual, strict=True)
            for pair in zip(mine.shape, theirs.shape, strict=True)
        ]
        for dim, value in pairs:
            if isinstance(dim, TirVar):
                mapping.setdefault(dim, cast_to(dim.dtype, value))
        for dim, _ in pairs:
            unknown = [v for v in pre_order(dim) if isinstance(v, TirVar) and v not in mapping]
            if unknown:
                raise self.refuse(f"nothing shows the dimension {unknown[0].name!r}", call)

    def add_body(self, callee: PrimFunc, copy: _Copy) -> None:
        """The statements of a callee; its root block dissolves where it is a plain one."""
        body = callee.body
        if isinstance(body, BlockRealize) and _is_plain_root(body):
            for buffer in body.block.alloc_buffers:
                self.allocated.append(self.renamed(copy, buffer))
            self.statements.append(copy.visit(body.block.body))
        else:
            self.statements.append(copy.visit(body))

    def renamed(self, copy: _Copy, buffer: Buffer) -> Buffer:
        """A callee's allocation under a name of its own."""
        new = copy.visit_definition(buffer)
        named = new.replace(name=self.buffers.fresh(buffer.name))
        copy.replaced[buffer] = named
        return named

    def result(self, value: Value, outputs: list[Buffer]) -> Any:
        """How a value is put together; its tensors are added to the outputs."""
        if isinstance(value, tuple):
            parts = cast("tuple[Value, ...]", value)
            return tuple([self.result(each, outputs) for each in parts])
        if isinstance(value, Given):
            return value
        if value in self.inputs:
            return self.inputs[value]
        if value not in outputs:
            outputs.append(value)
        return Output(outputs.index(value))

    def finished(self, outputs: list[Buffer], result: Any) -> Fused:
        """The loop function of all that was collected."""
        written = set(outputs)
        between = [each for each in self.made if each not in written]
        tensors = [*self.inputs, *outputs]
        shown = {dim for each in tensors for dim in each.shape if isinstance(dim, TirVar)}
        root = Block(
            [], [], [], "root", tir.seq(*self.statements), alloc_buffers=between + self.allocated
        )
        used = {each for each in pre_order(root) if isinstance(each, TirVar)}
        used |= {v for each in tensors for dim in each.shape for v in pre_order(dim)}
        numbers = [each for each in dict.fromkeys(self.offered) if each in used - shown]
        params: list[Any] = []
        table: dict[TirVar, Buffer] = {}
        for each in tensors:
            handle = TirVar(f"var_{each.name}", "handle")
            params.append(handle)
            table[handle] = each
        # Only the module itself calls a fused function, whether its graph function was public or
        # not.
        dropped = ("Primitive", "global_symbol")
        attrs = {k: v for k, v in self.func.attrs.items() if k not in dropped}
        func = PrimFunc(
            [*params, *numbers],
            BlockRealize([], True, root),
            None,
            table,
            {**attrs, "tir.noalias": True},
        )
        infos = [self.made[each] for each in outputs]
        return Fused(func, list(self.inputs.values()), infos, result, numbers)


def _is_plain_root(body: BlockRealize) -> bool:
    block = body.block
    extra = block.iter_vars or block.match_buffers or block.annotations or block.init is not None
    return is_true(body.predicate) and not extra


def fused_prim_func(mod: IRModule, name: str, func: Function) -> Fused | None:
    """The loop function that does what the graph function `func` of `mod` does.

    None when it computes nothing, or when one of its callees is scheduled. What cannot be fused is
    a `PassError`.
    """
    for block in func.body.blocks:
        for binding in block.bindings:
            value = binding.value
            if isinstance(value, Call) and value.op is CALL_TIR:
                callee = mod.get(cast("GlobalVar", value.args[0]))
                if callee is not None and callee.attrs.get("tir.is_scheduled", False):
                    return None
    return _Fuser(mod, name, func).fuse()


__all__ = ["Fused", "Given", "Output", "fused_prim_func"]
