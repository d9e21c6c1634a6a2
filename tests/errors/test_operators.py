"""Operators on arguments that do not fit, and operators that cannot be lowered: exact messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import relax
from pellucid.ir.scalar import SizeVar
from pellucid.relax import op
from pellucid.relax.op import nn
from pellucid.relax.transform import LegalizeOps
from pellucid.script import from_source
from pellucid.support.errors import PellucidError, UnsupportedError

N = SizeVar("n", "int64")


def t(*shape: Any, dtype: str = "float32") -> relax.Var:
    """A tensor."""
    return relax.Var("x", relax.TensorStructInfo(shape, dtype))


def message(call: Callable[[], Any]) -> str:
    """The text of the error of a call, built and inferred."""
    bb = relax.BlockBuilder()
    with pytest.raises(PellucidError) as error, bb.testing_scope([N]):
        bb.normalize(call())
    return str(error.value)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "broadcast": (
        lambda: op.add(t(2, 3), t(2, 4)),
        """relax.add: 'x2' does not broadcast.
  expected: equal extents, or 1
  found: 3 and 4""",
    ),
    "dtype": (
        lambda: op.add(t(2), t(2, dtype="int32")),
        """relax.add: 'x2' has another dtype than 'x1'.
  expected: float32
  found: int32
  cure: convert one of them: R.astype(x2, 'float32')""",
    ),
    "kind of dtype": (
        lambda: op.exp(t(2, dtype="int32")),
        """relax.exp: 'x' must be a tensor of floats.
  expected: floats
  found: int32""",
    ),
    "no tensor": (
        lambda: op.exp(relax.ShapeExpr([2])),
        """relax.exp: 'x' must be a tensor.
  expected: R.Tensor(...)
  found: R.Shape([2])""",
    ),
    "inner extents": (
        lambda: op.matmul(t(N, 3), t(4, 5)),
        """relax.matmul: 'x2' has another inner extent than the first operand.
  expected: 3
  found: 4""",
    ),
    "axis": (
        lambda: op.sum(t(2, 3), axis=2),
        """relax.sum: 'axis' names no axis of the tensor.
  expected: -2 to 1
  found: 2""",
    ),
    "axis twice": (
        lambda: op.sum(t(2, 3), axis=[0, -2]),
        """relax.sum: 'axis' names an axis twice.
  found: (0, -2)""",
    ),
    "reshape": (
        lambda: op.reshape(t(2, 3), (4, 2)),
        """relax.reshape: 'shape' has another number of elements than the tensor.
  expected: 6
  found: 8""",
    ),
    "reshape of the unknown": (
        lambda: op.reshape(relax.Var("x", relax.TensorStructInfo(None, "float32")), (-1, 2)),
        """relax.op.reshape: a shape with -1 or 0 needs a tensor whose shape is known.
  found: R.Tensor(dtype="float32")
  cure: name the dimensions by match_cast, or give the whole shape""",
    ),
    "concat": (
        lambda: op.concat([t(2, 3), t(2, 4)]),
        """relax.concat: 'tensors' has tensors of different extents along axis 1.
  expected: 3
  found: 4""",
    ),
    "convolution channels": (
        lambda: nn.conv2d(t(1, 3, 8, 8), t(4, 2, 3, 3)),
        """relax.nn.conv2d: 'weight' does not fit the channels of the data.
  expected: 3
  found: 2""",
    ),
    "convolution rank": (
        lambda: nn.conv2d(t(3, 8, 8), t(4, 3, 3, 3)),
        """relax.nn.conv2d: 'data' has the wrong number of dimensions.
  expected: 4
  found: 3: R.Tensor((3, 8, 8), dtype="float32")""",
    ),
    "convolution window": (
        lambda: nn.conv2d(t(1, 3, 2, 2), t(4, 3, 3, 3)),
        """relax.nn.conv2d: The window is larger than the padded tensor.
  expected: at most 2
  found: T.int64(3)""",
    ),
    "convolution layout": (
        lambda: nn.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3), data_layout="NCWX"),
        """relax.nn.conv2d: 'data_layout' does not fit.
  expected: the letters NCHW
  found: 'NCWX'""",
    ),
    "strides": (
        lambda: nn.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3), strides=(1, 1, 1)),
        """relax.op.nn.conv2d: 'strides' has a wrong value.
  expected: one integer or 2
  found: tuple: (1, 1, 1)""",
    ),
    "weights of a norm": (
        lambda: nn.layer_norm(t(2, 4), t(3), t(4), axes=-1),
        """relax.nn.layer_norm: 'gamma' does not fit axis 1 of the data.
  expected: 4
  found: 3""",
    ),
    "heads": (
        lambda: nn.attention(t(1, 2, 4, 8), t(1, 2, 3, 8), t(1, 2, 3, 8)),
        """relax.nn.attention: 'key' has a number of heads that does not divide the query's.
  expected: a divisor of 4
  found: 3""",
    ),
    "indices": (
        lambda: op.take(t(4), t(2), axis=0),
        """relax.take: 'indices' must be a tensor of integers.
  expected: integers
  found: float32""",
    ),
    "number of arguments": (
        lambda: op.add(t(2)),
        """relax.op.add was called with the wrong arguments: missing a required argument: 'x2'.
  expected: add(x1, x2)""",
    ),
    "unknown keyword": (
        lambda: nn.softmax(t(2), dim=-1),
        """relax.op.nn.softmax was called with the wrong arguments: \
