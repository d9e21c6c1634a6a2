"""A condition of a primitive that does not hold, before it becomes a `ScheduleError`.

What checks conditions raises `Refused`; the schedule adds the name of the primitive and the script
with the statement underlined.
"""

from __future__ import annotations

from typing import Any

from pellucid.support.errors import TypeMismatchError


class Refused(Exception):
    """A violated condition, as a clause ("the loop 'i' has annotations"), at some statements."""

    def __init__(
        self,
        message: str,
        *at: Any,
        expected: str | None = None,
        found: str | None = None,
        cure: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.expected = expected
        self.found = found
        self.cure = cure


def mismatch_refused(error: TypeMismatchError) -> Refused:
    """What is wrong with an argument, as a condition."""
    text = error.message.rstrip(".")
    return Refused(
        text[:1].lower() + text[1:], expected=error.expected, found=error.found, cure=error.cure
    )


class UnknownReference(Refused):
    """A reference that the schedule does not know."""
