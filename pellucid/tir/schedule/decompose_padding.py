"""Separating the constant part of a padding from the part that is copied."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import detect_iter_map
from pellucid.arith.iter_map_terms import is_const
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import add, cast_to, const, logical_and, sub
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import GE, GT, LE, LT, Call, IntImm, IterVar, Range, Var
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import require_written_before
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import loop_ranges, require_bijective, require_complete
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt, seq
from pellucid.tir.stmt_functor import renew_defs


class DecomposePaddingPrimitives(ScheduleCore):
    """`decompose_padding`."""

    @primitive
    def decompose_padding(self, block: BlockRV | str, loop: LoopRV) -> BlockRV:
        """Fill with the constant of a padding before `loop`, and copy only what is inside.

            for i in range(10):                        for i in range(10):
                with T.block("P"):                         with T.block("P_pad_const"):
                    P[vi] = T.if_then_else(                    P[vi] = 0.0
                        1 <= vi and vi < 9,     →      for i in range(8):
                        A[vi - 1], 0.0)                    with T.block("P"):
                                                               vi = T.axis.spatial(8, i)
                                                               P[vi + 1] = A[vi]

        The copy loses what only pads: its variables run through the inside alone, from 0 on. Loops
        that are a variable of the block, from the outermost below `loop` that has nothing but the
        block, become as short; other conditions become a predicate. Gives the block that fills.

            >>> sch = Schedule(padding)
            >>> i, j = sch.get_loops("P")
            >>> fill = sch.decompose_padding("P", i)

        Conditions: the block is complete, and `loop` is around it; its body is one store of
        `T.if_then_else(condition, value, constant)`; where the condition holds, its variables are
        independent and run through all values of a range; each instance stores an element of its
        own; other blocks in `loop` read only what the block writes in the same iteration.
        """
        spot = self.block(block)
        top = self.loop(loop)
        name = self.name_of(block)
        require_complete(spot)
        if top not in spot.loops():
            raise Refused(f"the loop {top.name!r} is not around the block {spot.name!r}", top, spot)
        loops = spot.loops_from(top)
        store, condition, inside, constant = _padding(spot)
        plain = self.analyzer(name)
        require_bijective(spot, store.buffer, store.indices, spot.block.iter_vars, plain)
        require_written_before(spot, store.buffer, top.blocks(), plain)
        around = buffers_around(self.tree(name).func, spot)
        token = BlockToken()
        known = bind_loops(plain.copy(), loop_ranges(each.loop for each in spot.loops()))
        kept = _alone(spot, loops)
        copy = spot.block.replace(body=store.replace(value=inside))
        copy_nest = _copy_nest(spot, copy, condition, kept, known, around)
        fill = spot.block.replace(
            body=store.replace(value=constant), name_hint=f"{spot.name}_pad_const", token=token
        )
        outside = [each.loop for each in spot.loops() if each not in loops]
        outer = bind_loops(self.analyzer(name), loop_ranges(outside))
        fill_nest: Stmt = BlockRealize(
            [outer.simplify(each) for each in spot.realize.iter_values],
            outer.simplify(spot.realize.predicate),
            with_regions(fill, around),
        )
        for each in reversed(loops):
            loop_ = each.loop
            fill_nest = For(loop_.loop_var, loop_.min, loop_.extent, ForKind.SERIAL, fill_nest)
        rest = replace(top.loop, {kept[0]: copy_nest})
        both = seq(renew_defs(fill_nest), rest)
        self.commit(name, replace(self.tree(name).func.body, {top.loop: both}))
        return self.new_block(name, token, fill.name_hint)


def _alone(spot: Spot, loops: Sequence[Spot]) -> list[For]:
    """The innermost of the loops that have nothing but the block inside, from the outside in."""
    found: list[For] = []
    inside = spot.node
    for each in reversed(loops):
        if each.loop.body is not inside:
            break
        inside = each.loop
        found.append(each.loop)
    if not found:
        raise Refused(
            f"the block {spot.name!r} is not all that is in the loop {loops[-1].name!r}", loops[-1]
        )
    return found[::-1]


def _padding(spot: Spot) -> tuple[BufferStore, PrimExpr, PrimExpr, PrimExpr]:
    """The store, the condition, what is stored where it holds, and the constant elsewhere."""
    store = spot.block.body
    if isinstance(store, BufferStore) and isinstance(store.value, Call):
        call = store.value
        choice = isinstance(call.op, Op) and call.op.name == "tir.if_then_else"
        if choice:
            condition, inside, constant = call.args
            if not any(isinstance(each, BufferLoad | Var) for each in pre_order(constant)):
                return store, condition, inside, constant
    raise Refused(
        f"the body of the block {spot.name!r} is no padding",
        spot,
        expected="one store of T.if_then_else(condition, value, constant)",
    )


def _copy_nest(
    spot: Spot,
    block: Block,
    condition: PrimExpr,
    loops: Sequence[For],
    analyzer: Analyzer,
    around: dict[Var, Buffer],
) -> Stmt:
    """The loops of what is inside: shorter where they can be, with a predicate elsewhere."""
    values = list(spot.realize.iter_values)
    bound = dict(zip([v.var for v in block.iter_vars], values, strict=True))
    wanted = _joined(
        [*conjuncts(substitute(condition, bound)), *conjuncts(spot.realize.predicate)], analyzer
    )
    inside = _inside(spot, wanted, analyzer)
    variables: list[IterVar] = []
    bindings: list[PrimExpr] = []
    moved: dict[Var, PrimExpr] = {}
    shifts: dict[Var, PrimExpr] = {}
    shorter = {each.loop_var: each for each in loops}
    bounds = [bound for each in loops for bound in (each.min, each.extent)]
    for variable, value, part in zip(block.iter_vars, values, inside, strict=True):
        var = variable.var.fresh()
        extent = Range(min=const(0, var.dtype), extent=cast_to(var.dtype, part.extent))
        variables.append(IterVar(extent, var, IterVar.DataPar))
        moved[variable.var] = add(var, cast_to(var.dtype, part.min))
        if value in shorter and not any(uses_var(e, {value}.__contains__) for e in bounds):
            assert isinstance(value, Var)
            begin = cast_to(value.dtype, part.min)
            shorter[value] = shorter[value].replace(
                min=const(0, value.dtype), extent=cast_to(value.dtype, part.extent)
            )
            shifts[value] = add(value, begin)
            bindings.append(value)
        else:
            bindings.append(analyzer.simplify(sub(value, cast_to(value.dtype, part.min))))
    known = bind_loops(analyzer.copy(), loop_ranges(shorter.values()))
    predicate = _joined([substitute(each, shifts) for each in conjuncts(wanted)], known)
    store = block.body
    assert isinstance(store, BufferStore)
    indices = [known.simplify(substitute(each, moved)) for each in store.indices]
    value = known.simplify(substitute(store.value, moved))
    new = block.replace(
        iter_vars=variables, body=store.replace(indices=indices, value=value), reads=(), writes=()
    )
    result: Stmt = BlockRealize(bindings, predicate, with_regions(new, around))
    for each in reversed(list(shorter.values())):
        result = each.replace(body=result)
    return result


def _inside(spot: Spot, condition: PrimExpr, analyzer: Analyzer) -> list[Range]:
    """What each variable of the block runs through where the condition holds."""
    found = detect_iter_map(
        spot.realize.iter_values,
        loop_ranges(each.loop for each in spot.loops()),
        condition,
        analyzer=analyzer,
    )
    if found.errors:
        # Tiles that overlap, for instance: each variable by itself.
        return [_range_of(each, spot, condition, analyzer) for each in spot.realize.iter_values]
    if not all(is_const(each.scale, 1) for total in found.indices for each in total.args):
        raise Refused(f"a variable of the block {spot.name!r} skips values", spot)
    return [
        Range(min=total.base, extent=total.args[0].extent if total.args else const(1))
        for total in found.indices
    ]


def _range_of(value: PrimExpr, spot: Spot, condition: PrimExpr, analyzer: Analyzer) -> Range:
    """The range of a value, by its bounds and by the conditions on it as a whole."""
    bound = analyzer.const_int_bound(value)
    low, high = bound.min_value, bound.max_value
    for each in conjuncts(condition):
        if not isinstance(each, LT | LE | GT | GE):
            continue
        small, large = (each.a, each.b) if isinstance(each, LT | LE) else (each.b, each.a)
        strict = int(isinstance(each, LT | GT))
        before, behind = analyzer.simplify(sub(small, value)), analyzer.simplify(sub(large, value))
        if isinstance(before, IntImm) and isinstance(large, IntImm):
            high = min(high, large.value - before.value - strict)
        if isinstance(behind, IntImm) and isinstance(small, IntImm):
            low = max(low, small.value - behind.value + strict)
    if not isinstance(low, int) or not isinstance(high, int):
        raise Refused(
            f"the condition of the padding does not cut ranges out of the block {spot.name!r}",
            spot,
            found=repr(value),
        )
    return Range(min=const(low, value.dtype), extent=const(max(0, high - low + 1), value.dtype))


def _joined(parts: Sequence[PrimExpr], analyzer: Analyzer) -> PrimExpr:
    """The conditions that do not always hold, simplified."""
    found: PrimExpr = const(True)
    for each in parts:
        left = analyzer.simplify(each)
        if not is_true(left):
            found = left if is_true(found) else logical_and(found, left)
    return found
