"""Programs as users of the virtual machine and of operators write them."""

import numpy as np
import pytest
import torch
import tvm
import tvm.testing
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tir as T


dev = tvm.cpu()


def build_run(mod, *args, fn="main"):
    ex = relax.build(mod, tvm.target.Target("llvm"))
    vm = relax.VirtualMachine(ex, dev)
    return vm[fn](*args)


def test_vm_stateful():
    @I.ir_module
    class M:
        @R.function
        def main(x: R.Tensor((2, 3), "float32"), y: R.Tensor((2, 3), "float32")):
            z = R.add(x, y)
            return z

    ex = relax.build(M, "llvm")
    vm = relax.VirtualMachine(ex, tvm.cpu(), profile=True)
    a = tvm.nd.array(np.random.rand(2, 3).astype("float32"))
    vm.set_input("main", a, a)
    vm.invoke_stateful("main")
    out = vm.get_outputs("main")
    tvm.testing.assert_allclose(out.numpy(), 2 * a.numpy())
    vm.save_function("main", "saved", a, a)
    vm["saved"]()
    vm.save_function("main", "saved2", a, a, include_return=False)
    t = vm.time_evaluator("main", tvm.cpu(), number=2)(a, a)
    assert t.mean > 0
    report = vm.profile("main", a, a)
    print(report)

    def instr(func, name, before_run, ret_value, *args):
        pass

    vm.set_instrument(instr)
    vm["main"](a, a)
    assert "main" in ex.as_text() and ex.stats()
    with pytest.raises((RuntimeError, ValueError, tvm.TVMError)):
        vm["main"](a)
    with pytest.raises((RuntimeError, ValueError, tvm.TVMError)):
        vm["main"](a, tvm.nd.array(np.zeros((3, 3), "float32")))
    with pytest.raises(ValueError):
        vm["nope"]


def test_shape_args():
    @I.ir_module
    class M:
        @R.function
        def main(x: R.Tensor(["n"], "float32"), s: R.Shape(["m"])):
            n = T.int64()
            m = T.int64()
            y = R.shape([n, m, n + m])
            return y

    r = build_run(M, tvm.nd.array(np.zeros(3, "float32")), tvm.runtime.ShapeTuple([5]))
    assert list(r) == [3, 5, 8]


def test_prim_value():
    @I.ir_module
    class M:
        @R.function
        def main(n: R.Prim("int64")):
            return n

    assert build_run(M, 7) == 7


def test_match_cast_tuple():
    @I.ir_module
    class M:
        @R.function
        def main(x: R.Object):
            n = T.int64()
            y = R.match_cast(x, R.Tensor((n, 4), "float32"))
            z = R.reshape(y, (n * 4,))
            t = (z, R.shape([n]))
            return t

    a, b = build_run(M, tvm.nd.array(np.zeros((3, 4), "float32")))
    assert a.shape == (12,) and list(b) == [3]
    with pytest.raises(Exception):
        build_run(M, tvm.nd.array(np.zeros((3, 5), "float32")))


def test_ops_numeric():
    @I.ir_module
    class M:
        @R.function
        def main(
            x: R.Tensor((2, 3, 8, 8), "float32"),
            w: R.Tensor((4, 3, 3, 3), "float32"),
            b: R.Tensor((4,), "float32"),
        ):
            with R.dataflow():
                c = R.nn.conv2d(x, w, strides=1, padding=1)
                c1 = R.add(c, R.reshape(b, (1, 4, 1, 1)))
                r = R.nn.relu(c1)
                p = R.nn.max_pool2d(r, pool_size=[2, 2], strides=[2, 2])
                f = R.reshape(p, R.shape([2, 64]))
                s = R.nn.softmax(f, axis=-1)
                m = R.mean(s, axis=[1], keepdims=True)
                g = R.subtract(s, m)
                a = R.argmax(g, axis=1)
                out = (g, a)
                R.output(out)
            return out

    x = np.random.rand(2, 3, 8, 8).astype("float32")
    w = np.random.rand(4, 3, 3, 3).astype("float32")
    b = np.random.rand(4).astype("float32")
    g, a = build_run(M, *[tvm.nd.array(v) for v in (x, w, b)])
    t = torch.relu(
        torch.nn.functional.conv2d(
            torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(b), padding=1
        )
    )
    t = torch.nn.functional.max_pool2d(t, 2).reshape(2, -1).softmax(-1)
    t = t - t.mean(1, keepdim=True)
    tvm.testing.assert_allclose(g.numpy(), t.numpy(), rtol=1e-3, atol=1e-5)
    torch.from_dlpack(g)


