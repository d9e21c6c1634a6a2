"""Rows of the table of forms: graph functions, builders, rewriters."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.support.errors import PellucidError
from tests.compat.rows import row

import tvm  # isort: skip
from tvm import relax, te, topi  # isort: skip
from tvm.ir.module import IRModule  # isort: skip
from tvm.script import ir as I  # isort: skip
from tvm.script import relax as R  # isort: skip
from tvm.script import tir as T  # isort: skip


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.random(each, dtype="float32") for each in shapes]


def call(mod, *values):
    vm = relax.VirtualMachine(relax.build(mod, target="llvm"), tvm.cpu())
    result = vm["main"](*[tvm.nd.array(each) for each in values])
    return result.numpy() if hasattr(result, "numpy") else [each.numpy() for each in result]


def multiply_add() -> IRModule:
    @tvm.script.ir_module
    class MyModule:
        @R.function
        def main(x: R.Tensor((3, 4), "float32"), y: R.Tensor((3, 4), "float32")):
            with R.dataflow():
                lv0 = relax.op.multiply(x, y)
                gv0 = relax.op.add(lv0, y)
                R.output(gv0)
            return gv0

    return MyModule


def with_loops() -> IRModule:
    @tvm.script.ir_module
    class MyModule:
        @T.prim_func
        def double(x: T.handle, y: T.handle):
            n = T.int64()
            X = T.match_buffer(x, (1, n), "float32")
            Y = T.match_buffer(y, (1, n), "float32")
            for i, j in T.grid(1, n):
                with T.block("Y"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    Y[vi, vj] = X[vi, vj] * T.float32(2)

        @R.function
        def main(x: R.Tensor((1, "m"), "float32"), w: R.Tensor(("m",), "float32")):
            m = T.int64()
            with R.dataflow():
                lv0 = R.call_dps_packed("double", (x,), R.Tensor((1, m), "float32"))
                out = R.call_dps_packed("double", (lv0,), R.Tensor((1, m), "float32"))
                R.output(out)
            return out

    return MyModule


@row("1.1-ir-module", "1.3-function", "1.3-dataflow", "1.3-host-operators", "1.3-return")
def test_modules() -> None:
    x, y = arrays((3, 4), (3, 4))
    np.testing.assert_allclose(call(multiply_add(), x, y), x * y + y, rtol=1e-6)


@row("1.1-ir-module-options")
def test_module_options() -> None:
    @tvm.script.ir_module(check_well_formed=False)
    class Ill:
        @T.prim_func
        def main(A: T.Buffer((4,), "float32")):
            A[0] = A[1]

    assert isinstance(Ill, IRModule)


@row("1.3-tensor", "1.3-known-sizes", "1.3-call-dps-packed", "3-global-symbol")
def test_symbolic_modules() -> None:
    mod = with_loops()
    x, w = arrays((1, 5), (5,))
    np.testing.assert_allclose(call(mod, x, w), 4 * x)
    with pytest.raises(ValueError, match="m"):
        call(mod, x, arrays((6,))[0])


@row("3-two-dataflow")
def test_two_dataflow_blocks() -> None:
    @R.function
    def main(x: R.Tensor((1, "m"), "float32")):
        m = T.int64()
        with R.dataflow():
            lv0 = R.call_dps_packed("f", (x,), R.Tensor((1, m), "float32"))
            gv0 = R.call_dps_packed("g", (lv0,), R.Tensor((1, m), "float32"))
            R.output(gv0)
        with R.dataflow():
            out = R.call_dps_packed("f", (gv0,), R.Tensor((1, m), "float32"))
            R.output(out)
        return out

    # Neighbouring blocks are one block in normal form, which hands out what both did.
    (block,) = main.body.blocks
    assert [isinstance(each.var, relax.DataflowVar) for each in block.bindings] == [
        True,
        False,
        False,
    ]


@row("1.3-out-ty", "1.4-ty", "1.4-tensor-type")
def test_later_names() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def f(x: T.Buffer((4,), "float32"), y: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.block("y"):
                    vi = T.axis.spatial(4, i)
                    y[vi] = x[vi]

        @R.function
        def main(x: R.Tensor((4,), "float32")):
            cls = Module
            y = R.call_tir(cls.f, (x,), out_ty=R.Tensor((4,), "float32"))
            return y

    x = Module["main"].params[0]
    assert relax.TensorType is relax.TensorStructInfo
    assert x.ty is x.struct_info
    assert [int(each) for each in x.ty.shape] == [4]
    assert x.ty.dtype == "float32"


@row("1.4-script", "1.4-getitem", "1.4-functions", "1.4-attrs", "1.4-with-attr")
def test_module_objects(capsys) -> None:
    mod = multiply_add()
    assert mod["main"].script() in mod.script() or "def main" in mod["main"].script()
    mod.show()
    mod["main"].show()
    assert capsys.readouterr().out.count("def main") == 2
    assert mod["main"] is mod[mod.get_global_var("main")]
    with pytest.raises(ValueError, match="nothing"):
        mod["nothing"]
    for gvar, func in mod.functions.items():
        assert isinstance(gvar, tvm.ir.GlobalVar)
        marked = func.with_attr("Primitive", 1)
        assert func.attrs is not None
        assert "Primitive" not in list(func.attrs.keys())
        assert "Primitive" in list(marked.attrs.keys())
        assert marked.attrs["Primitive"] != 0


@row("1.4-structure", "1.4-type", "1.4-call-parts", "1.4-struct-info", "1.1-op-get")
def test_structure_of_functions() -> None:
    func = multiply_add()["main"]
    assert str(type(func)).endswith("relax.expr.Function'>")
    assert str(type(func.body)).endswith("relax.expr.SeqExpr'>")
    block = func.body.blocks[0]
    assert isinstance(block, relax.DataflowBlock)
    first, second = block.bindings
    assert isinstance(first.value, relax.Call)
    assert first.value.op == tvm.ir.Op.get("relax.multiply")
    assert first.value.op != tvm.ir.Op.get("relax.add")
    assert second.value.args[0] is first.var
    assert {tvm.ir.Op.get("relax.add"): 1}[second.value.op] == 1
    assert func.params[0].struct_info.dtype == "float32"
    assert [int(each) for each in func.params[0].struct_info.shape] == [3, 4]


@row("1.4-call", "3-ewise-fma", "1.4-tensor-struct-info", "1.4-var")
def test_calls_by_hand() -> None:
    bb = relax.BlockBuilder()
    info = relax.TensorStructInfo((3, 4), "float32")
    x, y = relax.Var("x", info), relax.Var("y", relax.TensorStructInfo(info.shape, info.dtype))
    with bb.function("main", [x, y]):
        with bb.dataflow():
            fma = relax.Call(tvm.ir.Op.get("relax.ewise_fma"), [x, y, x], None, None)
            gv = bb.emit_output(fma)
        bb.emit_func_output(gv)
    a, b = arrays((3, 4), (3, 4))
    np.testing.assert_allclose(call(bb.get(), a, b), a * b + a, rtol=1e-6)


@row("1.4-shape-")
def test_shape_() -> None:
    x = relax.Var("x", relax.TensorStructInfo((3, 4), "float32"))
    assert [int(each) for each in x.shape_] == [3, 4]


@row("1.4-checked-type")
def test_checked_type() -> None:
    x = relax.Var("x", relax.TensorStructInfo((3, 4), "float32"))
    assert (x._checked_type_.ndim, x._checked_type_.dtype) == (2, "float32")
    assert x.checked_type.ndim == x.checked_type_.ndim == 2


@row("1.4-var-shape-type")
def test_var_of_shape_and_type() -> None:
    x = relax.Var("x", (128, 128), relax.DynTensorType(2, "float32"))
    y = relax.DataflowVar("y", (4, 1, 28, 28), relax.DynTensorType(4, "float32"))
    assert [int(each) for each in x.struct_info.shape] == [128, 128]
    assert y.struct_info.ndim == 4
    assert relax.DynTensorType(dtype="float32").ndim == -1


@row("3-ndim")
def test_var_of_a_wrong_rank() -> None:
    relax.Var("x", (128, 128), relax.DynTensorType(3, "float32"))


@row("1.4-const")
def test_constants() -> None:
    value = np.arange(3, dtype="float32")
    const = relax.const(value, "float32")
    assert const.data.numpy().tolist() == [0, 1, 2]
    assert relax.const(value, relax.TensorStructInfo((3,), "float32")).struct_info.ndim == 1


@row("1.5-builder", "1.5-function", "1.5-dataflow", "1.5-emit-te", "1.5-emit-output")
def test_emit_te() -> None:
    def relu(A):
        return te.compute((8, 8), lambda i, j: te.max(A[i, j], 0), name="B")

    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((8, 8), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            lv0 = bb.emit_te(relu, x)
            gv = bb.emit_output(lv0)
        bb.emit_func_output(gv)
    mod = bb.get()
    assert {each.name_hint for each in mod.get_global_vars()} == {"main", "relu"}
    tvm.ir.assert_structural_equal(mod, bb.finalize())
    (a,) = arrays((8, 8))
    np.testing.assert_allclose(call(mod, a - 0.5), np.maximum(a - 0.5, 0))


@row("1.5-function-params", "1.5-call-te", "1.5-emit", "2-linear")
def test_builder_with_params_at_the_end() -> None:
    bb = relax.BlockBuilder()
    a, b, c = (
        relax.Var(name, relax.TensorStructInfo(shape, "float32"))
        for name, shape in (("a", (2, 3)), ("b", (3, 4)), ("c", (5, 4)))
    )
    with bb.function("main"):
        with bb.dataflow():
            product = bb.emit(bb.call_te(topi.nn.matmul, a, b))
            out = bb.emit_output(relax.op.linear(product, c))
        bb.emit_func_output(out, params=[a, b, c])
    x, y, z = arrays((2, 3), (3, 4), (5, 4))
    np.testing.assert_allclose(call(bb.get(), x, y, z), x @ y @ z.T, rtol=1e-5)
    assert relax.BlockBuilder(bb.get()).get().get_global_var("main") is not None


@row("1.6-mutator", "1.6-visit", "1.6-remove-unused", "1.6-builder", "1.1-module-pass",
     "3-non-graph-dropped")  # fmt: skip
def test_rewriters() -> None:
    @relax.expr_functor.mutator
    class Rewriter(relax.PyExprMutator):
        def __init__(self, mod):
            super().__init__()
            self.mod_ = mod

        def visit_call_(self, call):
            call = self.visit_expr_post_order(call)
            if call.op != tvm.ir.Op.get("relax.add"):
                return call
            value = self.lookup_binding(call.args[0])
            if not isinstance(value, relax.Call) or value.op != tvm.ir.Op.get("relax.multiply"):
                return call
            fma = tvm.ir.Op.get("relax.ewise_fma")
            return relax.Call(fma, [value.args[0], value.args[1], call.args[1]], None, None)

        def transform(self):
            for gvar, func in self.mod_.functions.items():
                if not isinstance(func, relax.Function):
                    continue
                func = relax.analysis.remove_all_unused(self.visit_expr(func))
                self.builder_.update_func(gvar, func)
            self.builder_.add_func(func.with_attr("Primitive", 1), "again")
            return self.builder_.get()

    @tvm.ir.transform.module_pass(opt_level=2, name="Rewrite")
    class Rewrite:
        def transform_module(self, mod, ctx):
            return Rewriter(mod).transform()

    before = multiply_add()
    before["loops"] = with_loops()["double"]
    after = Rewrite()(before)
    assert {each.name_hint for each in after.get_global_vars()} == {"main", "again"}
    bindings = after["main"].body.blocks[0].bindings
    assert [each.value.op.name for each in bindings] == ["relax.ewise_fma"]


@row("1.6-fuse-tir")
def test_fuse_tir() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((4, 4), "float32"))
    inner = relax.Var("p", relax.TensorStructInfo((4, 4), "float32"))
    with bb.function("fused", [inner], attrs={"Primitive": True}, private=True):
        with bb.dataflow():
            lv = bb.emit_te(topi.exp, inner)
            gv = bb.emit_output(bb.call_te(topi.add, lv, inner))
        bb.emit_func_output(gv)
    fused = bb.get().get_global_var("fused")
    with bb.function("main", [x]):
        with bb.dataflow():
            out = bb.emit_output(relax.Call(fused, [x], None, None))
        bb.emit_func_output(out)
    after = relax.transform.FuseTIR()(bb.get())
    assert len(after.functions) == 2
    (a,) = arrays((4, 4))
    np.testing.assert_allclose(call(after, a), np.exp(a) + a, rtol=1e-5)


@row("1.6-bind-params", "1.6-metadata")
def test_bind_params() -> None:
    mod = with_loops()
    (w,) = arrays((5,))
    bound = relax.transform.BindParams("main", {"w": tvm.nd.array(w)})(mod)
    assert len(bound["main"].params) == 1
    assert [int(each) for each in bound["main"].params[0].struct_info.shape] == [1, 5]
    again = relax.transform.BindParams("main", {"x": tvm.nd.array(w[None])})(bound)
    text = again.script(show_meta=True)
    assert 'metadata["relax.expr.Constant"][0]' in text
    tvm.ir.assert_structural_equal(tvm.script.from_source(text), again)


@row("1.8-relax-build", "1.8-virtual-machine", "1.8-vm-call", "1.8-compile", "4-vm-namespace")
def test_building() -> None:
    x, y = arrays((3, 4), (3, 4))
    for build in (relax.build, tvm.compile):
        ex = build(multiply_add(), target="llvm")
        assert isinstance(ex, relax.vm.Executable)
        assert isinstance(ex, relax.VMExecutable)
        vm = relax.VirtualMachine(ex, tvm.cpu())
        assert isinstance(vm, relax.vm.VirtualMachine)
        result = vm["main"](tvm.nd.array(x), tvm.nd.array(y))
        assert isinstance(result, tvm.nd.NDArray)
        tvm.testing.assert_allclose(result.numpy(), x * y + y, rtol=1e-6)


@row("1.8-relax-vm-build")
def test_relax_vm_build() -> None:
    for ex in (
        relax.vm.build(multiply_add(), "llvm"),
        relax.vm.build(multiply_add(), target="llvm"),
    ):
        assert isinstance(ex, relax.vm.Executable)


@row("2-frontend-torch")
def test_importers() -> None:
    try:
        from tvm.relax.frontend.torch import from_fx
    except ImportError:
        pytest.fail("`from_fx` is imported, and says at use what is missing")
    with pytest.raises((PellucidError, TypeError, AttributeError)):
        from_fx(None, [])
