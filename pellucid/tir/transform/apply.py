"""Apply: a function of loop functions as a pass.

tir.transform.Apply(lambda f: f.with_attr("tir.noalias", True))(mod)
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.transform import Pass
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.passes import stage


def Apply(ftransform: Callable[[PrimFunc], PrimFunc]) -> Pass:
    """The pass that replaces every loop function by `ftransform` of it."""
    return stage("Apply", ftransform)
