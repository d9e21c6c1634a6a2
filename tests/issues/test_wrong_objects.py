"""Objects put together wrongly from Python: what is no function, variable, pass or value."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import pellucid
from pellucid import relax, tir
from pellucid.runtime import nd
from pellucid.script import tir as T
from pellucid.support.errors import PellucidError, UnsupportedError


@T.prim_func
def one(A: T.Buffer((4,), "float32")):
    A[0] = T.float32(1)


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "a number in a module": (
        lambda: pellucid.IRModule({"x": 3}),
        "A module holds functions under names.\n"
        "  expected: a name or GlobalVar, and a PrimFunc or relax.Function\n"
        "  found: 'x' and a int",
    ),
    "a module of a number": (
        lambda: pellucid.IRModule(3),
        "A module is made of functions by name.\n"
        "  expected: a dict of GlobalVars or names to functions\n"
        "  found: a int",
    ),
    "a loop variable without a name": (
        lambda: tir.Var(3),
        "The name of a variable is a string.\n  found: a int: 3",
    ),
    "a graph variable without a name": (
        lambda: relax.Var(3),
        "The name of a variable is a string.\n  found: a int: 3",
    ),
    "a number as a parameter": (
        lambda: relax.Function([3], relax.const(1)),
        "A parameter of a graph function is a variable.\n"
        "  expected: relax.Var(name, struct_info)\n"
        "  found: a int: 3",
    ),
    "a number as a pass": (
        lambda: pellucid.transform.Sequential([3], name="mine"),
        "The sequence 'mine' holds something that is no pass.\n"
        "  expected: passes, or functions from a module to a module\n"
        "  found: a int",
    ),
    "text as numbers": (
        lambda: nd.array("a", dtype="float32"),
        "These values cannot be elements of dtype float32.\n"
        "  found: could not convert string to float: np.str_('a')",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    make, message = CASES[name]
    with pytest.raises(PellucidError) as caught:
        make()
    assert str(caught.value) == message


def test_a_copied_module_shares_its_functions() -> None:
    module = pellucid.IRModule({"one": one})
    copied = copy.deepcopy(module)
    assert copied["one"] is one
    del copied["one"]
    assert module["one"] is one


def test_functions_are_not_pickled() -> None:
    with pytest.raises(UnsupportedError, match="PrimFunc cannot be pickled"):
        pickle.dumps(one)


@pytest.mark.parametrize("name", ["e4m3_float8", "e5m2_float8", "e4m3_float8x4"])
def test_older_names_of_short_floats(name: str) -> None:
    today = name.replace("e4m3_float8", "float8_e4m3fn").replace("e5m2_float8", "float8_e5m2")
    assert tir.decl_buffer((4,), name).dtype == today
    if "x" not in name:
        assert nd.empty((4,), name).dtype == today
