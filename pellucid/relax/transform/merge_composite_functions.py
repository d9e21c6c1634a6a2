"""MergeCompositeFunctions: neighbouring composite functions of one code generator become one.

In: a module after FuseOpsByPattern, whose private functions have the attribute `Composite`
("lib.matmul", for the code generator "lib"). Out: connected calls of functions for the same code
generator are one public function with the attribute `Codegen`. Calls are only joined when nothing
outside lies between them, so that no group needs its own result.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.ir.visitor import Mutator
from pellucid.relax.analysis.overwritten import overwritten
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    Call,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.struct_info import TupleStructInfo
from pellucid.relax.transform.fuse_ops import is_closed
from pellucid.relax.transform.grouped_function import extract


def _codegen_of(mod: IRModule, value: Expr) -> str | None:
    """The code generator of a call of a composite function; None for anything else."""
    if not isinstance(value, Call) or not isinstance(value.op, GlobalVar):
        return None
    name = getattr(mod.get(value.op), "attrs", {}).get("Composite")
    return None if name is None else str(name).split(".")[0]


class _Regions:
    """Bindings in groups; `before` are the groups that a group's inputs come from, near or far."""

    def __init__(self, mod: IRModule, block: DataflowBlock, movable: bool) -> None:
        self.group: dict[Var, int] = {}
        self.target: dict[int, str | None] = {}
        self.inputs: dict[int, set[int]] = {}
        for index, binding in enumerate(block.bindings):
            sources = {self.group[v] for v in used_vars(binding) if v in self.group}
            target = _codegen_of(mod, binding.value)
            fitting = movable and target is not None
            joined = [g for g in sorted(sources) if fitting and self.fits(g, target)]
            home = index
            for each in joined:
                if not any(self.reaches(other, each) for other in sources - {each, home}):
                    home = self.merge(each, home) if home != index else each
                    sources.discard(each)
            self.group[binding.var] = home
            self.target[home] = target
            self.inputs.setdefault(home, set()).update(sources - {home})

    def fits(self, group: int, target: str | None) -> bool:
        """Whether a group is of a code generator."""
        return self.target.get(group) == target

    def reaches(self, start: int, goal: int) -> bool:
        """Whether a group (another than `goal`) needs the results of `goal`, near or far."""
        todo, seen = [start], {start}
        while todo:
            for each in self.inputs.get(todo.pop(), ()):
                if each == goal:
                    return True
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return False

    def merge(self, other: int, home: int) -> int:
        """Make two groups one, if neither needs the other through a third; else `home` stays."""
        through = (self.inputs[home] | self.inputs[other]) - {home, other}
        if any(self.reaches(each, home) or self.reaches(each, other) for each in through):
            return home
        self.inputs[home] = through
        for var, group in self.group.items():
            if group == other:
                self.group[var] = home
        for sources in self.inputs.values():
            if other in sources:
                sources.discard(other)
                sources.add(home)
        self.inputs.pop(other)
        return home


class _Merger(Mutator):
    def __init__(self, mod: IRModule) -> None:
        super().__init__()
        self.mod = mod
        self.builder = BlockBuilder(mod)
        self.overwritten: set[Var] = set()

    def fused(self, func: Function) -> Function:
        """A function of the module with its groups merged."""
        self.overwritten = overwritten(func, self.mod)
        return self.visit(func)

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The block with each group of composite calls as one call."""
        # Merging changes the order of bindings: not where a value is overwritten between them.
        movable = not any(self.overwritten & set(used_vars(each)) for each in block.bindings)
        regions = _Regions(self.mod, block, movable)
        groups: dict[int, list[Binding]] = {}
        for binding in block.bindings:
            groups.setdefault(regions.group[binding.var], []).append(binding)
        if not any(regions.target[group] for group in groups):
            return block
        used_in: dict[Var, set[int]] = {}
        for binding in block.bindings:
            for each in used_vars(binding):
                used_in.setdefault(each, set()).add(regions.group[binding.var])
        order = _in_order(groups, regions.inputs)
        bindings: list[Binding] = []
        for group in order:
            members = groups[group]
            target = regions.target[group]
            if target is None:
                bindings.extend(members)
            else:
                bindings.extend(self.merged(members, target, group, used_in))
        return DataflowBlock(bindings, span=block.span)

    def merged(
        self, members: list[Binding], target: str, group: int, used_in: dict[Var, set[int]]
    ) -> list[Binding]:
        """The call of one function for the members, and the bindings of what is needed outside."""
        outputs = [
            each.var
            for each in members
            if not isinstance(each.var, DataflowVar) or used_in.get(each.var, set()) - {group}
        ] or [members[-1].var]
        hint = f"fused_{target}"
        symbol = self.builder.get().fresh_name(hint)
        func, args = extract(members, {"Codegen": target, "global_symbol": symbol}, outputs=outputs)
        gvar = self.builder.add_func(func, symbol)
        if len(outputs) == 1:
            return [VarBinding(outputs[0], Call(gvar, args, struct_info_=outputs[0].struct_info_))]
        info = TupleStructInfo([each.struct_info for each in outputs])
        whole = DataflowVar("merged", info)
        found: list[Binding] = [VarBinding(whole, Call(gvar, args, struct_info_=info))]
        found += [VarBinding(each, TupleGetItem(whole, i)) for i, each in enumerate(outputs)]
        return found


def _in_order(groups: dict[int, list[Binding]], inputs: dict[int, set[int]]) -> list[int]:
    """The groups, each after those that it needs; else in the order of the block."""
    order: list[int] = []
    placed: set[int] = set()

    def place(group: int) -> None:
        if group in placed:
            return
        placed.add(group)
        for each in sorted(inputs.get(group, ())):
            place(each)
        order.append(group)

    for group in groups:
        place(group)
    return order


@module_pass(opt_level=0, name="MergeCompositeFunctions")
def _merge(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    merger = _Merger(mod)
    changed: dict[Any, Function] = {}
    for gvar, func in mod.items():
        if isinstance(func, Function) and not is_closed(func):
            new = merger.fused(func)
            if new is not func:
                changed[gvar] = new
    if not changed:
        return mod
    for gvar, func in changed.items():
        merger.builder.update_func(gvar, func)
    return merger.builder.get()


def MergeCompositeFunctions() -> Pass:
    """The pass that hands a code generator regions as large as can be."""
    return _merge
