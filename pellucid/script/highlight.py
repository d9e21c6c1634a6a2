"""Showing a script: in colour on a terminal and in a notebook, plain anywhere else."""

from __future__ import annotations

import sys
from typing import Any

from pygments import highlight as colour
from pygments.formatters import HtmlFormatter, Terminal256Formatter
from pygments.lexers.python import Python3Lexer
from pygments.styles import get_all_styles

from pellucid.ir import hooks
from pellucid.support.config import NO_COLOR
from pellucid.support.errors import ConfigError, did_you_mean

DEFAULT_STYLE = "default"
# The words by which users of the field know two of the styles.
_ALIASES = {"light": "default", "dark": "monokai"}


def _style(name: str | None) -> str:
    wanted = DEFAULT_STYLE if name is None else _ALIASES.get(name, name)
    known = sorted(get_all_styles())
    if wanted not in known:
        raise ConfigError(
            f"There is no style {name!r}.",
            expected="light, dark, or the name of a pygments style",
            cure=did_you_mean(wanted, known),
        )
    return wanted


def html(text: str, style: str | None = None) -> str:
    """The script as HTML, for `_repr_html_` and notebooks."""
    return _coloured(text, HtmlFormatter, style=_style(style), noclasses=True)


def ansi(text: str, style: str | None = None) -> str:
    """The script with the colour codes of a terminal."""
    return _coloured(text, Terminal256Formatter, style=_style(style)).rstrip("\n")


def _coloured(text: str, formatter: Any, **options: Any) -> str:
    # pygments ships without types.
    paint: Any = colour
    return str(paint(text, Python3Lexer(), formatter(**options)))


def _notebook() -> Any:
    """IPython's display module when running in a notebook, else None."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules.get("IPython.display")


def show(text: str, style: str | None = None) -> None:
    """Print a script, highlighted where that can be seen. `style` is "light", "dark", or one of
    pygments' styles.
    """
    chosen = _style(style)
    notebook = _notebook()
    if notebook is not None:
        notebook.display(notebook.HTML(html(text, chosen)))
    elif sys.stdout.isatty() and not NO_COLOR.get():
        print(ansi(text, chosen))
    else:
        print(text)


hooks.show.fill(show)

__all__ = ["ansi", "html", "show"]
