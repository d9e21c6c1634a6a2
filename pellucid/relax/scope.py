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

    __slots__ = ("_entry", "_outer", "_own", "params")

    def __init__(self, outer: Scope | None, params: Iterable[Var]) -> None:
        self._outer = outer
        self._entry: set[Any] = set()
        self._own: set[Any] = set()
        self.params: tuple[Var, ...] = ()
        self.add_params(params)

    def add_params(self, params: Iterable[Var]) -> None:
        """Make parameters and their symbolic variables known, as if from the begin."""
        found = tuple(params)
        self.params += found
        for param in found:
            self._entry.add(param)
            if param.struct_info_ is not None:
                self._entry.update(definable_tir_vars_in_struct_info(param.struct_info_))

    def define(self, var: Any) -> None:
        """Make a variable known that a binding defines."""
        self._own.add(var)

    def define_symbols(self, info: StructInfo) -> None:
        """Make the symbolic variables known that `info` defines and that are new here."""
        for each in definable_tir_vars_in_struct_info(info):
            if not self.knows(each):
                self._own.add(each)

    def knows(self, variable: Any) -> bool:
        """Whether a variable is defined here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if variable in scope._own or variable in scope._entry:
                return True
            scope = scope._outer
        return False

    def outlived_by(self, variable: Any) -> bool:
        """Whether a variable is not the scope's own, so that it may be spoken of behind it."""
        return variable not in self._own


@dataclass(slots=True)
class OpenBlock:
    """A block that bindings are still added to."""

    is_dataflow: bool
    bindings: list[Binding] = field(default_factory=list[Binding])
    # Arguments that were no leaves, and the variables that they were bound to.
    arguments: dict[Any, Any] = field(default_factory=dict[Any, Any])

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
