"""Normalize, CanonicalizeBindings, DeadCodeElimination, EliminateCommonSubexpr."""

from __future__ import annotations

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.relax import transform as X
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from tests.passes.laws import check, idle

INFO = relax.TensorStructInfo((4,), "float32")


def packed(name: str, *args: relax.Expr) -> relax.Call:
    return relax.call_dps_packed(name, args, INFO)


def test_normalize() -> None:
    x = relax.Var("x", INFO)
    nested = packed("f", packed("g", x), relax.TupleGetItem(relax.Tuple([x, packed("h", x)]), 1))
    before = IRModule({"main": relax.Function([x], nested, INFO, attrs={"global_symbol": "main"})})

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            g = R.call_dps_packed("g", (x,), R.Tensor((4,), "float32"))
            h = R.call_dps_packed("h", (x,), R.Tensor((4,), "float32"))
            f = R.call_dps_packed("f", (g, h), R.Tensor((4,), "float32"))
            return f

    after = X.Normalize()(before)
    assert_structural_equal(after, Expected)
    idle(X.Normalize(), after)
    assert not relax.analysis.well_formed(before)


def test_normalize_flattens_sequences_and_drops_empty_blocks() -> None:
    x, a, b = (relax.Var(name, INFO) for name in "xab")
    inner = relax.SeqExpr([relax.BindingBlock([relax.VarBinding(a, packed("g", x))])], a)
    blocks = [
        relax.DataflowBlock(()),
        relax.BindingBlock([relax.VarBinding(b, inner)]),
        relax.BindingBlock(()),
    ]
    function = relax.Function([x], relax.SeqExpr(blocks, b), INFO)
    after = X.Normalize()(IRModule({"main": function}))["main"]
    (block,) = after.body.blocks
    assert [binding.var for binding in block.bindings] == [a, b]
    assert relax.analysis.well_formed(after)


def test_canonicalize_bindings() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                y = x
                a = R.call_dps_packed("f", (y,), R.Tensor((4,), "float32"))
                t = (a, y)
                b = t[0]
                c = R.match_cast(b, R.Tensor((4,), "float32"))
                d = R.call_dps_packed("g", (c, t[1]), R.Tensor((4,), "float32"))
                e = d
                R.output(e)
            out = e
            return out

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                t = (a, x)
                e = R.call_dps_packed("g", (a, x), R.Tensor((4,), "float32"))
                R.output(e)
            return e

    check(X.CanonicalizeBindings(), Before, Expected)


def test_a_match_cast_that_says_more_stays() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(ndim=1, dtype="float32")) -> R.Tensor(ndim=1, dtype="float32"):
            n = T.int64()
            y = R.match_cast(x, R.Tensor((n,), "float32"))
            return y

    idle(X.CanonicalizeBindings(), Module)


def test_dead_code_elimination() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def unused(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

        @R.function(private=True)
        def used(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

        @T.prim_func
        def exported(A: T.Buffer((4,), "float32")):
            A[0] = T.float32(0)

        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
                c = cls.used(x)
                R.output(b, c)
            _ = R.call_packed("log", c, sinfo_args=R.Object)
            d = R.call_pure_packed("f", c, sinfo_args=R.Object)
            return x

    @I.ir_module
    class Expected:
        @R.function(private=True)
        def used(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

        @T.prim_func
        def exported(A: T.Buffer((4,), "float32")):
            A[0] = T.float32(0)

        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            with R.dataflow():
                c = cls.used(x)
                R.output(c)
            _ = R.call_packed("log", c, sinfo_args=R.Object)
            return x

    check(X.DeadCodeElimination(), Before, Expected)
    kept = X.DeadCodeElimination(["unused"])(Before)
    assert [gvar.name_hint for gvar in kept] == ["unused", "used", "exported", "main"]


def test_functions_reached_by_their_symbol_stay() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def kernel(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            B[0] = A[0]

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            a = R.call_dps_packed("kernel", (x,), R.Tensor((4,), "float32"))
            return a

    assert relax.analysis.reachable(Module, ["main"]) == {"main", "kernel"}
    idle(X.DeadCodeElimination(), Module)


def test_branches_are_cleaned() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            if x:
                a = R.call_pure_packed("f", x, sinfo_args=R.Tensor((), "bool"))
                b = R.call_pure_packed("g", x, sinfo_args=R.Tensor((), "bool"))
                r = b
            else:
                r = x
            return r

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            if x:
                b = R.call_pure_packed("g", x, sinfo_args=R.Tensor((), "bool"))
                r = b
            else:
                r = x
            return r

    check(X.DeadCodeElimination(), Before, Expected)


def test_eliminate_common_subexpr() -> None:
    @I.ir_module
    class Before:
        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tuple(R.Tensor((4,), "float32"), R.Object):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                c = R.call_dps_packed("g", (a, b), R.Tensor((4,), "float32"))
                R.output(c)
            d = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            e = R.call_dps_packed("g", (d, d), R.Tensor((4,), "float32"))
            p = R.call_packed("tick", sinfo_args=R.Object)
            q = R.call_packed("tick", sinfo_args=R.Object)
            return (e, q)

    @I.ir_module
    class Expected:
        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tuple(R.Tensor((4,), "float32"), R.Object):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                c = R.call_dps_packed("g", (a, a), R.Tensor((4,), "float32"))
                R.output(c)
            d = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            e = R.call_dps_packed("g", (d, d), R.Tensor((4,), "float32"))
            p = R.call_packed("tick", sinfo_args=R.Object)
            q = R.call_packed("tick", sinfo_args=R.Object)
            return (e, q)

    check(X.EliminateCommonSubexpr(), Before, Expected)


def test_what_a_branch_computes_is_not_known_outside() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(c: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            if c:
                a = R.call_dps_packed("f", (c,), R.Tensor((), "bool"))
                r = a
            else:
                r = c
            d = R.call_dps_packed("f", (c,), R.Tensor((), "bool"))
            return d

    idle(X.EliminateCommonSubexpr(), Module)


def test_a_second_name_that_is_handed_out() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
                c = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                R.output(b, c)
            d = R.call_dps_packed("h", (b, c), R.Tensor((4,), "float32"))
            return d

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
                c = a
                R.output(b, c)
            d = R.call_dps_packed("h", (b, c), R.Tensor((4,), "float32"))
            return d

    check(X.EliminateCommonSubexpr(), Before, Expected)
