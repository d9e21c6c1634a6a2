"""Questions about loop programs: purity, cost, common ancestors, anchors."""

from __future__ import annotations

import pytest

from pellucid import tir
from pellucid.ir.module import IRModule
from pellucid.script import from_source
from pellucid.support.errors import UnsupportedError, WellFormedError
from pellucid.tir import analysis
from pellucid.tir.function import PrimFunc

MATMUL = """
from pellucid.script import tir as T
@T.prim_func
def main(
    A: T.Buffer((8, 4), "float32"),
    B: T.Buffer((4, 6), "float32"),
    C: T.Buffer((8, 6), "float32"),
):
    D = T.alloc_buffer((8, 6), "float32")
    E = T.alloc_buffer((8, 6), "float32")
    for i, j, k in T.grid(8, 6, 4):
        with T.block("matmul"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                D[vi, vj] = T.float32(0)
            D[vi, vj] += A[vi, vk] * B[vk, vj]
    for i in range(8):
        for j in range(6):
            with T.block("double"):
                vi, vj = T.axis.remap("SS", [i, j])
                E[vi, vj] = D[vi, vj] * T.float32(2)
        for j in range(6):
            with T.block("relu"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = T.max(E[vi, vj], T.float32(0))
"""


def parse(text: str) -> PrimFunc:
    return from_source(text)


def test_flops() -> None:
    func = parse(MATMUL)
    assert analysis.estimate_tir_flops(func) == 8 * 6 * 4 * 2 + 8 * 6 + 8 * 6
    assert analysis.estimate_tir_flops(IRModule({"main": func})) == 8 * 6 * 10


def test_flops_of_unknown_sizes() -> None:
    n, i = tir.Var("n"), tir.Var("i")
    a = tir.decl_buffer((n,), "float32", "A")
    loop = tir.For(i, 0, n, "serial", tir.BufferStore(a, a[i] + 1.0, [i]))
    with pytest.raises(UnsupportedError) as caught:
        analysis.estimate_tir_flops(loop)
    assert str(caught.value) == (
        "How often the loop over 'i' runs is not known.\n"
        "  found: n\n"
        "  cure: specialize the function to constant sizes first"
    )


def test_bytes() -> None:
    func = parse(MATMUL)
    assert analysis.calculate_workspace_bytes(func) == 2 * 8 * 6 * 4
    assert analysis.calculate_workspace_bytes(func, 128) == 2 * 256
    assert analysis.calculate_allocated_bytes(func) == {"main": {"global": 384}}
    assert analysis.calculate_constant_bytes(func) == 0


def test_where_buffers_are_needed() -> None:
    func = parse(MATMUL)
    found = {
        buffer.name: scope for buffer, scope in analysis.detect_buffer_access_lca(func).items()
    }
    root = func.body.block
    outer = tir.stmt_list(root.body)[1]
    assert found == {"A": None, "B": None, "C": None, "D": root, "E": outer}


def test_an_accumulator_is_needed_around_its_reduction() -> None:
    func = parse(
        """
from pellucid.script import tir as T
@T.prim_func
def main(A: T.Buffer((8, 4), "float32")):
    D = T.alloc_buffer((8,), "float32")
    for i in range(8):
        for k in range(4):
            with T.block("sum"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    D[vi] = T.float32(0)
                D[vi] += A[vi, vk]
"""
    )
    found = {b.name: scope for b, scope in analysis.detect_buffer_access_lca(func).items()}
    assert found["D"] is func.body.block.body


def test_the_anchor() -> None:
    func = parse(MATMUL)
    anchor = analysis.find_anchor_block(IRModule({"main": func}))
    assert anchor is not None
    assert anchor.name_hint == "matmul"
    assert analysis.find_anchor_block(tir.PrimFunc([], tir.Evaluate(0))) is None


def test_purity() -> None:
    x = tir.Var("x", "int32")
    pure = tir.PrimFunc([x], tir.Evaluate(tir.ret(x + 1)), "int32")
    assert analysis.is_pure_function(pure)
    assert analysis.assert_pure_function(pure)
    func = parse(MATMUL)
    assert not analysis.is_pure_function(func)
    with pytest.raises(WellFormedError) as caught:
        analysis.assert_pure_function(func)
    assert caught.value.message == "The function is not pure: it stores into the argument 'C'."
    calls = tir.PrimFunc([], tir.Evaluate(tir.call_packed("f")))
    with pytest.raises(WellFormedError, match=r"it calls 'tir\.call_packed'"):
        analysis.assert_pure_function(calls)


def test_branches() -> None:
    func = parse(MATMUL)
    assert not analysis.has_if_then_else(func.body)
    x = tir.Var("x", "int32")
    assert analysis.has_if_then_else(tir.Evaluate(tir.if_then_else(x < 1, x, 0)))
    assert analysis.has_if_then_else(tir.IfThenElse(x < 1, tir.Evaluate(0)))


def test_equality_of_expressions() -> None:
    x, y = tir.Var("x"), tir.Var("y")
    assert analysis.expr_deep_equal(x + 1, x + 1)
    assert not analysis.expr_deep_equal(x + 1, y + 1)


def test_memory_is_reachable() -> None:
    assert analysis.verify_memory(parse(MATMUL))
