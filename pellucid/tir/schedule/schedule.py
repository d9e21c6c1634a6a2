"""`Schedule`: changing how a loop program runs without changing what it computes.

In: a module or a loop function. Out: after each call of a primitive, `sch.mod` is the module so
far, and `sch.trace` the history. Each family of primitives has a file of its own here.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.target import Target
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.annotate import AnnotationPrimitives
from pellucid.tir.schedule.block_layout import BlockLayoutPrimitives
from pellucid.tir.schedule.buffer_access import BufferAccessPrimitives
from pellucid.tir.schedule.cache import CachePrimitives
from pellucid.tir.schedule.cache_more import MoreCachePrimitives
from pellucid.tir.schedule.compute_at import ComputeAtPrimitives
from pellucid.tir.schedule.decompose import DecomposePrimitives
from pellucid.tir.schedule.decompose_padding import DecomposePaddingPrimitives
from pellucid.tir.schedule.explain import Explanation, explain
from pellucid.tir.schedule.kinds import LoopKindPrimitives
from pellucid.tir.schedule.layout import LayoutPrimitives
from pellucid.tir.schedule.lookup import LookupPrimitives
from pellucid.tir.schedule.merge_partition import MergePartitionPrimitives
from pellucid.tir.schedule.pad_einsum import PadEinsumPrimitives
from pellucid.tir.schedule.picture import Picture, picture
from pellucid.tir.schedule.read_at import ReadAtPrimitives
from pellucid.tir.schedule.reindex import ReindexPrimitives
from pellucid.tir.schedule.reorder import ReorderPrimitives
from pellucid.tir.schedule.rfactor import RFactorPrimitives
from pellucid.tir.schedule.rolling_buffer import RollingBufferPrimitives
from pellucid.tir.schedule.sampling import SamplingPrimitives
from pellucid.tir.schedule.show import changed_parts, gone_parts
from pellucid.tir.schedule.split_fuse import SplitFusePrimitives
from pellucid.tir.schedule.storage import StoragePrimitives
from pellucid.tir.schedule.tensorize import TensorizePrimitives


class Schedule(
    LookupPrimitives,
    SplitFusePrimitives,
    ReorderPrimitives,
    MergePartitionPrimitives,
    LoopKindPrimitives,
    AnnotationPrimitives,
    ComputeAtPrimitives,
    DecomposePrimitives,
    RFactorPrimitives,
    CachePrimitives,
    MoreCachePrimitives,
    ReadAtPrimitives,
    TensorizePrimitives,
    LayoutPrimitives,
    BlockLayoutPrimitives,
    PadEinsumPrimitives,
    DecomposePaddingPrimitives,
    RollingBufferPrimitives,
    BufferAccessPrimitives,
    SamplingPrimitives,
    ReindexPrimitives,
    StoragePrimitives,
):
    """A module under transformation.

    `mod` is a module, or a loop function, which becomes `main`. `seed` fixes what is drawn by the
    sampling primitives. `error_render_level` says how much an error shows: "detail" with the
    script, "fast" without, "none" only the sentence. `enable_check=False` leaves out the checks for
    independence of iterations. `validate="test"` gives every step a verdict: proved, tested on
    random arguments (NaN and extreme values among them), or unchecked; a step that changes results
    raises `ValidationError`. A function of the module before and after may stand in its place.

    The examples at the primitives schedule the programs of
    `pellucid.testing.strategies.schedule_programs`.

    A call whose conditions do not hold raises `ScheduleError` and leaves module and history as they
    were.
    """

    def copy(self) -> Schedule:
        """An independent schedule in the same state; references are good for both."""
        result = Schedule(
            self._mod,
            seed=self.take_seed(),
            debug_mask=self.debug_mask,
            error_render_level=self.error_render_level,
            enable_check=self.enable_check,
            validate=self.validate,
        )
        result.duplicate(self)
        return result

    def seed(self, seed: int) -> None:
        """Start the randomness again from a number."""
        self._random.seed(seed)

    def fork_seed(self) -> int:
        """A number for another schedule's `seed`."""
        return self.take_seed()

    def show(self, style: str | None = None, black_format: bool | None = None) -> None:
        """Print the functions, with a mark on what the last step changed, and a line that says
        which loops and blocks are gone.
        """
        del black_format
        notes: dict[Any, str] = {}
        gone: list[str] = []
        for var, func in self._mod.items():
            old = self._before.get(var)
            if isinstance(func, PrimFunc) and isinstance(old, PrimFunc) and func is not old:
                notes.update(dict.fromkeys(changed_parts(old, func), "changed"))
                gone += gone_parts(old, func)
        text = hooks.printer.get()(self._mod, obj_to_annotate=notes)
        if gone:
            text = f"{text}\n# gone: {', '.join(gone)}"
        hooks.show.get()(text, style)

    def explain(self, target: Target | str | None = None) -> Explanation:
        """What each loop is and what each block costs, in words.

        For every loop its role, and the bytes that it touches against the caches of `target` (None:
        the current target, else this machine); for every block operations, bytes, arithmetic
        intensity, and what keeps it from being vectorized.
        """
        return explain(self._mod, target)

    def picture(self) -> Picture:
        """The loop nests as nested boxes: a drawing for notebooks, or to save as SVG."""
        return picture(self._mod)

    def _repr_html_(self) -> str:
        """In notebooks: the picture of the loop nests."""
        return self.picture().svg()

    def __repr__(self) -> str:
        """How far the schedule is."""
        return f"<Schedule: {len(self._trace)} steps, {', '.join(v.name_hint for v in self._mod)}>"
