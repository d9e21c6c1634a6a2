"""LegalizeOps: calls of operators become calls of loop functions.

    lv = R.add(x, y)   →   lv = R.call_tir(cls.add, (x, y), out_sinfo=R.Tensor((n, 4), "float32"))

Each operator's record says how (`FLegalize(builder, call)`); `customize_legalize_map` puts other
rules in place, by name. Where the shape of an argument is unknown but its rank is not, a match_cast
first names its dimensions. An operator without a rule, or one whose ranks or dtypes are unknown,
stays as it is, or is an error with `strict=True`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pellucid.ir.dtype import UNKNOWN
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.place import ScriptPlace
from pellucid.ir.scalar import IntImm, SizeVar
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.call_derivation import callee_name
from pellucid.relax.expr import (
    BindingBlock,
    Call,
    DataflowBlock,
    Expr,
    Function,
    ShapeExpr,
    Tuple,
    Var,
)
from pellucid.relax.expr_functor import PyExprMutator, mutator
from pellucid.relax.op.record import TeLowering, record_of, unproved_extents, why_not_lowered
from pellucid.relax.struct_info import (
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.te_call import known_dims, match_extent
from pellucid.relax.transform.lowered_calls import LoweredCalls
from pellucid.support.errors import UnsupportedError

Rule = Callable[[Any, Call], Expr]

# What the plan of a graph function takes as it is.
_BUILT_IN = frozenset(
    {
        "relax.call_tir",
        "relax.call_tir_inplace",
        "relax.call_dps_packed",
        "relax.call_pure_packed",
        "relax.call_builtin_with_ctx",
        "relax.make_closure",
        "relax.invoke_closure",
        "relax.invoke_pure_closure",
    }
)
_BUILT_IN_FAMILIES = ("relax.memory.", "relax.builtin.", "relax.vm.")
# Functions that another code generator takes as they are.
_FOREIGN = ("Codegen", "Composite")
# A rule may give calls of other operators, which are lowered in the next round.
_ROUNDS = 16


class _Left:
    """A call that stays, and why."""

    def __init__(self, mod: IRModule, call: Call, reason: str) -> None:
        self.place = call.span or ScriptPlace.of(mod, call)
        self.name = callee_name(call.op)
        self.reason = reason

    def describe(self) -> str:
        """One entry of the list in a message."""
        return f"- {self.name}: {self.reason}\n{self.place.picture()}"


@mutator
class _Legalize(PyExprMutator):
    def __init__(self, mod: IRModule, custom: Mapping[str, Rule]) -> None:
        super().__init__(mod)
        self.mod = mod
        self.custom = custom
        self.left: list[_Left] = []
        self.named: dict[Var, Expr] = {}
        self.known = LoweredCalls()

    def rule_of(self, op: Op) -> Rule | None:
        """How calls of an operator are lowered."""
        return self.custom.get(op.name) or op.get_attr("FLegalize")

    def visit_call_(self, op: Call) -> Expr:
        """The lowered call."""
        new = super().visit_call_(op)
        if not isinstance(new, Call) or not isinstance(new.op, Op):
            return new
        name = new.op.name
        rule = self.rule_of(new.op)
        if rule is None:
            if name not in _BUILT_IN and not name.startswith(_BUILT_IN_FAMILIES):
                self.left.append(_Left(self.mod, op, "it has no rule"))
            return new
        call = self.builder_.normalize(new)
        if not isinstance(call, Call):
            return call
        if isinstance(rule, TeLowering):
            call = self.with_named_dims(call)
        call = self.with_equal_extents(call)
        lowered = self.lowered(rule, call)
        if lowered is call and _is_native(call.op) and why_not_lowered(call) is None:
            return new
        if lowered is call:
            reason = why_not_lowered(call) or "its rule does not apply"
            self.left.append(_Left(self.mod, op, reason))
            return new
        return lowered

    def lowered(self, rule: Rule, call: Call) -> Expr:
        """What a rule makes of a call; for calls of one form the loop function is made once."""
        if not isinstance(rule, TeLowering):
            return rule(self.builder_, call)
        key = self.known.key(call, record_of(rule.name).inline_scalars)
        found = None if key is None else self.known.find(key, call)
        if found is not None:
            return found
        lowered = rule(self.builder_, call)
        if key is not None:
            self.known.note(key, call, lowered)
        return lowered

    def with_named_dims(self, call: Call) -> Call:
        """The call on arguments whose dimensions have names."""
        args = [self.name_dims(each) for each in call.args]
        if all(a is b for a, b in zip(args, call.args, strict=True)):
            return call
        renewed = self.builder_.normalize(Call(call.op, args, call.attrs, call.sinfo_args))
        return renewed if isinstance(renewed, Call) else call

    def with_equal_extents(self, call: Call) -> Call:
        """The call on arguments whose extents are equal where they have to be: what cannot be
        proved is checked by a match_cast, since a loop function would read beyond its arguments.
        """
        if not any(_is_symbolic(each.struct_info_) for each in _leaves(call.args)):
            # Numbers are equal, or an error where the call was made.
            return call
        for _ in range(_PAIRS):
            pairs = unproved_extents(call)
            if not pairs:
                return call
            values = [each for each in _leaves(call.args) if isinstance(each, Var)]
            found = match_extent(self.builder_, values, pairs[0])
            if not found:
                return call
            args = [_replaced(each, found) for each in call.args]
            renewed = self.builder_.normalize(Call(call.op, args, call.attrs, call.sinfo_args))
            if not isinstance(renewed, Call):
                return call
            call = renewed
        return call

    def name_dims(self, value: Expr) -> Expr:
        """A variable of unknown dimensions, cast to an info that names them."""
        if isinstance(value, Tuple):
            fields = [self.name_dims(each) for each in value.fields]
            same = all(a is b for a, b in zip(fields, value.fields, strict=True))
            return value if same else Tuple(fields)
        if not isinstance(value, Var):
            return value
        info = _with_dims(value.struct_info_, value.name_hint)
        if info is None:
            return value
        if value not in self.named:
            self.named[value] = self.builder_.match_cast(value, info)
        return self.named[value]

    def visit_binding_block_(self, block: BindingBlock) -> BindingBlock:
        """What is named in a block is known there only."""
        kept, self.named = self.named, dict(self.named)
        try:
            return super().visit_binding_block_(block)
        finally:
            self.named = kept

    def visit_dataflow_block_(self, block: DataflowBlock) -> BindingBlock:
        """As of any block."""
        kept, self.named = self.named, dict(self.named)
        try:
            return super().visit_dataflow_block_(block)
        finally:
            self.named = kept


# More pairs of extents than any operator compares.
_PAIRS = 64


def _leaves(values: Iterable[Expr]) -> list[Expr]:
    """The values, those in tuples included."""
    return [
        leaf
        for each in values
        for leaf in (_leaves(each.fields) if isinstance(each, Tuple) else [each])
    ]


def _is_symbolic(info: StructInfo | None) -> bool:
    """Whether a tensor or shape has extents that are no numbers."""
    if isinstance(info, TensorStructInfo):
        return any(not isinstance(each, IntImm) for each in known_dims(info) or ())
    if isinstance(info, TupleStructInfo):
        return any(_is_symbolic(each) for each in info.fields)
    return isinstance(info, ShapeStructInfo) and any(
        not isinstance(each, IntImm) for each in info.values or ()
    )


def _replaced(value: Expr, found: Mapping[Expr, Expr]) -> Expr:
    if isinstance(value, Tuple):
        return Tuple([_replaced(each, found) for each in value.fields])
    return found.get(value, value)


def _is_native(op: Expr) -> bool:
    """Whether plans have a step for an operator."""
    return isinstance(op, Op) and op.has_attr("FNative")


def _with_dims(info: StructInfo | None, name: str) -> StructInfo | None:
    """An info with new variables for the dimensions; None where they are known, or not even their
    number is.
    """
    if isinstance(info, TensorStructInfo):
        if known_dims(info) is not None or info.ndim == -1 or info.dtype == UNKNOWN:
            return None
        return TensorStructInfo(ShapeExpr(_sizes(name, info.ndim)), info.dtype, info.vdevice)
    if isinstance(info, ShapeStructInfo) and info.values is None and info.ndim != -1:
        return ShapeStructInfo(_sizes(name, info.ndim))
    return None


def _sizes(name: str, count: int) -> list[SizeVar]:
    return [SizeVar(f"{name}_d{axis}", "int64") for axis in range(count)]


def _round(mod: IRModule, custom: Mapping[str, Rule]) -> tuple[IRModule, list[_Left]]:
    """Every function once; the calls that stayed."""
    worker = _Legalize(mod, custom)
    changed: dict[GlobalVar, Function] = {}
    for gvar, function in mod.items():
        if not isinstance(function, Function) or any(key in function.attrs for key in _FOREIGN):
            continue
        new = worker.visit_expr(function)
        if new is not function:
            changed[gvar] = new
    for gvar, function in changed.items():
        worker.builder_.update_func(gvar, function)
    return (worker.builder_.get() if changed else mod), worker.left


def LegalizeOps(
    customize_legalize_map: Mapping[str, Rule] | None = None,
    enable_warning: bool = False,
    strict: bool = False,
) -> Pass:
    """The pass that lowers operators to loop functions.

    `customize_legalize_map` maps names of operators ("relax.add") to rules `f(builder, call)` that
    take the place of theirs; a rule that gives back the call itself leaves it. With
    `enable_warning` each call that stays is warned of; with `strict` there may be none: one error
    lists all of them with their places.
    """
    custom = dict(customize_legalize_map or {})
    for name in custom:
        Op.get(name)

    @module_pass(opt_level=0, name="LegalizeOps")
    def legalize(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        left: list[_Left] = []
        for _ in range(_ROUNDS):
            new, left = _round(mod, custom)
            if new is mod:
                break
            mod = new
        if left and strict:
            raise UnsupportedError(
                "These calls of operators cannot be lowered:\n"
                + "\n".join(each.describe() for each in left),
                cure="give each operator a rule (register_op_attr(name, 'FLegalize', rule), or "
                "customize_legalize_map), or name unknown dimensions by match_cast",
            )
        if enable_warning:
            for each in left:
                warnings.warn(f"LegalizeOps leaves a call of {each.describe()[2:]}", stacklevel=2)
        return mod

    return legalize
