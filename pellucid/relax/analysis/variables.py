"""Which variables occur in a graph program: used, bound, free; graph variables and symbolic ones.

In: an expression, function or block. Out: lists in order of first occurrence.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.node import Node
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.visitor import Visitor, pre_order
from pellucid.relax.expr import Function, MatchCast, Var
from pellucid.relax.struct_info import FuncStructInfo
from pellucid.relax.symbolic import definable_tir_vars_in_struct_info, tir_vars_in_struct_info


class _Occurrences(Visitor):
    """Collects variables as they are used and as they are bound."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[Var, None] = {}
        self.bound: dict[Var, None] = {}
        self.symbols: dict[TirVar, None] = {}
        self.defined_symbols: dict[TirVar, None] = {}

    def visit(self, node: Any) -> None:
        """Note a use, or go on below."""
        if isinstance(node, Var):
            self.used[node] = None
        elif isinstance(node, TirVar):
            self.symbols[node] = None
        elif isinstance(node, FuncStructInfo):
            self.symbols.update(dict.fromkeys(tir_vars_in_struct_info(node)))
        else:
            if isinstance(node, MatchCast):
                self.define(node.struct_info)
            elif isinstance(node, Function):
                for each in node.params:
                    self.define(each.struct_info)
            self.visit_default(node)

    def visit_definition(self, node: Any) -> None:
        """Note a definition; what its struct info mentions is used."""
        if isinstance(node, Var):
            self.bound[node] = None
            node.walk(self.visit, self.visit_definition)
        else:
            self.visit(node)

    def define(self, info: Any) -> None:
        """Note the symbolic variables that an info defines."""
        self.defined_symbols.update(dict.fromkeys(definable_tir_vars_in_struct_info(info)))


def _occurrences(node: Node) -> _Occurrences:
    found = _Occurrences()
    found.visit(node)
    return found


def free_vars(expr: Node) -> list[Var]:
    """The graph variables that are used in `expr` and not bound in it."""
    if isinstance(expr, Var):
        return [expr]
    found = _occurrences(expr)
    return [each for each in found.used if each not in found.bound]


def bound_vars(expr: Node) -> list[Var]:
    """The graph variables that `expr` binds: parameters, and the variables of bindings."""
    return list(_occurrences(expr).bound)


def all_vars(expr: Node) -> list[Var]:
    """The graph variables that are used or bound in `expr`."""
    if isinstance(expr, Var):
        return [expr]
    found = _occurrences(expr)
    return list({**found.bound, **found.used})


def used_vars(expr: Node) -> list[Var]:
    """The graph variables that are used in `expr`."""
    return [expr] if isinstance(expr, Var) else list(_occurrences(expr).used)


def all_global_vars(expr: Node) -> list[GlobalVar]:
    """The GlobalVars in `expr`, each name once."""
    found = [each for each in pre_order(expr) if isinstance(each, GlobalVar)]
    return list({each.name_hint: each for each in reversed(found)}.values())[::-1]


def free_symbolic_vars(expr: Node) -> list[TirVar]:
    """The symbolic variables that are used in `expr` and defined by no parameter or match_cast in
    it.
    """
    found = _occurrences(expr)
    return [each for each in found.symbols if each not in found.defined_symbols]


def defined_symbolic_vars(expr: Node) -> list[TirVar]:
    """The symbolic variables that parameters and match_casts in `expr` define."""
    return list(_occurrences(expr).defined_symbols)


def all_symbolic_vars(expr: Node) -> list[TirVar]:
    """The symbolic variables in `expr`."""
    found = _occurrences(expr)
    return list({**found.defined_symbols, **found.symbols})
