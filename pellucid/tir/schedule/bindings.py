"""Bindings of blocks after their loops changed: simpler expressions of the new loops.

In: a body, in which loop variables were replaced, and the loops around it. Out: the body with the
bindings that changed in normal form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import iter_map_simplify
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.block import BlockRealize, is_true
from pellucid.tir.schedule.edit import map_realizes, substitute_bindings, with_condition
from pellucid.tir.schedule.scope import loop_ranges
from pellucid.tir.stmt import For, Stmt


def bind_loops(analyzer: Analyzer, ranges: Mapping[Var, Range], unit: bool = True) -> Analyzer:
    """The analyzer, which now knows the loops; those of one iteration only with `unit`."""
    for var, values in ranges.items():
        constant = isinstance(values.extent, IntImm)
        if not constant:
            analyzer.mark_global_non_neg_value(values.extent - 1)
        if unit or not constant or int(values.extent) != 1:  # pyright: ignore[reportArgumentType]
            analyzer.bind(var, values, allow_override=True)
    return analyzer


def substitute_loops(
    body: Stmt,
    mapping: Mapping[Var, PrimExpr],
    outer: Sequence[For],
    analyzer: Analyzer,
    *,
    keep_unit: bool = True,
    condition: PrimExpr | None = None,
) -> Stmt:
    """A body with loop variables replaced by expressions of other loops, its bindings simplified.

    `outer` are the loops around the body. `keep_unit`: variables of loops of one iteration stay in
    bindings. `condition` is one more predicate of all blocks, which bindings are simplified under.
    """
    changed: set[Any] = set()
    used = set(mapping)

    def note(realize: BlockRealize, loops: tuple[For, ...]) -> Stmt:
        del loops
        if any(uses_var(each, used.__contains__) for each in realize.iter_values):
            changed.add(realize.block.token)
        return realize

    map_realizes(body, note)

    def simplify(realize: BlockRealize, loops: tuple[For, ...]) -> Stmt:
        if realize.block.token not in changed:
            return realize
        return simplified_realize(realize, [*outer, *loops], analyzer, keep_unit=keep_unit)

    moved = substitute_bindings(body, mapping)
    if condition is not None:
        moved = with_condition(moved, condition)
    return map_realizes(moved, simplify)


def simplified_realize(
    realize: BlockRealize, loops: Sequence[For], analyzer: Analyzer, *, keep_unit: bool = True
) -> BlockRealize:
    """A realize with simpler bindings, given the loops around it, and without a predicate that
    always holds.
    """
    ranges = loop_ranges(loops)
    values: list[PrimExpr] = list(realize.iter_values)
    if not all(isinstance(each, Var | IntImm) for each in values):
        values = iter_map_simplify(
            values,
            ranges,
            realize.predicate,
            simplify_trivial_iterators=not keep_unit,
            analyzer=analyzer,
        )
    predicate = realize.predicate
    if not is_true(predicate):
        simpler = bind_loops(analyzer.copy(), ranges).simplify(predicate)
        predicate = simpler if is_true(simpler) else predicate
    return realize.replace(iter_values=values, predicate=predicate)
