"""The builder behind the graph parser: it knows the signatures of functions that are not parsed
yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.scope import Scope
from pellucid.relax.struct_info import StructInfo
from pellucid.script.parser.core import ModuleContext
from pellucid.support.errors import ParseError
from pellucid.tir.function import PrimFunc


class Declared:
    """A function of which only the signature is known."""

    def __init__(self, struct_info: StructInfo) -> None:
        self.struct_info_ = struct_info


class ScriptBuilder(BlockBuilder):
    """A `BlockBuilder` whose functions are those declared in the script.

    `declared` is the module of the script, if there is one; `outer` a builder whose bindings are
    known here too.
    """

    def __init__(
        self,
        signature: Callable[[GlobalVar], Any],
        declared: ModuleContext | None = None,
        outer: ScriptBuilder | None = None,
    ) -> None:
        super().__init__()
        self._signature = signature
        self._declared = declared
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

    def add_func(self, func: BaseFunc, func_name: str) -> GlobalVar:
        """Add a function to the module of the script; one that is there already is not added
        again.
        """
        declared = self._declared
        if declared is None:
            raise ParseError(
                "A function alone has no module to which a loop function could be added.",
                cure="write the function in a class under @I.ir_module",
            )
        return declared.add(func, func_name)

    def lookup_binding(self, var: Any) -> Any:
        """What `var` is bound to."""
        found = super().lookup_binding(var)
        if found is None and self._outer is not None:
            return self._outer.lookup_binding(var)
        return found
