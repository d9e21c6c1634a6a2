"""NarrowDataType: index arithmetic in 32 bits where every value of it fits.

    for i in T.serial(T.int64(128)):           for i in range(128):
        B[i * T.int64(2)] = …             →        B[i * 2] = …

Before and after: any stage. Loops whose extents are not known to fit stay as they are.
"""

from __future__ import annotations

from pellucid.ir.transform import Pass
from pellucid.support.errors import UnsupportedError
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.narrow_index import IndexNarrower
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.vectorize_loop import function_ranges


def narrow_data_type(func: PrimFunc) -> PrimFunc:
    """The function with indices of 32 bits where they fit."""
    return func.with_body(IndexNarrower(function_ranges(func), force=False).visit(func.body))


def NarrowDataType(target_bits: int = 32) -> Pass:
    """The pass that computes indices in `target_bits` bits where they fit."""
    if target_bits != 32:
        raise UnsupportedError(
            "Indices can be narrowed to 32 bits.", expected="32", found=str(target_bits)
        )
    return stage("NarrowDataType", narrow_data_type)
