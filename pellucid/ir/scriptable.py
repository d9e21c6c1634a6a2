"""What everything printable shares: `.script()`, `.show()`, `.diff()`, and a bounded `repr`."""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.ir.difference import Difference, diff


class Scriptable:
    """Mixin of functions and modules: printed as Python-syntax script."""

    __slots__ = ()

    def script(self, **options: Any) -> str:
        """The script text. Options are those of `script.printer.PrinterConfig` (such as
        `show_meta=True`).
        """
        return hooks.printer.get()(self, **options)

    def __str__(self) -> str:
        """The whole script; `repr` is bounded in length."""
        return self.script()

    def show(
        self, style: str | None = None, black_format: bool | None = None, **options: Any
    ) -> None:
        """Print the script, highlighted on a terminal and in a notebook."""
        del black_format
        options.setdefault("describe_constants", True)
        hooks.show.get()(self.script(**options), style)

    def diff(self, other: Any) -> Difference:
        """This program and `other` side by side, with what differs marked; see `ir.difference`."""
        return diff(self, other)
