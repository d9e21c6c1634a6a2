"""`tvm.build`, `tvm.compile`, `tvm.lower`: one door for loop functions and whole modules."""

from __future__ import annotations

from typing import Any

from pellucid.compat.tvm.pipelines import get_pipeline, keep_calls
from pellucid.driver import build as loops
from pellucid.driver import pipeline as loop_pipeline
from pellucid.driver import relax_build as graphs
from pellucid.ir.module import IRModule
from pellucid.relax.expr import Function
from pellucid.runtime.executable import Executable
from pellucid.support.errors import TypeMismatchError
from pellucid.te.create_prim_func import create_prim_func
from pellucid.tir.function import PrimFunc


def _with_graphs(mod: Any) -> bool:
    if isinstance(mod, IRModule):
        return any(isinstance(each, Function) for each in mod.values())
    return isinstance(mod, Function)


def _prepared(mod: Any, args: Any, name: str) -> Any:
    """A module or function; tensor expressions with their arguments become one."""
    if args is not None:
        mod = create_prim_func(list(args))
    if isinstance(mod, PrimFunc) and "global_symbol" not in mod.attrs:
        mod = mod.with_attr("global_symbol", name)
    return mod


def build(
    mod: Any,
    args: Any = None,
    target: Any = None,
    target_host: Any = None,
    *,
    name: str = "main",
    pipeline: Any = None,
    runtime: Any = None,
    **options: Any,
) -> loops.BuiltModule:
    """Compile loop functions: `tvm.build(mod_or_func, target=…)`.

    The later form `build(mod, target)` is understood too. `target_host` and `runtime` are taken and
    not needed: code is built for this process. `pipeline` is a pass that prepares the module.
    """
    del target_host, runtime
    if args is not None and not isinstance(args, list | tuple):
        # The later form has the target in second place.
        args, target = None, args if target is None else target
    module = _prepared(mod, args, name)
    if callable(pipeline):
        module = pipeline(module)
    return loops.build(module, target, **options)


def relax_build(
    mod: Any,
    target: Any = None,
    params: Any = None,
    relax_pipeline: Any = "default",
    tir_pipeline: Any = None,
    exec_mode: str = "bytecode",
    *,
    pipeline: Any = None,
    system_lib: bool = False,
    **options: Any,
) -> Executable:
    """Compile a module with graph functions: `relax.build(mod, target)`.

    `relax_pipeline` (earlier `pipeline`) is a name or a pass. `tir_pipeline` may be a pass that is
    run first on the loop functions. `exec_mode` and `system_lib` are taken and not needed.
    """
    del exec_mode, system_lib
    chosen = relax_pipeline if pipeline is None else pipeline
    if isinstance(chosen, str):
        chosen = get_pipeline(chosen)
    if callable(tir_pipeline):
        mod = tir_pipeline(mod)
    if isinstance(mod, IRModule):
        mod = keep_calls(mod)
    return graphs.build(mod, target, params, chosen, **options)


def compile_module(
    mod: Any,
    target: Any = None,
    *,
    relax_pipeline: Any = "default",
    tir_pipeline: Any = None,
    **options: Any,
) -> Executable:
    """Compile a module of any kind: with graph functions as `relax.build`, else as `build`."""
    if callable(tir_pipeline):
        mod = tir_pipeline(mod)
    if _with_graphs(mod):
        return relax_build(mod, target, relax_pipeline=relax_pipeline, **options)
    return build(mod, target=target, **options)


def lower(mod: Any, args: Any = None, name: str = "main", **options: Any) -> IRModule:
    """The loop functions of `mod` without blocks, as they are emitted."""
    del options
    module = _prepared(mod, args, name)
    if isinstance(module, PrimFunc):
        module = IRModule({name: module})
    if not isinstance(module, IRModule):
        raise TypeMismatchError(
            "lower takes a module or a loop function.",
            found=type(mod).__name__,
            cure="schedules of te are gone: use te.create_prim_func and tvm.tir.Schedule",
        )
    return loop_pipeline.lower(module)
