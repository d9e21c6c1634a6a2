"""What one core of this machine can do at most, measured by code that this compiler makes.

In: the target. Out: `Peak`: multiply-adds of float32 a second, and the clock. Two loop functions
are built. One keeps many vector accumulators in registers and does nothing but multiply-adds; the
other is a chain of integer operations, each of which needs the one before and takes one clock, so
that its length over its time is the clock. Kernels are compared with the first; the second
tells whether the meter itself is right: lanes times multiply-adds a clock times clocks a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.driver.build import build
from pellucid.script import from_source
from pellucid.target import Target

ACCUMULATORS = 12
CHAIN = 64
"""Steps of the chain in one turn of its loop; each is two operations of one clock."""
_RATES = (0.5, 1.0, 2.0, 4.0)

_MULTIPLY_ADDS = """
from pellucid.script import tir as T

@T.prim_func
def multiply_adds(
    turns: T.int64, X: T.Buffer((2,), "float32"), Y: T.Buffer(({count},), "float32")
):
    sums = T.alloc_buffer(({count},), "float32", scope="local")
    for i in T.unroll({accumulators}):
        for v in T.vectorized({lanes}):
            sums[i * {lanes} + v] = Y[i * {lanes} + v]
    for t in range(turns):
        for i in T.unroll({accumulators}):
            for v in T.vectorized({lanes}):
                sums[i * {lanes} + v] = sums[i * {lanes} + v] * X[0] + X[1]
    for i in T.unroll({accumulators}):
        for v in T.vectorized({lanes}):
            Y[i * {lanes} + v] = sums[i * {lanes} + v]
"""
_CHAIN = """
from pellucid.script import tir as T

@T.prim_func
def chain(turns: T.int64, X: T.Buffer((2,), "int64"), Y: T.Buffer((1,), "int64")):
    value = T.alloc_buffer((1,), "int64", scope="local")
    value[0] = Y[0]
    for t in range(turns):
        for i in T.unroll({steps}):
            value[0] = T.bitwise_xor(value[0], X[0]) + X[1]
    Y[0] = value[0]
"""


@dataclass(frozen=True, slots=True)
class Peak:
    """What one core did at its best.

    `flops` are float32 operations a second (a multiply-add is two), `clock` is in Hz, `lanes` are
    those of a vector register.
    """

    flops: float
    clock: float
    lanes: int

    @property
    def per_clock(self) -> float:
        """Vector multiply-adds that were finished in one clock, on average."""
        return self.flops / (2 * self.lanes * self.clock)

    @property
    def nominal(self) -> float:
        """How many the processor can start in one clock: the closest of 1/2, 1, 2, 4."""
        return min(_RATES, key=lambda rate: abs(rate - self.per_clock))

    @property
    def share(self) -> float:
        """What was measured, of lanes × multiply-adds a clock × clock; close to 1 for a good
        meter on a quiet machine.
        """
        return self.per_clock / self.nominal


class PeakMeter:
    """The two built loop functions; `measure()` runs them in turn.

    Times are those of the calling thread on its core (`time.thread_time`), so that other programs
    which take the core away do not count; those which share its execution units do.
    """

    def __init__(self, target: Target | str = "llvm") -> None:
        machine = target if isinstance(target, Target) else Target(target)
        self.lanes = machine.lanes(32)
        count = ACCUMULATORS * self.lanes
        self.sources = (
            from_source(
                _MULTIPLY_ADDS.format(count=count, lanes=self.lanes, accumulators=ACCUMULATORS)
            ),
            from_source(_CHAIN.format(steps=CHAIN)),
        )
        self.kernel = build(self.sources[0], machine)
        self._chain = build(self.sources[1], machine)
        self._factors = np.array([0.999, 0.001], "float32")
        self._sums = np.ones(count, "float32")
        self._steps = np.array([12345, 678], "int64")
        self._value = np.ones(1, "int64")

    def flops(self, turns: int = 100_000) -> float:
        """Operations a second in one run of about a millisecond."""
        seconds = timed(lambda: self.kernel(turns, self._factors, self._sums))
        return 2.0 * self._sums.size * turns / seconds

    def clock(self, turns: int = 30_000) -> float:
        """Clocks a second in one run of about a millisecond."""
        seconds = timed(lambda: self._chain(turns, self._steps, self._value))
        return 2.0 * CHAIN * turns / seconds

    def measure(self, rounds: int = 20) -> Peak:
        """The best of some runs, in turn."""
        pairs = [(self.flops(), self.clock()) for _ in range(rounds)]
        return Peak(max(f for f, _ in pairs), max(c for _, c in pairs), self.lanes)


def timed(action: Callable[[], Any]) -> float:
    """Seconds that the calling thread spends on its core in `action`."""
    begin = time.thread_time()
    action()
    return max(time.thread_time() - begin, 1e-9)
