"""Scopes whose blocks only hand results forward: stage pipelines.

In: the block of a scope. Out: nothing, or a refusal that names the blocks. Many primitives ask, and
each step changes few blocks: what was found out about a block and its producers is kept, and asked
anew only when something that it follows from has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.schedule.cover import by_common_place, is_covered, loops_below, outside_analyzer
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.scope import reads, require_no_loads_outside, writes
from pellucid.tir.schedule.tree import Spot, inner_statements
from pellucid.tir.stmt import For, SeqStmt, Stmt

# What an answer follows from: the parts of the program themselves, which never change.
Grounds = list[object]
LIMIT = 4096


class StagePipelines:
    """Tells stage pipelines, in functions of whose sizes the analyzer knows."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        # By the identities of the grounds, which are kept so that identities stay theirs.
        self._known: dict[tuple[int, ...], tuple[Grounds, bool]] = {}

    def require(self, scope: Spot) -> None:
        """Refuse unless the blocks of a scope only hand results forward.

        That is: every block reads only what was completely produced before it, no block overwrites
        what an earlier one read, there is nothing but blocks, loops and sequences, and what the
        blocks write is loaded by blocks alone.
        """
        _require_plain_statements(scope.block)
        blocks = scope.blocks()
        require_no_loads_outside(scope, blocks)
        # For each buffer, the blocks so far that write it, and the first that only reads it.
        writers: dict[Buffer, list[Spot]] = {}
        readers: dict[Buffer, Spot] = {}
        for each in blocks:
            missing = self._uncovered_buffer(each, writers)
            if missing is not None:
                raise Refused(
                    f"the scope of {scope.name!r} is no stage pipeline: the block {each.name!r} "
                    f"may read parts of {missing.name!r} that its producers did not write",
                    each,
                )
            for buffer in writes(each):
                if buffer in readers:
                    raise Refused(
                        f"the scope of {scope.name!r} is no stage pipeline: the block "
                        f"{each.name!r} overwrites {buffer.name!r}, which "
                        f"{readers[buffer].name!r} reads before",
                        readers[buffer],
                        each,
                    )
                writers.setdefault(buffer, []).append(each)
            for buffer in reads(each):
                if buffer not in writes(each):
                    readers.setdefault(buffer, each)

    def _uncovered_buffer(self, consumer: Spot, writers: dict[Buffer, list[Spot]]) -> Buffer | None:
        """A buffer of which a block reads what its producers in the scope may not have written."""
        for region in consumer.block.reads:
            producers = writers.get(region.buffer)
            if not producers:
                continue
            groups = by_common_place(producers, consumer)
            if not any(self._covered(consumer, region, g, at) for at, g in groups.items()):
                return region.buffer
        return None

    def _covered(
        self, consumer: Spot, region: BufferRegion, producers: Sequence[Spot], at: Spot
    ) -> bool:
        grounds = [region, *_instances(consumer, at)]
        for each in producers:
            grounds.extend([None, *each.block.writes, *_instances(each, at)])
        grounds.append(None)
        for each in [at, *at.above()]:
            grounds.extend(_domain(each.loop) if each.is_loop else each.block.iter_vars)
        key = tuple(map(id, grounds))
        found = self._known.get(key)
        if found is None:
            analyzer = outside_analyzer(self._analyzer, at)
            found = grounds, is_covered(consumer, region, producers, at, analyzer)
            if len(self._known) >= LIMIT:
                self._known.clear()
            self._known[key] = found
        return found[1]


def _instances(spot: Spot, at: Spot) -> Grounds:
    """What says which instances of a block run in one iteration of a place."""
    realize = spot.realize
    found: Grounds = [realize.predicate, *realize.iter_values, *realize.block.iter_vars]
    for each in loops_below(spot, at):
        found.extend(_domain(each))
    return found


def _domain(loop: For) -> Grounds:
    return [loop.loop_var, loop.min, loop.extent]


def _require_plain_statements(block: Block) -> None:
    pending: list[Stmt] = [block.body]
    while pending:
        current = pending.pop()
        if isinstance(current, For | SeqStmt):
            pending.extend(inner_statements(current))
        elif type(current).__name__ != "BlockRealize":
            raise Refused(
                f"the scope of {block.name_hint!r} is no stage pipeline: there is more in it than "
                "blocks, loops and sequences",
                current,
                found=type(current).__name__,
            )
