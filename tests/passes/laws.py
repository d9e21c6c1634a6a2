"""What every pass over graph functions has to keep: form, results, and the object when idle."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.ir.transform import Pass, PassContext
from pellucid.testing.strategies.graphs import GraphProgram, register_library


def check(the_pass: Pass, before: IRModule, expected: IRModule, idempotent: bool = True) -> None:
    """The pass makes `expected` of `before`, both well-formed, and finds nothing more to do."""
    text = before.script()
    with PassContext(config={"verify": True}):
        after = the_pass(before)
    assert_structural_equal(after, expected)
    assert before.script() == text
    if idempotent:
        assert the_pass(after) is after


def idle(the_pass: Pass, module: IRModule) -> None:
    """The pass has nothing to do, and says so by returning the very same module."""
    with PassContext(config={"verify": True}):
        assert the_pass(module) is module


def leaves(value: Any) -> list[Any]:
    """The parts of a result, as NumPy arrays and plain values."""
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in leaves(each)]
    return [value.numpy() if hasattr(value, "numpy") else value]


def keeps_results(passes: list[Pass], program: GraphProgram) -> IRModule:
    """After each pass the module is well-formed and the interpreter gives the same values."""
    register_library()
    module = program.module
    wanted = leaves(run(module, *deepcopy(program.args)))
    for each in passes:
        with PassContext(config={"verify": True}):
            module = each(module)
        found = leaves(run(module, *deepcopy(program.args)))
        assert len(found) == len(wanted)
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"after {each.name}\n{module.script()}")
    return module
