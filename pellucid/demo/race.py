"""Time two ways to do the same thing, in turn, so that whatever else the machine does hits both.

In: functions without arguments. Out: the median seconds of one call of each.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 25
# One measurement lasts at least this long, so that the clock's own grain does not count.
SECONDS = 2e-3


def repeats(call: Callable[[], object]) -> int:
    """How many calls in a row take about `SECONDS`; at least one."""
    call()
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        spent = time.perf_counter() - start
        if spent >= SECONDS:
            return count
        count = max(count + 1, int(count * min(10.0, 1.2 * SECONDS / max(spent, 1e-9))))


def in_turn(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds a call takes, for each of `calls`, over `rounds` rounds A B A B …"""
    counts = {name: repeats(call) for name, call in calls.items()}
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            spent[name].append((time.perf_counter() - start) / counts[name])
    return {name: statistics.median(times) for name, times in spent.items()}
