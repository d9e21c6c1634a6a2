"""Bringing expressions into normal form, with the struct info of everything filled in.

In: any graph expression, and the `BlockBuilder` that gives scope, module and the block for
intermediate bindings. Out: an expression whose arguments are leaves or tuples of leaves and which
carries its struct info; the same object where it was normal already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.relax.base_check import struct_info_lca
from pellucid.relax.call_derivation import (
    callee_name,
    derive_call_ret_struct_info,
    given_result,
    prim_func_struct_info,
)
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataflowBlock,
    Expr,
    Function,
    If,
    MatchCast,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
    as_seq,
)
from pellucid.relax.normal_form import is_leaf, relaid, same_elements
from pellucid.relax.scope import Scope
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    StructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import erase_unknown
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir.function import PrimFunc


class Building(Protocol):
    """What the normal form needs of the builder: scopes, open blocks, and the module."""

    @property
    def scope(self) -> Scope:
        """The innermost scope."""
        ...

    def begin_scope(self, params: Iterable[Var] | None = None) -> None:
        """Open a scope."""
        ...

    def end_scope(self) -> None:
        """Close the innermost scope."""
        ...

    def begin_binding_block(self) -> None:
        """Open a plain block."""
        ...

    def begin_dataflow_block(self) -> None:
        """Open a dataflow block."""
        ...

    def end_block(self) -> BindingBlock:
        """Close the innermost block."""
        ...

    def bind(self, value: Expr, name_hint: str = "") -> Var:
        """Bind a normal expression to a new variable in the open block."""
        ...

    def bind_argument(self, expr: Expr, value: Expr) -> Var:
        """As `bind`, of `value`, the normal form of an argument `expr`."""
        ...

    def bound_argument(self, expr: Expr) -> Var | None:
        """The variable that the open block has for an argument, if it has."""
        ...

    def emit_normalized(self, binding: Binding) -> None:
        """Add a binding to the open block."""
        ...

    def in_scope(self, variable: Any) -> bool:
        """Whether a variable is defined here."""
        ...

    def lookup_binding(self, var: Expr) -> Expr | None:
        """What a variable is bound to."""
        ...

    def find_function(self, gvar: GlobalVar) -> Any:
        """The function of the module that a GlobalVar names, or None."""
        ...


class Normalizer:
    """Normalises expressions for one builder; variables that had no struct info are replaced."""

    def __init__(self, builder: Building) -> None:
        allow_deep_recursion()
        self.builder = builder
        self.remap: dict[Var, Var] = {}
        self._rules: dict[type[Any], Callable[[Any], Expr]] = {
            Tuple: self._tuple,
            TupleGetItem: self._item,
            Call: self._call,
            If: self._if,
            SeqExpr: self._nested_sequence,
            Function: self.function,
        }

    def normalize(self, expr: Expr) -> Expr:
        """The normal form of `expr`; arguments that are no leaves are bound in the open block."""
        if is_leaf(expr):
            return self._leaf(expr)
        rule = self._rules.get(type(expr))
        if rule is None:
            raise UnsupportedError(
                f"A {type(expr).__name__} cannot stand in a graph function.", found=repr(expr)
            )
        return rule(expr)

    def argument(self, expr: Expr) -> Expr:
        """The normal form of `expr` as an argument: a leaf, or a tuple of leaves. One that stands
        in several places of a block is bound, and so computed, once.
        """
        if is_leaf(expr):
            return self._leaf(expr)
        bound = self.builder.bound_argument(expr)
        if bound is not None:
            return bound
        value = self.normalize(expr)
        if is_leaf(value) or isinstance(value, Tuple):
            return value
        return self.builder.bind_argument(expr, value)

    def info_of(self, expr: Expr) -> StructInfo | None:
        """The struct info of a normal expression; a function of the module has its signature."""
        if expr.struct_info_ is None and isinstance(expr, GlobalVar):
            return self.signature(expr)
        return expr.struct_info_

    def signature(self, gvar: GlobalVar) -> StructInfo | None:
        """The signature of a function of the builder's module, or None when it has no such."""
        function = self.builder.find_function(gvar)
        if function is None:
            return None
        if isinstance(function, PrimFunc):
            return prim_func_struct_info(function)
        return function.struct_info_

    def _leaf(self, expr: Expr) -> Expr:
        if not isinstance(expr, Var):
            return expr
        var = self.remap.get(expr, expr)
        if var.struct_info_ is None:
            raise TypeMismatchError(
                f"The variable {var.name_hint!r} is used before its struct info is known.",
                place=var.span,
                cure="give the variable a struct info, or bind it before it is used",
            )
        return var

    def _tuple(self, expr: Tuple) -> Expr:
        fields = [self.argument(each) for each in expr.fields]
        if expr.struct_info_ is not None and same_elements(fields, expr.fields):
            return expr
        infos = [self.info_of(each) for each in fields]
        known = [each for each in infos if each is not None]
        info = TupleStructInfo(known) if len(known) == len(infos) else None
        return Tuple(fields, span=expr.span, struct_info_=info)

    def _item(self, expr: TupleGetItem) -> Expr:
        value = self.argument(expr.tuple_value)
        if isinstance(value, Tuple):
            return value.fields[expr.index]
        if value is expr.tuple_value and expr.struct_info_ is not None:
            return expr
        info = self.info_of(value)
        if isinstance(info, ObjectStructInfo):
            return TupleGetItem(value, expr.index, span=expr.span, struct_info_=info)
        if not isinstance(info, TupleStructInfo):
            raise TypeMismatchError(
                "Only a tuple has fields.", place=expr.span, expected="a tuple", found=repr(info)
            )
        return TupleGetItem(value, expr.index, span=expr.span)

    def _call(self, expr: Call) -> Expr:
        op = self.argument(expr.op)
        args = [self.argument(each) for each in expr.args]
        if op is not expr.op or not same_elements(args, expr.args):
            expr = Call(op, args, expr.attrs, expr.sinfo_args, span=expr.span)
        rule = op.get_attr("FNormalize") if isinstance(op, Op) else None
        if rule is not None:
            again = rule(expr, self.builder)
            if again is not expr:
                return self._call(again)
        if expr.struct_info_ is not None:
            return expr
        return expr.replace(struct_info_=self._infer(expr))

    def _infer(self, call: Call) -> StructInfo:
        """The struct info of a call whose arguments are normal."""
        op = call.op
        if isinstance(op, Op):
            rule = op.get_attr("FInferStructInfo")
            if rule is None:
                raise UnsupportedError(
                    f"The operator {op.name!r} has no rule for the struct info of its result.",
                    place=call.span,
                    cure='register one: register_op_attr(name, "FInferStructInfo", rule)',
                )
            return rule(call, self.builder)
        info = self.info_of(op)
        if info is None:
            raise TypeMismatchError(
                f"The function {callee_name(op)!r} is not in the builder's module, so the result "
                "of calling it is unknown.",
                place=call.span,
                cure="make the builder with the module: BlockBuilder(mod), or add the function",
            )
        if isinstance(info, FuncStructInfo):
            return derive_call_ret_struct_info(info, call, self.builder)
        if isinstance(info, ObjectStructInfo):
            return given_result(call) or info
        raise TypeMismatchError(
            f"{callee_name(op)!r} is called and is no function.", place=call.span, found=repr(info)
        )

    def _if(self, expr: If) -> Expr:
        cond = self.argument(expr.cond)
        true_branch = self.sequence(expr.true_branch)
        false_branch = self.sequence(expr.false_branch)
        same = cond is expr.cond and true_branch is expr.true_branch
        if same and false_branch is expr.false_branch and expr.struct_info_ is not None:
            return expr
        info = struct_info_lca(true_branch.struct_info, false_branch.struct_info)
        return If(cond, true_branch, false_branch, span=expr.span, struct_info_=info)

    def function(self, expr: Function) -> Function:
        """The normal form of a function value."""
        body = self.sequence(expr.body, expr.params)
        ret = expr.ret_struct_info
        if body is expr.body and ret is not None:
            return expr
        info = None if ret is not None else body.struct_info_
        return Function(expr.params, body, ret or info, expr.is_pure, expr.attrs, expr.span)

    def sequence(self, expr: Expr, params: tuple[Var, ...] | None = None) -> SeqExpr:
        """A function's body or a branch in normal form, within a scope of its own."""
        self.builder.begin_scope(params)
        try:
            seq = self._blocks_and_body(as_seq(expr))
            if seq.struct_info_ is None:
                scope = self.builder.scope
                info = self.info_of(seq.body) or ObjectStructInfo()
                seq = seq.replace(struct_info_=erase_unknown(info, scope.outlived_by))
        finally:
            self.builder.end_scope()
        return seq

    def _nested_sequence(self, expr: SeqExpr) -> Expr:
        """A sequence within an expression: its bindings belong to the block around it."""
        seq = self._blocks_and_body(expr)
        if not seq.blocks:
            return seq.body
        if seq.struct_info_ is None:
            seq = seq.replace(struct_info_=self.info_of(seq.body))
        return seq

    def _blocks_and_body(self, seq: SeqExpr) -> SeqExpr:
        blocks = [self.block(each) for each in seq.blocks]
        self.builder.begin_binding_block()
        body = self.argument(seq.body)
        # What the body needs bound comes last.
        blocks.append(self.builder.end_block())
        return relaid(seq, blocks, body)

    def block(self, block: BindingBlock) -> BindingBlock:
        """A block in normal form."""
        if isinstance(block, DataflowBlock):
            self.builder.begin_dataflow_block()
        else:
            self.builder.begin_binding_block()
        for binding in block.bindings:
            self.binding(binding)
        new = self.builder.end_block()
        return block if same_elements(new.bindings, block.bindings) else new

    def binding(self, binding: Binding) -> None:
        """Add a binding in normal form to the open block."""
        if isinstance(binding, MatchCast):
            value = self.argument(binding.value)
            var = self._bound_var(binding.var, binding.struct_info)
            if value is not binding.value or var is not binding.var:
                binding = MatchCast(var, value, binding.struct_info, span=binding.span)
        elif isinstance(binding, VarBinding):
            value = self.normalize(binding.value)
            var = self._bound_var(binding.var, self.info_of(value))
            if value is not binding.value or var is not binding.var:
                binding = VarBinding(var, value, span=binding.span)
        self.builder.emit_normalized(binding)

    def _bound_var(self, var: Var, info: StructInfo | None) -> Var:
        """`var`, or one with the struct info of what it is bound to when it has none."""
        if var.struct_info_ is not None:
            return var
        self.remap[var] = type(var)(var.name_hint, info, span=var.span)
        return self.remap[var]
