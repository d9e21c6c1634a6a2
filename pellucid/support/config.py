"""Every environment variable that Pellucid reads, in one table; the only file that looks at the
environment.

A variable is read each time it is asked for, so that a test or a notebook may change it; an empty
value counts as unset. A value of the wrong kind is a `ConfigError` that says what the variable
takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from pellucid.support.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Variable(Generic[T]):
    """An environment variable: its name, what it takes (for messages), its default, and what it is
    for.
    """

    name: str
    takes: str
    default: T
    doc: str
    parse: Callable[[str], T]

    def get(self) -> T:
        """The value in force: parsed from the environment, or the default."""
        text = os.environ.get(self.name, "").strip()
        if not text:
            return self.default
        try:
            return self.parse(text)
        except ValueError:
            raise ConfigError(
                f"The environment variable {self.name} has a value that it cannot have.",
                expected=self.takes,
                found=repr(text),
                cure=f"unset {self.name}, or give it {self.takes}",
            ) from None


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def _truth(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError


def _one_of(text: str, *allowed: str) -> str:
    if text not in allowed:
        raise ValueError
    return text


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ValueError
    return path


NUM_THREADS: Variable[int | None] = Variable(
    "PELLUCID_NUM_THREADS",
    "a whole number from 1 to 1024",
    None,
    "threads of the pool for parallel loops; by default as many as cores this process may use",
    _count(1, 1024),
)
DEBUG: Variable[int] = Variable(
    "PELLUCID_DEBUG",
    "a whole number from 0 to 5",
    0,
    "what the compiler prints: 1 passes and times, 2 changed IR, 3 all IR, 4 LLVM text, 5 assembly",
    _count(0, 5),
)
CACHE_DIR: Variable[Path | None] = Variable(
    "PELLUCID_CACHE_DIR",
    "an absolute path",
    None,
    "folder for cached results; by default `pellucid` in XDG_CACHE_HOME, else in ~/.cache",
    _folder,
)
CACHE: Variable[bool] = Variable(
    "PELLUCID_CACHE",
    "0 or 1",
    True,
    "whether results are cached on disk at all",
    _truth,
)
XDG_CACHE_HOME: Variable[Path | None] = Variable(
    "XDG_CACHE_HOME",
    "an absolute path",
    None,
    "the user's folder for caches, by the XDG convention",
    # The convention says that a relative path is to be ignored.
    lambda text: Path(text) if Path(text).is_absolute() else None,
)
COMPAT_TVM: Variable[str] = Variable(
    "PELLUCID_COMPAT_TVM",
    '"shadow"',
    "",
    "with `shadow`, `import pellucid.compat.tvm` takes the name `tvm` from an installed TVM",
    lambda text: _one_of(text, "shadow"),
)
NO_COLOR: Variable[bool] = Variable(
    "NO_COLOR",
    "any text",
    False,
    "when set, nothing is printed in colour",
    lambda _text: True,
)

VARIABLES: tuple[Variable[object], ...] = tuple(
    cast("Variable[object]", each)
    for each in (NUM_THREADS, DEBUG, CACHE_DIR, CACHE, XDG_CACHE_HOME, COMPAT_TVM, NO_COLOR)
)
"""All of them, for `pellucid doctor` and the reference page."""


def cache_folder() -> Path:
    """Where cached results go: PELLUCID_CACHE_DIR, else `pellucid` in the XDG cache folder, else
    in ~/.cache.
    """
    chosen = CACHE_DIR.get()
    if chosen is not None:
        return chosen
    base = XDG_CACHE_HOME.get() or Path.home() / ".cache"
    return base / "pellucid"
