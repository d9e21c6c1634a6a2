"""What the language has and this package does not: it can be imported, and says so at use."""

from __future__ import annotations

import types
from typing import Any, NoReturn

from pellucid.compat.tvm.table import names
from pellucid.support.errors import UnsupportedError


class Absent:
    """Stands for something that is not provided: any use of it is an `UnsupportedError`.

    Importing it, and taking an attribute of it, is no use yet; no value is an instance of it.
    """

    def __init__(self, path: str, cure: str | None) -> None:
        self._path = path
        self._cure = cure

    @classmethod
    def of(cls, path: str) -> Absent:
        """What stands for a path of the table."""
        return cls(path, names().absence(path))

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


class AbsentModule(types.ModuleType):
    """A module whose names all say at use that they are not provided."""

    def __init__(self, name: str, cure: str) -> None:
        super().__init__(name, f"`{name}` is not part of Pellucid: {cure}.")
        self.__path__: list[str] = []
        self._cure = cure

    def __getattr__(self, name: str) -> Absent:
        """A name of the module."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}", self._cure)
