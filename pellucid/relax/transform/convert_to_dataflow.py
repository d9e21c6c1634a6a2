"""ConvertToDataflow: runs of bindings without effects become dataflow blocks.

In: any module. Out: the same bindings in the same order, where each run of plain bindings that have
no effects and no control flow is a dataflow block, together with the dataflow blocks next to it;
variables that nothing outside the block uses are dataflow variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.purity import contains_impure_call
from pellucid.relax.analysis.use_def import count_uses
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    DataflowBlock,
    DataflowVar,
    Function,
    If,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import relaid
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import function_pass


@dataclass(slots=True)
class _Run:
    """Neighbouring bindings of one kind, and the blocks that they are from."""

    pure: bool
    bindings: list[Binding] = field(default_factory=list[Binding])
    blocks: list[BindingBlock] = field(default_factory=list[BindingBlock])


class _Convert(GraphSubstitution):
    """Splits plain blocks; variables that only their run uses become dataflow variables."""

    def __init__(self, func: Function, mod: IRModule, min_size: int) -> None:
        super().__init__({})
        self.mod = mod
        self.min_size = min_size
        self.uses = count_uses(func)

    def visit(self, node: Any) -> Any:
        """Sequences with their plain blocks split."""
        if isinstance(node, SeqExpr):
            info = node.struct_info_
            split = relaid(node, self.blocks(node), node.body)
            node = split if split is node else split.replace(struct_info_=info)
        return super().visit(node)

    def blocks(self, seq: SeqExpr) -> list[BindingBlock]:
        """The blocks of a sequence; those in which nothing changes stay the same objects."""
        parts: list[BindingBlock] = []
        for run in self.runs(seq):
            plain = [each for each in run.blocks if not isinstance(each, DataflowBlock)]
            if run.pure and plain and len(run.bindings) >= self.min_size:
                self.localize(run.bindings)
                parts.append(DataflowBlock(run.bindings))
            elif run.pure and not plain:
                parts += run.blocks
            else:
                parts.append(BindingBlock(run.bindings))
        unchanged = sum(isinstance(each, DataflowBlock) for each in parts) == sum(
            isinstance(each, DataflowBlock) for each in seq.blocks
        ) and all(each in seq.blocks for each in parts if isinstance(each, DataflowBlock))
        return list(seq.blocks) if unchanged else parts

    def runs(self, seq: SeqExpr) -> list[_Run]:
        """The bindings, grouped by whether they may stand in a dataflow block, in order."""
        found: list[_Run] = []
        for block in seq.blocks:
            for binding in block.bindings:
                pure = isinstance(block, DataflowBlock) or self.allowed(binding)
                if not found or found[-1].pure != pure:
                    found.append(_Run(pure))
                found[-1].bindings.append(binding)
                if block not in found[-1].blocks:
                    found[-1].blocks.append(block)
        return found

    def allowed(self, binding: Binding) -> bool:
        """Whether a binding may stand in a dataflow block."""
        value = binding.value
        if isinstance(value, If):
            return False
        return isinstance(value, Function) or not contains_impure_call(value, mod=self.mod)

    def localize(self, run: list[Binding]) -> None:
        """Replace the variables of a run that nothing else uses by dataflow variables."""
        inside: dict[Var, int] = {}
        for binding in run:
            for var, count in count_uses(binding.value).items():
                inside[var] = inside.get(var, 0) + count
        for binding in run:
            var = binding.var
            local = inside.get(var, 0) > 0 and inside[var] == self.uses.get(var, 0)
            if local and isinstance(binding, VarBinding) and not isinstance(var, DataflowVar):
                self.replaced[var] = DataflowVar(var.name_hint, var.struct_info_, span=var.span)


def ConvertToDataflow(min_size: int = 2) -> Pass:
    """The pass that makes dataflow blocks of runs of at least `min_size` bindings that have no
    effects and no control flow.
    """

    @function_pass(opt_level=0, name="ConvertToDataflow")
    def convert(func: Function, mod: IRModule, ctx: PassContext) -> Function:
        del ctx
        return _Convert(func, mod, min_size).visit(func)

    return convert
