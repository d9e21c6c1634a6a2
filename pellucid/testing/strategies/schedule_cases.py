"""The modules that the laws of schedules start from, and arguments for their functions.

In: a case, a function of it, a seed. Out: arrays of small integers (sums of which are exact in any
order) and sizes, in the order of the parameters.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import te, topi
from pellucid.arith.evaluate import evaluate
from pellucid.interp.values import numpy_dtype
from pellucid.ir.module import IRModule
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import pre_order
from pellucid.testing.strategies import schedule_programs
from pellucid.tir.function import PrimFunc

SIZES = ({"n": 5, "m": 3}, {"n": 8, "m": 4}, {"n": 1, "m": 2})
POSITIONS = "idx"


@dataclass(frozen=True)
class ScheduleCase:
    """A module to be scheduled."""

    name: str
    module: IRModule

    def functions(self) -> dict[str, PrimFunc]:
        """The loop functions by name."""
        return {v.name_hint: f for v, f in self.module.items() if isinstance(f, PrimFunc)}


@functools.cache
def schedule_cases() -> tuple[ScheduleCase, ...]:
    """All cases: one for each script program, some from tensor expressions, and modules of
    several functions.
    """
    found = {n: f for n, f in vars(schedule_programs).items() if isinstance(f, PrimFunc)}
    found |= _from_expressions()
    cases = [ScheduleCase(name, IRModule({"main": f})) for name, f in found.items()]
    for several in (("matmul", "chain"), ("softmax", "blur", "in_place")):
        module = IRModule({name: found[name] for name in several})
        cases.append(ScheduleCase("_and_".join(several), module))
    return tuple(cases)


def _from_expressions() -> dict[str, PrimFunc]:
    a = te.placeholder((4, 6), name="A")
    b = te.placeholder((6, 5), name="B")
    n = te.var("n")
    rows = te.placeholder((n, 4), name="X")
    image = te.placeholder((1, 2, 5, 5), name="image")
    kernel = te.placeholder((2, 2, 3, 3), name="kernel")
    product = topi.matmul(a, b)
    return {
        "te_matmul": te.create_prim_func([a, b, topi.nn.relu(product)]),
        "te_argmin": te.create_prim_func([a, topi.argmin(a, axis=1)]),
        "te_rows": te.create_prim_func([rows, topi.sum(topi.add(rows, rows), axis=1)]),
        "te_conv2d": te.create_prim_func(
            [image, kernel, topi.nn.conv2d(image, kernel, 1, 1, 1, "NCHW", "OIHW")]
        ),
        "te_concatenate": te.create_prim_func([a, topi.concatenate([a, topi.nn.relu(a)], axis=0)]),
    }


def sizes_of(func: PrimFunc, sizes: Mapping[str, int]) -> dict[Var, int]:
    """Numbers for the symbolic sizes of a function's parameters."""
    return {
        each: sizes[each.name]
        for buffer in func.buffer_map.values()
        for extent in buffer.shape
        for each in pre_order(extent)
        if isinstance(each, Var)
    }


def shape_of(shape: Sequence[PrimExpr], sizes: Mapping[Var, int]) -> tuple[int, ...]:
    """A shape as numbers."""
    return tuple([int(evaluate(each, sizes)) for each in shape])


def arguments_of(func: PrimFunc, sizes: Mapping[str, int], seed: int) -> list[Any]:
    """Arguments for a call of a function of a case."""
    rng = np.random.default_rng(seed)
    numbers = sizes_of(func, sizes)
    found: list[Any] = []
    for param in func.params:
        if param not in func.buffer_map:
            found.append(sizes[param.name])
            continue
        buffer = func.buffer_map[param]
        low = 0 if buffer.name.startswith(POSITIONS) else -4
        values = rng.integers(low, 5, shape_of(buffer.shape, numbers))
        found.append(values.astype(numpy_dtype(buffer.dtype)))
    return found


def drawn_sizes(rng: random.Random) -> dict[str, int]:
    """Numbers for `n` and `m`."""
    return dict(rng.choice(SIZES))
