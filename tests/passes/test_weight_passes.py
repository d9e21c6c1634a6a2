"""Passes over weights and shapes: CombineParallelMatmul, FoldBatchnormToConv2D,
LiftTransformParams, RewriteDataflowReshape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import relax
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax import transform as X
from pellucid.relax.transform.combine_parallel_matmul import CombineParallelMatmul
from pellucid.relax.transform.fold_batchnorm_to_conv2d import FoldBatchnormToConv2D
from pellucid.relax.transform.lift_transform_params import LiftTransformParams
from pellucid.relax.transform.rewrite_dataflow_reshape import RewriteDataflowReshape
from pellucid.script import ir as I
from pellucid.script import relax as R
from tests.passes.laws import check, idle


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype("float32")


def as_list(value: Any) -> list[np.ndarray]:
    return list(value) if isinstance(value, tuple | list) else [value]


def close(before: IRModule, after: IRModule, *args: np.ndarray) -> None:
    for x, y in zip(as_list(run(after, *args)), as_list(run(before, *args)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def checked(the_pass: Pass, mod: IRModule) -> IRModule:
    with PassContext(config={"verify": True}):
        after = the_pass(mod)
    assert the_pass(after) is after
    return after


def operators(mod: IRModule, name: str = "main") -> list[str]:
    values = [each.value for each in relax.analysis.all_bindings(mod[name])]
    return [v.op.name.removeprefix("relax.") for v in values if isinstance(v, relax.Call)]


@I.ir_module
class Parallel:
    @R.function
    def main(
        x: R.Tensor((2, 4), "float32"),
        w: R.Tensor((4, 3), "float32"),
        v: R.Tensor((4, 5), "float32"),
    ) -> R.Tuple(R.Tensor((2, 3), "float32"), R.Tensor((2, 5), "float32")):
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.matmul(x, v)
            R.output(a, b)
        return (a, b)


@I.ir_module
class Combined:
    @R.function
    def main(
        x: R.Tensor((2, 4), "float32"),
        w: R.Tensor((4, 3), "float32"),
        v: R.Tensor((4, 5), "float32"),
    ) -> R.Tuple(R.Tensor((2, 3), "float32"), R.Tensor((2, 5), "float32")):
        with R.dataflow():
            weights = R.concat((w, v), axis=1)
            combined = R.matmul(x, weights)
            parts = R.split(combined, indices_or_sections=[3], axis=1)
            a = parts[0]
            b = parts[1]
            R.output(a, b)
        return (a, b)


def test_matmuls_of_one_value_are_combined() -> None:
    check(CombineParallelMatmul(), Parallel, Combined)
    close(Parallel, Combined, random(2, 4), random(4, 3), random(4, 5))
    idle(CombineParallelMatmul(check=lambda data, weights: False), Parallel)


def test_a_weight_that_comes_later_is_not_combined() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
            (4, 4), "float32"
        ):
            with R.dataflow():
                a = R.matmul(x, w)
                b = R.matmul(x, a)
                R.output(b)
            return b

    idle(CombineParallelMatmul(), Module)


def convolution(layout: str = "NCHW", training: bool = False, twice: bool = False) -> IRModule:
    kernel = {"NCHW": "OIHW", "NHWC": "HWIO"}[layout]
    axis = layout.index("C")
    extents = {"N": 1, "C": 2, "H": 5, "W": 5, "O": 3, "I": 2}
    data = [extents[letter] for letter in layout]
    sizes = {**extents, "H": 3, "W": 3}
    weight = relax.const(random(*[sizes[letter] for letter in kernel]))
    moments = [relax.const(random(3) ** 2 + 0.5) for _ in range(4)]
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo(data, "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            y = bb.emit(
                relax.op.nn.conv2d(x, weight, data_layout=layout, kernel_layout=kernel, padding=1)
            )
            z = bb.emit(relax.op.nn.batch_norm(y, *moments, axis=axis, training=training))
            z = bb.emit(relax.TupleGetItem(z, 0))
            z = bb.emit(relax.op.nn.relu(z))
            out = bb.emit_output(relax.op.add(z, y) if twice else z)
        bb.emit_func_output(out)
    return bb.get()


def test_a_batch_norm_goes_into_the_convolution() -> None:
    for layout in ("NCHW", "NHWC"):
        before = convolution(layout)
        after = checked(FoldBatchnormToConv2D(), before)
        assert operators(after) == ["nn.conv2d", "add", "nn.relu"]
        shape = [int(each) for each in before["main"].params[0].struct_info.shape.values]
        close(before, after, random(*shape))


def test_a_batch_norm_that_cannot_be_folded() -> None:
    idle(FoldBatchnormToConv2D(), convolution(training=True))
    idle(FoldBatchnormToConv2D(), convolution(twice=True))


@I.ir_module
class Weights:
    @R.function
    def main(
        x: R.Tensor((2, 4), "float32"), w: R.Tensor((3, 4), "float32"), b: R.Tensor((3,), "float32")
    ) -> R.Tensor((2, 3), "float32"):
        R.func_attr({"num_input": 1})
        with R.dataflow():
            t = R.permute_dims(w, axes=[1, 0])
            s = R.add(t, t)
            a = R.matmul(x, s)
            c = R.add(a, b)
            R.output(c)
        return c


@I.ir_module
class Lifted:
    @R.function
    def main(
        x: R.Tensor((2, 4), "float32"), b: R.Tensor((3,), "float32"), s: R.Tensor((4, 3), "float32")
    ) -> R.Tensor((2, 3), "float32"):
        R.func_attr({"num_input": 1})
        with R.dataflow():
            a = R.matmul(x, s)
            c = R.add(a, b)
            R.output(c)
        return c

    @R.function
    def main_transform_params(
        params: R.Tuple(R.Tensor((3, 4), "float32"), R.Tensor((3,), "float32")),
    ) -> R.Tuple(R.Tensor((3,), "float32"), R.Tensor((4, 3), "float32")):
        with R.dataflow():
            w = params[0]
            b = params[1]
            t = R.permute_dims(w, axes=[1, 0])
            s = R.add(t, t)
            result = (b, s)
            R.output(result)
        return result


def test_what_depends_on_weights_alone_is_lifted() -> None:
    check(LiftTransformParams(), Weights, Lifted)
    x, w, b = random(2, 4), random(3, 4), random(3)
    prepared = run(Lifted, (w, b), name="main_transform_params")
    np.testing.assert_array_equal(run(Lifted, x, *prepared), run(Weights, x, w, b))
    idle(LiftTransformParams(), Parallel)


@I.ir_module
class Shapes:
    @R.function
    def main(x: R.Tensor((2, 6), "float32")) -> R.Tensor((3, 4), "float32"):
        with R.dataflow():
            a = R.reshape(x, (3, 4))
            b = R.permute_dims(a, axes=[1, 0])
            c = R.reshape(b, (4, 3, 1))
            d = R.reshape(c, (3, 4))
            R.output(d)
        return d


def test_reshapes_are_found_again() -> None:
    lowered = X.LegalizeOps()(Shapes)
    assert set(operators(lowered)) == {"call_tir"}
    after = checked(RewriteDataflowReshape(), lowered)
    # The transpose moves elements.
    assert operators(after) == ["reshape", "call_tir", "reshape", "reshape"]
    close(Shapes, after, random(2, 6))
