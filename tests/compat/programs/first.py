"""Programs as users of the first generation wrote them: the models of the course."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn as nn
import tvm
import tvm.testing
from torch import fx
from tvm import meta_schedule as ms
from tvm import relax, topi
from tvm.ir.module import IRModule
from tvm.script import relax as R
from tvm.script import tir as T


@tvm.script.ir_module
class MyModule:
    @T.prim_func
    def relu0(x: T.handle, y: T.handle):
        n = T.var("int64")
        X = T.match_buffer(x, (1, n), "float32")
        Y = T.match_buffer(y, (1, n), "float32")
        for i, j in T.grid(1, n):
            with T.block("Y"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = T.max(X[vi, vj], T.float32(0))

    @T.prim_func
    def linear0(x: T.handle, w: T.handle, b: T.handle, z: T.handle):
        m, n, k = T.var("int64"), T.var("int64"), T.var("int64")
        X = T.match_buffer(x, (1, m), "float32")
        W = T.match_buffer(w, (n, m), "float32")
        B = T.match_buffer(b, (n,), "float32")
        Z = T.match_buffer(z, (1, n), "float32")
        Y = T.alloc_buffer((1, n), "float32")
        for i, j, k in T.grid(1, n, m):
            with T.block("Y"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    Y[vi, vj] = T.float32(0)
                Y[vi, vj] = Y[vi, vj] + X[vi, vk] * W[vj, vk]
        for i, j in T.grid(1, n):
            with T.block("Z"):
                vi, vj = T.axis.remap("SS", [i, j])
                Z[vi, vj] = Y[vi, vj] + B[vj]

    @R.function
    def main(
        x: Tensor((1, "m"), "float32"),
        w0: Tensor(("n", "m"), "float32"),
        b0: Tensor(("n",), "float32"),
        w1: Tensor(("k", "n"), "float32"),
        b1: Tensor(("k",), "float32"),
    ):
        with R.dataflow():
            lv0 = R.call_tir(linear0, (x, w0, b0), (1, n), dtype="float32")
            lv1 = R.call_tir(relu0, (lv0,), (1, n), dtype="float32")
            out = R.call_tir(linear0, (lv1, w1, b1), (1, k), dtype="float32")
            R.output(out)
        return out


params = {
    "w0": np.random.rand(128, 784).astype("float32"),
    "b0": np.random.rand(128).astype("float32"),
    "w1": np.random.rand(10, 128).astype("float32"),
    "b1": np.random.rand(10).astype("float32"),
}
img = np.random.rand(1, 784).astype("float32")
ref = np.maximum(img @ params["w0"].T + params["b0"], 0) @ params["w1"].T + params["b1"]


def test_e2e():
    ex = relax.vm.build(MyModule, target="llvm")
    vm = relax.VirtualMachine(ex, tvm.cpu())
    nd = {k: tvm.nd.array(v) for k, v in params.items()}
    r = vm["main"](tvm.nd.array(img), nd["w0"], nd["b0"], nd["w1"], nd["b1"])
    np.testing.assert_allclose(r.numpy(), ref, rtol=1e-4)


def test_bind():
    M = relax.transform.BindParams("main", {k: tvm.nd.array(v) for k, v in params.items()})(
        MyModule
    )
    vm = relax.VirtualMachine(relax.vm.build(M, "llvm"), tvm.cpu())
    np.testing.assert_allclose(vm["main"](tvm.nd.array(img)).numpy(), ref, rtol=1e-4)


def test_extern():
    @tvm.register_func("env.linear", override=True)
    def torch_linear(x: tvm.nd.NDArray, w: tvm.nd.NDArray, b: tvm.nd.NDArray, out: tvm.nd.NDArray):
        x_torch = torch.from_dlpack(x)
        w_torch = torch.from_dlpack(w)
        b_torch = torch.from_dlpack(b)
        out_torch = torch.from_dlpack(out)
        torch.mm(x_torch, w_torch.T, out=out_torch)
        torch.add(out_torch, b_torch, out=out_torch)

    @tvm.register_func("env.relu", override=True)
    def lnumpy_relu(x: tvm.nd.NDArray, out: tvm.nd.NDArray):
        x_torch = torch.from_dlpack(x)
        out_torch = torch.from_dlpack(out)
        torch.maximum(x_torch, torch.Tensor([0.0]), out=out_torch)

    @tvm.script.ir_module
    class MyModuleWithExternCall:
        @R.function
        def main(
            x: Tensor((1, 784), "float32"),
            w0: Tensor((128, 784), "float32"),
            b0: Tensor((128,), "float32"),
            w1: Tensor((10, 128), "float32"),
            b1: Tensor((10,), "float32"),
        ):
            with R.dataflow():
                lv0 = R.call_tir("env.linear", (x, w0, b0), (1, 128), dtype="float32")
                lv1 = R.call_tir("env.relu", (lv0,), (1, 128), dtype="float32")
                out = R.call_tir("env.linear", (lv1, w1, b1), (1, 10), dtype="float32")
                R.output(out)
            return out

    vm = relax.VirtualMachine(relax.vm.build(MyModuleWithExternCall, "llvm"), tvm.cpu())
    nd = {k: tvm.nd.array(v) for k, v in params.items()}
    np.testing.assert_allclose(
        vm["main"](tvm.nd.array(img), nd["w0"], nd["b0"], nd["w1"], nd["b1"]).numpy(),
        ref,
        rtol=1e-4,
    )


def map_param(param: nn.Parameter):
    return relax.const(param.data.cpu().numpy(), "float32")


def fetch_attr(fx_mod, target: str):
    target_atoms = target.split(".")
    attr_itr = fx_mod
    for i, atom in enumerate(target_atoms):
        attr_itr = getattr(attr_itr, atom)
    return attr_itr


def from_fx(fx_mod, input_shapes, call_function_map, call_module_map):
    input_index = 0
    node_map = {}
    named_modules = dict(fx_mod.named_modules())
    bb = relax.BlockBuilder()
    fn_inputs = []
    fn_output = None
    with bb.function("main"):
        with bb.dataflow():
            for node in fx_mod.graph.nodes:
                if node.op == "placeholder":
                    shape = input_shapes[input_index]
                    input_index += 1
                    input_var = relax.Var(
                        node.target, shape, relax.DynTensorType(len(shape), "float32")
                    )
                    fn_inputs.append(input_var)
                    node_map[node] = input_var
                elif node.op == "get_attr":
                    node_map[node] = map_param(fetch_attr(fx_mod, node.target))
                elif node.op == "call_function":
                    node_map[node] = call_function_map[node.target](bb, node_map, node)
                elif node.op == "call_module":
                    named_module = named_modules[node.target]
                    node_map[node] = call_module_map[type(named_module)](
                        bb, node_map, node, named_module
                    )
                elif node.op == "output":
                    output = node_map[node.args[0]]
                    assert fn_output is None
                    fn_output = bb.emit_output(output)
        bb.emit_func_output(output, fn_inputs)
    return bb.get()


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear0 = nn.Linear(784, 128)
        self.relu = nn.ReLU()
        self.linear1 = nn.Linear(128, 10)

    def forward(self, x):
        return self.linear1(self.relu(self.linear0(x)))


def map_nn_linear(bb, node_map, node, nn_mod):
    x = node_map[node.args[0]]
    w = map_param(nn_mod.weight)
    if nn_mod.bias is not None:
        b = map_param(nn_mod.bias)
    y = bb.emit_te(topi.nn.dense, x, w)
    return bb.emit_te(topi.add, y, b)


def map_nn_relu(bb, node_map, node, nn_mod):
    return bb.emit_te(topi.nn.relu, node_map[node.args[0]])


def map_nn_linear_op(bb, node_map, node, nn_mod):
    x = node_map[node.args[0]]
    y = bb.emit(relax.op.dense(x, map_param(nn_mod.weight)))
    return bb.emit(relax.op.add(y, map_param(nn_mod.bias)))


def map_nn_relu_op(bb, node_map, node, nn_mod):
    return bb.emit(relax.op.relu(node_map[node.args[0]]))


def imported():
    m = MLP().eval()
    x = torch.from_numpy(img)
    expect = m(x).detach().numpy()
    for maps in (
        {nn.Linear: map_nn_linear, nn.ReLU: map_nn_relu},
        {nn.Linear: map_nn_linear_op, nn.ReLU: map_nn_relu_op},
    ):
        mod = from_fx(
            fx.symbolic_trace(m),
            input_shapes=[(1, 784)],
            call_function_map={},
            call_module_map=maps,
        )
        vm = relax.VirtualMachine(relax.vm.build(mod, "llvm"), tvm.cpu())
        np.testing.assert_allclose(
            vm["main"](tvm.nd.array(img)).numpy(), expect, rtol=1e-3, atol=1e-5
        )
    return mod, expect


@relax.expr_functor.mutator
class DenseAddFusor(relax.PyExprMutator):
    def __init__(self, mod: IRModule) -> None:
        super().__init__()
        self.mod_ = mod
        self.add_op = tvm.ir.Op.get("relax.add")
        self.dense_op = tvm.ir.Op.get("relax.nn.dense")
        self.counter = 0

    def transform(self) -> IRModule:
        for global_var, func in self.mod_.functions.items():
            if not isinstance(func, relax.Function):
                continue
            if "primitive" in func.attrs.keys() and func.attrs["primitive"] != 0:
                continue
            updated_func = self.visit_expr(func)
            updated_func = relax.analysis.remove_all_unused(updated_func)
            self.builder_.update_func(global_var, updated_func)
        return self.builder_.get()

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)

        def match_call(node, op):
            if not isinstance(node, relax.Call):
                return False
            return node.op == op

        if not match_call(call, self.add_op):
            return call
        value = self.lookup_binding(call.args[0])
        if value is None:
            return call
        if not match_call(value, self.dense_op):
            return call
        x = value.args[0]
        w = value.args[1]
        b = call.args[1]
        param_x = relax.Var("x", x.shape_, x._checked_type_)
        param_w = relax.Var("w", w.shape_, w._checked_type_)
        param_b = relax.Var("b", b.shape_, b._checked_type_)
        bb = relax.BlockBuilder()
        fn_name = "fused_dense_add%d" % (self.counter)
        self.counter += 1
        with bb.function(fn_name, [param_x, param_w, param_b]):
            with bb.dataflow():
                lv0 = bb.emit(relax.op.nn.dense(param_x, param_w))
                gv = bb.emit_output(relax.op.add(lv0, param_b))
            bb.emit_func_output(gv)
        fused_fn = bb.get()[fn_name].with_attr("primitive", 1)
        global_var = self.builder_.add_func(fused_fn, fn_name)
        return relax.Call(global_var, [x, w, b], None, None)


@tvm.ir.transform.module_pass(opt_level=2, name="DenseAddFuse")
class FuseDenseAddPass:
    def transform_module(self, mod, ctx):
        return DenseAddFusor(mod).transform()


@relax.expr_functor.mutator
class LowerToTensorIR(relax.PyExprMutator):
    def __init__(self, mod, op_map):
        super().__init__()
        self.mod_ = mod
        self.op_map = {tvm.ir.Op.get(k): v for k, v in op_map.items()}

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        if call.op in self.op_map:
            return self.op_map[call.op](self.builder_, call)
        return call

    def transform(self):
        for gv, func in self.mod_.functions.items():
            if not isinstance(func, relax.Function):
                continue
            self.builder_.update_func(gv, self.visit_expr(func))
        return self.builder_.get()


def test_fx():
    MLPModel, expect = imported()
    MLPFused = FuseDenseAddPass()(MLPModel)
    assert len(MLPFused.functions) == 3
    op_map = {
        "relax.nn.dense": lambda bb, c: bb.call_te(topi.nn.dense, *c.args),
        "relax.add": lambda bb, c: bb.call_te(topi.add, *c.args),
        "relax.nn.relu": lambda bb, c: bb.call_te(topi.nn.relu, c.args[0]),
    }
    MLPModelTIR = LowerToTensorIR(MLPFused, op_map).transform()
    MLPModelFinal = relax.transform.FuseTIR()(MLPModelTIR)
    vm = relax.VirtualMachine(relax.vm.build(MLPModelFinal, "llvm"), tvm.cpu())
    np.testing.assert_allclose(vm["main"](tvm.nd.array(img)).numpy(), expect, rtol=1e-3, atol=1e-5)


def test_g1_relax_tests():
    @R.function
    def f(x: Tensor((n, m), "float32"), y: Tensor(None, "float32", ndim=2)) -> Tensor:
        z = R.match_shape(y, (n, m))
        gv = relax.add(x, x)
        return gv

    @R.function
    def foo(x: Tensor((4, 4), "float32")):
        with relax.dataflow():
            lv0 = relax.call_tir("test.op.identity", (x,), (4, 4), dtype="float32")
            gv0 = relax.call_tir("test.op.identity", (lv0,), (4, 4), dtype="float32")
            relax.output(gv0)
        z = gv0
        return z

    bb = relax.BlockBuilder()
    x = relax.Var("x", [tvm.tir.Var("n", "int64"), 3], relax.DynTensorType(2, "float32"))
    assert x.checked_type.ndim == 2
    with bb.function("f", [x]):
        gv = bb.emit(relax.op.add(x, x))
        bb.emit_func_output(gv)
    bb.get().show()


def test_ms():
    with pytest.raises(NotImplementedError):
        ms.tune_tir(
            mod=MyModule,
            target="llvm --num-cores=1",
            config=ms.TuneConfig(max_trials_global=64, num_trials_per_iter=64),
            space=ms.space_generator.ScheduleFn(lambda s: None),
            work_dir="./t",
            task_name="main",
        )
