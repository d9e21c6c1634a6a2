"""`import tvm…` as this package's own modules.

A finder answers for the name `tvm` and everything below it. A package becomes a `PathModule`, which
looks its names up in the table and in the modules that provide them, so that classes and functions
are the very same objects; a plain module becomes that module itself. An installed TVM keeps its
name unless the finder was told to take it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import MutableSequence, Sequence
from typing import Any

from pellucid.compat.tvm.absent import Absent, AbsentModule
from pellucid.compat.tvm.table import ROOT, names, tell
from pellucid.support.errors import UnsupportedError, did_you_mean

OWN = "pellucid"
_MISSING: Any = object()


def load(target: str) -> Any:
    """What "module:name" names; the module itself where the name is empty."""
    module, _, name = target.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def _exists(module: str) -> bool:
    """Whether there is a module of our own of that name, and no other thing in its place."""
    if module in sys.modules:
        return True
    parent, _, leaf = module.rpartition(".")
    around = importlib.import_module(parent)
    if not hasattr(around, "__path__") or importlib.util.find_spec(module) is None:
        return False
    return isinstance(vars(around).get(leaf, around), types.ModuleType)


def providers(path: str) -> list[str] | None:
    """The modules whose names the path `path` shows; None for a path that there is not."""
    table = names()
    if path in table.modules:
        return table.modules[path]
    parent, _, leaf = path.rpartition(".")
    above = providers(parent) if parent else None
    if above is None or leaf.startswith("_"):
        return None
    found = [f"{each}.{leaf}" for each in above if _exists(f"{each}.{leaf}")]
    return found[:1] or None


def is_path(path: str) -> bool:
    """Whether `import path` works, be it only to say at use that nothing is there."""
    return providers(path) is not None or names().absence(path) is not None


class PathModule(types.ModuleType):
    """A package below `tvm`: its names are those of the modules that provide them."""

    def __init__(self, name: str, sources: Sequence[str]) -> None:
        super().__init__(name, f"What `{name}` means in this package.")
        self.__path__: MutableSequence[str] = []
        self._sources = tuple(sources)

    def __getattr__(self, name: str) -> Any:
        """The name's meaning; a path below this one is imported."""
        path = f"{self.__name__}.{name}"
        table = names()
        old = table.old_names(self.__name__).get(name)
        if old is not None:
            tell(old["form"])
            return load(old["to"])
        found = self._find(name, path)
        if found is not _MISSING:
            setattr(self, name, found)
            return found
        fallback = table.fallback.get(self.__name__)
        if fallback is not None and not name.startswith("_"):
            found = getattr(importlib.import_module(fallback["from"]), name, _MISSING)
            if found is not _MISSING:
                tell(fallback["form"])
                return found
        raise AttributeError(self._unknown(name), name=name, obj=self)

    def _find(self, name: str, path: str) -> Any:
        table = names()
        own = table.own_names(self.__name__).get(name)
        if own is not None:
            return load(own)
        if name.startswith("__") and name != "__all__":
            return _MISSING
        if name == "__all__":
            return self.__dir__()
        if path in table.modules:
            return importlib.import_module(path)
        for source in self._sources:
            try:
                found = getattr(importlib.import_module(source), name, _MISSING)
            except UnsupportedError as error:
                return Absent(path, error.cure or error.message)
            if isinstance(found, types.ModuleType) and is_path(path):
                return importlib.import_module(path)
            if found is not _MISSING:
                return found
        return importlib.import_module(path) if is_path(path) else _MISSING

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self.__dir__())
        text = f"{self.__name__} has no {name!r}."
        return f"{text} {hint[0].upper()}{hint[1:]}" if hint else text

    def __dir__(self) -> list[str]:
        """All names: the table's, the providers', and those of the paths below."""
        table = names()
        found = {*table.own_names(self.__name__), *table.old_names(self.__name__)}
        start = f"{self.__name__}."
        below = [each for each in table.modules if each.startswith(start)]
        found.update(each.removeprefix(start).split(".")[0] for each in below)
        for source in self._sources:
            module = importlib.import_module(source)
            found.update(getattr(module, "__all__", None) or dir(module))
        return sorted(each for each in found if not each.startswith("_"))


