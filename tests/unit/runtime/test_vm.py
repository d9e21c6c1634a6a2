"""The virtual machine on a small executable made by hand: native and stepped, all kinds of
arguments and faults.
"""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from pellucid.runtime import pool, registry
from pellucid.runtime.executable import Executable
from pellucid.runtime.plan import CallKernel, CallPacked
from pellucid.runtime.tensor import Tensor, array, empty
from pellucid.runtime.vm import SKIP_RUN, VirtualMachine
from pellucid.support.errors import ArgumentError, RegistryError, UnsupportedError
from tests.unit.runtime import handmade

F32 = np.float32


@pytest.fixture(scope="module")
def executable() -> Executable:
    """The executable; nothing in it changes."""
    return handmade.make()


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    def double(a: Tensor, out: Tensor) -> None:
        out.copyfrom(a.numpy() * 2)

    registry.register_func("env.double", double, override=True)
    yield
    registry.register_func("env.double", double, override=True)
    registry.remove_global_func("env.double")


@pytest.fixture(params=["native", "stepped"])
def vm(executable: Executable, request: pytest.FixtureRequest) -> VirtualMachine:
    """A machine that runs `main` natively, and one that steps it."""
    return VirtualMachine(executable, debug=request.param == "stepped")


def expected(x: Any) -> np.ndarray:
    return (np.asarray(x, F32) + 1) * 2 * 3


@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_all_kinds_of_arguments(vm: VirtualMachine, n: int) -> None:
    values = np.arange(n, dtype=F32)
    read_only = values.copy()
    read_only.flags.writeable = False
    wide = np.arange(2 * n, dtype=F32)
    wide[::2] = values
    for x in (
        values,
        array(values),
        torch.from_numpy(values.copy()),
        torch.from_numpy(values.copy()).requires_grad_(),
        read_only,
        wide[::2],
        array(wide)[::2],
        torch.from_numpy(wide)[::2],
    ):
        result = vm["main"](x)
        assert type(result) is Tensor
        assert result.data_ptr % 64 == 0
        np.testing.assert_array_equal(result.numpy(), expected(values))


@pytest.mark.parametrize(
    "wrong",
    [
        [1.0, 2.0],
        "text",
        5,
        None,
        np.zeros((2, 2), F32),
        np.zeros(3),
        np.zeros(3, ml_dtypes.bfloat16),
        np.zeros(3, ">f4"),
        np.zeros(13, np.uint8)[1:].view(F32),
        torch.zeros(3, dtype=torch.float64),
        torch.zeros(3, device="meta"),
        torch.zeros(3).to_sparse(),
    ],
)
def test_wrong_arguments_are_explained(vm: VirtualMachine, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="rgument 'x' of main"):
        vm["main"](wrong)
    with pytest.raises(ArgumentError, match="takes 1"):
        vm["main"](wrong, wrong)
    with pytest.raises(ArgumentError, match="takes 1"):
        vm["main"]()
    np.testing.assert_array_equal(vm["main"](np.zeros(2, F32)).numpy(), expected([0, 0]))


def test_loop_functions_refuse_what_graph_functions_copy(executable: Executable) -> None:
    x, y = np.zeros(4, F32), np.zeros(8, F32)
    executable["addc"](x, y[:4])
    assert y[:5].tolist() == [1, 1, 1, 1, 0]
    with pytest.raises(ArgumentError, match="'x' of addc is not compact"):
        executable["addc"](y[::2], x)
    with pytest.raises(ArgumentError, match="about 'n'"):
        executable["addc"](array(x), array(y))
    y.flags.writeable = False
    with pytest.raises(ArgumentError, match="'y' of addc is written, but is read-only"):
        executable["addc"](x, y[:4])
    executable["addc"](y[:4], x)
    assert x.tolist() == [2, 2, 2, 2]


