"""Laws of the passes over graph functions, on generated modules: each keeps the interpreter's
results, gives well-formed modules, and finds nothing more to do in what it made.

What the passes are run after, and on what programs, is in `pass_cases.py`.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.relax import transform
from pellucid.relax.analysis import well_formed
from pellucid.testing.strategies.graphs import GraphProgram, register_library
from tests.fuzz.coverage import Coverage
from tests.fuzz.pass_cases import CASES, LEAVES, NO_PASSES, chain

NOT_PASSES = {
    *("FusionPattern", "PassContext", "PatternCheckContext", "Sequential"),
    *("dataflowblock_pass", "function_pass", "module_pass"),
}
SHARE = 0.2
passes = {name for name in CASES if name not in NO_PASSES}
changing = Coverage("graph passes", passes, "test_passes_keep_the_results")
tried: Counter[str] = Counter()


def leaves(value: Any) -> list[Any]:
    """The parts of a result, as NumPy arrays and plain values."""
    if isinstance(value, tuple | list):
        return [leaf for each in cast("list[Any]", value) for leaf in leaves(each)]
    return [value.numpy() if hasattr(value, "numpy") else value]


def try_pass(name: str, program: GraphProgram, module: IRModule, args: list[Any]) -> IRModule:
    """One pass of the chain; its results are compared with those of the program."""
    case = CASES[name]
    the_pass = case.make(program)
    after = the_pass(module)
    tried[name] += 1
    if after is module:
        return module
    if name in NO_PASSES:
        return after
    assert well_formed(after), f"after {name}\n{after.script()}"
    assert not case.idempotent or the_pass(after) is after, f"{name} does more\n{after.script()}"
    args[:] = case.arguments(after, args)
    found = leaves(run(after, *deepcopy(args)))
    wanted = leaves(run(program.module, *deepcopy(program.args)))
    assert len(found) == len(wanted)
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=f"after {name}\n{after.script()}")
    return after


@pytest.mark.parametrize("leaf", LEAVES)
@settings(max_examples=15)
@given(data=st.data())
def test_passes_keep_the_results(leaf: str, data: st.DataObject) -> None:
    register_library()
    program: GraphProgram = data.draw(CASES[leaf].programs)
    module, args = program.module, list(program.args)
    features: set[str] = set()
    for name in chain(leaf):
        before = module
        module = try_pass(name, program, module, args)
        features |= {name} if module is not before else set()
    changing.note(features)


# A long run's number of programs is that of all leaves together.
test_passes_keep_the_results.law_share = len(LEAVES)  # pyright: ignore[reportFunctionMemberAccess]


def test_every_pass_is_tried() -> None:
    named = {name.partition(",")[0] for name in passes}
    assert named == set(transform.__all__) - NOT_PASSES


def test_every_pass_finds_something_to_do() -> None:
    changing.check()
    for name in sorted(passes):
        share = changing.seen[name] / tried[name]
        print(f"{name}: changed {share:.0%} of {tried[name]}")
        assert share >= SHARE, f"{name} changes too few of its programs"
