"""Lowering to packed functions: what no loop computes, since the shape depends on the data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.relax.call import call_packed, call_pure_packed
from pellucid.relax.expr import Call, Expr
from pellucid.relax.op.record import Legalize
from pellucid.relax.struct_info import StructInfo

PREFIX = "pellucid.builtin."


def call_builtin(
    name: str, args: Iterable[Any], info: StructInfo | None, *, pure: bool = True
) -> Expr:
    """A call of the runtime's own function `name`, with what is known of its result."""
    infos = () if info is None else (info,)
    call = call_pure_packed if pure else call_packed
    return call(PREFIX + name, *args, sinfo_args=infos)


def builtin(name: str, *attributes: str, pure: bool = True) -> Legalize:
    """The rule that calls the runtime's function `name` with the arguments of the call, followed by
    the values of some attributes (numbers and bools; None becomes nothing).
    """

    def rule(builder: Any, call: Call) -> Expr:
        del builder
        extra = [call.attrs[each] for each in attributes]
        while extra and extra[-1] is None:
            extra.pop()
        values = [int(each) if isinstance(each, bool) else each for each in extra]
        return call_builtin(name, [*call.args, *values], call.struct_info, pure=pure)

    return rule
