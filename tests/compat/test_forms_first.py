"""Rows of the table of forms: what only the first generation wrote, in scripts and by hand."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import pellucid
from pellucid.script import ir as native_I
from pellucid.script import relax as native_R
from pellucid.script import tir as native_T
from pellucid.support.errors import ParseError
from tests.compat.rows import row
from tests.compat.test_forms_graph import arrays, call

import tvm  # isort: skip
from tvm import relax  # isort: skip
from tvm.script import relax as R  # isort: skip
from tvm.script import tir as T  # isort: skip


@tvm.register_func("test.compat.addone", override=True)
def add_one(x, out):
    out.copyfrom(x.numpy() + 1)


@tvm.register_func("test.compat.split", override=True)
def split(x, first, second):
    first.copyfrom(x.numpy()[:2])
    second.copyfrom(x.numpy()[2:].astype("int32"))


def _annotated():
    @tvm.script.ir_module
    class Module:
        @R.function
        def main(x: Tensor((4,), "float32"), s: Shape((2, 2)), o: Object) -> Tensor:
            with R.dataflow():
                y = R.call_dps_packed("test.compat.addone", (x,), R.Tensor((4,), "float32"))
                R.output(y)
            return y

    return Module


@row("1.3-bare-tensor")
def test_names_without_an_import() -> None:
    main = _annotated()["main"]
    assert isinstance(main.params[1].struct_info, relax.ShapeStructInfo)
    assert isinstance(main.params[2].struct_info, relax.ObjectStructInfo)


@row("3-deferred")
def test_annotations_that_python_does_not_evaluate() -> None:
    @tvm.script.ir_module
    class Module:
        @T.prim_func
        def f(x: T.Buffer((4,), "float32"), y: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.block("y"):
                    vi = T.axis.spatial(4, i)
                    y[vi] = x[vi]

    assert isinstance(Module["f"].params, tuple)
    assert isinstance(Module["f"].buffer_map[Module["f"].params[0]], tvm.tir.Buffer)


@row("1.3-relax-dataflow")
def test_relax_dataflow() -> None:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        with relax.dataflow():
            y = R.add(x, x)
            relax.output(y)
        return y

    assert isinstance(main.body.blocks[0], relax.DataflowBlock)


@row("1.3-bare-callee", "1.3-call-tir-shape-dtype")
def test_the_first_end_to_end_module() -> None:
    @tvm.script.ir_module
    class Module:
        @T.prim_func
        def double(x: T.Buffer((1, 4), "float32"), y: T.Buffer((1, 4), "float32")):
            for i, j in T.grid(1, 4):
                with T.block("y"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    y[vi, vj] = x[vi, vj] * T.float32(2)

        @R.function
        def main(x: R.Tensor((1, 4), "float32")):
            with R.dataflow():
                lv0 = R.call_tir(double, (x,), (1, 4), dtype="float32")
                out = R.call_tir(double, (lv0,), (1, 4), "float32")
                R.output(out)
            return out

    (x,) = arrays((1, 4))
    np.testing.assert_allclose(call(Module, x), 4 * x)


@row("1.3-call-tir-string")
def test_a_string_as_callee() -> None:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        with R.dataflow():
            y = R.call_tir("test.compat.addone", (x,), (4,), dtype="float32")
            R.output(y)
        return y

    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            lv = bb.emit(relax.op.call_tir("test.compat.addone", (x,), (4,), dtype="float32"))
            extern = relax.ExternFunc("test.compat.addone")
            gv = bb.emit_output(relax.call_tir(extern, lv, R.Tensor((4,), "float32")))
        bb.emit_func_output(gv)
    (a,) = arrays((4,))
    np.testing.assert_allclose(call(tvm.IRModule({"main": main}), a), a + 1)
    np.testing.assert_allclose(call(bb.get(), a), a + 2)


@row("4-shapes-dtypes")
def test_lists_of_shapes_and_dtypes() -> None:
    from pellucid.compat.tvm.generations.calls import _of_shape

    infos = _of_shape("call_tir", [(2,), (2,)], ["float32", "int32"])
    assert [each.dtype for each in infos] == ["float32", "int32"]
    with pytest.raises(TypeError, match="lists of different lengths"):
        _of_shape("call_tir", [(2,), (2,)], ["float32"])


def test_two_results() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    with bb.function("main", [x]):
        shapes, dtypes = [(2,), (2,)], ["float32", "int32"]
        with quiet():
            both = bb.emit(relax.op.call_tir("test.compat.split", (x,), shapes, dtype=dtypes))
        bb.emit_func_output(both)
    (a,) = arrays((4,))
    first, second = call(bb.get(), a * 10)
    np.testing.assert_allclose(first, a[:2] * 10)
    assert second.dtype == "int32"


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of old spellings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@row("3-dps-shape-dtype")
def test_call_dps_packed_of_shape_and_dtype() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    with bb.function("main", [x]):
        y = bb.emit(relax.op.call_dps_packed("test.compat.addone", (x,), (4,), dtype="float32"))
        bb.emit_func_output(y)
    (a,) = arrays((4,))
    np.testing.assert_allclose(call(bb.get(), a), a + 1)


@row("4-size-names")
def test_sizes_named_in_annotations() -> None:
    @R.function
    def main(x: Tensor((n, m), "float32"), y: Tensor[(m,), "float32"], z: Tensor(_, "float32")):
        w = R.add(x, y)
        return w

    rows, columns = main.params[0].struct_info.shape
    assert (rows.name, columns.name) == ("n", "m")
    assert main.params[1].struct_info.shape[0] is columns
    assert main.params[2].struct_info.shape is None


@row("4-match-shape")
def test_match_shape() -> None:
    @R.function
    def main(x: R.Tensor(None, "float32", ndim=2)):
        y = R.match_shape(x, (n, m))
        z = R.add(y, y)
        return z

    (a,) = arrays((2, 3))
    np.testing.assert_allclose(call(tvm.IRModule({"main": main}), a), 2 * a)


@row("4-type-args")
def test_type_args() -> None:
    @tvm.register_func("test.compat.made", override=True)
    def made(x):
        return tvm.nd.array(x.numpy() + 1)

    @R.function(pure=False)
    def main(x: R.Tensor((4,), "float32")):
        y = R.call_packed("test.compat.made", x, type_args=R.Tensor((4,), "float32"))
        return y

    (a,) = arrays((4,))
    np.testing.assert_allclose(call(tvm.IRModule({"main": main}), a), a + 1)


@row("4-relax-add")
def test_operators_directly_in_relax() -> None:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        y = relax.multiply(x, x)
        z = relax.add(y, x)
        return z

    (a,) = arrays((4,))
    np.testing.assert_allclose(call(tvm.IRModule({"main": main}), a), a * a + a, rtol=1e-6)


@row("4-relax-nn")
def test_relax_nn() -> None:
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    assert relax.nn.relu(x).op == tvm.ir.Op.get("relax.nn.relu")


@row("4-op-dense")
def test_dense() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((2, 3), "float32"))
    w = relax.Var("w", relax.TensorStructInfo((4, 3), "float32"))
    with bb.function("main", [x, w]):
        with bb.dataflow():
            lv = bb.emit(relax.op.dense(x, w))
            gv = bb.emit_output(lv)
        bb.emit_func_output(gv)
    mod = bb.get()
    value = mod["main"].body.blocks[0].bindings[0].value
    assert value.op == tvm.ir.Op.get("relax.nn.dense") == relax.op.nn.dense(x, w).op
    a, b = arrays((2, 3), (4, 3))
    np.testing.assert_allclose(call(mod, a, b), a @ b.T, rtol=1e-5)


@row("4-op-relu")
def test_op_relu() -> None:
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    assert relax.op.relu(x).op == tvm.ir.Op.get("relax.nn.relu")


# A native script beside it is strict.


def test_native_scripts_are_strict() -> None:
    with quiet():
        _annotated()
    with pytest.raises(ParseError, match="'Tensor' is not defined"):

        @native_R.function
        def first(x: Tensor((4,), "float32")):
            return x

    with pytest.raises(ParseError, match="not named by itself"):

        @native_I.ir_module
        class Second:
            @native_T.prim_func
            def f(x: native_T.Buffer((4,), "float32"), y: native_T.Buffer((4,), "float32")):
                for i in range(4):
                    y[i] = x[i]

            @native_R.function
            def main(x: native_R.Tensor((4,), "float32")):
                y = native_R.call_tir(f, (x,), native_R.Tensor((4,), "float32"))
                return y

    with pytest.raises(ParseError, match=r"arguments do not fit|struct info"):

        @native_R.function
        def third(x: native_R.Tensor((4,), "float32")):
            y = native_R.call_dps_packed("f", (x,), (4,), dtype="float32")
            return y

    with pytest.raises(AttributeError):
        _ = pellucid.relax.op.dense
