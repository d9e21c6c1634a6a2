"""FuseOpsByPattern and MergeCompositeFunctions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import relax
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext
from pellucid.relax.dpl import is_op, wildcard
from pellucid.relax.transform.fuse_ops_by_pattern import FuseOpsByPattern
from pellucid.relax.transform.merge_composite_functions import MergeCompositeFunctions
from pellucid.script import ir as I
from pellucid.script import relax as R
from tests.passes.laws import check, idle

ARGS = [np.arange(16, dtype="float32").reshape(4, 4), np.eye(4, dtype="float32")]


def same_results(before: IRModule, after: IRModule) -> None:
    np.testing.assert_array_equal(run(after, *ARGS), run(before, *ARGS))


def checked(the_pass, mod: IRModule) -> IRModule:
    with PassContext(config={"verify": True}):
        after = the_pass(mod)
    assert the_pass(after) is after
    return after


MATMUL = is_op("relax.matmul")(wildcard(), wildcard())
MATMUL_EXP = is_op("relax.exp")(is_op("relax.matmul")(wildcard(), wildcard()))


@I.ir_module
class Before:
    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.tanh(a)
            c = R.matmul(b, w)
            d = R.exp(c)
            e = R.add(d, b)
            R.output(e)
        return e


@I.ir_module
class Grouped:
    @R.function(private=True)
    def fused_relax_matmul(
        x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")
    ) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.matmul", "Primitive": 1})
        with R.dataflow():
            a = R.matmul(x, w)
            R.output(a)
        return a

    @R.function(private=True)
    def fused_relax_matmul_relax_exp(
        b: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")
    ) -> R.Tensor((4, 4), "float32"):
        R.func_attr({"Composite": "lib.matmul_exp", "Primitive": 1})
        with R.dataflow():
            c = R.matmul(b, w)
            d = R.exp(c)
            R.output(d)
        return d

    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        cls = Grouped
        with R.dataflow():
            a = cls.fused_relax_matmul(x, w)
            b = R.tanh(a)
            d = cls.fused_relax_matmul_relax_exp(b, w)
            e = R.add(d, b)
            R.output(e)
        return e


def test_patterns_in_order_of_priority() -> None:
    the_pass = FuseOpsByPattern([("lib.matmul_exp", MATMUL_EXP), ("lib.matmul", MATMUL)])
    check(the_pass, Before, Grouped)
    same_results(Before, the_pass(Before))
    idle(FuseOpsByPattern([("lib.sin", is_op("relax.sin")(wildcard()))]), Before)


def test_what_is_needed_elsewhere_is_not_taken_in() -> None:
    pattern = is_op("relax.matmul")(is_op("relax.tanh")(wildcard()), wildcard())
    idle(FuseOpsByPattern([("lib.tanh_matmul", pattern)]), Before)


def test_a_check_may_refuse() -> None:
    seen: list[Any] = []

    def refuse(context) -> bool:
        seen.append(sorted(var.name_hint for var in context.matched_bindings))
        assert context.annotated_expr["left"].name_hint in ("x", "b")
        return False

    left = wildcard()
    pattern = is_op("relax.matmul")(left, wildcard())
    idle(FuseOpsByPattern([("lib.matmul", pattern, {"left": left}, refuse)]), Before)
    assert seen == [["c"], ["a"]]


def test_constants_stay_or_become_parameters() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4, 4), "float32"))
    with bb.function("main", [x, relax.Var("w", relax.TensorStructInfo((4, 4), "float32"))]):
        with bb.dataflow():
            y = bb.emit_output(relax.op.matmul(x, relax.const(np.eye(4, dtype="float32"))))
        bb.emit_func_output(y)
    before = bb.get()
    for bind, count in ((True, 1), (False, 2)):
        after = checked(FuseOpsByPattern([("lib.matmul", MATMUL)], bind_constants=bind), before)
        assert len(after["fused_relax_matmul"].params) == count
        same_results(before, after)


def test_functions_for_a_code_generator() -> None:
    the_pass = FuseOpsByPattern([("lib.matmul_exp", MATMUL_EXP)], annotate_codegen=True)
    after = checked(the_pass, Before)
    outer = after["fused_relax_matmul_relax_exp_lib"]
    assert outer.attrs["Codegen"] == "lib"
    assert outer.attrs["global_symbol"] == "fused_relax_matmul_relax_exp_lib"
    local = outer.body.blocks[0].bindings[0].value
    assert local.attrs["Composite"] == "lib.matmul_exp"
    same_results(Before, after)


@I.ir_module
class Chain:
    @R.function
    def main(x: R.Tensor((4, 4), "float32"), w: R.Tensor((4, 4), "float32")) -> R.Tensor(
        (4, 4), "float32"
    ):
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.matmul(a, w)
            s = R.sin(a)
            c = R.matmul(s, b)
            d = R.matmul(c, b)
            R.output(d)
        return d


def test_neighbours_are_merged_unless_something_lies_between() -> None:
    grouped = FuseOpsByPattern([("lib.matmul", MATMUL)])(Chain)
    after = checked(MergeCompositeFunctions(), grouped)
    regions = [gvar.name_hint for gvar, func in after.items() if "Codegen" in func.attrs]
    assert sorted(regions) == ["fused_lib", "fused_lib1"]
    same_results(Chain, after)
    idle(MergeCompositeFunctions(), Chain)
