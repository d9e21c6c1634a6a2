"""Reshapes in plans: views of the same memory where no one can tell, copies where someone could."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import pellucid
from pellucid import relax
from pellucid.interp import run
from pellucid.runtime.plan import Alloc, CallKernel, Copy, View, walk
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import PellucidError


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    def doubled(x, out):
        np.from_dlpack(out)[...] = 2 * np.from_dlpack(x)

    pellucid.register_func("views.double", doubled, override=True)
    yield
    pellucid.runtime.registry.remove_global_func("views.double")


def machines(module, pipeline="default"):
    """The executable, and its `main` in native code and stepped."""
    executable = relax.build(module, target="llvm", relax_pipeline=pipeline)
    return executable, [
        relax.VirtualMachine(executable, pellucid.cpu(), debug=debug)["main"]
        for debug in (False, True)
    ]


def steps(executable, kind) -> int:
    """How many steps of a kind the plan of `main` has."""
    return sum(isinstance(each, kind) for each in walk(executable.graphs["main"].steps))


def leaves(value) -> list:
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in leaves(each)]
    return [np.asarray(value.numpy() if hasattr(value, "numpy") else value)]


def agree(module, *args, pipeline="default"):
    """Native, stepped and interpreted runs give the same; gives the executable."""
    executable, functions = machines(module, pipeline)
    wanted = leaves(run(module, *args))
    for function in functions:
        given = [each.copy() if isinstance(each, np.ndarray) else each for each in args]
        found = leaves(function(*given))
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(x, y)
        for before, after in zip(args, given, strict=True):
            np.testing.assert_array_equal(before, after)
    return executable


X = np.arange(12, dtype="float32").reshape(3, 4)


def test_a_reshape_within_the_function_is_a_view() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((3, 4), "float32"), w: R.Tensor((6, 2), "float32")):
            with R.dataflow():
                a = R.reshape(x, (2, 6))
                b = R.matmul(a, w)
                c = R.flatten(b)
                d = R.expand_dims(c, axis=0)
                e = R.matmul(d, R.const(np.eye(4, dtype="float32")))
                R.output(e)
            return e

    executable = agree(Module, X, np.ones((6, 2), "float32"))
    # The two reshapes after one another are one.
    assert steps(executable, View) == 2
    assert steps(executable, Copy) == 0
    assert steps(executable, CallKernel) == 2


def test_a_result_owns_its_storage() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((3, 4), "float32")):
            with R.dataflow():
                a = R.reshape(x, (4, 3))
                t = (a, R.squeeze(R.expand_dims(x, axis=1)))
                R.output(t)
            return t

    executable = agree(Module, X)
    assert steps(executable, CallKernel) == 0
    assert steps(executable, Copy) == 2
    for function in machines(Module)[1]:
        x = X.copy()
        found = function(x)
        x[...] = -1
        np.testing.assert_array_equal(found[0].numpy(), X.reshape(4, 3))
        np.from_dlpack(found[1])[...] = 7
        assert (x == -1).all()


def test_what_foreign_code_gets_owns_its_storage() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((3, 4), "float32")):
            with R.dataflow():
                a = R.matmul(x, R.const(np.eye(4, dtype="float32")))
                b = R.reshape(a, (2, 6))
                c = R.call_dps_packed("views.double", (b,), R.Tensor((2, 6), "float32"))
                d = R.reshape(c, (3, 4))
                e = R.matmul(d, R.const(np.eye(4, dtype="float32")))
                R.output(e)
            return e

    executable = agree(Module, X)
    assert (steps(executable, Copy), steps(executable, View)) == (1, 1)


def test_a_tensor_with_gaps_from_foreign_code() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((3, 4), "float32")):
            with R.dataflow():
                a = R.call_pure_packed("views.turn", x, sinfo_args=R.Tensor((4, 3), "float32"))
                b = R.reshape(a, (12,))
                c = R.matmul(b, R.const(np.eye(12, dtype="float32")))
                R.output(c)
            return c

    def turned(x):
        torch = pytest.importorskip("torch")
        return torch.from_dlpack(x).T

    pellucid.register_func("views.turn", turned, override=True)
    for function in machines(Module)[1]:
        np.testing.assert_array_equal(function(X).numpy(), X.T.reshape(12))
    pellucid.runtime.registry.remove_global_func("views.turn")


@I.ir_module
class Overwritten:
    @T.prim_func(private=True)
    def increase(A: T.Buffer((T.int64(3), T.int64(4)), "float32")):
        for i, j in T.grid(3, 4):
            with T.block("A"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = A[vi, vj] + T.float32(1)

    @R.function
    def main(x: R.Tensor((3, 4), "float32")):
        cls = Overwritten
        with R.dataflow():
            a = R.add(x, x)
            b = R.reshape(a, (12,))
            c = R.call_tir_inplace(cls.increase, (a,), [0], R.Tensor((3, 4), "float32"))
            d = R.reshape(c, (12,))
            e = R.matmul(d, R.const(np.eye(12, dtype="float32")))
            f = R.matmul(b, R.const(np.eye(12, dtype="float32")))
            g = (e, f)
            R.output(g)
        return g


def test_a_view_of_what_is_overwritten_later_is_a_copy() -> None:
    # The view of the old value is copied, that of the new one is not.
    for function in machines(Overwritten)[1]:
        new, old = function(X)
        np.testing.assert_array_equal(new.numpy(), (2 * X + 1).reshape(12))
        np.testing.assert_array_equal(old.numpy(), (2 * X).reshape(12))
    executable = machines(Overwritten)[0]
    assert (steps(executable, Copy), steps(executable, View)) == (1, 1)


def test_branches_and_symbolic_extents() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n", 4), "float32"), flag: R.Tensor((), "bool")):
            n = T.int64()
            a = R.matmul(x, R.const(np.eye(4, dtype="float32")))
            b = R.reshape(a, (n * 2, 2))
            if flag:
                c = R.matmul(b, R.const(np.ones((2, 4), "float32")))
                d = R.reshape(c, (n, 8))
                r = R.matmul(d, R.const(np.ones((8, 2), "float32")))
            else:
                d = R.reshape(b, (n, 4))
                r = R.matmul(d, R.const(np.ones((4, 2), "float32")))
            return R.add(r, r)

    for flag in (True, False):
        executable = agree(Module, X, np.array(flag))
        assert steps(executable, View) == 3


def test_the_number_of_elements_is_checked() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n", 4), "float32"), y: R.Tensor(("m",), "float32")):
            n, m = T.int64(), T.int64()
            with R.dataflow():
                a = R.reshape(x, (m, 2))
                b = R.call_dps_packed("views.double", (a,), R.Tensor((m, 2), "float32"))
                R.output(b)
            return b

    y = np.zeros(6, "float32")
    functions = machines(Module, "plain")[1]
    for function in functions:
        np.testing.assert_array_equal(function(X, y).numpy(), 2 * X.reshape(6, 2))
        with pytest.raises(PellucidError) as caught:
            function(X, y[:5])
        assert str(caught.value) == (
            "main: a reshape does not keep the number of elements.\n  expected: 12\n  found: 10"
        )


@I.ir_module
class Bounded:
    @R.function
    def main(x: R.Tensor(("n", 4), "float32")):
        R.func_attr({"tir_var_upper_bound": {"n": 16}})
        n = T.int64()
        with R.dataflow():
            a = R.matmul(x, R.const(np.ones((4, 4), "float32")))
            b = R.matmul(a, R.const(np.ones((4, 4), "float32")))
            c = R.matmul(b, R.const(np.ones((4, 4), "float32")))
            R.output(c)
        return c


def test_memory_for_the_largest_extent_that_is_promised() -> None:
    executable = agree(Bounded, X)
    assert executable.graphs["main"].arena_bytes == 2 * 16 * 4 * 4
    for function in machines(Bounded)[1]:
        assert function(np.ones((16, 4), "float32")).shape == (16, 4)
        with pytest.raises(PellucidError) as caught:
            function(np.ones((17, 4), "float32"))
        assert str(caught.value) == (
            "main: n is larger than tir_var_upper_bound says.\n  expected: 16\n  found: 17"
        )


def test_memory_of_a_symbolic_size() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor(("n", 4), "float32")):
            n = T.int64()
            w = R.const(np.full((4, 4), 0.5, "float32"))
            with R.dataflow():
                a = R.matmul(x, w)
                b = R.matmul(a, w)
                c = R.matmul(b, w)
                d = R.matmul(R.reshape(c, (n * 2, 2)), R.const(np.ones((2, 2), "float32")))
                e = R.matmul(d, R.const(np.ones((2, 4), "float32")))
                R.output(e)
            return e

    executable = agree(Module, X)
    assert agree(Module, np.ones((100, 4), "float32")) is not None
    allocations = [
        each for each in walk(executable.graphs["main"].steps) if isinstance(each, Alloc)
    ]
    assert sum(each.offset is None for each in allocations) == 1
    assert len({each.offset for each in allocations if each.offset is not None}) == 2
