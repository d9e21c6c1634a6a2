"""Making names unique: `x`, `x_1`, `x_2` …"""

from __future__ import annotations

import keyword
import re


class NameSupply:
    """Hands out names that were not handed out before.

    A hint that is free is taken as it is; else `hint_1`, `hint_2` … is the first that is free.
    """

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._taken: set[str] = set(reserved)
        self._next: dict[str, int] = {}

    def fresh(self, hint: str, *, separator: str = "_") -> str:
        """A new name made from `hint`, now taken."""
        if hint.endswith("_"):
            separator = ""
        name = hint
        number = self._next.get(hint, 1)
        while name in self._taken:
            name = f"{hint}{separator}{number}"
            number += 1
        self._next[hint] = number
        self._taken.add(name)
        return name

    def reserve(self, name: str) -> None:
        """Mark `name` as taken."""
        self._taken.add(name)

    def __contains__(self, name: str) -> bool:
        """Whether `name` is taken."""
        return name in self._taken


def identifier(hint: str, default: str = "v") -> str:
    """`hint` made into a Python identifier: other characters become `_`; keywords get a trailing
    `_`.
    """
    name = re.sub(r"\W", "_", hint) or default
    if name[0].isdigit():
        name = f"{default}{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
