"""The matrix product that the primitives make: its inner loop is multiply-adds in registers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bench.gemm import matmul, measure, schedule_matmul, tile_for
from pellucid.driver.build import build
from pellucid.target import Target
from pellucid.testing.peak import ACCUMULATORS, PeakMeter
from pellucid.tir.schedule import Schedule
from tests.codegen.agreement import random
from tests.codegen.harness import ARM, AVX2

ZMM = "llvm -mcpu=skylake-avx512 -mtriple=x86_64-unknown-linux-gnu"
VECTOR_ON_STACK = re.compile(r"\(%r[sb]p\).*[xyz]mm|[xyz]mm.*\(%r[sb]p\)|\bq\d+, \[sp|v\d+.*\[sp")
PRODUCT = re.compile(r"\bvfmadd\w+ps\b|\bfmla\b")
LABEL = re.compile(r"^\.?\w+:")
JUMP = re.compile(r"^\s+(?:j[a-z]+|b\.?[a-z]*|cbn?z|tbn?z)\s+(?:\w+, )*(\.\w+)")


def loops(assembly: str) -> list[list[str]]:
    """The innermost loops of an assembly text: from a label to the first jump back to it."""
    lines = assembly.splitlines()
    found: list[list[str]] = []
    for end, line in enumerate(lines):
        jump = JUMP.match(line)
        if jump is None:
            continue
        starts = [n for n in range(end) if lines[n].startswith(f"{jump[1]}:")]
        if starts and not any(JUMP.match(each) for each in lines[starts[0] : end]):
            found.append(lines[starts[0] : end + 1])
    return found


def products(loop: list[str]) -> int:
    return sum(bool(PRODUCT.search(line)) for line in loop)


@pytest.mark.parametrize(
    ("name", "register"),
    [(ZMM, "zmm"), (AVX2, "ymm"), (ARM, "v")],
    ids=["avx512", "avx2", "neon"],
)
def test_the_inner_loop_has_no_spills(name, register):
    target = Target(name)
    rows, vectors, lanes = tile_for(target)
    sch = schedule_matmul(Schedule(matmul(256, 256, 1024)), rows, vectors, lanes)
    inner = max(loops(build(sch.mod, target).get_source("asm")), key=products)
    count = products(inner)
    assert count > 0
    assert count % (rows * vectors) == 0
    assert all(register in line for line in inner if PRODUCT.search(line))
    assert [line for line in inner if VECTOR_ON_STACK.search(line)] == []
    stores = [line for line in inner if re.search(r"vmov[au]p\w\s+%[xyz]mm\d+, .*\(|\bstr\b", line)]
    assert stores == []


def test_the_test_can_see_spills():
    sch = schedule_matmul(Schedule(matmul(64, 256, 256)), 8, 4, 16)
    inner = max(loops(build(sch.mod, ZMM).get_source("asm")), key=products)
    assert [line for line in inner if VECTOR_ON_STACK.search(line)]


@pytest.mark.parametrize("size", [(16, 64, 40), (8, 32, 1), (24, 96, 7), (21, 70, 9)])
def test_the_scheduled_product_is_right(size):
    m, n, k = size
    a, b = random((m, k)), random((k, n), seed=1)
    c = np.zeros((m, n), "float32")
    build(schedule_matmul(Schedule(matmul(m, n, k)), 8, 2, 16).mod)(a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-3)


def test_masked_sums_stay_in_registers():
    sch = schedule_matmul(Schedule(matmul(16, 70, 1000)), 8, 2, 16)
    text = build(sch.mod, ZMM).get_source("asm")
    inner = max(loops(text), key=products)
    assert all("%k" in line for line in inner if PRODUCT.search(line))
    assert [line for line in inner if VECTOR_ON_STACK.search(line)] == []
    assert not any(re.search(r"vmov\w+\s+%zmm\d+, .*\(", line) for line in inner)


def test_the_peak_meter_does_nothing_but_multiply_and_add():
    meter = PeakMeter()
    inner = max(loops(meter.kernel.get_source("asm")), key=products)
    count = products(inner)
    if Target("llvm").has_fma:
        assert count >= ACCUMULATORS
    assert not any(VECTOR_ON_STACK.search(line) for line in inner)
    assert len(inner) <= count + 8
    peak = meter.measure(2)
    assert peak.lanes == Target("llvm").lanes(32)
    assert peak.flops > 0
    assert peak.share == pytest.approx(peak.per_clock / peak.nominal)


def test_the_benchmark_gives_its_figures():
    pytest.importorskip("torch")
    figures = measure(64, 2)
    assert figures["largest error"] < 1e-3
    assert figures["share of peak"] > 0
    assert figures["times torch.mm"] > 0
    assert {"peak GFLOP/s", "clock GHz", "pellucid GFLOP/s", "torch.mm GFLOP/s"} <= set(figures)
