"""Bases that both levels share above the scalars: graph expressions, global names, functions."""

from __future__ import annotations

from typing import Any

from pellucid.ir.node import Node, data, meta, node
from pellucid.support.errors import TypeMismatchError


@node
class RelaxExpr(Node):
    """A graph-level expression. `struct_info` says what is known of its value; it is filled in
    by normalisation.
    """

    struct_info_: Any = meta(default=None, kw_only=True)

    @property
    def struct_info(self) -> Any:
        """What is known of the value (a `relax.StructInfo`); an error before the expression was
        normalised.
        """
        if self.struct_info_ is None:
            raise TypeMismatchError(
                f"This {type(self).__name__} has no struct info yet.",
                found=repr(self),
                cure="emit it with a BlockBuilder, or call BlockBuilder.normalize on it",
            )
        return self.struct_info_


@node
class GlobalVar(RelaxExpr):
    """The name of a function of a module. Its signature is the function's, which the module
    keeps.
    """

    name_hint: str = data()

    def __call__(self, *args: Any, attrs: Any = None) -> Any:
        """A call of the function: of graph expressions or of scalars, by what the arguments are."""
        from_level = call_builders[
            "relax" if any(isinstance(a, RelaxExpr) for a in args) or not args else "tir"
        ]
        return from_level(self, args, attrs)


# How a GlobalVar builds a call: "relax" and "tir" are filled in by those levels when they are
# imported.
call_builders: dict[str, Any] = {}
