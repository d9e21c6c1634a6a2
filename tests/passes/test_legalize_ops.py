"""LegalizeOps: operators become loop functions; rules of the user's; what has no rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pellucid import relax, topi
from pellucid.interp import Interpreter
from pellucid.ir import op as op_module
from pellucid.ir.module import IRModule
from pellucid.ir.op import register_op
from pellucid.ir.structural import first_difference
from pellucid.relax.transform import LegalizeOps
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, UnsupportedError

X = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture
def strange() -> Iterator[str]:
    """An operator without a rule."""
    name = "relax.test.strange"
    register_op(name, FPurity=True, FInferStructInfo=lambda call, _: call.args[0].struct_info)
    yield name
    op_module._ops.remove(name)
    del op_module._attributes[name]


def test_before_and_after() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
            with R.dataflow():
                y = R.add(x, R.const(1, "float32"))
                gv = R.nn.relu(y)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @T.prim_func(private=True)
        def add(x: T.Buffer((T.int64(2), T.int64(3))), T_add: T.Buffer((T.int64(2), T.int64(3)))):
            T.func_attr({"tir.noalias": True})
            for ax0, ax1 in T.grid(T.int64(2), T.int64(3)):
                with T.block("T_add"):
                    v_ax0, v_ax1 = T.axis.remap("SS", [ax0, ax1])
                    T_add[v_ax0, v_ax1] = x[v_ax0, v_ax1] + T.float32(1)

        @T.prim_func(private=True)
        def relu(
            y: T.Buffer((T.int64(2), T.int64(3))), compute: T.Buffer((T.int64(2), T.int64(3)))
        ):
            T.func_attr({"tir.noalias": True})
            for i0, i1 in T.grid(T.int64(2), T.int64(3)):
                with T.block("compute"):
                    v_i0, v_i1 = T.axis.remap("SS", [i0, i1])
                    compute[v_i0, v_i1] = T.max(y[v_i0, v_i1], T.float32(0))

        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
            cls = Expected
            with R.dataflow():
                y = R.call_tir(cls.add, (x,), R.Tensor((2, 3), "float32"))
                gv = R.call_tir(cls.relu, (y,), R.Tensor((2, 3), "float32"))
                R.output(gv)
            return gv

    after = LegalizeOps(strict=True)(Before)
    assert first_difference(after, Expected) is None, after.script()
    assert LegalizeOps()(after) is after


def test_branches_and_nested_functions() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2, 3), "float32"), c: R.Tensor((), "bool")) -> R.Tensor(
            (2, 3), "float32"
        ):
            @R.function
            def twice(y: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
                z = R.add(y, y)
                return z

            if c:  # noqa: SIM108  (the language of graph functions)
                w = R.nn.relu(x)
            else:
                w = R.negative(x)
            v = twice(w)
            return v

    after = LegalizeOps(strict=True)(Module)
    assert "R.add" not in after.script()
    for condition in (True, False):
        args = X, np.array(condition)
        expected = Interpreter(Module)["main"](*args)
        np.testing.assert_array_equal(Interpreter(after)["main"](*args), expected)


def test_rules_of_the_users() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2, 3), "float32")) -> R.Tensor((2, 3), "float32"):
            y = R.add(x, x)
            z = R.multiply(y, x)
            return z

    def double(bb: relax.BlockBuilder, call: relax.Call) -> Any:
        return bb.call_te(topi.multiply, call.args[0], relax.const(2.0))

    def as_product(bb: relax.BlockBuilder, call: relax.Call) -> Any:
        return relax.op.multiply(call.args[0], relax.const(2.0))

    def stays(bb: relax.BlockBuilder, call: relax.Call) -> Any:
        return call

    for rule in (double, as_product):
        after = LegalizeOps({"relax.add": rule}, strict=True)(Module)
        assert "add" not in [gvar.name_hint for gvar in after]
        np.testing.assert_array_equal(Interpreter(after)["main"](X), 2 * X * X)
    left = LegalizeOps({"relax.add": stays})(Module)
    assert "R.add" in left.script()
    assert "R.multiply" not in left.script()
    with pytest.raises(RegistryError, match=r"no operator named 'relax\.ad'"):
        LegalizeOps({"relax.ad": stays})


def test_unknown_dimensions_get_names() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n", 3), "float32")) -> R.Tensor(("n",), "float32"):
            n = T.int64()
            i = R.nonzero(x)
            j = R.take(i, R.const(0, "int64"), axis=0)
            k = R.add(j, j)
            s = R.sum(R.astype(k, "float32"))
            return R.add(R.sum(x, axis=1), s)

    lowered = LegalizeOps(strict=True)(Module)
    for mod in (lowered, Module):
        for run in (Interpreter(mod)["main"], relax.VirtualMachine(relax.build(mod))["main"]):
            found = run(X)
            found = found if isinstance(found, np.ndarray) else found.numpy()
            np.testing.assert_allclose(found, X.sum(1) + 2 * np.nonzero(X)[0].sum())


def test_strict_lists_everything_that_stays(strange: str) -> None:
    x = relax.Var("x", relax.TensorStructInfo((2,), "float32"))
    y = relax.Var("y", relax.TensorStructInfo(None, "float32"))
    bb = relax.BlockBuilder()
    with bb.function("main", [x, y]):
        a = bb.emit(relax.Call(op_module.Op.get(strange), [x]))
        b = bb.emit(relax.op.exp(y))
        c = bb.emit(relax.op.exp(a))
        bb.emit_func_output([b, c])
    mod = bb.get()
    left = LegalizeOps()(mod)
    assert "R.test.strange" in left.script()
    assert left.script().count("R.exp") == 1
    with pytest.raises(UnsupportedError) as error:
        LegalizeOps(strict=True)(mod)
    listed = [line for line in str(error.value).splitlines() if line.startswith("- ")]
    assert listed == [
        "- relax.test.strange: it has no rule",
        "- relax.exp: the shape of y is unknown",
    ]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        LegalizeOps(enable_warning=True)(mod)
    assert [str(each.message).split(":")[0] for each in found] == [
        "LegalizeOps leaves a call of relax.test.strange",
        "LegalizeOps leaves a call of relax.exp",
    ]


def test_calls_of_one_form_share_a_loop_function() -> None:
    matrix = relax.TensorStructInfo((4, 4), "float32")
    x, y = relax.Var("x", matrix), relax.Var("y", matrix)
    bb = relax.BlockBuilder()
    with bb.function("main", [x, y]):
        with bb.dataflow():
            a = bb.emit(relax.op.add(x, y))
            b = bb.emit(relax.op.add(y, a))
            c = bb.emit(relax.op.add(b, b))
            d = bb.emit(relax.op.add(c, relax.const(1.0)))
            e = bb.emit(relax.op.add(d, relax.const(2.0)))
            f = bb.emit(relax.op.concat([a, e], axis=1))
            g = bb.emit(relax.op.concat([e, a], axis=0))
            out = bb.emit_output(relax.Tuple([f, g]))
        bb.emit_func_output(out)
    after = LegalizeOps(strict=True)(bb.get())
    calls = [each.value for each in relax.analysis.all_bindings(after["main"])][:7]
    names = [each.args[0].name_hint for each in calls]
    assert names[0] == names[1]
    # Other scalars and another axis: other loop functions.
    assert len({names[0], *names[3:]}) == 5
    assert [tuple(each.args[1]) for each in calls[5:]] == [
        (calls_of(after, 0), calls_of(after, 4)),
        (calls_of(after, 4), calls_of(after, 0)),
    ]
    arrays = [np.arange(16, dtype="float32").reshape(4, 4), np.ones((4, 4), "float32")]
    results = [Interpreter(mod)["main"](*arrays) for mod in (after, bb.get())]
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_array_equal(found, wanted)


def calls_of(mod: IRModule, number: int) -> relax.Var:
    """The variable of one of the bindings of `main`."""
    return relax.analysis.all_bindings(mod["main"])[number].var
