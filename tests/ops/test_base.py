"""Operators around the tensors: messages, assertions, null values, packed functions in place; and
Python's operators on graph expressions.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from pellucid import relax
from pellucid.interp import Interpreter
from pellucid.ir.module import IRModule
from pellucid.relax import op
from pellucid.relax.transform import LegalizeOps
from pellucid.runtime.registry import register_func
from pellucid.runtime.tensor import Tensor
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RunError
from tests.ops.harness import assert_round_trip, plain

X = np.arange(6, dtype="float32").reshape(2, 3)


def both(mod: IRModule, *args: Any) -> Any:
    """What `main` gives in the interpreter, before and after lowering, and natively."""
    expected = Interpreter(mod)["main"](*args)
    lowered = LegalizeOps(strict=True)(mod)
    for each in (
        Interpreter(lowered)["main"](*args),
        plain(relax.VirtualMachine(relax.build(mod))["main"](*args)),
    ):
        np.testing.assert_allclose(each, expected)
    assert_round_trip(mod)
    assert_round_trip(lowered)
    return expected


def test_print(capfd: pytest.CaptureFixture[str]) -> None:
    @I.ir_module
    class Module:
        @R.function(pure=False)
        def main(x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            R.print(x, R.prim_value(3), format="x is {}, not {}")
            R.print(x)
            return x

    both(Module, X[0, :2])
    line = "x is [0. 1.], not 3\n[0. 1.]\n"
    assert capfd.readouterr().out == line * 3


def test_assert_op() -> None:
    @I.ir_module
    class Module:
        @R.function(pure=False)
        def main(x: R.Tensor((), "bool"), y: R.Tensor((), "int32")) -> R.Tensor((), "int32"):
            R.assert_op(x, y, format="y is {}")
            return y

    yes, no, number = np.array(True), np.array(False), np.array(7, "int32")
    both(Module, yes, number)
    for run in (Interpreter(Module)["main"], relax.VirtualMachine(relax.build(Module))["main"]):
        with pytest.raises(RunError, match=r"An assertion failed\. y is 7"):
            run(no, number)


def test_null_value() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            nothing: R.Object = R.null_value()
            return x

    both(Module, X[0, :2])


def test_call_inplace_packed() -> None:
    def increase(x: Tensor, y: Tensor) -> Tensor:
        np.from_dlpack(x)[...] += y.numpy()
        return x

    register_func("test.increase", increase, override=True)

    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2, 3), "float32"), y: R.Tensor((2, 3), "float32")) -> R.Tensor(
            (2, 3), "float32"
        ):
            z = R.add(x, y)
            w = R.call_inplace_packed(
                "test.increase",
                z,
                y,
                inplace_indices=[0],
                sinfo_args=(R.Tensor((2, 3), "float32"),),
            )
            return w

    np.testing.assert_array_equal(both(Module, X, X), 3 * X)


def test_python_operators() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n", 3), "float32")) -> R.Tensor(("n", 3), "float32"):
            n = T.int64()
            y = 2.0 * x + x / 4.0 - 1.0
            z = -y
            a = z[0]
            b = z[:, 1:]
            c = b[..., None]
            d = R.squeeze(c, -1)
            e = R.concat([d, R.expand_dims(R.sum(d, axis=1), 1)], axis=1)
            return R.where(e > a, e, x)

    from_numpy = -(2 * X + X / 4 - 1)
    d = from_numpy[:, 1:]
    e = np.concatenate([d, d.sum(1, keepdims=True)], 1)
    found = both(Module, X)
    np.testing.assert_allclose(found, np.where(e > from_numpy[0], e, X), rtol=1e-6)


def test_numbers_take_the_dtype_beside_them() -> None:
    x = relax.Var("x", relax.TensorStructInfo((2,), "float16"))
    k = relax.Var("k", relax.TensorStructInfo((2,), "int64"))

    def constant(call: relax.Call) -> str:
        return str(call.args[1].struct_info.dtype)

    assert constant(op.add(x, 1)) == "float16"
    assert constant(op.multiply(op.exp(x), 2.5)) == "float16"
    assert constant(op.add(k, 1)) == "int64"
    assert constant(op.where(op.greater(x, 0), x, 0).args[0]) == "float16"
    assert constant(op.less(k, 0.5)) == "float32"


def test_attributes_have_one_form() -> None:
    x = relax.Var("x", relax.TensorStructInfo((1, 2, 5, 5), "float32"))
    w = relax.Var("w", relax.TensorStructInfo((3, 2, 3, 3), "float32"))
    call = op.nn.conv2d(x, w, strides=2, padding=(1, 0), dilation=[1, 1], out_dtype="float32")
    assert call.attrs.strides == (2, 2)
    assert call.attrs.padding == (1, 0, 1, 0)
    assert call.attrs.dilation == (1, 1)
    assert call.attrs.out_dtype == "float32"
    assert call.attrs.data_layout == "NCHW"
    assert op.reshape(x, (2, -1)).args[1].values[1].value == 25
    assert op.nn.attention(x, x, x).op.name == "relax.nn.attention"
    assert op.nn.attention(x, x, x, x).op.name == "relax.nn.attention_bias"


def test_public_functions_show_their_signature() -> None:
    assert op.nn.softmax.__name__ == "softmax"
    assert str(inspect.signature(op.nn.softmax)).startswith("(data")
    assert op.nn.softmax.__doc__
