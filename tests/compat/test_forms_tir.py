"""Rows of the table of forms: loop functions and schedules."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid.support.errors import PellucidError
from tests.compat.rows import row

import tvm  # isort: skip
from tvm import te, tir, topi  # isort: skip
from tvm.script import ir as I  # isort: skip
from tvm.script import tir as T  # isort: skip
from tvm.script import tirx as X  # isort: skip


def matmul() -> tir.PrimFunc:
    @T.prim_func
    def main(a: T.handle, b: T.handle, c: T.handle):
        T.func_attr({"global_symbol": "main", "tir.noalias": True})
        A = T.match_buffer(a, (16, 16))
        B = T.match_buffer(b, (16, 16), "float32")
        C = T.match_buffer(c, (16, 16), "float32")
        for i, j, k in T.grid(16, 16, 16):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    return main


def run(func, *shapes, out=(16, 16)):
    rng = np.random.default_rng(0)
    arrays = [tvm.nd.array(rng.random(each, dtype="float32")) for each in shapes]
    result = tvm.nd.empty(out)
    tvm.build(func, target="llvm")["main"](*arrays, result)
    return [each.numpy() for each in arrays], result.numpy()


def check_matmul(func) -> None:
    (a, b), c = run(func, (16, 16), (16, 16))
    np.testing.assert_allclose(c, a @ b, rtol=1e-5)


@row(
    "1.2-prim-func", "1.2-match-buffer", "1.2-func-attr", "1.2-grid", "1.2-block", "1.2-remap",
    "1.2-init", "1.2-reads-writes", "1.2-constants", "1.2-operators",
)  # fmt: skip
def test_loop_functions() -> None:
    func = matmul()
    assert isinstance(func, tir.PrimFunc)
    assert func.attrs["global_symbol"] == "main"
    assert func.buffer_map[func.params[0]].dtype == "float32"
    check_matmul(func)

    @I.ir_module
    class Module:
        @T.prim_func
        def empty(A: T.Buffer((8,), "int32")):
            with T.block("root"):
                T.reads()
                T.writes()
                for i in T.grid(8):
                    with T.block(""):
                        vi = T.axis.spatial(8, i)
                        T.reads()
                        T.writes(A[vi])
                        A[vi] = vi // 3 + vi % 3

    block = Module["empty"].body.block.body.body.block
    assert list(block.reads) == []
    out = tvm.nd.empty((8,), "int32")
    tvm.build(Module, target="llvm")["empty"](out)
    assert out.numpy().tolist() == [i // 3 + i % 3 for i in range(8)]


@row("1.2-buffer-subscript")
def test_buffer_subscript() -> None:
    @T.prim_func
    def one(x: T.Buffer[(1, 128), "float32"], y: T.Buffer[128, "float32"]):
        T.evaluate(0)

    @T.prim_func
    def two(x: T.Buffer[128, 128], y: T.Buffer[(2, 3)]):
        T.evaluate(0)

    shapes = [list(one.buffer_map[p].shape) for p in one.params]
    shapes += [list(two.buffer_map[p].shape) for p in two.params]
    assert [[int(e) for e in shape] for shape in shapes] == [[1, 128], [128], [128, 128], [2, 3]]


@row("1.2-buffer-call", "1.2-alloc-buffer", "1.2-fresh-size", "1.2-max", "1.2-axis")
def test_symbolic_loop_functions() -> None:
    @T.prim_func
    def main(x: T.handle, c: T.Buffer((1,), "float32"), y: T.handle):
        m, n = T.int64(), T.int64()
        X = T.match_buffer(x, (m, n), "float32")
        Y = T.match_buffer(y, (m, n), "float32")
        Z = T.alloc_buffer((m, n), "float32")
        for i, j in T.grid(m, n):
            with T.block("Z"):
                vi = T.axis.S(m, i)
                vj = T.axis.spatial(n, j)
                Z[vi, vj] = X[vi, vj] - c[0]
        for i, j in T.grid(m, n):
            with T.block("Y"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = T.max(Z[vi, vj], T.float32(0))

    (x, c), y = run(main, (3, 5), (1,), out=(3, 5))
    np.testing.assert_allclose(y, np.maximum(x - c, 0))

    @T.prim_func
    def total(x: T.Buffer((4,), "float32"), y: T.Buffer((1,), "float32")):
        for i in range(4):
            with T.block("Y"):
                vi = T.axis.reduce(4, i)
                with T.init():
                    y[0] = T.float32(0)
                y[0] = y[0] + x[vi]

    sch = tvm.tir.Schedule(total)
    (iter_var,) = sch.get(sch.get_block("Y")).iter_vars
    assert iter_var.iter_type == tir.IterVar.CommReduce


@row("1.2-loop-kinds")
def test_loop_kinds() -> None:
    @T.prim_func
    def main(x: T.Buffer((4, 4, 4, 4), "float32"), y: T.Buffer((4, 4, 4, 4), "float32")):
        for i in T.parallel(4):
            for j in T.serial(4):
                for k in T.unroll(4):
                    for m in T.vectorized(4):
                        with T.block("y"):
                            vi, vj, vk, vl = T.axis.remap("SSSS", [i, j, k, m])
                            y[vi, vj, vk, vl] = x[vi, vj, vk, vl] + T.float32(1)

    (x,), y = run(main, (4, 4, 4, 4), out=(4, 4, 4, 4))
    np.testing.assert_allclose(y, x + 1)


@row("3-shadowed-loop", "3-mixed-dtypes")
def test_shadowed_and_mixed() -> None:
    @T.prim_func
    def main(x: T.handle, w: T.handle, y: T.handle):
        m, n, k = T.int64(), T.int64(), T.int64()
        X = T.match_buffer(x, (1, m), "float32")
        W = T.match_buffer(w, (n, m), "float32")
        Y = T.match_buffer(y, (1, n), "float32")
        for i, j, k in T.grid(1, n, m):
            with T.block("Y"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    Y[vi, vj] = T.float32(0)
                Y[vi, vj] = Y[vi, vj] + X[vi, vk] * W[vj, vk]

    (x, w), y = run(main, (1, 6), (5, 6), out=(1, 5))
    np.testing.assert_allclose(y, x @ w.T, rtol=1e-5)


@row("4-t-var")
def test_t_var() -> None:
    @T.prim_func
    def copy(a: T.handle, b: T.handle):
        n = T.var("int64")
        A = T.match_buffer(a, (n,))
        B = T.match_buffer(b, (n,))
        for i in range(n):
            with T.block("B"):
                vi = T.axis.S(n, i)
                B[vi] = A[vi]

    assert copy.buffer_map[copy.params[0]].shape[0].dtype == "int64"


@row("4-t-ptr")
def test_t_ptr() -> None:
    @T.prim_func
    def pointed(p: T.Ptr["float32"], y: T.Buffer((4,), "float32")):
        P = T.Buffer((4,), "float32", data=p)
        for i in range(4):
            y[i] = P[i]

    assert pointed.params[0].type_annotation.element_type.dtype == "float32"


@row("4-tirx", "4-sblock", "1.7-s-tir-schedule", "1.7-get-sblock")
def test_later_names() -> None:
    @X.prim_func(s_tir=True)
    def main(A: X.Buffer((16, 16), "float32"), C: X.Buffer((16, 16), "float32")):
        B = X.sblock_alloc_buffer((16, 16), "float32")
        for i, j in X.grid(16, 16):
            with X.sblock("B"):
                vi, vj = X.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * X.float32(2)
        for i, j in X.grid(16, 16):
            with X.sblock("C"):
                vi, vj = X.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] + X.float32(1)

    assert tvm.tirx.PrimFunc is tir.PrimFunc
    assert tvm.s_tir.SBlock is tir.Block
    sch = tvm.s_tir.Schedule(main)
    sch.compute_inline(sch.get_sblock("B"))
    assert len(sch.get_child_blocks(sch.get_sblock("root"))) == 1
    (a,), c = run(sch.mod, (16, 16))
    np.testing.assert_allclose(c, 2 * a + 1)


# Schedules.


@row("1.7-schedule", "1.7-get-block", "1.7-get-loops", "1.7-mod", "2-irmodule")
def test_schedules_of_functions_and_modules() -> None:
    func = matmul()
    for mod in (func, tvm.IRModule({"main": func}), tvm.IRModule.from_expr(func)):
        sch = tvm.tir.Schedule(mod)
        block = sch.get_block("C")
        assert len(sch.get_loops(block)) == len(sch.get_loops("C")) == 3
        assert sch.get(sch.get_block(name="C", func_name="main")).name_hint == "C"
        tvm.ir.assert_structural_equal(sch.mod["main"], func)
    with pytest.raises(PellucidError):
        sch.get_block("D")


@row("1.7-exercise", "1.7-inline-fuse", "2-trace")
def test_exercise_primitives() -> None:
    sch = tvm.tir.Schedule(matmul())
    block = sch.get_block("C")
    i, j, k = sch.get_loops(block)
    j0, j1 = sch.split(j, factors=[None, 4])
    sch.reorder(i, j0, k, j1)
    sch.decompose_reduction(block, k)
    sch.parallel(sch.fuse(i, j0))
    sch.vectorize(j1)
    sch.unroll(k)
    check_matmul(sch.mod)
    text = str(sch.trace)
    assert "split" in text
    assert "decompose_reduction" in text


@row("2-sample", "2-annotate")
def test_sampling() -> None:
    sch = tvm.tir.Schedule(matmul(), seed=1)
    i, _, _ = sch.get_loops("C")
    factors = sch.sample_perfect_tile(i, n=2)
    sch.split(i, factors=factors)
    sch.annotate(sch.get_loops("C")[0], "pragma_auto_unroll_max_step", 16)
    assert sch.get(factors[0]) * sch.get(factors[1]) == 16
    check_matmul(sch.mod)


@row("2-bind")
def test_binding_threads() -> None:
    sch = tvm.tir.Schedule(matmul())
    i, j, _ = sch.get_loops("C")
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    assert "threadIdx.x" in sch.mod.script()


@row("2-cache", "2-compute-at")
def test_caches() -> None:
    sch = tvm.tir.Schedule(matmul())
    block = sch.get_block("C")
    i, j, _ = sch.get_loops(block)
    sch.reverse_compute_at(sch.cache_write(block, 0, "global"), j)
    sch.compute_at(sch.cache_read(block, 1, "global"), i)
    check_matmul(sch.mod)


@row("2-blockize", "2-tensorize")
def test_tensorize() -> None:
    @T.prim_func
    def dot_desc(a: T.handle, b: T.handle, c: T.handle):
        A = T.match_buffer(a, (16,), offset_factor=1)
        B = T.match_buffer(b, (16,), offset_factor=1, strides=[T.int32()])
        C = T.match_buffer(c, (1,), offset_factor=1)
        with T.block("root"):
            T.reads(C[0], A[0:16], B[0:16])
            T.writes(C[0])
            for k in range(16):
                with T.block("update"):
                    vk = T.axis.R(16, k)
                    C[0] = C[0] + A[vk] * B[vk]

    sch = tvm.tir.Schedule(matmul())
    _, j, _ = sch.get_loops("C")
    outer = sch.blockize(j)
    assert len(sch.get_loops(outer)) == 1
    tir.TensorIntrin.register("test.compat.dot", dot_desc, dot_desc, override=True)
    assert tir.TensorIntrin.get("test.compat.dot").desc is dot_desc
    check_matmul(sch.mod)


@row("2-te", "1.5-te-max", "1.5-topi", "2-structural-equal")
def test_tensor_expressions() -> None:
    A = te.placeholder((16, 16), name="A", dtype="float32")
    B = te.placeholder((16, 16), name="B", dtype="float32")
    k = te.reduce_axis((0, 16), name="k")
    C = te.compute((16, 16), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    func = te.create_prim_func([A, B, C])
    check_matmul(func)
    tvm.ir.assert_structural_equal(func, te.create_prim_func([A, B, C]))

    relu = te.compute(shape=(16, 16), fcompute=lambda i, j: te.max(A[i, j], 0), name="R")
    (a,), r = run(te.create_prim_func([A, relu]), (16, 16))
    np.testing.assert_allclose(r, np.maximum(a, 0))

    X = te.placeholder((1, 1, 8, 8), name="X")
    W = te.placeholder((2, 1, 3, 3), name="W")
    conv = topi.nn.conv2d(X, W, 1, 0, 1)
    pool = topi.nn.pool2d(topi.nn.relu(conv), (2, 2), (2, 2), (1, 1), (0, 0, 0, 0), "max")
    flat = topi.nn.flatten(pool)
    dense = topi.nn.softmax(topi.nn.dense(flat, te.placeholder((10, 18), name="D")))
    assert [int(each) for each in dense.shape] == [1, 10]
    script = te.create_prim_func([X, W, conv]).script()
    assert 'T.block("conv2d_nchw")' in script
    assert "rc" in script
    assert topi.add(A, B).shape is not None
    assert topi.transpose(topi.nn.matmul(A, B)).ndim == 2
    assert pellucid.te.Tensor is te.Tensor
