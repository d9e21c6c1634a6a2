"""Bindings of a dataflow block as a function of their own.

In: some bindings, and which of their variables are needed outside. Out: a function that computes
them, with variables of its own, and the arguments to call it with. What the bindings use from
outside becomes parameters: variables, constants, and, where no tensor parameter shows them,
symbolic variables, handed over as one shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.ir.scalar import Var as TirVar
from pellucid.relax.analysis.variables import all_symbolic_vars, used_vars
from pellucid.relax.expr import (
    Binding,
    Constant,
    DataflowBlock,
    Expr,
    Function,
    SeqExpr,
    ShapeExpr,
    Tuple,
    Var,
)
from pellucid.relax.struct_info import ShapeStructInfo
from pellucid.relax.substitution import GraphSubstitution, copy_with_new_vars, substitute_graph
from pellucid.relax.symbolic import signature_vars
from pellucid.support.naming import NameSupply


class _Constants(GraphSubstitution):
    """Replaces constants by parameters."""

    def __init__(self, names: NameSupply) -> None:
        super().__init__({})
        self.names = names
        self.params: dict[Constant, Var] = {}

    def visit(self, node: Any) -> Any:
        """The parameter for a constant; anything else rebuilt."""
        if not isinstance(node, Constant):
            return super().visit(node)
        if node not in self.params:
            name = self.names.fresh("const", separator="")
            self.params[node] = Var(name, node.struct_info)
        return self.params[node]


def extract(
    bindings: Sequence[Binding],
    attrs: Mapping[str, Any],
    bind_constants: bool = False,
    outputs: Sequence[Var] | None = None,
) -> tuple[Function, list[Expr]]:
    """The private function that computes `bindings`, and the arguments for it.

    Its result is the variable of the last one, or `outputs`: a tuple of them if they are several.
    With `bind_constants` constants stay in the body.
    """
    bound = {each.var for each in bindings}
    names = NameSupply()
    outside: dict[Var, Var] = {}
    for binding in bindings:
        for each in used_vars(binding):
            if each not in bound and each not in outside:
                outside[each] = Var(names.fresh(each.name_hint, separator="_"), each.struct_info)
    results = {
        each: Var(each.name_hint, each.struct_info) for each in outputs or (bindings[-1].var,)
    }
    mapping: dict[Any, Any] = {**outside, **results}
    inner: list[Any] = [
        substitute_graph(each, mapping).replace(var=results.get(each.var, each.var))
        for each in bindings
    ]
    constants = _Constants(names)
    if not bind_constants:
        inner = [constants.visit(each) for each in inner]
    params = [*outside.values(), *constants.params.values()]
    args: list[Expr] = [*outside, *constants.params]
    block = DataflowBlock(inner)
    unknown = _unknown_symbols(block, params)
    if unknown:
        params.append(Var(names.fresh("s"), ShapeStructInfo(unknown)))
        args.append(ShapeExpr(unknown))
    fields = list(results.values())
    result: Any = fields[0] if len(fields) == 1 else Tuple(fields)
    body = SeqExpr((block,), result, struct_info_=result.struct_info)
    return copy_with_new_vars(Function(params, body, result.struct_info, True, attrs)), args


def _unknown_symbols(block: DataflowBlock, params: list[Var]) -> list[TirVar]:
    """The symbolic variables in a block that no parameter shows."""
    shown = set(signature_vars([each.struct_info for each in params]))
    used = dict.fromkeys(all_symbolic_vars(block))
    for each in params:
        used.update(dict.fromkeys(all_symbolic_vars(each)))
    return [each for each in used if each not in shown]


__all__ = ["extract"]
