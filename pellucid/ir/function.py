"""The base of functions of both levels: attributes, and how they are copied with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pellucid.ir import hooks
from pellucid.ir.attrs import EMPTY, Attrs, as_attrs
from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.node import child, node, set_repr
from pellucid.ir.scriptable import Scriptable


@node
class BaseFunc(Scriptable, RelaxExpr):
    """A function of a module. `attrs` holds facts about it, such as `global_symbol` and
    `tir.noalias`.
    """

    attrs: Attrs = child(default=EMPTY, converter=as_attrs, kw_only=True)

    def with_attr(self, key: str | Mapping[str, Any], value: Any = None) -> Self:
        """A copy with attribute `key` set (or several, given as a mapping)."""
        changes = {key: value} if isinstance(key, str) else key
        return self.replace(attrs=self.attrs.updated(changes))

    def with_attrs(self, attrs: Mapping[str, Any]) -> Self:
        """A copy with all attributes replaced by `attrs`."""
        return self.replace(attrs=attrs)

    def without_attr(self, key: str) -> Self:
        """A copy without attribute `key`; the same object when it is not set."""
        return self.replace(attrs=self.attrs.without(key)) if key in self.attrs else self


set_repr(lambda value: hooks.repr_printer.get()(value))
