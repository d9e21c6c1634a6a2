"""ToNonDataflow: dataflow blocks become plain blocks, dataflow variables plain variables."""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.expr import BindingBlock, DataflowBlock, DataflowVar, Function, SeqExpr, Var
from pellucid.relax.normal_form import relaid
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import function_pass


class _Plain(GraphSubstitution):
    def visit(self, node: Any) -> Any:
        """Blocks as plain blocks, neighbours joined."""
        new = super().visit(node)
        if isinstance(new, DataflowBlock):
            return BindingBlock(new.bindings, span=new.span)
        if isinstance(new, SeqExpr):
            info = new.struct_info_
            laid = relaid(new, new.blocks, new.body)
            return laid if laid.struct_info_ is info else laid.replace(struct_info_=info)
        return new

    def visit_definition(self, node: Any) -> Any:
        """Variables as plain variables."""
        new = super().visit_definition(node)
        if isinstance(new, DataflowVar):
            self.replaced[node] = Var(new.name_hint, new.struct_info_, span=new.span)
            return self.replaced[node]
        return new


@function_pass(opt_level=0, name="ToNonDataflow")
def _to_non_dataflow(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del mod, ctx
    return _Plain({}).visit(func)


def ToNonDataflow() -> Pass:
    """The pass that forgets which blocks are dataflow."""
    return _to_non_dataflow
