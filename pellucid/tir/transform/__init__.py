"""Passes over loop functions: `tir.transform.LowerInitBlock()(mod)`."""

from pellucid.ir.transform import PassContext, Sequential, module_pass
from pellucid.tir.transform.annotate_entry_func import AnnotateEntryFunc
from pellucid.tir.transform.apply import Apply
from pellucid.tir.transform.auto_unroll import AutoUnroll
from pellucid.tir.transform.check_annotations import CheckAnnotations
from pellucid.tir.transform.check_indices import CheckIndices
from pellucid.tir.transform.compact_buffer_allocation import CompactBufferAllocation
from pellucid.tir.transform.convert_blocks_to_opaque import ConvertBlocksToOpaque
from pellucid.tir.transform.convert_for_loops_to_serial import ConvertForLoopsToSerial
from pellucid.tir.transform.filter import Filter
from pellucid.tir.transform.flatten_buffer import FlattenBuffer
from pellucid.tir.transform.force_narrow_index_to_int32 import ForceNarrowIndexToInt32
from pellucid.tir.transform.hoist_reduction_init import HoistReductionInit
from pellucid.tir.transform.lower_init_block import LowerInitBlock
from pellucid.tir.transform.lower_match_buffer import LowerMatchBuffer
from pellucid.tir.transform.lower_opaque_block import LowerOpaqueBlock
from pellucid.tir.transform.narrow_data_type import NarrowDataType
from pellucid.tir.transform.passes import prim_func_pass
from pellucid.tir.transform.plan_and_update_buffer_allocation_location import (
    PlanAndUpdateBufferAllocationLocation,
)
from pellucid.tir.transform.remove_no_op import RemoveNoOp
from pellucid.tir.transform.simplify import Simplify
from pellucid.tir.transform.unroll_loop import UnrollLoop
from pellucid.tir.transform.vectorize_loop import VectorizeLoop

__all__ = [
    "AnnotateEntryFunc",
    "Apply",
    "AutoUnroll",
    "CheckAnnotations",
    "CheckIndices",
    "CompactBufferAllocation",
    "ConvertBlocksToOpaque",
    "ConvertForLoopsToSerial",
    "Filter",
    "FlattenBuffer",
    "ForceNarrowIndexToInt32",
    "HoistReductionInit",
    "LowerInitBlock",
    "LowerMatchBuffer",
    "LowerOpaqueBlock",
    "NarrowDataType",
    "PassContext",
    "PlanAndUpdateBufferAllocationLocation",
    "RemoveNoOp",
    "Sequential",
    "Simplify",
    "UnrollLoop",
    "VectorizeLoop",
    "module_pass",
    "prim_func_pass",
]
