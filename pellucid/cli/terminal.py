"""What commands print: highlighted scripts, JSON, and progress where a person is looking.

Colour and progress appear on a terminal only; a pipe or a file gets plain text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from pygments import highlight, lexers
from pygments.formatters import Terminal256Formatter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pellucid.script.highlight import show
from pellucid.support.config import NO_COLOR

Step = Callable[[str], None]


def print_json(data: object) -> None:
    """`data` as indented JSON on standard output."""
    print(json.dumps(data, indent=2, default=str))


def print_code(text: str, language: str = "python") -> None:
    """Program text on standard output, highlighted on a terminal. `language` is pygments' name."""
    if language == "python":
        show(text)
    elif colourful():
        # pygments ships without types.
        paint, known = cast("tuple[Any, Any]", (highlight, lexers))
        lexer = known.get_lexer_by_name(language)
        print(paint(text, lexer, Terminal256Formatter()).rstrip("\n"))
    else:
        print(text)


def colourful() -> bool:
    """Whether standard output is a terminal on which colour is wanted."""
    return sys.stdout.isatty() and not NO_COLOR.get()


def print_heading(text: str) -> None:
    """A line above a part of the output, bold on a terminal."""
    print(f"\n\x1b[1m{text}\x1b[0m" if colourful() else f"\n{text}")


@contextmanager
def progress(steps: int) -> Generator[Step]:
    """Gives a function to call with the name of each of `steps` steps as it begins.

    It draws a bar on standard error when that is a terminal, and does nothing otherwise.
    """
    if not sys.stderr.isatty():
        yield lambda _name: None
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=steps)
        begun = 0

        def step(name: str) -> None:
            nonlocal begun
            bar.update(task, description=name, completed=begun)
            begun += 1

        yield step
        bar.update(task, completed=steps)