def test_strict_functions_refuse_to_copy(executable: Executable) -> None:
    strict = VirtualMachine(executable)["main"].strict()
    np.testing.assert_array_equal(strict(np.zeros(2, F32)).numpy(), expected([0, 0]))
    with pytest.raises(ArgumentError, match="not compact"):
        strict(np.zeros(4, F32)[::2])


def test_an_exception_in_a_packed_function(vm: VirtualMachine) -> None:
    class Odd(Exception):
        pass

    exception = Odd("in the middle")

    def fail(_a: Tensor, _out: Tensor) -> None:
        raise exception

    registry.register_func("env.double", fail, override=True)
    other = VirtualMachine(vm.executable, debug=vm["main"].__class__.__name__ == "SteppedFunction")
    for _ in range(3):
        with pytest.raises(Odd) as caught:
            other["main"](np.zeros(2, F32))
        assert caught.value is exception
    np.testing.assert_array_equal(VirtualMachine(handmade.make())["addc"].signature.name, "addc")


def test_a_machine_works_after_an_exception(vm: VirtualMachine) -> None:
    fail = [True]

    def sometimes(a: Tensor, out: Tensor) -> None:
        if fail[0]:
            raise ValueError("not now")
        out.copyfrom(a.numpy() * 2)

    registry.register_func("env.double", sometimes, override=True)
    with pytest.raises(ValueError, match="not now"):
        vm["main"](np.zeros(2, F32))
    fail[0] = False
    np.testing.assert_array_equal(vm["main"](np.ones(2, F32)).numpy(), expected([1, 1]))


def test_a_packed_function_keeps_what_it_was_handed(vm: VirtualMachine) -> None:
    kept: list[Tensor] = []

    def keep(a: Tensor, out: Tensor) -> None:
        kept.extend((a, out))
        out.copyfrom(a.numpy() * 2)

    registry.register_func("env.double", keep, override=True)
    vm["main"](np.ones(1000, F32))
    for _ in range(5):
        vm["main"](np.zeros(1000, F32))
    gc.collect()
    assert (kept[0].numpy().sum(), kept[1].numpy().sum()) == (2000, 4000)


def test_a_missing_packed_function(executable: Executable) -> None:
    registry.remove_global_func("env.double")
    machine = VirtualMachine(executable)
    for _ in range(2):
        with pytest.raises(RegistryError, match=r"main calls the packed function 'env\.double'"):
            machine["main"](np.zeros(2, F32))
    registry.register_func("env.double", lambda a, out: out.copyfrom(a.numpy() * 2))
    np.testing.assert_array_equal(machine["main"](np.zeros(2, F32)).numpy(), expected([0, 0]))