def test_more_ops():
    @R.function
    def main(x: R.Tensor((2, 3, 4), "float32"), idx: R.Tensor((2,), "int64")):
        a = R.permute_dims(x, [0, 2, 1])
        b = R.concat([x, x], axis=1)
        c = R.split(b, 2, axis=1)
        d = R.take(x, idx, axis=0)
        e = R.squeeze(R.expand_dims(x, 0), [0])
        f = R.strided_slice(x, [1], [0], [2], [1])
        g = R.sum(x)
        h = R.max(x, axis=2)
        i = R.where(R.greater(x, R.const(0.5)), x, R.zeros_like(x))
        j = R.astype(x, "float16")
        k = R.full((2, 2), R.const(1.0), "float32")
        l = R.arange(0, 10, 1, "int64")
        m = R.broadcast_to(R.const(1.0), (2, 3))
        n = R.nn.layer_norm(x, R.ones((4,), "float32"), R.zeros((4,), "float32"), axes=[-1])
        o = R.nn.gelu(x)
        p = R.nn.silu(x)
        q = R.clip(x, 0, 1)
        r = R.tril(R.sum(x, axis=0))
        s = R.cumsum(x, axis=1)
        t = R.repeat(x, 2, 1)
        u = R.tile(x, (1, 2, 1))
        v = R.one_hot(idx, R.prim_value(1), R.prim_value(0), 4)
        w = R.nn.dropout(x)
        y = R.einsum((x, x), "ijk,ijk->ij")
        z = R.power(x, R.const(2.0))
        aa = R.rsqrt(x)
        bb = R.matmul(x, R.ones((4, 5), "float32"))
        cc = R.variance(x, [1])
        dd = R.flip(x, 1)
        ee = R.scatter_elements(x, R.zeros((1, 1, 1), "int64"), R.ones((1, 1, 1), "float32"), 0)
        ff = R.topk(x, 2)
        gg = R.sort(x)
        hh = R.argsort(x)
        ii = R.nn.pad(x, [0, 0, 1, 1, 0, 0])
        jj = R.triu(x)
        kk = R.logical_and(R.greater(x, x), R.less(x, x))
        ll = R.bitwise_and(idx, idx)
        mm = R.isnan(x)
        nn_ = R.erf(x)
        oo = R.nn.attention(
            R.ones((1, 2, 1, 4), "float32"),
            R.ones((1, 2, 1, 4), "float32"),
            R.ones((1, 2, 1, 4), "float32"),
        )
        pp = R.collapse_sum_to(x, (3, 4))
        qq = R.layout_transform(x, index_map=lambda a, b, c: (a, c, b))
        rr = R.image.resize2d(R.ones((1, 2, 4, 4), "float32"), (8, 8))
        ss = R.nn.batch_norm(
            R.ones((1, 2, 4, 4), "float32"),
            R.ones((2,), "float32"),
            R.ones((2,), "float32"),
            R.ones((2,), "float32"),
            R.ones((2,), "float32"),
            axis=1,
        )
        tt = R.floor_mod(idx, idx)
        uu = R.unique(idx)
        vv = R.nn.avg_pool2d(R.ones((1, 2, 4, 4), "float32"), 2)
        ww = R.nn.adaptive_avg_pool2d(R.ones((1, 2, 4, 4), "float32"), 1)
        xx = R.nn.log_softmax(x)
        yy = R.nn.group_norm(
            R.ones((1, 2, 4, 4), "float32"),
            R.ones((2,), "float32"),
            R.ones((2,), "float32"),
            num_groups=2,
            channel_axis=1,
            axes=[2, 3],
        )
        zz = R.nn.rms_norm(x, R.ones((4,), "float32"), axes=[-1])
        return x


