"""EliminateCommonSubexpr: what was computed before is not computed again.

Two bindings are the same computation when operator, attributes and arguments agree; calls that may
have effects, and allocations, are never shared, nor is a value that is overwritten in place. A
variable of a dataflow block serves only within its block, one of a branch only within the branch.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.structural import StructuralKey, structural_equal
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.overwritten import overwritten
from pellucid.relax.analysis.purity import is_impure_call
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    Constant,
    DataflowVar,
    Expr,
    Function,
    GlobalVar,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import relaid, same_elements
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import function_pass


def _key(expr: Expr) -> Any:
    """What equal computations share. Constants count by their tensor object, so that no data is
    compared.
    """
    if isinstance(expr, Call):
        infos = tuple([StructuralKey(info) for info in expr.sinfo_args])
        args = tuple([_key(each) for each in expr.args])
        return ("call", _key(expr.op), args, StructuralKey(expr.attrs), infos)
    if isinstance(expr, Tuple):
        return ("tuple", *[_key(each) for each in expr.fields])
    if isinstance(expr, TupleGetItem):
        return ("item", _key(expr.tuple_value), expr.index)
    if isinstance(expr, Constant):
        return ("constant", id(expr.data))
    if isinstance(expr, Var | Op):
        return expr
    if isinstance(expr, GlobalVar):
        return ("function", expr.name_hint)
    return StructuralKey(expr)


class _Eliminate(GraphSubstitution):
    def __init__(self, func: Function, mod: IRModule, call_only: bool) -> None:
        super().__init__({})
        self.overwritten = overwritten(func, mod)
        self.mod = mod
        self.call_only = call_only
        self.known: list[dict[Any, Var]] = [{}]

    def visit(self, node: Any) -> Any:
        """Sequences binding by binding, in a scope of their own."""
        if not isinstance(node, SeqExpr):
            return super().visit(node)
        self.known.append({})
        blocks = [self.block(block) for block in node.blocks]
        body = self.visit(node.body)
        self.known.pop()
        new = relaid(node, blocks, body)
        if new is node or node.struct_info_ is None:
            return new
        return new.replace(struct_info_=self.visit(node.struct_info_))

    def block(self, block: BindingBlock) -> BindingBlock:
        """A block without computations that were done before."""
        self.known.append({})
        bindings = [new for each in block.bindings for new in self.binding(each)]
        inner = self.known.pop()
        for key, var in inner.items():
            # What the block hands out stays known behind it.
            if not isinstance(var, DataflowVar):
                self.known[-1].setdefault(key, var)
        return block if same_elements(bindings, block.bindings) else type(block)(bindings)

    def binding(self, binding: Binding) -> list[Binding]:
        """What takes the place of a binding: nothing when its value is known."""
        new: Binding = self.visit(binding)
        if not isinstance(new, VarBinding) or not self.shareable(new.value):
            return [new]
        if binding.var in self.overwritten:
            return [new]
        key = _key(new.value)
        first = next((scope[key] for scope in reversed(self.known) if key in scope), None)
        if first is None or not structural_equal(first.struct_info, new.var.struct_info):
            self.known[-1].setdefault(key, new.var)
            return [new]
        if isinstance(first, DataflowVar) and not isinstance(new.var, DataflowVar):
            # The value is handed out under this name as well.
            return [VarBinding(new.var, first, span=new.span)]
        self.replaced[binding.var] = first
        return []

    def shareable(self, value: Expr) -> bool:
        """Whether a value may be computed once for several bindings."""
        if isinstance(value, Call):
            allocates = isinstance(value.op, Op) and value.op.has_attr("FAllocates")
            return not allocates and not is_impure_call(value, self.mod)
        return isinstance(value, Tuple | TupleGetItem) and not self.call_only


def EliminateCommonSubexpr(call_only: bool = False) -> Pass:
    """The pass that shares equal computations; with `call_only` calls alone."""

    @function_pass(opt_level=1, name="EliminateCommonSubexpr")
    def eliminate(func: Function, mod: IRModule, ctx: PassContext) -> Function:
        del ctx
        return _Eliminate(func, mod, call_only).visit(func)

    return eliminate
