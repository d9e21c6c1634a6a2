"""Traces, sampling, looking up, copies, and the schedule as an object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pellucid.ir.module import IRModule
from pellucid.ir.scalar import FloatImm, IntImm
from pellucid.ir.structural import assert_structural_equal, structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import ArtifactError, ScheduleError
from pellucid.tir.schedule import Schedule, Trace
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    elementwise,
    loops,
    matmul,
    matmul_relu,
    normalise,
    running_sum,
    two_stages,
)


def tiling(sch: Any) -> None:
    i, j = loops(sch)
    factors = sch.sample_perfect_tile(j, 3, decision=[5, 3, 2])
    sch.split(j, factors)
    sch.annotate(i, "limit", sch.sample_categorical([16, 64], [0.5, 0.5], decision=1))


def test_trace_as_python() -> None:
    sch = Schedule(elementwise)
    tiling(sch)
    assert str(sch.trace) == (
        "# from pellucid import tir\n"
        "def apply_trace(sch: tir.Schedule) -> None:\n"
        '    b0 = sch.get_block(name="B", func_name="main")\n'
        "    l1, l2 = sch.get_loops(block=b0)\n"
        "    v3, v4, v5 = sch.sample_perfect_tile(loop=l2, n=3, max_innermost_factor=16, "
        "decision=[5, 3, 2])\n"
        "    l6, l7, l8 = sch.split(loop=l2, factors=[v3, v4, v5], preserve_unit_iters=True, "
        "disable_predication=False)\n"
        "    v9 = sch.sample_categorical(candidates=[16, 64], probs=[0.5, 0.5], decision=1)\n"
        '    sch.annotate(block_or_loop=l1, ann_key="limit", ann_val=v9)'
    )


def test_laws_with_decisions() -> None:
    check(elementwise, tiling)


def test_other_decisions() -> None:
    sch = Schedule(elementwise)
    tiling(sch)
    inst = next(each for each in sch.trace if each.kind == "sample_perfect_tile")
    assert sch.trace.get_decision(inst) == [5, 3, 2]
    assert list(sch.trace.decisions.values()) == [[5, 3, 2], 1]
    other = Schedule(elementwise)
    sch.trace.with_decision(inst, [1, 2, 15]).apply_to_schedule(other)
    assert [int(other.get(each).extent) for each in loops(other)] == [6, 1, 2, 15]
    provided = Schedule(elementwise)
    sch.trace.apply_to_schedule(
        provided,
        decision_provider=lambda inst, _: [30, 1, 1] if inst.kind.endswith("tile") else None,
    )
    assert [int(provided.get(each).extent) for each in loops(provided)] == [6, 30, 1, 1]


def test_decisions_are_repaired() -> None:
    sch = Schedule(elementwise)
    _, j = loops(sch)
    drawn = sch.sample_perfect_tile(j, 3, decision=[1, 4, 10])
    assert [sch.get(each) for each in drawn] == [1, 3, 10]


def test_simplified_and_postprocessing() -> None:
    sch = Schedule(elementwise)
    sch.get_block("root")
    i, j = loops(sch)
    sch.parallel(i)
    sch.enter_postproc()
    sch.vectorize(j)
    kinds = [each.kind for each in sch.trace.simplified()]
    assert kinds == ["get_block", "get_loops", "parallel", "enter_postproc", "vectorize"]
    shorter = sch.trace.simplified(remove_postproc=True)
    assert [each.kind for each in shorter] == ["get_block", "get_loops", "parallel"]


def test_bad_json() -> None:
    with pytest.raises(ArtifactError, match="no trace of a schedule"):
        Trace.from_json({"format": "other"})
    sch = Schedule(two_stages)
    sch.transform_layout("B", "B", lambda i, j: (i // 4, j, i % 4))
    text = json.dumps(sch.trace.as_json()).replace("i // 4", "__import__('os')")
    with pytest.raises(ArtifactError, match="not of the kind"):
        Trace.from_json(text)


def test_unknown_primitives_are_refused() -> None:
    with pytest.raises(ScheduleError, match="no primitive 'splitt'"):
        Schedule(elementwise).call("splitt", {}, None)


@pytest.mark.parametrize("seed", range(5))
def test_sampling(seed: int) -> None:
    sch = Schedule(matmul_relu, seed=seed)
    again = Schedule(matmul_relu, seed=seed)
    for each in (sch, again):
        i, j, _ = loops(each, "C")
        tile = each.sample_perfect_tile(i, 4, max_innermost_factor=4)
        numbers = [each.get(v) for v in tile]
        assert numbers[0] * numbers[1] * numbers[2] * numbers[3] == 16
        assert numbers[3] <= 4
        parts = [each.get(v) for v in each.sample_partitioned_tile(j, 3, 1, 4)]
        assert parts[0] * parts[1] * parts[2] == 16
        assert parts[1] * parts[2] % 4 == 0
    assert str(sch.trace) == str(again.trace)


def test_sampling_of_a_symbolic_loop() -> None:
    sch = Schedule(running_sum)
    assert [sch.get(v) for v in sch.sample_perfect_tile(loops(sch)[0], 3)] == [-1, 1, 1]


@pytest.mark.parametrize("decision", [-2, -1, 0, 1])
def test_locations(decision: int) -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("B")
        sch.compute_at(block, sch.sample_compute_location(block, decision=decision))

    check(two_stages, steps)


@pytest.mark.parametrize(
    ("decision", "stands_for"), [(0, 0), (1, 1), (2, 1), (3, 3), (4, 4), (5, 4), (6, 4)]
)
def test_locations_in_tiles(decision: int, stands_for: int) -> None:
    @T.prim_func
    def before(A: T.Buffer((8, 6)), C: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8, 6))
        for i, j in T.grid(8, 6):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * 2.0
        for i, k in T.grid(8, 6):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = 0.0
                C[vi] = C[vi] + B[vi, vk]

    def steps(sch: Any) -> None:
        i, k = loops(sch, "C")
        i0, i1, i2, i3 = sch.split(i, [2, 2, 1, 2])
        k0, k1, k2 = sch.split(k, [3, 2, 1])
        sch.reorder(i0, i1, i2, k0, k1, i3, k2)
        place = sch.sample_compute_location("B", decision=decision)
        assert sch.trace.get_decision(sch.trace.insts[-1]) == stands_for
        sch.compute_at("B", place, preserve_unit_loops=True)

    check(before, steps)


def test_sampling_refuses() -> None:
    refused(
        elementwise,
        lambda sch: lambda: sch.sample_categorical([1, 2], [1.0]),
        "`sample_categorical` cannot be applied: there is not one probability for each candidate.",
        found="2 candidates, 1 probabilities",
    )
    refused(
        elementwise,
        lambda sch: lambda: sch.sample_compute_location("B", decision=-2),
        "`sample_compute_location` cannot be applied: there is no location -2.",
        expected="-1",
    )


def test_a_block_without_consumers_stays() -> None:
    sch = Schedule(elementwise)
    sch.sample_compute_location("B")
    assert sch.trace.get_decision(sch.trace.insts[-1]) == -1


def test_candidates_may_be_immediates() -> None:
    sch = Schedule(elementwise)
    drawn = sch.sample_categorical([IntImm("int32", 3)], [FloatImm("float32", 1.0)])
    assert sch.get(drawn) == 3
    assert sch.trace.as_python() == [
        "v0 = sch.sample_categorical(candidates=[3], probs=[1.0], decision=0)"
    ]


def test_looking_up() -> None:
    sch = Schedule(normalise)

    def names(found: Any) -> list[str]:
        return [sch.get(each).name_hint for each in found]

    root = sch.get_block("root")
    assert names(sch.get_child_blocks(root)) == ["M", "E", "S", "D"]
    assert names(sch.get_producers("D")) == ["E", "S"]
    assert names(sch.get_consumers("E")) == ["S", "D"]
    assert names(sch.get_output_blocks(root)) == ["D"]


def test_looking_up_refuses() -> None:
    refused(
        two_stages,
        lambda sch: lambda: sch.get_block("b"),
        "`get_block` cannot be applied: the function 'main' has no block 'b'.",
        found="root, B, C",
    )
    module = IRModule({"f": elementwise, "g": two_stages})
    sch = Schedule(module)
    with pytest.raises(ScheduleError, match="it is not clear which function is meant"):
        sch.get_block("B")
    sch.work_on("g")
    sch.compute_inline("B")
    assert sch.mod["f"].attrs.get("tir.is_scheduled") is None
    assert sch.mod["g"].attrs["tir.is_scheduled"] is True


def test_references_of_another_schedule() -> None:
    stranger = Schedule(elementwise).get_block("B")
    refused(
        elementwise,
        lambda sch: lambda: sch.get_loops(stranger),
        "`get_loops` cannot be applied: the block 'B' is not known here.",
    )


def test_copies_are_independent() -> None:
    sch = Schedule(matmul, seed=1)
    i, j, _ = loops(sch, "C")
    before = sch.mod
    other = sch.copy()
    other.split(i, [2, 3])
    other.unroll(j)
    assert structural_equal(sch.mod, before)
    assert len(other.trace) == len(sch.trace) + 2
    sch.unroll(i)
    assert sch.fork_seed() != sch.fork_seed()


def test_a_failed_call_by_name_leaves_no_lookup_behind() -> None:
    refused(
        two_stages,
        lambda sch: lambda: sch.compute_inline("C"),
        "`compute_inline` cannot be applied: the block 'C' is an output block.",
    )


def test_show_marks_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    sch = Schedule(two_stages)
    sch.unroll(loops(sch, "C")[0])
    sch.show()
    marked = [line for line in capsys.readouterr().out.splitlines() if "# changed" in line]
    assert len(marked) == 1
    assert "T.unroll(16)" in marked[0]
    sch.trace.show()
    assert "sch.unroll(" in capsys.readouterr().out


def test_arguments_of_schedules() -> None:
    with pytest.raises(ScheduleError, match="error_render_level has no value 'much'"):
        Schedule(matmul, error_render_level="much")
    with pytest.raises(ScheduleError, match="made from a module or a loop function"):
        Schedule(3)
    assert_structural_equal(Schedule(matmul).mod["main"], matmul)


def test_a_trace_with_its_decisions() -> None:
    assert "pass" in str(Trace([], {}))
    sch = Schedule(matmul)
    sch.sample_perfect_tile(loops(sch, "C")[0], 2, decision=[3, 2])
    *_, tile = sch.trace.insts
    other = Trace(sch.trace.insts, {tile: [2, 3]})
    assert other.decisions[other.insts[-1]] == [2, 3]
    assert tile.decision == [3, 2]
