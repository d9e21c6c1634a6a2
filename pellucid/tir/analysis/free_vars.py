"""Free variables, and equality of expressions without renaming."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.ir.node import Node
from pellucid.ir.scalar import Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Visitor
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc


class _Free(Visitor):
    """Collects variables that are used before any definition."""

    def __init__(self, defined: Iterable[Var]) -> None:
        super().__init__()
        self.defined: set[Any] = set(defined)
        self.found: dict[Var, None] = {}

    def visit_var_(self, var: Var) -> None:
        """A use."""
        if var not in self.defined:
            self.found.setdefault(var)

    def visit_buffer_(self, buffer: Buffer) -> None:
        """A use of a buffer uses its pointer, and what its shape mentions."""
        if buffer not in self.defined:
            for each in (buffer.data, *buffer.shape, *buffer.strides, buffer.elem_offset):
                self.visit(each)

    def visit_definition(self, node: Any) -> Any:
        """A definition; a buffer's comes with its pointer."""
        if not node.is_variable:
            return self.visit(node)
        self.defined.add(node)
        if isinstance(node, Buffer):
            self.defined.add(node.data)
            for each in (*node.shape, *node.strides, node.elem_offset):
                self.visit(each)
        return None

    def visit_prim_func_(self, func: PrimFunc) -> None:
        """A function also defines the symbolic dimensions of its tensor parameters."""
        for buffer in func.buffer_map.values():
            symbols = (*buffer.shape, *buffer.strides, buffer.elem_offset)
            self.defined.update(each for each in symbols if isinstance(each, Var))
        self.visit_default(func)


def undefined_vars(node: Node, defs: Iterable[Var] = ()) -> list[Var]:
    """The variables that `node` uses but does not define, except `defs`, in order of first use."""
    free = _Free(defs)
    free.visit(node)
    return list(free.found)


def expr_deep_equal(lhs: Any, rhs: Any) -> bool:
    """Whether two expressions have the same structure over the very same variables."""
    return structural_equal(lhs, rhs)
