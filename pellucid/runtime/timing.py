"""Timing of calls: `evaluator` gives a function that runs a call many times and reports seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from pellucid.runtime.device import Device, require_cpu
from pellucid.support.errors import ConfigError

Evaluator = Callable[..., "BenchmarkResult"]


class BenchmarkResult:
    """Seconds per call, one result a repeat; prints as a small table in milliseconds."""

    __slots__ = ("results",)

    def __init__(self, results: Sequence[float]) -> None:
        self.results = tuple(results)

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return statistics.fmean(self.results)

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.results)

    @property
    def min(self) -> float:
        """The smallest, in seconds."""
        return min(self.results)

    @property
    def max(self) -> float:
        """The largest, in seconds."""
        return max(self.results)

    @property
    def std(self) -> float:
        """The standard deviation, in seconds; 0 for one result."""
        return statistics.pstdev(self.results)

    def __repr__(self) -> str:
        """The five figures in seconds."""
        return (
            f"BenchmarkResult(mean={self.mean}, median={self.median}, min={self.min}, "
            f"max={self.max}, std={self.std}, results={self.results})"
        )

    def __str__(self) -> str:
        """A heading and the figures, in milliseconds."""
        names = ("mean", "median", "max", "min", "std")
        heading = "".join(f"{f'{name} (ms)':^14}" for name in names)
        figures = "".join(f"{getattr(self, name) * 1e3:^14.4f}" for name in names)
        return f"Execution time summary:\n{heading}\n{figures}"


def evaluator(
    function: Callable[..., Any],
    where: Device | None = None,
    *,
    number: int = 10,
    repeat: int = 1,
    min_repeat_ms: int = 0,
    cooldown_interval_ms: int = 0,
) -> Evaluator:
    """A function that calls `function` with what it is given: once to warm up, then `repeat` times
    `number` calls.

    Each repeat gives one result: its seconds divided by `number`. A repeat that takes less than
    `min_repeat_ms` is done again with more calls. Between repeats the machine may cool down for
    `cooldown_interval_ms`.
    """
    require_cpu(where)
    if number < 1 or repeat < 1:
        raise ConfigError(
            "Timing needs at least one call and one repeat.",
            found=f"number={number}, repeat={repeat}",
        )

    def run(*args: Any) -> BenchmarkResult:
        function(*args)
        results: list[float] = []
        calls = number
        while len(results) < repeat:
            if results and cooldown_interval_ms:
                time.sleep(cooldown_interval_ms / 1e3)
            seconds = _time(function, args, calls)
            if seconds * 1e3 < min_repeat_ms:
                calls = _more_calls(calls, seconds, min_repeat_ms)
                continue
            results.append(seconds / calls)
        return BenchmarkResult(results)

    return run


def _time(function: Callable[..., Any], args: tuple[Any, ...], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function(*args)
    return time.perf_counter() - start


def _more_calls(calls: int, seconds: float, min_repeat_ms: int) -> int:
    wanted = calls * min_repeat_ms / 1e3 / max(seconds, 1e-9)
    return max(calls + 1, int(wanted * 1.1), 2 * calls if wanted > 100 * calls else 0)
