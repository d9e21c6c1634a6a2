"""One step of a schedule: which primitive was called with what, and what it gave.

An instruction keeps the arguments by name. Those that hold blocks, loops or drawn numbers are its
*inputs*, the others its *attributes*. A sampling step keeps the *decision* that was drawn, a
validated one its *verdict*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.verdict import Verdict


def mentions(value: Any) -> bool:
    """Whether an argument holds a block, a loop, or an expression of drawn numbers."""
    if isinstance(value, BlockRV | LoopRV):
        return True
    if isinstance(value, PrimExpr):
        return not isinstance(value, IntImm)
    if isinstance(value, list | tuple):
        return any(mentions(each) for each in cast("list[Any]", value))
    if isinstance(value, Mapping):
        return any(mentions(each) for each in cast("Mapping[Any, Any]", value).values())
    return False


@dataclass(eq=False)
class Instruction:
    """A call of the primitive `kind`.

    `positional` names the argument that holds any number of values (`fuse(*loops)`), if there is
    one. `state` says which programs the verdict is about (`verdict.fingerprint`).
    """

    kind: str
    arguments: dict[str, Any]
    outputs: list[Any] = field(default_factory=list[Any])
    single: bool = False
    positional: str | None = None
    decision: Any = None
    verdict: Verdict | None = None
    state: str | None = None

    @property
    def inputs(self) -> dict[str, Any]:
        """The arguments that hold blocks, loops or drawn numbers."""
        return {name: value for name, value in self.arguments.items() if mentions(value)}

    @property
    def attrs(self) -> dict[str, Any]:
        """The other arguments."""
        return {name: value for name, value in self.arguments.items() if not mentions(value)}

    def __repr__(self) -> str:
        """As the call."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.kind}({given})"
