"""Instruments: what happens around passes — printing, timing, checking, saving.

    with PassContext(instruments=[PassTimingInstrument(), Verify()]):
        mod = pipeline(mod)

An instrument of one's own derives from `PassInstrument`, or is any class with some of its methods
and the decorator `pass_instrument`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, TypeVar

from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassInfo, check_contract
from pellucid.support.errors import PassError, did_you_mean

METHODS = ("enter_pass_ctx", "exit_pass_ctx", "should_run", "run_before_pass", "run_after_pass")

T = TypeVar("T")


class PassInstrument:
    """Base of instruments: each method does nothing until it is overridden."""

    def enter_pass_ctx(self) -> None:
        """The context was entered."""

    def exit_pass_ctx(self) -> None:
        """The context is left."""

    def should_run(self, mod: IRModule, info: PassInfo) -> bool:
        """Whether the pass shall run on `mod`."""
        del mod, info
        return True

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """The pass is about to run on `mod`."""

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """The pass has made `mod`."""


def pass_instrument(cls: type[T]) -> type[T]:
    """Class decorator of instruments: checks that the class has some of their methods, and that no
    name is misspelt.
    """
    own = [name for name in vars(cls) if not name.startswith("_")]
    if not any(name in METHODS for name in own):
        raise PassError(
            f"The class {cls.__name__!r} has no method of an instrument.",
            expected=", ".join(METHODS),
            found=", ".join(own) or "no methods",
        )
    for name in own:
        close = did_you_mean(name, METHODS)
        looks_like_one = name.startswith(("run_", "enter_", "exit_", "should_"))
        if name not in METHODS and looks_like_one and close is not None:
            raise PassError(f"An instrument has no method {name!r}.", cure=close)
    return cls


def _wanted(names: Iterable[str] | str | None) -> frozenset[str] | None:
    if names is None:
        return None
    return frozenset((names,) if isinstance(names, str) else names)


class PrintBefore(PassInstrument):
    """Prints the module before each pass, or before those named in `passes`."""

    def __init__(
        self, passes: Iterable[str] | str | None = None, file: TextIO | None = None
    ) -> None:
        self.passes = _wanted(passes)
        self.file = file

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Print `mod`."""
        _print_module("before", mod, info, self.passes, self.file)


class PrintAfter(PassInstrument):
    """Prints the module after each pass, or after those named in `passes`.

    With `changed_only` it leaves out passes that returned the module they were given.
    """

    def __init__(
        self,
        passes: Iterable[str] | str | None = None,
        file: TextIO | None = None,
        changed_only: bool = False,
    ) -> None:
        self.passes = _wanted(passes)
        self.file = file
        self.changed_only = changed_only
        self._before: list[IRModule] = []

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Keep `mod` for comparison."""
        del info
        self._before.append(mod)

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Print `mod`."""
        if self._before.pop() is mod and self.changed_only:
            return
        _print_module("after", mod, info, self.passes, self.file)


def _print_module(
    when: str,
    mod: IRModule,
    info: PassInfo,
    passes: frozenset[str] | None,
    file: TextIO | None,
) -> None:
    if passes is None or info.name in passes:
        print(f"# {when} {info.name}\n{mod.script()}", file=file or sys.stdout)


class PassTimingInstrument(PassInstrument):
    """Measures how long each pass takes; `render()` is the table, passes within passes indented."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, float]] = []
        self._open: list[tuple[int, float]] = []

    def enter_pass_ctx(self) -> None:
        """Begin anew."""
        self._rows.clear()
        self._open.clear()

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Start the clock."""
        del mod
        self._rows.append((len(self._open), info.name, 0.0))
        self._open.append((len(self._rows) - 1, time.perf_counter()))

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Stop the clock."""
        del mod
        row, start = self._open.pop()
        self._rows[row] = (self._rows[row][0], info.name, time.perf_counter() - start)

    @property
    def times(self) -> list[tuple[str, float]]:
        """Name and seconds of each run, in order of their start."""
        return [(name, seconds) for _, name, seconds in self._rows]

    def render(self) -> str:
        """The table: milliseconds, share of the total, name."""
        total = sum(seconds for depth, _, seconds in self._rows if depth == 0)
        lines = [f"{'ms':>10}  {'share':>6}  pass"]
        for depth, name, seconds in self._rows:
            share = seconds / total if total else 0.0
            lines.append(f"{seconds * 1e3:10.3f}  {share:6.1%}  {'  ' * depth}{name}")
        lines.append(f"{total * 1e3:10.3f}  {1 if self._rows else 0:6.1%}  in all")
        return "\n".join(lines)


class Verify(PassInstrument):
    """Checks that each pass is given, and makes, a well-formed module."""

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Check what the pass is given."""
        check_contract(mod, info.name, "was given")

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Check what the pass has made."""
        check_contract(mod, info.name, "made")


class Save(PassInstrument):
    """Writes the module after each pass into `folder`: `000_input.py`, `001_FoldConstant.py` …"""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._number = 0

    def enter_pass_ctx(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number = 0

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Write what the first pass is given."""
        del info
        if self._number == 0:
            self._write("input", mod)

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Write what the pass has made."""
        self._write(info.name, mod)

    def _write(self, name: str, mod: IRModule) -> None:
        plain = re.sub(r"\W+", "_", name)
        path = self.folder / f"{self._number:03}_{plain}.py"
        path.write_text(mod.script(show_meta=True), "utf-8")
        self._number += 1
