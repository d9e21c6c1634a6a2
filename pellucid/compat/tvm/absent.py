"""What the language has and this package does not: it can be imported, and says so at use."""

from __future__ import annotations

import types
from collections.abc import MutableSequence
from typing import Any, NoReturn

from pellucid.support.errors import UnsupportedError


class _Refusing:
    """Any use is an `UnsupportedError`; importing it, and taking an attribute of it, is no use
    yet, and no value is an instance of it.
    """

    _path: str
    _cure: str | None

    def _refuse(self) -> NoReturn:
        raise UnsupportedError(f"{self._path} is not part of Pellucid.", cure=self._cure)

    def __call__(self, *args: Any, **keywords: Any) -> NoReturn:
        """A use."""
        self._refuse()

    def __getitem__(self, key: Any) -> NoReturn:
        """A use."""
        self._refuse()

    def __iter__(self) -> NoReturn:
        """A use."""
        self._refuse()

    def __enter__(self) -> NoReturn:
        """A use."""
        self._refuse()

    def __exit__(self, *args: object) -> None:
        """Never reached."""

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        """A use: as a base class."""
        self._refuse()

    def __instancecheck__(self, value: object) -> bool:
        """Nothing is an instance of it."""
        return False

    def __getattr__(self, name: str) -> Absent:
        """A name of it is not there either."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self._path}.{name}", self._cure)

    def __repr__(self) -> str:
        """What it stands for."""
        return f"<{self._path}: not part of Pellucid>"


class Absent(_Refusing):
    """Stands for a function or class that is not provided."""

    def __init__(self, path: str, cure: str | None) -> None:
        self._path = path
        self._cure = cure


class AbsentModule(_Refusing, types.ModuleType):
    """A module whose names all say at use that they are not provided."""

    def __init__(self, name: str, cure: str) -> None:
        types.ModuleType.__init__(self, name, f"`{name}` is not part of Pellucid: {cure}.")
        self.__path__: MutableSequence[str] = []
        self._path = name
        self._cure = cure
