"""FuseTIR: each function with the attribute `Primitive` becomes one loop function.

    @R.function(private=True)                     @T.prim_func(private=True)
    def fused_matmul_relu(x, w):             →    def fused_matmul_relu(x, w, T_relu): …
        a = R.call_tir(cls.matmul, …)
        b = R.call_tir(cls.relu, …)               y = cls.fused_matmul_relu(x, w)
        return b                             →    y = R.call_tir(cls.fused_matmul_relu, (x, w), …)

In: a module after FuseOps, or with `Primitive` functions of the user's own, private or public,
whose operators are lowered. Out: the same with these as loop functions, and their calls as
`call_tir`; loop functions that nothing calls any more are gone. A function stays a graph function
when it is passed around as a value, hands through its parameters, or calls a scheduled loop
function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, Sequential, module_pass
from pellucid.relax.call import call_tir
from pellucid.relax.call_derivation import SignatureMatch
from pellucid.relax.expr import Call, Expr, Function, ShapeExpr, Tuple, TupleGetItem
from pellucid.relax.expr_functor import PyExprMutator
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.symbolic import signature_vars
from pellucid.relax.transform.dead_code_elimination import DeadCodeElimination
from pellucid.relax.transform.expand_tuple_arguments import ExpandTupleArguments
from pellucid.relax.transform.fused_prim_func import Fused, Given, Output, fused_prim_func
from pellucid.relax.transform.private_functions import used_otherwise
from pellucid.relax.transform.remove_unused_parameters import RemoveUnusedParameters
from pellucid.support.errors import PassError

_FOREIGN = ("Codegen", "Composite", "tir.is_scheduled")


def is_primitive(func: Any) -> bool:
    """Whether a function of the module is to become one loop function."""
    if not isinstance(func, Function) or not func.attrs.get("Primitive", 0):
        return False
    return not any(func.attrs.get(key, 0) for key in _FOREIGN)


class _Calls(PyExprMutator):
    """Calls of the functions that became loop functions, as `call_tir`."""

    def __init__(self, mod: IRModule, fused: dict[str, tuple[Function, Fused]]) -> None:
        super().__init__(mod)
        self.fused = fused

    def visit_call_(self, op: Call) -> Any:
        """The `call_tir` for a call of a fused function."""
        call = super().visit_call_(op)
        if not isinstance(call, Call) or not isinstance(call.op, GlobalVar):
            return call
        found = self.fused.get(call.op.name_hint)
        return call if found is None else self.lowered(call, *found)

    def lowered(self, call: Call, func: Function, fused: Fused) -> Expr:
        """The call of the loop function, and the result put together from its outputs."""
        infos = [each.struct_info for each in func.params]
        match = SignatureMatch(signature_vars(infos))
        for index, (info, arg) in enumerate(zip(infos, call.args, strict=True)):
            match.bind(index, info, arg.struct_info_)
        outputs = [cast("TensorStructInfo", match.instantiate(each)) for each in fused.outputs]
        missing = [each for each in match.variables if each not in match.values]
        if missing:
            raise PassError(
                f"The call of the fused function {call.op!r} does not say how large "
                f"{missing[0].name!r} is.",
                place=call.span,
                cure="bind the argument by match_cast to an info that names its dimensions",
            )
        args = [self.part(call, each) for each in fused.inputs]
        numbers = [match.values[each] for each in fused.numbers]
        lowered = call_tir(
            cast("GlobalVar", call.op),
            Tuple(args),
            outputs[0] if len(outputs) == 1 else outputs,
            ShapeExpr(numbers) if numbers else None,
        )
        if isinstance(fused.result, Output):
            return lowered
        if _are_the_outputs(fused.result, len(outputs)):
            return lowered
        return self.together(call, fused.result, self.fields(lowered, len(outputs)))

    def fields(self, lowered: Expr, count: int) -> Callable[[int], Expr]:
        """The outputs of a call by number; the call is bound first."""
        bound = self.builder_.emit(lowered)
        if count == 1:
            return lambda index: bound
        return lambda index: TupleGetItem(bound, index)

    def together(self, call: Call, result: Any, output: Callable[[int], Expr]) -> Expr:
        """The result of the graph function from the outputs of the loop function."""
        if isinstance(result, Output):
            return output(result.index)
        if isinstance(result, Given):
            return self.part(call, result)
        return Tuple([self.together(call, each, output) for each in result])

    def part(self, call: Call, place: Given) -> Expr:
        """A field of an argument, bound to a variable."""
        value = call.args[place.param]
        for index in place.path:
            if isinstance(value, Tuple):
                value = value.fields[index]
            else:
                value = self.builder_.emit(TupleGetItem(value, index))
        return value


def _are_the_outputs(result: Any, count: int) -> bool:
    """Whether the result is the tuple of all outputs in order, which is what the call gives."""
    if not isinstance(result, tuple) or len(cast("tuple[Any, ...]", result)) != count or count < 2:
        return False
    fields = cast("tuple[Any, ...]", result)
    return all(isinstance(each, Output) and each.index == i for i, each in enumerate(fields))


@module_pass(opt_level=0, name="FuseTIRInner")
def _fuse(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    primitive = {gvar: func for gvar, func in mod.items() if is_primitive(func)}
    if not primitive:
        return mod
    kept = used_otherwise(mod)
    fused: dict[str, tuple[Function, Fused]] = {}
    for gvar, func in primitive.items():
        made = None if gvar.name_hint in kept else fused_prim_func(mod, gvar.name_hint, func)
        if made is not None:
            fused[gvar.name_hint] = (func, made)
    if not fused:
        return mod
    calls = _Calls(mod, fused)
    functions: dict[Any, Any] = {}
    for gvar, func in mod.items():
        if gvar.name_hint in fused:
            functions[gvar] = fused[gvar.name_hint][1].func
        elif isinstance(func, Function):
            functions[gvar] = calls.visit_expr(func)
        else:
            functions[gvar] = func
    return mod.with_functions(functions)


def FuseTIR() -> Pass:
    """The pass that makes one loop function of each `Primitive` function."""
    return Sequential(
        [ExpandTupleArguments(), RemoveUnusedParameters(), _fuse, DeadCodeElimination()],
        name="FuseTIR",
    )
