"""The names of variables in printed scripts: unique among those that are visible.

A frame stands for an indented part of the text; the names defined in it are free again when it
ends, so that two loops one after another may both be called `i`.
"""

from __future__ import annotations

import builtins
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pellucid.support.naming import identifier

# Names that printed text uses itself.
_OWN = ("metadata", *[name for name in dir(builtins) if not name.startswith("_")])


class NameTable:
    """Maps variables (by identity) to the text that stands for them."""

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._texts: dict[Any, str] = {}
        self._taken: set[str] = {*_OWN, *reserved}
        self._numbers: dict[str, int] = {}
        # What each open frame must undo: the previous text of a variable, the names taken, the
        # numbers reached.
        self._undo: list[tuple[list[tuple[Any, str | None]], list[str], dict[str, int | None]]] = []

    @contextmanager
    def frame(self) -> Generator[None]:
        """Definitions inside end with the frame."""
        self._undo.append(([], [], {}))
        try:
            yield
        finally:
            texts, names, numbers = self._undo.pop()
            for variable, text in reversed(texts):
                if text is None:
                    del self._texts[variable]
                else:
                    self._texts[variable] = text
            self._taken.difference_update(names)
            for hint, number in numbers.items():
                if number is None:
                    del self._numbers[hint]
                else:
                    self._numbers[hint] = number

    def fresh(self, hint: str) -> str:
        """A name made from `hint` that no visible variable has; now taken."""
        hint = identifier(hint)
        name = hint
        if name in self._taken:
            number = self._numbers.get(hint, 1)
            name = f"{hint}_{number}"
            while name in self._taken:
                number += 1
                name = f"{hint}_{number}"
            if self._undo:
                self._undo[-1][2].setdefault(hint, self._numbers.get(hint))
            self._numbers[hint] = number + 1
        self._taken.add(name)
        if self._undo:
            self._undo[-1][1].append(name)
        return name

    def reserve(self, name: str) -> None:
        """Mark a name as taken, for good."""
        self._taken.add(name)

    def define(self, variable: Any, hint: str) -> str:
        """Give `variable` a fresh name made from `hint`."""
        name = self.fresh(hint)
        self.set(variable, name)
        return name

    def set(self, variable: Any, text: str) -> None:
        """Let `variable` be written as `text` (such as `A.data`)."""
        if self._undo:
            self._undo[-1][0].append((variable, self._texts.get(variable)))
        self._texts[variable] = text

    def get(self, variable: Any) -> str | None:
        """The text that stands for `variable`, or None when it is not visible."""
        return self._texts.get(variable)

    def __contains__(self, variable: object) -> bool:
        """Whether `variable` is visible."""
        return variable in self._texts
