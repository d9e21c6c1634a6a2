"""Separating the constant part of a padding from the part that is copied."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.region import Domains, conjuncts
from pellucid.ir.arithmetic import add, const, logical_and
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, Var
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace, with_domains
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import loop_ranges, require_complete
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, Stmt, seq
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
                                                               vi = T.axis.spatial(10, i + 1)
                                                               P[vi] = A[vi - 1]

        The copy loses iterations that only pad: loops from `loop` inwards that are a variable of
        the block become shorter, other conditions become a predicate. Gives the block that fills.

            >>> sch = Schedule(padding)
            >>> i, j = sch.get_loops("P")
            >>> fill = sch.decompose_padding("P", i)

        Conditions: the block is complete and all that is in `loop`, which is around it; its body is
        one store of `T.if_then_else(condition, value, constant)`.
        """
        spot = self.block(block)
        top = self.loop(loop)
        name = self.name_of(block)
        require_complete(spot)
        if top not in spot.loops():
            raise Refused(f"the loop {top.name!r} is not around the block {spot.name!r}", top, spot)
        loops = [each.loop for each in spot.loops_from(top)]
        _require_alone(spot, spot.loops_from(top))
        store, condition, inside, constant = _padding(spot)
        around = buffers_around(self.tree(name).func, spot)
        token = BlockToken()
        fill = spot.block.replace(
            body=store.replace(value=constant), name_hint=f"{spot.name}_pad_const", token=token
        )
        fill_nest: Stmt = spot.realize.replace(block=with_regions(fill, around))
        for each in reversed(loops):
            fill_nest = each.replace(body=fill_nest)
        copy = with_regions(spot.block.replace(body=store.replace(value=inside)), around)
        known = bind_loops(self.analyzer(name), loop_ranges(each.loop for each in spot.loops()))
        copy_nest = _copy_nest(spot, copy, condition, loops, known)
        both = seq(renew_defs(fill_nest), copy_nest)
        self.commit(name, replace(self.tree(name).func.body, {top.loop: both}))
        return self.new_block(name, token, fill.name_hint)


def _require_alone(spot: Spot, loops: Sequence[Spot]) -> None:
    inside = spot.node
    for each in reversed(loops):
        if each.loop.body is not inside:
            raise Refused(
                f"the block {spot.name!r} is not all that is in the loop {each.name!r}", each
            )
        inside = each.loop


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
    spot: Spot, block: Block, condition: PrimExpr, loops: Sequence[For], analyzer: Analyzer
) -> Stmt:
    """The loops of what is inside: shorter where they can be, with a predicate elsewhere."""
    values = list(spot.realize.iter_values)
    bound = dict(zip([v.var for v in spot.block.iter_vars], values, strict=True))
    wanted = substitute(condition, bound)
    domains = Domains(analyzer, loop_ranges(loops)).under(analyzer.simplify(wanted))
    shifts: dict[Var, PrimExpr] = {}
    shorter: list[For] = []
    for loop in loops:
        alone = sum(uses_var(each, {loop.loop_var}.__contains__) for each in values) == 1
        found = domains.sets[loop.loop_var]
        low, high = found.min_value, found.max_value
        if not alone or not isinstance(low, IntImm) or not isinstance(high, IntImm):
            shorter.append(loop)
            continue
        fresh = loop.loop_var
        begin = low.value - (loop.min.value if isinstance(loop.min, IntImm) else 0)
        extent = const(max(0, high.value - low.value + 1), fresh.dtype)
        if begin:
            shifts[fresh] = add(fresh, begin)
        shorter.append(loop.replace(extent=extent))
    known = bind_loops(analyzer.copy(), loop_ranges(shorter))
    predicate = spot.realize.predicate
    predicate = known.simplify(substitute(predicate, shifts))
    for each in conjuncts(substitute(wanted, shifts)):
        left = known.simplify(each)
        if not is_true(left):
            predicate = left if is_true(predicate) else logical_and(predicate, left)
    bindings = [known.simplify(substitute(each, shifts)) for each in values]
    result: Stmt = BlockRealize(bindings, predicate, with_domains(block, shifts))
    for each in reversed(shorter):
        result = each.replace(body=result)
    return result
