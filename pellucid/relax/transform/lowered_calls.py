"""What was lowered before need not be lowered again: calls of one operator on arguments of the same
known shapes become calls of the same loop function.

In: calls of operators whose rule is their record's, and what each was lowered to. Out: the
`call_tir` for another call of the same form, without making the loop function anew. Calls with
symbolic shapes are always lowered on their own, since their dimensions are variables.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.scalar import IntImm
from pellucid.ir.structural import StructuralKey
from pellucid.relax.call import CALL_TIR
from pellucid.relax.expr import (
    Call,
    Constant,
    DataTypeImm,
    Expr,
    PrimValue,
    ShapeExpr,
    StringImm,
    Tuple,
    Var,
)
from pellucid.relax.struct_info import StructInfo, TensorStructInfo


def _numbers(values: Any) -> tuple[int, ...] | None:
    """Extents that are all numbers, or None."""
    found = [each.value for each in values if isinstance(each, IntImm)]
    return tuple(found) if len(found) == len(values) else None


class LoweredCalls:
    """The calls that were lowered, by their form."""

    def __init__(self) -> None:
        # With each the call that it was made for, which keeps the constants of its key alive.
        self._known: dict[Any, tuple[Call, list[int], Call]] = {}

    def key(self, call: Call, inline_scalars: bool) -> Any:
        """What calls share that become the same `call_tir`; None for a call that stands alone.

        With `inline_scalars` a constant without dimensions goes into the loop function.
        """
        leaves: list[Expr] = []
        parts = [_part(each, leaves, inline_scalars) for each in call.args]
        infos = [_info_part(each) for each in call.sinfo_args]
        if any(each is None for each in [*parts, *infos]):
            return None
        return (call.op, StructuralKey(call.attrs), tuple(parts), tuple(infos))

    def find(self, key: Any, call: Call) -> Call | None:
        """The lowered call, if one of this form was lowered before."""
        known = self._known.get(key)
        if known is None:
            return None
        lowered, places, _ = known
        leaves = _tensors(call.args)
        args = Tuple([leaves[place] for place in places])
        return Call(CALL_TIR, [lowered.args[0], args], lowered.attrs, lowered.sinfo_args)

    def note(self, key: Any, call: Call, lowered: Expr) -> None:
        """Remember what a call became, where it is a `call_tir` on its own tensors alone."""
        if not isinstance(lowered, Call) or lowered.op is not CALL_TIR or len(lowered.args) != 2:
            return
        place = {each: number for number, each in reversed(list(enumerate(_tensors(call.args))))}
        fields = cast("Tuple", lowered.args[1])
        if isinstance(fields, Tuple) and all(each in place for each in fields.fields):
            self._known[key] = (lowered, [place[each] for each in fields.fields], call)


def _tensors(values: Any) -> list[Expr]:
    """The variables and constants among arguments, those in tuples included, in order."""
    found: list[Expr] = []
    for each in values:
        if isinstance(each, Tuple):
            found += _tensors(each.fields)
        elif isinstance(each, Var | Constant):
            found.append(each)
    return found


def _part(value: Expr, leaves: list[Expr], inline_scalars: bool) -> Any:
    """One argument as part of a key; `leaves` are the tensors before it."""
    if isinstance(value, Tuple):
        parts = [_part(each, leaves, inline_scalars) for each in value.fields]
        return None if any(each is None for each in parts) else ("tuple", *parts)
    if isinstance(value, ShapeExpr):
        numbers = _numbers(value.values)
        return None if numbers is None else ("shape", numbers)
    if isinstance(value, StringImm | DataTypeImm):
        return StructuralKey(value)
    if isinstance(value, PrimValue):
        return StructuralKey(value) if isinstance(value.value, IntImm) else None
    if not isinstance(value, Var | Constant):
        return None
    # One tensor given twice is one parameter of the loop function.
    same = leaves.index(value) if value in leaves else len(leaves)
    leaves.append(value)
    info = _info_part(value.struct_info_)
    if info is None:
        return None
    scalar = inline_scalars and isinstance(value, Constant) and value.data.ndim == 0
    return ("tensor", same, info, id(cast("Constant", value).data) if scalar else None)


def _info_part(info: StructInfo | None) -> Any:
    """A tensor info of known shape as part of a key."""
    if not isinstance(info, TensorStructInfo) or not isinstance(info.shape, ShapeExpr):
        return None
    numbers = _numbers(info.shape.values)
    return None if numbers is None else (str(info.dtype), numbers)
