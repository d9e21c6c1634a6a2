"""Figures of a running document, without a screen.

In: the function that takes finished figures. Out: matplotlib draws for it. matplotlib is prepared
when a document first imports it, so that documents without pictures never load it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

BACKEND = "pellucid.compat.documents.figure_backend"

Receiver = Callable[[bytes, int, int], None]
"""Takes a PNG, its width and its height in pixels."""

receivers: list[Receiver] = []
"""Who takes the figures; the last one, while documents run in documents."""


def use_backend() -> None:
    """Make matplotlib draw for the document that runs."""
    import matplotlib

    cast("Any", matplotlib).use(f"module://{BACKEND}", force=True)


def flush() -> None:
    """Show whatever figures are still open."""
    backend: Any = sys.modules.get(BACKEND)
    if backend is not None:
        backend.show()


@contextmanager
def received_by(receiver: Receiver) -> Generator[None]:
    """Figures go to `receiver`; at the end the backend that was in use comes back."""
    loaded = sys.modules.get("matplotlib")
    matplotlib = cast("Any", loaded)
    before = None if loaded is None else matplotlib.rcParams["backend"]
    receivers.append(receiver)
    try:
        yield
    finally:
        receivers.remove(receiver)
        if isinstance(before, str):
            matplotlib.use(before, force=True)
