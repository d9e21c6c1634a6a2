"""Wrong calls at run time, each with its exact message. The functions are those of `handmade`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.runtime import nd, registry
from pellucid.runtime.check import check
from pellucid.runtime.executable import Executable
from pellucid.runtime.kernel import host_target
from pellucid.runtime.plan import CallClosure, GetItem, GraphPlan, MatchShape
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    TensorSpec,
    TupleSpec,
)
from pellucid.runtime.vm import VirtualMachine
from pellucid.support.errors import PellucidError
from tests.unit.runtime import handmade

F32 = np.float32


@pytest.fixture(scope="module")
def executable() -> Executable:
    return handmade.make()


@pytest.fixture
def vm(executable: Executable) -> Iterator[VirtualMachine]:
    registry.register_func("env.double", print)
    yield VirtualMachine(executable)
    registry.remove_global_func("env.double")


def read_only(shape: int) -> np.ndarray:
    values = np.zeros(shape, F32)
    values.flags.writeable = False
    return values


def says(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(PellucidError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (
            "addc",
            (np.zeros(4, F32),),
            "addc got 1 argument, and takes 2.\n"
            "  expected: addc(x: Tensor((n,), float32), y: Tensor((n,), float32))\n"
            "  found: addc(ndarray((4,), float32))",
        ),
        (
            "main",
            ([1.0, 2.0],),
            "Argument 'x' of main is not a tensor.\n"
            "  expected: Tensor((n,), float32)\n"
            "  found: a list\n"
            "  cure: make a tensor of it: nd.array(values)",
        ),
        (
            "main",
            (2.5,),
            "Argument 'x' of main is not a tensor.\n"
            "  expected: Tensor((n,), float32)\n"
            "  found: float 2.5\n"
            "  cure: make a tensor of it: nd.array(values)",
        ),
        (
            "main",
            (np.zeros(3),),
            "Argument 'x' of main has the wrong dtype.\n"
            "  expected: float32\n"
            "  found: float64\n"
            "  cure: convert it first, for instance with .astype('float32')",
        ),
        (
            "main",
            (np.zeros((1, 3), F32),),
            "Argument 'x' of main has the wrong number of dimensions.\n"
            "  expected: 1 dimension, as in Tensor((n,), float32)\n"
            "  found: 2 dimensions: (1, 3)",
        ),
        (
            "addc",
            (np.zeros(4, F32), np.zeros(5, F32)),
            "Dimension 0 of argument 'y' of addc disagrees with dimension 0 of argument 'x' of "
            "addc about 'n'.\n"
            "  expected: n = 4, from dimension 0 of argument 'x' of addc\n"
            "  found: n = 5, in (5,)\n"
            "  cure: pass arrays that agree on 'n'",
        ),
        (
            "addc",
            (np.zeros(8, F32)[::2], np.zeros(4, F32)),
            "Argument 'x' of addc is not compact.\n"
            "  expected: strides (1,), for shape (4,)\n"
            "  found: strides (2,)\n"
            "  cure: copy it first: np.ascontiguousarray(x)",
        ),
        (
            "addc",
            (np.zeros(4, F32), read_only(4)),
            "Argument 'y' of addc is written, but is read-only.\n"
            "  expected: a writable array\n"
            "  found: read-only\n"
            "  cure: pass an array that may be written, such as a copy",
        ),
        (
            "main",
            (np.zeros(3, ">f4"),),
            "Argument 'x' of main is in the other byte order.\n"
            "  expected: this machine's\n"
            "  found: the other\n"
            "  cure: convert it first: x.astype(x.dtype.newbyteorder('='))",
        ),
        (
            "main",
            (torch.zeros(3, device="meta"),),
            "Argument 'x' of main is on another device.\n"
            "  expected: cpu:0\n"
            "  found: meta:0\n"
            "  cure: copy it to the processor first",
        ),
        (
            "main",
            (torch.zeros(3).to_sparse(),),
            "Argument 'x' of main is not a dense tensor.\n"
            "  expected: a dense tensor\n"
            "  found: sparse_coo\n"
            "  cure: make a dense tensor of it: x.to_dense()",
        ),
        (
            "mulc",
            (np.zeros(3, F32), 2.0, np.zeros(3, F32)),
            "Argument 'c' of mulc is not a tensor.\n"
            "  expected: Tensor((), float32)\n"
            "  found: float 2.0\n"
            "  cure: make a tensor of it: nd.array(values)",
        ),
    ],
)
def test_wrong_arguments(
    vm: VirtualMachine, function: str, args: tuple[Any, ...], message: str
) -> None:
    says(lambda: vm[function](*args), message)


KINDS = Signature(
    "f",
    (
        ScalarSpec("i", "int8"),
        ShapeSpec("s", ("n",)),
        TupleSpec("t", (AnySpec("a"),)),
        TensorSpec("x", "float32", (("add", "n", 1),)),
    ),
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"i": 1.5},
            "Argument 'i' of f is not a number of dtype int8.\n"
            "  expected: int8\n"
            "  found: float 1.5",
        ),
        (
            {"i": 128},
            "Argument 'i' of f is out of range.\n  expected: -128 to 127\n  found: 128",
        ),
        (
            {"s": 3},
            "Argument 's' of f is not a shape.\n  expected: a tuple of integers\n  found: int 3",
        ),
        (
            {"t": (1, 2)},
            "Argument 't' of f has the wrong number of fields.\n"
            "  expected: 1, as in (Object)\n"
            "  found: 2",
        ),
        (
            {"x": np.zeros(3, F32)},
            "Dimension 0 of argument 'x' of f is wrong.\n"
            "  expected: (n + 1) = 4, since n = 3\n"
            "  found: 3, in (3,)",
        ),
    ],
)
def test_wrong_kinds(change: dict[str, Any], message: str) -> None:
    args = {"i": 1, "s": (3,), "t": (0,), "x": np.zeros(4, F32), **change}
    says(lambda: check(KINDS, list(args.values())), message)


def stepped(*steps: Any) -> VirtualMachine:
    plan = GraphPlan("main", Signature("main", (AnySpec("x"),)), 4, steps, 0)
    made = Executable(
        kernels={}, graphs={"main": plan}, constants=[], object_code=b"", target=host_target()
    )
    return VirtualMachine(made)


@pytest.mark.parametrize(
    ("step", "argument", "message"),
    [
        (
            MatchShape(0, ("n", 4), "match_cast of lv"),
            nd.array(np.zeros((2, 3))),
            "Dimension 1 of match_cast of lv is wrong.\n  expected: 4\n  found: 3, in (2, 3)",
        ),
        (
            MatchShape(0, ("n",), "match_cast of lv"),
            nd.array(np.zeros((2, 3))),
            "match_cast of lv: the number of dimensions is wrong.\n"
            "  expected: 1, as in (n,)\n"
            "  found: 2: (2, 3)",
        ),
        (
            GetItem(1, 0, 2),
            (1, 2),
            "main takes field 2 of something that has none such.\n"
            "  expected: a tuple of at least 3 fields\n"
            "  found: a tuple",
        ),
        (
            CallClosure(1, 0, ()),
            "text",
            "main calls something that is not a function.\n  found: a str",
        ),
    ],
)
def test_programs_that_stop(step: Any, argument: Any, message: str) -> None:
    says(lambda: stepped(step)["main"](argument), message)


@pytest.fixture
def _registered() -> Iterator[None]:
    # What other tests of this process registered would be meant by the messages as well.
    similar = [
        each
        for each in registry.list_global_func_names()
        if each.startswith("env.") or "linear" in each
    ]
    kept = {each: registry.get_global_func(each) for each in similar}
    for each in kept:
        registry.remove_global_func(each)
    registry.register_func("math.linear", print)
    yield
    registry.remove_global_func("math.linear")
    for name, function in kept.items():
        registry.register_func(name, function)


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: registry.get_global_func("math.liner"),
            "There is no packed function named 'math.liner'.\n  cure: did you mean 'math.linear'?",
        ),
        (
            lambda: registry.get_global_func("unlike.all"),
            "There is no packed function named 'unlike.all'.\n"
            "  cure: register it first: @pellucid.register_func('unlike.all')",
        ),
        (
            lambda: registry.register_func("math.linear", print),
            "The packed function 'math.linear' is already registered.\n"
            "  cure: pass override=True to replace it, or choose another name",
        ),
        (
            lambda: VirtualMachine(handmade.make())["main"](np.zeros(2, F32)),
            "main calls the packed function 'env.double', which is not registered.\n"
            "  cure: register it before the call: @pellucid.register_func('env.double')",
        ),
        (
            lambda: VirtualMachine(handmade.make())["mian"],
            "The executable has no function named 'mian'.\n"
            "  expected: one of addc, main, mulc\n"
            "  cure: did you mean 'main'?",
        ),
        (
            lambda: nd.empty((2,), device="cuda(1)"),
            "The device cuda:1 cannot be used by this build.\n"
            "  expected: cpu\n"
            "  cure: use pellucid.cpu(); copy arrays to the processor first",
        ),
        (
            lambda: nd.empty((2,), "flot32"),
            "There is no dtype named 'flot32'.\n"
            "  cure: did you mean 'float32' or 'float64' or 'float16'?",
        ),
        (
            lambda: nd.empty((2, -1)),
            "That is not the shape of a tensor.\n"
            "  expected: at most 64 extents, none negative\n"
            "  found: (2, -1)",
        ),
    ],
)
def test_names_and_values(call: Callable[[], Any], message: str) -> None:
    says(call, message)
