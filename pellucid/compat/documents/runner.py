"""Running a document from top to bottom.

In: a `Document`, solutions, and a `Session`. Out: a `Report`: for each cell its status, seconds and
outputs, and the namespace that the document left behind. The run stops at the first cell that
fails.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal

from pellucid.compat.documents import figures
from pellucid.compat.documents.document import Cell, Document
from pellucid.compat.documents.outputs import Output, Recorder, captured
from pellucid.compat.documents.prepare import (
    DEFERRED,
    Prepared,
    needs_deferred_annotations,
    prepare,
)
from pellucid.compat.documents.provenance import History, watched
from pellucid.compat.documents.session import ADDED_LINE, Session, seed_everything
from pellucid.compat.documents.solutions import Solutions
from pellucid.support.errors import PellucidDeprecationWarning

Status = Literal["ok", "failed", "not run", "illustration"]
Step = Callable[[str], None]


def _line(output: Output) -> str:
    return output.text if output.kind in {"stdout", "stderr"} else f"{output.text}\n"


@dataclass
class CellResult:
    """What became of one cell. `source` is the text that ran: the cell's own, unless `solved` names
    solutions that filled it. `changed` says what had to be put right before it was Python.
    """

    cell: Cell
    status: Status
    source: str
    seconds: float = 0.0
    outputs: list[Output] = field(default_factory=list[Output])
    solved: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """Everything the cell printed and showed, as text."""
        return "".join(_line(each) for each in self.outputs)

    @property
    def shown(self) -> str:
        """The text without what went to standard error."""
        return "".join(_line(each) for each in self.outputs if each.kind != "stderr")


@dataclass
class Report:
    """What became of a document."""

    document: Document
    results: list[CellResult]
    notes: list[str]
    namespace: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether no cell failed."""
        return all(result.status != "failed" for result in self.results)

    def cell(self, number: int) -> CellResult:
        """The result of cell `number`, counted from 1."""
        return next(each for each in self.results if each.cell.number == number)


def run_document(
    document: Document,
    solutions: Solutions | None = None,
    data: Path | None = None,
    download: bool = False,
    seed: int | None = None,
    step: Step | None = None,
) -> Report:
    """Run every cell of `document`.

    `data` is the folder from which downloads and data sets are answered; only with `download` are
    missing files fetched. `seed` makes random numbers repeat. `step` is told before each cell. The
    document runs in a folder of its own, which shows the document's neighbours and is gone
    afterwards.
    """
    filled = solutions or Solutions()
    filled.check(document)
    recorder = Recorder()
    session = Session(data, download, recorder=recorder)
    for sentence in filled.unused(document):
        session.note(sentence)
    run = _Run(document, filled, session, recorder)
    with _surroundings(document, run):
        run.prepare_namespace(seed)
        for cell in document.cells:
            if step is not None and cell.kind == "code":
                step(f"cell {cell.number} of {len(document.code)}")
            if cell.kind != "text":
                run.one(cell)
    return Report(document, run.results, session.notes, run.module.__dict__)


@contextlib.contextmanager
def _surroundings(document: Document, run: _Run) -> Generator[None]:
    """The folder, the `__main__` module, the streams, the figures and the warnings of a run."""
    main = sys.modules["__main__"]
    home = document.path.resolve().parent
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pellucid-document-"))
        for each in home.iterdir() if home.is_dir() else ():
            (Path(folder) / each.name).symlink_to(each)
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(figures.received_by(run.recorder.figure))
        stack.enter_context(watched(run.history, run.recorder.script))
        stack.enter_context(warnings.catch_warnings())
        _usual_warnings()
        sys.modules["__main__"] = run.module
        sys.path.insert(0, str(home))
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            with contextlib.suppress(ValueError):
                sys.path.remove(str(home))


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """Print a warning to the document's standard error, whatever others do with warnings."""
    del file
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _usual_warnings() -> None:
    """What Python shows by itself: no warnings of libraries for their developers."""
    warnings.resetwarnings()
    warnings.showwarning = _print_warning
    quiet = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
    for category in quiet:
        warnings.simplefilter("ignore", category)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    warnings.simplefilter("default", PellucidDeprecationWarning)


