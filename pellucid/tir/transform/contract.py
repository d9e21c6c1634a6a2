"""What may stand in a function after a lowering stage: small checks that the stages share.

Each stage's file has a `verify_...` function made with `forbid`; in tests and with instruments it
runs behind the stage, and a violation is a `PassError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.visitor import pre_order
from pellucid.support.errors import PassError
from pellucid.tir.function import PrimFunc


def forbid(func: PrimFunc, stage: str, what: str, wrong: Callable[[Any], bool]) -> None:
    """Raise a `PassError` if `wrong` holds for a node of the function's body."""
    for node in pre_order(func.body):
        if wrong(node):
            raise PassError(
                f"After {stage} there is no {what}.",
                found=repr(node),
                cure="run the stages in the order of driver/pipeline.py",
            )
