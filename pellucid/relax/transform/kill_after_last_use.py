"""KillAfterLastUse: the end of life of storages and tensors, written where it is.

After the last use of an allocated tensor (by any of its names, reshapes of it included) comes
`R.memory.kill_tensor`, after
the last use of a storage `R.memory.kill_storage`, and after that of any other object that a call
returned `R.vm.kill_object`. What the function returns, and its parameters, are not killed.
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.memory import is_reshape_call
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataflowBlock,
    Function,
    If,
    MatchCast,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.op import builtin, memory, vm
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.transform.passes import function_pass

KILLS = (memory.KILL_TENSOR, memory.KILL_STORAGE, vm.KILL_OBJECT)


class _LastUses:
    """Which objects a sequence makes, under which names they go, and where each is last used."""

    def __init__(self, bindings: list[Binding], seq: SeqExpr) -> None:
        self.makers: dict[Var, Callable[[Var], Call]] = {}
        self.objects: dict[Var, frozenset[Var]] = {}
        self.last: dict[Var, int] = {}
        self.killed: set[Var] = set()
        for number, binding in enumerate(bindings):
            self.binding(number, binding)
        for each in self.held_by(used_vars(seq.body)):
            self.last.pop(each, None)

    def held_by(self, variables: list[Var]) -> frozenset[Var]:
        """The objects that some variables hold."""
        return frozenset(each for var in variables for each in self.objects.get(var, ()))

    def binding(self, number: int, binding: Binding) -> None:
        """Note a binding's uses, and what it makes."""
        value = binding.value
        held = self.held_by(used_vars(value))
        for each in held:
            self.last[each] = number
        if isinstance(value, Call) and value.op in KILLS:
            self.killed.update(held)
            return
        maker = _kill_for(binding)
        own: frozenset[Var] = frozenset()
        if maker is not None:
            self.makers[binding.var] = maker
            own = frozenset((binding.var,))
            self.last[binding.var] = number
        self.objects[binding.var] = own | (held if _passes_on(binding) else frozenset())


def _passes_on(binding: Binding) -> bool:
    """Whether the result of a binding may hold what its value mentions."""
    value = binding.value
    if isinstance(binding, MatchCast) or not isinstance(value, Call):
        return True
    if value.op is memory.ALLOC_TENSOR:
        return True
    fields = binding.var.struct_info_
    return not (isinstance(fields, TupleStructInfo) and not fields.fields)


def _kill_for(binding: Binding) -> Callable[[Var], Call] | None:
    """How the object that a binding makes is killed; None when it makes none."""
    value = binding.value
    if not isinstance(binding, VarBinding) or isinstance(value, Var | Tuple | TupleGetItem | If):
        return None
    if not isinstance(value, Call):
        return None
    if is_reshape_call(value):
        return None
    if value.op is memory.ALLOC_STORAGE:
        return memory.kill_storage
    if value.op is builtin.ALLOC_TENSOR or value.op is memory.ALLOC_TENSOR:
        return memory.kill_tensor
    info = binding.var.struct_info_
    if isinstance(info, TupleStructInfo) and not info.fields:
        return None
    kinds = TensorStructInfo | TupleStructInfo | ObjectStructInfo | FuncStructInfo
    return vm.kill_object if isinstance(info, kinds) else None


def kill_in_sequence(seq: SeqExpr, mod: IRModule) -> SeqExpr:
    """A sequence of plain blocks with the ends of life written in."""
    if any(isinstance(block, DataflowBlock) for block in seq.blocks):
        return seq
    bindings = [each for block in seq.blocks for each in block.bindings]
    uses = _LastUses(bindings, seq)
    ending: dict[int, list[Var]] = {}
    for var, number in uses.last.items():
        if var not in uses.killed:
            ending.setdefault(number, []).append(var)
    if not ending:
        return seq
    builder = BlockBuilder(mod)
    number = 0
    blocks: list[BindingBlock] = []
    builder.begin_scope()
    for block in seq.blocks:
        builder.begin_binding_block()
        for binding in block.bindings:
            builder.emit_normalized(binding)
            # What was made last dies first: a tensor before its storage.
            for var in reversed(ending.get(number, [])):
                builder.emit(uses.makers[var](var), "_")
            number += 1
        blocks.append(builder.end_block())
    return SeqExpr(blocks, seq.body, span=seq.span, struct_info_=seq.struct_info_)


@function_pass(opt_level=0, name="KillAfterLastUse")
def _kill(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    body = kill_in_sequence(func.body, mod)
    return func if body is func.body else func.replace(body=body)


def KillAfterLastUse() -> Pass:
    """The pass that writes the ends of life into functions without dataflow blocks."""
    return _kill
