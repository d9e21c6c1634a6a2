"""Attributes: the immutable, ordered-by-key dictionary that functions, calls, loops and blocks
carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pellucid.ir.node import Node, child, node
from pellucid.support.errors import TypeMismatchError, did_you_mean
from pellucid.target.target import Target


def freeze(value: Any) -> Any:
    """An attribute value made immutable: lists become tuples, dicts become `Attrs`, constants of
    the usual dtypes the Python values that they are.
    """
    plain = getattr(value, "attr_value", None)
    if plain is not None:
        return plain
    if (
        isinstance(value, Attrs)
        or value is None
        or isinstance(value, str | bool | int | float | Node)
    ):
        return value
    if isinstance(value, Target):
        return value
    if isinstance(value, list | tuple):
        return tuple([freeze(each) for each in cast("list[Any]", value)])
    if isinstance(value, Mapping):
        return Attrs(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value
    raise TypeMismatchError(
        "This value cannot be an attribute.",
        expected="a string, number, bool, node, or a list or dict of them",
        found=f"{type(value).__name__}: {value!r:.80}",
    )


def _entries(value: Any) -> tuple[tuple[str, Any], ...]:
    """Sorted pairs from a mapping, from pairs, or from None."""
    if value is None:
        return ()
    if isinstance(value, Attrs):
        return value.entries
    table: dict[Any, Any] = dict(value)
    return tuple(sorted((str(key), freeze(each)) for key, each in table.items()))


HISTORY_KEYS = frozenset({"tir.is_scheduled"})
"""Entries that say what was done to a function, and nothing of what it computes: structural
comparison passes over them."""


def _compared(entries: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """What structural comparison sees: no history, and marks as numbers, since programs write
    `{"Primitive": 1}` and `{"Primitive": True}` for the same.
    """
    if not any(key in HISTORY_KEYS or isinstance(value, bool) for key, value in entries):
        return entries
    return tuple(
        (key, int(value) if isinstance(value, bool) else value)
        for key, value in entries
        if key not in HISTORY_KEYS
    )


@node
class Attrs(Node):
    """An immutable dictionary with string keys; values are plain data or nodes. Entries are also
    attributes.
    """

    entries: tuple[tuple[str, Any], ...] = child(default=(), converter=_entries, key=_compared)

    def __getitem__(self, key: str) -> Any:
        """The value under `key`."""
        for name, value in self.entries:
            if name == key:
                return value
        raise KeyError(key)

    def __getattr__(self, key: str) -> Any:
        """The value under `key`, as an attribute."""
        if not key.startswith("__"):
            for name, value in self.entries:
                if name == key:
                    return value
        cure = did_you_mean(key, [name for name, _ in self.entries])
        raise AttributeError(f"There is no attribute {key!r}." + (f" {cure}" if cure else ""))

    def __iter__(self) -> Iterator[str]:
        """The keys, sorted."""
        return iter([name for name, _ in self.entries])

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    def __contains__(self, key: object) -> bool:
        """Whether `key` is set."""
        return any(name == key for name, _ in self.entries)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        for name, value in self.entries:
            if name == key:
                return value
        return default

    def keys(self) -> list[str]:
        """The keys, sorted."""
        return [name for name, _ in self.entries]

    def values(self) -> list[Any]:
        """The values, in the order of the keys."""
        return [value for _, value in self.entries]

    def items(self) -> list[tuple[str, Any]]:
        """Keys and values."""
        return list(self.entries)

    def __repr__(self) -> str:
        """As a dict."""
        return repr(dict(self.entries))

    def updated(self, changes: Mapping[str, Any]) -> Attrs:
        """A copy with some entries added or replaced."""
        return Attrs({**dict(self.entries), **changes})

    def without(self, key: str) -> Attrs:
        """A copy without `key`."""
        return Attrs({name: value for name, value in self.entries if name != key})


cast("Any", Mapping).register(Attrs)
EMPTY = Attrs()


def as_attrs(value: Any) -> Attrs:
    """`value` as attributes; None gives the empty ones."""
    if isinstance(value, Attrs):
        return value
    return Attrs(value) if value else EMPTY
