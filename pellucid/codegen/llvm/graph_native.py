"""Which plans can be compiled to a native entry, and for the others why not.

Left to the stepper are closures, strings, values of unknown kind, and packed functions that return
their result.
"""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.runtime import plan
from pellucid.runtime.plan import GraphPlan
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Spec,
    TensorSpec,
    TupleSpec,
)

_KNOWN_STEPS = (
    plan.MatchShape,
    plan.CheckInfo,
    plan.CheckBound,
    plan.MakeShape,
    plan.MakePrim,
    plan.Const,
    plan.Alloc,
    plan.View,
    plan.Copy,
    plan.CallKernel,
    plan.CallGraph,
    plan.MakeTuple,
    plan.GetItem,
    plan.If,
)


def why_not_native(graph: GraphPlan, native: set[str]) -> str | None:
    """Why a plan cannot be compiled to a native entry, or None. `native` are the graph functions
    that can.
    """
    for spec in graph.signature.params:
        reason = _unknown_kind(spec)
        if reason is not None:
            return reason
    for step in plan.walk(graph.steps):
        if isinstance(step, plan.CallPacked) and not step.dps:
            return f"the packed function {step.name!r} returns its result"
        if isinstance(step, plan.Literal) and isinstance(step.value, str):
            return "it handles strings"
        if isinstance(step, plan.CheckInfo):
            reason = _unknown_kind(step.spec)
            if reason is not None:
                return reason
        if isinstance(step, plan.CallGraph) and step.function not in native:
            return f"it calls {step.function!r}, which is stepped"
        if not isinstance(step, (*_KNOWN_STEPS, plan.CallPacked, plan.Literal)):
            return "it handles closures"
    if graph.signature.result is None or _unknown_kind(graph.signature.result) is not None:
        calls = any(
            isinstance(s, plan.CallGraph) and s.function == graph.name
            for s in plan.walk(graph.steps)
        )
        return "its result is of unknown kind" if calls else None
    return None


def _unknown_kind(spec: Spec) -> str | None:
    if isinstance(spec, TensorSpec | ScalarSpec):
        return None
    if isinstance(spec, ShapeSpec):
        return None if spec.rank >= 0 else f"the rank of {spec.name!r} is unknown"
    if isinstance(spec, TupleSpec):
        return next((r for r in map(_unknown_kind, spec.fields) if r is not None), None)
    return f"the kind of {spec.name!r} is unknown"


def native_functions(graphs: Mapping[str, GraphPlan]) -> dict[str, str | None]:
    """For each graph function why it is not native, or None; it is when all that it calls are."""
    native = set(graphs)
    reasons: dict[str, str | None] = {}
    while True:
        reasons = {name: why_not_native(graph, native) for name, graph in graphs.items()}
        left = {name for name, reason in reasons.items() if reason is None}
        if left == native:
            return reasons
        native = left
