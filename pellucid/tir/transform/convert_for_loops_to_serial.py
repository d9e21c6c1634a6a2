"""ConvertForLoopsToSerial: parallel and vectorized loops become serial, the others stay.

Before and after: any stage.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.transform import Pass
from pellucid.ir.visitor import Mutator
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For, ForKind
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.passes import stage

_KINDS = (ForKind.PARALLEL, ForKind.VECTORIZED)


class _Serial(Mutator):
    def visit_for_(self, node: Any) -> Any:
        """A loop."""
        new = self.visit_default(node)
        return new.replace(kind=ForKind.SERIAL) if new.kind in _KINDS else new


def convert_for_loops_to_serial(func: PrimFunc) -> PrimFunc:
    """The function without parallel and vectorized loops."""
    return func.with_body(_Serial().visit(func.body))


def verify_serial(func: PrimFunc) -> None:
    """No loop is parallel or vectorized."""
    forbid(
        func,
        "ConvertForLoopsToSerial",
        "parallel or vectorized loop",
        lambda node: isinstance(node, For) and node.kind in _KINDS,
    )


def ConvertForLoopsToSerial() -> Pass:
    """The pass that makes loops serial."""
    return stage("ConvertForLoopsToSerial", convert_for_loops_to_serial, verify_serial)
