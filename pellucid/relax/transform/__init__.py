"""Passes over graph functions: `relax.transform.BindParams("main", params)(mod)`."""

from pellucid.ir.transform import PassContext, Sequential, module_pass
from pellucid.relax.dpl.fusion_pattern import FusionPattern, PatternCheckContext
from pellucid.relax.transform.annotate_tir_op_pattern import AnnotateTIROpPattern
from pellucid.relax.transform.attach_global_symbol import AttachGlobalSymbol
from pellucid.relax.transform.bind_params import BindParams
from pellucid.relax.transform.bind_symbolic_vars import BindSymbolicVars
from pellucid.relax.transform.call_tir_rewrite import CallTIRRewrite
from pellucid.relax.transform.canonicalize_bindings import CanonicalizeBindings
from pellucid.relax.transform.combine_parallel_matmul import CombineParallelMatmul
from pellucid.relax.transform.convert_to_dataflow import ConvertToDataflow
from pellucid.relax.transform.dead_code_elimination import DeadCodeElimination
from pellucid.relax.transform.eliminate_common_subexpr import EliminateCommonSubexpr
from pellucid.relax.transform.expand_tuple_arguments import ExpandTupleArguments
from pellucid.relax.transform.fold_batchnorm_to_conv2d import FoldBatchnormToConv2D
from pellucid.relax.transform.fold_constant import FoldConstant
from pellucid.relax.transform.fuse_ops import FuseOps
from pellucid.relax.transform.fuse_ops_by_pattern import FuseOpsByPattern
from pellucid.relax.transform.fuse_tir import FuseTIR
from pellucid.relax.transform.inline_private_functions import InlinePrivateFunctions
from pellucid.relax.transform.kill_after_last_use import KillAfterLastUse
from pellucid.relax.transform.lambda_lift import LambdaLift
from pellucid.relax.transform.legalize_ops import LegalizeOps
from pellucid.relax.transform.lift_transform_params import LiftTransformParams
from pellucid.relax.transform.merge_composite_functions import MergeCompositeFunctions
from pellucid.relax.transform.normalize import Normalize
from pellucid.relax.transform.normalize_global_var import NormalizeGlobalVar
from pellucid.relax.transform.passes import dataflowblock_pass, function_pass
from pellucid.relax.transform.remove_purity_checking import RemovePurityChecking
from pellucid.relax.transform.remove_unused_outputs import RemoveUnusedOutputs
from pellucid.relax.transform.remove_unused_parameters import RemoveUnusedParameters
from pellucid.relax.transform.rewrite_dataflow_reshape import RewriteDataflowReshape
from pellucid.relax.transform.static_plan_block_memory import StaticPlanBlockMemory
from pellucid.relax.transform.to_non_dataflow import ToNonDataflow
from pellucid.relax.transform.update_param_struct_info import UpdateParamStructInfo

__all__ = [
    "AnnotateTIROpPattern",
    "AttachGlobalSymbol",
    "BindParams",
    "BindSymbolicVars",
    "CallTIRRewrite",
    "CanonicalizeBindings",
    "CombineParallelMatmul",
    "ConvertToDataflow",
    "DeadCodeElimination",
    "EliminateCommonSubexpr",
    "ExpandTupleArguments",
    "FoldBatchnormToConv2D",
    "FoldConstant",
    "FuseOps",
    "FuseOpsByPattern",
    "FuseTIR",
    "FusionPattern",
    "InlinePrivateFunctions",
    "KillAfterLastUse",
    "LambdaLift",
    "LegalizeOps",
    "LiftTransformParams",
    "MergeCompositeFunctions",
    "Normalize",
    "NormalizeGlobalVar",
    "PassContext",
    "PatternCheckContext",
    "RemovePurityChecking",
    "RemoveUnusedOutputs",
    "RemoveUnusedParameters",
    "RewriteDataflowReshape",
    "Sequential",
    "StaticPlanBlockMemory",
    "ToNonDataflow",
    "UpdateParamStructInfo",
    "dataflowblock_pass",
    "function_pass",
    "module_pass",
]
