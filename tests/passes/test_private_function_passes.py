"""ExpandTupleArguments, RemoveUnusedParameters, RemoveUnusedOutputs, InlinePrivateFunctions, and
the passes over names: AttachGlobalSymbol, NormalizeGlobalVar, UpdateParamStructInfo.
"""

from __future__ import annotations

from pellucid import relax
from pellucid.relax import transform as X
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from tests.passes.laws import check, idle


def test_expand_tuple_arguments() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def inner(
            t: R.Tuple(R.Tensor((4,), "float32"), R.Tuple(R.Tensor((2,), "float32"))),
        ) -> R.Tensor((4,), "float32"):
            a = t[0]
            u = t[1]
            b = u[0]
            c = R.call_dps_packed("f", (a, b), R.Tensor((4,), "float32"))
            return c

        @R.function
        def main(x: R.Tensor((4,), "float32"), u: R.Tuple(R.Tensor((2,), "float32"))) -> R.Tensor(
            (4,), "float32"
        ):
            cls = Before
            r = cls.inner((x, u))
            return r

    after = X.ExpandTupleArguments()(Before)
    assert relax.analysis.well_formed(after)
    assert [param.name_hint for param in after["inner"].params] == ["t_0", "t_1_0"]
    (block,) = after["main"].body.blocks
    assert [type(binding.value).__name__ for binding in block.bindings] == ["TupleGetItem", "Call"]
    idle(X.ExpandTupleArguments(), after)


def test_remove_unused_parameters() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def inner(
            x: R.Tensor((4,), "float32"), y: R.Tensor(("n",), "float32"), s: R.Shape(["m"])
        ) -> R.Tensor(("m",), "float32"):
            m = T.int64()
            c = R.call_dps_packed("f", (x,), R.Tensor((m,), "float32"))
            return c

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((5,), "float32"):
            cls = Before
            r = cls.inner(x, x, R.shape([5]))
            return r

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def inner(x: R.Tensor((4,), "float32"), s: R.Shape(["m"])) -> R.Tensor(("m",), "float32"):
            m = T.int64()
            c = R.call_dps_packed("f", (x,), R.Tensor((m,), "float32"))
            return c

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((5,), "float32"):
            cls = Expected
            r = cls.inner(x, R.shape([5]))
            return r

    check(X.RemoveUnusedParameters(), Before, Expected)


def test_a_function_that_is_passed_around_keeps_its_signature() -> None:
    @I.ir_module
    class Module:
        @R.function(private=True)
        def inner(x: R.Tensor((4,), "float32"), y: R.Tensor((4,), "float32")) -> R.Tensor(
            (4,), "float32"
        ):
            return x

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Module
            f = R.make_closure(cls.inner, (x,))
            r = R.invoke_pure_closure(f, (x,), sinfo_args=R.Tensor((4,), "float32"))
            return r

    idle(X.RemoveUnusedParameters(), Module)
    idle(X.InlinePrivateFunctions(), Module)


def test_remove_unused_outputs() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def inner(x: R.Tensor((4,), "float32")) -> R.Tuple(
            R.Tensor((4,), "float32"), R.Tensor((4,), "float32"), R.Tensor((4,), "float32")
        ):
            a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            b = R.call_dps_packed("g", (x,), R.Tensor((4,), "float32"))
            return (a, b, x)

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            t = cls.inner(x)
            b = t[1]
            return b

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def inner(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            b = R.call_dps_packed("g", (x,), R.Tensor((4,), "float32"))
            return b

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            t = cls.inner(x)
            b = t
            return b

    check(X.RemoveUnusedOutputs(), Before, Expected)


def test_inline_private_functions() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def leaf(y: R.Tensor(("k",), "float32")) -> R.Tensor(("k",), "float32"):
            k = T.int64()
            with R.dataflow():
                z = R.call_dps_packed("f", (y,), R.Tensor((k,), "float32"))
                R.output(z)
            return z

        @R.function(private=True)
        def middle(y: R.Tensor(("k",), "float32")) -> R.Tensor(("k",), "float32"):
            cls = Before
            z = cls.leaf(y)
            return z

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            with R.dataflow():
                a = cls.middle(x)
                b = cls.leaf(a)
                R.output(b)
            return b

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("f", (a,), R.Tensor((4,), "float32"))
                R.output(b)
            return b

    both = X.Sequential([X.InlinePrivateFunctions(), X.CanonicalizeBindings()])
    after = both(Before)
    assert relax.analysis.well_formed(after)
    values = [b.value for b in relax.analysis.all_bindings(after["main"])]
    wanted = [b.value for b in relax.analysis.all_bindings(Expected["main"])]
    assert [v.op for v in values] == [v.op for v in wanted]
    assert [gvar.name_hint for gvar in after] == ["main"]


def test_recursive_functions_are_not_inlined() -> None:
    @I.ir_module
    class Module:
        @R.function(private=True)
        def loop(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            cls = Module
            if x:
                y = cls.loop(x)
                r = y
            else:
                r = x
            return r

        @R.function
        def main(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            cls = Module
            r = cls.loop(x)
            return r

    idle(X.InlinePrivateFunctions(), Module)
    (group,) = relax.analysis.recursive_groups(Module)
    assert [gvar.name_hint for gvar in group] == ["loop"]


def test_attach_global_symbol() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def f(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

    @I.ir_module
    class Expected:
        @R.function
        def f(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

    check(X.AttachGlobalSymbol(), Before, Expected)


def test_normalize_global_var() -> None:
    @I.ir_module(check_well_formed=False)
    class Before:
        @R.function(private=True)
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

        @R.function
        def other(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"global_symbol": "main"})
            cls = Before
            y = cls.main(x)
            return y

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def main_1(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            y = cls.main_1(x)
            return y

    after = X.NormalizeGlobalVar()(Before)
    assert relax.analysis.well_formed(after)
    check(X.NormalizeGlobalVar(), after, Expected)


def test_update_param_struct_info() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
            y = x
            return y

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((8,), "float32")) -> R.Tensor((8,), "float32"):
            y = x
            return y

    info = relax.TensorStructInfo((8,), "float32")
    check(X.UpdateParamStructInfo(lambda param: info), Before, Expected)
    idle(X.UpdateParamStructInfo(lambda param: None), Before)
