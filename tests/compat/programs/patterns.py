"""Programs as users of patterns write them."""

import pytest
import tvm
import tvm.testing
from tvm import relax
from tvm.relax.analysis import get_var2val
from tvm.relax.dpl import *
from tvm.relax.dpl import PatternContext, rewrite_bindings, rewrite_call
from tvm.relax.dpl.pattern import *
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tir as T


@tvm.script.ir_module
class Module:
    @T.prim_func
    def tir_matmul(x: T.handle, y: T.handle, z: T.handle) -> None:
        T.func_attr({"global_symbol": "tir_matmul"})
        k = T.int32()
        A = T.match_buffer(x, (32, 32))
        B = T.match_buffer(y, (32, 32))
        C = T.match_buffer(z, (32, 32))
        for i0, j0, k0 in T.grid(32, 32, 32):
            with T.block():
                i, j, k = T.axis.remap("SSR", [i0, j0, k0])
                with T.init():
                    C[i, j] = 0.0
                C[i, j] += A[i, k] * B[j, k]

    @T.prim_func
    def tir_relu(x: T.handle, y: T.handle):
        T.func_attr({"global_symbol": "tir_relu"})
        A = T.match_buffer(x, (32, 32))
        B = T.match_buffer(y, (32, 32))
        for i0, j0 in T.grid(32, 32):
            with T.block():
                i, j = T.axis.remap("SS", [i0, j0])
                B[i, j] = T.max(A[i, j], 0.0)

    @R.function
    def main(x: R.Tensor((32, 32), "float32"), w: R.Tensor((32, 32), "float32")) -> R.Tensor:
        cls = Module
        with R.dataflow():
            lv0 = R.call_tir(cls.tir_matmul, (x, w), R.Tensor((32, 32), dtype="float32"))
            lv1 = R.call_tir(cls.tir_relu, (lv0), R.Tensor((32, 32), dtype="float32"))
            R.output(lv1)
        return lv1


main_fn = Module["main"]
bindings = main_fn.body.blocks[0].bindings


def test_expr():
    ep = is_expr(bindings[0].var)
    assert isinstance(ep, ExprPattern)
    vp = is_var("x")
    assert isinstance(vp, VarPattern) and vp.name == "x"
    assert vp.match(relax.Var("x", R.Tensor("float32")))
    assert is_var().match(relax.Var("x", R.Tensor("float32")))
    assert not is_var("x").match(relax.GlobalVar("x"))
    assert is_dfv("z").match(relax.DataflowVar("z"))
    assert is_gv("x").match(relax.GlobalVar("x"))
    assert is_gv("tir_.*").match(relax.GlobalVar("tir_a")) or True
    assert is_const().match(relax.const([[0.1, 1.1]]))
    assert wildcard().match(relax.Var("x"))
    c = is_op("relax.add")(is_var("a"), is_var("b"))
    assert isinstance(c, CallPattern) and isinstance(c.args[0], VarPattern)
    fp = FunctionPattern([wildcard()], wildcard())
    assert fp is not None
    tp = is_tuple([wildcard(), wildcard()])
    assert isinstance(tp, TuplePattern) and len(tp.fields) == 2
    ut = is_tuple([is_var("x"), is_var("y")], unordered=True)
    assert isinstance(ut, UnorderedTuplePattern)
    tg = is_tuple_get_item(wildcard(), 1)
    assert tg.index == 1
    orp = is_var("x") | is_var("y")
    assert isinstance(orp, OrPattern)
    andp = is_var("x") & wildcard().has_shape((2,))
    assert isinstance(andp, AndPattern)
    notp = ~is_var("x")
    assert isinstance(notp, NotPattern) and not notp.match(relax.Var("x"))
    assert (is_var("x") | is_var("y")).match(relax.Var("y"))
    wildcard().has_dtype("float32")
    has_dtype("float32")
    is_shape([1, 2])
    wildcard().has_struct_info(R.Tensor((2,), "float32"))
    wildcard().has_attr({"a": 1})
    has_attr({"a": 1}, wildcard())
    sp = is_shape([1, 2, 3])
    assert sp.match(relax.ShapeExpr([1, 2, 3]))
    ExternFuncPattern("f").match(relax.ExternFunc("f"))


def test_match_call_tir():
    v2v = get_var2val(Module["main"])
    lv0 = bindings[0].value
    lv1 = bindings[1].value
    assert is_op("relax.call_tir")(
        is_gv("tir_relu"), is_tuple([is_call_tir("tir_matmul")]), add_constraint=False
    ).match(lv1, var2val=v2v)
    assert is_call_tir(
        "tir_relu",
        [
            is_call_tir(
                "tir_matmul",
                TuplePattern([wildcard(), wildcard()]),
            )
        ],
    ).match(lv1, v2v)
    assert not is_call_tir("tir_relu", [is_call_tir("tir_relu", TuplePattern([wildcard()]))]).match(
        lv1, v2v
    )
    assert is_call_dps_packed("extern_matmul") is not None
    assert wildcard().match(lv0)


