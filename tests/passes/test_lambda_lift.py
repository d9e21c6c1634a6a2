"""LambdaLift: local functions become private functions of the module, closures explicit."""

from __future__ import annotations

import numpy as np

from pellucid import relax
from pellucid.interp import run
from pellucid.relax.transform import LambdaLift
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from tests.passes.laws import check, idle


def test_a_function_that_captures_nothing_gets_a_name() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            @R.function
            def inner(y: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
                z = R.call_dps_packed("f", (y,), R.Tensor((4,), "float32"))
                return z

            a = inner(x)
            b = inner(a)
            return b

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def main_inner(y: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            z = R.call_dps_packed("f", (y,), R.Tensor((4,), "float32"))
            return z

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            a = cls.main_inner(x)
            b = cls.main_inner(a)
            return b

    check(LambdaLift(), Before, Expected)


def test_captured_values_become_the_last_parameters() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
            n = T.int64()

            @R.function
            def inner(y: R.Tensor(("m",), "float32")) -> R.Tensor(("m",), "float32"):
                m = T.int64()
                z = R.call_dps_packed("f", (y, x), R.Tensor((m,), "float32"))
                return z

            a = inner(x)
            return a

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def main_inner(y: R.Tensor(("m",), "float32"), x: R.Tensor(("n",), "float32")) -> R.Tensor(
            ("m",), "float32"
        ):
            m = T.int64()
            z = R.call_dps_packed("f", (y, x), R.Tensor((m,), "float32"))
            return z

        @R.function
        def main(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
            n = T.int64()
            cls = Expected
            inner = R.make_closure(cls.main_inner, (x,))
            a = R.invoke_pure_closure(inner, (x,), sinfo_args=R.Tensor((n,), "float32"))
            return a

    check(LambdaLift(), Before, Expected)


def test_a_captured_dimension_travels_as_a_shape() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n",), "float32")) -> R.Shape(["n"]):
            n = T.int64()

            @R.function
            def size() -> R.Shape([n]):
                return R.shape([n])

            s = size()
            return s

    after = LambdaLift()(Module)
    lifted = after["main_size"]
    assert [param.name_hint for param in lifted.params] == ["captured_shape"]
    assert relax.analysis.well_formed(after)
    assert tuple(run(after, np.zeros(3, "float32"))) == (3,)
    idle(LambdaLift(), after)


def test_recursion_through_a_closure() -> None:
    @I.ir_module
    class Module:
        @T.prim_func(private=True)
        def halve(A: T.Buffer((), "int32"), B: T.Buffer((), "int32")):
            B[()] = A[()] // 2

        @T.prim_func(private=True)
        def positive(A: T.Buffer((), "int32"), B: T.Buffer((), "bool")):
            B[()] = A[()] > 0

        @R.function
        def main(x: R.Tensor((), "int32"), last: R.Tensor((), "int32")) -> R.Tensor((), "int32"):
            cls = Module

            @R.function
            def walk(y: R.Tensor((), "int32")) -> R.Tensor((), "int32"):
                more = R.call_tir(cls.positive, (y,), R.Tensor((), "bool"))
                if more:
                    half = R.call_tir(cls.halve, (y,), R.Tensor((), "int32"))
                    r = walk(half)
                else:
                    r = last
                return r

            a = walk(x)
            return a

    x, last = np.int32(40), np.int32(7)
    before = run(Module, np.array(x), np.array(last))
    after = LambdaLift()(Module)
    assert relax.analysis.well_formed(after)
    assert int(before) == int(run(after, np.array(x), np.array(last))) == 7
    names = [gvar.name_hint for gvar in after]
    assert names == ["halve", "positive", "main", "main_walk"]
    idle(LambdaLift(), after)


def test_local_functions_inside_local_functions() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            @R.function
            def outer(y: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
                @R.function
                def inner(z: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
                    t = (y, z, x)
                    return t[2]

                b = inner(y)
                return b

            a = outer(x)
            return a

    x = np.array([1, 2], "float32")
    after = LambdaLift()(Module)
    assert relax.analysis.well_formed(after)
    np.testing.assert_array_equal(run(after, x), x)
    local = [
        node
        for function in after.values()
        for node in relax.analysis.all_bindings(function)
        if isinstance(node.value, relax.Function)
    ]
    assert local == []
