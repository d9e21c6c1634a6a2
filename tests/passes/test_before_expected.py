"""Before and Expected of passes, next to each other: fusion of loop functions, patterns, lowering,
reshapes, constants, and what they do to signatures.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pellucid.relax import transform as X
from pellucid.relax.dpl import is_op, wildcard
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from tests.passes.laws import check, idle


@I.ir_module
class Loops:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((T.int64(8),), "float32")):
        for i in range(8):
            with T.block("step"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)

    @T.prim_func(private=True)
    def total(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((), "float32")):
        for i in range(8):
            with T.block("total"):
                vi = T.axis.reduce(8, i)
                with T.init():
                    B[()] = T.float32(0)
                B[()] = B[()] + A[vi]

    @R.function
    def main(x: R.Tensor((8,), "float32")) -> R.Tensor((), "float32"):
        cls = Loops
        with R.dataflow():
            a = R.call_tir(cls.step, (x,), R.Tensor((8,), "float32"))
            b = R.call_tir(cls.step, (a,), R.Tensor((8,), "float32"))
            c = R.call_tir(cls.total, (b,), R.Tensor((), "float32"))
            R.output(c)
        return c


@I.ir_module
class Annotated:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((T.int64(8),), "float32")):
        T.func_attr({"op_pattern": 0})
        for i in range(8):
            with T.block("step"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)

    @T.prim_func(private=True)
    def total(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((), "float32")):
        T.func_attr({"op_pattern": 3})
        for i in range(8):
            with T.block("total"):
                vi = T.axis.reduce(8, i)
                with T.init():
                    B[()] = T.float32(0)
                B[()] = B[()] + A[vi]

    @R.function
    def main(x: R.Tensor((8,), "float32")) -> R.Tensor((), "float32"):
        cls = Annotated
        with R.dataflow():
            a = R.call_tir(cls.step, (x,), R.Tensor((8,), "float32"))
            b = R.call_tir(cls.step, (a,), R.Tensor((8,), "float32"))
            c = R.call_tir(cls.total, (b,), R.Tensor((), "float32"))
            R.output(c)
        return c


@I.ir_module
class Grouped:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((T.int64(8),), "float32")):
        T.func_attr({"op_pattern": 0})
        for i in range(8):
            with T.block("step"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)

    @T.prim_func(private=True)
    def total(A: T.Buffer((T.int64(8),), "float32"), B: T.Buffer((), "float32")):
        T.func_attr({"op_pattern": 3})
        for i in range(8):
            with T.block("total"):
                vi = T.axis.reduce(8, i)
                with T.init():
                    B[()] = T.float32(0)
                B[()] = B[()] + A[vi]

    @R.function(private=True)
    def fused_step_step_total(x: R.Tensor((8,), "float32")) -> R.Tensor((), "float32"):
        R.func_attr({"Primitive": 1})
        cls = Grouped
        with R.dataflow():
            a = R.call_tir(cls.step, (x,), R.Tensor((8,), "float32"))
            b = R.call_tir(cls.step, (a,), R.Tensor((8,), "float32"))
            c = R.call_tir(cls.total, (b,), R.Tensor((), "float32"))
            R.output(c)
        return c

    @R.function
    def main(x: R.Tensor((8,), "float32")) -> R.Tensor((), "float32"):
        cls = Grouped
        with R.dataflow():
            c = cls.fused_step_step_total(x)
            R.output(c)
        return c


@I.ir_module
class Fused:
    @T.prim_func(private=True)
    def fused_step_step_total(x: T.Buffer((T.int64(8),), "float32"), y: T.Buffer((), "float32")):
        T.func_attr({"tir.noalias": True})
        a = T.alloc_buffer((T.int64(8),))
        b = T.alloc_buffer((T.int64(8),))
        for i in range(8):
            with T.block("step"):
                vi = T.axis.spatial(8, i)
                a[vi] = x[vi] + T.float32(1)
        for i in range(8):
            with T.block("step_1"):
                vi = T.axis.spatial(8, i)
                b[vi] = a[vi] + T.float32(1)
        for i in range(8):
            with T.block("total"):
                vi = T.axis.reduce(8, i)
                with T.init():
                    y[()] = T.float32(0)
                y[()] = y[()] + b[vi]

    @R.function
    def main(x: R.Tensor((8,), "float32")) -> R.Tensor((), "float32"):
        cls = Fused
        with R.dataflow():
            c = R.call_tir(cls.fused_step_step_total, (x,), R.Tensor((), "float32"))
            R.output(c)
        return c


def test_annotate_tir_op_pattern() -> None:
    check(X.AnnotateTIROpPattern(), Loops, Annotated)
    idle(X.AnnotateTIROpPattern(), Annotated)


def test_fuse_ops() -> None:
    check(X.FuseOps(), Annotated, Grouped)


def test_fuse_tir() -> None:
    check(X.FuseTIR(), Grouped, Fused)
    idle(X.FuseTIR(), Fused)


def test_bind_symbolic_vars() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor(("n", "m"), "float32")) -> R.Tensor(("m", "n"), "float32"):
            n, m = T.int64(), T.int64()
            with R.dataflow():
                a = R.permute_dims(x)
                b = R.reshape(a, (m, n))
                R.output(b)
            return b

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4, "m"), "float32")) -> R.Tensor(("m", 4), "float32"):
            m = T.int64()
            with R.dataflow():
                a = R.permute_dims(x)
                b = R.reshape(a, (m, 4))
                R.output(b)
            return b

    # The name is gone afterwards, so that a second run would be an error.
    check(X.BindSymbolicVars({"n": 4}, "main"), Before, Expected, idempotent=False)
    idle(X.BindSymbolicVars({}, "main"), Expected)


def test_expand_tuple_arguments() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def inner(
            t: R.Tuple(R.Tensor((4,), "float32"), R.Tensor((4,), "float32")),
        ) -> R.Tensor((4,), "float32"):
            a = t[0]
            b = t[1]
            c = R.add(a, b)
            return c

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            y = cls.inner((x, x))
            return y

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def inner(t_0: R.Tensor((4,), "float32"), t_1: R.Tensor((4,), "float32")) -> R.Tensor(
            (4,), "float32"
        ):
            a = t_0
            b = t_1
            c = R.add(a, b)
            return c

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            y = cls.inner(x, x)
            return y

    check(X.ExpandTupleArguments(), Before, Expected)


def test_inline_private_functions() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def inner(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            a = R.negative(x)
            b = R.add(a, x)
            return b

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            y = cls.inner(x)
            z = cls.inner(y)
            return z

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            a = R.negative(x)
            b = R.add(a, x)
            y = b
            c = R.negative(y)
            d = R.add(c, y)
            z = d
            return z

    check(X.InlinePrivateFunctions(), Before, Expected)
    idle(X.InlinePrivateFunctions(), Expected)


def test_legalize_ops() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
            with R.dataflow():
                a = R.nn.relu(x)
                R.output(a)
            return a

    @I.ir_module
    class Expected:
        @T.prim_func(private=True)
        def relu(
            x: T.Buffer((T.int64(2), T.int64(3)), "float32"),
            y: T.Buffer((T.int64(2), T.int64(3)), "float32"),
        ):
            T.func_attr({"tir.noalias": True})
            for i0, i1 in T.grid(T.int64(2), T.int64(3)):
                with T.block("compute"):
                    v_i0, v_i1 = T.axis.remap("SS", [i0, i1])
                    y[v_i0, v_i1] = T.max(x[v_i0, v_i1], T.float32(0))

        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
            cls = Expected
            with R.dataflow():
                a = R.call_tir(cls.relu, (x,), R.Tensor((2, 3), "float32"))
                R.output(a)
            return a

    check(X.LegalizeOps(), Before, Expected)
    idle(X.LegalizeOps(), Expected)


@I.ir_module
class Chain:
    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.nn.relu(a)
            c = R.matmul(b, w)
            R.output(c)
        return c


@I.ir_module
class Composite:
    @R.function(private=True)
    def fused_relax_matmul(
        x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")
    ) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.matmul", "Primitive": 1})
        with R.dataflow():
            y = R.matmul(x, w)
            R.output(y)
        return y

    @R.function(private=True)
    def fused_relax_nn_relu(x: R.Tensor((4, 4), "float32")) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.relu", "Primitive": 1})
        with R.dataflow():
            y = R.nn.relu(x)
            R.output(y)
        return y

    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        cls = Composite
        with R.dataflow():
            a = cls.fused_relax_matmul(x, w)
            b = cls.fused_relax_nn_relu(a)
            c = cls.fused_relax_matmul(b, w)
            R.output(c)
        return c


@I.ir_module
class Merged:
    @R.function(private=True)
    def fused_relax_matmul(
        x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")
    ) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.matmul", "Primitive": 1})
        with R.dataflow():
            y = R.matmul(x, w)
            R.output(y)
        return y

    @R.function(private=True)
    def fused_relax_nn_relu(x: R.Tensor((4, 4), "float32")) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.relu", "Primitive": 1})
        with R.dataflow():
            y = R.nn.relu(x)
            R.output(y)
        return y

    @R.function
    def fused_lib(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        R.func_attr({"Codegen": "lib"})
        cls = Merged
        with R.dataflow():
            a = cls.fused_relax_matmul(x, w)
            b = cls.fused_relax_nn_relu(a)
            c = cls.fused_relax_matmul(b, w)
            R.output(c)
        return c

    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        cls = Merged
        with R.dataflow():
            c = cls.fused_lib(x, w)
            R.output(c)
        return c


def test_fuse_ops_by_pattern() -> None:
    patterns = [
        ("lib.matmul", is_op("relax.matmul")(wildcard(), wildcard())),
        ("lib.relu", is_op("relax.nn.relu")(wildcard())),
    ]
    check(X.FuseOpsByPattern(patterns), Chain, Composite)
    idle(X.FuseOpsByPattern(patterns[:1]), Loops)


def test_merge_composite_functions() -> None:
    check(X.MergeCompositeFunctions(), Composite, Merged)
    idle(X.MergeCompositeFunctions(), Chain)


@I.ir_module
class Flattened:
    @T.prim_func(private=True)
    def flat(
        A: T.Buffer((T.int64(2), T.int64(3)), "float32"), B: T.Buffer((T.int64(6),), "float32")
    ):
        for i in range(6):
            with T.block("flat"):
                vi = T.axis.spatial(6, i)
                B[vi] = A[vi // 3, vi % 3]

    @T.prim_func(private=True)
    def turned(
        A: T.Buffer((T.int64(2), T.int64(3)), "float32"), B: T.Buffer((T.int64(6),), "float32")
    ):
        for i in range(6):
            with T.block("turned"):
                vi = T.axis.spatial(6, i)
                B[vi] = A[vi % 2, vi // 2]

    @R.function
    def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((6,), "float32"):
        cls = Flattened
        with R.dataflow():
            a = R.call_tir(cls.flat, (x,), R.Tensor((6,), "float32"))
            b = R.call_tir(cls.turned, (x,), R.Tensor((6,), "float32"))
            c = R.add(a, b)
            R.output(c)
        return c


def test_rewrite_dataflow_reshape() -> None:
    @I.ir_module
    class Expected:
        @T.prim_func(private=True)
        def flat(
            A: T.Buffer((T.int64(2), T.int64(3)), "float32"), B: T.Buffer((T.int64(6),), "float32")
        ):
            for i in range(6):
                with T.block("flat"):
                    vi = T.axis.spatial(6, i)
                    B[vi] = A[vi // 3, vi % 3]

        @T.prim_func(private=True)
        def turned(
            A: T.Buffer((T.int64(2), T.int64(3)), "float32"), B: T.Buffer((T.int64(6),), "float32")
        ):
            for i in range(6):
                with T.block("turned"):
                    vi = T.axis.spatial(6, i)
                    B[vi] = A[vi % 2, vi // 2]

        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((6,), "float32"):
            cls = Expected
            with R.dataflow():
                a = R.reshape(x, (6,))
                b = R.call_tir(cls.turned, (x,), R.Tensor((6,), "float32"))
                c = R.add(a, b)
                R.output(c)
            return c

    check(X.RewriteDataflowReshape(), Flattened, Expected)
    idle(X.RewriteDataflowReshape(), Expected)


ONES = np.ones((2, 2), "float32")


def test_fold_constant() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 2), "float32")) -> R.Tensor((2, 2), "float32"):
            with R.dataflow():
                a = R.add(R.const(ONES), R.const(2 * ONES))
                b = R.multiply(x, a)
                R.output(b)
            return b

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 2), "float32")) -> R.Tensor((2, 2), "float32"):
            with R.dataflow():
                b = R.multiply(x, R.const(3 * ONES))
                R.output(b)
            return b

    check(X.FoldConstant(), Before, Expected)


def test_fold_batchnorm_to_conv2d() -> None:
    weight, channel = np.ones((2, 1, 1, 1), "float32"), np.ones(2, "float32")

    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 1, 2, 2), "float32")) -> R.Tensor((1, 2, 2, 2), "float32"):
            with R.dataflow():
                a = R.nn.conv2d(x, R.const(weight))
                b = R.nn.batch_norm(
                    a,
                    R.const(6 * channel),
                    R.const(5 * channel),
                    R.const(channel),
                    R.const(4 * channel),
                    epsilon=0.0,
                )
                c = b[0]
                R.output(c)
            return c

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 1, 2, 2), "float32")) -> R.Tensor((1, 2, 2, 2), "float32"):
            with R.dataflow():
                a = R.nn.conv2d(x, R.const(3 * weight))
                c = R.add(a, R.const(np.full((1, 2, 1, 1), 2, "float32")))
                R.output(c)
            return c

    check(X.FoldBatchnormToConv2D(), Before, Expected)


def test_passes_with_nothing_to_do() -> None:
    @I.ir_module
    class Plain:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"relax.force_pure": True})
            y = x
            return y

    idle(X.AttachGlobalSymbol(), Plain)
    idle(X.KillAfterLastUse(), Plain)
    idle(X.NormalizeGlobalVar(), Plain)
    idle(X.RemovePurityChecking(), Plain)
    idle(X.RemoveUnusedOutputs(), Plain)


FOLDER = Path(__file__).parent
HELPERS = {
    *("FusionPattern", "PassContext", "PatternCheckContext", "Sequential"),
    *("dataflowblock_pass", "function_pass", "module_pass"),
}
# Normalize is given modules that no script can spell; it is compared with a script all the same.
BY_HAND = {"Normalize"}


@pytest.mark.parametrize("name", sorted(set(X.__all__) - HELPERS))
def test_every_pass_has_its_scripts_and_its_idle_case(name: str) -> None:
    text = "".join(path.read_text() for path in sorted(FOLDER.glob("test_*.py")))
    call = rf"\(\s*(?:X\.)?{name}\("
    assert re.search(rf"\bcheck{call}", text) or name in BY_HAND, "no Before and Expected"
    assert re.search(rf"\bidle{call}", text), "no module that it returns as it is"
