"""The facts that `Schedule.explain` tells: what each loop is, what each block costs.

In: a loop function and a processor. Out: one record a loop and one a block, in the order of the
program. Numbers are upper bounds; where an extent is symbolic, bytes of a buffer are a formula, and
other numbers None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, union
from pellucid.arith.region import estimate_region_upper_bound
from pellucid.ir.arithmetic import add, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import substitute, uses_var
from pellucid.support.errors import UnsupportedError
from pellucid.target.cpu import Processor
from pellucid.tir.analysis.cost import estimate_tir_flops
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.explain_vector import lanes_of, obstacles
from pellucid.tir.schedule.scope import loop_ranges, stores_of
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import ForKind

# By buffer: a number, or a formula of symbolic sizes.
Bytes = dict[str, int | str]


@dataclass
class LoopFacts:
    """A loop: its role in words, how often it runs, and the bytes that one run of all its
    iterations touches, for each buffer and in total, with the smallest cache that holds them.
    """

    name: str
    depth: int
    kind: str
    role: str
    extent: str
    iterations: int | None
    footprint: Bytes
    bytes: int | None
    cache: str | None


@dataclass
class BlockFacts:
    """A block: how often it runs, its operations, the bytes it reads and writes (each element
    once), operations per byte, and what stands against vectors.

    `vector_loop` is the loop that `obstacles` are about: the vectorized one, else the innermost.
    `better_loops` are loops around the block without obstacles.
    """

    name: str
    depth: int
    loops: list[str]
    instances: int | None
    operations: float | None
    read: Bytes
    written: Bytes
    intensity: float | None
    vector_loop: str | None
    vectorized: bool
    obstacles: list[str] = field(default_factory=list[str])
    better_loops: list[str] = field(default_factory=list[str])

    @property
    def total_operations(self) -> float | None:
        """Operations of all instances."""
        if self.operations is None or self.instances is None:
            return None
        return self.operations * self.instances


def facts_of(func: PrimFunc, processor: Processor) -> list[LoopFacts | BlockFacts]:
    """The loops and blocks of a function, root blocks left out."""
    return _Facts(func, processor).all()


def total(sizes: Iterable[int | str]) -> int | None:
    """The sum, None where a part is symbolic."""
    found = 0
    for each in sizes:
        if isinstance(each, str):
            return None
        found += each
    return found


def cache_of(size: int | None, processor: Processor) -> str | None:
    """The smallest cache that holds so many bytes, "memory" where none does."""
    if size is None:
        return None
    levels = (
        ("L1", processor.l1_bytes),
        ("L2", processor.l2_bytes),
        ("L3", processor.l3_bytes),
    )
    return next((name for name, limit in levels if size <= limit), "memory")


def bindings_of(spot: Spot) -> dict[Var, PrimExpr]:
    """The iteration variables of a block, and of those around it, in terms of loops."""
    found: dict[Var, PrimExpr] = {}
    for each in [*reversed(list(spot.above())), spot]:
        if not each.is_loop:
            realize = each.realize
            for iter_var, value in zip(realize.block.iter_vars, realize.iter_values, strict=True):
                found[iter_var.var] = substitute(value, found)
    return found


class _Facts:
    """Reads one function."""

    def __init__(self, func: PrimFunc, processor: Processor) -> None:
        self.processor = processor
        self.tree = Tree(func)
        self.analyzer = Analyzer()
        for buffer in func.buffer_map.values():
            for extent in buffer.shape:
                if isinstance(extent, Var):
                    self.analyzer.mark_global_non_neg_value(extent)
        loops = [each for each in self.tree.everything() if each.is_loop]
        for each in loops:
            outer = bindings_of(each)
            domain = Range(
                min=substitute(each.loop.min, outer), extent=substitute(each.loop.extent, outer)
            )
            bind_loops(self.analyzer, {each.loop.loop_var: domain})

    def all(self) -> list[LoopFacts | BlockFacts]:
        """All facts, in order."""
        found: list[LoopFacts | BlockFacts] = []
        for each in self.tree.everything():
            if each.is_loop:
                found.append(self.loop(each))
            elif each.block.iter_vars or each.parent is not None:
                found.append(self.block(each))
        return found

    def depth(self, spot: Spot) -> int:
        """How many loops and blocks, root blocks aside, are around."""
        return sum(
            1 for e in spot.above() if e.is_loop or e.block.iter_vars or e.parent is not None
        )

    # Loops.

    def loop(self, spot: Spot) -> LoopFacts:
        """The facts of a loop."""
        leaves = [each for each in spot.everything() if _is_leaf(each)]
        inside = [each for each in spot.everything() if each.is_loop]
        sizes = self.touched(leaves, inside, reads=True, writes=True)
        whole = total(sizes.values())
        return LoopFacts(
            spot.name,
            self.depth(spot),
            spot.loop.kind.name.lower(),
            self.role(spot, leaves),
            repr(spot.loop.extent),
            self.count(spot.loop.extent),
            sizes,
            whole,
            cache_of(whole, self.processor),
        )

    def count(self, extent: PrimExpr) -> int | None:
        """The most that an extent can be, if it is bounded."""
        high = self.analyzer.const_int_bound(extent).max_value
        return None if math.isinf(high) else max(int(high), 0)

    def role(self, spot: Spot, leaves: list[Spot]) -> str:
        """What a loop is, in words."""
        kind = spot.loop.kind
        if kind is ForKind.PARALLEL:
            cores = self.processor.cores
            return f"parallel: shared out over up to {cores} thread{'' if cores == 1 else 's'}"
        if kind is ForKind.THREAD_BINDING:
            axis = spot.loop.thread_binding
            return f"threads of {axis.thread_tag}" if axis is not None else "threads"
        if kind is ForKind.VECTORIZED:
            return self._vector_role(spot, leaves)
        if kind is ForKind.UNROLLED:
            tile = self._tile(spot, leaves)
            return "unrolled: straight code" if tile is None else tile
        moved = self._moved(spot, leaves)
        if moved == {IterVar.CommReduce}:
            return "serial: the terms of a reduction"
        return "serial" if moved - {IterVar.DataPar} else "serial: independent iterations"

    def _vector_role(self, spot: Spot, leaves: list[Spot]) -> str:
        count = self.count(spot.loop.extent)
        lanes = lanes_of(leaves[0].block, self.processor) if leaves else 1
        if count is None:
            return "vector lanes"
        registers = -(-count // lanes)
        plural = "register" if registers == 1 else "registers"
        return f"vector lanes: {count} elements, {registers} {plural} of {lanes}"

    def _moved(self, spot: Spot, leaves: list[Spot]) -> set[int]:
        """The kinds of iteration variables that a loop moves."""
        var = {spot.loop.loop_var}
        found: set[int] = set()
        for leaf in leaves:
            values = bindings_of(leaf)
            for iter_var in leaf.block.iter_vars:
                if uses_var(values[iter_var.var], var.__contains__):
                    found.add(iter_var.iter_type)
        return found

    def _tile(self, spot: Spot, leaves: list[Spot]) -> str | None:
        """The role of an unrolled loop inside a reduction whose results stay in registers."""
        for leaf in leaves:
            values = bindings_of(leaf)
            loops = [each for each in leaf.above() if each.is_loop]
            inner = loops[: loops.index(spot) + 1]
            outer = loops[loops.index(spot) + 1 :]
            if not any(self._moved(each, [leaf]) == {IterVar.CommReduce} for each in outer):
                continue
            stores = stores_of(leaf.block)
            moving = [
                each
                for each in inner
                if each.loop.kind in (ForKind.UNROLLED, ForKind.VECTORIZED)
                and any(
                    uses_var(substitute(index, values), {each.loop.loop_var}.__contains__)
                    for store in stores
                    for index in store.indices
                )
            ]
            if spot not in moving or not stores:
                continue
            elements = math.prod(self.count(each.loop.extent) or 1 for each in moving)
            lanes = lanes_of(leaf.block, self.processor)
            width = lanes if any(e.loop.kind is ForKind.VECTORIZED for e in moving) else 1
            needed = -(-elements // width)
            return (
                f"register tile: {elements} results stay in {needed} of "
                f"{self.processor.registers} vector registers during the reduction"
            )
        return None

    # Blocks.

    def block(self, spot: Spot) -> BlockFacts:
        """The facts of a block."""
        loops = [each for each in spot.above() if each.is_loop][::-1]
        leaves = [each for each in spot.everything() if _is_leaf(each)]
        inside = [*loops, *(each for each in spot.everything() if each.is_loop)]
        read = self.touched(leaves, inside, reads=True, writes=False)
        written = self.touched(leaves, inside, reads=False, writes=True)
        facts = BlockFacts(
            spot.block.name_hint,
            self.depth(spot),
            [each.name for each in loops],
            self.instances(spot, loops),
            _operations(spot),
            read,
            written,
            None,
            None,
            False,
        )
        moved = total([*read.values(), *written.values()])
        work = facts.total_operations
        facts.intensity = None if not moved or work is None else work / moved
        if _is_leaf(spot):
            self._vectors(spot, loops, facts)
        return facts

    def instances(self, spot: Spot, loops: list[Spot]) -> int | None:
        """How often a block runs at most."""
        counts = [self.count(each.loop.extent) for each in loops]
        product = None if None in counts else math.prod(each or 0 for each in counts)
        domains = [
            self.count(v.dom.extent)
            for each in [spot, *spot.above()]
            if not each.is_loop
            for v in each.block.iter_vars
            if v.dom is not None
        ]
        if product is not None and None not in domains and _has_condition(spot):
            return min(product, math.prod(each or 0 for each in domains))
        return product

    def _vectors(self, spot: Spot, loops: list[Spot], facts: BlockFacts) -> None:
        """Fill in what is said about vectors."""
        if not loops:
            return
        vectorized = [each for each in loops if each.loop.kind is ForKind.VECTORIZED]
        chosen = vectorized[-1] if vectorized else loops[-1]
        values = bindings_of(spot)
        facts.vector_loop = chosen.name
        facts.vectorized = bool(vectorized)
        facts.obstacles = obstacles(spot, chosen, values, self.analyzer, self.processor)
        if facts.obstacles and not vectorized:
            facts.better_loops = [
                each.name
                for each in loops
                if each is not chosen
                and not obstacles(spot, each, values, self.analyzer, self.processor)
            ]

    # Bytes.

    def touched(
        self, leaves: list[Spot], relaxed: list[Spot], *, reads: bool, writes: bool
    ) -> Bytes:
        """The bytes of each buffer that the iterations of some loops touch."""
        ranges = loop_ranges(each.loop for each in relaxed)
        sets: dict[Buffer, list[IntSet]] = {}
        for leaf in leaves:
            values = bindings_of(leaf)
            regions: list[BufferRegion] = [
                *(leaf.block.reads if reads else ()),
                *(leaf.block.writes if writes else ()),
            ]
            for region in regions:
                here = [substitute(each, values) for each in region.region]
                found = estimate_region_upper_bound(here, ranges, None, self.analyzer)
                old = sets.get(region.buffer)
                sets[region.buffer] = (
                    found if old is None else [union(a, b) for a, b in zip(old, found, strict=True)]
                )
        found_bytes: Bytes = {}
        for buffer, parts in sets.items():
            found_bytes[_fresh(buffer.name, found_bytes)] = self.size(buffer, parts)
        return found_bytes

    def size(self, buffer: Buffer, parts: list[IntSet]) -> int | str:
        """The bytes of a region of a buffer."""
        known = buffer.dtype.bytes * buffer.dtype.lanes
        symbolic: list[PrimExpr] = []
        for part, extent in zip(parts, buffer.shape, strict=True):
            width = extent
            if part.is_bounded():
                low: Any = part.min_value
                high: Any = part.max_value
                width = self.analyzer.simplify(add(sub(high, low), 1))
            bounded = [each for each in map(self.count, (extent, width)) if each is not None]
            if bounded:
                known *= min(bounded)
            else:
                symbolic.append(width)
        if not symbolic:
            return known
        whole = symbolic[0]
        for each in symbolic[1:]:
            whole = mul(whole, each)
        return repr(self.analyzer.simplify(mul(whole, known)))


def _is_leaf(spot: Spot) -> bool:
    """Whether this is a block without blocks inside."""
    if spot.is_loop:
        return False
    return all(each.is_loop for each in spot.everything() if each is not spot)


def _has_condition(spot: Spot) -> bool:
    return any(
        not each.is_loop and not isinstance(each.realize.predicate, IntImm)
        for each in [spot, *spot.above()]
    )


def _operations(spot: Spot) -> float | None:
    """The operations of one instance of a block."""
    try:
        return estimate_tir_flops(spot.block.body)
    except UnsupportedError:
        return None


def _fresh(name: str, taken: Bytes) -> str:
    """A name that is not taken: buffers may share theirs."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found
