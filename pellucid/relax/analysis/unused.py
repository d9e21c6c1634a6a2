"""Removing bindings that nothing needs.

In: a function. Out: one without the bindings whose variable is never used and whose value has no
effects; the same object when all are needed. A match_cast stays, since it checks its value.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.relax.analysis.purity import contains_impure_call
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Expr,
    Function,
    If,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import lay_out, same_elements
from pellucid.support.recursion import allow_deep_recursion


class _Cleaner:
    """Walks sequences backwards with the set of variables that are still needed."""

    def __init__(self, mod: IRModule | None) -> None:
        self.mod = mod
        self.live: set[Any] = set()

    def sequence(self, seq: SeqExpr) -> SeqExpr:
        """A sequence without what is not needed."""
        self.live.update(used_vars(seq.body))
        blocks = [self.block(each) for each in reversed(seq.blocks)]
        blocks.reverse()
        if same_elements(blocks, seq.blocks):
            return seq
        return SeqExpr(lay_out(blocks), seq.body, span=seq.span, struct_info_=seq.struct_info_)

    def block(self, block: BindingBlock) -> BindingBlock:
        """A block without what is not needed."""
        kept: list[Binding] = []
        for binding in reversed(block.bindings):
            if self.needed(binding):
                kept.append(self.cleaned(binding))
        kept.reverse()
        return block if same_elements(kept, block.bindings) else type(block)(kept)

    def needed(self, binding: Binding) -> bool:
        """Whether a binding is used later on, has effects, or checks something."""
        if binding.var in self.live or not isinstance(binding, VarBinding):
            return True
        return contains_impure_call(binding.value, mod=self.mod) and not isinstance(
            binding.value, Function
        )

    def cleaned(self, binding: Binding) -> Binding:
        """A binding that stays: its value cleaned inside, and what it uses noted."""
        value = self.value(binding.value)
        if value is not binding.value:
            binding = binding.replace(value=value)
        self.live.update(used_vars(binding))
        return binding

    def value(self, value: Expr) -> Expr:
        """A value with its branches or its body cleaned."""
        if isinstance(value, If):
            true_branch = self.sequence(value.true_branch)
            false_branch = self.sequence(value.false_branch)
            if true_branch is value.true_branch and false_branch is value.false_branch:
                return value
            return If(
                value.cond,
                true_branch,
                false_branch,
                span=value.span,
                struct_info_=value.struct_info_,
            )
        return self.function(value) if isinstance(value, Function) else value

    def function(self, function: Function) -> Function:
        """A function with its body cleaned."""
        body = self.sequence(function.body)
        if body is function.body:
            return function
        return function.replace(body=body)


def remove_all_unused(func: Function, mod: IRModule | None = None) -> Function:
    """`func` without the bindings that nothing needs; the same object when all are needed.

    Calls that may have effects stay; `mod` tells which functions have none.
    """
    allow_deep_recursion()
    return _Cleaner(mod).function(func)


def is_used(var: Var, expr: Expr) -> bool:
    """Whether `var` is used in `expr`."""
    return var in used_vars(expr)
