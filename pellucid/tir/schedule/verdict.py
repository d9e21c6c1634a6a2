"""Verdicts: what is known about whether a step kept what the program computes.

*proved*: every block instance runs in both programs, once, and those that depend on each other run
in the same order; only the terms of a reduction may be combined in another order. *tested*: both
programs gave the same on random inputs. *unchecked*: neither was possible; the reason says why.

In: the module before and after a step, and what the schedule was told to do about it. Out: a
`Verdict`, or a `ValidationError` for a step that changed results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.ir import hooks
from pellucid.ir.module import IRModule
from pellucid.support.errors import ScheduleError
from pellucid.tir.function import PrimFunc

PROVED = "proved"
TESTED = "tested"
UNCHECKED = "unchecked"
VERDICTS = (PROVED, TESTED, UNCHECKED)


class Verdict(NamedTuple):
    """`word` is one of `VERDICTS`; `reason` says why nothing could be checked."""

    word: str
    reason: str | None = None

    def __str__(self) -> str:
        """As a comment in a trace."""
        return self.word if self.reason is None else f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class Difference:
    """The first element that differs: of which argument of which function, where, and its values.

    `index` is None where one of the programs stopped with an error, which then stands for the
    value.
    """

    function: str
    argument: str
    index: tuple[int, ...] | None
    before: Any
    after: Any

    @property
    def element(self) -> str:
        """The element as it is written."""
        if self.index is None:
            return self.argument
        return f"{self.argument}[{', '.join(map(str, self.index))}]"


class ValidationError(ScheduleError):
    """A step that changed what the program computes.

    `difference` is the first differing element, `reproduction` a Python script that shows it again.
    """

    def __init__(self, difference: Difference, reproduction: str, step: str = "the step") -> None:
        self.difference = difference
        self.reproduction = reproduction
        super().__init__(
            f"{step[:1].upper()}{step[1:]} changes what the function {difference.function!r} "
            "computes.",
            expected=f"{difference.element} = {difference.before}, as before",
            found=f"{difference.element} = {difference.after}",
            cure="if this was no primitive of your own, please report it with the script in "
            "`error.reproduction`",
        )

    def __str__(self) -> str:
        """The message, and the reproduction below it."""
        lines = "\n".join(f"    {line}".rstrip() for line in self.reproduction.splitlines())
        return f"{super().__str__()}\n  reproduction:\n{lines}"

    def of_step(self, kind: str) -> ValidationError:
        """The same error with the name of the primitive."""
        return ValidationError(self.difference, self.reproduction, f"`{kind}`")


Validate = str | Callable[[IRModule, IRModule], Any] | None


def judge(validate: Validate, before: IRModule, after: IRModule, kind: str) -> Verdict:
    """The verdict on a step, by the default validation ("test") or by the user's function."""
    if kind.startswith("unsafe_"):
        return Verdict(UNCHECKED, "it may change results")
    check = validate if callable(validate) else hooks.validator.get()
    try:
        found = check(before, after)
    except ValidationError as error:
        raise error.of_step(kind) from None
    verdict = found if isinstance(found, Verdict) else Verdict(str(found))
    if verdict.word not in VERDICTS:
        raise ScheduleError(
            "The function given as validate= returned no verdict.",
            expected=", ".join(repr(each) for each in VERDICTS),
            found=repr(found),
        )
    return verdict


def fingerprint(before: IRModule, after: IRModule) -> str:
    """What a verdict is about: the functions that a step changed, as they were and as they became.

    The same in every process, so that a saved verdict can be recognised.
    """
    digest = hashlib.sha256()
    for var, func in after.items():
        old = before.get(var)
        if func is not old:
            for each in (old, func):
                if isinstance(each, PrimFunc):
                    digest.update(hooks.printer.get()(each).encode())
                digest.update(b"\0")
    return digest.hexdigest()[:16]
