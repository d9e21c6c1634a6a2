"""Laws of the graph passes on generated modules: results stay, a second run finds nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pellucid.ir.transform import Pass
from pellucid.relax import transform as X
from pellucid.testing.strategies.graphs import GraphProgram, graph_programs
from tests.passes.laws import keeps_results

SINGLE = {
    "Normalize": X.Normalize,
    "LambdaLift": X.LambdaLift,
    "ToNonDataflow": X.ToNonDataflow,
    "ConvertToDataflow": X.ConvertToDataflow,
    "CanonicalizeBindings": X.CanonicalizeBindings,
    "DeadCodeElimination": X.DeadCodeElimination,
    "EliminateCommonSubexpr": X.EliminateCommonSubexpr,
    "InlinePrivateFunctions": X.InlinePrivateFunctions,
    "ExpandTupleArguments": X.ExpandTupleArguments,
    "RemoveUnusedParameters": X.RemoveUnusedParameters,
    "RemoveUnusedOutputs": X.RemoveUnusedOutputs,
    "NormalizeGlobalVar": X.NormalizeGlobalVar,
}
FUSION = (
    X.FoldConstant,
    X.ConvertToDataflow,
    X.DeadCodeElimination,
    X.AnnotateTIROpPattern,
    X.FuseOps,
    X.FuseTIR,
)
TO_THE_MACHINE = (
    X.LambdaLift,
    X.ToNonDataflow,
    X.RemovePurityChecking,
    X.CallTIRRewrite,
    X.CanonicalizeBindings,
    X.StaticPlanBlockMemory,
    X.KillAfterLastUse,
    X.AttachGlobalSymbol,
)


@pytest.mark.parametrize("name", SINGLE)
@settings(max_examples=25)
@given(program=graph_programs())
def test_a_pass_keeps_the_results_and_is_idempotent(name: str, program: GraphProgram) -> None:
    the_pass: Pass = SINGLE[name]()
    after = keeps_results([the_pass], program)
    assert the_pass(after) is after


@settings(max_examples=60)
@given(program=graph_programs())
def test_the_way_to_the_machine_keeps_the_results(program: GraphProgram) -> None:
    passes = [make() for make in TO_THE_MACHINE]
    after = keeps_results(passes, program)
    for each in passes:
        assert each(after) is after


@settings(max_examples=40)
@given(program=graph_programs())
def test_simplifying_passes_keep_the_results_together(program: GraphProgram) -> None:
    passes = [
        X.InlinePrivateFunctions(),
        X.CanonicalizeBindings(),
        X.EliminateCommonSubexpr(),
        X.ConvertToDataflow(),
        X.DeadCodeElimination(),
    ]
    keeps_results(passes, program)


@settings(max_examples=30)
@given(program=graph_programs())
def test_fusion_keeps_the_results(program: GraphProgram) -> None:
    passes = [make() for make in FUSION]
    after = keeps_results(passes, program)
    for each in passes[4:]:
        assert each(after) is after
