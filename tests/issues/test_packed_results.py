"""Packed functions in graph functions: what they give, and what they give nothing for."""

from __future__ import annotations

import numpy as np

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R


def test_a_packed_function_declared_as_the_empty_tuple_may_return_nothing() -> None:
    seen: list[tuple[int, ...]] = []
    pellucid.register_func("issues.note", lambda x: seen.append(x.shape), override=True)

    @I.ir_module
    class Noting:
        @R.function(pure=False)
        def main(x: R.Tensor((4,), "float32")):
            _ = R.call_packed("issues.note", x, sinfo_args=[R.Tuple()])
            return x

    vm = relax.VirtualMachine(relax.build(Noting, target="llvm"), pellucid.cpu())
    x = np.arange(4, dtype="float32")
    np.testing.assert_array_equal(vm["main"](x).numpy(), x)
    assert seen == [(4,)]
