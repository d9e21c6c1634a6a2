"""The exercise of the course: the convolution of `topi`, scheduled into the course's solution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import te, topi
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.script import from_source
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule
from pellucid.tir.transform import ForceNarrowIndexToInt32
from tests.schedule.harness import trace_laws

SEEDS = ("000", "003")


def target_func(shared: Path, seed: str) -> PrimFunc:
    """The solution that the document shows."""
    (path,) = (shared / "seeds").glob(f"{seed}_*.txt")
    text = path.read_text()
    if '"cells"' in text:
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(each["source"]) for each in cells)
    begin = text.index("@T.prim_func\ndef target_func")
    body: list[str] = []
    for number, line in enumerate(text[begin:].splitlines()):
        if number > 1 and line and not line.startswith(" "):
            break
        body.append(line)
    return from_source("from pellucid.script import tir as T\n" + "\n".join(body))


def convolution(batch: int = 4, size: int = 28, filters: int = 32) -> PrimFunc:
    data = te.placeholder((batch, 1, size, size), name="rxplaceholder")
    weight = te.placeholder((filters, 1, 3, 3), name="rxplaceholder_1")
    return te.create_prim_func([data, weight, topi.nn.conv2d(data, weight, 1, 0, 1)])


def solve(sch: Schedule, function: str) -> None:
    """The steps that the exercise asks for."""
    sch.compute_inline(sch.get_block("pad_temp", function))
    block = sch.get_block("conv2d_nchw", function)
    n, f, y, x, c, ry, rx = sch.get_loops(block)
    n0, n1 = sch.split(n, [None, 2])
    f0, f1 = sch.split(f, [None, 4])
    y0, y1 = sch.split(y, [None, 2])
    x0, x1 = sch.split(x, [None, 2])
    sch.reorder(n0, f0, y0, x0, c, ry, rx, n1, f1, y1, x1)
    init = sch.decompose_reduction(block, c)
    for part in (init, block):
        *_, a, b, d, e = sch.get_loops(part)
        sch.unroll(sch.fuse(a, b))
        sch.vectorize(sch.fuse(d, e))
    sch.parallel(sch.fuse(n0, f0, y0, x0))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_solution_of_the_course(shared: Path, seed: str) -> None:
    sch = Schedule(IRModule({"conv2d": convolution()}))
    solve(sch, "conv2d")
    func: Any = ForceNarrowIndexToInt32()(sch.mod)["conv2d"]
    func = func.without_attr("tir.is_scheduled").with_attr("global_symbol", "conv2d")
    assert_structural_equal(func, target_func(shared, seed))


def test_traces_and_results() -> None:
    small = convolution(2, 8, 8)
    before = IRModule({"main": small})
    sch = Schedule(before)
    solve(sch, "main")
    trace_laws(sch, before)
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-3, 4, s).astype("float32") for s in ((2, 1, 8, 8), (8, 1, 3, 3))]
    found = [np.zeros((2, 8, 6, 6), "float32") for _ in range(2)]
    run(small, *arrays, found[0])
    run(sch.mod["main"], *arrays, found[1])
    np.testing.assert_array_equal(found[0], found[1])
