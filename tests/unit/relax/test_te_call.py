"""`BlockBuilder.call_te` and `emit_te`: loop functions from tensor expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import relax, te, topi
from pellucid.interp import Interpreter
from pellucid.ir.scalar import SizeVar
from pellucid.ir.structural import first_difference
from pellucid.script import from_source
from pellucid.support.errors import TypeMismatchError
from tests.ops.harness import plain

N = SizeVar("n", "int64")


def tensor(name: str, *shape: Any, dtype: str = "float32") -> relax.Var:
    return relax.Var(name, relax.TensorStructInfo(shape, dtype))


def build(params: list[relax.Var], body: Any) -> Any:
    bb = relax.BlockBuilder()
    with bb.function("main", params):
        with bb.dataflow():
            out = bb.emit_output(body(bb))
        bb.emit_func_output(out)
    return bb.get()


def run(mod: Any, *args: Any) -> Any:
    expected = Interpreter(mod)["main"](*args)
    found = plain(relax.VirtualMachine(relax.build(mod))["main"](*args))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    return expected


def test_the_loop_function_is_private_and_named_after_the_function() -> None:
    x, y = tensor("x", N, 4), tensor("y", N, 4)
    mod = build([x, y], lambda bb: bb.emit_te(topi.add, x, y))
    expected = """
from pellucid.script import ir as I, relax as R, tir as T

@I.ir_module
class Module:
    @T.prim_func(private=True)
    def add(var_x: T.handle, var_y: T.handle, var_T_add: T.handle):
        T.func_attr({"tir.noalias": True})
        n = T.int64(is_size_var=True)
        x = T.match_buffer(var_x, (n, T.int64(4)))
        y = T.match_buffer(var_y, (n, T.int64(4)))
        T_add = T.match_buffer(var_T_add, (n, T.int64(4)))
        for ax0, ax1 in T.grid(n, T.int64(4)):
            with T.block("T_add"):
                v_ax0, v_ax1 = T.axis.remap("SS", [ax0, ax1])
                T_add[v_ax0, v_ax1] = x[v_ax0, v_ax1] + y[v_ax0, v_ax1]

    @R.function
    def main(
        x: R.Tensor(("n", 4), "float32"), y: R.Tensor(("n", 4), "float32")
    ) -> R.Tensor(("n", 4), "float32"):
        n = T.int64(is_size_var=True)
        with R.dataflow():
            lv = R.call_tir(Module.add, (x, y), R.Tensor((n, 4), "float32"))
            gv = lv
            R.output(gv)
        return gv
"""
    assert first_difference(mod, from_source(expected)) is None


def test_equal_functions_are_one() -> None:
    x = tensor("x", 2)
    mod = build([x], lambda bb: bb.emit_te(topi.exp, bb.emit_te(topi.exp, x)))
    assert len(mod.functions) == 2


def test_variables_that_no_shape_binds_are_passed() -> None:
    x, k = tensor("x", N + 1), relax.Var("k", relax.PrimStructInfo(value=SizeVar("k", "int64")))

    def scale(a: te.Tensor, factor: Any) -> te.Tensor:
        return te.compute(a.shape, lambda i: a[i] * factor.astype("float32"))

    size = relax.Var("s", relax.ShapeStructInfo([N]))
    mod = build([x, size, k], lambda bb: bb.emit_te(scale, x, k))
    call = mod["main"].body.blocks[0].bindings[0].value
    names = [each.name for each in call.args[2].values]
    assert names == ["n", "k"]
    vm = relax.VirtualMachine(relax.build(mod))
    found = plain(vm["main"](np.ones(4, "float32"), (3,), 5))
    np.testing.assert_array_equal(found, np.full(4, 5, "float32"))


def test_shapes_tuples_numbers_and_keywords() -> None:
    x, y = tensor("x", N, 2), tensor("y", 3, 2)

    def body(bb: relax.BlockBuilder) -> Any:
        joined = bb.emit_te(topi.concatenate, (x, y), axis=0, primfunc_name_hint="join")
        wide = bb.emit_te(topi.broadcast_to, joined, relax.ShapeExpr([2, N + 3, 2]))
        return bb.emit_te(topi.multiply, wide, relax.const(2.0))

    mod = build([x, y], body)
    assert "join" in [gvar.name_hint for gvar in mod]
    info = mod["main"].ret_struct_info
    assert repr(info) == 'R.Tensor((2, n + 3, 2), dtype="float32")'
    a, b = np.ones((2, 2), "float32"), np.zeros((3, 2), "float32")
    np.testing.assert_array_equal(run(mod, a, b)[1], 2 * np.concatenate([a, b]))


def test_several_results_and_results_that_are_arguments() -> None:
    x = tensor("x", 2, 3)

    def same(a: te.Tensor) -> Any:
        return [a, topi.exp(a), a]

    def body(bb: relax.BlockBuilder) -> Any:
        found = bb.emit_te(same, x)
        return relax.Tuple([relax.TupleGetItem(found, 0), relax.TupleGetItem(found, 2)])

    mod = build([x], body)
    value = np.arange(6, dtype="float32").reshape(2, 3)
    first, last = run(mod, value)
    np.testing.assert_array_equal(first, value)
    np.testing.assert_array_equal(last, value)


def test_attributes_of_the_loop_function() -> None:
    x = tensor("x", 2)
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        found = bb.emit_te(topi.exp, x, primfunc_attrs={"op_pattern": 0}, name_hint="y")
        bb.emit_func_output(found)
    assert found.name_hint == "y"
    assert bb.get()["exp"].attrs["op_pattern"] == 0


def test_te_tensor() -> None:
    x = tensor("x", N, 4)
    placeholder = relax.te_tensor(x, "A")
    assert placeholder.op.name == "A"
    assert placeholder.shape[0] is N
    with pytest.raises(TypeMismatchError, match="shape is known"):
        relax.te_tensor(relax.Var("y", relax.TensorStructInfo(None, "float32")))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (relax.TensorStructInfo(None, "float32", ndim=2), "The shape of 'x' has to be known"),
        (relax.TensorStructInfo((2,), None), "The dtype of 'x' has to be known"),
        (relax.ObjectStructInfo(), "A tensor expression cannot be made of this value"),
    ],
)
def test_what_is_unknown_is_refused(info: Any, message: str) -> None:
    x = relax.Var("x", info)
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        with pytest.raises(TypeMismatchError, match=message):
            bb.emit_te(topi.exp, x)
        bb.emit_func_output(x)


def test_the_function_has_to_give_tensors() -> None:
    x = tensor("x", 2)
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        with pytest.raises(TypeMismatchError, match="The function 'te_func' has to give tensors"):
            bb.emit_te(lambda a: a[0], x)
        bb.emit_func_output(x)
