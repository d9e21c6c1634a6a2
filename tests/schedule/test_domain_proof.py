"""Proofs that a step only changed the order of iterations: what they find, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pellucid.ir.scalar import IntImm
from pellucid.script import tir as T
from pellucid.testing import domain_arith, domain_isl
from pellucid.testing.domain_proof import why_unproved
from pellucid.testing.domains import UnprovedError, domains_of, require_same_blocks
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.tree import Tree
from pellucid.tir.stmt import ForKind, SeqStmt
from tests.schedule.programs import elementwise, loops, matmul, running_sum, scan, two_stages

Engine = Callable[[Any, Any], None]
BOTH = pytest.mark.parametrize("engine", [domain_arith, domain_isl], ids=["arith", "isl"])


@T.prim_func
def skewed(A: T.Buffer((8, 8))) -> None:
    for i, j in T.grid(7, 7):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi + 1, vj] = A[vi, vj + 1] + 1.0


@T.prim_func
def guarded(A: T.Buffer((30,)), B: T.Buffer((30,))) -> None:
    for i in range(30):
        if i < 20:
            with T.block("B"):
                vi = T.axis.spatial(30, i)
                B[vi] = A[vi]


@T.prim_func
def argmax(A: T.Buffer((8,)), N: T.Buffer((1,), "int32"), V: T.Buffer((1,))) -> None:
    for k in range(8):
        with T.block("V"):
            vk = T.axis.reduce(8, k)
            with T.init():
                N[0] = 0
                V[0] = T.float32(-10)
            if A[vk] > V[0]:
                N[0] = vk
                V[0] = A[vk]


def why(engine: Any, before: PrimFunc, after: PrimFunc) -> str | None:
    try:
        old, new = domains_of(before), domains_of(after)
        require_same_blocks(old, new)
        engine.require_same_instances(old, new)
    except UnprovedError as reason:
        return str(reason)
    return None


def edited(sch: Schedule, block: str, position: int, **parts: Any) -> PrimFunc:
    """The function with one loop of a block changed."""
    func = sch.mod["main"]
    loop = sch.get(loops(sch, block)[position])
    return func.with_body(replace(func.body, {loop: loop.replace(**parts)}))


def split(sch: Schedule) -> None:
    sch.split(loops(sch)[1], [None, 4])


def fuse(sch: Schedule) -> None:
    sch.fuse(*loops(sch))


def reorder_reduction(sch: Schedule) -> None:
    outer, inner = sch.split(loops(sch, "C")[2], [None, 4])
    sch.reorder(outer, inner, *loops(sch, "C")[:2])


def symbolic(sch: Schedule) -> None:
    sch.reorder(*sch.split(loops(sch)[0], [None, 4])[::-1])


@BOTH
@pytest.mark.parametrize(
    ("program", "steps"),
    [
        (elementwise, split),
        (elementwise, fuse),
        (elementwise, lambda sch: sch.reorder(*loops(sch)[::-1])),
        (elementwise, lambda sch: sch.parallel(loops(sch)[0])),
        (elementwise, lambda sch: sch.annotate(loops(sch)[0], "note", 1)),
        (matmul, reorder_reduction),
        (matmul, lambda sch: sch.vectorize(loops(sch, "C")[1])),
        (running_sum, symbolic),
    ],
)
def test_proved(engine: Any, program: PrimFunc, steps: Any) -> None:
    sch = Schedule(program)
    before = sch.mod["main"]
    steps(sch)
    assert why(engine, before, sch.mod["main"]) is None


def test_only_integer_sets_see_that_stages_are_interleaved() -> None:
    sch = Schedule(two_stages)
    before = sch.mod["main"]
    sch.compute_at(sch.get_block("B"), loops(sch, "C")[0])
    after = sch.mod["main"]
    assert why(domain_arith, before, after) == "a loop is around several blocks"
    assert why(domain_isl, before, after) is None
    assert why_unproved(before, after) is None


def test_without_integer_sets_arith_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_isl, "available", lambda: False)
    sch = Schedule(two_stages)
    before = sch.mod["main"]
    sch.reorder(*loops(sch, "C")[::-1])
    assert why_unproved(before, sch.mod["main"]) is None
    sch.reverse_compute_at(sch.get_block("C"), loops(sch, "B")[0])
    assert why_unproved(before, sch.mod["main"]) == "a loop is around several blocks"


@BOTH
def test_other_instances(engine: Any) -> None:
    sch = Schedule(elementwise)
    before = sch.mod["main"]
    assert why(engine, before, edited(sch, "B", 1, extent=IntImm("int32", 29))) is not None
    sch.split(loops(sch)[1], [8, 4], disable_predication=True)
    assert why(engine, before, sch.mod["main"]) is not None


def test_reasons_of_integer_sets() -> None:
    sch = Schedule(elementwise)
    before = sch.mod["main"]
    shorter = edited(sch, "B", 1, extent=IntImm("int32", 29))
    assert why(domain_isl, before, shorter) == "other instances of the block 'B' run"
    func = Schedule(guarded).mod["main"]
    assert why(domain_isl, func, func) is None


@BOTH
def test_a_reduction_in_parallel(engine: Any) -> None:
    sch = Schedule(matmul)
    before = sch.mod["main"]
    for kind in (ForKind.PARALLEL, ForKind.VECTORIZED):
        assert why(engine, before, edited(sch, "C", 2, kind=kind)) is not None
        assert why(engine, before, edited(sch, "C", 0, kind=kind)) is None
    assert why(engine, before, edited(sch, "C", 2, kind=ForKind.UNROLLED)) is None


@BOTH
def test_a_dependence_that_turns_round(engine: Any) -> None:
    sch = Schedule(skewed)
    before = sch.mod["main"]
    i, j = loops(sch, "A")
    old = sch.get(i), sch.get(j)
    body = replace(before.body, {old[0]: old[1].replace(body=old[0].replace(body=old[1].body))})
    assert why(engine, before, before.with_body(body)) is not None
    if engine is domain_isl:
        assert why(engine, before, before) is None
        parallel = edited(sch, "A", 1, kind=ForKind.PARALLEL)
        assert why(engine, before, parallel) is None
        outer = edited(sch, "A", 0, kind=ForKind.PARALLEL)
        assert why(engine, before, outer) == "iterations without order of 'A' and 'A' meet"


@BOTH
def test_stages_in_another_order(engine: Any) -> None:
    sch = Schedule(two_stages)
    before = sch.mod["main"]
    root = Tree(before).tops[0]
    seq = root.block.body
    assert isinstance(seq, SeqStmt)
    after = before.with_body(replace(before.body, {seq: SeqStmt(seq.seq[::-1])}))
    assert why(engine, before, after) is not None


def test_the_first_term_of_a_reduction_stays_first() -> None:
    sch = Schedule(matmul)
    before = sch.mod["main"]
    k = sch.get(loops(sch, "C")[2])
    realize = k.body
    backwards = (*realize.iter_values[:2], 9 - k.loop_var)
    body = replace(before.body, {realize: realize.replace(iter_values=backwards)})
    assert why(domain_isl, before, before.with_body(body)) is not None
    assert why(domain_arith, before, before.with_body(body)) is not None


def test_a_reduction_that_is_not_known_keeps_its_order() -> None:
    sch = Schedule(argmax)
    before = sch.mod["main"]
    sch.split(loops(sch, "V")[0], [2, 4])
    assert why(domain_isl, before, sch.mod["main"]) is None
    swapped = Schedule(sch.mod)
    outer, inner = (swapped.get(each) for each in loops(swapped, "V"))
    func = swapped.mod["main"]
    body = replace(func.body, {outer: inner.replace(body=outer.replace(body=inner.body))})
    assert why(domain_isl, func, func.with_body(body)) is not None


def test_what_has_no_domains() -> None:
    sch = Schedule(two_stages)
    before = sch.mod["main"]
    sch.compute_inline(sch.get_block("B"))
    assert why_unproved(before, sch.mod["main"]) == "there are other blocks"
    sch = Schedule(scan)
    func = sch.mod["main"]
    sch.annotate(sch.get_block("B"), "note", 1)
    assert why_unproved(func, sch.mod["main"]) is None
    sch = Schedule(two_stages)
    func = sch.mod["main"]
    sch.set_scope(sch.get_block("B"), 0, "local")
    assert why_unproved(func, sch.mod["main"]) is not None
