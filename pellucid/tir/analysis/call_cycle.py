"""Which loop functions of a module call each other in a circle.

In: the loop functions of a module by name. Out: for one of them, the functions that it reaches by
direct calls and that reach it back. Code generation and the interpreter limit how deep such calls
go; everything else needs no limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.scalar import Call
from pellucid.ir.visitor import pre_order
from pellucid.tir.function import PrimFunc

DEEPEST_CALL = 1_000
"""How many calls of loop functions in a circle may stand inside each other."""


def called_functions(func: PrimFunc) -> set[str]:
    """The names of the functions of its module that a loop function calls directly."""
    return {
        node.op.name_hint
        for node in pre_order(func.body)
        if isinstance(node, Call) and isinstance(node.op, GlobalVar)
    }


def call_cycle(name: str, functions: Mapping[str, PrimFunc]) -> frozenset[str]:
    """The functions that `name` calls, directly or not, and that call it likewise; it is one of
    them when it calls itself. Empty for a function outside every circle.
    """
    calls: dict[str, set[str]] = {}

    def reached(start: str) -> set[str]:
        found, pending = set[str](), [start]
        while pending:
            each = pending.pop()
            if each not in calls:
                calls[each] = called_functions(functions[each]) & functions.keys()
            pending += calls[each] - found
            found |= calls[each]
        return found

    return frozenset(each for each in reached(name) if name in reached(each))
