"""CheckIndices: every index is checked when it is used, and an index out of bounds is an error.

    A[i, j]   →   A[T.check_index(i, 128, "…", True), T.check_index(j, 64, "…", True)]

Before: no blocks, buffers with their shapes. After: every index of every load and store stands in
`tir.check_index(index, extent, text, active)`, whose value is the index; where `active` holds and
the index is not in [0, extent), it raises an error with the text, the index and the extent.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import const
from pellucid.ir.op import register_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, StringImm
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import Mutator
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.op_math import dtype_of_first
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import is_op
from pellucid.tir.transform.passes import stage

CHECK = register_op("tir.check_index", arity=4, pure=False, dtype=dtype_of_first)


class _Check(Mutator):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def checked(self, buffer: Buffer, indices: Any, predicate: PrimExpr | None) -> list[PrimExpr]:
        """The indices, each checked against its extent."""
        active = const(True, "bool") if predicate is None else predicate
        found: list[PrimExpr] = []
        for axis, index in enumerate(indices):
            where = f"{self.name}: buffer {buffer.name!r}, dimension {axis}"
            args = (index, buffer.shape[axis], StringImm(where), active)
            found.append(Call(index.dtype, CHECK, args))
        return found

    def visit_buffer_load_(self, node: Any) -> Any:
        """A load."""
        node = self.visit_default(node)
        return node.replace(indices=self.checked(node.buffer, node.indices, node.predicate))

    def visit_buffer_store_(self, node: Any) -> Any:
        """A store."""
        node = self.visit_default(node)
        return node.replace(indices=self.checked(node.buffer, node.indices, node.predicate))


def check_indices(func: PrimFunc) -> PrimFunc:
    """The function with checked indices."""
    name = str(func.attrs.get("global_symbol", "main"))
    return func.with_body(_Check(name).visit(func.body))


def _unchecked(node: Any) -> bool:
    return isinstance(node, BufferLoad) and not all(
        is_op(index, "tir.check_index") for index in node.indices
    )


def verify_checked(func: PrimFunc) -> None:
    """Every index of a load is checked."""
    forbid(func, "CheckIndices", "unchecked index", _unchecked)


def CheckIndices() -> Pass:
    """The pass that checks every index when it is used."""
    return stage("CheckIndices", check_indices, verify_checked)
