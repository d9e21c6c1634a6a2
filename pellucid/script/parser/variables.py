"""The names that a script has defined, frame by frame.

A `with`, `for`, `if`, `while`, a macro and a function each open a frame. A name may be defined once
in a frame, unless the definition allows shadowing; inner frames may define it anew. Names that no
frame knows are looked up among the host values: what the surrounding Python code has in scope.
"""

from __future__ import annotations

import builtins
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

_MISSING: Any = object()


class VariableTable:
    """Script variables over `host` values over Python's builtins."""

    def __init__(self, host: Mapping[str, Any]) -> None:
        self.host = host
        self._frames: list[dict[str, Any]] = [{}]
        self._ended: set[str] = set()

    @contextmanager
    def frame(self) -> Generator[None]:
        """Names defined inside are forgotten at the end."""
        self._frames.append({})
        yield
        # After an error parsing stops, so that the frame may stay as it is.
        self._ended.update(self._frames.pop())

    def define(self, name: str, value: Any, *, shadow: bool = False) -> bool:
        """Define `name` in the innermost frame; False when it is defined there already and may not
        be shadowed.
        """
        frame = self._frames[-1]
        if name in frame and not shadow:
            return False
        frame[name] = value
        return True

    def lookup(self, name: str, default: Any = None) -> Any:
        """The value of `name`: the innermost definition, else the host's, else Python's builtin,
        else `default`.
        """
        for frame in reversed(self._frames):
            if name in frame:
                return frame[name]
        if name in self.host:
            return self.host[name]
        return getattr(builtins, name, default)

    def holds(self, value: object) -> bool:
        """Whether this very object is the value of a script variable."""
        return any(each is value for frame in self._frames for each in frame.values())

    def in_current_frame(self, name: str) -> bool:
        """Whether the innermost frame defines `name`."""
        return name in self._frames[-1]

    def has_ended(self, name: str) -> bool:
        """Whether `name` was defined in a frame that has ended."""
        return name in self._ended

    def names(self) -> list[str]:
        """All names that can be looked up, script variables first."""
        mine = [name for frame in reversed(self._frames) for name in frame]
        return list(dict.fromkeys([*mine, *self.host, *dir(builtins)]))

    def snapshot(self) -> dict[str, Any]:
        """Script variables and host values as one dictionary."""
        table = dict(self.host)
        for frame in self._frames:
            table.update(frame)
        return table
