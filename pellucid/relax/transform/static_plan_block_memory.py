"""StaticPlanBlockMemory: tensors that cannot escape share memory, at offsets by lifetime.

In: functions after `CallTIRRewrite`. Out: storages at the begin of each function, and tensors in
them for every allocation whose tensor only loop functions of the module ever see. What is returned
(by a branch of an `If` too), put into a structure, or handed to other functions keeps storage of
its own. A reshape is another name for what it reshapes, which lives as long as any of its names.

* Tensors of constant size share one storage. So do those whose symbolic dimensions are bounded by
  the function attribute `tir_var_upper_bound` (`{"n": 1024}`): room is kept for the largest.
* Other symbolic sizes that are known when the function is entered: tensors of provably equal size
  share the slots of a storage for that size.

Two tensors share bytes only if one was last used before the other is allocated. Bindings are
numbered in the order in which they run, those of the second branch of an `If` after those of the
first; as nothing runs twice, a tensor is alive from its number to that of its last use. Offsets are
found tensor by tensor, so that none takes up room that was made for a much larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import add, const, floordiv, mul
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.transform import Pass, PassContext
from pellucid.ir.visitor import Mutator, pre_order
from pellucid.relax.analysis.memory import is_reshape_call, upper_bounds
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    Call,
    DataTypeImm,
    Function,
    If,
    SeqExpr,
    ShapeExpr,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import lay_out
from pellucid.relax.op import builtin, memory
from pellucid.relax.symbolic import signature_vars
from pellucid.relax.transform.memory_layout import ALIGNMENT, Life, place, slots
from pellucid.relax.transform.passes import function_pass
from pellucid.tir.function import PrimFunc

LARGEST = 1 << 46
"""Bytes; what may be larger than that by its bound keeps storage of its own."""


class _Sizes:
    """How many bytes the allocations of a function take."""

    def __init__(self, func: Function) -> None:
        self.analyzer = Analyzer()
        self.bounds = upper_bounds(func)
        for var, bound in self.bounds.items():
            self.analyzer.bind(
                var, Range(min=const(0, var.dtype), extent=const(bound + 1, var.dtype))
            )
        self.known = set(signature_vars([param.struct_info for param in func.params]))

    def of(self, value: Any) -> int | PrimExpr | None:
        """The bytes of an allocation; an expression where the size is known when the function is
        entered; None for other sizes, and for anything else.
        """
        if not isinstance(value, Call) or value.op is not builtin.ALLOC_TENSOR:
            return None
        shape, dtype = value.args[0], cast("DataTypeImm", value.args[1]).value
        if not isinstance(shape, ShapeExpr):
            return None
        total: PrimExpr = IntImm("int64", dtype.bytes * dtype.lanes)
        for each in shape.values:
            total = mul(total, each.astype("int64"))
        if isinstance(total, IntImm):
            return total.value
        used = {each for each in pre_order(total) if isinstance(each, TirVar)}
        if used <= set(self.bounds):
            largest = self.analyzer.const_int_bound(total).max_value
            return int(largest) if largest <= LARGEST else None
        return self.analyzer.simplify(total) if used <= self.known else None


@dataclass(slots=True)
class _Tensors:
    """Follows the allocations of a function through their names, in the order of running."""

    mod: IRModule
    sizes: _Sizes
    number: int = 0
    lives: dict[Var, tuple[Life, int | PrimExpr]] = field(
        default_factory=dict[Var, tuple[Life, int | PrimExpr]]
    )
    names: dict[Var, Life] = field(default_factory=dict[Var, Life])
    """All names of planned tensors, those of their views included."""
    views: set[Var] = field(default_factory=set[Var])
    """Names of views: when one escapes it is copied, and its memory does not."""
    escaped: set[Var] = field(default_factory=set[Var])

    def sequence(self, seq: SeqExpr) -> None:
        """Follow the bindings of a sequence; its result escapes."""
        for block in seq.blocks:
            for binding in block.bindings:
                self.number += 1
                self.binding(binding)
        self.number += 1
        self.use(seq.body)
        self.escape(seq.body)

    def binding(self, binding: Binding) -> None:
        """Note what a binding does with the tensors."""
        value = binding.value
        size = self.sizes.of(value) if isinstance(binding, VarBinding) else None
        if size is not None:
            life = Life(binding.var, size if isinstance(size, int) else 0, self.number, self.number)
            self.lives[binding.var] = (life, size)
            self.names[binding.var] = life
            return
        if isinstance(value, If):
            self.use(value.cond)
            self.sequence(value.true_branch)
            self.sequence(value.false_branch)
            return
        self.use(value)
        source = value
        if is_reshape_call(value):
            source = cast("Call", value).args[0]
            self.views.add(binding.var)
        if isinstance(source, Var) and source in self.names:
            self.names[binding.var] = self.names[source]
            if source in self.views:
                self.views.add(binding.var)
        elif not self.is_kernel_call(value):
            self.escape(value)

    def is_kernel_call(self, value: Any) -> bool:
        """Whether a value is a call of a loop function, which keeps nothing."""
        return (
            isinstance(value, Call)
            and isinstance(value.op, GlobalVar)
            and isinstance(self.mod.get(value.op), PrimFunc)
        )

    def use(self, value: Any) -> None:
        """What `value` mentions lives until now."""
        for var in used_vars(value):
            if var in self.names:
                self.names[var].end = self.number

    def escape(self, value: Any) -> None:
        """Whatever `value` mentions may be kept by someone."""
        for var in used_vars(value):
            if var in self.names and var not in self.views:
                self.escaped.add(self.names[var].var)

    def planned(self) -> list[tuple[Life, int | PrimExpr]]:
        """The tensors that may share memory, with their sizes."""
        return [found for var, found in self.lives.items() if var not in self.escaped]


@dataclass(slots=True)
class _Class:
    """Tensors of one symbolic size."""

    size: PrimExpr
    lives: list[Life]


def _classes(found: list[tuple[Life, int | PrimExpr]], analyzer: Analyzer) -> list[_Class]:
    """The tensors of symbolic sizes, those of provably equal size together."""
    classes: list[_Class] = []
    for life, size in found:
        if isinstance(size, int):
            continue
        same = next((c for c in classes if analyzer.can_prove_equal(c.size, size)), None)
        if same is None:
            classes.append(_Class(size, [life]))
        else:
            same.lives.append(life)
    return classes


def _aligned_size(size: PrimExpr) -> PrimExpr:
    padded = add(size, const(ALIGNMENT - 1, "int64"))
    return mul(floordiv(padded, const(ALIGNMENT, "int64")), const(ALIGNMENT, "int64"))


def plan_function(func: Function, mod: IRModule) -> Function:
    """The function with the tensors that only loop functions see in shared storages."""
    sizes = _Sizes(func)
    tensors = _Tensors(mod, sizes)
    tensors.sequence(func.body)
    found = tensors.planned()
    if not found:
        return func
    builder = BlockBuilder(mod)
    builder.begin_scope(func.params)
    builder.begin_binding_block()
    places: dict[Var, tuple[Var, Any]] = {}
    constant = [life for life, size in found if isinstance(size, int)]
    if constant:
        storage = builder.emit(memory.alloc_storage([place(constant)]), "storage")
        places.update({life.var: (storage, life.offset) for life in constant})
    for each in _classes(found, sizes.analyzer):
        step = _aligned_size(each.size)
        count = const(slots(each.lives), "int64")
        storage = builder.emit(memory.alloc_storage([mul(step, count)]), "storage")
        for life in each.lives:
            places[life.var] = (storage, mul(step, const(life.offset, "int64")))
    first = builder.end_block()
    body = _Placing(places).visit(func.body)
    seq = SeqExpr(lay_out([first, *body.blocks]), body.body, struct_info_=func.body.struct_info_)
    return func.replace(body=seq)


class _Placing(Mutator):
    """Allocations in storages."""

    def __init__(self, places: dict[Var, tuple[Var, Any]]) -> None:
        super().__init__()
        self.places = places

    def visit_var_binding_(self, binding: VarBinding) -> VarBinding:
        """An allocation at its place."""
        found = self.places.get(binding.var)
        if found is None:
            return self.visit_default(binding) if isinstance(binding.value, If) else binding
        old = cast("Call", binding.value)
        call = memory.alloc_tensor(*found, old.args[0], old.args[1])
        new = call.replace(struct_info_=old.struct_info_)
        return VarBinding(binding.var, new, span=binding.span)


@function_pass(opt_level=0, name="StaticPlanBlockMemory")
def _plan(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    return plan_function(func, mod)


def StaticPlanBlockMemory() -> Pass:
    """The pass that chooses where tensors lie that no one outside can keep."""
    return _plan
