"""LiftTransformParams: what depends on the weights alone is computed before the program runs.

In: a module with public functions whose attribute `num_input` says how many of their parameters are
given at run time; those after them are weights. Out: for a function `main` that computes something
from the weights alone, a function `main_transform_params` that takes the weights as a tuple and
gives a tuple, and a `main` that takes the fields of that tuple in place of the weights.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext, module_pass
from pellucid.relax.analysis.calls import computable_at_compile_time
from pellucid.relax.analysis.variables import all_symbolic_vars, used_vars
from pellucid.relax.expr import (
    Binding,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import lay_out
from pellucid.relax.struct_info import TupleStructInfo
from pellucid.relax.substitution import copy_with_new_vars, substitute_graph
from pellucid.relax.symbolic import signature_vars


def _liftable(func: Function) -> list[Binding]:
    """The bindings that depend on nothing but weights, in order."""
    weights = func.params[int(func.attrs["num_input"]) :]
    symbols = set(signature_vars([each.struct_info for each in weights]))
    fixed = set(computable_at_compile_time(func))
    known: set[Var] = set(weights)
    found: list[Binding] = []
    for block in func.body.blocks:
        for binding in block.bindings:
            inside = all(each in known for each in used_vars(binding.value))
            own = all(each in symbols for each in all_symbolic_vars(binding.value))
            if binding.var in fixed and inside and own:
                known.add(binding.var)
                found.append(binding)
    return found


def _uses(func: Function, lifted: list[Binding]) -> list[Var]:
    """The weights and lifted variables that the rest of a function uses."""
    weights = func.params[int(func.attrs["num_input"]) :]
    gone = {each.var for each in lifted}
    candidates = [*weights, *[each.var for each in lifted]]
    used: set[Var] = set(used_vars(func.body.body))
    for block in func.body.blocks:
        for binding in block.bindings:
            if binding.var not in gone:
                used.update(used_vars(binding))
    return [each for each in candidates if each in used]


def _transform_function(
    func: Function, name: str, lifted: list[Binding], outputs: list[Var]
) -> Function:
    """The function that computes `outputs` from the tuple of weights."""
    weights = func.params[int(func.attrs["num_input"]) :]
    param = Var("params", TupleStructInfo([each.struct_info for each in weights]))
    fields = [DataflowVar(each.name_hint, each.struct_info) for each in weights]
    results = {each.var: DataflowVar(each.var.name_hint, each.var.struct_info) for each in lifted}
    mapping: dict[Any, Any] = {**dict(zip(weights, fields, strict=True)), **results}
    bindings: list[Any] = [
        VarBinding(field, TupleGetItem(param, index)) for index, field in enumerate(fields)
    ]
    bindings += [substitute_graph(each, mapping).replace(var=results[each.var]) for each in lifted]
    values: list[Expr] = [mapping[each] for each in outputs]
    result = Var("result", TupleStructInfo([each.struct_info for each in values]))
    bindings.append(VarBinding(result, Tuple(values)))
    body = SeqExpr((DataflowBlock(bindings),), result, struct_info_=result.struct_info)
    made = Function([param], body, None, True, {"global_symbol": name})
    return copy_with_new_vars(made)


def _remaining(func: Function, lifted: list[Binding], outputs: list[Var]) -> Function:
    """The function that takes `outputs` in place of its weights."""
    count = int(func.attrs["num_input"])
    gone = {each.var for each in lifted}
    mapping: dict[Any, Any] = {
        each: Var(each.name_hint, each.struct_info) for each in outputs if each in gone
    }
    params = [*func.params[:count], *[mapping.get(each, each) for each in outputs]]
    blocks = [
        type(block)(
            [substitute_graph(b, mapping) for b in block.bindings if b.var not in gone],
            span=block.span,
        )
        for block in func.body.blocks
    ]
    body = SeqExpr(
        lay_out(blocks),
        substitute_graph(func.body.body, mapping),
        span=func.body.span,
        struct_info_=func.body.struct_info_,
    )
    return Function(params, body, func.ret_struct_info, func.is_pure, func.attrs, func.span)


@module_pass(opt_level=1, name="LiftTransformParams")
def _lift(mod: IRModule, ctx: PassContext) -> IRModule:
    del ctx
    changed: dict[Any, Any] = {}
    for gvar, func in mod.items():
        changed[gvar] = func
        if not isinstance(func, Function) or "num_input" not in func.attrs:
            continue
        lifted = _liftable(func)
        if not any(not isinstance(each.value, Var | TupleGetItem) for each in lifted):
            continue
        outputs = _uses(func, lifted)
        name = mod.fresh_name(f"{gvar.name_hint}_transform_params")
        changed[gvar] = _remaining(func, lifted, outputs)
        changed[name] = _transform_function(func, name, lifted, outputs)
    return mod.with_functions(changed)


def LiftTransformParams() -> Pass:
    """The pass that takes the preparation of weights out of the functions that use them."""
    return _lift
