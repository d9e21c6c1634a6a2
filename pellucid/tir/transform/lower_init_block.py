"""LowerInitBlock: the init of a reduction block becomes a condition at the head of its body.

    with T.init(): C[i] = 0          if k == 0:
    C[i] = C[i] + A[i, k]      →         C[i] = 0
                                     C[i] = C[i] + A[i, k]

Before: blocks as written or scheduled. After: no block has an init. The condition says that every
reduction variable is at the least value of its domain; domains of extent one say nothing.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import logical_and
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, IntImm, IterVar
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import Mutator
from pellucid.tir.block import Block
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import IfThenElse, seq
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.passes import stage


class _LowerInit(Mutator):
    def visit_block_(self, block: Any) -> Any:
        """Put the init in front of the body."""
        block = self.visit_default(block)
        if block.init is None:
            return block
        condition = _first_iteration(block.iter_vars)
        init = block.init if condition is None else IfThenElse(condition, block.init)
        return block.replace(init=None, body=seq(init, block.body))


def _first_iteration(iter_vars: tuple[IterVar, ...]) -> PrimExpr | None:
    """The condition that all reduction variables are at their least value; None when it holds
    always.
    """
    condition: PrimExpr | None = None
    for each in iter_vars:
        if each.iter_type != IterVar.CommReduce or each.dom is None:
            continue
        if isinstance(each.dom.extent, IntImm) and each.dom.extent.value == 1:
            continue
        at_start = EQ(each.var, each.dom.min)
        condition = at_start if condition is None else logical_and(condition, at_start)
    return condition


def lower_init_block(func: PrimFunc) -> PrimFunc:
    """The function without inits."""
    return func.with_body(_LowerInit().visit(func.body))


def verify_no_init(func: PrimFunc) -> None:
    """No block has an init."""
    forbid(
        func,
        "LowerInitBlock",
        "block with an init",
        lambda node: isinstance(node, Block) and node.init is not None,
    )


def LowerInitBlock() -> Pass:
    """The pass that turns inits into conditions."""
    return stage("LowerInitBlock", lower_init_block, verify_no_init)
