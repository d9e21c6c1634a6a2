"""Markdown as a document: text with fenced code.

Three dialects are told apart by what the page contains. Where some fences carry a mark that says
"run me" (`{.python .input}` of d2lbook, `{code-cell}` of MyST, `{python}` of Quarto), only those
run, and plain fences of Python are illustrations. Else every fence of Python runs, in jupytext
pages and in plain ones. Fences between `<!-- #region -->` and `<!-- #endregion -->` belong to the
text around them.
"""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from pellucid.compat.documents.document import Cell
from pellucid.compat.documents.prepare import python_of

FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*\n", re.DOTALL | re.MULTILINE)
LANGUAGES = {"python", "python3", "py", "ipython", "ipython3"}
SKIPPED = re.compile(r"\b(skip|skip-execution|no-?run|noeval|eval\s*=\s*false)\b", re.IGNORECASE)
QUARTO = re.compile(r"\{python3?\b")
NOT_EVALUATED = re.compile(r"^#\|\s*eval:\s*false\b", re.MULTILINE)
SESSION = re.compile(r"\A\s*>>> ")
OPTION = re.compile(r"^:([\w-]+):(.*)$")

IN_REGION = "part of the text: it stands in a region"
PLAIN = "plain fence in a document that marks the cells to run"
RESULT = "shows a result"
MARKED = "marked not to be run"
IN_SESSION = "an interactive session, shown as it went"


@dataclass(frozen=True)
class Fence:
    """A fenced block: lines `first` to `last` of the page (from 0, `last` excluded)."""

    info: str
    content: str
    first: int
    last: int
    in_region: bool

    @property
    def words(self) -> set[str]:
        """The words of the info string: `{.python .input n=1}` has python, input and n=1."""
        plain = re.sub(r"[{},]", " ", self.info.lower())
        return {word.lstrip(".") for word in plain.split()}

    @property
    def is_python(self) -> bool:
        """Whether the info string names Python, or a code cell without a language."""
        words = self.words
        return bool(words & LANGUAGES) or words == {"code-cell"}

    @property
    def is_marked(self) -> bool:
        """Whether the fence says that it is a cell."""
        if not self.info.startswith("{"):
            return False
        return bool(self.words & {"input", "output", "code-cell"}) or bool(QUARTO.match(self.info))


def read(text: str) -> tuple[str, list[Cell]]:
    """The dialect and the parts of a page."""
    front = FRONT_MATTER.match(text)
    jupytext = front is not None and "jupytext" in front.group()
    skipped = front.group().count("\n") if front else 0
    lines = text.split("\n")
    body = "\n".join([""] * skipped + lines[skipped:])
    fences = [fence for fence in _fences(body) if fence.is_python]
    marked = any(fence.is_marked for fence in fences)
    cells: list[Cell] = []
    bound: set[str] = set()
    at = skipped
    for fence in fences:
        cell = _cell(fence, marked, bound)
        if cell.kind == "code":
            bound |= _bound_names(cell.source)
        _append_text(cells, lines, at, fence.first)
        cells.append(cell)
        at = fence.last
    _append_text(cells, lines, at, len(lines))
    dialect = "jupytext Markdown" if jupytext else "Markdown with marked cells" if marked else ""
    return dialect or "Markdown", cells


def _append_text(cells: list[Cell], lines: list[str], first: int, last: int) -> None:
    text = "\n".join(lines[first:last])
    if text.strip():
        cells.append(Cell("text", text.strip("\n"), first + 1))


def _fences(text: str) -> list[Fence]:
    found: list[Fence] = []
    depth = 0
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "html_block":
            depth += len(re.findall(r"<!--\s*#region\b", token.content))
            depth = max(0, depth - len(re.findall(r"<!--\s*#endregion\b", token.content)))
        elif token.type == "fence" and token.map is not None:
            first, last = token.map
            found.append(Fence(token.info.strip(), token.content, first, last, depth > 0))
    return found


def _cell(fence: Fence, marked: bool, bound: set[str]) -> Cell:
    line = fence.first + 2
    source, options = _without_options(fence)
    if fence.in_region:
        return Cell("illustration", source, line, reason=IN_REGION)
    if SKIPPED.search(f"{fence.info} {options}") or NOT_EVALUATED.search(source):
        return Cell("illustration", source, line, reason=MARKED)
    if marked and not fence.is_marked:
        return Cell("illustration", source, line, reason=PLAIN)
    if SESSION.match(source):
        return Cell("illustration", source, line, reason=IN_SESSION)
    if "output" in fence.words and not is_code(source, bound):
        return Cell("illustration", source, line, reason=RESULT)
    return Cell("code", source, line)


def _without_options(fence: Fence) -> tuple[str, str]:
    """The code of a MyST cell without the options at its top, and the options."""
    if "code-cell" not in fence.words:
        return fence.content, ""
    lines = fence.content.split("\n")
    options: list[str] = []
    for number, line in enumerate(lines):
        if not OPTION.match(line):
            break
        options.append(line)
        lines[number] = ""
    return "\n".join(lines), "\n".join(options)


def is_code(source: str, bound: set[str]) -> bool:
    """Whether a block that is marked as output is code: it does something, and uses only names that
    the page has bound by then.
    """
    tree = python_of(source)
    if tree is None:
        return False
    acting = (ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.ClassDef, ast.For)
    acts = any(
        isinstance(each, acting)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Call))
        for each in tree.body
    )
    known = bound | _bound_names(source) | set(dir(builtins))
    loads = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return acts and ("*" in known or all(node.id in known for node in loads))


def _bound_names(source: str) -> set[str]:
    """Every name that a cell binds, at any depth; `*` after a star import."""
    tree = python_of(source)
    found: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found
