"""The table of names and the table of forms, read from their two files.

`names.toml` says what each path of `import tvm…` stands for, `forms.toml` which spellings there
were, and what became of them. Both are data; this file only reads and asks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pellucid.support.old_forms import warn_once

ROOT = "tvm"


@dataclass(frozen=True, slots=True)
class Names:
    """The contents of `names.toml`; its head says what each part means."""

    modules: Mapping[str, list[str]]
    names: Mapping[str, Mapping[str, str]]
    same: Mapping[str, str]
    old: Mapping[str, Mapping[str, Mapping[str, str]]]
    fallback: Mapping[str, Mapping[str, str]]
    absent: Mapping[str, str]
    absent_names: Mapping[str, Mapping[str, Any]]

    def own_names(self, path: str) -> Mapping[str, str]:
        """The further names of a path."""
        return self.names.get(self.same.get(path, path), {})

    def old_names(self, path: str) -> Mapping[str, Mapping[str, str]]:
        """The names of a path that are of the first generation."""
        return self.old.get(self.same.get(path, path), {})

    def absence(self, path: str) -> str | None:
        """What to use instead of `path`, where it or something above it is not provided."""
        while path != ROOT:
            if path in self.absent:
                return self.absent[path]
            path, _, leaf = path.rpartition(".")
            group = self.absent_names.get(self.same.get(path, path), {})
            if leaf in group.get("names", ()):
                return str(group["cure"])
        return None


@dataclass(frozen=True, slots=True)
class Form:
    """A spelling that there was: a row of the tables.

    `kind` says what happens today: "works" (the native spelling, or an alias of it), "old" (works,
    and is told once, with `today` and `since`, the month of the rename), or "refused" (fails with
    `message`).
    """

    id: str
    form: str
    generation: str
    kind: str
    today: str = ""
    since: str = ""
    message: str = ""
    seeds: list[str] = field(default_factory=list[str])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))


@cache
def names() -> Names:
    """The table of names."""
    found = _read("names.toml")
    parts = ("modules", "names", "same", "old", "fallback", "absent", "absent_names")
    return Names(**{part: found.get(part, {}) for part in parts})


@cache
def forms() -> dict[str, Form]:
    """The table of forms by id."""
    return {row["id"]: Form(**row) for row in _read("forms.toml")["form"]}


def tell(form_id: str, found: str | None = None, today: str | None = None) -> None:
    """Tell once that an old form was used; `found` and `today` are its spellings where they
    vary.
    """
    form = forms()[form_id]
    warn_once(found or form.form, today or form.today, form.since)
