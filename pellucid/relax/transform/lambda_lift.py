"""LambdaLift: local functions become private functions of the module.

A local function that captures nothing is named by its GlobalVar. One that captures values gets them
as its last parameters, and where it was defined a closure is made of it; calls of function values
become `invoke_closure`. Symbolic dimensions that no captured value shows are captured as a shape.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.variables import free_symbolic_vars, free_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.call import (
    closure_struct_info,
    invoke_closure,
    invoke_pure_closure,
    make_closure,
)
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    Expr,
    Function,
    SeqExpr,
    ShapeExpr,
    Tuple,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import lay_out, relaid
from pellucid.relax.struct_info import FuncStructInfo, ShapeStructInfo, StructInfo
from pellucid.relax.substitution import GraphSubstitution, copy_with_new_vars, substitute_graph
from pellucid.relax.symbolic import signature_vars


class _Lift(GraphSubstitution):
    """Lifts the local functions of one function of the module.

    `replaced` maps the variable of a local function to its GlobalVar, or to the variable that holds
    its closure.
    """

    def __init__(self, builder: BlockBuilder, prefix: str) -> None:
        super().__init__({})
        self.builder = builder
        self.prefix = prefix

    def visit(self, node: Any) -> Any:
        """Sequences without local functions, calls of function values as invocations."""
        if isinstance(node, SeqExpr):
            return self.sequence(node)
        new = super().visit(node)
        if isinstance(new, Call) and isinstance(new.op, Var):
            return _invocation(new, node.op.struct_info_)
        return new

    def sequence(self, seq: SeqExpr) -> SeqExpr:
        """A sequence, binding by binding."""
        blocks: list[BindingBlock] = []
        for block in seq.blocks:
            bindings = [new for each in block.bindings for new in self.binding(each)]
            blocks.append(type(block)(bindings))
            if all(a is b for a, b in zip(bindings, block.bindings, strict=False)) and len(
                bindings
            ) == len(block.bindings):
                blocks[-1] = block
        new = relaid(seq, blocks, self.visit(seq.body))
        if new is seq or seq.struct_info_ is None:
            return new
        return new.replace(struct_info_=self.visit(seq.struct_info_))

    def binding(self, binding: Binding) -> list[Binding]:
        """What takes the place of a binding."""
        if not isinstance(binding.value, Function):
            return [self.visit(binding)]
        gvar = self.reserve(f"{self.prefix}_{binding.var.name_hint}")
        function = binding.value
        if not self.captures(function, binding.var):
            self.replaced[binding.var] = gvar
            self.builder.update_func(gvar, _private(self.visit(function), [], None))
            return []
        closure = self.closure(binding.var, function, gvar)
        return [closure]

    def captures(self, function: Function, own: Var) -> bool:
        """Whether a local function needs anything from around it besides functions with a name."""
        values = [self.replaced.get(each, each) for each in free_vars(function) if each is not own]
        return any(isinstance(each, Var) for each in values) or bool(free_symbolic_vars(function))

    def closure(self, var: Var, function: Function, gvar: GlobalVar) -> Binding:
        """Lift a function that captures values; the binding of its closure."""
        own = Var(var.name_hint, var.struct_info_)
        self.replaced[var] = own
        inner = self.visit(function)
        free = free_vars(inner)
        captured = [each for each in free if each is not own]
        shown = set(signature_vars([each.struct_info for each in captured]))
        symbols = [each for each in free_symbolic_vars(inner) if each not in shown]
        values: list[Expr] = [*captured, *([ShapeExpr(symbols)] if symbols else [])]
        shape = ShapeStructInfo(symbols) if symbols else None
        itself = (own, gvar) if own in free else None
        lifted = _private(inner, captured, shape, itself)
        self.builder.update_func(gvar, lifted)
        infos: list[StructInfo | None] = [each.struct_info_ for each in values]
        info = closure_struct_info(lifted.struct_info, infos)
        self.replaced[var] = type(var)(var.name_hint, info, span=var.span)
        call = make_closure(gvar, Tuple(values)).replace(struct_info_=info)
        return VarBinding(self.replaced[var], call)

    def reserve(self, name: str) -> GlobalVar:
        """A new name in the module, held by a function that is replaced at once."""
        holder = Function((), Tuple(()), attrs={"lifted": name})
        return self.builder.add_func(holder, name)


def _invocation(call: Call, info: StructInfo | None) -> Call:
    """The invocation of a function value."""
    pure = isinstance(info, FuncStructInfo) and info.purity
    build = invoke_pure_closure if pure else invoke_closure
    result = call.struct_info_
    made = build(call.op, Tuple(call.args), None if result is None else [result])
    return made.replace(struct_info_=result, span=call.span)


def _private(
    function: Function,
    captured: list[Var],
    shape: ShapeStructInfo | None,
    itself: tuple[Var, GlobalVar] | None = None,
) -> Function:
    """A function of the module with variables of its own: what was captured is its last
    parameters; a recursive one begins with a closure of itself (`itself`).
    """
    extra = [Var(each.name_hint, each.struct_info_) for each in captured]
    mapping: dict[Any, Any] = dict(zip(captured, extra, strict=True))
    body: SeqExpr = substitute_graph(function.body, mapping)
    if shape is not None:
        extra.append(Var("captured_shape", shape))
    params = (*function.params, *extra)
    if itself is not None:
        own, gvar = itself
        call = make_closure(gvar, Tuple(extra)).replace(struct_info_=own.struct_info_)
        blocks = lay_out([BindingBlock([VarBinding(own, call)]), *body.blocks])
        body = SeqExpr(blocks, body.body, struct_info_=body.struct_info_)
    attrs = {k: v for k, v in function.attrs.items() if k != "global_symbol"}
    made = Function(params, body, function.ret_struct_info, function.is_pure, attrs)
    return copy_with_new_vars(made)


@module_pass(opt_level=0, name="LambdaLift")
def _lambda_lift(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    builder = BlockBuilder(mod)
    changed = False
    for gvar, function in mod.items():
        if isinstance(function, Function):
            new = _Lift(builder, gvar.name_hint).visit(function)
            if new is not function:
                changed = True
                builder.update_func(gvar, new)
    return builder.get() if changed else mod


def LambdaLift() -> Pass:
    """The pass after which no function is defined inside another."""
    return _lambda_lift
