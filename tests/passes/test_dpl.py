"""Patterns over dataflow graphs: matching, contexts, rewriting."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import relax
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.relax.dpl import (
    PatternContext,
    is_call_dps_packed,
    is_call_tir,
    is_const,
    is_dfv,
    is_expr,
    is_gv,
    is_op,
    is_tuple,
    is_tuple_get_item,
    is_var,
    make_fused_bias_activation_pattern,
    rewrite_bindings,
    rewrite_call,
    wildcard,
)
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError


@I.ir_module
class Module:
    @T.prim_func(private=True)
    def copy(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
        for i, j in T.grid(4, 4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj]

    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        cls = Module
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.add(a, w)
            c = R.multiply(b, b)
            t = (a, c)
            d = t[1]
            e = R.call_tir(cls.copy, (d,), R.Tensor((4, 4), "float32"))
            f = R.call_dps_packed("lib.f", (e,), R.Tensor((4, 4), "float32"))
            g = R.permute_dims(f, axes=[1, 0])
            R.output(g)
        return g


MAIN = Module["main"]
VALUES = relax.analysis.get_var2val(MAIN)
BLOCK = MAIN.body.blocks[0]
NAMED = {var.name_hint: var for var in VALUES}


def matches(pattern, name: str) -> bool:
    """Whether a pattern matches the value of a variable of `main`, looking through bindings."""
    return pattern.match(VALUES[NAMED[name]], VALUES)


def test_operators_and_wildcards() -> None:
    x, w = wildcard(), wildcard()
    pattern = is_op("relax.add")(is_op("relax.matmul")(x, w), w)
    assert matches(pattern, "b")
    assert not matches(pattern, "a")
    found = pattern.extract_matched_expr(VALUES[NAMED["b"]], VALUES)
    assert found is not None
    assert (found[x], found[w]) == MAIN.params
    assert found[pattern.args[0]] is NAMED["a"]
    # Without bindings the matmul is only a variable.
    assert not pattern.match(VALUES[NAMED["b"]])
    # One pattern object stands for one value.
    assert not matches(is_op("relax.add")(is_op("relax.matmul")(x, x), w), "b")
    assert matches(is_op("relax.add")(is_op("relax.matmul")(x, w.dup()), w.dup()), "b")


def test_every_kind_of_pattern() -> None:
    assert matches(is_op("relax.multiply")(is_dfv("b"), is_var("b")), "c")
    assert not matches(is_op("relax.multiply")(is_dfv("a"), wildcard()), "c")
    assert matches(is_tuple([wildcard(), is_op("relax.multiply")(wildcard(), wildcard())]), "t")
    assert not matches(is_tuple([is_op("relax.add")(wildcard(), wildcard()), wildcard()]), "t")
    swapped = [is_op("relax.multiply")(wildcard(), wildcard()), is_var("a")]
    assert matches(is_tuple(swapped, unordered=True), "t")
    assert matches(is_tuple_get_item(wildcard(), 1), "d")
    assert not matches(is_tuple_get_item(wildcard(), 0), "d")
    assert matches(is_call_tir("copy", [is_tuple_get_item(wildcard())]), "e")
    assert not matches(is_call_tir("other"), "e")
    assert matches(is_call_dps_packed("lib.f", [is_call_tir()]), "f")
    assert is_const().match(relax.const(1.0))
    assert is_expr(MAIN.params[0]).match(MAIN.params[0])
    assert is_gv("copy").match(Module.get_global_var("copy"))
    assert not is_gv("main").match(Module.get_global_var("copy"))


def test_constraints() -> None:
    anything = wildcard()
    assert matches(anything.has_dtype("float32"), "a")
    assert not matches(anything.has_dtype("int32"), "a")
    assert matches(anything.has_shape((4, 4)), "a")
    assert not matches(anything.has_shape((4, 5)), "a")
    transpose = is_op("relax.permute_dims")(wildcard())
    assert matches(transpose.has_attr({"axes": [1, 0]}), "g")
    assert not matches(transpose.has_attr({"axes": [0, 1]}), "g")
    assert not matches(transpose.has_attr({"axis": 1}), "g")
    x = wildcard()
    assert matches(is_op("relax.add")(x, wildcard().same_shape_as(x)), "b")
    info = relax.TensorStructInfo(None, "float32", ndim=2)
    assert matches(anything.has_struct_info(info), "a")


def test_combinations() -> None:
    add = is_op("relax.add")(wildcard(), wildcard())
    multiply = is_op("relax.multiply")(wildcard(), wildcard())
    assert matches(add | multiply, "b")
    assert matches(add | multiply, "c")
    assert not matches(add & multiply, "b")
    assert matches(add & wildcard().has_shape((4, 4)), "b")
    assert matches(~add, "c")
    assert not matches(~add, "b")
    product = is_op("relax.matmul")(wildcard(), wildcard())
    with_sum = product.optional(lambda p: is_op("relax.add")(p, wildcard()))
    assert matches(with_sum, "a")
    assert matches(with_sum, "b")
    assert matches(make_fused_bias_activation_pattern("relax.matmul", with_bias=True), "b")


def test_contexts() -> None:
    product = is_op("relax.matmul")(wildcard(), wildcard())
    total = is_op("relax.add")(wildcard(), wildcard())
    square = is_op("relax.multiply")(wildcard(), wildcard())
    with PatternContext() as ctx:
        product ^ total
        total >> square
    found = ctx.match_dfb(BLOCK)
    assert found is not None
    parts = {key: found[key] for key in (product, total, square)}
    assert parts == {product: NAMED["a"], total: NAMED["b"], square: NAMED["c"]}
    # The matmul has a second user.
    assert PatternContext(product >> total).match_dfb(BLOCK) is None
    assert PatternContext(product ^ total).match_dfb(BLOCK) is not None
    assert PatternContext(product.used_by(total, 1)).match_dfb(BLOCK) is None
    assert PatternContext(product.used_by(total, 0)).match_dfb(BLOCK) is not None
    chain = product ^ total >> square
    assert len(chain.dup()) == 3
    assert PatternContext(chain.dup()).match_dfb(BLOCK) is not None


@I.ir_module
class Sums:
    @R.function
    def main(x: R.Tensor((2, 3), "float32"), y: R.Tensor((2, 3), "float32")) -> R.Tensor(
        (2, 3), "float32"
    ):
        with R.dataflow():
            a = R.add(x, x)
            b = R.multiply(a, y)
            c = R.add(b, b)
            R.output(c)
        return c


def test_rewrite_call() -> None:
    x = wildcard()
    pattern = is_op("relax.add")(x, x)

    def rewriter(expr, found):
        assert expr.op.name == "relax.add"
        return relax.op.multiply(found[x], relax.const(2.0))

    new = rewrite_call(pattern, rewriter, Sums["main"])
    assert relax.analysis.well_formed(IRModule({"main": new}))
    text = new.script()
    assert text.count("R.multiply") == 3
    assert "R.add" not in text
    args = [np.full((2, 3), k, "float32") for k in (1, 2)]
    np.testing.assert_array_equal(run(IRModule({"main": new}), *args), run(Sums, *args))
    assert rewrite_call(pattern, rewriter, new) is new
    assert rewrite_call(pattern, lambda expr, found: expr, Sums["main"]) is Sums["main"]


def test_rewrite_call_removes_what_is_not_needed() -> None:
    a, b, c = wildcard(), wildcard(), wildcard()
    pattern = is_op("relax.multiply")(is_op("relax.add")(a, b), c)

    def rewriter(expr, found):
        return relax.op.subtract(found[a], found[c])

    new = rewrite_call(pattern, rewriter, Sums["main"])
    values = [each.value for each in relax.analysis.all_bindings(new)]
    assert [each.op.name for each in values] == ["relax.subtract", "relax.add"]


def test_rewrite_bindings() -> None:
    product = is_op("relax.multiply")(wildcard(), wildcard())
    total = is_op("relax.add")(wildcard(), wildcard())
    ctx = PatternContext(product >> total)

    def rewriter(found, values):
        inner = values[found[product]]
        doubled = relax.op.add(inner.args[1], inner.args[1])
        return {found[total]: relax.op.multiply(inner.args[0], doubled)}

    new = rewrite_bindings(ctx, rewriter, Sums["main"])
    assert relax.analysis.well_formed(IRModule({"main": new}))
    values = [each.value for each in relax.analysis.all_bindings(new)]
    assert [each.op.name for each in values] == ["relax.add", "relax.add", "relax.multiply"]
    args = [np.full((2, 3), k, "float32") for k in (1, 2)]
    np.testing.assert_array_equal(run(IRModule({"main": new}), *args), run(Sums, *args))
    assert rewrite_bindings(ctx, lambda found, values: {}, Sums["main"]) is Sums["main"]
    assert rewrite_bindings(ctx, rewriter, new) is new


def test_an_operator_that_does_not_exist() -> None:
    with pytest.raises(RegistryError, match="operator named"):
        is_op("relax.ad")
