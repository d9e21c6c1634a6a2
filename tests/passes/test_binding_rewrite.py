"""DataflowBlockRewrite: adding, replacing and removing bindings of one block."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import relax
from pellucid.interp import run
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import PassError


@I.ir_module
class Module:
    @R.function
    def main(x: R.Tensor((2,), "float32"), y: R.Tensor((2,), "float32")) -> R.Tensor(
        (2,), "float32"
    ):
        with R.dataflow():
            a = R.add(x, y)
            b = R.multiply(a, y)
            c = R.subtract(b, a)
            R.output(c)
        return c


MAIN = Module["main"]
BLOCK = MAIN.body.blocks[0]
A, B, C = (each.var for each in BLOCK.bindings)


def operators(func) -> list[str]:
    values = [each.value for each in relax.analysis.all_bindings(func)]
    return [value.op.name.removeprefix("relax.") for value in values]


def result(module) -> list[float]:
    return run(module, np.array([1, 2], "float32"), np.array([3, 5], "float32")).tolist()


def test_nothing_changed_is_the_same_object() -> None:
    rewrite = relax.DataflowBlockRewrite(BLOCK, MAIN)
    assert rewrite.mutated_dfb() is BLOCK
    assert rewrite.mutated_root_fn() is MAIN
    assert rewrite.mutate_irmodule(Module) is Module


def test_a_value_is_replaced() -> None:
    x, y = MAIN.params
    rewrite = relax.DataflowBlockRewrite(BLOCK, MAIN)
    new = rewrite.add(relax.op.maximum(x, y), "highest", is_dfvar=True)
    assert isinstance(new, relax.DataflowVar)
    rewrite.replace_all_uses(A, new)
    rewrite.remove_unused(A)
    changed = rewrite.mutate_irmodule(Module)
    assert relax.analysis.well_formed(changed)
    assert operators(changed["main"]) == ["maximum", "multiply", "subtract"]
    assert result(changed) == [3 * 3 - 3, 5 * 5 - 5]
    assert operators(MAIN) == ["add", "multiply", "subtract"]


def test_a_value_that_is_known_outside_is_replaced() -> None:
    rewrite = relax.DataflowBlockRewrite(BLOCK, MAIN)
    new = rewrite.add(relax.op.add(C, C), "doubled")
    rewrite.replace_all_uses(C, new)
    changed = rewrite.mutate_irmodule(Module)
    assert relax.analysis.well_formed(changed)
    assert result(changed) == [2 * each for each in result(Module)]
    inner = rewrite.add(relax.op.add(A, B), is_dfvar=True)
    with pytest.raises(PassError, match="is known outside the block"):
        rewrite.replace_all_uses(C, inner)


def test_what_is_not_needed_goes() -> None:
    rewrite = relax.DataflowBlockRewrite(BLOCK, MAIN)
    rewrite.replace_all_uses(B, A)
    rewrite.remove_all_unused()
    changed = rewrite.mutated_root_fn()
    assert operators(changed) == ["add", "subtract"]


def test_what_cannot_be_done_says_why() -> None:
    rewrite = relax.DataflowBlockRewrite(BLOCK, MAIN)
    with pytest.raises(PassError, match="'a' cannot be removed: it is used"):
        rewrite.remove_unused(A)
    with pytest.raises(PassError, match="'c' cannot be removed: it is used"):
        rewrite.remove_unused(C)
    with pytest.raises(PassError, match="binds no variable 'x'"):
        rewrite.remove_unused(MAIN.params[0])
    rewrite.remove_unused(MAIN.params[0], allow_undef=True)
    with pytest.raises(PassError, match="no block of the function"):
        relax.DataflowBlockRewrite(relax.DataflowBlock(()), MAIN)
