"""Schedules inside the models of the course: the convolution of seeds 000 and 003 as their solution
has it, and the symbolic `linear0` of seed 004 with predicates. The models give what they gave.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid import relax
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.visitor import pre_order
from pellucid.runtime import pool
from pellucid.script import from_source
from pellucid.tir.schedule import Schedule
from pellucid.tir.stmt import For, ForKind
from tests.schedule.harness import trace_laws
from tests.schedule.test_conv2d import solve, target_func
from tests.seeds.test_cnn import by_emit_te, check, probabilities, weights
from tests.seeds.test_mlp import RIGHT

__all__ = ["probabilities", "weights"]
SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"


def seed(number: str) -> str:
    """The text of a document; its cells one after another where it is a notebook."""
    if not SEEDS.is_dir():
        pytest.skip("the folder ../shared/seeds is not here")
    (path,) = SEEDS.glob(f"{number}_*.txt")
    text = path.read_text()
    if '"cells"' in text:
        text = "\n".join("".join(each["source"]) for each in json.loads(text)["cells"])
    return text


def kinds(func) -> set[ForKind]:
    return {node.kind for node in pre_order(func.body) if isinstance(node, For)}


def test_the_scheduled_convolution_in_its_network(weights, images, labels, probabilities) -> None:
    sch = Schedule(by_emit_te(weights))
    solve(sch, "conv2d")
    assert kinds(sch.mod["conv2d"]) >= {ForKind.PARALLEL, ForKind.UNROLLED, ForKind.VECTORIZED}
    executable = relax.build(sch.mod, target="llvm", relax_pipeline="plain")
    check(executable, images, labels, probabilities)


def test_the_default_pipeline_takes_a_scheduled_module(
    weights, images, labels, probabilities
) -> None:
    sch = Schedule(by_emit_te(weights))
    solve(sch, "conv2d")
    check(relax.build(sch.mod, target="llvm"), images, labels, probabilities)


@pytest.mark.parametrize("number", ["000", "003"])
def test_the_function_that_the_document_prints(
    number, weights, images, labels, probabilities
) -> None:
    seed(number)
    module = by_emit_te(weights)
    func = target_func(SEEDS.parent, number).without_attr("global_symbol")
    functions = {var: func if var.name_hint == "conv2d" else each for var, each in module.items()}
    executable = relax.build(
        module.with_functions(functions), target="llvm", relax_pipeline="plain"
    )
    check(executable, images, labels, probabilities)


@pytest.fixture(scope="module")
def symbolic() -> IRModule:
    """The module of seed 004 with symbolic loop functions, called by their names."""
    text = seed("004")
    begin = text.index("@tvm.script.ir_module\nclass MyModule:\n    @T.prim_func\n    def relu0")
    body = text[begin : text.index("```", begin)].replace("@tvm.script.ir_module", "@I.ir_module")
    header = "\n".join(
        f"from pellucid.script import {name} as {short}"
        for name, short in (("ir", "I"), ("tir", "T"), ("relax", "R"))
    )
    return from_source(f"{header}\n\n{body}")


def schedule_linear(module: IRModule) -> Schedule:
    """Outputs in vectors of 16 on all threads; the sums of a vector stay together."""
    sch = Schedule(module)
    product = sch.get_block("Y", "linear0")
    i, j, k = sch.get_loops(product)
    j_o, j_i = sch.split(j, [None, 16])
    k_o, k_i = sch.split(k, [None, 4])
    sch.reorder(i, j_o, k_o, k_i, j_i)
    init = sch.decompose_reduction(product, k_o)
    sch.parallel(j_o)
    sch.vectorize(j_i)
    sch.unroll(k_i)
    sch.vectorize(sch.get_loops(init)[-1])
    bias = sch.get_block("Z", "linear0")
    _, lane = sch.split(sch.get_loops(bias)[-1], [None, 16])
    sch.vectorize(lane)
    return sch


def test_the_symbolic_layer_keeps_its_meaning(symbolic) -> None:
    sch = schedule_linear(symbolic)
    func = sch.mod["linear0"]
    assert kinds(func) >= {ForKind.PARALLEL, ForKind.UNROLLED, ForKind.VECTORIZED}
    assert "T.where(" in func.script()
    trace_laws(sch, symbolic)
    rng = np.random.default_rng(0)
    for n, m in ((1, 1), (5, 3), (16, 8), (33, 7)):
        x, w, b = (rng.integers(-4, 5, s).astype("float32") for s in ((1, m), (n, m), (n,)))
        found = np.zeros((1, n), "float32")
        run(func, x, w, b, found)
        np.testing.assert_array_equal(found, x @ w.T + b)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_scheduled_symbolic_layer_in_its_network(
    threads, symbolic, images, labels, mlp_params, expected
) -> None:
    sch = schedule_linear(symbolic)
    vm = relax.VirtualMachine(relax.build(sch.mod, target="llvm"), pellucid.cpu())
    params = [pellucid.nd.array(mlp_params[name]) for name in ("w0", "b0", "w1", "b1")]
    before = pool.num_threads()
    pool.set_num_threads(threads)
    try:
        rows = [vm["main"](pellucid.nd.array(image[None]), *params).numpy() for image in images]
    finally:
        pool.set_num_threads(before)
    scores = np.concatenate(rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert (scores.argmax(1) == expected.argmax(1)).all()
    assert int((scores.argmax(1) == labels).sum()) == RIGHT


def test_its_vectors_are_masked(symbolic) -> None:
    sch = schedule_linear(symbolic)
    lib = relax.build(sch.mod, target="llvm -mcpu=skylake-avx512 -mtriple=x86_64-unknown-linux-gnu")
    assert "llvm.masked.store.v16f32" in lib.get_source("ll")
    assert "llvm.masked.gather.v16f32" in lib.get_source("ll")
