"""Where the time of a stepped graph function went: calls and seconds by function."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

from pellucid.runtime.plan import CallClosure, CallPacked
from pellucid.runtime.stepper import CallStep, Hooks


class Row(NamedTuple):
    """One function: how often it was called, and the seconds in all."""

    name: str
    calls: int
    seconds: float


class Profile:
    """Calls by function; prints as a table, the most expensive first. Safe to fill from several
    threads.
    """

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        """Count one call."""
        with self._lock:
            calls, total = self._totals.get(name, (0, 0.0))
            self._totals[name] = (calls + 1, total + seconds)

    def hooks(self) -> Hooks:
        """Hooks that count every call of a stepper into this profile; a caller's time includes its
        callees'.
        """
        starts = threading.local()

        def before(step: CallStep, _args: list[Any]) -> None:
            starts.__dict__.setdefault("stack", []).append((step, time.perf_counter()))

        def after(step: CallStep, _args: list[Any], _result: Any) -> None:
            now = time.perf_counter()
            stack: list[tuple[CallStep, float]] = starts.__dict__["stack"]
            started, start = stack.pop()
            while started is not step:
                # A call that raised was begun and never ended.
                started, start = stack.pop()
            self.add(_name(step), now - start)

        return Hooks(before, after)

    def rows(self) -> list[Row]:
        """The functions, the most expensive first."""
        with self._lock:
            found = [Row(name, *total) for name, total in self._totals.items()]
        return sorted(found, key=lambda row: (-row.seconds, row.name))

    def __str__(self) -> str:
        """A table: function, calls, milliseconds, share."""
        rows = self.rows()
        total = sum(row.seconds for row in rows) or 1.0
        width = max((len(row.name) for row in rows), default=8)
        lines = [f"{'function':<{width}}  {'calls':>7}  {'ms':>10}  {'share':>6}"]
        lines += [
            f"{row.name:<{width}}  {row.calls:>7}  {row.seconds * 1e3:>10.4f}"
            f"  {row.seconds / total:>6.1%}"
            for row in rows
        ]
        return "\n".join(lines)

    __repr__ = __str__


def _name(step: CallStep) -> str:
    if isinstance(step, CallPacked):
        return step.name
    return "a closure" if isinstance(step, CallClosure) else step.function
