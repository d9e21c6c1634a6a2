"""Whether what a block reads was produced before, at some place of the program.

In: a consumer, its producers, and the loop (or block) inside which both run. Out: whether one
iteration there writes all that the consumer reads in the same iteration. Regions are related by
their bounds: certainly written must include possibly read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, covers, intersect, simplified
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.arith.region import (
    conjuncts,
    estimate_region_lower_bound,
    estimate_region_upper_bound,
)
from pellucid.ir.arithmetic import add, const, le, logical_and, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Max, Min, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import is_true
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.scope import loop_ranges, require_fixed_domains, writes
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import For

Sets = list[IntSet]


def loops_below(spot: Spot, at: Spot) -> list[For]:
    """The loops around a block that are inside of `at`, from the outside in."""
    found: list[For] = []
    for each in spot.above():
        if each is at:
            break
        if each.is_loop:
            found.append(each.loop)
    return found[::-1]


def bound_region(spot: Spot, region: BufferRegion) -> list[Range]:
    """A region of a block in terms of the loops around it."""
    realize = spot.realize
    mapping = {
        v.var: value for v, value in zip(realize.block.iter_vars, realize.iter_values, strict=True)
    }
    return [substitute(each, mapping) for each in region.region]


def conditions_on(predicate: PrimExpr, used: Iterable[Var]) -> PrimExpr:
    """The parts of a condition that mention some of the variables."""
    wanted = set(used)
    found: PrimExpr = const(True)
    for each in conjuncts(predicate):
        if uses_var(each, wanted.__contains__):
            found = logical_and(found, each)
    return found


def threads_that_share(buffer: Buffer, at: Spot) -> list[For]:
    """The loops at and above a place that are threads which see the same memory of a buffer: all
    axes of threadIdx and vthread see shared memory, threadIdx.x that of a warp.
    """
    scope = buffer.scope()
    loops = [each.loop for each in (at, *at.above()) if each.is_loop]
    return [each for each in loops if _shares(scope, each.thread_binding)]


def _shares(scope: str, thread: IterVar | None) -> bool:
    if thread is None:
        return False
    if scope == "warp":
        return thread.thread_tag == "threadIdx.x"
    return scope.split(".")[0] == "shared" and not thread.thread_tag.startswith("blockIdx.")


def possible_region(
    spot: Spot,
    region: BufferRegion,
    at: Spot,
    analyzer: Analyzer,
    *,
    exact: bool = True,
    beside: Iterable[For] = (),
) -> Sets:
    """What a block may touch in one iteration of `at`, or in all of some loops `beside` it.

    `exact` uses the block's predicate and the buffer's shape to cut off what is not touched;
    without it the sets are larger and have simple ends.
    """
    ranges = loop_ranges([*beside, *loops_below(spot, at)])
    touched = bound_region(spot, region)
    if not exact:
        return estimate_region_upper_bound(touched, ranges, None, analyzer)
    found = estimate_region_upper_bound(touched, ranges, spot.realize.predicate, analyzer)
    pairs = zip(found, region.buffer.shape, strict=True)
    return [within(each, extent, analyzer) for each, extent in pairs]


def within(values: IntSet, extent: PrimExpr, analyzer: Analyzer) -> IntSet:
    """A set of indices cut to a dimension; bounds that hold anyway are not written down."""
    low, high = values.min_value, values.max_value
    last = sub(extent, 1)
    inside = low is not None and analyzer.can_prove_greater_equal(low, 0)
    below = high is not None and analyzer.can_prove_less_equal(high, last)
    if inside and below:
        return values
    zero = const(0, extent.dtype)
    limits = IntSet(None if inside else zero, None if below else last)
    return simplified(intersect(values, limits), analyzer)


def certain_region(spot: Spot, region: BufferRegion, at: Spot, analyzer: Analyzer) -> Sets | None:
    """What a block certainly touches in one iteration of `at`; None where that is unknown."""
    ranges = loop_ranges(loops_below(spot, at))
    return certain_ranges(bound_region(spot, region), ranges, spot.realize.predicate, analyzer)


def certain_ranges(
    region: Sequence[Range],
    ranges: Mapping[Var, Range],
    predicate: PrimExpr,
    analyzer: Analyzer,
) -> Sets | None:
    """What a region certainly covers while some variables run through their ranges."""
    moving = set(ranges)
    if any(uses_var(each.extent, moving.__contains__) for each in region):
        return None
    used = {
        v: r for v, r in ranges.items() if any(uses_var(e.min, {v}.__contains__) for e in region)
    }
    # Variables that do not move the region may stand at their least values; what the condition says
    # of other loops has to hold.
    least = {v: r.min for v, r in ranges.items() if v not in used}
    fixed = substitute(predicate, least)
    for each in conjuncts(fixed):
        if not uses_var(each, used.__contains__) and not analyzer.can_prove(each):
            return None
    condition = conditions_on(fixed, used)
    found = detect_iter_map(
        [each.min for each in region], used, condition, IterMapLevel.SURJECTIVE, analyzer=analyzer
    )
    if found.errors:
        return estimate_region_lower_bound(region, used, condition, analyzer)
    result: Sets = []
    for total, each in zip(found.indices, region, strict=True):
        extent: PrimExpr = each.extent
        if total.args:
            split = total.args[0]
            # Steps wider than what each covers leave gaps.
            if not analyzer.can_prove_greater_equal(split.scale, 1):
                return None
            if not analyzer.can_prove_less_equal(split.scale, each.extent):
                return None
            extent = add(mul(split.scale, sub(split.extent, 1)), each.extent)
        last = sub(add(total.base, extent), 1)
        result.append(simplified(IntSet(total.base, last), analyzer))
    return result


def is_covered(
    consumer: Spot,
    region: BufferRegion,
    producers: Sequence[Spot],
    at: Spot,
    analyzer: Analyzer,
) -> bool:
    """Whether one iteration of `at` writes all that the consumer touches there of a region."""
    own = {each.loop_var for each in loops_below(consumer, at)}
    outside: PrimExpr = const(True)
    for each in conjuncts(consumer.realize.predicate):
        if not uses_var(each, own.__contains__):
            outside = logical_and(outside, each)
    needed = possible_region(consumer, region, at, analyzer)
    boxes: list[Sets] = []
    # Only iterations matter in which the consumer runs and touches something.
    with analyzer.constraint_scope(logical_and(outside, _is_some(needed, analyzer))):
        for producer in producers:
            for written in producer.block.writes:
                if written.buffer is region.buffer:
                    box = certain_region(producer, written, at, analyzer)
                    if box is not None:
                        boxes.append(box)
        if any(includes(box, needed, analyzer) for box in with_unions(boxes, analyzer)):
            return True
        ranges = loop_ranges(loops_below(consumer, at))
        known = bind_loops(analyzer.copy(), ranges)
        with known.constraint_scope(consumer.realize.predicate):
            return any(_writes_the_same(each, consumer, region, at, known) for each in producers)


def _writes_the_same(
    producer: Spot, consumer: Spot, region: BufferRegion, at: Spot, analyzer: Analyzer
) -> bool:
    """Whether a producer surely writes, in like loops, the very region that a consumer reads."""
    below, read = loops_below(producer, at), bound_region(consumer, region)
    needed = _moving(loops_below(consumer, at), read)
    for each in producer.block.writes:
        if each.buffer is not region.buffer:
            continue
        written = bound_region(producer, each)
        loops = _moving(below, written)
        idle = [loop for loop in below if loop not in loops]
        if len(loops) != len(needed) or not all(_runs(loop) for loop in idle):
            continue
        table = {a.loop_var: b.loop_var for a, b in zip(loops, needed, strict=True)}
        pairs = [(a.min, b.min) for a, b in zip(loops, needed, strict=True)]
        pairs += [(a.extent, b.extent) for a, b in zip(loops, needed, strict=True)]
        pairs += [(a.min, b.min) for a, b in zip(written, read, strict=True)]
        pairs += [(a.extent, b.extent) for a, b in zip(written, read, strict=True)]
        same = all(structural_equal(substitute(a, table), b) for a, b in pairs)
        if same and analyzer.can_prove(substitute(producer.realize.predicate, table)):
            return True
    return False


def _moving(loops: Sequence[For], region: Sequence[Range]) -> list[For]:
    """The loops that move a region."""
    return [
        each
        for each in loops
        if any(
            uses_var(end, {each.loop_var}.__contains__)
            for axis in region
            for end in (axis.min, axis.extent)
        )
    ]


def _runs(loop: For) -> bool:
    """Whether a loop surely has an iteration."""
    return isinstance(loop.extent, IntImm) and loop.extent.value > 0


def _is_some(values: Sets, analyzer: Analyzer) -> PrimExpr:
    """What holds where none of the sets is empty."""
    found: PrimExpr = const(True)
    for each in values:
        if each.min_value is None or each.max_value is None:
            continue
        for low in _parts(each.min_value, Max):
            for high in _parts(each.max_value, Min):
                part = analyzer.simplify(le(low, high))
                found = part if is_true(found) else logical_and(found, part)
    return found


def _parts(bound: PrimExpr, kind: type[Max] | type[Min]) -> list[PrimExpr]:
    """What a bound is the greatest, or the least, of."""
    if isinstance(bound, kind):
        return [*_parts(bound.a, kind), *_parts(bound.b, kind)]
    return [bound]


def includes(outer: Sets, inner: Sequence[IntSet], analyzer: Analyzer) -> bool:
    """Whether a box contains another."""
    return all(covers(a, b, analyzer) for a, b in zip(outer, inner, strict=True))


def with_unions(boxes: list[Sets], analyzer: Analyzer) -> list[Sets]:
    """The boxes, and what neighbours that differ in one dimension make together."""
    found = list(boxes)
    position = 0
    while position < len(found) and len(found) < 32:
        for other in found[:position]:
            joined = _joined(found[position], other, analyzer)
            if joined is not None:
                found.append(joined)
        position += 1
    return found


def _joined(a: Sets, b: Sets, analyzer: Analyzer) -> Sets | None:
    different = [k for k, (x, y) in enumerate(zip(a, b, strict=True)) if not _equal(x, y, analyzer)]
    if len(different) != 1:
        return None
    axis = different[0]
    for low, high in ((a[axis], b[axis]), (b[axis], a[axis])):
        ends = (low.min_value, low.max_value, high.min_value, high.max_value)
        if any(each is None for each in ends):
            return None
        touching = analyzer.can_prove_less_equal(ends[2], add(ends[1], 1))
        after = analyzer.can_prove_less_equal(ends[1], ends[3])
        first = analyzer.can_prove_less_equal(ends[0], ends[2])
        if touching and after and first:
            return [*a[:axis], IntSet(ends[0], ends[3]), *a[axis + 1 :]]
    return None


def _equal(a: IntSet, b: IntSet, analyzer: Analyzer) -> bool:
    pairs = ((a.min_value, b.min_value), (a.max_value, b.max_value))
    return all(x is not None and y is not None and analyzer.can_prove_equal(x, y) for x, y in pairs)


def common_place(a: Spot, b: Spot) -> Spot:
    """The closest loop or block around both."""
    around = set(map(id, a.above()))
    return next(each for each in b.above() if id(each) in around)


def by_common_place(producers: Iterable[Spot], consumer: Spot) -> dict[Spot, list[Spot]]:
    """Producers by the closest loop or block around them and a consumer."""
    groups: dict[Spot, list[Spot]] = {}
    for each in producers:
        groups.setdefault(common_place(each, consumer), []).append(each)
    return groups


def require_written_before(
    spot: Spot,
    buffer: Buffer,
    readers: Sequence[Spot],
    analyzer: Analyzer,
    place: Spot | None = None,
) -> None:
    """Refuse readers of what a block does not write before them in the same iteration of a place,
    the closest around both if none is given. The readers are in order, the block among them.
    """
    for each in readers:
        for region in each.block.reads:
            if region.buffer is not buffer:
                continue
            at = common_place(spot, each) if place is None else place
            known = outside_analyzer(analyzer, at)
            after = readers.index(each) > readers.index(spot)
            if not after or not is_covered(each, region, [spot], at, known):
                raise Refused(
                    f"the block {each.name!r} reads elements of {buffer.name!r} that "
                    f"{spot.name!r} does not write in the same iteration",
                    each,
                )


def outside_analyzer(analyzer: Analyzer, at: Spot) -> Analyzer:
    """An analyzer that knows the loops around a place, the variables of the blocks around it, and
    the place's own.
    """
    ranges: dict[Var, Range] = {}
    for each in reversed([at, *at.above()]):
        if each.is_loop:
            ranges |= loop_ranges([each.loop])
        else:
            ranges |= {
                variable.var: variable.dom
                for variable in each.block.iter_vars
                if variable.dom is not None
            }
    return bind_loops(analyzer.copy(), ranges)


def earlier_writers(consumer: Spot, buffer: Buffer, blocks: Sequence[Spot]) -> list[Spot]:
    """The blocks before the consumer that write a buffer."""
    found: list[Spot] = []
    for each in blocks:
        if each is consumer:
            break
        if buffer in writes(each):
            found.append(each)
    return found


def require_all_instances(spot: Spot, analyzer: Analyzer) -> None:
    """Refuse a block whose loops do not reach all of its domain."""
    require_fixed_domains(spot)
    realize = spot.realize
    region = [Range(min=value, extent=const(1, value.dtype)) for value in realize.iter_values]
    ranges = loop_ranges(each.loop for each in spot.loops())
    covered = certain_ranges(region, ranges, realize.predicate, analyzer)
    for position, variable in enumerate(spot.block.iter_vars):
        domain = variable.dom
        assert domain is not None
        if covered is not None:
            box = covered[position]
            last = sub(add(domain.min, domain.extent), 1)
            low, high = box.min_value, box.max_value
            if low is not None and high is not None:
                begins = analyzer.can_prove_less_equal(low, domain.min)
                if begins and analyzer.can_prove_greater_equal(high, last):
                    continue
        raise Refused(
            f"the block {spot.name!r} cannot be shown to run all instances of its variable "
            f"{variable.var.name!r}",
            spot,
            expected=f"bindings that reach all of {domain!r}",
        )
