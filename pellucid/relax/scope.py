"""What is known at one point of a graph function under construction: variables and open blocks.

`Scope` is the set of variables (graph and symbolic) that are defined; `OpenBlock` collects the
bindings of a block. Both are used by `BlockBuilder` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pellucid.relax.expr import Binding, BindingBlock, DataflowBlock, Var
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.symbolic import definable_tir_vars_in_struct_info
from pellucid.support.naming import NameSupply


class Scope:
    """The variables defined in a scope, on top of those of the scope around it."""

    __slots__ = ("_names", "_outer", "params")

    def __init__(self, outer: Scope | None, params: Iterable[Var]) -> None:
        self._outer = outer
        self._names: set[Any] = set()
        self.params = tuple(params)
        for param in self.params:
            self.define(param)

    def define(self, var: Var) -> None:
        """Make a graph variable known; a parameter's symbolic variables come with it."""
        self._names.add(var)
        if var in self.params and var.struct_info_ is not None:
            self.define_symbols(var.struct_info_)

    def define_symbols(self, info: StructInfo) -> None:
        """Make the symbolic variables known that `info` defines."""
        self._names.update(definable_tir_vars_in_struct_info(info))

    def knows(self, variable: Any) -> bool:
        """Whether a variable is defined here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if variable in scope._names:
                return True
            scope = scope._outer
        return False

    def knows_at_entry(self, variable: Any) -> bool:
        """Whether a variable was defined before the scope's own bindings."""
        if self._outer is not None and self._outer.knows(variable):
            return True
        entry = Scope(None, self.params)
        return variable in entry._names


@dataclass(slots=True)
class OpenBlock:
    """A block that bindings are still added to."""

    is_dataflow: bool
    bindings: list[Binding] = field(default_factory=list[Binding])

    def close(self) -> BindingBlock:
        """The finished block."""
        return (DataflowBlock if self.is_dataflow else BindingBlock)(self.bindings)


@dataclass(slots=True)
class Context:
    """The state of one function under construction: its scopes, open blocks, names, finished
    blocks.
    """

    scopes: list[Scope] = field(default_factory=list[Scope])
    open: list[OpenBlock] = field(default_factory=list[OpenBlock])
    names: NameSupply = field(default_factory=NameSupply)
    finished: list[BindingBlock] = field(default_factory=list[BindingBlock])
