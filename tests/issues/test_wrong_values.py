"""Values that an operator, a closure or a tensor cannot have."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import interp, relax
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import InterpreterError, TypeMismatchError, WellFormedError


@I.ir_module
class Adding:
    @R.function
    def main(x: R.Tensor((4,), "float32"), s: R.Tensor(("n",), "float32")):
        y = R.add(x, s)
        return y


def test_shapes_that_do_not_broadcast_are_an_error_of_the_interpreter() -> None:
    with pytest.raises(InterpreterError, match=r"relax\.add has no result for these values"):
        interp.run(Adding, np.ones(4, "float32"), np.ones(3, "float32"))


@I.ir_module(check_well_formed=False)
class Closing:
    @T.prim_func
    def loop(A: T.Buffer((4,), "float32")):
        A[0] = T.float32(1)

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Object:
        f = R.make_closure(Closing.loop, ())
        return f


def test_a_closure_of_a_loop_function() -> None:
    with pytest.raises(WellFormedError, match="'loop', which is no graph function"):
        relax.analysis.assert_well_formed(Closing)
    with pytest.raises(TypeMismatchError) as caught:
        relax.build(Closing, target="llvm")
    assert caught.value.message == "A closure is made of a graph function of the module."
    assert caught.value.cure == "call a loop function with R.call_tir(cls.f, ...) instead"


@pytest.mark.parametrize(("dtype", "ndim"), [("handle", -1), ("void", -1), ("float32", -2)])
def test_no_such_tensor(dtype: str, ndim: int) -> None:
    with pytest.raises(TypeMismatchError) as caught:
        relax.TensorStructInfo(None, dtype, ndim=ndim)
    assert str(caught.value) == (
        "There is no such tensor.\n"
        "  expected: a dtype with values, and ndim -1 (unknown) or more\n"
        f"  found: dtype {dtype!r}, ndim {ndim}"
    )
