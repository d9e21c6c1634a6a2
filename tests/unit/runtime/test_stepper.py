"""Plans that step in Python: branches, closures, recursion, shapes, tuples, packed functions,
failed matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.runtime import registry
from pellucid.runtime.executable import Executable
from pellucid.runtime.kernel import host_target
from pellucid.runtime.plan import (
    Alloc,
    CallClosure,
    CallGraph,
    CallPacked,
    CheckInfo,
    Const,
    GetItem,
    GraphPlan,
    If,
    Literal,
    MakeClosure,
    MakePrim,
    MakeShape,
    MakeTuple,
    MatchShape,
    Step,
)
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.runtime.tensor import Tensor, array
from pellucid.runtime.values import Shape
from pellucid.runtime.vm import VirtualMachine
from pellucid.support.errors import ArgumentError, ArtifactError, RegistryError, RunError


def plan(name: str, params: tuple[Spec, ...], steps: tuple[Step, ...], result: int) -> GraphPlan:
    return GraphPlan(name, Signature(name, params), 30, steps, result)


def machine(*plans: GraphPlan, constants: tuple[Tensor, ...] = ()) -> VirtualMachine:
    return VirtualMachine(
        Executable(
            kernels={},
            graphs={each.name: each for each in plans},
            constants=constants,
            object_code=b"",
            target=host_target(),
        )
    )


X = TensorSpec("x", None, ("n", "m"))


@pytest.fixture(autouse=True)
def _functions() -> Iterator[None]:
    table: dict[str, Any] = {
        "test.sum": lambda x: x.numpy().sum(keepdims=True)[0],
        "test.less": lambda x, y: np.bool_(x < y),
        "test.minus": lambda x, y: x - y,
        "test.times": lambda x, y: x * y,
        "test.pair": lambda x: [torch.zeros(2), (np.ones(1), x)],
        "test.fill": lambda x, out: out.copyfrom(np.full(out.shape, x)),
    }
    for name, function in table.items():
        registry.register_func(name, function)
    yield
    for name in table:
        registry.remove_global_func(name)


def test_shapes_and_scalars() -> None:
    vm = machine(
        plan(
            "main",
            (X, ShapeSpec("s", ("k",)), ScalarSpec("i", "int64", "i")),
            (
                MakeShape(3, ("n", ("mul", "m", "k"))),
                MakePrim(4, "int64", ("sub", "n", "i")),
                MakePrim(5, "bool", ("lt", "n", "m")),
                Literal(6, "float32"),
                MakeTuple(7, (3, 4, 5, 6, 1)),
            ),
            7,
        )
    )
    result = vm["main"](np.zeros((2, 3)), [4], np.int32(9))
    assert result == ((2, 12), -7, True, "float32", (4,))
    assert isinstance(result[0], Shape)
    assert result[2] is True


def test_match_shape_binds_and_checks() -> None:
    steps = (
        MatchShape(0, ("a", 3), "match_cast of lv"),
        MatchShape(1, (("add", "a", 1), "b"), "match_cast of lv1"),
        MakeShape(2, ("a", "b")),
    )
    params = (TensorSpec("x", None, None), ShapeSpec("s"))
    vm = machine(plan("main", params, steps, 2))
    assert vm["main"](np.zeros((2, 3)), (3, 8)) == (2, 8)
    with pytest.raises(RunError, match=r"(?s)Dimension 1 of match_cast of lv is wrong.*d: 3"):
        vm["main"](np.zeros((2, 4)), (3, 8))
    with pytest.raises(RunError, match=r"expected: \(a \+ 1\) = 3, since a = 2"):
        vm["main"](np.zeros((2, 3)), (4, 8))
    with pytest.raises(RunError, match="match_cast of lv: the number of dimensions is wrong"):
        vm["main"](np.zeros(2), (3, 8))


def test_check_info() -> None:
    spec = TensorSpec("", "float32", ("n",))
    vm = machine(plan("main", (AnySpec("x"),), (CheckInfo(0, spec, "the result of f"),), 0))
    x = array([1, 2], dtype="float32")
    assert vm["main"](x) is x
    with pytest.raises(RunError, match="The result of f has the wrong dtype"):
        vm["main"](array([1, 2]))
    with pytest.raises(RunError, match="The result of f is not a tensor"):
        vm["main"]("text")


@pytest.mark.parametrize("flag", [True, np.bool_(False), array(True), np.zeros((), np.bool_)])
def test_branches(flag: Any) -> None:
    spec = ScalarSpec("c", "bool")
    if not isinstance(flag, (bool, np.bool_)):
        spec = TensorSpec("c", "bool", ())
    steps = (If(0, (Literal(1, "yes"),), 1, (Literal(2, "no"),), 2, 3),)
    vm = machine(plan("main", (spec,), steps, 3))
    assert vm["main"](flag) == ("yes" if bool(flag) else "no")


def factorial() -> GraphPlan:
    """n! by recursion."""
    n = ScalarSpec("n", "int64", "n")
    return plan(
        "factorial",
        (n,),
        (
            Literal(1, 1),
            Literal(2, 2),
            CallPacked("test.less", (0, 2), 3, False),
            If(
                3,
                (),
                1,
                (
                    MakePrim(4, "int64", ("sub", "n", 1)),
                    CallGraph("factorial", (4,), 5),
                    CallPacked("test.times", (0, 5), 6, False),
                ),
                6,
                7,
            ),
        ),
        7,
    )


def test_recursion() -> None:
    vm = machine(factorial())
    assert [vm["factorial"](each) for each in (0, 1, 5, 20)] == [1, 1, 120, 2432902008176640000]


def test_closures() -> None:
    inner = plan(
        "inner",
        (ScalarSpec("x", "int64"), ScalarSpec("y", "int64")),
        (CallPacked("test.minus", (0, 1), 2, False),),
        2,
    )
    outer = plan("outer", (ScalarSpec("y", "int64"),), (MakeClosure(1, "inner", (0,)),), 1)
    apply = plan("apply", (AnySpec("f"), ScalarSpec("x", "int64")), (CallClosure(2, 0, (1,)),), 2)
    vm = machine(inner, outer, apply)
    closure = vm["outer"](3)
    assert closure(10) == 7
    assert vm["apply"](closure, 5) == 2
    assert vm["apply"](lambda x: x * 100, 5) == 500
    assert repr(closure) == "<closure of inner>"
    with pytest.raises(ArgumentError, match="takes 2"):
        closure()
    with pytest.raises(RunError, match="calls something that is not a function"):
        vm["apply"](5, 5)


def test_packed_functions() -> None:
    steps = (
        CallPacked("test.pair", (0,), 1, False),
        GetItem(2, 1, 1),
        GetItem(3, 2, 0),
        Alloc(4, ("n",), "float32"),
        Literal(5, 2.5),
        CallPacked("test.fill", (5, 4), None, True),
        MakeTuple(6, (3, 4)),
    )
    vm = machine(plan("main", (TensorSpec("x", None, ("n",)),), steps, 6))
    first, second = vm["main"](np.zeros(3, np.float32))
    assert isinstance(first, Tensor)
    assert second.numpy().tolist() == [2.5] * 3


def test_names_are_resolved_in_the_executable_first() -> None:
    registry.register_func("shadow", lambda: "registry")
    inner = plan("shadow", (), (Literal(0, "executable"),), 0)
    outer = plan("main", (), (CallPacked("shadow", (), 0, False),), 0)
    assert machine(inner, outer)["main"]() == "executable"
    assert machine(outer)["main"]() == "registry"
    registry.remove_global_func("shadow")
    with pytest.raises(RegistryError, match="main calls the packed function 'shadow'"):
        machine(outer)["main"]()


def test_tuples_and_constants() -> None:
    params = (TupleSpec("t", (TensorSpec("a", None, ("n",)), TensorSpec("b", None, ("n",)))),)
    steps = (GetItem(1, 0, 1), Const(2, 0), MakeTuple(3, (2, 1)))
    constant = array([1.0])
    vm = machine(plan("main", params, steps, 3), constants=(constant,))
    first, second = vm["main"]([np.zeros(2), torch.ones(2)])
    assert first is constant
    assert second.numpy().tolist() == [1, 1]
    with pytest.raises(ArgumentError, match="field 1 of argument 't'"):
        vm["main"]((np.zeros(2), np.ones(3)))


def test_a_missing_field() -> None:
    vm = machine(plan("main", (AnySpec("t"),), (GetItem(1, 0, 2),), 1))
    assert vm["main"]((1, 2, 3)) == 3
    with pytest.raises(RunError, match="takes field 2 of something that has none"):
        vm["main"]((1, 2))
    with pytest.raises(RunError, match="found: a str"):
        vm["main"]("abc")


def test_references_are_checked_when_the_executable_is_made() -> None:
    with pytest.raises(ArtifactError, match="needs constant 0, which is missing"):
        machine(plan("main", (), (Const(0, 0),), 0))
    with pytest.raises(ArtifactError, match="needs the graph function 'f'"):
        machine(plan("main", (), (CallGraph("f", (), 0),), 0))
