"""What commands print: highlighted scripts, JSON, and progress where a person is looking.

Colour and progress appear on a terminal only; a pipe or a file gets plain text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax

from pellucid.support.config import NO_COLOR

Step = Callable[[str], None]


def print_json(data: object) -> None:
    """`data` as indented JSON on standard output."""
    print(json.dumps(data, indent=2, default=str))


def print_code(text: str, language: str = "python") -> None:
    """Program text on standard output, highlighted on a terminal."""
    if not sys.stdout.isatty() or NO_COLOR.get():
        print(text)
        return
    width = max((len(line) for line in text.splitlines()), default=0)
    console = Console(width=max(width, Console().width))
    console.print(Syntax(text, language, background_color="default"))


def print_heading(text: str) -> None:
    """A line above a part of the output, bold on a terminal."""
    bold = sys.stdout.isatty() and not NO_COLOR.get()
    print(f"\n\x1b[1m{text}\x1b[0m" if bold else f"\n{text}")


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
