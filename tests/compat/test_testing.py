"""`tvm.testing`: a test file as users of the field write it, run by pytest with the plug-in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.compat.rows import row

ROOT = Path(__file__).resolve().parents[2]

USERS_FILE = """
import pytest
import tvm
import tvm.testing
from tvm.script import tir as T

size = tvm.testing.parameter(4, 16)
low, high = tvm.testing.parameters((0, 1), (2, 3))
calls = []

@tvm.testing.fixture(cache_return_value=True)
def data(size):
    calls.append(size)
    return list(range(size))

def test_size(size):
    assert size in (4, 16)

def test_rows(low, high):
    assert high == low + 1

def test_data(data, size, low):
    assert len(data) == size
    assert len(calls) <= 2

class TestScoped:
    width, depth = tvm.testing.parameters((1, 10), (2, 20))
    kind = tvm.testing.parameter(by_dict={"one": 1, "two": 2})

    def test_scoped(self, width, depth, kind):
        assert depth == 10 * width

@tvm.testing.parametrize_targets("llvm", "cuda")
def test_targets(target, dev):
    assert target == "llvm" and dev == tvm.cpu()

@tvm.testing.parametrize_targets
def test_default(target, dev):
    assert tvm.testing.device_enabled(target)

def test_fixtures(target, dev):
    assert tvm.testing.device_enabled(target) and dev == tvm.cpu()

@tvm.testing.requires_cuda
def test_cuda():
    raise AssertionError

@tvm.testing.requires_gpu
class TestGpu:
    def test_gpu(self):
        raise AssertionError

@tvm.testing.requires_llvm
def test_llvm():
    pass

class BaseSimplify(tvm.testing.CompareBeforeAfter):
    transform = tvm.tir.transform.Simplify()

class TestPlain(BaseSimplify):
    def before(A: T.Buffer((16,), "int32")):
        for i in T.serial(16):
            A[i] = i * 2 - i

    def expected(A: T.Buffer((16,), "int32")):
        for i in T.serial(16):
            A[i] = i

class TestDecorated(BaseSimplify):
    @T.prim_func
    def before(A: T.Buffer((1,), "int32")):
        if True:
            A[0] = 5 + 4

    @T.prim_func
    def expected(A: T.Buffer((1,), "int32")):
        A[0] = 9

class TestMethod(tvm.testing.CompareBeforeAfter):
    def transform(self):
        return lambda mod: mod

    def before(self):
        @T.prim_func
        def func(A: T.Buffer((1,), "int32")):
            A[0] = 1
        return func

    def expected(self):
        return self.before()

class TestError(tvm.testing.CompareBeforeAfter):
    def transform(self):
        def refuse(mod):
            raise ValueError("no")
        return refuse

    def before(A: T.Buffer((1,), "int32")):
        A[0] = 1

    expected = ValueError

if __name__ == "__main__":
    tvm.testing.main()
"""


@row("4-testing")
def test_a_users_test_file(tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("users")
    file = folder / "test_users.py"
    file.write_text(USERS_FILE)
    (folder / "conftest.py").write_text('pytest_plugins = ["tvm.testing.plugin"]')
    plugin = [sys.executable, "-m", "pytest", "-q", "-p", "pellucid.compat.tvm", str(file)]
    script = (
        f"import pellucid.compat.tvm, runpy, sys\nsys.argv = [{str(file)!r}]\n"
        f"runpy.run_path({str(file)!r}, run_name='__main__')"
    )
    main = [sys.executable, "-c", script]
    for command in (plugin, main):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "20 passed, 3 skipped" in done.stdout, done.stdout
