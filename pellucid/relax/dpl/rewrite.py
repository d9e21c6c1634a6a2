"""Rewriting functions by patterns.

`rewrite_call(pattern, f, func)`: where a bound value matches, `f(value, matches)` takes its place.
`rewrite_bindings(context, f, func)`: where a block matches, `f(matches, bindings)` says which
variables get new values. What is not needed any more goes; a function that nothing changes comes
back as the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.ir.visitor import Mutator
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.dpl.context import Found, PatternContext
from pellucid.relax.dpl.match import Match, Matcher
from pellucid.relax.dpl.pattern import DFPattern
from pellucid.relax.expr import DataflowBlock, Expr, Function, Var, VarBinding
from pellucid.relax.expr_functor import PyExprMutator

CallRewriter = Callable[[Expr, Match], Expr]
BindingsRewriter = Callable[[Found, dict[Var, Expr]], Mapping[Var, Expr]]


class _Calls(PyExprMutator):
    def __init__(self, pattern: DFPattern, rewriter: CallRewriter) -> None:
        super().__init__()
        self.pattern = pattern
        self.rewriter = rewriter
        self.matcher = Matcher(self.lookup_binding)

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """The binding, with its value rewritten where it matches."""
        value = self.visit_expr(binding.value)
        if not isinstance(value, Function):
            found = next(self.matcher.match(self.pattern, value, {}), None)
            new = value if found is None else self.rewriter(value, found)
            value = value if new is value else self.builder_.normalize(new)
        if value is binding.value:
            super().visit_var_binding_(binding)
            return
        var = self.with_struct_info(self.visit_var_def(binding.var), self.builder_.info_of(value))
        self.set_var_remap(binding.var, var)
        self.builder_.emit_normalized(VarBinding(var, value, span=binding.span))


def rewrite_call(pattern: DFPattern, rewriter: CallRewriter, func: Function) -> Function:
    """`func` with `rewriter(value, matches)` in place of every bound value that matches `pattern`.

    `matches` maps the parts of the pattern to what they matched: arguments to variables. A rewriter
    that gives back the value leaves it.
    """
    new = _Calls(pattern, rewriter).visit_expr(func)
    return func if new is func else remove_all_unused(new)


class _Blocks(Mutator):
    def __init__(self, context: PatternContext, rewriter: BindingsRewriter) -> None:
        super().__init__()
        self.context = context
        self.rewriter = rewriter

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The block, with each match rewritten once."""
        done: set[frozenset[Var]] = set()
        while True:
            found = next(
                (m for m in self.context.matches(block) if frozenset(m.values()) not in done), None
            )
            if found is None:
                return block
            done.add(frozenset(found.values()))
            values = {each.var: each.value for each in block.bindings}
            changes = self.rewriter(found, values)
            if changes:
                bindings = [
                    VarBinding(each.var, changes[each.var]) if each.var in changes else each
                    for each in block.bindings
                ]
                block = DataflowBlock(bindings, span=block.span)


def rewrite_bindings(
    context: PatternContext, rewriter: BindingsRewriter, func: Function
) -> Function:
    """`func` with new values for the variables that `rewriter` names, match by match.

    `rewriter(matches, bindings)` gets the variable of each pattern, and what each variable of the
    block is bound to; it gives new values by variable, or an empty dictionary.
    """
    new: Any = _Blocks(context, rewriter).visit(func)
    if new is func:
        return func
    normal: Any = BlockBuilder().normalize(new)
    return remove_all_unused(normal)
