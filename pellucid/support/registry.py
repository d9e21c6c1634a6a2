"""A named table that refuses silent replacement and helps with misspelt names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from pellucid.support.errors import RegistryError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to values of one `kind` (the word used in messages, such as "operator")."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._table: dict[str, T] = {}

    def register(self, name: str, value: T, *, override: bool = False) -> T:
        """Store `value` under `name`; a second registration needs `override=True`."""
        if name in self._table and not override:
            raise RegistryError(
                f"The {self.kind} {name!r} is already registered.",
                cure="pass override=True to replace it, or choose another name",
            )
        self._table[name] = value
        return value

    def get(self, name: str) -> T:
        """The value under `name`; an unknown name is an error that lists close ones."""
        found = self._table.get(name)
        if found is None:
            raise RegistryError(
                f"There is no {self.kind} named {name!r}.", cure=did_you_mean(name, self._table)
            )
        return found

    def find(self, name: str) -> T | None:
        """The value under `name`, or None."""
        return self._table.get(name)

    def remove(self, name: str) -> None:
        """Forget `name`; an unknown name is an error."""
        self.get(name)
        del self._table[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._table)

    def __contains__(self, name: object) -> bool:
        """Whether `name` is registered."""
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        """The names, in order of registration."""
        return iter(self._table)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._table)
