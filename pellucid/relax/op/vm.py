"""Calls that concern the virtual machine alone: the end of life of its objects."""

from __future__ import annotations

from typing import Any

from pellucid.ir.op import register_op
from pellucid.relax.expr import Call, as_relax_expr
from pellucid.relax.op.memory import nothing


def kill_object(value: Any) -> Call:
    """From here on the value is not used."""
    return Call(KILL_OBJECT, [as_relax_expr(value)])


KILL_OBJECT = register_op("relax.vm.kill_object", FPurity=False, FInferStructInfo=nothing)
