"""From a graph function to its plan: bindings become steps over numbered registers.

In: a module after the graph pipeline (closures lifted; memory planned, or not). Out: a `GraphPlan`
for each graph
function, which `codegen/llvm/graph.py` compiles where it can and `runtime/stepper.py` steps.

A tensor whose memory was planned into the arena keeps its place there, and a reshape is a view of
the same memory, unless it escapes (it is returned, put into a tuple, or handed to a packed or graph
function): then it gets storage of its own. `ownership.py` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from pellucid.codegen.dims import DimNames
from pellucid.codegen.ownership import with_owners
from pellucid.codegen.specs import graph_signature, spec_of
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.relax import expr as rx
from pellucid.relax import struct_info as si
from pellucid.relax.analysis.memory import RESHAPING, UPPER_BOUND, upper_bounds
from pellucid.runtime import plan as steps
from pellucid.runtime.dims import Dim
from pellucid.runtime.plan import GraphPlan, Step
from pellucid.runtime.signature import AnySpec, Signature, TupleSpec
from pellucid.runtime.tensor import Tensor
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir.function import PrimFunc

ARENA_ALIGNMENT = 64


class Constants:
    """The constants of an executable, each tensor object once."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self._index: dict[int, int] = {}

    def index(self, tensor: Tensor) -> int:
        """The number of a tensor among the constants."""
        found = self._index.get(id(tensor))
        if found is None:
            found = len(self.tensors)
            self.tensors.append(tensor)
            self._index[id(tensor)] = found
        return found


