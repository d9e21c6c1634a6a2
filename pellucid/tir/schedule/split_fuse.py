"""Splitting a loop into several, and fusing several loops into one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map_terms import is_const
from pellucid.ir.arithmetic import add, cast_to, const, floordiv, floormod, lt, mul
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Var
from pellucid.ir.visitor import pre_order, uses_var
from pellucid.tir.block import BlockRealize
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.op_integer import ceildiv
from pellucid.tir.schedule.bindings import bind_loops, substitute_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import LoopRV
from pellucid.tir.schedule.scope import loop_ranges
from pellucid.tir.schedule.tree import Spot, inner_statements
from pellucid.tir.stmt import For, ForKind, Stmt


class SplitFusePrimitives(ScheduleCore):
    """`split` and `fuse`."""

    @primitive
    def split(
        self,
        loop: LoopRV,
        factors: Sequence[Any],
        *,
        preserve_unit_iters: bool = True,
        disable_predication: bool = False,
    ) -> list[LoopRV]:
        """Split a loop into nested loops, one a factor, from the outside in.

        Arguments: `factors` are numbers (drawn ones too); one of them may be None or -1 and becomes
        what is needed to cover the loop. With `preserve_unit_iters=False` loops of one iteration do
        not appear in bindings. `disable_predication` leaves out the condition that guards
        iterations beyond the end: the program then has to bear them.

            for i in range(30):                    for i_0, i_1 in T.grid(8, 4):
                with T.block("B"):          →          with T.block("B"):
                    vi = T.axis.spatial(30, i)             vi = T.axis.spatial(30, i_0 * 4 + i_1)
                                                           T.where(i_0 * 4 + i_1 < 30)

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> outer, inner = sch.split(i, [None, 4])

        Conditions: the loop has neither annotations nor a thread binding and starts at 0; at most
        one factor is open; factors are positive; their product covers the loop; where it is more,
        no bound of a loop below loads from memory at an index that the loop moves. A parallel loop
        gives a parallel outermost loop, a vectorized one a vectorized innermost loop, an unrolled
        one unrolled loops.
        """
        spot = self.loop(loop)
        name = self.name_of(loop)
        require_plain(spot)
        analyzer = bind_loops(self.analyzer(name), loop_ranges(s.loop for s in spot.loops()))
        extents = self._factors(spot, factors, analyzer)
        old = spot.loop
        new = [Var(f"{old.loop_var.name}_{k}", old.loop_var.dtype) for k in range(len(extents))]
        loops = [
            For(var, const(0, var.dtype), extent, kind, old.body)
            for var, extent, kind in zip(new, extents, _kinds(old.kind, len(extents)), strict=True)
        ]
        index = _index(loops, skip_unit=not preserve_unit_iters)
        known = bind_loops(analyzer.copy(), loop_ranges(loops))
        covered = disable_predication or known.can_prove_less(index, old.extent)
        if not covered:
            _require_no_loads_in_bounds(spot)
        outer = [each.loop for each in spot.loops()]
        body = substitute_loops(
            old.body,
            {old.loop_var: index},
            [*outer, *loops],
            self.analyzer(name),
            keep_unit=preserve_unit_iters,
            condition=None if covered else lt(index, old.extent),
        )
        for each in reversed(loops):
            body = each.replace(body=body)
        self.commit(name, replace(self.tree(name).func.body, {old: body}))
        return [self.new_loop(name, var) for var in new]

    def _factors(self, spot: Spot, factors: Sequence[Any], analyzer: Analyzer) -> list[PrimExpr]:
        """The extents of the new loops; the open one computed."""
        loop = spot.loop
        numbers: list[Any] = [self.number(each) for each in factors]
        if not numbers:
            raise Refused("there are no factors", spot, cure="pass one factor for each new loop")
        opened = [k for k, each in enumerate(numbers) if each is None or _is(each, -1)]
        if len(opened) > 1:
            raise Refused(
                "more than one factor is None or -1", spot, found=", ".join(map(str, numbers))
            )
        dtype = loop.loop_var.dtype
        product: PrimExpr = const(1, dtype)
        for k, each in enumerate(numbers):
            if k in opened:
                continue
            if not isinstance(each, int | PrimExpr) or (isinstance(each, int) and each <= 0):
                raise Refused("a factor is no positive number", spot, found=str(each))
            numbers[k] = const(each, dtype) if isinstance(each, int) else cast_to(dtype, each)
            product = mul(product, numbers[k])
        if opened:
            numbers[opened[0]] = _parts(loop.extent, product, analyzer)
        elif not analyzer.can_prove_greater_equal(product, loop.extent):
            raise Refused(
                f"the factors do not cover the loop {spot.name!r}",
                spot,
                expected=f"a product of at least {loop.extent!r}",
                found=repr(analyzer.simplify(product)),
                cure="leave one factor open with None",
            )
        return numbers

    @primitive
    def fuse(self, *loops: LoopRV, preserve_unit_iters: bool = True) -> LoopRV:
        """Fuse nested loops, given from the outside in, into one.

            for i, j in T.grid(4, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])

        becomes

            for i_j_fused in range(32):
                with T.block("B"):
                    vi = T.axis.spatial(4, i_j_fused // 8)
                    vj = T.axis.spatial(8, i_j_fused % 8)

        With `preserve_unit_iters=False` a loop of one iteration does not appear in bindings; it
        never does as part of a fused loop.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> both = sch.fuse(i, j)

        Conditions: each loop is the only thing in the one before; no annotations and no thread
        bindings; all start at 0; all are of one kind; an extent does not depend on an outer one of
        the loops.
        """
        if not loops:
            raise Refused("there are no loops to fuse", cure="pass them from the outside in")
        spots = [self.loop(each) for each in loops]
        name = self.name_of(loops[0])
        _require_fusible(spots)
        parts = [each.loop for each in spots]
        fused, values, extent = _fused(parts)
        outer = [each.loop for each in spots[0].loops()]
        analyzer = bind_loops(self.analyzer(name), loop_ranges(outer))
        new = For(
            fused, const(0, fused.dtype), analyzer.simplify(extent), parts[0].kind, parts[-1].body
        )
        body = substitute_loops(
            parts[-1].body,
            values,
            [*outer, new],
            self.analyzer(name),
            keep_unit=preserve_unit_iters,
        )
        self.commit(name, replace(self.tree(name).func.body, {parts[0]: new.replace(body=body)}))
        return self.new_loop(name, fused)


def _parts(extent: PrimExpr, size: PrimExpr, analyzer: Analyzer) -> PrimExpr:
    """How many parts of a size cover an extent; common factors of the two stay where a rest may be
    left: `(n * 128 + 1023) // 1024`.
    """
    divides = is_const(analyzer.simplify(floormod(extent, size)), 0)
    if divides or not isinstance(size, IntImm):
        return analyzer.simplify(ceildiv(extent, size))
    return floordiv(add(extent, const(size.value - 1, size.dtype)), size)


def _is(value: Any, number: int) -> bool:
    return isinstance(value, int) and value == number


def _kinds(kind: ForKind, count: int) -> list[ForKind]:
    """The kinds of the loops that a loop of some kind is split into."""
    if kind is ForKind.UNROLLED:
        return [kind] * count
    kinds = [ForKind.SERIAL] * count
    if kind is ForKind.PARALLEL:
        kinds[0] = kind
    elif kind is ForKind.VECTORIZED:
        kinds[-1] = kind
    return kinds


def _index(loops: Sequence[For], skip_unit: bool) -> PrimExpr:
    """`(i_0 * f1 + i_1) * f2 + …`."""
    index: PrimExpr = const(0, loops[0].loop_var.dtype)
    for each in loops:
        unit = skip_unit and isinstance(each.extent, IntImm) and each.extent.value == 1
        index = add(mul(index, each.extent), const(0, index.dtype) if unit else each.loop_var)
    return index


def _fused(parts: Sequence[For]) -> tuple[Var, dict[Var, PrimExpr], PrimExpr]:
    """The fused variable, what each loop variable is in terms of it, and its extent."""
    extent: PrimExpr = parts[0].extent
    for each in parts[1:]:
        extent = mul(extent, each.extent)
    bits = max([each.loop_var.dtype.bits for each in parts] + [extent.dtype.bits])
    name = "_".join(each.loop_var.name for each in parts) + "_fused"
    fused = Var(name, f"int{bits}")
    values: dict[Var, PrimExpr] = {}
    lower: PrimExpr = const(1, fused.dtype)
    for position in reversed(range(len(parts))):
        loop = parts[position]
        if isinstance(loop.extent, IntImm) and loop.extent.value == 1:
            values[loop.loop_var] = const(0, loop.loop_var.dtype)
            continue
        reach = mul(cast_to(fused.dtype, loop.extent), lower)
        outermost = all(
            isinstance(p.extent, IntImm) and p.extent.value == 1 for p in parts[:position]
        )
        digit: PrimExpr = fused if outermost else floormod(fused, reach)
        values[loop.loop_var] = cast_to(loop.loop_var.dtype, floordiv(digit, lower))
        lower = reach
    return fused, values, extent


def _require_no_loads_in_bounds(spot: Spot) -> None:
    """Refuse to go beyond the end of a loop at whose iterations bounds below load from memory."""
    pending: list[Stmt] = [spot.loop.body]
    while pending:
        current = pending.pop()
        if isinstance(current, BlockRealize):
            continue
        pending.extend(inner_statements(current))
        for bound in (current.min, current.extent) if isinstance(current, For) else ():
            for each in pre_order(bound):
                if isinstance(each, BufferLoad) and uses_var(
                    each, {spot.loop.loop_var}.__contains__
                ):
                    raise Refused(
                        f"the bounds of a loop below {spot.name!r} load from memory, also in "
                        "iterations that the condition leaves out",
                        spot,
                        found=repr(bound),
                        cure="choose factors that divide the extent",
                    )


def require_plain(spot: Spot) -> None:
    """Refuse annotated and bound loops, and such that do not start at 0."""
    loop = spot.loop
    if loop.thread_binding is not None or len(loop.annotations):
        what = "a thread binding" if loop.thread_binding is not None else "annotations"
        raise Refused(
            f"the loop {spot.name!r} has {what}",
            spot,
            expected="a loop without annotations and thread binding",
            cure="do this step first, or remove the annotations with unannotate",
        )
    if not (isinstance(loop.min, IntImm) and loop.min.value == 0):
        raise Refused(
            f"the loop {spot.name!r} does not start at 0", spot, expected="0", found=repr(loop.min)
        )


def _require_fusible(spots: Sequence[Spot]) -> None:
    """Refuse loops that are not nested directly, or that depend on each other."""
    for each in spots:
        require_plain(each)
    above: list[Var] = []
    for outer, inner in pairwise(spots):
        above.append(outer.loop.loop_var)
        require_directly_inside(outer, inner)
        if uses_var(inner.loop.extent, above.__contains__):
            raise Refused(
                f"the extent of the loop {inner.name!r} depends on an outer loop",
                inner,
                found=repr(inner.loop.extent),
            )
        if inner.loop.kind is not outer.loop.kind:
            raise Refused(
                f"the loops {outer.name!r} and {inner.name!r} are of different kinds",
                outer,
                inner,
                found=f"{outer.loop.kind.name.lower()} and {inner.loop.kind.name.lower()}",
                cure="fuse first, then parallel, vectorize or unroll",
            )


def require_directly_inside(outer: Spot, inner: Spot) -> None:
    """Refuse unless `inner` is all that `outer` has inside."""
    if inner.parent is not outer:
        raise Refused(
            f"the loop {inner.name!r} is not directly inside the loop {outer.name!r}",
            outer,
            inner,
            expected="loops from the outside in, one right inside the other",
            cure="reorder them first",
        )
    body: Stmt = outer.loop.body
    if body is not inner.loop:
        raise Refused(
            f"the loop {inner.name!r} is not the only thing inside the loop {outer.name!r}",
            outer,
            cure="move the other blocks away first, for instance with compute_at",
        )
