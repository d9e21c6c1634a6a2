"""The builtins of a document: Python's own, with an `import` that puts stand-ins in place.

In: the session that knows the data folder. Out: a dictionary for `__builtins__`. Only imports that
stand in the document itself are answered here; other modules import what they always did. It is
a convenience for documents that one trusts as far as running them goes, and no sandbox.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from pellucid.compat.documents.pickle_module import arrays_only

Factory = Callable[[Callable[..., Any]], "ModuleType | None"]
"""Makes a stand-in, given Python's own import; None leaves the import as it is."""

PICKLES = ("pickle", "_pickle", "cPickle")


class Importer:
    """`__import__` of a document. `factories` make the stand-ins, by the name of the module."""

    def __init__(self, factories: Mapping[str, Factory]) -> None:
        self._real = builtins.__import__
        self._factories = dict(factories)
        self._made: dict[str, ModuleType | None] = {}

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """The module, or what stands in for it."""
        top, *rest = name.split(".")
        root = self._replacement(top) if level == 0 else None
        if root is None:
            return self._real(name, globals, locals, fromlist or (), level)
        module = root
        for number, part in enumerate(rest, 1):
            inner = vars(module).get(part)
            if not isinstance(inner, ModuleType):
                # A submodule that has no stand-in: the real one, where there is a real package.
                inner = self._submodule(".".join([top, *rest[:number]]))
                vars(module)[part] = inner
            module = inner
        return module if fromlist else root

    def _submodule(self, name: str) -> ModuleType:
        """A submodule of the real package."""
        return self._real(name, None, None, ("*",), 0)

    def _replacement(self, top: str) -> ModuleType | None:
        if top not in self._factories:
            return None
        if top not in self._made:
            self._made[top] = self._factories[top](self._real)
        return self._made[top]


def pickles(real: Callable[..., Any]) -> ModuleType:
    """The stand-in for `pickle`."""
    return arrays_only(real("pickle"))


def document_builtins(importer: Importer) -> dict[str, Any]:
    """Python's builtins with another `__import__`."""
    return {**vars(builtins), "__import__": importer}
