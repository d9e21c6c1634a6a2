"""Replacing variables in graph programs, struct infos included.

In: a tree and what its variables become (graph variables by expressions, symbolic ones by scalar
expressions). Out: the tree with every occurrence replaced, in annotations and inferred infos too;
the same object when none occurs. `copy_with_new_vars` makes a function that shares no variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir.node import map_value
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.visitor import Mutator
from pellucid.relax.expr import Expr, Function, MatchCast, Var
from pellucid.relax.symbolic import definable_tir_vars_in_struct_info


class GraphSubstitution(Mutator):
    """Replaces variables; what was inferred before stays known, with the variables replaced.

    `fresh` says that variables which the tree defines are replaced by new ones as well.
    """

    def __init__(self, mapping: Mapping[Any, Any], fresh: bool = False) -> None:
        super().__init__()
        self.replaced.update(mapping)
        self.fresh = fresh

    def visit(self, node: Any) -> Any:
        """The replacement of a node."""
        if isinstance(node, Function):
            self.rename_symbols([each.struct_info for each in node.params])
        elif isinstance(node, MatchCast):
            self.rename_symbols([node.struct_info])
        if node.is_variable:
            return self.replaced.get(node, node)
        new = self.visit_default(node)
        old_info = node.struct_info_ if isinstance(node, Expr) else None
        if new is not node and old_info is not None and new.struct_info_ is None:
            new = new.replace(struct_info_=self.visit(old_info))
        return new

    def rename_symbols(self, infos: list[Any]) -> None:
        """New symbolic variables for those that the infos define."""
        if self.fresh:
            for info in infos:
                for each in definable_tir_vars_in_struct_info(info):
                    if each not in self.replaced:
                        self.replaced[each] = each.fresh()

    def visit_definition(self, node: Any) -> Any:
        """The replacement of a definition; a new variable if all are to be new."""
        if self.fresh and isinstance(node, Var) and node not in self.replaced:
            info = None if node.struct_info_ is None else self.visit(node.struct_info_)
            self.replaced[node] = type(node)(node.name_hint, info, span=node.span)
            return self.replaced[node]
        if isinstance(node, TirVar):
            return self.replaced.get(node, node)
        return super().visit_definition(node)


def substitute_graph(tree: Any, mapping: Mapping[Any, Any]) -> Any:
    """`tree` (a node or a tuple of nodes) with variables replaced; the same object when none
    occurs.
    """
    return map_value(tree, GraphSubstitution(mapping).visit) if mapping else tree


def copy_with_new_vars(func: Function) -> Function:
    """A copy of a function whose parameters, bound variables and symbolic variables are its own."""
    return GraphSubstitution({}, fresh=True).visit(func)
