"""CanonicalizeBindings: second names of values go.

`y = x` makes `x` stand for `y`; `t[0]` of a known tuple becomes the field; a match_cast that says
nothing new is an alias too. Where a dataflow block hands out a variable by such a second name, the
value is bound to that name directly.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.structural import structural_equal
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    DataflowVar,
    Expr,
    Function,
    If,
    MatchCast,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
)
from pellucid.relax.normal_form import relaid
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import function_pass


class _Aliases:
    """Finds the second names of a function: `stands_for` maps each to the first."""

    def __init__(self) -> None:
        self.stands_for: dict[Var, Expr] = {}
        self.tuples: dict[Var, Tuple] = {}
        self.dropped: set[Binding] = set()

    def resolve(self, expr: Expr) -> Expr:
        """The first name of a leaf."""
        while isinstance(expr, Var) and expr in self.stands_for:
            expr = self.stands_for[expr]
        return expr

    def sequence(self, seq: SeqExpr) -> None:
        """Look through a sequence, branches and local functions included."""
        for block in seq.blocks:
            handed_out: dict[Var, Var] = {}
            for binding in block.bindings:
                self.binding(binding, block, handed_out)

    def binding(self, binding: Binding, block: BindingBlock, handed_out: dict[Var, Var]) -> None:
        """Note what a binding renames."""
        value = binding.value
        if isinstance(value, If):
            self.sequence(value.true_branch)
            self.sequence(value.false_branch)
        elif isinstance(value, Function):
            self.sequence(value.body)
        source = self.source(binding)
        if isinstance(source, Tuple):
            self.tuples[binding.var] = source
        if not isinstance(source, Var) or not _same_info(binding.var, source):
            return
        if not isinstance(binding.var, DataflowVar) and isinstance(source, DataflowVar):
            self.hand_out(binding, source, block, handed_out)
        else:
            self.stands_for[binding.var] = source
            self.dropped.add(binding)

    def source(self, binding: Binding) -> Expr | None:
        """What a binding is another name for (or the tuple that it names), or None."""
        value = self.resolve(binding.value)
        if isinstance(binding, MatchCast):
            info = value.struct_info_
            known = info is not None and structural_equal(binding.struct_info, info)
            return value if known else None
        if isinstance(value, TupleGetItem):
            whole = self.resolve(value.tuple_value)
            known_tuple = self.tuples.get(whole) if isinstance(whole, Var) else None
            return None if known_tuple is None else self.resolve(known_tuple.fields[value.index])
        return value if isinstance(value, Var | Tuple) else None

    def hand_out(
        self, binding: Binding, source: DataflowVar, block: BindingBlock, handed_out: dict[Var, Var]
    ) -> None:
        """`out = local` at the end of a dataflow block: bind the value to `out` at once.

        A second name outside for the same value becomes a name for the first one.
        """
        first = handed_out.get(source)
        if first is not None:
            self.stands_for[binding.var] = first
            self.dropped.add(binding)
        elif any(each.var is source for each in block.bindings):
            handed_out[source] = binding.var
            self.stands_for[source] = binding.var
            self.dropped.add(binding)


def _same_info(a: Var, b: Var) -> bool:
    return (
        a.struct_info_ is not None
        and b.struct_info_ is not None
        and structural_equal(a.struct_info_, b.struct_info_)
    )


class _Rename(GraphSubstitution):
    """Puts first names in place of second ones."""

    def __init__(self, aliases: _Aliases) -> None:
        super().__init__({each: aliases.resolve(each) for each in aliases.stands_for})
        self.aliases = aliases

    def visit(self, node: Any) -> Any:
        """Sequences without the bindings that only renamed."""
        if isinstance(node, SeqExpr):
            blocks = [self.kept(block) for block in node.blocks]
            info = node.struct_info_
            seq = relaid(node, blocks, node.body)
            node = seq if seq is node else seq.replace(struct_info_=info)
        elif isinstance(node, TupleGetItem):
            whole = self.aliases.resolve(node.tuple_value)
            if isinstance(whole, Var) and whole in self.aliases.tuples:
                field = self.aliases.tuples[whole].fields[node.index]
                return super().visit(self.aliases.resolve(field))
        return super().visit(node)

    def kept(self, block: BindingBlock) -> BindingBlock:
        """A block without the bindings that only renamed."""
        kept = [each for each in block.bindings if each not in self.aliases.dropped]
        return block if len(kept) == len(block.bindings) else type(block)(kept)


@function_pass(opt_level=1, name="CanonicalizeBindings")
def _canonicalize(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del mod, ctx
    aliases = _Aliases()
    aliases.sequence(func.body)
    if not aliases.stands_for and not aliases.tuples:
        return func
    return _Rename(aliases).visit(func)


def CanonicalizeBindings() -> Pass:
    """The pass that leaves one name for each value."""
    return _canonicalize
