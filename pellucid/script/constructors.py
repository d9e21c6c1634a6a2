"""`I.node("tir.stmt.For", loop_var=i, …)`: any node of either level by its class and fields.

The printer writes this where the language has no words for a node. In: the class's name inside the
package, and its fields. Out: the node.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.node import Node, node_classes
from pellucid.support.errors import TypeMismatchError, did_you_mean

_PACKAGE = "pellucid."


def node(name: str, /, **fields: Any) -> Node:
    """A new node of the class `name`, such as "tir.stmt.For"; an unknown one is an error."""
    found: Any = node_classes.get(f"{_PACKAGE}{name}")
    if found is None:
        known = [each.removeprefix(_PACKAGE) for each in node_classes]
        raise TypeMismatchError(
            f"There is no class of nodes named {name!r}.", cure=did_you_mean(name, known)
        )
    return found(**fields)
