"""Calls between functions that do not fit, each with its exact message."""

# Pictures show whole lines of a program, however long.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable

import pytest

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import SizeVar
from pellucid.relax.analysis import assert_well_formed, well_formed
from pellucid.support.errors import WellFormedError
from tests.errors.graphs import (
    T4,
    Cases,
    bind,
    function,
    module,
    plain,
    script,
    var,
)

CASES = Cases()
case = CASES.case


KERNEL = """
@I.ir_module
class Module:
    @T.prim_func
    def add(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32"), C: T.Buffer((4,), "float32")):
        C[0] = A[0] + B[0]

    @R.function
    def main(x: R.Tensor((4,), "float32"), y: R.Tensor((5,), "float32")):
        cls = Module
        z = CALL
        return z
"""


def kernel_call(call: str) -> IRModule:
    return script(KERNEL.replace("CALL", call))


@case("""\
In the function 'main': the call of 'add' has the wrong number of arguments.
  --> <script>:11:9
   |
11 |         z = R.call_tir(cls.add, (x,), R.Tensor((4,), "float32"))
   |         ^
  expected: 2 inputs, 1 outputs and 0 tir_vars for 3 parameters
  found: 1 inputs""")
def too_few_arguments_of_a_loop_function() -> IRModule:
    return kernel_call('R.call_tir(cls.add, (x,), R.Tensor((4,), "float32"))')


@case("""\
In the function 'main': argument 1 of the call of 'add' does not fit its parameter.
  --> <script>:11:9
   |
11 |         z = R.call_tir(cls.add, (x, y), R.Tensor((4,), "float32"))
   |         ^
  expected: R.Tensor((4,), dtype="float32")
  found: R.Tensor((5,), dtype="float32")""")
def an_argument_of_the_wrong_shape() -> IRModule:
    return kernel_call('R.call_tir(cls.add, (x, y), R.Tensor((4,), "float32"))')


@case("""\
In the function 'main': output 0 of the call of 'add' is declared differently from what the loop function writes.
  --> <script>:11:9
   |
11 |         z = R.call_tir(cls.add, (x, x), R.Tensor((4,), "int32"))
   |         ^
  expected: R.Tensor((4,), dtype="float32")
  found: R.Tensor((4,), dtype="int32")""")
def an_output_of_the_wrong_dtype() -> IRModule:
    return kernel_call('R.call_tir(cls.add, (x, x), R.Tensor((4,), "int32"))')


@case("""\
In the function 'main': output 0 of the call of 'add' is declared differently from what the loop function writes.
  --> <script>:11:9
   |
11 |         z = R.call_tir(cls.add, (x, x), R.Tensor((5,), "float32"))
   |         ^
  expected: R.Tensor((4,), dtype="float32")
  found: R.Tensor((5,), dtype="float32")""")
def an_output_of_the_wrong_shape() -> IRModule:
    return kernel_call('R.call_tir(cls.add, (x, x), R.Tensor((5,), "float32"))')


@case("""\
In the function 'main': call_tir_inplace writes no argument in place.
  --> <script>:11:9
   |
11 |         z = R.call_tir_inplace(cls.add, (x, x), [-1], R.Tensor((4,), "float32"))
   |         ^
  cure: use call_tir, or give at least one index other than -1""")
def in_place_without_a_place() -> IRModule:
    return kernel_call('R.call_tir_inplace(cls.add, (x, x), [-1], R.Tensor((4,), "float32"))')


@case("""\
In the function 'main': an in-place index names no argument.
  --> <script>:11:9
   |
11 |         z = R.call_tir_inplace(cls.add, (x, x, x), [3], R.Tensor((4,), "float32"))
   |         ^
  expected: -1 to 2
  found: 3""")
def in_place_outside_the_arguments() -> IRModule:
    return kernel_call('R.call_tir_inplace(cls.add, (x, x, x), [3], R.Tensor((4,), "float32"))')


@case("""\
In the function 'main': two outputs are written into one argument.
  --> <script>:11:9
   |
11 |         z = R.call_tir_inplace(cls.add, (x, x, x), [0, 0], [R.Tensor((4,), "float32"), R.Tensor((4,), "float32")])
   |         ^
  found: (0, 0)""")
def two_outputs_in_one_place() -> IRModule:
    return kernel_call(
        "R.call_tir_inplace(cls.add, (x, x, x), [0, 0], "
        '[R.Tensor((4,), "float32"), R.Tensor((4,), "float32")])'
    )


@case("""\
In the function 'main': the output written into argument 2 differs from it in shape or dtype.
  --> <script>:11:9
   |
11 |         z = R.call_tir_inplace(cls.add, (x, x, y), [2], R.Tensor((4,), "float32"))
   |         ^
  expected: R.Tensor((5,), dtype="float32")
  found: R.Tensor((4,), dtype="float32")""")
def in_place_with_another_shape() -> IRModule:
    return kernel_call('R.call_tir_inplace(cls.add, (x, x, y), [2], R.Tensor((4,), "float32"))')


@case("""\
In the function 'main': the call of 'g' has the wrong number of arguments.
...
10     @R.function
11     def main(y: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
12         cls = Module
13         z: R.Tensor((4,), dtype="float32") = cls.g(y)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
14         return z
  expected: 2
  found: 1""")
def too_few_arguments_of_a_graph_function() -> IRModule:
    x, y, z = var("x"), var("y"), var("z")
    call = relax.GlobalVar("g")(y).replace(struct_info_=T4)
    inner = function([x, var("w")], [], x)
    return module(g=inner, main=function([y], [plain(bind(z, call))], z))


@case("""\
In the function 'main': argument 1 of the call of 'g' does not fit its parameter.
...
12     @R.function
13     def main(x: R.Tensor((4,), dtype="float32"), y: R.Tensor((5,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
14         cls = Module
15         z: R.Tensor((4,), dtype="float32") = cls.g(x, y)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
16         return z
  expected: R.Tensor((n,), dtype="float32"), where n = T.int64(4) from argument 0
  found: R.Tensor((5,), dtype="float32")""")
def dimensions_that_disagree() -> IRModule:
    n = SizeVar("n", "int64")
    info = relax.TensorStructInfo((n,))
    a, b = var("a", info), var("b", info)
    x, y, z = var("x"), var("y", relax.TensorStructInfo((5,))), var("z")
    call = relax.GlobalVar("g")(x, y).replace(struct_info_=T4)
    return module(g=function([a, b], [], a, info), main=function([x, y], [plain(bind(z, call))], z))


@pytest.mark.parametrize(("make", "message"), CASES, ids=CASES.names())
def test_message(make: Callable[[], IRModule], message: str) -> None:
    mod = make()
    with pytest.raises(WellFormedError) as caught:
        assert_well_formed(mod)
    assert str(caught.value) == message
    assert not well_formed(mod)