def test_operators_python():
    x = relax.Var("x", R.Tensor((2, 3), "float32"))
    y = relax.Var("y", R.Tensor((2, 3), "float32"))
    t = relax.Var("t", R.Tuple([R.Tensor((2,), "float32"), R.Tensor((3,), "float32")]))
    for e, n in (
        (x + y, "add"),
        (x - y, "subtract"),
        (x * y, "multiply"),
        (x / y, "divide"),
        (x // y, "floor_divide"),
        (x**y, "power"),
        (-x, "negative"),
        (x < y, "less"),
        (x > y, "greater"),
        (x >= y, "greater_equal"),
        (x <= y, "less_equal"),
        (x + 1, "add"),
        (x.astype("float16"), "astype"),
    ):
        assert e.op == tvm.ir.Op.get("relax." + n), n
    assert isinstance(t[0], relax.TupleGetItem) and len([*t]) == 2
    with pytest.raises(Exception):
        t[5]
    f = relax.Var("f", R.Callable([R.Object], R.Object))
    c = f(x)
    assert isinstance(c, relax.Call)


def test_impure_print():
    @I.ir_module
    class M:
        @R.function(pure=False)
        def main(x: R.Tensor((), "int32")):
            _ = R.print(x, format="Number: {}")
            R.assert_op(R.const(True), x, format="no")
            return x

    build_run(M, tvm.nd.array(np.array(3, "int32")))


def test_extern_module_level():
    @I.ir_module
    class M:
        I.module_attrs({"a": 1})
        I.module_global_infos({"vdevice": [I.vdevice("llvm")]})

        @R.function
        def foo(x: R.Tensor((128, 128), "float32")) -> R.Tensor((128, 128), "float32"):
            gv0 = R.call_dps_packed("test.ext", x, R.Tensor((128, 128), dtype="float32"))
            return gv0

    assert M.attrs["a"] == 1
    M.show()
    m = M.with_attr("b", 2)
    assert m.attrs["b"] == 2 and m.get_attr("b") == 2


def test_executable_io():

    @I.ir_module
    class M:
        @R.function
        def main(x: R.Tensor((3,), "float32")):
            y = R.add(x, R.const([1.0, 2.0, 3.0]))
            return y

    ex = tvm.compile(M, target="llvm")
    from tvm.contrib import utils

    d = utils.tempdir()
    p = d.relpath("a.so")
    ex.export_library(p)
    lib = tvm.runtime.load_module(p)
    vm = relax.VirtualMachine(lib, tvm.cpu())
    assert vm["main"](tvm.nd.array(np.ones(3, "float32"))).numpy().tolist() == [2, 3, 4]


def test_nd():
    a = tvm.nd.array([1, 2, 3])
    assert a.dtype in ("int32", "int64")
    b = tvm.nd.empty((2, 2), "float32", tvm.cpu())
    b.copyfrom(np.ones((2, 2), "float32"))
    c = tvm.nd.array(b)
    d = b.copyto(tvm.cpu())
    e = tvm.nd.empty((2, 2))
    b.copyto(e)
    assert (
        e.numpy().sum() == 4
        and e.device == tvm.cpu(0)
        and e.shape == (2, 2)
        and e.asnumpy().shape == (2, 2)
    )
    b[:] = np.zeros((2, 2), "float32")
    assert b.numpy().sum() == 0
    assert tvm.nd.from_dlpack(torch.ones(3)).shape == (3,)
    assert np.from_dlpack(b).shape == (2, 2)
    assert str(tvm.cpu()) in ("cpu(0)", "cpu:0")
    assert tvm.device("llvm").device_type == 1 and tvm.cpu().exist
    tvm.cuda(0).exist
    f16 = tvm.nd.array(np.ones(2, "float16"))
    tvm.nd.empty((2,), "bfloat16")
    assert tvm.DataType("float32x4").lanes == 4 and tvm.DataType("int8").bits == 8
    assert tvm.runtime.enabled("llvm")
    f = tvm.get_global_func("nope", allow_missing=True)
    assert f is None
    with pytest.raises(ValueError):
        tvm.get_global_func("nope_at_all")

    @tvm.register_func
    def my_pack(x, y):
        return x + y

    assert tvm.get_global_func("my_pack")(1, 2) == 3
    g = tvm.runtime.convert(lambda x: x)
    assert g(3) == 3
    assert tvm.runtime.convert([1, 2])[1] == 2