class PlanBuilder:
    """Builds the plan of one graph function."""

    def __init__(
        self,
        module: IRModule,
        name: str,
        constants: Constants,
        signatures: Mapping[str, Signature],
    ) -> None:
        allow_deep_recursion()
        self.module = module
        self.name = name
        self.constants = constants
        self.names = DimNames()
        self.registers = 0
        self.steps: list[Step] = []
        self.values: dict[rx.Var, int] = {}
        self.storages: dict[int, Dim] = {}
        self.arena: Dim = 0
        self.kernels = _kernels_by_symbol(module)
        self.signatures = signatures

    def build(self, function: rx.Function) -> GraphPlan:
        """The plan of `function`."""
        signature = graph_signature(function, self.name, self.names)
        for param in function.params:
            self.values[param] = self.register()
        self.bounds(function)
        result = self.value(function.body)
        plan = GraphPlan(
            self.name, signature, self.registers, tuple(self.steps), result, self.arena
        )
        return with_owners(plan, self.signatures)

    def bounds(self, function: rx.Function) -> None:
        """Checks of the dimensions that the function promises to be small."""
        for var, bound in upper_bounds(function).items():
            context = f"{var.name} is larger than {UPPER_BOUND} says."
            self.emit(steps.CheckBound(self.names.dim(var), bound, context))

    # Registers and steps

    def register(self) -> int:
        """A new register."""
        self.registers += 1
        return self.registers - 1

    def emit(self, step: Step) -> None:
        """Add a step."""
        self.steps.append(step)

    def value(self, expr: Any) -> int:
        """The register that holds an expression's value."""
        rule = _RULES.get(expr.__class__)
        if rule is None:
            raise self.unsupported(expr)
        return rule(self, expr)

    def unsupported(self, expr: Any) -> UnsupportedError:
        """The error for an expression that plans do not know."""
        return UnsupportedError(
            f"{self.name}: a {type(expr).__name__} cannot be compiled.",
            place=expr.span,
            found=repr(expr),
        )

    def bind(self, block: rx.BindingBlock) -> None:
        """The steps of a block's bindings."""
        for binding in block.bindings:
            if isinstance(binding, rx.VarBinding):
                self.values[binding.var] = self.value(binding.value)
            else:
                self.match_cast(cast("rx.MatchCast", binding))

    def match_cast(self, binding: rx.MatchCast) -> None:
        """A check at run time, which may bind dimensions."""
        reg = self.value(binding.value)
        self.values[binding.var] = reg
        context = f"match_cast of {binding.var.name_hint!r}"
        spec = spec_of(binding.struct_info, binding.var.name_hint, self.names)
        if not isinstance(spec, AnySpec):
            self.emit(steps.CheckInfo(reg, spec, context))

    # Calls

    def alloc(self, info: si.StructInfo) -> int:
        """A register with a new tensor of a known shape."""
        if not isinstance(info, si.TensorStructInfo) or not isinstance(info.shape, rx.ShapeExpr):
            raise UnsupportedError(
                f"{self.name}: an output needs a known shape and dtype.",
                found=repr(info),
                cure="write the shape in out_sinfo, such as R.Tensor((n, 10), dtype)",
            )
        dst = self.register()
        self.emit(steps.Alloc(dst, self.names.dims(info.shape.values), str(info.dtype)))
        return dst

    def outputs(self, call: rx.Call) -> list[int]:
        """New tensors for the outputs of a destination-passing call."""
        (info,) = call.sinfo_args
        infos = info.fields if isinstance(info, si.TupleStructInfo) else (info,)
        return [self.alloc(each) for each in infos]

    def result(self, outputs: list[int], call: rx.Call) -> int:
        """One register for the outputs: the tensor, or the tuple of several."""
        (info,) = call.sinfo_args
        if not isinstance(info, si.TupleStructInfo):
            return outputs[0]
        dst = self.register()
        self.emit(steps.MakeTuple(dst, tuple(outputs)))
        return dst

    def args(self, expr: Any) -> tuple[int, ...]:
        """The registers of the arguments, given as a tuple."""
        if isinstance(expr, rx.Tuple):
            return tuple([self.value(field) for field in expr.fields])
        reg = self.value(expr)
        info = expr.struct_info_
        if not isinstance(info, si.TupleStructInfo):
            return (reg,)
        found: list[int] = []
        for index in range(len(info.fields)):
            dst = self.register()
            self.emit(steps.GetItem(dst, reg, index))
            found.append(dst)
        return tuple(found)

    def kernel(self, name: str, args: tuple[int, ...], extra: Any = ()) -> None:
        """A call of a loop function."""
        self.emit(steps.CallKernel(name, args, self.names.dims(extra)))

    def literal(self, value: str | float | bool | None) -> int:
        """A register with a plain value."""
        dst = self.register()
        self.emit(steps.Literal(dst, value))
        return dst


def _kernels_by_symbol(module: IRModule) -> dict[str, str]:
    """Global symbol → name in the module, of the loop functions."""
    found: dict[str, str] = {}
    for var, function in module.functions.items():
        if isinstance(function, PrimFunc):
            found[str(function.attrs.get("global_symbol", var.name_hint))] = var.name_hint
    return found


def _extra(call: rx.Call, index: int) -> tuple[Any, ...]:
    """The integers that a call passes after its tensors."""
    if len(call.args) <= index:
        return ()
    return cast("rx.ShapeExpr", call.args[index]).values


def _call_tir(self: PlanBuilder, call: rx.Call) -> int:
    outputs = self.outputs(call)
    args = (*self.args(call.args[1]), *outputs)
    self.kernel(cast("GlobalVar", call.args[0]).name_hint, args, _extra(call, 2))
    return self.result(outputs, call)


def _call_tir_inplace(self: PlanBuilder, call: rx.Call) -> int:
    args = self.args(call.args[1])
    (info,) = call.sinfo_args
    infos = info.fields if isinstance(info, si.TupleStructInfo) else (info,)
    outputs: list[int] = []
    fresh: list[int] = []
    for index, each in zip(
        cast("tuple[int, ...]", call.attrs["inplace_indices"]), infos, strict=True
    ):
        if index >= 0:
            outputs.append(args[index])
            continue
        fresh.append(self.alloc(each))
        outputs.append(fresh[-1])
    name = cast("GlobalVar", call.args[0]).name_hint
    self.kernel(name, (*args, *fresh), _extra(call, 2))
    return self.result(outputs, call)


