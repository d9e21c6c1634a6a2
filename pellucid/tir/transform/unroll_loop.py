"""UnrollLoop: the body of an unrolled loop, once for each iteration.

    for i in T.unroll(2):            B[0] = A[0]
        B[i] = A[i]           →      B[1] = A[1]

Before: any stage without vectorized loops around. After: no unrolled loop of constant length up to
`LIMIT`; longer ones, and those of unknown length, become serial. The code generator does the same
by itself, so that the default pipeline goes without this stage.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import add, const
from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Evaluate, For, ForKind, Stmt, seq
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder, fold_substitute, keep_loop
from pellucid.tir.transform.fresh_copy import fresh_copy
from pellucid.tir.transform.passes import stage

LIMIT = 1024


class _Unroll(Folder):
    def visit_for_(self, node: Any) -> Any:
        """A loop, after those inside it."""
        loop = keep_loop(
            node,
            min=self.visit(node.min),
            extent=self.visit(node.extent),
            body=self.visit(node.body),
        )
        if loop.kind != ForKind.UNROLLED:
            return loop
        if not isinstance(loop.extent, IntImm) or loop.extent.value > LIMIT:
            return loop.replace(kind=ForKind.SERIAL)
        parts: list[Stmt] = []
        for step in range(loop.extent.value):
            value = add(loop.min, const(step, loop.loop_var.dtype))
            body = loop.body if step == 0 else fresh_copy(loop.body)
            parts.append(fold_substitute(body, {loop.loop_var: value}))
        return seq(*parts) if parts else Evaluate(0)


def unroll_loop(func: PrimFunc) -> PrimFunc:
    """The function without unrolled loops."""
    return func.with_body(_Unroll().visit(func.body))


def verify_no_unrolled(func: PrimFunc) -> None:
    """No loop is unrolled."""
    forbid(
        func,
        "UnrollLoop",
        "unrolled loop",
        lambda node: isinstance(node, For) and node.kind == ForKind.UNROLLED,
    )


def UnrollLoop() -> Pass:
    """The pass that writes unrolled loops out."""
    return stage("UnrollLoop", unroll_loop, verify_no_unrolled)
