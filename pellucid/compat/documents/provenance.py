"""Which pass or schedule step made a module that a document prints.

In: every pass that runs, every script that is printed, and the schedules in a document's namespace.
Out: a short sentence for each printed script.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pellucid.ir import hooks
from pellucid.ir.instruments import PassInstrument
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext, PassInfo
from pellucid.script.highlight import html
from pellucid.tir.schedule.schedule import Schedule

UNKNOWN = "written in the document or built there: no pass has made it"


class _Watch(PassInstrument):
    """Tells a history of every pass that begins and ends."""

    def __init__(self, history: History) -> None:
        self._history = history

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Note that `mod` was there before; a pass may give it back as it is."""
        self._history.begins(info.name, mod)

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Note who made `mod`."""
        self._history.ends(info.name, mod)


@dataclass
class _Origin:
    """What made a module or a function (None: no pass), and when that was known."""

    value: Any
    name: str | None
    when: int


class History:
    """Modules and functions by the pass that made them, and the scripts that were printed.

    A pass that consists of passes counts as the maker of what its last one made.
    """

    def __init__(self) -> None:
        # By the number of the object, which is kept so that the number stays its own.
        self._made: dict[int, _Origin] = {}
        self._begun: list[tuple[str, int]] = []
        self._clock = 0
        self._printed: list[tuple[str, Any]] = []

    def begins(self, name: str, mod: IRModule) -> None:
        """The pass `name` is given `mod`: whatever of it no pass has made yet, none has."""
        self._clock += 1
        self._begun.append((name, self._clock))
        for value in _parts(mod):
            self._made.setdefault(id(value), _Origin(value, None, self._clock))

    def ends(self, name: str, mod: IRModule) -> None:
        """The pass `name` has made of `mod` what was not there when it began."""
        start = 0
        # Passes that broke off have begun and never end.
        while self._begun:
            begun, start = self._begun.pop()
            if begun == name:
                break
        self._clock += 1
        for value in _parts(mod):
            known = self._made.get(id(value))
            if known is None or known.when > start:
                self._made[id(value)] = _Origin(value, name, self._clock)

    def printed(self, text: str, value: Any) -> None:
        """The script of a module or a function was printed."""
        self._printed.append((text, value))

    def captions(self, names: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Each script that was printed since the last call, and what made it. `names` is the
        document's namespace, in which schedules are looked for.
        """
        found = [(text, self._maker(value, names)) for text, value in self._printed]
        self._printed.clear()
        return found

    def _maker(self, value: Any, names: Mapping[str, Any]) -> str:
        step = _schedule_step(value, names)
        if step is not None:
            return step
        known = self._made.get(id(value))
        return UNKNOWN if known is None or known.name is None else f"made by the pass {known.name}"


def _parts(mod: IRModule) -> list[Any]:
    """A module and its functions."""
    return [mod, *mod.functions.values()]


def _schedule_step(value: Any, names: Mapping[str, Any]) -> str | None:
    """The last step of the schedule that holds `value`, if one does."""
    for name, each in names.items():
        if not isinstance(each, Schedule):
            continue
        module = each.mod
        if value is not module and not any(value is one for one in module.functions.values()):
            continue
        steps = _steps(each)
        if steps:
            return f"made by step {len(steps)} of the schedule {name}: {steps[-1]}"
    return None


def _steps(schedule: Schedule) -> list[str]:
    """The steps of a schedule that change the program, as lines of Python."""
    lines = (line.strip() for line in str(schedule.trace).splitlines())
    calls = [line for line in lines if "sch." in line]
    return [line for line in calls if not line.partition("sch.")[2].startswith(("get_", "sample_"))]


Show = Callable[[str, str], None]


@contextmanager
def watched(history: History, show: Show) -> Generator[None]:
    """Passes and printed scripts are told to `history`; `mod.show()` goes to `show` as text and as
    HTML.
    """
    printer, shown = hooks.printer.get(), hooks.show.get()

    def print_and_note(value: Any, **options: Any) -> str:
        text = printer(value, **options)
        history.printed(text, value)
        return text

    def show_in_document(text: str, style: str | None = None) -> None:
        show(text, html(text, style))

    hooks.printer.fill(print_and_note)
    hooks.show.fill(show_in_document)
    try:
        with PassContext(instruments=[_Watch(history)]):
            yield
    finally:
        hooks.printer.fill(printer)
        hooks.show.fill(shown)
