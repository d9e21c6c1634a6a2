"""Validation of schedules: a verdict on each step (`Schedule(mod, validate="test")`).

In: the module before and after a step. Out: a `Verdict`, or a `ValidationError` with the first
differing element and a script that shows it again.

For each loop function that the step changed: where the iteration domains can be compared exactly
(`domain_proof`), the verdict is *proved*. Else both programs run on random arguments, of which each
buffer is compared: in the interpreter up to a number of iterations, above it as compiled code with
checked bounds. Where neither can be done the verdict is *unchecked*.

    sch = tir.Schedule(mod, validate="test")
    sch = tir.Schedule(mod, validate=testing.Validator(seed=7, iterations=100_000))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.ir import hooks
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import Var
from pellucid.ir.structural import structural_equal
from pellucid.script.parser.entry import from_source
from pellucid.support.errors import PellucidError, UnsupportedError
from pellucid.testing.domain_proof import why_unproved
from pellucid.testing.validate_inputs import (
    KINDS,
    accumulates,
    arguments,
    size_choices,
    symbols_of,
)
from pellucid.testing.validate_run import (
    Runner,
    differences,
    iterations,
    moves_as_much,
    nudged,
    with_callees,
)
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.verdict import (
    PROVED,
    TESTED,
    UNCHECKED,
    VERDICTS,
    Difference,
    ValidationError,
    Verdict,
)

# Values that index buffers are made smaller by these factors until the program runs.
SHRINKS = (1, 4, 1 << 30)
# Arguments of more bytes than this are not made.
MOST_BYTES = 1 << 27


@dataclass(frozen=True)
class Trial:
    """How arguments are made: everything that a reproduction has to say."""

    kind: str
    sizes: tuple[int, ...]
    seed: int
    shrink: int
    native: bool


@dataclass(frozen=True)
class _Pair:
    """A function before and after a step."""

    name: str
    old: PrimFunc
    new: PrimFunc
    before: IRModule
    after: IRModule


class _NotRunnableError(Exception):
    """Nothing can be said: the text says why."""


class Validator:
    """Gives the verdict on a step: `validator(before, after)`.

    `iterations` is the most that the interpreter runs of one program, `native_iterations` the most
    of compiled code; `prove=False` leaves out proofs. `seed` fixes the arguments.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        iterations: int = 8192,
        native_iterations: int = 1 << 28,
        prove: bool = True,
    ) -> None:
        self.seed = seed
        self.iterations = iterations
        self.native_iterations = native_iterations
        self.prove = prove
        self._runner = Runner()

    def __call__(self, before: IRModule, after: IRModule) -> Verdict:
        """The weakest verdict among those on the functions that changed."""
        worst = Verdict(PROVED)
        for var, new in after.items():
            old = before.get(var)
            if new is old:
                continue
            if not isinstance(old, PrimFunc) or not isinstance(new, PrimFunc):
                found = Verdict(UNCHECKED, f"{var.name_hint} is no loop function")
            else:
                found = self.judge(_Pair(var.name_hint, old, new, before, after))
            if VERDICTS.index(found.word) > VERDICTS.index(worst.word):
                worst = found
        return worst

    def judge(self, pair: _Pair) -> Verdict:
        """The verdict on one function."""
        if self.prove and why_unproved(pair.old, pair.new) is None:
            return Verdict(PROVED)
        try:
            self.test(pair)
        except _NotRunnableError as reason:
            return Verdict(UNCHECKED, str(reason))
        return Verdict(TESTED)

    def test(self, pair: _Pair) -> None:
        """Compare results on each kind of arguments."""
        if not _same_arguments(pair.old, pair.new):
            raise _NotRunnableError("its arguments have another layout or dtype")
        choices = size_choices(pair.old)
        tried = 0
        for turn, kind in enumerate(KINDS):
            # Each kind starts with other sizes.
            rotated = [*choices[turn % len(choices) :], *choices[: turn % len(choices)]]
            tried += self._test_kind(pair, kind, rotated)
        if not tried:
            raise _NotRunnableError("no arguments were found with which the program runs")

    def _test_kind(self, pair: _Pair, kind: str, choices: list[dict[Var, int]]) -> bool:
        """Compare on the first choice with which the old program runs; False if there is none."""
        for sizes in choices:
            native = self._native(pair, sizes)
            for shrink in SHRINKS:
                trial = Trial(kind, tuple(sizes.values()), self.seed, shrink, native)
                found = compare(pair, trial, self._runner)
                if found is None:
                    continue
                if found:
                    raise ValidationError(found[0], reproduction(pair, trial, found[0]))
                return True
        return False

    def _native(self, pair: _Pair, sizes: Mapping[Var, int]) -> bool:
        most = max(
            iterations(pair.old, sizes),
            iterations(pair.new, _renamed(sizes, pair.new)),
        )
        if most > self.native_iterations:
            raise _NotRunnableError(f"more than {self.native_iterations} iterations")
        return most > self.iterations


def _same_arguments(old: PrimFunc, new: PrimFunc) -> bool:
    """Whether both functions take the same arrays. A parameter that got another buffer may have
    its elements elsewhere.
    """
    if len(old.params) != len(new.params):
        return False
    return all(
        old.buffer_map.get(a) is new.buffer_map.get(b)
        if a is b
        else structural_equal(_interface(old, a), _interface(new, b), map_free_vars=True)
        for a, b in zip(old.params, new.params, strict=True)
    )


