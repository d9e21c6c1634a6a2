"""What a schedule says of itself: explanations, pictures, marks on what changed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pellucid.driver.pipeline import lower
from pellucid.ir.module import IRModule
from pellucid.script import tir as T
from pellucid.target import Target
from pellucid.tir.schedule import Schedule
from pellucid.tir.schedule.explain import explain
from pellucid.tir.schedule.explain_facts import BlockFacts, LoopFacts
from tests.schedule.programs import elementwise, loops, matmul, running_sum, two_stages

TARGET = Target("llvm -mcpu=skylake-avx512 -num-cores 4 -l1-size 32768 -l2-size 524288")


@T.prim_func
def product(A: T.Buffer((256, 256)), B: T.Buffer((256, 256)), C: T.Buffer((256, 256))) -> None:
    for i, j, k in T.grid(256, 256, 256):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def awkward(
    P: T.Buffer((64,), "int32"), A: T.Buffer((64, 64)), B: T.Buffer((64,)), C: T.Buffer((64,))
) -> None:
    for i in range(64):
        with T.block("gather"):
            vi = T.axis.spatial(64, i)
            B[vi] = A[0, P[vi]]
    for i in range(64):
        with T.block("digit"):
            vi = T.axis.spatial(64, i)
            B[vi] = A[0, vi // 3]
    for i in range(64):
        with T.block("branch"):
            vi = T.axis.spatial(64, i)
            if vi > 3:
                C[vi] = A[vi, 0]


def facts(sch: Schedule, name: str, func: str = "main") -> Any:
    found = [each for each in sch.explain(TARGET).functions[func] if each.name == name]
    assert found, name
    return found[0]


def tiled() -> Schedule:
    sch = Schedule(product)
    i, j, k = loops(sch, "C")
    i_0, i_1 = sch.split(i, [None, 4])
    j_0, j_1 = sch.split(j, [None, 32])
    sch.reorder(i_0, j_0, k, i_1, j_1)
    sch.parallel(i_0)
    sch.unroll(i_1)
    sch.vectorize(j_1)
    return sch


def test_roles() -> None:
    sch = tiled()
    roles = {e.name: e.role for e in sch.explain(TARGET).functions["main"] if hasattr(e, "role")}
    assert roles == {
        "i_0": "parallel: shared out over up to 4 threads",
        "j_0": "serial: independent iterations",
        "k": "serial: the terms of a reduction",
        "i_1": "register tile: 128 results stay in 8 of 32 vector registers during the reduction",
        "j_1": "vector lanes: 32 elements, 2 registers of 16",
    }


def test_footprints_and_caches() -> None:
    sch = tiled()
    k: LoopFacts = facts(sch, "k")
    assert k.footprint == {"C": 512, "A": 4 * 256 * 4, "B": 256 * 32 * 4}
    assert (k.bytes, k.cache) == (512 + 4096 + 32768, "L2")
    assert facts(sch, "i_1").cache == "L1"
    assert facts(sch, "i_0").footprint == dict.fromkeys("CAB", 256 * 256 * 4)


def test_operations_and_bytes() -> None:
    block: BlockFacts = facts(tiled(), "C")
    assert block.instances == 256**3
    assert block.operations == 2
    assert block.total_operations == 2 * 256**3
    assert block.written == {"C": 256 * 256 * 4}
    assert block.read == {"A": 256 * 256 * 4, "B": 256 * 256 * 4}
    assert block.intensity == pytest.approx(2 * 256**3 / (3 * 256 * 256 * 4))
    assert block.vectorized
    assert block.obstacles == []


def test_what_stands_against_vectors() -> None:
    plain = facts(Schedule(product), "C")
    assert plain.vector_loop == "k"
    assert plain.obstacles == [
        "its iterations depend on each other: the loop 'k' moves a reduction variable of the block "
        "'C'",
        "all its iterations store the same element of 'C'",
        "it loads 'B' with a stride of 256 elements",
    ]
    assert plain.better_loops == ["j"]
    sch = Schedule(awkward)
    assert facts(sch, "gather").obstacles == [
        "it loads 'A' at indices that were loaded from memory"
    ]
    assert facts(sch, "digit").obstacles == ["it loads 'A' at indices that are not affine in it"]
    assert facts(sch, "branch").obstacles == [
        "it loads 'A' with a stride of 64 elements",
        "its body has branches",
    ]


def test_extents_and_predicates() -> None:
    assert facts(Schedule(elementwise), "B").obstacles == [
        "its 30 iterations are no multiple of the 16 lanes of a register"
    ]
    assert facts(Schedule(matmul), "C").obstacles[1] == (
        "it has 10 iterations, and a register 16 lanes"
    )
    sch = Schedule(elementwise)
    sch.split(loops(sch)[1], [None, 16])
    assert facts(sch, "B").obstacles == [
        "the predicate `j_0 * 16 + j_1 < 30` leaves some lanes out: they are masked"
    ]
    assert facts(sch, "B").instances == 180
    symbolic = Schedule(running_sum)
    i, k = loops(symbolic)
    symbolic.reorder(k, i)
    assert facts(symbolic, "B").obstacles == [
        "its extent n is not known: split it by a constant first",
        "it loads 'A' with a stride of 4 elements",
    ]


def test_symbolic_sizes_are_formulas() -> None:
    sch = Schedule(running_sum)
    outer = facts(sch, "i")
    assert (outer.footprint, outer.bytes, outer.cache) == (
        {"A": "n * 16", "B": "n * 4"},
        None,
        None,
    )
    block = facts(sch, "B")
    assert (block.instances, block.intensity) == (None, None)


def test_the_text() -> None:
    sch = Schedule(two_stages)
    assert str(sch.explain(TARGET)).splitlines() == [
        "skylake-avx512 (avx512): vectors of 64 bytes, 32 registers, L1 32 KiB, L2 512 KiB, "
        "L3 8 MiB, 4 cores",
        "",
        "main:",
        "  for i in 16: serial: independent iterations",
        "      touches 2 KiB (A 1 KiB, B 1 KiB): fits L1",
        "    for j in 16: serial: independent iterations",
        "        touches 128 B (A 64 B, B 64 B): fits L1",
        "      block B: 256 instances, 1 operation each, 256 in all",
        "          reads 1 KiB (A 1 KiB)",
        "          writes 1 KiB (B 1 KiB)",
        "          arithmetic intensity: 0.125 operations per byte",
        "          vectors: the loop 'j' could be vectorized, with nothing in the way",
        "  for i in 16: serial: independent iterations",
        "      touches 2 KiB (B 1 KiB, C 1 KiB): fits L1",
        "    for j in 16: serial: independent iterations",
        "        touches 128 B (B 64 B, C 64 B): fits L1",
        "      block C: 256 instances, 1 operation each, 256 in all",
        "          reads 1 KiB (B 1 KiB)",
        "          writes 1 KiB (C 1 KiB)",
        "          arithmetic intensity: 0.125 operations per byte",
        "          vectors: the loop 'j' could be vectorized, with nothing in the way",
    ]


def test_functions_without_blocks() -> None:
    @T.prim_func
    def plain(A: T.Buffer((16,))) -> None:
        for i in T.vectorized(16):
            A[i] = 1.0

    text = str(explain(IRModule({"plain": lower(IRModule({"plain": plain}))["plain"]}), TARGET))
    assert "\nplain:\n" in text


def test_other_forms_of_an_explanation() -> None:
    found = tiled().explain(TARGET)
    data = json.loads(json.dumps(found.data))
    assert [each["what"] for each in data["functions"]["main"]] == ["loop"] * 5 + ["block"]
    table = xml.fromstring(f"<div>{found._repr_html_()}</div>".replace("<br>", "<br/>"))
    assert len(table.findall(".//tr")) == 7
    assert repr(found) == str(found)


def test_blocks_inside_of_blocks() -> None:
    sch = Schedule(matmul)
    i, j, k = loops(sch, "C")
    i_0, i_1 = sch.split(i, [None, 2])
    sch.reorder(i_0, j, k, i_1)
    sch.blockize(i_1)
    names = {each.name: each for each in sch.explain(TARGET).functions["main"]}
    inner = names["C"]
    assert inner.instances == 480
    assert inner.loops[-1] == "i_1"
    assert names["C_o"].vector_loop is None
    assert names["C_o"].read["A"] == 6 * 10 * 4


def test_picture(tmp_path: Path) -> None:
    sch = tiled()
    drawing = sch.picture()
    root = xml.fromstring(drawing.svg())
    space = {"s": "http://www.w3.org/2000/svg"}
    texts = [each.text for each in root.findall("s:text", space)]
    assert texts == [
        "main",
        "i_0 in 64 parallel",
        "j_0 in 8",
        "k in 256",
        "i_1 in 4 unrolled",
        "j_1 in 32 vectorized",
        "C",
        "reads A, B",
        "writes C",
    ]
    boxes = [
        tuple(float(each.attrib[key]) for key in ("x", "y", "width", "height"))
        for each in root.findall("s:rect", space)
    ]
    for (x, y, width, height), (a, b, wide, high) in pairwise(boxes):
        assert x < a
        assert y < b
        assert a + wide < x + width
        assert b + high < y + height
    assert drawing._repr_svg_() == sch._repr_html_() == drawing.svg()
    drawing.save(tmp_path / "nest.svg")
    assert (tmp_path / "nest.svg").read_text() == drawing.svg()
    assert str(drawing).splitlines()[1] == "  i_0 in 64 parallel"


def test_boxes_that_follow_each_other_do_not_overlap() -> None:
    sch = Schedule(two_stages)
    sch.split(loops(sch, "B")[1], [None, 3])
    root = xml.fromstring(sch.picture().svg())
    space = {"s": "http://www.w3.org/2000/svg"}
    nests = [e for e in root.findall("s:rect", space) if e.attrib["x"] == "11"]
    first, second = [(float(e.attrib["y"]), float(e.attrib["height"])) for e in nests]
    assert first[0] + first[1] < second[0]
    assert "where j_0 * 3 + j_1 < 16" in [e.text for e in root.findall("s:text", space)]


def shown(sch: Schedule, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The marked lines, and what is said to be gone."""
    capsys.readouterr()
    sch.show()
    lines = capsys.readouterr().out.splitlines()
    marked = [each.removesuffix("# changed").strip() for each in lines if "# changed" in each]
    return marked, [each for each in lines if each.startswith("# gone")]


def test_show_marks_changed_statements(capsys: pytest.CaptureFixture[str]) -> None:
    sch = Schedule(two_stages)
    assert shown(sch, capsys) == ([], [])
    sch.parallel(loops(sch, "C")[0])
    assert shown(sch, capsys) == (["for i in T.parallel(16):"], [])
    sch.compute_inline(sch.get_block("B"))
    marked, gone = shown(sch, capsys)
    assert marked
    assert gone == ["# gone: loop 'i', loop 'j', block 'B'"]


def test_show_marks_the_statement_of_a_block(capsys: pytest.CaptureFixture[str]) -> None:
    sch = Schedule(two_stages)
    sch.cache_read(sch.get_block("C"), 0, "local")
    marked, gone = shown(sch, capsys)
    assert gone == []
    assert marked == [
        '# with T.block("root"):',
        "for ax0, ax1 in T.grid(16, 16):",
        'with T.block("B_local"):',
        "C[vi, vj] = B_local[vi, vj] + T.float32(1)",
    ]
