"""Rows of the table of forms: imports, tensors, building and running, testing tools."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import pellucid
from pellucid.support.errors import ArgumentError, UnsupportedError
from tests.compat.rows import row

import tvm  # isort: skip
import tvm.testing  # isort: skip
from tvm import relax, te, topi  # isort: skip
from tvm.script import tir as T  # isort: skip


@T.prim_func
def double(a: T.Buffer((4,), "float32"), b: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("b"):
            vi = T.axis.spatial(4, i)
            b[vi] = a[vi] * T.float32(2)


def ones(n: int = 4) -> tvm.nd.NDArray:
    return tvm.nd.array(np.ones(n, "float32"), tvm.cpu())


@row("1.1-import", "1.1-from-import", "1.1-irmodule", "1.1-script-tir", "1.1-script-relax")
def test_imports() -> None:
    assert relax.Var is pellucid.relax.Var
    assert te.compute is pellucid.te.compute
    assert topi.nn.relu is pellucid.topi.nn.relu
    assert importlib.import_module("tvm.ir.module").IRModule is pellucid.IRModule
    assert importlib.import_module("tvm.relax.expr") is importlib.import_module(
        "pellucid.relax.expr"
    )
    assert importlib.import_module("tvm.script.relax").Tensor is pellucid.script.relax.Tensor
    assert isinstance(double, tvm.tir.PrimFunc)
    assert tvm.testing.assert_allclose is not None


@row("1.1-devices")
def test_devices() -> None:
    assert tvm.cpu() == tvm.cpu(0) == tvm.device("cpu", 0)
    assert tvm.cuda(0) == tvm.device("cuda", 0)
    with pytest.raises(UnsupportedError, match="cannot be used by this build"):
        tvm.nd.array([1.0], tvm.cuda(0))


@row("1.1-nd-array", "1.1-ndarray", "1.1-numpy", "1.1-from-dlpack")
def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    for source in (np.arange(3, dtype="float32"), torch.arange(3, dtype=torch.float32)):
        found = tvm.nd.array(source, tvm.cpu())
        assert isinstance(found, tvm.nd.NDArray)
        assert found.numpy().tolist() == [0, 1, 2]
        assert str(found) == "[0. 1. 2.]"
    torch.from_dlpack(found)[0] = 7
    assert found.numpy()[0] == 7


@row("1.1-register-func", "4-register-global-func")
def test_registered_functions() -> None:
    @tvm.register_func("test.compat.linear", override=True)
    def linear(x: tvm.nd.NDArray, out: tvm.nd.NDArray):
        out.copyfrom(x.numpy() + 1)

    out = tvm.nd.empty((4,), "float32")
    tvm.get_global_func("test.compat.linear")(ones(), out)
    assert out.numpy().tolist() == [2, 2, 2, 2]
    with pytest.raises(LookupError, match="already registered"):
        tvm.register_func("test.compat.linear", linear)
    tvm.register_global_func("test.compat.linear", linear, override=True)


@row("1.1-assert-allclose")
def test_assert_allclose() -> None:
    tvm.testing.assert_allclose(np.ones(3) * (1 + 5e-5), np.ones(3), rtol=1e-4)
    tvm.testing.assert_allclose(ones(), np.ones(4))
    with pytest.raises(AssertionError):
        tvm.testing.assert_allclose(np.ones(3) * (1 + 5e-5), np.ones(3))
    with pytest.raises(AssertionError):
        tvm.testing.assert_allclose(np.ones((1, 3)), np.ones(3))


@row("2-runtime-tensor", "2-nd-empty")
def test_later_tensors() -> None:
    assert tvm.runtime.Tensor is tvm.nd.NDArray
    assert tvm.runtime.tensor([1.0, 2.0]).shape == (2,)
    assert tvm.runtime.empty((2, 3), "int32").dtype == "int32"
    assert tvm.nd.empty((2, 3)).dtype == "float32"


@row("2-build", "4-library", "2-get-source", "4-tir-build")
def test_libraries(tmp_path) -> None:
    for lib in (
        tvm.build(double, target="llvm"),
        tvm.build(tvm.IRModule({"double": double}), target="llvm"),
        tvm.tir.build(double, target="llvm"),
        tvm.compile(double, target="llvm"),
    ):
        out = tvm.nd.empty((4,))
        lib["double"](ones(), out)
        lib(ones(), out)
        assert out.numpy().tolist() == [2, 2, 2, 2]
        assert list(lib.imported_modules) == list(lib.imports) == []
        assert "double" in lib.get_source()
        lib.export_library(str(tmp_path / "lib.so"))
        again = tvm.runtime.load_module(str(tmp_path / "lib.so"))
        again["double"](ones(), out)
        assert out.numpy().tolist() == [2, 2, 2, 2]


@row("2-time-evaluator")
def test_time_evaluator() -> None:
    lib = tvm.build(double, target="llvm")
    for made in (lib, lib.mod):
        timed = made.time_evaluator("double", tvm.cpu(), number=1, repeat=2)
        result = timed(ones(), tvm.nd.empty((4,)))
        assert len(result.results) == 2
        assert result.mean > 0


@row("1.9-host")
def test_optional_packages() -> None:
    code = (
        "import sys; import pellucid.compat.tvm; import tvm, tvm.testing; from tvm import relax\n"
        "assert not {'IPython', 'matplotlib', 'torchvision', 'pytest'} & set(sys.modules)"
    )
    run_python(code)


def run_python(code: str) -> None:
    """Run a program in a process of its own."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@row("2-tune")
def test_no_tuner() -> None:
    from tvm import meta_schedule as ms

    ms.tune_tir(double, target="llvm", work_dir="unused", max_trials_global=4)


@row("2-ms-parts")
def test_no_parts_of_the_tuner() -> None:
    from tvm import meta_schedule as ms

    ms.database.JSONDatabase("a", "b")


@row("4-tune-config")
def test_tune_config() -> None:
    from tvm import meta_schedule as ms

    config = ms.TuneConfig(max_trials_global=8, num_trials_per_iter=4)
    assert config.max_trials_global == 8
    with pytest.raises(UnsupportedError, match="the tuner is not part of this version"):
        ms.tune_tir(double, "llvm", config, work_dir="unused", task_name="main", space=None)


@row("2-clang")
def test_no_clang() -> None:
    from tvm.contrib import clang

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        clang.create_llvm("int f() { return 1; }")


def test_clang(tmp_path) -> None:
    from tvm.contrib import clang

    if not clang.find_clang(required=False):
        pytest.skip("clang is not installed")
    text = clang.create_llvm('extern "C" int f() {\n return 1; }', output=str(tmp_path / "f.ll"))
    assert "@f" in text
    with pytest.raises(RuntimeError, match="clang failed"):
        clang.create_llvm("int f( {\n")


@row("3-runtime-shapes")
def test_shapes_are_checked_at_run_time() -> None:
    lib = tvm.build(double, target="llvm")
    with pytest.raises(ArgumentError):
        lib["double"](ones(4), tvm.nd.empty((5,)))
    lib["double"](ones(5), tvm.nd.empty((4,)))


@row("4-prim-expr-equal")
def test_assert_prim_expr_equal() -> None:
    x = tvm.tir.Var("x", "int32")
    tvm.testing.assert_prim_expr_equal(x + x, x * 2)
    with pytest.raises(ValueError, match="not equal"):
        tvm.testing.assert_prim_expr_equal(x + 1, x)
