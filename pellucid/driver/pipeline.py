"""The default pipelines, one comment a stage.

In: a module as written or scheduled. Out: a module whose loop functions the code generator takes.
`lower_stages` lists the stages, so that a user may run them one by one and look in between.
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.check_indices import check_indices
from pellucid.tir.transform.compact_buffer_allocation import compact_buffer_allocation
from pellucid.tir.transform.convert_blocks_to_opaque import convert_blocks_to_opaque
from pellucid.tir.transform.flatten_buffer import flatten_buffer
from pellucid.tir.transform.hoist_reduction_init import hoist_reduction_init
from pellucid.tir.transform.lower_init_block import lower_init_block
from pellucid.tir.transform.lower_match_buffer import lower_match_buffer
from pellucid.tir.transform.lower_opaque_block import lower_opaque_block
from pellucid.tir.transform.plan_and_update_buffer_allocation_location import (
    plan_and_update_buffer_allocation_location,
)
from pellucid.tir.transform.remove_no_op import remove_no_op
from pellucid.tir.transform.simplify import simplify
from pellucid.tir.transform.vectorize_loop import vectorize_loop

Stage = Callable[[PrimFunc], PrimFunc]


def lower_stages(*, bounds_check: bool = False) -> list[Stage]:
    """The stages that a loop function goes through, in order."""
    stages: list[Stage] = [
        # The init of a reduction becomes a condition on its first iteration.
        lower_init_block,
        # Blocks lose their iteration variables.
        convert_blocks_to_opaque,
        # Views of regions become accesses to the buffers behind them.
        lower_match_buffer,
        # Memory is allocated in the innermost loop that needs it ...
        plan_and_update_buffer_allocation_location,
        # ... and is as small as what is used of it.
        compact_buffer_allocation,
        # Blocks become conditions and allocations; loops that run once disappear.
        lower_opaque_block,
    ]
    if bounds_check:
        # Every index is compared with its extent.
        stages.append(check_indices)
    stages += [
        # Buffers become one-dimensional.
        flatten_buffer,
        # Indices, bounds and conditions take their simplest form.
        simplify,
        # The init of a reduction moves in front of its loops.
        hoist_reduction_init,
        # Vectorized loops become operations on vectors.
        vectorize_loop,
        # What does nothing goes.
        remove_no_op,
    ]
    return stages


def lower_function(func: PrimFunc, *, bounds_check: bool = False) -> PrimFunc:
    """One loop function, lowered."""
    for stage in lower_stages(bounds_check=bounds_check):
        func = stage(func)
    return func


def lower(mod: IRModule, *, bounds_check: bool = False) -> IRModule:
    """The module with all its loop functions lowered; other functions stay as they are."""
    return mod.with_functions(
        {
            var: lower_function(func, bounds_check=bounds_check)
            if isinstance(func, PrimFunc)
            else func
            for var, func in mod.items()
        }
    )
