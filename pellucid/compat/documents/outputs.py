"""What a cell prints and shows, recorded in order.

In: the streams, values and pictures of a running cell. Out: a list of `Output`.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

OutputKind = Literal["stdout", "stderr", "value", "display", "figure", "error"]


@dataclass
class Output:
    """One piece of output: its text, and where there are, its HTML and its picture.

    `made_by` says which pass or schedule step made the module that it shows.
    """

    kind: OutputKind
    text: str
    html: str | None = None
    png: bytes | None = None
    made_by: str | None = None


class Recorder:
    """Collects the outputs of the cell that runs."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def write(self, kind: OutputKind, text: str) -> None:
        """Text on a stream; what follows text on the same stream joins it."""
        if not text:
            return
        if self.outputs and self.outputs[-1].kind == kind and kind in {"stdout", "stderr"}:
            self.outputs[-1].text += text
        else:
            self.outputs.append(Output(kind, text))

    def show(self, value: Any, kind: OutputKind = "display") -> None:
        """A value, as a notebook would show it."""
        self.outputs.append(described(value, kind))

    def script(self, text: str, html: str) -> None:
        """A script that was shown."""
        self.outputs.append(Output("display", text, html))

    def figure(self, png: bytes, width: int, height: int) -> None:
        """A drawn figure; `width` and `height` in pixels."""
        self.outputs.append(Output("figure", f"figure, {width} × {height} pixels", png=png))

    def take(self) -> list[Output]:
        """The outputs so far, which are removed."""
        taken, self.outputs = self.outputs, []
        return taken


def described(value: Any, kind: OutputKind) -> Output:
    """The text and, where the value offers it, the HTML and the picture of a value."""
    html, png = _rich(value, "_repr_html_"), _rich(value, "_repr_png_")
    # IPython's own display objects are text with a way to draw it; their repr says nothing.
    data = getattr(value, "data", None)
    own = type(value).__module__.startswith("IPython.") or hasattr(value, "show_as_source")
    text = data if own and isinstance(data, str) else repr(value)
    return Output(
        kind, text, html if isinstance(html, str) else None, png if isinstance(png, bytes) else None
    )


def _rich(value: Any, method: str) -> Any:
    # On a class the method would lack its object.
    if isinstance(value, type):
        return None
    function: Callable[[], Any] | None = getattr(value, method, None)
    return function() if callable(function) else None


class _Stream(io.TextIOBase):
    """A text stream that ends in a recorder."""

    def __init__(self, recorder: Recorder, kind: OutputKind) -> None:
        super().__init__()
        self._recorder = recorder
        self._kind: OutputKind = kind

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, text: str, /) -> int:
        """Record the text."""
        self._recorder.write(self._kind, text)
        return len(text)


@contextmanager
def captured(recorder: Recorder) -> Generator[None]:
    """Standard output and standard error end in `recorder`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Stream(recorder, "stdout"), _Stream(recorder, "stderr")
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