def _packed_name(self: PlanBuilder, callee: Any) -> str:
    if isinstance(callee, rx.ExternFunc):
        return callee.global_symbol
    if isinstance(callee, rx.StringImm):
        return callee.value
    if isinstance(callee, GlobalVar):
        return callee.name_hint
    raise self.unsupported(callee)


def _call_dps_packed(self: PlanBuilder, call: rx.Call) -> int:
    outputs = self.outputs(call)
    args = (*self.args(call.args[1]), *outputs)
    name = _packed_name(self, call.args[0])
    if name in self.kernels:
        self.kernel(self.kernels[name], args)
    else:
        self.emit(steps.CallPacked(name, args, None, True))
    return self.result(outputs, call)


def _call_pure_packed(self: PlanBuilder, call: rx.Call) -> int:
    callee, *rest = call.args
    return _call_packed(self, _packed_name(self, callee), rest, call)


def _call_packed(self: PlanBuilder, name: str, args: Any, call: rx.Call) -> int:
    dst = self.register()
    self.emit(steps.CallPacked(name, tuple([self.value(arg) for arg in args]), dst, False))
    for info in call.sinfo_args[:1]:
        spec = spec_of(info, name, self.names)
        # The empty tuple is how a call that gives nothing is declared.
        if not isinstance(spec, AnySpec) and spec != TupleSpec(name, ()):
            self.emit(steps.CheckInfo(dst, spec, f"the result of {name!r}"))
    return dst


def _make_closure(self: PlanBuilder, call: rx.Call) -> int:
    captured = self.args(call.args[1])
    callee = call.args[0]
    if not isinstance(callee, GlobalVar) or not isinstance(self.module.get(callee), rx.Function):
        raise TypeMismatchError(
            "A closure is made of a graph function of the module.",
            place=call.span,
            found=repr(callee),
            cure="call a loop function with R.call_tir(cls.f, ...) instead",
        )
    dst = self.register()
    self.emit(steps.MakeClosure(dst, callee.name_hint, captured))
    return dst


def _invoke_closure(self: PlanBuilder, call: rx.Call) -> int:
    closure = self.value(call.args[0])
    args = self.args(call.args[1])
    dst = self.register()
    self.emit(steps.CallClosure(dst, closure, args))
    return dst


def _alloc_tensor(self: PlanBuilder, call: rx.Call) -> int:
    shape, dtype = call.args[0], cast("rx.DataTypeImm", call.args[1]).value
    dst = self.register()
    dims = self.names.dims(cast("rx.ShapeExpr", shape).values)
    self.emit(steps.Alloc(dst, dims, str(dtype)))
    return dst


def _alloc_storage(self: PlanBuilder, call: rx.Call) -> int:
    (size,) = self.names.dims(cast("rx.ShapeExpr", call.args[0]).values)
    reg = self.literal(None)
    self.storages[reg] = self.arena
    self.arena = _aligned_sum(self.arena, size)
    return reg


