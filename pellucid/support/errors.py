"""The two families of errors: the user's (typed, with place and cure) and ours (`InternalError`).

Every message is built from the same four parts: what went wrong, the *place* (a source line with a
caret, or a script fragment), what was *expected* and *found*, and a *cure*. The classes also
inherit the fitting built-in, so that code that knows nothing of Pellucid may still say `except
ValueError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Protocol


class Place(Protocol):
    """Something that can draw where an error is: a source span, or a marked script."""

    def picture(self) -> str:
        """The place as text: a header line and the line(s) concerned, marked with carets."""
        ...


class PellucidError(Exception):
    """Base of every error that a user's program, model, artifact or call can cause.

    `message` is one sentence. `place` is drawn below it. `expected`, `found` and `cure` each become
    a line of their own when given.
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        expected: str | None = None,
        found: str | None = None,
        cure: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.expected = expected
        self.found = found
        self.cure = cure

    def __str__(self) -> str:
        """The whole message: sentence, picture of the place, expected, found, cure."""
        lines = [self.message]
        if self.place is not None:
            lines.append(self.place.picture())
        for label, text in (
            ("expected", self.expected),
            ("found", self.found),
            ("cure", self.cure),
        ):
            if text is not None:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)

    def at(self, place: Place | None) -> PellucidError:
        """This error with `place` filled in, unless it already has one."""
        if self.place is None:
            self.place = place
        return self


class ParseError(PellucidError, ValueError):
    """A script that is not in the language."""


class WellFormedError(PellucidError, ValueError):
    """A module or function that breaks a rule of its level (see `tir.analysis` and
    `relax.analysis`).
    """


class TypeMismatchError(PellucidError, TypeError):
    """Operands, arguments or annotations whose dtype, shape or kind do not fit together."""


class ScheduleError(PellucidError, ValueError):
    """A schedule primitive whose conditions do not hold; the module is left as it was."""


class UnknownReferenceError(ScheduleError, IndexError):
    """A block, loop or number that a schedule did not give, or has forgotten."""


class ArgumentError(PellucidError, ValueError, TypeError):
    """A run-time call whose arguments do not fit the signature of the compiled function."""


class InterpreterError(PellucidError, RuntimeError):
    """A program that the interpreter found to be wrong: out of bounds, unwritten data, domain
    left.
    """


class RunError(PellucidError, RuntimeError):
    """A compiled program that stopped while it ran: a failed assertion, a failed match of
    shapes.
    """


class ArtifactError(PellucidError, ValueError):
    """A saved executable that is corrupt, truncated, of another version or for another
    processor.
    """


class RegistryError(PellucidError, LookupError, ValueError):
    """A name that a registry does not know, or knows already."""


class UnsupportedError(PellucidError, NotImplementedError):
    """Something the language has and this build of the system does not do (yet), or not on this
    target.
    """


class TargetError(PellucidError, ValueError):
    """A target description that names no known machine."""


class ConfigError(PellucidError, ValueError):
    """An option or environment variable with a value that it cannot have."""


class PassError(PellucidError, RuntimeError):
    """A pass that broke its contract, or was used wrongly."""


class InternalError(RuntimeError):
    """A defect of Pellucid itself: an invariant of ours does not hold. Please report it."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"{message}\n  This is a defect of Pellucid, not of your program; please report it."
        )


class PellucidDeprecationWarning(DeprecationWarning):
    """An old spelling that is still understood; the text gives today's."""


def did_you_mean(name: object, known: Iterable[str]) -> str | None:
    """A cure naming the closest of the `known` names, or None when nothing is close (and what is
    no string is close to nothing).
    """
    if not isinstance(name, str):
        return None
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not close:
        return None
    return "did you mean " + " or ".join(repr(each) for each in close) + "?"
