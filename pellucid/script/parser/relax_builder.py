"""The builder behind the graph parser: it knows the signatures of functions that are not parsed
yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.scope import Scope
from pellucid.relax.struct_info import StructInfo
from pellucid.tir.function import PrimFunc


class Declared:
    """A function of which only the signature is known."""

    def __init__(self, struct_info: StructInfo) -> None:
        self.struct_info_ = struct_info


class ScriptBuilder(BlockBuilder):
    """A `BlockBuilder` whose functions are those declared in the script.

    `outer` is a builder whose bindings are known here too.
    """

    def __init__(
        self, signature: Callable[[GlobalVar], Any], outer: ScriptBuilder | None = None
    ) -> None:
        super().__init__()
        self._signature = signature
        self._outer = outer
        if outer is not None:
            # A local function knows the symbolic variables around it.
            self._context.scopes.append(Scope(outer.scope, ()))

    def find_function(self, gvar: GlobalVar) -> Any:
        """What is known of a function of the module, or None."""
        found = self._signature(gvar)
        if isinstance(found, PrimFunc):
            return found
        return Declared(found) if isinstance(found, StructInfo) else None

    def lookup_binding(self, var: Any) -> Any:
        """What `var` is bound to."""
        found = super().lookup_binding(var)
        if found is None and self._outer is not None:
            return self._outer.lookup_binding(var)
        return found