def _sum(a: Dim, b: Dim) -> Dim:
    """`a + b`."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0 or b == 0:
        return b if a == 0 else a
    return ("add", a, b)


def _aligned_sum(base: Dim, size: Dim) -> Dim:
    """`base + size`, rounded up to the arena's alignment."""
    if isinstance(base, int) and isinstance(size, int):
        return -(-(base + size) // ARENA_ALIGNMENT) * ARENA_ALIGNMENT
    total = _sum(base, size)
    if _is_aligned(total):
        return total
    padded = ("add", total, ARENA_ALIGNMENT - 1)
    return ("mul", ("floordiv", padded, ARENA_ALIGNMENT), ARENA_ALIGNMENT)


def _is_aligned(dim: Dim) -> bool:
    """Whether a number of bytes is seen to be a multiple of the arena's alignment."""
    if isinstance(dim, int):
        return dim % ARENA_ALIGNMENT == 0
    if not isinstance(dim, tuple) or len(dim) != 3:
        return False
    operator, a, b = dim
    if operator == "mul":
        return _is_aligned(a) or _is_aligned(b)
    return operator == "add" and _is_aligned(a) and _is_aligned(b)


def _alloc_in_storage(self: PlanBuilder, call: rx.Call) -> int:
    storage, offset, shape, dtype = call.args[:4]
    base = self.storages[self.value(storage)]
    start = self.names.dim(cast("rx.PrimValue", offset).value)
    place = _sum(base, start)
    dst = self.register()
    dims = self.names.dims(cast("rx.ShapeExpr", shape).values)
    kind = cast("rx.DataTypeImm", dtype).value
    self.emit(steps.Alloc(dst, dims, str(kind), place))
    return dst


def _reshape(self: PlanBuilder, call: rx.Call) -> int:
    """The same elements with other extents; `ownership` finds out whether they need a copy."""
    source, info = call.args[0].struct_info_, call.struct_info_
    known = isinstance(source, si.TensorStructInfo) and source.ndim >= 0 and str(source.dtype)
    shape = info.shape if isinstance(info, si.TensorStructInfo) else None
    if not known or not isinstance(shape, rx.ShapeExpr):
        raise UnsupportedError(
            f"{self.name}: a reshape needs a tensor of known rank and dtype, and a known shape.",
            place=call.span,
            found=repr(call),
            cure="name the dimensions with R.match_cast before",
        )
    reg = self.value(call.args[0])
    dst = self.register()
    self.emit(steps.View(dst, reg, self.names.dims(shape.values)))
    return dst


def _nothing(self: PlanBuilder, call: rx.Call) -> int:
    del call
    return self.literal(None)


_OPERATORS: dict[str, Callable[[PlanBuilder, Any], int]] = {
    "relax.call_tir": _call_tir,
    "relax.call_tir_inplace": _call_tir_inplace,
    "relax.call_dps_packed": _call_dps_packed,
    "relax.call_pure_packed": _call_pure_packed,
    "relax.make_closure": _make_closure,
    "relax.invoke_closure": _invoke_closure,
    "relax.invoke_pure_closure": _invoke_closure,
    "relax.builtin.alloc_tensor": _alloc_tensor,
    "relax.memory.alloc_storage": _alloc_storage,
    "relax.memory.alloc_tensor": _alloc_in_storage,
    **dict.fromkeys(RESHAPING, _reshape),
    "relax.memory.kill_tensor": _nothing,
    "relax.memory.kill_storage": _nothing,
    "relax.vm.kill_object": _nothing,
}


def _call(self: PlanBuilder, call: rx.Call) -> int:
    op = call.op
    if isinstance(op, Op):
        rule = _OPERATORS.get(op.name)
        if rule is None:
            raise UnsupportedError(
                f"{self.name}: the operator {op.name!r} was not lowered.",
                place=call.span,
                found=repr(call),
                cure="give it a legalization, or run LegalizeOps before",
            )
        return rule(self, call)
    if isinstance(op, rx.ExternFunc):
        return _call_packed(self, op.global_symbol, call.args, call)
    args = tuple([self.value(arg) for arg in call.args])
    if isinstance(op, GlobalVar):
        if isinstance(self.module[op], PrimFunc):
            return _call_kernel_directly(self, op.name_hint, args, call)
        dst = self.register()
        self.emit(steps.CallGraph(op.name_hint, args, dst))
        return dst
    dst = self.register()
    self.emit(steps.CallClosure(dst, self.value(op), args))
    return dst


def _call_kernel_directly(
    self: PlanBuilder, name: str, args: tuple[int, ...], call: rx.Call
) -> int:
    """A loop function called with its outputs given (what `CallTIRRewrite` leaves)."""
    tensors: list[int] = []
    extra: list[Any] = []
    for reg, arg in zip(args, call.args, strict=True):
        if isinstance(arg, rx.PrimValue):
            extra.append(arg.value)
        elif isinstance(arg, rx.ShapeExpr):
            extra.extend(arg.values)
        else:
            tensors.append(reg)
    self.kernel(name, tuple(tensors), extra)
    return self.literal(None)


def _variable(self: PlanBuilder, expr: rx.Var) -> int:
    return self.values[expr]


def _constant(self: PlanBuilder, expr: rx.Constant) -> int:
    dst = self.register()
    self.emit(steps.Const(dst, self.constants.index(expr.data)))
    return dst


def _shape(self: PlanBuilder, expr: rx.ShapeExpr) -> int:
    dst = self.register()
    self.emit(steps.MakeShape(dst, self.names.dims(expr.values)))
    return dst


def _prim_value(self: PlanBuilder, expr: rx.PrimValue) -> int:
    dtype: DataType = expr.value.dtype
    value = getattr(expr.value, "value", None)
    if isinstance(value, float):
        return self.literal(value)
    if dtype.is_bool and isinstance(value, int):
        return self.literal(bool(value))
    dst = self.register()
    self.emit(steps.MakePrim(dst, str(dtype), self.names.dim(expr.value)))
    return dst


def _tuple(self: PlanBuilder, expr: rx.Tuple) -> int:
    regs = tuple([self.value(field) for field in expr.fields])
    dst = self.register()
    self.emit(steps.MakeTuple(dst, regs))
    return dst


def _get_item(self: PlanBuilder, expr: rx.TupleGetItem) -> int:
    reg = self.value(expr.tuple_value)
    dst = self.register()
    self.emit(steps.GetItem(dst, reg, expr.index))
    return dst


def _if(self: PlanBuilder, expr: rx.If) -> int:
    cond = self.value(expr.cond)
    outer = self.steps
    branches: list[tuple[tuple[Step, ...], int]] = []
    for branch in (expr.true_branch, expr.false_branch):
        self.steps = []
        reg = self.value(branch)
        branches.append((tuple(self.steps), reg))
    self.steps = outer
    dst = self.register()
    (then_steps, then_reg), (else_steps, else_reg) = branches
    self.emit(steps.If(cond, then_steps, then_reg, else_steps, else_reg, dst))
    return dst


def _sequence(self: PlanBuilder, expr: rx.SeqExpr) -> int:
    for block in expr.blocks:
        self.bind(block)
    return self.value(expr.body)


def _function(self: PlanBuilder, expr: rx.Function) -> int:
    raise UnsupportedError(
        f"{self.name}: a local function must be lifted before it is compiled.",
        place=expr.span,
        cure="run relax.transform.LambdaLift (the default pipeline does)",
    )


def _global(self: PlanBuilder, expr: GlobalVar) -> int:
    dst = self.register()
    self.emit(steps.MakeClosure(dst, expr.name_hint, ()))
    return dst


_RULES: dict[type[Any], Callable[[PlanBuilder, Any], int]] = {
    rx.Var: _variable,
    rx.DataflowVar: _variable,
    rx.Constant: _constant,
    rx.ShapeExpr: _shape,
    rx.PrimValue: _prim_value,
    rx.StringImm: lambda self, e: self.literal(e.value),
    rx.DataTypeImm: lambda self, e: self.literal(str(e.value)),
    rx.Tuple: _tuple,
    rx.TupleGetItem: _get_item,
    rx.If: _if,
    rx.SeqExpr: _sequence,
    rx.Call: _call,
    rx.Function: _function,
    GlobalVar: _global,
}


def build_plan(
    module: IRModule, name: str, constants: Constants, signatures: Mapping[str, Signature]
) -> GraphPlan:
    """The plan of the graph function `name` of a module; its constants go to `constants`.

    `signatures` are those of the loop functions, by name: they say what is written.
    """
    function = cast("rx.Function", module[name])
    return PlanBuilder(module, name, constants, signatures).build(function)


__all__ = ["Constants", "PlanBuilder", "build_plan"]
