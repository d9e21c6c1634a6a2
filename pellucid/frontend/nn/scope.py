"""The export that is going on: what each parameter is in the open function, and where each module
stands in the model.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pellucid.relax.expr import Expr


@dataclass(frozen=True)
class ExportScope:
    """`values` are the graph values of parameters, `paths` the paths to modules, by identity."""

    values: dict[int, Expr]
    paths: dict[int, str]


_open: ContextVar[ExportScope | None] = ContextVar("open_export", default=None)


def current() -> ExportScope | None:
    """The export that is going on, if any."""
    return _open.get()


@contextmanager
def opened(export: ExportScope) -> Generator[None]:
    """Within it parameters stand for `export.values`."""
    token = _open.set(export)
    try:
        yield
    finally:
        _open.reset(token)
