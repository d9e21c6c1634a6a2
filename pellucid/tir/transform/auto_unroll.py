"""AutoUnroll: the pragmas about unrolling take effect and disappear.

    with T.attr("", "pragma_auto_unroll_max_step", 16):        for i in T.unroll(4):
        for i in range(4):                                →        B[i] = A[i]
            B[i] = A[i]

Before: no blocks, no vectorized loops. After: no such pragma. Inside `pragma_auto_unroll_max_step`
= n, a serial loop of constant length is unrolled when the statements that this makes are n or
fewer, inner loops first; a loop around one that stays is not. Under `pragma_unroll_explicit` = 0
the choice is left to LLVM instead: such loops stay as they are, and its unroller decides.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import iter_children
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import AttrStmt, BufferStore, Evaluate, For, ForKind, Stmt, While
from pellucid.tir.transform.check_annotations import UNROLL_EXPLICIT, UNROLL_STEPS
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, keep_loop
from pellucid.tir.transform.passes import stage


class _AutoUnroll(Folder):
    def __init__(self) -> None:
        super().__init__()
        self.limit = 0
        self.explicit = True

    def visit_attr_stmt_(self, node: Any) -> Any:
        """A pragma holds for what is inside; another statement of this kind stays."""
        if node.attr_key not in (UNROLL_STEPS, UNROLL_EXPLICIT):
            return self.visit_default(node)
        before = self.limit, self.explicit
        value = node.value.value if isinstance(node.value, IntImm) else 0
        if node.attr_key == UNROLL_STEPS:
            self.limit = value
        else:
            self.explicit = value != 0
        body = self.visit(node.body)
        self.limit, self.explicit = before
        return body

    def visit_for_(self, node: Any) -> Any:
        """A loop, after those inside it."""
        loop = keep_loop(
            node,
            min=self.visit(node.min),
            extent=self.visit(node.extent),
            body=self.visit(node.body),
        )
        if not self.explicit or loop.kind != ForKind.SERIAL or not isinstance(loop.extent, IntImm):
            return loop
        inside = _steps(loop.body)
        if inside is None or inside * loop.extent.value > self.limit:
            return loop
        return loop.replace(kind=ForKind.UNROLLED)


def _steps(body: Any) -> int | None:
    """The statements that a body becomes; None when a loop stays in it."""
    if isinstance(body, BufferStore | Evaluate):
        return 1
    if isinstance(body, While):
        return None
    factor = 1
    if isinstance(body, For):
        if body.kind != ForKind.UNROLLED or not isinstance(body.extent, IntImm):
            return None
        factor = body.extent.value
    total = 0
    for each in iter_children(body):
        if isinstance(each, Stmt):
            steps = _steps(each)
            if steps is None:
                return None
            total += steps
    return factor * total


def auto_unroll(func: PrimFunc) -> PrimFunc:
    """The function with the loops unrolled that pragmas ask for."""
    return func.with_body(_AutoUnroll().visit(func.body))


def verify_no_unroll_pragma(func: PrimFunc) -> None:
    """No pragma about unrolling is left."""
    forbid(
        func,
        "AutoUnroll",
        "pragma about unrolling",
        lambda node: (
            isinstance(node, AttrStmt) and node.attr_key in (UNROLL_STEPS, UNROLL_EXPLICIT)
        ),
    )


def AutoUnroll() -> Pass:
    """The pass that unrolls loops as their pragmas ask."""
    return stage("AutoUnroll", auto_unroll, verify_no_unroll_pragma)