def _interface(func: PrimFunc, param: Var) -> list[Any]:
    """What a parameter takes: dtype, shape and strides."""
    buffer = func.buffer_map.get(param)
    if buffer is None:
        return [str(param.dtype)]
    return [str(buffer.dtype), *buffer.shape, *buffer.strides]


def _renamed(sizes: Mapping[Var, int], func: PrimFunc) -> dict[Var, int]:
    """The sizes for another version of the function."""
    return dict(zip(symbols_of(func), sizes.values(), strict=True))


def compare(pair: _Pair, trial: Trial, runner: Runner) -> list[Difference] | None:
    """The first difference, an empty list for none, None where the old program does not run."""
    sizes = dict(zip(symbols_of(pair.old), trial.sizes, strict=True))
    try:
        args = arguments(pair.old, sizes, trial.kind, trial.seed, trial.shrink)
    except UnsupportedError as error:
        raise _NotRunnableError(error.message) from None
    if sum(each.nbytes for each in args if isinstance(each, np.ndarray)) > MOST_BYTES:
        raise _NotRunnableError("the arguments are too large")
    try:
        expected = runner.results(pair.old, pair.before, pair.name, args, trial.native)
    except UnsupportedError as error:
        raise _NotRunnableError(error.message) from None
    except PellucidError:
        return None
    try:
        actual = runner.results(pair.new, pair.after, pair.name, args, trial.native)
    except UnsupportedError as error:
        raise _NotRunnableError(error.message) from None
    except PellucidError as error:
        return [Difference(pair.name, "the call", None, "no error", error.message)]
    return _first_difference(pair, expected, actual, lambda: _moved(pair, trial, args, runner))


def _moved(pair: _Pair, trial: Trial, args: list[Any], runner: Runner) -> list[Any] | None:
    """What the old program gives for slightly changed arguments; None where it stops."""
    other = nudged(args, trial.seed)
    try:
        return runner.results(pair.old, pair.before, pair.name, other, trial.native)
    except PellucidError:
        return None


def _first_difference(
    pair: _Pair, expected: Sequence[Any], actual: Sequence[Any], moved: Any
) -> list[Difference]:
    reorders = accumulates(pair.old) or accumulates(pair.new)
    operations = "reduction" if reorders else "arithmetic"
    names = [_name(pair.old, param) for param in pair.old.params] + ["the result"]
    for k, (name, old, new) in enumerate(zip(names, expected, actual, strict=True)):
        if old is None and new is None:
            continue
        a, b = np.asarray(old), np.asarray(new)
        wrong = differences(a, b, a.dtype.name, operations)
        if wrong.any() and reorders:
            # Where rounding alone explains a difference, it is none.
            other = moved()
            if other is not None:
                wrong &= ~moves_as_much(a, b, np.asarray(other[k]))
        if wrong.any():
            place = tuple(int(each) for each in np.argwhere(wrong)[0])
            return [Difference(pair.name, name, place, a[place], b[place])]
    return []


def _name(func: PrimFunc, param: Var) -> str:
    buffer = func.buffer_map.get(param)
    return param.name if buffer is None else buffer.name


# Reproductions.


def reproduction(pair: _Pair, trial: Trial, difference: Difference) -> str:
    """A Python script that compares the two programs again: no more than the function concerned,
    with what it calls.
    """
    old = with_callees(pair.old, pair.before, pair.name).script(show_meta=True)
    new = with_callees(pair.new, pair.after, pair.name).script(show_meta=True)
    return "\n".join(
        (
            f"# {difference.element}: {difference.before} before, {difference.after} after",
            "from pellucid.testing import compare_scripts",
            "",
            f"BEFORE = {_quoted(old)}",
            f"AFTER = {_quoted(new)}",
            f"compare_scripts(BEFORE, AFTER, {pair.name!r}, kind={trial.kind!r}, "
            f"sizes={trial.sizes!r}, seed={trial.seed}, shrink={trial.shrink}, "
            f"native={trial.native})",
        )
    )


def _quoted(text: str) -> str:
    if "'''" in text or "\\" in text:
        return repr(text)
    return f"'''\n{text}\n'''"


def compare_scripts(
    before: str,
    after: str,
    name: str = "main",
    *,
    kind: str = "whole",
    sizes: tuple[int, ...] = (),
    seed: int = 0,
    shrink: int = 1,
    native: bool = False,
) -> None:
    """Run the function `name` of two modules given as script on the same random arguments.

    `kind` is "whole", "random" or "special"; `sizes` are the values of its symbolic sizes in order;
    `native` compiles instead of interpreting. Raises `ValidationError` with the first element that
    differs.
    """
    modules = [from_source(each) for each in (before, after)]
    pair = _Pair(name, modules[0][name], modules[1][name], *modules)
    trial = Trial(kind, tuple(sizes), seed, shrink, native)
    found = compare(pair, trial, Runner())
    if found is None:
        raise UnsupportedError(f"The first program does not run on these arguments: {trial}.")
    if found:
        raise ValidationError(found[0], reproduction(pair, trial, found[0]), "the second script")


hooks.validator.fill(Validator())