got an unexpected keyword argument 'dim'.
  expected: nn.softmax(data, axis=-1)""",
    ),
    "argument that is nothing": (
        lambda: op.exp("x"),
        """relax.op.exp: 'x' cannot be made of this.
  expected: a graph value, a number, or an array
  found: str: 'x'""",
    ),
    "attribute that is a tensor": (
        lambda: nn.softmax(t(2), axis=t()),
        """relax.op.nn.softmax: 'axis' is fixed when the graph is built.
  expected: a plain Python value
  found: Var: x""",
    ),
    "too many indices": (
        lambda: t(2)[0, 0],
        """A tensor is indexed with more indices than it has dimensions.
  expected: at most 1
  found: 2""",
    ),
    "condition": (
        lambda: op.assert_op(t(2, dtype="bool")),
        """relax.assert_op: 'condition' is no single bool.
  expected: R.Tensor((), "bool")
  found: R.Tensor((2,), dtype="bool")
  cure: reduce it with R.all first""",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_arguments_that_do_not_fit(name: str) -> None:
    call, expected = WRONG[name]
    assert message(call) == expected


SCRIPT = """
from pellucid.script import ir as I, relax as R

@I.ir_module
class Module:
    @R.function
    def main(x: R.Tensor(dtype="float32"), y: R.Tensor((2,), "float32")):
        a = R.exp(x)
        b = R.exp(y)
        return a, b
"""


def test_what_cannot_be_lowered() -> None:
    with pytest.raises(UnsupportedError) as error:
        LegalizeOps(strict=True)(from_source(SCRIPT))
    assert (
        str(error.value)
        == """These calls of operators cannot be lowered:
- relax.exp: the shape of x is unknown
 --> <script>:8:13
  |
8 |         a = R.exp(x)
  |             ^^^^^^^^
  cure: give each operator a rule (register_op_attr(name, 'FLegalize', rule), or \
customize_legalize_map), or name unknown dimensions by match_cast"""
    )


def test_a_call_in_a_script_that_does_not_fit() -> None:
    wrong = SCRIPT.replace("R.exp(y)", "R.matmul(y, R.const([1.0, 2.0, 3.0]))")
    with pytest.raises(PellucidError) as error:
        from_source(wrong)
    assert (
        str(error.value)
        == """relax.matmul: 'x2' has another inner extent than the first operand.
 --> <script>:9:13
  |
9 |         b = R.matmul(y, R.const([1.0, 2.0, 3.0]))
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: 2
  found: 3"""
    )


def test_arrays_become_constants() -> None:
    call = op.add(t(2), np.ones(2, "float32"))
    assert isinstance(call.args[1], relax.Constant)
