"""How the iterations of a loop run: in parallel, as vector lanes, unrolled, on a thread axis."""

from __future__ import annotations

from typing import Any

from pellucid.ir.scalar import IntImm, IterVar
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.independence import require_independent
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import LoopRV
from pellucid.tir.stmt import ForKind

_AXES = tuple(f"{group}.{axis}" for group in ("blockIdx", "threadIdx", "vthread") for axis in "xyz")
THREAD_AXES = (*_AXES, "vthread")


class LoopKindPrimitives(ScheduleCore):
    """`parallel`, `vectorize`, `unroll` and `bind`."""

    def _set_kind(self, loop: LoopRV, kind: ForKind, **changes: Any) -> None:
        spot = self.loop(loop)
        name = self.name_of(loop)
        new = spot.loop.replace(kind=kind, thread_binding=changes.get("thread_binding"))
        self.commit(name, replace(self.tree(name).func.body, {spot.loop: new}))

    @primitive
    def parallel(self, loop: LoopRV) -> None:
        """Run the iterations of a loop on several threads.

            for i in range(128):          →    for i in T.parallel(128):

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> sch.parallel(i)

        Conditions: the iterations are independent: the loop moves only data-parallel variables;
        blocks below it that accumulate touch other elements in every iteration, or a buffer that is
        used below this loop alone; what they read of each other was written in the same iteration.
        """
        if self.enable_check:
            require_independent(self.loop(loop), self.analyzer(self.name_of(loop)))
        self._set_kind(loop, ForKind.PARALLEL)

    @primitive
    def vectorize(self, loop: LoopRV) -> None:
        """Run the iterations of a loop as lanes of vectors.

            for i in range(8):            →    for i in T.vectorized(8):

            >>> sch = Schedule(elementwise)
            >>> i, j = sch.get_loops("B")
            >>> sch.vectorize(j)

        Conditions: those of `parallel`, and the extent is a constant.
        """
        spot = self.loop(loop)
        if not isinstance(spot.loop.extent, IntImm):
            raise Refused(
                f"the extent of the loop {spot.name!r} is no constant",
                spot,
                found=repr(spot.loop.extent),
                cure="split it, and vectorize the inner loop",
            )
        if self.enable_check:
            require_independent(spot, self.analyzer(self.name_of(loop)))
        self._set_kind(loop, ForKind.VECTORIZED)

    @primitive
    def unroll(self, loop: LoopRV) -> None:
        """Write out the iterations of a loop one after another when lowering.

            for i in range(4):            →    for i in T.unroll(4):

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> sch.unroll(k)

        Conditions: none.
        """
        self._set_kind(loop, ForKind.UNROLLED)

    @primitive
    def bind(self, loop: LoopRV, thread_axis: str) -> None:
        """Run each iteration of a loop on a thread of an axis of the grid.

            for i in range(128):          →    for i in T.thread_binding(128, thread="threadIdx.x"):

            >>> sch = Schedule(elementwise)
            >>> i, j = sch.get_loops("B")
            >>> sch.bind(i, "blockIdx.x")
            >>> sch.bind(j, "threadIdx.x")

        Conditions: `thread_axis` is blockIdx, threadIdx or vthread with .x, .y or .z; those of
        `parallel`, but an axis of threadIdx may move reduction variables.
        """
        spot = self.loop(loop)
        if thread_axis not in THREAD_AXES:
            raise Refused(
                f"there is no thread axis {thread_axis!r}", expected=", ".join(THREAD_AXES)
            )
        if self.enable_check:
            together = thread_axis.startswith("threadIdx.")
            known = self.analyzer(self.name_of(loop))
            require_independent(spot, known, reductions=together)
        var = spot.loop.loop_var.fresh(thread_axis)
        axis = IterVar(None, var, IterVar.ThreadIndex, thread_axis)
        self._set_kind(loop, ForKind.THREAD_BINDING, thread_binding=axis)
