"""From a module with graph functions to an executable: `relax.build`.

In: an `IRModule`, a target, and parameters to bind. The graph pipeline prepares the graph
functions, each becomes a
plan, loop functions are lowered, and both are emitted into one LLVM module. A graph function that
cannot be native is
left to the stepper; `executable.stats()` says which and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.codegen.llvm.compile import compile_module
from pellucid.codegen.llvm.graph import Surroundings, emit_graph, native_functions
from pellucid.codegen.llvm.graph_values import pointer_table
from pellucid.codegen.llvm.text import Module
from pellucid.codegen.plan import Constants, build_plan
from pellucid.driver.build import build_kernels, sources, target_info
from pellucid.driver.graph_pipeline import get_pipeline
from pellucid.ir.module import IRModule
from pellucid.relax.expr import Function
from pellucid.relax.transform import BindParams
from pellucid.runtime import abi
from pellucid.runtime.executable import Executable
from pellucid.runtime.plan import GraphPlan
from pellucid.support.errors import TypeMismatchError
from pellucid.target import Target
from pellucid.tir.function import PrimFunc

Pipeline = Callable[[IRModule], IRModule]


def build(
    mod: Any,
    target: Target | str | None = None,
    params: Mapping[str, Any] | None = None,
    relax_pipeline: str | Pipeline | None = "default",
    *,
    bounds_check: bool = False,
    opt_level: int = 1,
) -> Executable:
    """Compile a module of graph and loop functions for `target` (None: the current one, else this
    machine).

    `params` are bound to the parameters of `main` by name. `relax_pipeline` is a name for
    `relax.get_pipeline`, a pass,
    or None for a module that is prepared already. `bounds_check` makes every access of the loop
    functions check its
    indices; `opt_level` is LLVM's.
    """
    module = _as_module(mod)
    machine = Target.current(allow_none=False) if target is None else Target(target)
    assert machine is not None
    if params:
        module = BindParams("main", dict(params))(module)
    if relax_pipeline is not None:
        module = _pipeline(relax_pipeline)(module)
    kernels = build_kernels(module, machine, bounds_check=bounds_check)
    constants = Constants()
    signatures = {name: kernel.signature for name, kernel in kernels.kernels.items()}
    plans = {
        var.name_hint: build_plan(module, var.name_hint, constants, signatures)
        for var, function in module.functions.items()
        if isinstance(function, Function)
    }
    around = Surroundings(
        signatures, plans, [(str(t.dtype), tuple(t.shape)) for t in constants.tensors]
    )
    plans = _emit(kernels.module, plans, around)
    compiled = compile_module(
        kernels.module.text(), machine, opt_level, imports=kernels.module.imports
    )
    return Executable(
        kernels=kernels.kernels,
        graphs=plans,
        constants=constants.tensors,
        object_code=compiled.object,
        target=target_info(machine),
        sources=sources(compiled, kernels.lowered),
    )


def _emit(
    module: Module, plans: Mapping[str, GraphPlan], around: Surroundings
) -> dict[str, GraphPlan]:
    """Emit every plan that can be native; the others stay as they are."""
    reasons = native_functions(plans)
    native = any(reason is None for reason in reasons.values())
    if native and around.constants:
        pointer_table(module, abi.CONSTANTS_SYMBOL, len(around.constants))
    return {
        name: emit_graph(module, plan, around) if reasons[name] is None else plan
        for name, plan in plans.items()
    }


def _pipeline(chosen: str | Pipeline) -> Pipeline:
    return get_pipeline(chosen) if isinstance(chosen, str) else chosen


def _as_module(mod: Any) -> IRModule:
    if isinstance(mod, IRModule):
        return mod
    if isinstance(mod, Function | PrimFunc):
        return IRModule({str(mod.attrs.get("global_symbol", "main")): mod})
    raise TypeMismatchError(
        "relax.build compiles a module.", expected="an IRModule", found=type(mod).__name__
    )
