"""Functions that call themselves: deep, and without end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid import interp, relax
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import ArgumentError, InterpreterError, RunError


@I.ir_module
class Counting:
    @T.prim_func
    def next(n: T.Buffer((), "int64"), s: T.Buffer((), "int64"), m: T.Buffer((), "int64")):
        m[()] = n[()] - s[()]

    @T.prim_func
    def more(n: T.Buffer((), "int64"), c: T.Buffer((), "bool")):
        c[()] = n[()] != T.int64(0)

    @R.function
    def main(n: R.Tensor((), "int64"), s: R.Tensor((), "int64")) -> R.Tensor((), "int64"):
        cls = Counting
        c = R.call_tir(cls.more, (n,), R.Tensor((), "bool"))
        if c:
            m = R.call_tir(cls.next, (n, s), R.Tensor((), "int64"))
            r = cls.main(m, s)
        else:
            r = n
        return r


@pytest.fixture(scope="module")
def executable() -> Any:
    return relax.build(Counting, target="llvm")


@pytest.mark.parametrize("debug", [False, True])
def test_some_thousand_calls_inside_each_other(executable: Any, debug: bool) -> None:
    vm = relax.VirtualMachine(executable, pellucid.cpu(), debug=debug)
    assert vm["main"](np.array(5000), np.array(1)).numpy() == 0


@pytest.mark.parametrize(
    ("debug", "limit"),
    [
        (False, "4 MiB of stack for calls inside each other"),
        (True, "20000 calls inside each other"),
    ],
)
def test_recursion_without_end_is_an_error_and_the_machine_goes_on(
    executable: Any, debug: bool, limit: str
) -> None:
    vm = relax.VirtualMachine(executable, pellucid.cpu(), debug=debug)
    with pytest.raises(RunError) as caught:
        vm["main"](np.array(1), np.array(0))
    assert str(caught.value) == (
        "main is called too deeply.\n"
        f"  expected: at most {limit}\n"
        "  cure: look for a recursion that does not end"
    )
    assert vm["main"](np.array(3), np.array(1)).numpy() == 0


def test_the_interpreter_stops_as_well() -> None:
    with pytest.raises(InterpreterError) as caught:
        interp.run(Counting, np.array(1), np.array(0))
    assert str(caught.value) == (
        "main is called too deeply.\n"
        "  expected: at most 4000 calls inside each other\n"
        "  cure: look for a recursion that does not end"
    )


@I.ir_module
class Narrowing:
    @R.function
    def main(x: R.Tensor(("n", 2), "float32"), y: R.Tensor("float32")) -> R.Tensor("float32"):
        z = R.match_cast(y, R.Tensor(ndim=2, dtype="float32"))
        r: R.Tensor("float32") = Narrowing.main(z, y)
        return r


@pytest.mark.parametrize("debug", [False, True])
def test_arguments_of_an_inner_call_that_do_not_fit(debug: bool) -> None:
    vm = relax.VirtualMachine(relax.build(Narrowing, target="llvm"), pellucid.cpu(), debug=debug)
    with pytest.raises(ArgumentError) as caught:
        vm["main"](np.zeros((3, 2), "float32"), np.zeros((3, 5), "float32"))
    if not debug:
        assert caught.value.message == ("main, called inside main, got arguments that do not fit.")


@I.ir_module
class Circles:
    @T.prim_func
    def main(n: T.int64, s: T.int64, a: T.Buffer((1,), "int64")):
        if n > T.int64(0):
            a[0] = a[0] + T.int64(1)
            Circles.main(n - s, s, a)

    @T.prim_func
    def there(n: T.int64, s: T.int64, a: T.Buffer((4,), "int64")):
        for i in T.parallel(4):
            if n > T.int64(0):
                a[i] = a[i] + T.int64(1)
                Circles.back(n - s, s, a)

    @T.prim_func
    def back(n: T.int64, s: T.int64, a: T.Buffer((4,), "int64")):
        Circles.there(n - s, s, a)


@pytest.fixture(scope="module")
def circles() -> Any:
    return pellucid.build(Circles, target="llvm")


def test_loop_functions_may_call_themselves(circles: Any) -> None:
    native, slow = np.zeros(1, "int64"), np.zeros(1, "int64")
    circles["main"](500, 1, native)
    interp.run(Circles, 500, 1, slow)
    assert native[0] == slow[0] == 500


@pytest.mark.parametrize("name", ["main", "there"])
def test_loop_functions_without_end_are_an_error(circles: Any, name: str) -> None:
    expected = (
        f"{name} is called too deeply.\n"
        "  expected: at most 1000 calls inside each other\n"
        "  cure: look for a recursion that does not end"
    )
    with pytest.raises(RunError) as caught:
        circles[name](1, 0, np.zeros(4 if name == "there" else 1, "int64"))
    assert str(caught.value) == expected


def test_the_interpreter_stops_loop_functions_without_end() -> None:
    with pytest.raises(InterpreterError, match="main is called too deeply"):
        interp.run(Circles, 1, 0, np.zeros(1, "int64"))
