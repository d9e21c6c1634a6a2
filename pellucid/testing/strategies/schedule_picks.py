"""Picking what a random step works on: blocks, loops, buffers, numbers, index maps.

In: a `ScheduleRun`. Out: references (looked up by steps of their own, as users do) and arguments
that are sensible most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.ir.scalar import IntImm, IterVar, Range
from pellucid.ir.visitor import pre_order
from pellucid.testing.strategies.schedule_runs import Declined, ScheduleRun
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.schedule import BlockRV, LoopRV
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore

Wish = Callable[[Spot], bool]
SCOPES = ("global", "local", "shared", "global", "local")


class Picks:
    """Draws arguments for steps of one run."""

    def __init__(self, run: ScheduleRun) -> None:
        self.run = run
        self.random = run.random
        self.step = run.step

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.random.random() < probability

    def choice(self, items: Sequence[Any]) -> Any:
        """One of some items; nothing to choose from ends the step."""
        if not items:
            raise Declined("there is nothing to choose from")
        return self.random.choice(items)

    def function(self) -> str:
        """The name of a function."""
        return self.choice(list(self.run.case.functions()))

    def spots(self, function: str) -> list[Spot]:
        """All loops and blocks of a function."""
        return list(self.run.sch.tree(function).everything())

    # Blocks.

    def block(self, wish: Wish | None = None) -> BlockRV:
        """A block; one that fulfils the wish where there is one."""
        if self.chance(0.02):
            return self.choice([e for e in self.run.references if isinstance(e, BlockRV)])
        name = self.function()
        found = [e for e in self.spots(name) if not e.is_loop and e.parent is not None]
        wished = [e for e in found if wish is not None and wish(e)]
        if wish is not None and not wished and self.chance(0.8):
            raise Declined("no block fulfils the wish")
        return self.reference(name, self.choice(wished or found))

    def reference(self, function: str, spot: Spot) -> BlockRV:
        """A reference to a block: by its name, or through its scope where that is not unique."""
        same = [e for e in self.spots(function) if not e.is_loop and e.name == spot.name]
        if len(same) == 1:
            return self.step("get_block", spot.name, function)
        scope = spot.scope()
        if scope is None:
            raise Declined("two root blocks of one name")
        children = self.step("get_child_blocks", self.reference(function, scope))
        return children[scope.blocks().index(spot)]

    def spot(self, reference: Any) -> Spot:
        """What a reference means; one that is gone ends the step."""
        try:
            return self.run.sch.spot(reference)
        except Exception as error:
            raise Declined("the reference is gone") from error

    def neighbours(self, reference: BlockRV) -> list[Spot]:
        """The blocks of the scope of a block."""
        scope = self.spot(reference).scope()
        return [] if scope is None else scope.blocks()

    # Loops.

    def loops(self, block: BlockRV) -> list[LoopRV]:
        """The loops of a block."""
        return self.step("get_loops", block)

    def loop(self, wish: Wish | None = None) -> LoopRV:
        """A loop; one that fulfils the wish where there is one."""
        if self.chance(0.02):
            return self.choice([e for e in self.run.references if isinstance(e, LoopRV)])
        found = self.loops(self.block(lambda spot: bool(spot.loops())))
        wished = [e for e in found if wish is not None and wish(self.spot(e))]
        return self.choice(wished or found)

    def extent(self, loop: LoopRV) -> int | None:
        """The extent of a loop, where it is a number."""
        extent = self.spot(loop).loop.extent
        return extent.value if isinstance(extent, IntImm) else None

    def factors(self, loop: LoopRV) -> list[Any]:
        """Factors to split a loop by."""
        extent = self.extent(loop)
        if extent is None:
            size = self.spot(loop).loop.extent
            several: list[list[Any]] = [[None, 4], [None, 2, 3], [2, -1], [(size + 1) // 2, 2]]
            return self.choice([*several, [size, 1], [size // 2, 2]])
        divisors = [d for d in range(1, extent + 1) if extent % d == 0]
        one = self.choice(divisors)
        if self.chance(0.1):
            return self.step("sample_perfect_tile", loop, self.choice([2, 3]))
        return self.choice(
            [
                [None, one],
                [one, None],
                [extent // one, one],
                [None, self.random.randint(1, 5)],
                [self.random.randint(1, 4), None, self.random.randint(1, 3)],
                [self.random.randint(1, 3), self.random.randint(1, 4)],
            ]
        )

    # Buffers.

    def read(self, block: BlockRV) -> int:
        """The position of a buffer that a block reads."""
        return self._position(self.spot(block).block.reads)

    def written(self, block: BlockRV) -> int:
        """The position of a buffer that a block writes."""
        return self._position(self.spot(block).block.writes)

    def _position(self, regions: Sequence[BufferRegion]) -> int:
        if not regions or self.chance(0.03):
            return 2
        return self.random.randrange(len(regions))

    def buffer(self, block: BlockRV) -> tuple[tuple[str, int], Buffer]:
        """A buffer that a block reads or writes, as an argument and itself."""
        spot = self.spot(block).block
        kinds = [("read", spot.reads), ("write", spot.writes)]
        kind, regions = self.choice([each for each in kinds if each[1]])
        position = self.random.randrange(len(regions))
        return (kind, position), regions[position].buffer

    def scope(self) -> str:
        """A storage scope."""
        return "nowhere" if self.chance(0.03) else self.choice(SCOPES)

    # Index maps.

    def layout(self, extents: Sequence[int | None]) -> Callable[..., Any]:
        """A map of indices with these extents: dimensions split, exchanged, joined."""
        plan: list[tuple[str, int, int]] = []
        for axis, extent in enumerate(extents):
            factor = self.choice([2, 2, 3, 4, 5])
            if self.chance(0.4) and (extent is None or extent > 1):
                if extent is not None and extent % factor and self.chance(0.7):
                    factor = self.choice([d for d in range(1, extent + 1) if extent % d == 0])
                plan += [("div", axis, factor), ("mod", axis, factor)]
            else:
                plan.append(("as it is", axis, 1))
        if self.chance(0.6):
            self.random.shuffle(plan)
        joined = self.chance(0.2) and len(extents) == 2 and extents[1] is not None
        width = extents[1] if joined else 1

        def index_map(*indices: Any) -> list[Any]:
            if joined:
                return [indices[0] * width + indices[1]]
            table: dict[str, Callable[[Any, int], Any]] = {
                "div": lambda i, f: i // f,
                "mod": lambda i, f: i % f,
                "as it is": lambda i, f: i,
            }
            return [table[how](indices[axis], factor) for how, axis, factor in plan]

        return index_map

    def selected(self, axes: Sequence[int]) -> Callable[..., Any]:
        """A map to some of its indices."""
        return lambda *indices: [indices[axis] for axis in axes]


def has_init(spot: Spot) -> bool:
    """Whether a block has an init."""
    return spot.block.init is not None


def is_reduction(spot: Spot) -> bool:
    """Whether a block has reduction variables."""
    return any(v.iter_type == IterVar.CommReduce for v in spot.block.iter_vars)


def domain(variable: IterVar) -> Range:
    """The domain of a block's variable."""
    if variable.dom is None:
        raise Declined("a variable has no domain")
    return variable.dom


def number(expr: Any) -> int | None:
    """The value of a constant, None for anything else."""
    return expr.value if isinstance(expr, IntImm) else None


def variables_used(spot: Spot, buffer: Buffer) -> list[int]:
    """The positions of the block's variables that occur in indices of a buffer."""
    used: set[Any] = set()
    for each in pre_order(spot.block.body):
        if isinstance(each, BufferLoad | BufferStore) and each.buffer is buffer:
            used.update(part for index in each.indices for part in pre_order(index))
    return [k for k, v in enumerate(spot.block.iter_vars) if v.var in used]