def test_two_threads_at_once(vm: VirtualMachine) -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        for number in range(60):
            x = np.full(50 + seed, number, F32)
            if not np.array_equal(vm["main"](x).numpy(), expected(x)):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_runs_it(executable: Executable) -> None:
    machine = VirtualMachine(executable)
    machine["main"](np.zeros(2, F32))
    with warnings.catch_warnings():
        # From Python 3.12 on, forking a process with threads warns; that it works is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        right = np.array_equal(machine["main"](np.ones(2, F32)).numpy(), expected([1, 1]))
        os._exit(0 if right and pool.workers() == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_hooks_see_every_call(executable: Executable) -> None:
    events: list[tuple[str, str]] = []
    seen: list[float] = []

    def before(step: Any, args: list[Any]) -> None:
        events.append(("before", type(step).__name__))
        assert all(isinstance(each, Tensor) for each in args)

    def after(step: Any, args: list[Any], result: Any) -> None:
        events.append(("after", type(step).__name__))
        seen.append(float(args[-1][0]))
        assert result is None

    VirtualMachine(executable, before=before, after=after)["main"](np.zeros(2, F32))
    names = [CallKernel.__name__, CallPacked.__name__, CallKernel.__name__]
    assert events == [(when, name) for name in names for when in ("before", "after")]
    assert seen == [1, 2, 6]


def test_instruments(executable: Executable) -> None:
    machine = VirtualMachine(executable)
    calls: list[tuple[str, bool]] = []

    def instrument(_step: Any, name: str, before: bool, _result: Any, *args: Any) -> int | None:
        calls.append((name, before))
        if name == "env.double" and before:
            args[1].copyfrom(args[0])
            return SKIP_RUN
        return None

    machine.set_instrument(instrument)
    assert machine["main"](np.zeros(2, F32)).numpy().tolist() == [3, 3]
    names = ["addc", "addc", "env.double", "mulc", "mulc"]
    assert [name for name, _ in calls] == names
    machine.set_instrument(None)
    assert machine["main"](np.zeros(2, F32)).numpy().tolist() == [6, 6]


def test_stateful_calls(vm: VirtualMachine) -> None:
    vm.set_input("main", np.ones(2, F32))
    vm.invoke_stateful("main")
    np.testing.assert_array_equal(vm.get_outputs("main").numpy(), expected([1, 1]))
    vm.set_input("main", x=np.zeros(2, F32))
    vm.invoke_stateful("main")
    np.testing.assert_array_equal(vm.get_outputs("main").numpy(), expected([0, 0]))
    with pytest.raises(ArgumentError, match="do not fit"):
        vm.set_input("main", y=1)
    with pytest.raises(ArgumentError, match="without inputs"):
        vm.invoke_stateful("addc")
    with pytest.raises(ArgumentError, match="no outputs"):
        vm.get_outputs("addc")


def test_saved_functions_timing_and_profile(vm: VirtualMachine) -> None:
    vm.save_function("main", "timed", np.ones(2, F32))
    np.testing.assert_array_equal(vm["timed"]().numpy(), expected([1, 1]))
    vm.save_function("main", "silent", np.ones(2, F32), include_return=False)
    assert vm["silent"]() is None
    with pytest.raises(RegistryError, match="already"):
        vm.save_function("main", "addc", np.ones(2, F32))
    result = vm.module.time_evaluator("main", number=2, repeat=3)(np.ones(2, F32))
    assert len(result.results) == 3
    report = vm.profile("main", np.ones(2, F32))
    assert {row.name: row.calls for row in report.rows()} == {"addc": 1, "env.double": 1, "mulc": 1}
    assert "env.double" in str(report)
    assert [row.name for row in vm.profile("addc", np.ones(2, F32), np.ones(2, F32)).rows()] == [
        "addc"
    ]


def test_profiling_machines_record_every_call(executable: Executable) -> None:
    machine = VirtualMachine(executable, profile=True)
    for _ in range(3):
        machine["main"](np.zeros(2, F32))
    assert {row.calls for row in machine.report.rows()} == {3}


def test_names_and_devices(executable: Executable) -> None:
    machine = VirtualMachine(executable, ["cpu"])
    assert "main" in machine
    assert "mian" not in machine
    with pytest.raises(RegistryError, match="did you mean 'main'"):
        machine["mian"]
    with pytest.raises(UnsupportedError, match="cuda:0"):
        VirtualMachine(executable, "cuda")
    assert repr(machine) == "<VirtualMachine on cpu:0 with addc, main, mulc>"
    assert repr(machine["addc"]).startswith("<compiled addc(x: Tensor((n,), float32)")


def test_the_executable_itself(executable: Executable) -> None:
    assert executable(np.zeros(1, F32)).numpy().tolist() == [6]
    assert executable.function_names() == ["addc", "main", "mulc"]
    assert executable.packed_names() == ["env.double"]
    assert "main: native, 7 steps" in executable.stats()
    assert "kernel mulc(%2, %3, %4)" in executable.as_text()
    assert "define i32 @__tvm_ffi_main" in executable.get_source()
    assert type(executable).__module__ == "pellucid.runtime.executable"
    y = empty((1,))
    executable.time_evaluator("addc", number=1)(array([1], dtype="float32"), y)
    assert y.item() == 2
    with pytest.raises(RegistryError, match="no source in the format 'asn'"):
        executable.get_source("asn")
