"""Separating the init of a reduction from its update."""

from __future__ import annotations

from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import const, logical_and, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import (
    loop_ranges,
    require_begin,
    require_no_repetition,
    require_reduction,
)
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import For, Stmt, seq
from pellucid.tir.stmt_functor import renew_defs


class DecomposePrimitives(ScheduleCore):
    """`decompose_reduction`."""

    @primitive
    def decompose_reduction(self, block: BlockRV | str, loop: LoopRV) -> BlockRV:
        """Run the init of a reduction before `loop`, as a block of its own, which is returned.

            for i, j, k in T.grid(4, 8, 2):            for i in range(4):
                with T.block("C"):                         for j_init in range(8):
                    with T.init():                             with T.block("C_init"): ...
                        C[vi, vj] = 0.0        →           for j, k in T.grid(8, 2):
                    C[vi, vj] = C[vi, vj] + …                  with T.block("C_update"): ...

        for the loop `j`. The init runs over copies (`_init`) of those loops from `loop` inwards
        that move data-parallel variables; their kinds stay. The block is renamed `…_update` and
        now reads what it writes.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> init = sch.decompose_reduction("C", j)

        Conditions: `loop` is around the block within its scope; the block is a reduction block; no
        loop above `loop` moves a reduction variable; those from `loop` inwards do not repeat the
        reduction, and begin it at the beginning of its domain, which no condition leaves out; a
        condition of the block that the init has to keep does not mix loops that move reduction
        variables with others.
        """
        spot = self.block(block)
        top = self.loop(loop)
        name = self.name_of(block)
        if top not in spot.loops():
            raise Refused(
                f"the loop {top.name!r} is not around the block {spot.name!r}",
                top,
                spot,
                expected="a loop that get_loops gives for the block",
            )
        require_reduction(spot)
        _require_above_reductions(spot, top)
        require_no_repetition(spot, spot.loops_from(top))
        require_begin(spot, self.analyzer(name))
        _require_no_skipped_init(spot, top, self.analyzer(name))
        init, token = _init_nest(spot, top)
        update = _update(spot)
        body = replace(top.loop, {spot.block: update})
        self.commit(name, replace(self.tree(name).func.body, {top.loop: seq(init, body)}))
        return self.new_block(name, token, f"{spot.name}_init")


def _moved(spot: Spot, kind: int) -> list[PrimExpr]:
    """The bindings of the variables of a kind."""
    pairs = zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
    return [value for variable, value in pairs if variable.iter_type == kind]


def _require_above_reductions(spot: Spot, top: Spot) -> None:
    reduced = _moved(spot, IterVar.CommReduce)
    for each in spot.loops():
        if each is top:
            return
        if any(uses_var(value, {each.loop.loop_var}.__contains__) for value in reduced):
            raise Refused(
                f"the loop {each.name!r}, above {top.name!r}, moves a reduction variable of the "
                f"block {spot.name!r}",
                each,
                expected="a loop above all loops that move reduction variables",
                cure=f"decompose at {each.name!r} or above, or reorder first",
            )


def _require_no_skipped_init(spot: Spot, top: Spot, analyzer: Analyzer) -> None:
    """Refuse conditions that may leave out the first instances of a reduction, which run its init.

    Reductions over nothing, as symbolic sizes may have, are not meant: a reduction has an instance.
    """
    kept = {each.loop_var for each in _loops_of_init(spot, top)}
    least: dict[Var, PrimExpr] = {
        each.loop.loop_var: each.loop.min
        for each in spot.loops_from(top)
        if each.loop.loop_var not in kept
    }
    known = bind_loops(analyzer, loop_ranges(each.loop for each in spot.loops()))
    for variable in spot.block.iter_vars:
        extent = None if variable.dom is None else variable.dom.extent
        if extent is not None and not isinstance(extent, IntImm):
            known.mark_global_non_neg_value(sub(extent, 1))
    for each in conjuncts(spot.realize.predicate):
        concerned = uses_var(each, least.__contains__) and not uses_var(each, kept.__contains__)
        if concerned and not known.can_prove(substitute(each, least)):
            raise Refused(
                f"a condition of the block {spot.name!r} may leave out the instances that run its "
                "init",
                spot,
                found=repr(each),
            )


def _loops_of_init(spot: Spot, top: Spot) -> list[For]:
    """The loops from `top` inwards that move data-parallel variables."""
    values = _moved(spot, IterVar.DataPar)
    return [
        each.loop
        for each in spot.loops_from(top)
        if any(uses_var(value, {each.loop.loop_var}.__contains__) for value in values)
    ]


def _update(spot: Spot) -> Block:
    """The block without its init; it reads what it writes."""
    old = spot.block
    own = {each.buffer for each in old.writes}
    rest = [each for each in old.reads if each.buffer not in own]
    return old.replace(name_hint=f"{old.name_hint}_update", init=None, reads=[*old.writes, *rest])


def _init_nest(spot: Spot, top: Spot) -> tuple[Stmt, BlockToken]:
    """The loops and the block of the init."""
    old, realize = spot.block, spot.realize
    assert old.init is not None
    spatial = [
        (variable, value)
        for variable, value in zip(old.iter_vars, realize.iter_values, strict=True)
        if variable.iter_type == IterVar.DataPar
    ]
    variables = {v.var: v.var.fresh() for v, _ in spatial}
    loops = _loops_of_init(spot, top)
    copies: dict[Var, PrimExpr] = {
        each.loop_var: each.loop_var.copy_with_suffix("_init") for each in loops
    }
    token = BlockToken()
    block = Block(
        [
            IterVar(
                _domain(v.dom, {**variables, **copies}), variables[v.var], v.iter_type, v.thread_tag
            )
            for v, _ in spatial
        ],
        (),
        [substitute(each, variables) for each in old.writes],
        f"{old.name_hint}_init",
        renew_defs(substitute(old.init, variables)),
        annotations=old.annotations,
        token=token,
    )
    values = [substitute(value, copies) for _, value in spatial]
    predicate = substitute(_init_condition(spot, top, loops), copies)
    body: Stmt = BlockRealize(values, predicate, block)
    for each in reversed(loops):
        changes: dict[str, Any] = {
            "loop_var": copies[each.loop_var],
            "min": substitute(each.min, copies),
            "extent": substitute(each.extent, copies),
            "body": body,
        }
        axis = each.thread_binding
        if axis is not None:
            changes["thread_binding"] = IterVar(
                axis.dom, axis.var.fresh(), axis.iter_type, axis.thread_tag
            )
        body = each.replace(**changes)
    return body, token


def _domain(domain: Range | None, variables: Any) -> Range | None:
    return None if domain is None else substitute(domain, variables)


def _init_condition(spot: Spot, top: Spot, loops: list[For]) -> PrimExpr:
    """The parts of the block's predicate that concern the init; those on reduction loops go."""
    kept = {each.loop_var for each in loops}
    dropped = {each.loop.loop_var for each in spot.loops_from(top)} - kept
    found: PrimExpr = const(True)
    for each in conjuncts(spot.realize.predicate):
        if not uses_var(each, dropped.__contains__):
            found = logical_and(found, each)
        elif uses_var(each, kept.__contains__):
            raise Refused(
                f"a condition of the block {spot.name!r} mixes loops of the init with reductions",
                spot,
                found=repr(each),
            )
    return found
