"""A copy of a statement that defines variables of its own, for stages that duplicate code.

In: a statement. Out: the same statement with every variable and buffer that it defines replaced by
a new one of the same name.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.visitor import Mutator
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt


class _Fresh(Mutator):
    def visit_definition(self, node: Any) -> Any:
        """Each definition becomes a new object."""
        if not node.is_variable:
            return self.visit(node)
        found = self.replaced.get(node)
        if found is None:
            found = node.map(self.visit, self.visit)
            if found is node:
                found = node.replace(name=node.name) if isinstance(node, Buffer) else node.fresh()
            self.replaced[node] = found
        return found


def fresh_copy(statement: Stmt) -> Stmt:
    """The statement with definitions of its own."""
    return _Fresh().visit(statement)
