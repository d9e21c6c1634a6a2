"""`relax.get_pipeline` by the names that programs of the language use, and what `relax.build` does
before the default one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.driver import graph_pipeline
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, Sequential
from pellucid.ir.visitor import Mutator
from pellucid.relax import transform
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.call import CALL_PURE_PACKED
from pellucid.relax.expr import Call, DataflowBlock, Function, VarBinding
from pellucid.support.registry import Registry


def zero_pipeline(*, enable_warning: bool = False) -> Pass:
    """From operators to fused loop functions, and no further."""
    del enable_warning
    return Sequential(
        [
            # Operators become calls of loop functions.
            transform.LegalizeOps(),
            # Loop functions say what kind of operator they compute.
            transform.AnnotateTIROpPattern(),
            # What depends on constants alone is computed now.
            transform.FoldConstant(),
            # Calls that belong together get a function of their own ...
            transform.FuseOps(),
            # ... which becomes one loop function.
            transform.FuseTIR(),
        ],
        name="zero",
    )


class _Kept(Mutator):
    """Makes unused calls of `call_pure_packed` plain calls, outside of dataflow blocks."""

    def __init__(self, used: set[Any]) -> None:
        super().__init__()
        self.used = used

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """What is in a dataflow block is free of effects."""
        return block

    def visit_var_binding_(self, binding: VarBinding) -> VarBinding:
        """A call whose result nobody needs may have been made for what it does."""
        value = binding.value
        if not isinstance(value, Call) or value.op is not CALL_PURE_PACKED:
            return self.visit_default(binding)
        if binding.var in self.used:
            return binding
        call = Call(
            value.args[0], value.args[1:], None, value.sinfo_args, struct_info_=value.struct_info_
        )
        return VarBinding(binding.var, call, span=binding.span)


def keep_calls(mod: IRModule) -> IRModule:
    """Before the default pipeline, which drops calls without effects that nobody needs: where
    the language has no dataflow block, every packed function is called, as programs expect that
    write into its arguments.
    """
    changed: dict[Any, Function] = {}
    for gvar, func in mod.functions.items():
        if isinstance(func, Function):
            new: Any = _Kept(set(used_vars(func.body))).visit(func)
            if new is not func:
                changed[gvar] = new.with_attr("relax.force_pure", True)
    return mod.with_functions({**mod.functions, **changed}) if changed else mod


_PIPELINES: Registry[Callable[..., Any]] = Registry("pipeline")
for _name, _make in {
    "zero": zero_pipeline,
    "default": graph_pipeline.default,
    "default_build": graph_pipeline.default,
    "plain": graph_pipeline.plain,
}.items():
    _PIPELINES.register(_name, _make)


def get_pipeline(name: str = "zero", **options: Any) -> Any:
    """The pipeline of that name, as one pass."""
    return _PIPELINES.get(name)(**options)


def get_default_pipeline(target: Any) -> Pass:
    """What `relax.build` runs for a target."""
    del target
    return graph_pipeline.default()


def register_pipeline(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that makes a pass: `relax.get_pipeline(name)` then gives it."""

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        return _PIPELINES.register(name, make)

    return decorate
