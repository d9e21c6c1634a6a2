"""The lowering pipeline of loop functions as one page, one comment a pass.

In: a module as written or scheduled. Out: a module whose loop functions the code generator takes;
graph functions stay as they are. `lowering().passes` can be run one by one, to look in between.
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, Sequential
from pellucid.tir import transform
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.passes import Stage


def lowering(*, bounds_check: bool = False) -> Sequential:
    """The passes that a loop function goes through, in order."""
    passes: list[Pass] = [
        # What annotations ask for is done below, or refused here.
        transform.CheckAnnotations(),
        # The init of a reduction becomes a condition on its first iteration.
        transform.LowerInitBlock(),
        # Blocks lose their iteration variables.
        transform.ConvertBlocksToOpaque(),
        # Views of regions become accesses to the buffers behind them.
        transform.LowerMatchBuffer(),
        # Memory is allocated in the innermost loop that needs it ...
        transform.PlanAndUpdateBufferAllocationLocation(),
        # ... and is as small as what is used of it.
        transform.CompactBufferAllocation(),
        # Blocks become conditions and allocations; loops that run once disappear.
        transform.LowerOpaqueBlock(),
    ]
    if bounds_check:
        # Every index is compared with its extent when it is used.
        passes.append(transform.CheckIndices())
    passes += [
        # Buffers become one-dimensional.
        transform.FlattenBuffer(),
        # Indices, bounds and conditions take their simplest form.
        transform.Simplify(),
        # The init of a reduction moves in front of its loops.
        transform.HoistReductionInit(),
        # Vectorized loops become operations on vectors.
        transform.VectorizeLoop(),
        # Loops are unrolled where pragmas ask for it.
        transform.AutoUnroll(),
        # What does nothing goes.
        transform.RemoveNoOp(),
    ]
    return Sequential(passes, name="tir.lowering")


def lower_stages(*, bounds_check: bool = False) -> list[Callable[[PrimFunc], PrimFunc]]:
    """The same as functions of one loop function each, for tools that look in between."""
    passes = lowering(bounds_check=bounds_check).passes
    return [each.stage for each in passes if isinstance(each, Stage)]


def lower(mod: IRModule, *, bounds_check: bool = False) -> IRModule:
    """The module with all its loop functions lowered."""
    return lowering(bounds_check=bounds_check)(mod)


def lower_function(func: PrimFunc, *, bounds_check: bool = False) -> PrimFunc:
    """One loop function, lowered."""
    name = str(func.attrs.get("global_symbol", "main"))
    return lower(IRModule({name: func}), bounds_check=bounds_check)[name]
