"""The thread pool in its three kinds: each task once, errors, nesting, stopping, forking."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.runtime import abi, ffi, native, pool
from pellucid.runtime.support_ir import pool as pool_ir
from pellucid.runtime.support_library import ir_text, runtime_symbols
from pellucid.support import host
from pellucid.support.errors import ConfigError

USER = "\n".join(
    (
        *abi.SUPPORT_DECLARATIONS.values(),
        abi.FFI_DECLARATIONS["TVMFFIErrorSetRaisedFromCStr"],
        """
@kind = internal constant [11 x i8] c"ValueError\\00"
@text = internal constant [8 x i8] c"task 13\\00"

; Adds one to each of its tasks' counters; task 13 fails if the last word of ctx says so.
define i32 @count(ptr %ctx, i64 %begin, i64 %end) {
entry:
  %flag = load i64, ptr %ctx
  br label %head
head:
  %i = phi i64 [ %begin, %entry ], [ %i1, %go ]
  %more = icmp ult i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %i1 = add i64 %i, 1
  %slot = getelementptr i64, ptr %ctx, i64 %i1
  %old = atomicrmw add ptr %slot, i64 1 monotonic
  %unlucky = icmp eq i64 %i, 13
  %armed = icmp ne i64 %flag, 0
  %fails = and i1 %unlucky, %armed
  br i1 %fails, label %fail, label %go
go:
  br label %head
fail:
  call void @TVMFFIErrorSetRaisedFromCStr(ptr @kind, ptr @text)
  ret i32 -7
done:
  ret i32 0
}

; Each task runs a region of its own over the same counters.
define i32 @nest(ptr %ctx, i64 %begin, i64 %end) {
entry:
  br label %head
head:
  %i = phi i64 [ %begin, %entry ], [ %i1, %body ]
  %more = icmp ult i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %i1 = add i64 %i, 1
  %rc = call i32 @pellucid_parallel_for(ptr @count, ptr %ctx, i64 20)
  br label %head
done:
  ret i32 0
}

; (begin, end, repeats) through a run of many regions
define i32 @many(ptr %fn, ptr %ctx, i64 %tasks, i64 %times) {
entry:
  call void @pellucid_run_enter()
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %head ]
  %rc = call i32 @pellucid_parallel_for(ptr %fn, ptr %ctx, i64 %tasks)
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %times
  br i1 %more, label %head, label %done
done:
  call void @pellucid_run_leave()
  ret i32 %rc
}
""",
    )
)


class Pool:
    """One pool of its own and functions that use it."""

    def __init__(self, kind: str) -> None:
        text = ir_text(kind=kind)
        symbols = {**ffi.symbols(), **ffi.constructor_symbols()}
        exports = (*pool_ir.EXPORTS, *abi.SUPPORT_DECLARATIONS)
        self.library = native.load_object(native.compile_text(text, 0), set(exports), symbols)
        found = {name: self.library.address(name) for name in abi.SUPPORT_DECLARATIONS}
        code = native.compile_text(USER)
        self.user = native.load_object(
            code, ("count", "nest", "many"), {**runtime_symbols(), **found}
        )
        self.many = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
        )(self.user.address("many"))

    def call(self, name: str, *args: int) -> Any:
        types = [ctypes.c_int64] * len(args)
        return ctypes.CFUNCTYPE(ctypes.c_int64, *types)(self.library.address(name))(*args)

    def run(
        self, tasks: int, times: int, name: str = "count", flag: int = 0
    ) -> tuple[int, list[int]]:
        counters = (ctypes.c_int64 * (max(tasks, 20) + 1))(flag)
        rc = self.many(self.user.address(name), ctypes.addressof(counters), tasks, times)
        return rc, list(counters)[1:]


KINDS = ["futex", "condition", "serial"] if host.is_linux() else ["condition", "serial"]


@pytest.fixture(scope="module", params=KINDS)
def threads(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """A pool of each kind, ended after the tests."""
    made = Pool(request.param)
    made.call("pellucid_pool_set_threads", 3)
    yield made
    made.call("pellucid_pool_set_threads", 1)
    assert made.call("pellucid_pool_workers") == 0


@settings(max_examples=30)
@given(tasks=st.integers(0, 100), times=st.integers(1, 5))
def test_every_task_runs_once_a_region(threads: Pool, tasks: int, times: int) -> None:
    rc, counters = threads.run(tasks, times)
    assert rc == 0
    assert counters[:tasks] == [times] * tasks
    assert sum(counters) == tasks * times


def test_many_regions_in_a_row(threads: Pool) -> None:
    rc, counters = threads.run(7, 2_000)
    assert (rc, counters[:7]) == (0, [2_000] * 7)


def test_nested_regions(threads: Pool) -> None:
    rc, counters = threads.run(6, 50, name="nest")
    assert (rc, counters[:20]) == (0, [300] * 20)


def test_a_failed_chunk_is_reported_to_the_caller(threads: Pool) -> None:
    for tasks in (14, 40):
        rc, _ = threads.run(tasks, 1, flag=1)
        assert rc == -7
        handle = ctypes.c_void_p()
        ffi.shared_library().TVMFFIErrorMoveFromRaised(ctypes.byref(handle))
        assert handle.value
        ffi.shared_library().TVMFFIObjectDecRef(handle)
    rc, _ = threads.run(40, 1)
    assert rc == 0


def test_callers_from_several_threads(threads: Pool) -> None:
    results: list[tuple[int, list[int]]] = []

    def work() -> None:
        results.append(threads.run(9, 300))

    callers = [threading.Thread(target=work) for _ in range(4)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert [(rc, counters[:9]) for rc, counters in results] == [(0, [300] * 9)] * 4


def test_threads_start_late_and_are_counted_anew(threads: Pool) -> None:
    if threads.call("pellucid_pool_threads") == 1:
        assert threads.run(5, 1)[1][:5] == [1] * 5
        return
    threads.call("pellucid_pool_set_threads", 2)
    assert threads.call("pellucid_pool_workers") == 0
    threads.run(5, 1)
    assert threads.call("pellucid_pool_workers") == 1
    threads.call("pellucid_pool_set_threads", 5)
    assert threads.run(50, 10)[1][:50] == [10] * 50
    assert threads.call("pellucid_pool_workers") == 4
    threads.call("pellucid_pool_set_threads", 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_working_pool(threads: Pool) -> None:
    threads.run(30, 10)
    with warnings.catch_warnings():
        # From Python 3.12 on, forking a process with threads warns; that it works is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        threads.call("pellucid_pool_reset")
        rc, counters = threads.run(30, 10)
        threads.call("pellucid_pool_set_threads", 1)
        os._exit(0 if rc == 0 and counters[:30] == [10] * 30 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert threads.run(30, 10)[0] == 0


def test_the_pool_of_the_process() -> None:
    before = pool.num_threads()
    pool.set_num_threads(2)
    assert pool.num_threads() == 2
    pool.set_num_threads(before)
    for wrong in (0, 1025, True, 1.5):
        with pytest.raises(ConfigError, match="number of threads"):
            pool.set_num_threads(wrong)


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64", "riscv64"])
@pytest.mark.parametrize("system", ["linux", "darwin", "windows"])
def test_the_text_for_every_system_is_well_formed(system: str, architecture: str) -> None:
    import llvmlite.binding as llvm

    text = ir_text(system, architecture)
    llvm.parse_assembly(text, llvm.create_context()).verify()
    assert ("@syscall" in text) == (system == "linux" and architecture != "riscv64")
