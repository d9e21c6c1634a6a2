"""Types of variables that are not plain numbers: pointers, with their element type and storage
scope.
"""

from __future__ import annotations

from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, child, data, node


@node
class Type(Node):
    """Base of the types that a variable can be annotated with."""


@node
class PrimType(Type):
    """The type of a number: a dtype."""

    dtype: DataType = data(converter=DataType)


@node
class PointerType(Type):
    """A pointer to `element_type` in memory of `storage_scope` ("global", "local", "shared" …)."""

    element_type: Type = child()
    storage_scope: str = data(default="")


@node
class TupleType(Type):
    """A tuple of types; the empty one is the type of "no value"."""

    fields: tuple[Type, ...] = child(default=(), converter=tuple)
