"""What the tests of operators share: running one on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.tir.analysis import assert_well_formed


def evaluate(operator: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The result of `operator` on arrays, by the interpreter; arguments that are no arrays are
    passed on as they are. Several results give a list.
    """
    tensors: list[Any] = []
    given: list[Any] = []
    for argument in arguments:
        if not isinstance(argument, np.ndarray):
            given.append(argument)
            continue
        name = f"A{len(tensors)}"
        tensors.append(te.placeholder(argument.shape, str(argument.dtype), name))
        given.append(tensors[-1])
    found = operator(*given, **options)
    results = list(found) if isinstance(found, tuple | list) else [found]
    function = te.create_prim_func([*tensors, *results])
    assert_well_formed(function)
    outputs = [np.empty([int(e) for e in r.shape], str(r.dtype)) for r in results]
    inputs = [np.array(each, order="C") for each in arguments if isinstance(each, np.ndarray)]
    run_prim_func(function, [*inputs, *outputs])
    return outputs if isinstance(found, tuple | list) else outputs[0]


@pytest.fixture(name="evaluate", scope="session")
def _evaluate() -> Callable[..., Any]:
    return evaluate
