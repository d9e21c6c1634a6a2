"""FuseOps: calls of loop functions that are computed together become private functions.

    with R.dataflow():                                with R.dataflow():
        a = R.call_tir(cls.matmul, (x, w), …)    →        b = cls.fused_matmul_relu(x, w)
        b = R.call_tir(cls.relu, (a,), …)                 R.output(b)
        R.output(b)

In: a module whose loop functions carry `op_pattern` (AnnotateTIROpPattern). Out: each group of
`fusion_groups` with two or more calls is a private function with the attribute `Primitive`, which
FuseTIR makes one loop function. Constants become parameters, so that equal layers share one
function. Only dataflow blocks are looked at; scheduled functions are never grouped.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.structural import structural_equal
from pellucid.ir.transform import Pass, PassContext, module_pass, register_pass_option
from pellucid.ir.visitor import Mutator
from pellucid.relax.analysis.overwritten import overwritten
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.call import CALL_TIR
from pellucid.relax.expr import (
    Binding,
    Call,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.transform.fusion_groups import Grouping, Node
from pellucid.relax.transform.grouped_function import extract
from pellucid.tir.analysis.op_pattern import OpPatternKind
from pellucid.tir.function import PrimFunc

DEFAULT_MAX_DEPTH = 256
register_pass_option(
    "relax.FuseOps.max_depth", int, DEFAULT_MAX_DEPTH, "the largest number of operators in a group"
)
# Functions that stay as they are: groups, and what another code generator takes.
_CLOSED = ("Primitive", "Codegen", "Composite", "tir.is_scheduled")


def is_closed(func: Function) -> bool:
    """Whether fusion leaves a graph function alone."""
    return any(func.attrs.get(key, 0) for key in _CLOSED)


class _Graph:
    """The bindings of a block as nodes of a fusion graph."""

    def __init__(self, mod: IRModule, block: DataflowBlock, overwritten: set[Var]) -> None:
        self.mod = mod
        self.overwritten = overwritten
        self.bindings = block.bindings
        self.nodes: list[Node] = []
        self.by_var: dict[Var, Node] = {}
        for index, binding in enumerate(block.bindings):
            node = Node(index, self.pattern(binding))
            node.is_output = not isinstance(binding.var, DataflowVar)
            self.connect(binding, node)
            self.nodes.append(node)
            self.by_var[binding.var] = node

    def pattern(self, binding: Binding) -> OpPatternKind:
        """The kind of a binding's value."""
        value = binding.value
        if not isinstance(binding, VarBinding):
            return OpPatternKind.OPAQUE
        if self.overwritten and self.overwritten & set(used_vars(value)):
            # A group is computed where its last member was: after the value is overwritten.
            return OpPatternKind.OPAQUE
        callee = callee_of(value)
        if callee is not None:
            func = self.mod.get(callee)
            known = isinstance(func, PrimFunc) and not func.attrs.get("tir.is_scheduled", False)
            kind = func.attrs.get("op_pattern") if known else None
            return OpPatternKind.OPAQUE if kind is None else OpPatternKind(kind)
        if isinstance(value, Tuple):
            return OpPatternKind.TUPLE
        if isinstance(value, TupleGetItem):
            # A field of several outputs is one of them, untouched.
            whole = value.tuple_value
            source = self.by_var.get(whole) if isinstance(whole, Var) else None
            inner = source is not None and source.pattern != OpPatternKind.OPAQUE
            return OpPatternKind.ELEM_WISE if inner else OpPatternKind.OPAQUE
        return OpPatternKind.OPAQUE

    def connect(self, binding: Binding, node: Node) -> None:
        """Edges from what a binding uses."""
        for each in used_vars(binding):
            source = self.by_var.get(each)
            if source is not None:
                source.consumers.append((node, _edge(each, binding, node.pattern)))


def callee_of(value: Expr) -> GlobalVar | None:
    """The loop function that a `call_tir` calls; None for anything else."""
    if not isinstance(value, Call) or value.op is not CALL_TIR:
        return None
    callee = value.args[0]
    return callee if isinstance(callee, GlobalVar) else None


