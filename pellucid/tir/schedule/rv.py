"""The names that a schedule gives to blocks and loops, and that a trace is written in.

A `BlockRV` or `LoopRV` says nothing by itself: the schedule that made it (or a copy of that
schedule) knows which block or loop of its present module it means. Numbers that a schedule drew are
variables (`ExprRV`), and may stand in expressions.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.prim_expr import PrimExpr


class BlockRV:
    """A block of a schedule."""

    __slots__ = ("hint",)

    def __init__(self, hint: str = "block") -> None:
        self.hint = hint

    def __repr__(self) -> str:
        """The name that the block had when it was looked up."""
        return f"<BlockRV {self.hint}>"


class LoopRV:
    """A loop of a schedule."""

    __slots__ = ("hint",)

    def __init__(self, hint: str = "loop") -> None:
        self.hint = hint

    def __repr__(self) -> str:
        """The name that the loop had when it was looked up."""
        return f"<LoopRV {self.hint}>"


ExprRV = PrimExpr
RandomVariable = BlockRV | LoopRV | PrimExpr


class BlockToken:
    """What a block is known by, however often it is rebuilt: one object a block."""

    __slots__ = ()


def random_variables(value: Any) -> list[Any]:
    """The blocks, loops and drawn numbers in an argument or a result, in order."""
    if isinstance(value, BlockRV | LoopRV):
        return [value]
    if isinstance(value, list | tuple):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [each for item in items for each in random_variables(item)]
    return []
