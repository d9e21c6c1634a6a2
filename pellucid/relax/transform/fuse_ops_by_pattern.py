"""FuseOpsByPattern: what matches a pattern becomes a private function.

    FuseOpsByPattern([("lib.matmul_relu", is_op("relax.nn.relu")(is_op("relax.matmul")(x, w)))])

In: a module of operators, or of calls of loop functions. Out: each match in a dataflow block is a
private function with the attributes `Primitive` and `Composite` (the pattern's name). Patterns are
tried in order, the last binding of a block first; no binding gets into two groups, and a match
whose inner values are needed elsewhere is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.ir.visitor import Mutator
from pellucid.relax.analysis.overwritten import overwritten
from pellucid.relax.analysis.use_def import udchain
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.call_derivation import callee_name
from pellucid.relax.dpl.fusion_pattern import FusionPattern, PatternCheckContext
from pellucid.relax.dpl.match import Match, Matcher
from pellucid.relax.dpl.pattern import (
    AndPattern,
    AttrPattern,
    CallPattern,
    DataTypePattern,
    OrPattern,
    SameShapePattern,
    ShapePattern,
    StructInfoPattern,
    TupleGetItemPattern,
    TuplePattern,
)
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.substitution import copy_with_new_vars
from pellucid.relax.transform.fuse_ops import callee_of, is_closed
from pellucid.relax.transform.grouped_function import extract

# Patterns whose match is computed within the group; what others match is an argument.
_INNER = (
    *(CallPattern, TuplePattern, TupleGetItemPattern, OrPattern, AndPattern, AttrPattern),
    *(DataTypePattern, ShapePattern, SameShapePattern, StructInfoPattern),
)


def _as_pattern(value: Any) -> FusionPattern:
    return value if isinstance(value, FusionPattern) else FusionPattern(*value)


class _Fuser(Mutator):
    """Replaces the matches in dataflow blocks by calls of new functions."""

    def __init__(
        self, mod: IRModule, patterns: list[FusionPattern], bind_constants: bool, codegen: bool
    ) -> None:
        super().__init__()
        self.builder = BlockBuilder(mod)
        self.patterns = patterns
        self.bind_constants = bind_constants
        self.codegen = codegen
        self.overwritten: set[Var] = set()

    def fused(self, func: Function, mod: IRModule) -> Function:
        """A function of the module with its matches replaced."""
        self.overwritten = overwritten(func, mod)
        return self.visit(func)

    def stays(self, binding: Binding) -> bool:
        """Whether a binding reads what is overwritten later, so that it cannot be moved."""
        return bool(self.overwritten) and bool(self.overwritten & set(used_vars(binding.value)))

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The block with its matches replaced, pattern by pattern."""
        for each in self.patterns:
            block = self.with_pattern(each, block)
        return block

    def with_pattern(self, pattern: FusionPattern, block: DataflowBlock) -> DataflowBlock:
        """The block with the matches of one pattern replaced."""
        values = {b.var: b.value for b in block.bindings if isinstance(b, VarBinding)}
        users = udchain(block)
        matcher = Matcher(values.get)
        replaced: dict[Binding, Binding | None] = {}
        taken: set[Var] = set()
        for binding in reversed(block.bindings):
            if not isinstance(binding, VarBinding) or not isinstance(binding.value, Call):
                continue
            if binding.var in taken:
                continue
            for found in matcher.match(pattern.pattern, binding.value, {}):
                group = _group(binding.var, found, values)
                if group & taken or not _is_closed(group, binding.var, users):
                    continue
                if not _accepted(pattern, binding.value, found, group, values, users):
                    continue
                members = [each for each in block.bindings if each.var in group]
                if len(members) > 1 and any(map(self.stays, members)):
                    continue
                taken |= group
                replaced.update(dict.fromkeys(members))
                replaced[members[-1]] = self.call_of(members, pattern.name)
                break
        if not replaced:
            return block
        kept = [replaced.get(each, each) for each in block.bindings]
        return DataflowBlock([each for each in kept if each is not None], span=block.span)

    def call_of(self, members: Sequence[Binding], name: str) -> VarBinding:
        """The binding of the last member's variable to a call of the group's function."""
        attrs = {"Composite": name, **({} if self.codegen else {"Primitive": 1})}
        func, args = extract(members, attrs, self.bind_constants)
        hint = _hint(members)
        if self.codegen:
            target = name.split(".")[0]
            hint = f"{hint}_{target}"
            func = _for_codegen(func, target, self.builder.get().fresh_name(hint))
        gvar = self.builder.add_func(func, hint)
        var = members[-1].var
        return VarBinding(var, Call(gvar, args, struct_info_=var.struct_info_))


