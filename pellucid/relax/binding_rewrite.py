"""`DataflowBlockRewrite`: editing one dataflow block of a function, binding by binding.

    rewrite = DataflowBlockRewrite(func.body.blocks[0], func)
    total = rewrite.add(relax.op.add(x, y), "total", is_dfvar=True)
    rewrite.replace_all_uses(old, total)
    rewrite.remove_unused(old)
    func = rewrite.mutated_root_fn()

The block and the function that it starts from stay as they are. Bindings that are added may use any
variable of the block: the edited block is put into an order in which all are defined before use.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.visitor import Mutator
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.analysis.variables import all_vars, used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.substitution import substitute_graph
from pellucid.support.errors import PassError
from pellucid.support.naming import NameSupply


class _Replace(Mutator):
    """Puts one block in place of another, and replaces variables outside of it."""

    def __init__(self, old: DataflowBlock, new: DataflowBlock) -> None:
        super().__init__()
        self.old = old
        self.new = new

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The new block for the old one."""
        return self.new if block is self.old else self.visit_default(block)


def _with_uses(binding: Binding, old: Var, new: Var) -> Binding:
    """A binding whose value uses `new` for `old`."""
    value = substitute_graph(binding.value, {old: new})
    return binding if value is binding.value else binding.replace(value=value)


class DataflowBlockRewrite:
    """Edits the dataflow block `dfb` of the function `root_fn`."""

    def __init__(self, dfb: DataflowBlock, root_fn: Function) -> None:
        if not any(block is dfb for block in root_fn.body.blocks):
            raise PassError(
                "The block to edit is no block of the function's body.",
                found=repr(dfb),
                cure="take it from there: func.body.blocks[i]",
            )
        self._original = dfb
        self._root = root_fn
        self._bindings: list[Binding] = list(dfb.bindings)
        self._replaced: dict[Var, Var] = {}
        self._names = NameSupply(tuple(each.name_hint for each in all_vars(root_fn)))
        self._builder = BlockBuilder()

    def add(self, expr: Expr, name: str | None = None, is_dfvar: bool = False) -> Var:
        """Bind `expr` to a new variable, which is known outside the block unless `is_dfvar`."""
        if not isinstance(expr, Expr):
            raise PassError(
                "A binding is added of a graph expression.",
                expected='add(expr, name="lv")',
                found=f"{type(expr).__name__}: {expr!r:.60}",
            )
        value = self._builder.normalize(expr)
        kind = DataflowVar if is_dfvar else Var
        hint = name or ("lv" if is_dfvar else "gv")
        var = kind(self._names.fresh(hint, separator=""), self._builder.info_of(value))
        self.add_binding(VarBinding(var, value))
        return var

    def add_binding(self, binding: Binding) -> None:
        """Add a binding, whose value has to be in normal form."""
        self._bindings.append(binding)

    def replace_all_uses(self, old_var: Var, new_var: Var) -> None:
        """Let every use of `old_var`, in the block and after it, be one of `new_var`.

        The binding of `old_var` stays (see `remove_unused`), and so does what `new_var` is made of.
        """
        mine = {each.var for each in self._bindings}
        outside = not isinstance(old_var, DataflowVar) and old_var in mine
        if outside and isinstance(new_var, DataflowVar):
            raise PassError(
                f"{old_var.name_hint!r} is known outside the block, {new_var.name_hint!r} is not.",
                cure="add the new value with is_dfvar=False",
            )
        needed = self._needed(new_var)
        self._bindings = [
            each if each.var in needed else _with_uses(each, old_var, new_var)
            for each in self._bindings
        ]
        if outside:
            self._replaced[old_var] = new_var

    def _needed(self, var: Var) -> set[Var]:
        """A variable and those of the block that its value is made of."""
        table = {each.var: each for each in self._bindings}
        found: set[Var] = set()
        todo = [var]
        while todo:
            each = todo.pop()
            if each not in found and each in table:
                found.add(each)
                todo.extend(used_vars(table[each].value))
        return found

    def remove_unused(self, var: Var, allow_undef: bool = False) -> None:
        """Remove the binding of `var`; one that is used is an error, and so is a variable that the
        block does not bind, unless `allow_undef`.
        """
        if all(each.var is not var for each in self._bindings):
            if allow_undef:
                return
            raise PassError(f"The block binds no variable {var.name_hint!r}.")
        users = [each.var.name_hint for each in self._bindings if var in used_vars(each)]
        if var in used_vars(self._outside()):
            users.append("the function outside the block")
        if users:
            raise PassError(
                f"{var.name_hint!r} cannot be removed: it is used.",
                found=", ".join(users),
                cure="replace_all_uses(old, new) first",
            )
        self._bindings = [each for each in self._bindings if each.var is not var]

    def _outside(self) -> Function:
        """The function without the block."""
        return self._with_block(DataflowBlock(()))

    def _with_block(self, block: DataflowBlock) -> Function:
        func: Any = _Replace(self._original, block).visit(self._root)
        if not self._replaced:
            return func
        table: dict[Any, Any] = {}
        for old in self._replaced:
            new = old
            while new in self._replaced:
                new = self._replaced[new]
            table[old] = new
        body: SeqExpr = func.body
        blocks = [each if each is block else substitute_graph(each, table) for each in body.blocks]
        seq = SeqExpr(blocks, substitute_graph(body.body, table), span=body.span)
        return Function(func.params, seq, func.ret_struct_info, func.is_pure, func.attrs, func.span)

    def remove_all_unused(self) -> None:
        """Remove the bindings of the block that nothing needs."""
        kept = remove_all_unused(self.mutated_root_fn())
        needed = {each.var for block in kept.body.blocks for each in block.bindings}
        self._bindings = [each for each in self._bindings if each.var in needed]

    def mutated_dfb(self) -> DataflowBlock:
        """The edited block; the original one when nothing changed."""
        ordered = self._in_order()
        same = len(ordered) == len(self._original.bindings) and all(
            a is b for a, b in zip(ordered, self._original.bindings, strict=True)
        )
        return self._original if same else DataflowBlock(ordered, span=self._original.span)

    def _in_order(self) -> list[Binding]:
        """The bindings, each after those that it uses, else in the order they have."""
        table = {each.var: each for each in self._bindings}
        order: dict[Var, Binding] = {}
        open_now: set[Var] = set()

        def place(binding: Binding) -> None:
            if binding.var in order:
                return
            if binding.var in open_now:
                raise PassError(f"The value of {binding.var.name_hint!r} depends on itself.")
            open_now.add(binding.var)
            for each in used_vars(binding.value):
                if each in table:
                    place(table[each])
            order[binding.var] = binding

        for each in self._bindings:
            place(each)
        return list(order.values())

    def mutated_root_fn(self) -> Function:
        """The function with the edited block, in normal form."""
        block = self.mutated_dfb()
        if block is self._original and not self._replaced:
            return self._root
        normal: Any = BlockBuilder().normalize(self._with_block(block))
        return normal

    def mutate_irmodule(self, mod: IRModule) -> IRModule:
        """`mod` with the edited function in place of the one that was edited."""
        new = self.mutated_root_fn()
        return mod.with_functions(
            {gvar: new if func is self._root else func for gvar, func in mod.items()}
        )
