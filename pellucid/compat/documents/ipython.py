"""What `import IPython` gives to a document that runs outside of a notebook.

In: the recorder of outputs. Out: a module whose `display` records, and whose `Code`, `HTML`,
`Markdown` and `Image` are IPython's own where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pellucid.compat.documents.outputs import Recorder
from pellucid.script.highlight import html as highlighted
from pellucid.support.errors import UnsupportedError


class DisplayObject:
    """Text with a way to draw it."""

    show_as_source = True

    def __init__(
        self, data: str | None = None, url: str | None = None, filename: str | None = None
    ) -> None:
        if url is not None:
            raise UnsupportedError(
                "Nothing is fetched to be displayed.", found=url, cure="give the data itself"
            )
        self.data = Path(filename).read_text("utf-8") if filename is not None else data or ""


class Code(DisplayObject):
    """Program text, coloured."""

    def __init__(
        self,
        data: str | None = None,
        url: str | None = None,
        filename: str | None = None,
        language: str | None = None,
    ) -> None:
        super().__init__(data, url, filename)
        self.language = language

    def _repr_html_(self) -> str:
        return highlighted(self.data)


class HTML(DisplayObject):
    """A piece of HTML."""

    def _repr_html_(self) -> str:
        return self.data


class Markdown(DisplayObject):
    """A piece of Markdown, shown as it is written."""


class Image:
    """A picture in the PNG format, given as bytes or as a file."""

    def __init__(self, data: bytes | None = None, filename: str | None = None) -> None:
        self.png = Path(filename).read_bytes() if filename is not None else data

    def _repr_png_(self) -> bytes | None:
        return self.png


def stand_in(recorder: Recorder, real: Callable[..., Any]) -> ModuleType:
    """The module in the place of IPython, whether it is installed or not."""
    module, shown = ModuleType("IPython"), ModuleType("IPython.display")
    try:
        ipython = cast("ModuleType", real("IPython.display"))
        module.__dict__.update(vars(ipython))
        shown.__dict__.update(vars(cast("ModuleType", ipython.display)))
    except ImportError:
        shown.__dict__.update(Code=Code, HTML=HTML, Markdown=Markdown, Image=Image)

    def display(*values: Any, **options: Any) -> None:
        del options
        for value in values:
            recorder.show(value)

    def clear_output(wait: bool = False) -> None:
        del wait
        recorder.take()

    shown.__dict__.update(display=display, clear_output=clear_output)
    module.__dict__.update(
        display=shown, get_ipython=lambda: None, __path__=getattr(module, "__path__", [])
    )
    return module
