"""The passes over graph functions as a tree: what each is run after, and on what programs.

Each case is a pass, the case whose result it is given (None: the program itself), and the strategy
of the programs that it finds something to do in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.relax import expr as rx
from pellucid.relax import transform as X
from pellucid.relax.analysis.use_def import count_uses
from pellucid.relax.dpl import is_op, wildcard
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.substitution import substitute_graph
from pellucid.runtime.tensor import array
from pellucid.testing.strategies.graphs import GraphProgram, graph_programs
from pellucid.testing.strategies.operators import operator_programs
from pellucid.tir.function import PrimFunc


@dataclass(frozen=True)
class Case:
    """How a pass is tried.

    `make(program)` gives the pass. `arguments(module, args)` are the arguments of `main` after it.
    What names something that is gone afterwards cannot be run twice.
    """

    make: Callable[[GraphProgram], Callable[[IRModule], IRModule]]
    after: str | None = None
    programs: st.SearchStrategy[GraphProgram] = field(default_factory=graph_programs)
    arguments: Callable[[IRModule, list[Any]], list[Any]] = lambda mod, args: args
    idempotent: bool = True


def _plain(make: Callable[[], Any], after: str | None = None, **options: Any) -> Case:
    return Case(lambda program: make(), after, **options)


def nested(mod: IRModule) -> IRModule:
    """The module with values written where they are used: no longer in normal form."""
    return mod.with_functions(
        {
            gvar: func.replace(body=_nested_body(func)) if isinstance(func, rx.Function) else func
            for gvar, func in mod.items()
        }
    )


def _nested_body(func: rx.Function) -> rx.SeqExpr:
    uses = count_uses(func)
    blocks: list[rx.BindingBlock] = []
    for block in func.body.blocks:
        kept: list[Any] = []
        for binding in block.bindings:
            last: Any = kept[-1] if kept else None
            if _may_nest(last, binding, uses):
                kept.pop()
                value = substitute_graph(binding.value, {last.var: last.value})
                binding = rx.VarBinding(binding.var, value)
            kept.append(binding)
        blocks.append(type(block)(kept))
    return rx.SeqExpr(blocks, func.body.body)


def _may_nest(last: Any, binding: Any, uses: Any) -> bool:
    """Whether the value of a binding may stand in the next one instead."""
    if not isinstance(last, rx.VarBinding) or not isinstance(binding, rx.VarBinding):
        return False
    inner = isinstance(last.value, rx.Call | rx.TupleGetItem)
    return inner and isinstance(binding.value, rx.Call | rx.TupleGetItem) and (
        uses.get(last.var, 0) == 1 and count_uses(binding.value).get(last.var, 0) == 1
    )  # fmt: skip


def published(mod: IRModule) -> IRModule:
    """The module with its loop functions public, under symbols that are not their names."""
    return mod.with_functions(
        {
            gvar: func.with_attr("global_symbol", f"{gvar.name_hint}_published")
            if isinstance(func, PrimFunc) and "global_symbol" not in func.attrs
            else func
            for gvar, func in mod.items()
        }
    )


def _bound(program: GraphProgram) -> Callable[[IRModule], IRModule]:
    first = program.module["main"].params[0].name_hint
    return X.BindParams("main", {first: array(program.args[0])})


def _rows(program: GraphProgram) -> int:
    return int(program.args[0].shape[0])


def _less_known(param: rx.Var) -> Any:
    """The second tensor of a function: its shape is only known at run time."""
    info = param.struct_info
    if param.name_hint != "x1" or not isinstance(info, TensorStructInfo):
        return None
    return TensorStructInfo(None, info.dtype, ndim=info.ndim)


WILD = [wildcard() for _ in range(4)]
PATTERNS = [
    ("lib.matmul_add", is_op("relax.add")(is_op("relax.matmul")(WILD[0], WILD[1]), WILD[2])),
    ("lib.matmul", is_op("relax.matmul")(WILD[0], WILD[1])),
    ("lib.relu", is_op("relax.nn.relu")(WILD[3])),
]


def _with_ready_weights(mod: IRModule, args: list[Any]) -> list[Any]:
    """The arguments of `main` after LiftTransformParams: what the weights decide comes ready."""
    if "main_transform_params" not in mod:
        return args
    return [args[0], *run(mod, tuple(args[1:]), name="main_transform_params")]


def _helpers(kind: str) -> st.SearchStrategy[GraphProgram]:
    return graph_programs(helper=kind)


def _pieces(piece: str, longest: int = 3) -> st.SearchStrategy[GraphProgram]:
    return operator_programs(piece=piece, longest=longest)


CASES: dict[str, Case] = {
    "nesting": _plain(lambda: nested),
    "Normalize": _plain(X.Normalize, "nesting"),
    "ConvertToDataflow": _plain(X.ConvertToDataflow, "ToNonDataflow"),
    "CanonicalizeBindings": _plain(X.CanonicalizeBindings),
    "DeadCodeElimination": _plain(X.DeadCodeElimination),
    "EliminateCommonSubexpr": _plain(X.EliminateCommonSubexpr),
    "InlinePrivateFunctions": _plain(X.InlinePrivateFunctions, programs=_helpers("plain")),
    "ExpandTupleArguments": _plain(X.ExpandTupleArguments, programs=_helpers("tuple")),
    "RemoveUnusedParameters": _plain(X.RemoveUnusedParameters, programs=_helpers("unused")),
    "RemoveUnusedOutputs": _plain(X.RemoveUnusedOutputs, programs=_helpers("pair")),
    "publishing": _plain(lambda: published),
    "NormalizeGlobalVar": _plain(X.NormalizeGlobalVar, "publishing"),
    "BindParams": Case(_bound, arguments=lambda mod, args: args[1:], idempotent=False),
    "UpdateParamStructInfo": _plain(lambda: X.UpdateParamStructInfo(_less_known)),
    "BindSymbolicVars": Case(
        lambda program: X.BindSymbolicVars({"n": _rows(program)}, "main"), idempotent=False
    ),
    # The way to the machine, with symbolic and with constant sizes.
    "LambdaLift": _plain(X.LambdaLift),
    "ToNonDataflow": _plain(X.ToNonDataflow, "LambdaLift"),
    "RemovePurityChecking": _plain(X.RemovePurityChecking, "ToNonDataflow"),
    "CallTIRRewrite": _plain(X.CallTIRRewrite, "RemovePurityChecking"),
    "StaticPlanBlockMemory": _plain(X.StaticPlanBlockMemory, "CallTIRRewrite"),
    "KillAfterLastUse": _plain(X.KillAfterLastUse, "StaticPlanBlockMemory"),
    "AttachGlobalSymbol": _plain(X.AttachGlobalSymbol, "KillAfterLastUse"),
    "LambdaLift, bound": _plain(X.LambdaLift, "BindSymbolicVars"),
    "ToNonDataflow, bound": _plain(X.ToNonDataflow, "LambdaLift, bound"),
    "RemovePurityChecking, bound": _plain(X.RemovePurityChecking, "ToNonDataflow, bound"),
    "CallTIRRewrite, bound": _plain(X.CallTIRRewrite, "RemovePurityChecking, bound"),
    "CanonicalizeBindings, bound": _plain(X.CanonicalizeBindings, "CallTIRRewrite, bound"),
    "StaticPlanBlockMemory, bound": _plain(X.StaticPlanBlockMemory, "CanonicalizeBindings, bound"),
    "KillAfterLastUse, bound": _plain(X.KillAfterLastUse, "StaticPlanBlockMemory, bound"),
    # Operators.
    "FoldBatchnormToConv2D": _plain(X.FoldBatchnormToConv2D, programs=_pieces("convolution")),
    "CombineParallelMatmul": _plain(X.CombineParallelMatmul, programs=_pieces("parallel")),
    "FoldConstant": _plain(X.FoldConstant, programs=_pieces("prepared")),
    "LiftTransformParams": _plain(
        X.LiftTransformParams, programs=_pieces("transposed"), arguments=_with_ready_weights
    ),
    "FuseOpsByPattern": _plain(lambda: X.FuseOpsByPattern(PATTERNS), programs=_pieces("dense")),
    "MergeCompositeFunctions": _plain(
        X.MergeCompositeFunctions, "FuseOpsByPattern", programs=_pieces("dense")
    ),
    "LegalizeOps": _plain(X.LegalizeOps, programs=operator_programs()),
    "FoldConstant, lowered": _plain(X.FoldConstant, "LegalizeOps", programs=_pieces("prepared")),
    "RewriteDataflowReshape": _plain(
        X.RewriteDataflowReshape, "LegalizeOps", programs=_pieces("reshaped")
    ),
    "AnnotateTIROpPattern": _plain(
        X.AnnotateTIROpPattern, "LegalizeOps", programs=operator_programs()
    ),
    "FuseOps": _plain(X.FuseOps, "AnnotateTIROpPattern", programs=operator_programs()),
    "FuseTIR": _plain(X.FuseTIR, "FuseOps", programs=operator_programs()),
    # The default pipeline's way, with reshapes as views.
    "RewriteDataflowReshape, fused": _plain(X.RewriteDataflowReshape, "FuseTIR"),
    "ToNonDataflow, fused": _plain(X.ToNonDataflow, "RewriteDataflowReshape, fused"),
    "RemovePurityChecking, fused": _plain(X.RemovePurityChecking, "ToNonDataflow, fused"),
    "CallTIRRewrite, fused": _plain(X.CallTIRRewrite, "RemovePurityChecking, fused"),
    "StaticPlanBlockMemory, fused": _plain(X.StaticPlanBlockMemory, "CallTIRRewrite, fused"),
    "KillAfterLastUse, fused": _plain(
        X.KillAfterLastUse, "StaticPlanBlockMemory, fused", programs=_pieces("reshaped", 8)
    ),
    # Loop functions with symbolic sizes, fused.
    "DeadCodeElimination, symbolic": _plain(X.DeadCodeElimination, "ConvertToDataflow"),
    "AnnotateTIROpPattern, symbolic": _plain(
        X.AnnotateTIROpPattern, "DeadCodeElimination, symbolic"
    ),
    "FuseOps, symbolic": _plain(X.FuseOps, "AnnotateTIROpPattern, symbolic"),
    "FuseTIR, symbolic": _plain(
        X.FuseTIR, "FuseOps, symbolic", programs=graph_programs(longest=24)
    ),
}
NO_PASSES = ("nesting", "publishing")
"""Cases that only prepare programs for the passes after them."""
LEAVES = sorted(set(CASES) - {each.after for each in CASES.values()})
"""The cases that no other one starts from."""


def chain(name: str) -> list[str]:
    """A case and those before it, first to last."""
    found: list[str] = []
    at: str | None = name
    while at is not None:
        found.append(at)
        at = CASES[at].after
    return found[::-1]
