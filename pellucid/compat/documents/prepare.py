"""From the text of a cell to Python that can be compiled.

In: a cell as its author wrote it. Out: `Prepared`, with as many lines as the cell, so that places
in tracebacks are the cell's own. What is taken care of: shell lines and magics, `#` that was
escaped for Markdown, and `__future__` lines that do not stand first.

A line is changed only where Python's parser stops at it, so a string that holds such a line stays
as it is.
"""

from __future__ import annotations
import __future__

import ast
import re
from dataclasses import dataclass, field

SHELL = "_pellucid_shell"
MAGIC = "_pellucid_magic"
DEFERRED = int(__future__.annotations.compiler_flag)
"""The flag of `from __future__ import annotations`."""

_SHELL_LINE = re.compile(r"^(?P<indent>\s*)!(?P<command>.*)$")
_MAGIC_LINE = re.compile(r"^(?P<indent>\s*)%(?P<command>[a-zA-Z_].*)$")
_CELL_MAGIC = re.compile(r"^%%(?P<command>\w+.*)$")
_ESCAPED = re.compile(r"^(?P<indent>\s*)\\#(?P<rest>.*)$")
# Cell magics whose body is Python all the same.
_PYTHON_MAGICS = {"time", "capture", "prun"}
_INSTALLERS = {"pip", "conda", "mamba", "uv"}


@dataclass
class Prepared:
    """A cell ready to compile.

    `text` is plain Python; `notebook_text` leaves shell lines and magics to the notebook. `flags`
    are those of the `__future__` features that the cell asks for.
    """

    text: str
    notebook_text: str
    flags: int = 0
    changed: list[str] = field(default_factory=list[str])


@dataclass
class _Lines:
    """The two forms of a cell while it is worked on."""

    python: list[str]
    notebook: list[str]

    def set(self, number: int, python: str, notebook: str | None = None) -> None:
        """Replace line `number` (from 0); the notebook's form stays unless it is given."""
        self.python[number] = python
        if notebook is not None:
            self.notebook[number] = notebook


def prepare(source: str) -> Prepared:
    """The cell `source` as Python. What is wrong with it beyond repair is left for `compile`."""
    lines = _Lines(source.split("\n"), source.split("\n"))
    changed: list[str] = []
    _cell_magic(lines)
    tree = _repaired(lines, changed)
    flags = _take_future_lines(tree, lines, changed) if tree is not None else 0
    return Prepared("\n".join(lines.python), "\n".join(lines.notebook), flags, changed)


def python_of(source: str) -> ast.Module | None:
    """The syntax tree of a prepared cell, or None when it is not Python."""
    try:
        return ast.parse(prepare(source).text)
    except (SyntaxError, ValueError):
        return None


def _cell_magic(lines: _Lines) -> None:
    first = next((n for n, line in enumerate(lines.python) if line.strip()), None)
    magic = None if first is None else _CELL_MAGIC.match(lines.python[first])
    if first is None or magic is None:
        return
    if magic["command"].split()[0] in _PYTHON_MAGICS:
        lines.set(first, "")
        return
    lines.python[:] = [""] * len(lines.python)
    lines.set(first, f"{MAGIC}({'%%' + magic['command']!r})")


def _repaired(lines: _Lines, changed: list[str]) -> ast.Module | None:
    """The tree after the lines at which the parser stops were replaced; None when that is not all
    there is to repair.
    """
    for _ in range(len(lines.python) + 1):
        try:
            return ast.parse("\n".join(lines.python))
        except SyntaxError as error:
            number = (error.lineno or 0) - 1
            if not 0 <= number < len(lines.python) or not _repair(lines, number, changed):
                return None
        except ValueError:
            return None
    return None


def _repair(lines: _Lines, number: int, changed: list[str]) -> bool:
    """Replace line `number`, if it is one of those that are no Python; whether it was."""
    line = lines.python[number]
    if escaped := _ESCAPED.match(line):
        plain = f"{escaped['indent']}#{escaped['rest']}"
        lines.set(number, plain, plain)
        changed.append(f"line {number + 1}: the backslash before # was dropped")
        return True
    shell, magic = _SHELL_LINE.match(line), _MAGIC_LINE.match(line)
    found = shell or magic
    if found is None:
        return False
    command = _joined(lines, number, found["command"].strip())
    word, _, rest = command.partition(" ")
    if magic and word == "time" and rest:
        lines.set(number, found["indent"] + rest)
    elif shell or word in _INSTALLERS:
        lines.set(number, f"{found['indent']}{SHELL}({command!r})")
    else:
        lines.set(number, f"{found['indent']}{MAGIC}({'%' + command!r})")
    return True


def _joined(lines: _Lines, number: int, command: str) -> str:
    """A shell command with its continuation lines, which become empty."""
    while command.endswith("\\") and number + 1 < len(lines.python):
        number += 1
        command = f"{command[:-1].rstrip()} {lines.python[number].strip()}"
        lines.set(number, "")
    return command


def _take_future_lines(tree: ast.Module, lines: _Lines, changed: list[str]) -> int:
    """Take the `__future__` imports out of the text; the flags of their features."""
    flags = 0
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
            continue
        names = [alias.name for alias in node.names]
        if not set(names) <= set(__future__.all_feature_names):
            continue
        for name in names:
            flags |= int(getattr(__future__, name).compiler_flag)
        first, last = node.lineno, node.end_lineno or node.lineno
        if any(
            each is not node and each.lineno <= last and (each.end_lineno or 0) >= first
            for each in tree.body
        ):
            continue
        for number in range(first - 1, last):
            lines.set(number, "", "")
        if node is not tree.body[0]:
            changed.append(f"line {first}: the __future__ import counts from the first line")
    return flags


def needs_deferred_annotations(text: str, known: set[str]) -> bool:
    """Whether a cell annotates parameters with `Tensor(...)`, a name that is bound nowhere: the
    first generation of the script language did, and only deferred annotations allow it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    bound = known | stored
    bound |= {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    annotations = (arg.annotation for arg in ast.walk(tree) if isinstance(arg, ast.arg))
    return "Tensor" not in bound and any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Tensor"
        for node in annotations
    )
