"""FoldConstant: operators and loop functions of constants."""

from __future__ import annotations

import numpy as np

from pellucid import relax
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext
from pellucid.relax import transform as X
from pellucid.relax.transform.fold_constant import FoldConstant
from pellucid.script import ir as I
from pellucid.script import relax as R
from tests.passes.laws import idle

WEIGHT = np.arange(6, dtype="float32").reshape(2, 3)


def weights(spread: int = 1) -> IRModule:
    """A product with a weight that is turned and doubled, and perhaps spread."""
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4, 3), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            w = bb.emit(relax.op.permute_dims(relax.const(WEIGHT)))
            w = bb.emit(relax.op.add(w, w))
            if spread > 1:
                w = bb.emit(relax.op.broadcast_to(w, (spread, 3, 2)))
            y = bb.emit_output(relax.op.matmul(x, w))
        bb.emit_func_output(y)
    return bb.get()


def operators(mod: IRModule) -> list[str]:
    values = [each.value for each in relax.analysis.all_bindings(mod["main"])]
    return [v.op.name for v in values if isinstance(v, relax.Call)]


def folded(mod: IRModule, **config) -> IRModule:
    with PassContext(config={"verify": True, **config}):
        after = FoldConstant()(mod)
        assert FoldConstant()(after) is after
    x = np.ones((4, 3), "float32")
    np.testing.assert_array_equal(run(after, x), run(mod, x))
    return after


def test_operators_of_constants() -> None:
    after = folded(weights())
    assert operators(after) == ["relax.matmul"]
    (call,) = [each.value for each in relax.analysis.all_bindings(after["main"])][:1]
    np.testing.assert_array_equal(call.args[1].data.numpy(), 2 * WEIGHT.T)


def test_loop_functions_of_constants() -> None:
    lowered = X.LegalizeOps(strict=True)(weights())
    after = folded(lowered)
    assert operators(after) == ["relax.call_tir"]
    few = folded(lowered, **{"relax.FoldConstant.max_elements": 3})
    assert few is lowered


def test_results_that_would_fill_the_program_stay() -> None:
    option = {"relax.FoldConstant.max_elements": 12}
    after = folded(weights(spread=8), **option)
    assert operators(after) == ["relax.broadcast_to", "relax.matmul"]


def test_nothing_to_fold() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                z = R.zeros((4,), "float32")
                y = R.add(x, z)
                R.output(y)
            return y

    idle(FoldConstant(), Module)