class _PathLoader(importlib.abc.Loader):
    """Makes the module of one path."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._same: types.ModuleType | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module."""
        path = self._path
        sources = providers(path)
        if sources is None:
            return AbsentModule(path, names().absence(path) or "")
        if path in names().modules:
            return PathModule(path, sources)
        self._same = importlib.import_module(sources[0])
        if hasattr(self._same, "__path__"):
            self._same = None
            return PathModule(path, sources)
        return types.ModuleType(path)

    def exec_module(self, module: types.ModuleType) -> None:
        """A plain module of ours stands under the path itself; the import system allows that."""
        if self._same is not None:
            sys.modules[self._path] = self._same


class PathFinder(importlib.abc.MetaPathFinder):
    """The finder; `shadow` says whether it may take the name from an installed TVM."""

    def __init__(self) -> None:
        self.shadow = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """How to load `fullname`; None leaves it to the finders after this one."""
        root, _, rest = fullname.partition(".")
        if root != ROOT:
            return None
        if not rest:
            if not self.shadow and self.installed() is not None:
                return None
        elif not is_ours(sys.modules.get(ROOT)):
            return None
        elif not is_path(fullname):
            self._refuse(fullname)
            return None
        is_package = not rest or path is not None
        return importlib.machinery.ModuleSpec(
            fullname, _PathLoader(fullname), origin="pellucid.compat.tvm", is_package=is_package
        )

    def _refuse(self, fullname: str) -> None:
        """An import of an unknown name says which ones are close; `_handle_fromlist` asks here
        before Python's own message hides ours.
        """
        parent, _, name = fullname.rpartition(".")
        module = sys.modules.get(parent)
        if isinstance(module, PathModule) and not hasattr(module, name):
            raise ImportError(module._unknown(name), name=parent)  # pyright: ignore[reportPrivateUsage]

    def installed(self) -> importlib.machinery.ModuleSpec | None:
        """Where an installed TVM is, or None."""
        present = sys.modules.get(ROOT)
        if present is not None and not is_ours(present):
            return present.__spec__
        for finder in sys.meta_path:
            if finder is self:
                continue
            find = getattr(finder, "find_spec", None)
            spec = find(ROOT, None, None) if find is not None else None
            # A folder without an `__init__` that happens to have the name is no installed package.
            if spec is not None and spec.loader is not None and spec.origin is not None:
                return spec
        return None


FINDER = PathFinder()


def is_ours(module: types.ModuleType | None) -> bool:
    """Whether a module was made by this finder."""
    return isinstance(module, PathModule)


class ShadowWarning(UserWarning):
    """An installed TVM keeps the name `tvm`."""


def install(*, shadow: bool = False) -> bool:
    """Let `import tvm` mean this package from now on; True where it does.

    An installed TVM keeps its name, with a warning, unless `shadow=True`. Once it was imported, it
    cannot be replaced in this process: that is an `ImportError`.
    """
    present = sys.modules.get(ROOT)
    if present is not None and not is_ours(present) and shadow:
        raise ImportError(
            f"Another `tvm` was imported already, from {present.__file__}.\n  cure: call "
            "pellucid.compat.tvm.install(shadow=True) before anything imports tvm",
            name=ROOT,
        )
    FINDER.shadow = FINDER.shadow or shadow
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)
    other = None if FINDER.shadow else FINDER.installed()
    if other is not None:
        warnings.warn(
            f"A TVM is installed ({other.origin}) and keeps the name `tvm`. To let `import tvm` "
            "mean Pellucid in this process, call pellucid.compat.tvm.install(shadow=True) first, "
            "or set PELLUCID_COMPAT_TVM=shadow.",
            ShadowWarning,
            stacklevel=3,
        )
        return False
    return True


def uninstall() -> None:
    """Take the finder away again, and forget what it has loaded."""
    FINDER.shadow = False
    if FINDER in sys.meta_path:
        sys.meta_path.remove(FINDER)
    if is_ours(sys.modules.get(ROOT)):
        for name in [each for each in sys.modules if each == ROOT or each.startswith(f"{ROOT}.")]:
            del sys.modules[name]
