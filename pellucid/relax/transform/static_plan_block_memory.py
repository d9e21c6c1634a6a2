"""StaticPlanBlockMemory: tensors that cannot escape share one arena, at offsets by lifetime.

In: functions after `CallTIRRewrite`. Out: one storage at the begin of each function, and tensors in
it for every allocation of constant size whose tensor only loop functions of the module ever see.
What is returned, put into a structure, or handed to other functions keeps storage of its own.

Two tensors share bytes only if one was last used before the other is allocated. Offsets are found
largest first, each at the lowest place that is free for the tensor's whole life.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataTypeImm,
    Function,
    SeqExpr,
    ShapeExpr,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import lay_out
from pellucid.relax.op import builtin, memory
from pellucid.relax.transform.passes import function_pass
from pellucid.tir.function import PrimFunc

ALIGNMENT = 64


@dataclass(slots=True)
class Life:
    """A planned tensor: its size in bytes, and the first and last binding in which it lives."""

    var: Var
    size: int
    begin: int
    end: int
    offset: int = 0

    def meets(self, other: Life) -> bool:
        """Whether the two live at once."""
        return self.begin <= other.end and other.begin <= self.end


@dataclass(slots=True)
class _Tensors:
    """Follows the allocations of a function through their names."""

    mod: IRModule
    lives: dict[Var, Life] = field(default_factory=dict[Var, Life])
    names: dict[Var, Life] = field(default_factory=dict[Var, Life])
    escaped: set[Var] = field(default_factory=set[Var])

    def binding(self, number: int, binding: Binding) -> None:
        """Note what a binding does with the tensors."""
        value = binding.value
        size = _constant_size(value) if isinstance(binding, VarBinding) else None
        if size is not None:
            life = Life(binding.var, size, number, number)
            self.lives[binding.var] = self.names[binding.var] = life
            return
        for var in used_vars(value):
            if var in self.names:
                self.names[var].end = number
        if isinstance(value, Var) and value in self.names:
            self.names[binding.var] = self.names[value]
        elif not self.is_kernel_call(value):
            self.escape(value)

    def is_kernel_call(self, value: Any) -> bool:
        """Whether a value is a call of a loop function, which keeps nothing."""
        return (
            isinstance(value, Call)
            and isinstance(value.op, GlobalVar)
            and isinstance(self.mod.get(value.op), PrimFunc)
        )

    def escape(self, value: Any) -> None:
        """Whatever `value` mentions may be kept by someone."""
        for var in used_vars(value):
            if var in self.names:
                self.escaped.add(self.names[var].var)

    def planned(self) -> list[Life]:
        """The tensors that may lie in the arena."""
        return [life for var, life in self.lives.items() if var not in self.escaped]


def _constant_size(value: Any) -> int | None:
    """The bytes of an allocation of constant shape, or None."""
    if not isinstance(value, Call) or value.op is not builtin.ALLOC_TENSOR:
        return None
    shape, dtype = value.args[0], cast("DataTypeImm", value.args[1]).value
    if not isinstance(shape, ShapeExpr):
        return None
    count = 1
    for each in shape.values:
        if not isinstance(each, IntImm):
            return None
        count *= each.value
    return count * dtype.bytes * dtype.lanes


def place(lives: list[Life]) -> int:
    """Choose the offsets; returns the size of the arena in bytes."""
    placed: list[Life] = []
    for life in sorted(lives, key=lambda each: (-each.size, each.begin)):
        taken = sorted(
            (each.offset, each.offset + each.size) for each in placed if each.meets(life)
        )
        offset = 0
        for begin, end in taken:
            if offset + life.size <= begin:
                break
            offset = max(offset, _aligned(end))
        life.offset = offset
        placed.append(life)
    return _aligned(max((each.offset + each.size for each in placed), default=0))


def _aligned(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT


def plan_function(func: Function, mod: IRModule) -> Function:
    """The function with its constant-size tensors in one arena."""
    tensors = _Tensors(mod)
    bindings = [each for block in func.body.blocks for each in block.bindings]
    for number, binding in enumerate(bindings):
        tensors.binding(number, binding)
    tensors.escape(func.body.body)
    lives = tensors.planned()
    if not lives:
        return func
    total = place(lives)
    builder = BlockBuilder(mod)
    builder.begin_scope(func.params)
    builder.begin_binding_block()
    storage = builder.emit(memory.alloc_storage([total]), "storage")
    first = builder.end_block()
    offsets = {life.var: life.offset for life in lives}
    blocks = [_with_offsets(block, storage, offsets) for block in func.body.blocks]
    body = func.body
    seq = SeqExpr(lay_out([first, *blocks]), body.body, struct_info_=body.struct_info_)
    return func.replace(body=seq)


def _with_offsets(block: BindingBlock, storage: Var, offsets: dict[Var, int]) -> BindingBlock:
    bindings: list[Binding] = []
    for binding in block.bindings:
        offset = offsets.get(binding.var)
        if offset is None:
            bindings.append(binding)
            continue
        old = cast("Call", binding.value)
        call = memory.alloc_tensor(storage, offset, old.args[0], old.args[1])
        new = call.replace(struct_info_=old.struct_info_)
        bindings.append(VarBinding(binding.var, new, span=binding.span))
    return type(block)(bindings)


@function_pass(opt_level=0, name="StaticPlanBlockMemory")
def _plan(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    return plan_function(func, mod)


def StaticPlanBlockMemory() -> Pass:
    """The pass that chooses where tensors of constant size lie."""
    return _plan
