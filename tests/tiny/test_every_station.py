"""One small model through every station: script, interpreter, lowering, machine code, file.

The model is `relu(x @ w.T)` with every size symbolic. All of it runs in a few seconds, so that it
can run at every commit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid import interp
from pellucid.driver.pipeline import lower_stages
from pellucid.ir import structural_equal
from pellucid.runtime.executable import Executable
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class Layer:
    @T.prim_func
    def dense(x: T.handle, w: T.handle, y: T.handle):
        n, m, k = T.int64(), T.int64(), T.int64()
        X = T.match_buffer(x, (n, k), "float32")
        W = T.match_buffer(w, (m, k), "float32")
        Y = T.match_buffer(y, (n, m), "float32")
        for i, j, r in T.grid(n, m, k):
            with T.block("dense"):
                vi, vj, vr = T.axis.remap("SSR", [i, j, r])
                with T.init():
                    Y[vi, vj] = T.float32(0)
                Y[vi, vj] = Y[vi, vj] + X[vi, vr] * W[vj, vr]

    @T.prim_func
    def relu(x: T.handle, y: T.handle):
        n, m = T.int64(), T.int64()
        X = T.match_buffer(x, (n, m), "float32")
        Y = T.match_buffer(y, (n, m), "float32")
        for i, j in T.grid(n, m):
            with T.block("relu"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = T.max(X[vi, vj], T.float32(0))

    @R.function
    def main(x: R.Tensor(("n", "k"), "float32"), w: R.Tensor(("m", "k"), "float32")):
        n, m = T.int64(), T.int64()
        cls = Layer
        with R.dataflow():
            product = R.call_tir(cls.dense, (x, w), out_sinfo=R.Tensor((n, m), "float32"))
            result = R.call_tir(cls.relu, (product,), out_sinfo=R.Tensor((n, m), "float32"))
            R.output(result)
        return result


X = np.arange(-6, 6, dtype="float32").reshape(3, 4)
W = np.array([[1, -1, 2, 0], [0, 3, -1, 1]], dtype="float32")
# Small whole numbers: every order of adding them gives the same float.
EXPECTED = np.maximum(X @ W.T, 0)


@pytest.fixture(scope="module")
def executable() -> Executable:
    return pellucid.relax.build(Layer, target="llvm")


def test_print_and_parse() -> None:
    again = pellucid.script.from_source(Layer.script(show_meta=True))
    assert structural_equal(again, Layer)


def test_interpreter() -> None:
    assert np.array_equal(np.asarray(interp.run(Layer, X, W)), EXPECTED)


def test_each_lowering_stage_keeps_the_result() -> None:
    function = Layer["dense"]
    for stage in lower_stages():
        function = stage(function)
        result = np.full((3, 2), np.nan, "float32")
        interp.run(function, X, W, result)
        assert np.array_equal(result, X @ W.T)


def test_loop_function_alone() -> None:
    kernels = pellucid.build(Layer["dense"], target="llvm")
    result = pellucid.nd.empty((3, 2), "float32")
    kernels["dense"](pellucid.nd.array(X), pellucid.nd.array(W), result)
    assert np.array_equal(result.numpy(), X @ W.T)


def test_virtual_machine(executable: Executable) -> None:
    machine = pellucid.relax.VirtualMachine(executable, pellucid.cpu())
    assert np.array_equal(machine["main"](X, W).numpy(), EXPECTED)


def test_texts(executable: Executable) -> None:
    assert "define" in executable.get_source("ll")
    assert "main" in executable.get_source("asm")


def test_saved_and_loaded(executable: Executable, tmp_path: Path) -> None:
    executable.save(tmp_path / "layer")
    machine = pellucid.relax.VirtualMachine(Executable.load(tmp_path / "layer"), pellucid.cpu())
    assert np.array_equal(machine["main"](X, W).numpy(), EXPECTED)
