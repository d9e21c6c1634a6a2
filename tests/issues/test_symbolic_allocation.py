"""A buffer of a symbolic number of rows kept that extent in name only: its rows were counted by the
range of the index type, and the allocation wrapped around to nothing.
"""

from __future__ import annotations

import numpy as np

import pellucid
from pellucid.driver.pipeline import lower_stages
from pellucid.ir.scalar import IntImm
from pellucid.ir.visitor import pre_order
from pellucid.script import tir as T
from pellucid.tir.stmt import Allocate


@T.prim_func
def rows(x: T.handle, y: T.handle) -> None:
    n = T.int32()
    X = T.match_buffer(x, (n, 4))
    Y = T.match_buffer(y, (n,))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = X[vi, vj] + X[vi, vj]
    for i, k in T.grid(n, 4):
        with T.block("Y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Y[vi] = 0.0
            Y[vi] = Y[vi] + B[vi, vk]


def test_the_allocation_has_as_many_rows_as_are_used() -> None:
    lowered = rows
    for stage in lower_stages():
        lowered = stage(lowered)
    made = [each for each in pre_order(lowered) if isinstance(each, Allocate)]
    assert len(made) == 1
    assert not any(isinstance(each, IntImm) for each in made[0].extents)
    x = np.arange(20, dtype="float32").reshape(5, 4)
    y = np.zeros(5, "float32")
    built = pellucid.build(rows, target="llvm")
    for _ in range(20):
        built["rows"](x, y)
    np.testing.assert_array_equal(y, 2 * x.sum(1))