class _Run:
    """A document while it runs."""

    def __init__(
        self, document: Document, solutions: Solutions, session: Session, recorder: Recorder
    ) -> None:
        self.document = document
        self.solutions = solutions
        self.session = session
        self.recorder = recorder
        self.history = History()
        self.results: list[CellResult] = []
        self.module = ModuleType("__main__")
        self.flags = 0
        self.failed = False

    def prepare_namespace(self, seed: int | None) -> None:
        """Put the session's names in place and run the line that a reader adds."""
        exec(compile(ADDED_LINE, "<added line>", "exec"), {})
        self.module.__dict__.update(self.session.names())
        if seed is not None:
            seed_everything(seed)

    def one(self, cell: Cell) -> None:
        """Run one cell, or say why not."""
        if cell.kind == "illustration":
            self.results.append(CellResult(cell, "illustration", cell.source))
            return
        if self.failed:
            self.results.append(CellResult(cell, "not run", cell.source))
            return
        source, solved = self.solutions.apply(self.document.name, cell.source, cell.number)
        prepared = prepare(source)
        self.flags |= prepared.flags
        begin = time.perf_counter()
        error = self._execute(cell, prepared)
        seconds = time.perf_counter() - begin
        if error is not None:
            self.failed = True
            self.recorder.outputs.append(Output("error", error))
        outputs = self.recorder.take()
        self._caption(outputs)
        status: Status = "ok" if error is None else "failed"
        self.results.append(
            CellResult(cell, status, source, seconds, outputs, solved, prepared.changed)
        )

    def _caption(self, outputs: list[Output]) -> None:
        """Say at each printed script what made the module."""
        for text, made_by in self.history.captions(self.module.__dict__):
            shown = next((each for each in outputs if text.strip() in each.text), None)
            if shown is not None and shown.made_by is None:
                shown.made_by = made_by

    def _execute(self, cell: Cell, prepared: Prepared) -> str | None:
        """Run a prepared cell in the namespace; the traceback when it fails."""
        name = f"<cell {cell.number} of {self.document.path.name}>"
        lines = prepared.text.splitlines(keepends=True)
        linecache.cache[name] = (len(prepared.text), None, lines, name)
        names = self.module.__dict__
        flags = self.flags
        if needs_deferred_annotations(prepared.text, set(names)):
            flags |= DEFERRED
        with captured(self.recorder):
            try:
                tree = ast.parse(prepared.text, name)
                last = _taken_value(tree, prepared.text)
                exec(compile(tree, name, "exec", flags, dont_inherit=True), names)
                if last is not None:
                    value = eval(compile(last, name, "eval", flags, dont_inherit=True), names)
                    if value is not None:
                        self.recorder.show(value, "value")
                figures.flush()
            except (Exception, SystemExit) as error:
                return _traceback_of(error, name)
        return None


def _taken_value(tree: ast.Module, text: str) -> ast.Expression | None:
    """The expression that ends a cell, taken out of its tree; none where a semicolon follows."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return None
    rest = "\n".join(text.splitlines()[(last.end_lineno or 1) - 1 :]).encode()
    if rest[last.end_col_offset or 0 :].lstrip().startswith(b";"):
        return None
    tree.body.pop()
    return ast.Expression(last.value)


def _traceback_of(error: BaseException, name: str) -> str:
    """The traceback from the cell on, with the cell's lines."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith("<cell "):
        frames = frames.tb_next
    if frames is None and not isinstance(error, SyntaxError):
        frames = error.__traceback__
    if isinstance(error, SyntaxError) and error.filename == name:
        frames = None
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip("\n")
