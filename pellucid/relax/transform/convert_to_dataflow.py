"""ConvertToDataflow: runs of bindings without effects become dataflow blocks."""

from __future__ import annotations

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
            blocks = [part for block in node.blocks for part in self.split(block)]
            info = node.struct_info_
            split = relaid(node, blocks, node.body)
            node = split if split is node else split.replace(struct_info_=info)
        return super().visit(node)

    def split(self, block: BindingBlock) -> list[BindingBlock]:
        """A plain block as plain and dataflow blocks."""
        if isinstance(block, DataflowBlock):
            return [block]
        parts: list[BindingBlock] = []
        for pure, run in self.runs(block):
            if pure and len(run) >= self.min_size:
                self.localize(run)
                parts.append(DataflowBlock(run))
            else:
                parts.append(BindingBlock(run))
        return [block] if not any(isinstance(each, DataflowBlock) for each in parts) else parts

    def runs(self, block: BindingBlock) -> list[tuple[bool, list[Binding]]]:
        """The bindings, grouped by whether they may stand in a dataflow block."""
        found: list[tuple[bool, list[Binding]]] = []
        for binding in block.bindings:
            pure = self.allowed(binding)
            if found and found[-1][0] == pure:
                found[-1][1].append(binding)
            else:
                found.append((pure, [binding]))
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
