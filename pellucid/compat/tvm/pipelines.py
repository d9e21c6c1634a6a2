"""`relax.get_pipeline` by the names that programs of the language use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.driver import graph_pipeline
from pellucid.ir.transform import Pass, Sequential
from pellucid.relax import transform
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
