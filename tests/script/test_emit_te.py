"""`R.emit_te`: tensor expressions in scripts bring their loop functions along."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid import relax, topi
from pellucid.ir.structural import structural_equal
from pellucid.script import from_source
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import ParseError


@I.ir_module
class Layers:
    @R.function
    def main(x: R.Tensor(("n", 4), "float32"), w: R.Tensor((4, 3), "float32")):
        with R.dataflow():
            y = R.emit_te(topi.nn.matmul, x, w)
            z = R.emit_te(topi.nn.relu, y, primfunc_name_hint="positive")
            u = R.emit_te(topi.nn.relu, z, primfunc_name_hint="positive")
            v = R.emit_te(topi.nn.softmax, u, axis=1)
            R.output(v)
        return v


def test_loop_functions_are_added_once_under_their_hints() -> None:
    assert sorted(each.name_hint for each in Layers) == ["main", "matmul", "positive", "softmax"]
    assert structural_equal(from_source(Layers.script()), Layers)


def test_the_module_runs() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    w = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    vm = relax.VirtualMachine(relax.build(Layers, "llvm"), pellucid.cpu())
    positive = np.exp(np.maximum(x @ w, 0))
    wanted = positive / positive.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(vm["main"](x, w).numpy(), wanted, rtol=1e-5)


def test_a_function_alone_has_nowhere_to_put_them() -> None:
    text = """
@R.function
def main(x: R.Tensor((4,), "float32")):
    y = R.emit_te(exp, x)
    return y
"""
    with pytest.raises(ParseError, match="has no module to which a loop function could be added"):
        from_source(text, {"exp": topi.exp})