def _edge(used: Var, binding: Binding, pattern: OpPatternKind) -> OpPatternKind:
    """How the value of a binding depends on one variable that it uses."""
    if pattern == OpPatternKind.TUPLE:
        return OpPatternKind.INJECTIVE
    if pattern != OpPatternKind.ELEM_WISE or isinstance(binding.value, TupleGetItem):
        return pattern
    mine, theirs = used.struct_info_, binding.var.struct_info_
    if not isinstance(mine, TensorStructInfo) or not isinstance(theirs, TensorStructInfo):
        return pattern
    same = structural_equal(mine.shape, theirs.shape)
    return pattern if same else OpPatternKind.BROADCAST


class _Fuser(Mutator):
    """Replaces the groups of dataflow blocks by calls of new functions."""

    def __init__(self, mod: IRModule, max_depth: int) -> None:
        super().__init__()
        self.mod = mod
        self.max_depth = max_depth
        self.builder = BlockBuilder(mod)
        self.overwritten: set[Var] = set()

    def fused(self, func: Function) -> Function:
        """A function of the module with its groups replaced."""
        self.overwritten = overwritten(func, self.mod)
        return self.visit(func)

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The block with its groups replaced."""
        graph = _Graph(self.mod, block, self.overwritten)
        grouping = Grouping(graph.nodes, self.max_depth)
        groups: dict[Any, list[Binding]] = {}
        for node, binding in zip(graph.nodes, block.bindings, strict=True):
            groups.setdefault(grouping.group_of(node), []).append(binding)
        replaced: dict[Binding, Binding | None] = {}
        for members in groups.values():
            inside = _without_foreign_fields(members)
            if sum(callee_of(each.value) is not None for each in inside) >= 2:
                replaced.update(dict.fromkeys(inside))
                replaced[inside[-1]] = self.call_of(inside)
        if not replaced:
            return block
        kept = [replaced.get(each, each) for each in block.bindings]
        return DataflowBlock([each for each in kept if each is not None], span=block.span)

    def call_of(self, members: list[Binding]) -> VarBinding:
        """The binding of the last member's variable to a call of the group's function."""
        func, args = extract(members, {"Primitive": 1})
        callees = [callee_of(each.value) for each in members]
        names = [each.name_hint for each in callees if each is not None]
        gvar = self.builder.add_func(func, _name(names))
        var = members[-1].var
        return VarBinding(var, Call(gvar, args, struct_info_=var.struct_info_))


def _name(names: list[str]) -> str:
    """`fused_<op>_<op>…`; of a long group only the first ones."""
    shown = names if len(names) <= 8 else [*names[:8], "etc"]
    return "_".join(["fused", *shown])


def _without_foreign_fields(members: list[Binding]) -> list[Binding]:
    """The members without fields of tuples that are computed outside: these are taken outside."""
    inside: set[Any] = set()
    kept: list[Binding] = []
    for each in members:
        value = each.value
        if isinstance(value, TupleGetItem) and value.tuple_value not in inside:
            continue
        inside.add(each.var)
        kept.append(each)
    return kept


@module_pass(opt_level=0, name="FuseOps")
def _default(mod: IRModule, ctx: PassContext) -> IRModule:
    return fuse_ops(mod, int(ctx.get("relax.FuseOps.max_depth")))


def fuse_ops(mod: IRModule, max_depth: int) -> IRModule:
    """The module with the groups of all its graph functions made functions of their own."""
    fuser = _Fuser(mod, max_depth)
    changed: dict[GlobalVar, Function] = {}
    for gvar, func in mod.items():
        if not isinstance(func, Function) or is_closed(func):
            continue
        new = fuser.fused(func)
        if new is not func:
            changed[gvar] = new
    if not changed:
        return mod
    for gvar, func in changed.items():
        fuser.builder.update_func(gvar, func)
    return fuser.builder.get()


def FuseOps(fuse_opt_level: int = -1) -> Pass:
    """The pass that groups calls of loop functions; FuseTIR then makes one of each group.

    `fuse_opt_level` 0 leaves everything as it is; -1 and larger numbers group.
    """
    if fuse_opt_level == 0:

        @module_pass(opt_level=0, name="FuseOps")
        def nothing(mod: IRModule, ctx: PassContext) -> IRModule:
            del ctx
            return mod

        return nothing
    return _default


__all__ = ["FuseOps", "callee_of", "fuse_ops", "is_closed"]
