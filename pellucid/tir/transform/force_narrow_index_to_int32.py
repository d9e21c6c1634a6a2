"""ForceNarrowIndexToInt32: all indices, loops and shapes in 32 bits.

Before: a function whose indices, dimensions and loop extents fit into int32, which is not checked
for symbolic ones. After: none of them is int64. Scalar parameters and values stay as they are.
"""

from __future__ import annotations

from pellucid.ir.node import Map
from pellucid.ir.transform import Pass
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.narrow_index import IndexNarrower
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.vectorize_loop import function_ranges


def force_narrow_index_to_int32(func: PrimFunc) -> PrimFunc:
    """The function with all indices in 32 bits."""
    narrower = IndexNarrower(function_ranges(func), force=True)
    buffers = {
        param: narrower.visit_definition(buffer) for param, buffer in func.buffer_map.items()
    }
    body = narrower.visit(func.body)
    if body is func.body and all(buffers[p] is func.buffer_map[p] for p in buffers):
        return func
    return func.replace(body=body, buffer_map=Map(buffers))


def ForceNarrowIndexToInt32() -> Pass:
    """The pass that makes all indices int32."""
    return stage("ForceNarrowIndexToInt32", force_narrow_index_to_int32)
