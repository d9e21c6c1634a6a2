"""ToNonDataflow, ConvertToDataflow, RemovePurityChecking, dataflowblock_pass, function_pass."""

from __future__ import annotations

import pytest

from pellucid import relax
from pellucid.relax import transform as X
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import PassError
from tests.passes.laws import check, idle


@I.ir_module
class Dataflow:
    @R.function
    def main(x: R.Tensor((4,), "float32"), c: R.Tensor((), "bool")) -> R.Tensor((4,), "float32"):
        with R.dataflow():
            a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
            R.output(b)
        if c:
            with R.dataflow():
                d = R.call_dps_packed("f", (b,), R.Tensor((4,), "float32"))
                e = R.call_dps_packed("f", (d,), R.Tensor((4,), "float32"))
                R.output(e)
            r = e
        else:
            r = b
        return r


@I.ir_module
class Plain:
    @R.function
    def main(x: R.Tensor((4,), "float32"), c: R.Tensor((), "bool")) -> R.Tensor((4,), "float32"):
        a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
        b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
        if c:
            d = R.call_dps_packed("f", (b,), R.Tensor((4,), "float32"))
            e = R.call_dps_packed("f", (d,), R.Tensor((4,), "float32"))
            r = e
        else:
            r = b
        return r


def test_to_non_dataflow() -> None:
    check(X.ToNonDataflow(), Dataflow, Plain)


def test_to_non_dataflow_idle() -> None:
    idle(X.ToNonDataflow(), Plain)


def test_convert_to_dataflow() -> None:
    @I.ir_module
    class Before:
        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
            _ = R.call_packed("log", b, sinfo_args=R.Object)
            d = R.call_dps_packed("f", (b,), R.Tensor((4,), "float32"))
            return d

    @I.ir_module
    class Expected:
        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("g", (a,), R.Tensor((4,), "float32"))
                R.output(b)
            _ = R.call_packed("log", b, sinfo_args=R.Object)
            d = R.call_dps_packed("f", (b,), R.Tensor((4,), "float32"))
            return d

    check(X.ConvertToDataflow(), Before, Expected)
    idle(X.ConvertToDataflow(min_size=3), Before)


def test_convert_leaves_an_if_outside() -> None:
    after = X.ConvertToDataflow(min_size=1)(Plain)
    kinds = [type(block).__name__ for block in after["main"].body.blocks]
    assert kinds == ["DataflowBlock", "BindingBlock"]


def test_remove_purity_checking() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            a = R.call_pure_packed("f", x, sinfo_args=R.Tensor((4,), "float32"))
            return a

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"relax.force_pure": True})
            a = R.call_packed("f", x, sinfo_args=R.Tensor((4,), "float32"))
            return a

    check(X.RemovePurityChecking(), Before, Expected)


def test_purity_is_removed_from_plain_blocks_only() -> None:
    with pytest.raises(PassError, match="was given a function with dataflow blocks"):
        X.RemovePurityChecking()(Dataflow)


def test_a_pass_over_dataflow_blocks() -> None:
    @X.dataflowblock_pass(opt_level=0, name="DropNothing")
    def drop_nothing(block: relax.DataflowBlock, mod: object, ctx: object) -> object:
        return block

    idle(drop_nothing, Dataflow)


def test_a_pass_over_dataflow_blocks_keeps_what_is_handed_out() -> None:
    @X.dataflowblock_pass(opt_level=0, name="DropAll")
    class DropAll:
        def transform_dataflowblock(
            self, block: relax.DataflowBlock, mod: object, ctx: object
        ) -> relax.DataflowBlock:
            return relax.DataflowBlock(())

    with pytest.raises(PassError) as caught:
        DropAll()(Dataflow)
    assert str(caught.value) == (
        "The pass 'DropAll' dropped variables that are known outside the block.\n"
        "  found: b\n"
        "  cure: bind the same variable object in the new block"
    )


def test_a_pass_over_functions() -> None:
    @X.function_pass(opt_level=1)
    class Mark:
        def __init__(self, key: str) -> None:
            self.key = key

        def transform_function(
            self, func: relax.Function, mod: object, ctx: object
        ) -> relax.Function:
            return func.with_attr(self.key, 1)

    the_pass = Mark("seen")
    assert the_pass.info.name == "Mark"
    assert the_pass.info.opt_level == 1
    assert the_pass.key == "seen"
    assert the_pass(Plain)["main"].attrs["seen"] == 1