def _hint(members: Sequence[Binding]) -> str:
    """`fused_<operator>_<operator>…`, with the operators' full names."""
    names: list[str] = []
    for each in members:
        if isinstance(each.value, Call):
            callee = callee_of(each.value)
            op = each.value.op if callee is None else callee
            names.append(callee_name(op).replace(".", "_"))
    return "_".join(["fused", *names])


def _for_codegen(func: Function, target: str, symbol: str) -> Function:
    """A public function for the code generator `target` that calls `func` as a local function."""
    outer = copy_with_new_vars(func)
    result = outer.body.body
    local = Var("local", func.struct_info)
    call = Call(local, outer.params, struct_info_=result.struct_info)
    value = Var("output", result.struct_info)
    seq = SeqExpr(
        [BindingBlock([VarBinding(local, func), VarBinding(value, call)])],
        value,
        struct_info_=result.struct_info,
    )
    attrs = {"Codegen": target, "global_symbol": symbol}
    return Function(outer.params, seq, func.ret_struct_info, True, attrs)


def _group(root: Var, found: Match, values: Mapping[Var, Expr]) -> set[Var]:
    """The variables that a match computes: the root's, and those of inner parts."""
    inner = {
        expr
        for pattern, expr in found.items()
        if isinstance(pattern, _INNER) and isinstance(expr, Var) and expr in values
    }
    return {root, *inner}


def _is_closed(group: set[Var], root: Var, users: Mapping[Var, list[Var]]) -> bool:
    """Whether only the root is needed outside the group."""
    return all(
        isinstance(each, DataflowVar) and all(user in group for user in users.get(each, ()))
        for each in group
        if each is not root
    )


def _accepted(
    pattern: FusionPattern,
    value: Expr,
    found: Match,
    group: set[Var],
    values: Mapping[Var, Expr],
    users: dict[Var, list[Var]],
) -> bool:
    """Whether the pattern's check, if it has one, takes the match."""
    if pattern.check is None:
        return True
    context = PatternCheckContext(
        value,
        {name: found[part] for name, part in pattern.annotation_patterns.items() if part in found},
        {var: values[var] for var in values if var in group},
        users,
        {expr: var for var, expr in values.items()},
    )
    return pattern.check(context)


def FuseOpsByPattern(
    patterns: Sequence[Any], bind_constants: bool = True, annotate_codegen: bool = False
) -> Pass:
    """The pass that groups what matches.

    `patterns` are `(name, pattern)`, `(name, pattern, annotations, check)` or `FusionPattern`, in
    order of priority. With `bind_constants` constants stay in the function, else they become
    parameters. With `annotate_codegen` the function is public, for the code generator that the name
    starts with (`Codegen`), and holds the group as a local function.
    """
    given = [_as_pattern(each) for each in patterns]

    @module_pass(opt_level=0, name="FuseOpsByPattern")
    def fuse(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        fuser = _Fuser(mod, given, bind_constants, annotate_codegen)
        changed: dict[Any, Function] = {}
        for gvar, func in mod.items():
            if isinstance(func, Function) and not is_closed(func):
                new = fuser.fused(func, mod)
                if new is not func:
                    changed[gvar] = new
        if not changed:
            return mod
        for gvar, func in changed.items():
            fuser.builder.update_func(gvar, func)
        return fuser.builder.get()

    return fuse
