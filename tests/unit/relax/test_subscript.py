"""`x[index]` of graph tensors, in scripts and in Python, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import cpu, interp, relax, te
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RunError, TypeMismatchError


@I.ir_module
class Script:
    @R.function
    def main(x: R.Tensor(("n", 4, 5), "float32"), i: R.Tensor((3,), "int64")):
        n = T.int64()
        with R.dataflow():
            out = (
                x[0], x[1:3], x[0, :, None], x[..., -1], x[:, 1:3, ::2], x[-1, 2], x[n - 2],
                x[:, i], x[i, i], x[i], x[:, i, i], x[i, 1:3], x[1][:, None, 2:],
            )  # fmt: skip
            R.output(out)
        return out


def test_subscripts_in_scripts() -> None:
    rng = np.random.default_rng(0)
    x, i = rng.random((4, 4, 5), "float32"), np.array([0, 2, 1])
    expected = (
        x[0], x[1:3], x[0, :, None], x[..., -1], x[:, 1:3, ::2], x[-1, 2], x[2],
        x[:, i], x[i, i], x[i], x[:, i, i], x[i, 1:3], x[1][:, None, 2:],
    )  # fmt: skip
    vm = relax.VirtualMachine(relax.build(Script, target="llvm"), cpu())
    for found in (interp.run(Script, x, i), [each.numpy() for each in vm["main"](x, i)]):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def build(shape: Any, index: Any, more: Any = ()) -> Any:
    x = relax.Var("x", relax.TensorStructInfo(shape, "float32"))
    bb = relax.BlockBuilder()
    with bb.function("main", [x, *more]):
        bb.emit_func_output(bb.emit(x[index]))
    return bb.get()


def test_subscripts_in_python() -> None:
    x = np.arange(12, dtype="float32").reshape(3, 4)
    for index in (1, (slice(None), 2), (Ellipsis, None), np.array([2, 0]), slice(None, None, -1)):
        np.testing.assert_array_equal(interp.run(build((3, 4), index), x), x[index])
    mask = relax.Var("m", relax.TensorStructInfo((3, 4), "bool"))
    np.testing.assert_array_equal(interp.run(build((3, 4), mask, [mask]), x, x > 4), x[x > 4])


def test_what_is_no_subscript() -> None:
    floats = relax.Var("f", relax.TensorStructInfo((2,), "float32"))
    ints = relax.Var("i", relax.TensorStructInfo((2,), "int64"))
    for index, message in (
        ((0, 0, 0), "more indices than it has dimensions"),
        (floats, "has integers, or bools"),
        ("a", "slices, integers, and tensors"),
        ((0, ints), "axes next to each other"),
        ((Ellipsis, Ellipsis), "one `...` at most"),
    ):
        with pytest.raises(TypeMismatchError, match=message):
            build((3, 4), index)


def test_an_element_of_an_empty_tensor_is_an_error() -> None:
    vm = relax.VirtualMachine(relax.build(build((extent(), 4), 0), target="llvm"), cpu())
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(vm["main"](x).numpy(), x[0])
    with pytest.raises(RunError):
        vm["main"](x[:0])


def extent() -> Any:
    return te.var("n", "int64")


def test_elements_taken_of_an_empty_tensor_are_zeros() -> None:
    x = relax.Var("x", relax.TensorStructInfo((extent(), 4), "float32"))
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        places = relax.const(np.array([0, 1]))
        bb.emit_func_output(bb.emit(relax.op.take(x, places, 0)))
    vm = relax.VirtualMachine(relax.build(bb.get(), target="llvm", bounds_check=True), cpu())
    np.testing.assert_array_equal(vm["main"](np.ones((0, 4), "float32")).numpy(), np.zeros((2, 4)))
