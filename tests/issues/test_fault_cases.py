"""Faults around a compiled module, from the script to the saved file: nothing is lost, nothing
crashes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

import pellucid
from pellucid import relax
from pellucid.runtime import registry
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import ArgumentError, ArtifactError

SIZE = 64_000


@I.ir_module
class Mixed:
    @T.prim_func
    def add_one(a: T.handle, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,))
        B = T.match_buffer(b, (n,))
        for i in T.parallel(n):
            B[i] = A[i] + T.float32(1)

    @R.function
    def main(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
        n = T.int64()
        cls = Mixed
        a = R.call_tir(cls.add_one, (x,), R.Tensor((n,), "float32"))
        b = R.call_dps_packed("issues.step", (a,), R.Tensor((n,), "float32"))
        c = R.call_tir(cls.add_one, (b,), R.Tensor((n,), "float32"))
        return c


def double(x: pellucid.nd.NDArray, out: pellucid.nd.NDArray) -> None:
    torch.mul(torch.from_dlpack(x), 2, out=torch.from_dlpack(out))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fault") / "mixed.plx"
    relax.build(Mixed, target="llvm").save(path)
    return path


@pytest.fixture(params=[False, True], ids=["native", "debug"])
def vm(saved: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    registry.register_func("issues.step", double, override=True)
    yield relax.VirtualMachine(
        relax.Executable.load(saved), pellucid.cpu(), debug=bool(request.param)
    )
    registry.remove_global_func("issues.step")


def check(vm: Any, extent: int = 5) -> None:
    x = np.arange(extent, dtype="float32")
    np.testing.assert_array_equal(vm["main"](x).numpy(), 2 * (x + 1) + 1)


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt, SystemExit, StopIteration])
def test_a_packed_function_that_raises_in_the_middle(vm: Any, kind: type[BaseException]) -> None:
    raised = kind("in the middle")
    failing = True

    def step(x: pellucid.nd.NDArray, out: pellucid.nd.NDArray) -> None:
        if failing:
            raise raised
        double(x, out)

    registry.register_func("issues.step", step, override=True)
    with pytest.raises(kind) as caught:
        vm["main"](np.zeros(4, "float32"))
    assert caught.value is raised
    failing = False
    check(vm)


def test_a_packed_function_keeps_what_it_was_handed(vm: Any) -> None:
    kept: list[Any] = []

    def step(x: pellucid.nd.NDArray, out: pellucid.nd.NDArray) -> None:
        kept.extend((x, out))
        double(x, out)

    registry.register_func("issues.step", step, override=True)
    vm["main"](np.full(1000, 3, "float32"))
    for _ in range(20):
        vm["main"](np.zeros(1000, "float32"))
    assert (kept[0].numpy() == 4).all()
    assert (kept[1].numpy() == 8).all()


def test_fork_after_use(vm: Any) -> None:
    # Without torch, whose own threads do not live through a fork.
    def step(x: pellucid.nd.NDArray, out: pellucid.nd.NDArray) -> None:
        np.multiply(x.numpy(), 2, out=np.from_dlpack(out))

    registry.register_func("issues.step", step, override=True)
    vm = relax.VirtualMachine(vm.executable, pellucid.cpu())
    check(vm, SIZE)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check(vm, SIZE)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    check(vm, SIZE)


def test_two_threads_at_once(vm: Any) -> None:
    failures: list[BaseException] = []

    def work(extent: int) -> None:
        try:
            for _ in range(50):
                check(vm, extent)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(extent,)) for extent in (3, 20_000)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_one_flipped_byte_is_refused(saved: Path, tmp_path: Path, part: float) -> None:
    content = bytearray(saved.read_bytes())
    content[int(len(content) * part)] ^= 0xFF
    broken = tmp_path / "broken.plx"
    broken.write_bytes(content)
    with pytest.raises(ArtifactError):
        relax.Executable.load(broken)


def read_only() -> np.ndarray:
    values = np.arange(5, dtype="float32")
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "x",
    [
        read_only(),
        np.arange(10, dtype="float32")[::2],
        np.arange(5, dtype="float32")[::-1],
        np.broadcast_to(np.float32(2), 5),
        torch.arange(10, dtype=torch.float32)[::2],
        torch.nn.Parameter(torch.ones(5)),
        np.zeros(0, "float32"),
    ],
    ids=["read-only", "strided", "reversed", "broadcast", "torch strided", "parameter", "empty"],
)
def test_arrays_that_are_read(vm: Any, x: Any) -> None:
    values = x.detach().numpy() if isinstance(x, torch.Tensor) else x
    np.testing.assert_array_equal(vm["main"](x).numpy(), 2 * (values + 1) + 1)


def test_misaligned_elements_are_refused(vm: Any) -> None:
    misaligned = np.frombuffer(bytearray(21), np.uint8)[1:].view("float32")
    with pytest.raises(ArgumentError, match="does not lie at a multiple of its alignment"):
        vm["main"](misaligned)
    check(vm)


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.float16]
)
def test_short_floats_and_rank_zero(dtype: Any) -> None:
    name = np.dtype(dtype).name

    @I.ir_module
    class Doubling:
        @T.prim_func
        def double(A: T.Buffer((4,), name), s: T.Buffer((), name), B: T.Buffer((4,), name)):
            for i in range(4):
                B[i] = A[i] * s[()]

        @R.function
        def main(x: R.Tensor((4,), name), s: R.Tensor((), name)) -> R.Tensor((4,), name):
            y = R.call_tir(Doubling.double, (x, s), R.Tensor((4,), name))
            return y

    vm = relax.VirtualMachine(relax.build(Doubling, target="llvm"), pellucid.cpu())
    x = np.array([1, -2, 0.5, 3], dtype)
    found = vm["main"](x, np.array(2, dtype)).numpy()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, x + x)