def test_context():
    with PatternContext() as ctx:
        n0 = is_call_tir("tir_matmul")
        n1 = is_call_tir("tir_relu")
        n0 >> n1
        dfb = main_fn.body.blocks[0]
        matched = ctx.match_dfb(dfb)
        assert matched and matched[n0] == bindings[0].var
    with PatternContext() as ctx:
        n0 = is_call_tir("tir_relu")
        n1 = is_call_tir("tir_matmul")
        n0.used_by(n1)
        assert not ctx.match_dfb(dfb)
    seq = is_call_tir("a") >> is_call_tir("b")
    assert isinstance(seq, PatternSeq)
    only = is_call_tir("a") ^ is_call_tir("b")


def test_rewrite_simple():
    @R.function
    def main(x: R.Tensor((16, 16), "float32")) -> R.Tensor((16, 16), "float32"):
        with R.dataflow():
            x2 = R.add(x, x)
            x4 = R.add(x2, x2)
            R.output(x4)
        return x4

    @R.function
    def expected(x: R.Tensor((16, 16), "float32")) -> R.Tensor((16, 16), "float32"):
        with R.dataflow():
            lv: R.Tensor((16, 16), dtype="float32") = R.multiply(x, R.const(2, "float32"))
            x4: R.Tensor((16, 16), dtype="float32") = R.multiply(lv, R.const(2, "float32"))
            R.output(x4)
        return x4

    x = wildcard()
    pattern = is_op("relax.add")(x, x)

    def rewriter(_, matchings):
        return R.multiply(matchings[x], R.const(2, "float32"))

    rewritten = rewrite_call(pattern, rewriter, main)
    tvm.ir.assert_structural_equal(rewritten, expected.with_attr("global_symbol", "main"))
    ext = (is_op("relax.add")(x, x)).extract_matched_expr(main.body.blocks[0].bindings[0].value)
    assert x in ext


def test_rewrite_bindings():
    @R.function
    def qkv(
        x: R.Tensor((2, 8, 8), "float32"),
        q: R.Tensor((8, 8), "float32"),
        k: R.Tensor((8, 8), "float32"),
    ):
        with R.dataflow():
            a = R.matmul(x, q)
            b = R.matmul(x, k)
            out = (a, b)
            R.output(out)
        return out

    with PatternContext() as ctx:
        inp = wildcard()
        Q = wildcard()
        K = wildcard()
        m1 = is_op("relax.matmul")(inp, Q)
        m2 = is_op("relax.matmul")(inp, K)

        def rewriter(matchings, _):
            i = matchings[inp]
            w = R.concat([matchings[Q], matchings[K]], axis=1)
            s = R.split(R.matmul(i, w), 2, axis=2)
            return {
                matchings[m1]: relax.TupleGetItem(s, 0),
                matchings[m2]: relax.TupleGetItem(s, 1),
            }

        r = rewrite_bindings(ctx, rewriter, qkv)
        r.show()


def test_fuse_ops_by_pattern():
    @I.ir_module
    class Conv:
        @R.function
        def main(
            data: R.Tensor((1, 64, 56, 56), "float32"), weight: R.Tensor((64, 64, 3, 3), "float32")
        ):
            with R.dataflow():
                conv = R.nn.conv2d(data, weight, padding=(1, 1))
                gv = R.nn.relu(conv)
                R.output(gv)
            return gv

    conv = is_op("relax.nn.conv2d")(wildcard(), wildcard())
    pat = is_op("relax.nn.relu")(conv)
    mod = relax.transform.FuseOpsByPattern([("dnnl.conv2d_relu", pat)])(Conv)
    mod.show()
    assert "fused_relax_nn_conv2d_relax_nn_relu" in [g.name_hint for g in mod.get_global_vars()]
    mod = relax.transform.FuseOpsByPattern([("dnnl.conv2d_relu", pat)], annotate_codegen=True)(Conv)
    mod2 = relax.transform.MergeCompositeFunctions()(
        relax.transform.FuseOpsByPattern([("dnnl.conv2d_relu", pat)])(Conv)
    )


def test_dfb_rewrite():
    @R.function
    def main(x: R.Tensor((32, 32), "float32")) -> R.Tensor((32, 32), dtype="float32"):
        with R.dataflow():
            lv0 = R.add(x, x)
            lv1 = R.multiply(lv0, x)
            R.output(lv1)
        return lv1

    dfb = main.body.blocks[0]
    rwt = relax.DataflowBlockRewrite(dfb, main)
    rwt.add(name="tmp", expr=main.params[0], is_dfvar=True)
    rwt.replace_all_uses(dfb.bindings[0].var, main.params[0])
    rwt.remove_unused(dfb.bindings[0].var)
    f = rwt.mutated_root_fn()
    assert isinstance(f, relax.Function)
