"""Modules that hold modules: `Sequential`, `ModuleList`, `ModuleDict`."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any, cast

from pellucid.frontend.nn.module import Module
from pellucid.support.errors import TypeMismatchError


def _module(value: Any) -> Module:
    if not isinstance(value, Module):
        raise TypeMismatchError(
            "A container of modules holds modules.",
            expected="an nn.Module",
            found=f"{type(value).__name__}: {value!r:.60}",
            cure="wrap a function as nn.Lambda(function)",
        )
    return value


class ModuleList(Module):
    """Modules in a list, named by their numbers."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._items: list[Module] = [_module(each) for each in modules]

    def members(self) -> Iterator[tuple[str, Any]]:
        """The modules by number."""
        yield from ((str(index), each) for index, each in enumerate(self._items))
        yield from (pair for pair in _others(self, "_items"))

    def append(self, module: Module) -> ModuleList:
        """Put a module at the end."""
        self._items.append(_module(module))
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Put modules at the end."""
        for each in modules:
            self.append(each)
        return self

    def __getitem__(self, index: int | slice[Any, Any, Any]) -> Any:
        """A module, or for a slice a list of the same kind."""
        if isinstance(index, slice):
            return ModuleList(self._items[index.start : index.stop : index.step])
        return self._items[index]

    def __setitem__(self, index: int, module: Module) -> None:
        """Replace a module."""
        self._items[index] = _module(module)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def __iter__(self) -> Iterator[Module]:
        """The modules in order."""
        return iter(self._items)


class Sequential(ModuleList):
    """Modules one after another; each gets what the one before gives."""

    def __init__(self, *modules: Any) -> None:
        items = modules
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            items = tuple(cast("Mapping[str, Module]", modules[0]).values())
        super().__init__(items)

    def forward(self, x: Any) -> Any:
        """What the last one gives."""
        for each in self:
            x = each(x)
        return x


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self._items: dict[str, Module] = {}
        for name, each in (modules or {}).items():
            self[name] = each

    def members(self) -> Iterator[tuple[str, Any]]:
        """The modules by name."""
        yield from self._items.items()
        yield from (pair for pair in _others(self, "_items"))

    def __getitem__(self, name: str) -> Module:
        """The module of that name."""
        return self._items[name]

    def __setitem__(self, name: str, module: Module) -> None:
        """Add or replace a module."""
        if not isinstance(name, str) or not name or "." in name:
            raise TypeMismatchError(
                "A name of a module is a string without dots.", found=repr(name)
            )
        self._items[name] = _module(module)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._items)

    def __contains__(self, name: object) -> bool:
        """Whether there is a module of that name."""
        return name in self._items

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._items.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._items.values()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self._items.items()


def _others(module: Module, own: str) -> Iterator[tuple[str, Any]]:
    """What a subclass of a container keeps in attributes of its own."""
    held = vars(module)
    rest = Module()
    vars(rest).update({name: value for name, value in held.items() if name != own})
    return rest.members()
