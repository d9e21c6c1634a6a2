"""The notebook side: `%load_ext pellucid.compat`, then `%pellucid_document NAME --data DIR`.

In: IPython's shell. Out: from the next cell on, the notebook of a document runs as `pellucid
run-doc` runs the document: the same stand-ins, answers to shell lines, repairs and solutions.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from pellucid.compat.documents.document import DocumentError
from pellucid.compat.documents.notebook_writer import MAGIC_NAME
from pellucid.compat.documents.prepare import DEFERRED, needs_deferred_annotations, prepare
from pellucid.compat.documents.session import Session, seed_everything
from pellucid.compat.documents.solutions import Solutions, load_solutions


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, so that they do not end the notebook."""

    def error(self, message: str) -> Any:
        """Raise instead of leaving the program."""
        raise DocumentError(f"%{MAGIC_NAME}: {message}.", cure=self.format_usage().strip())


def _parser() -> _Parser:
    parser = _Parser(prog=f"%{MAGIC_NAME}", add_help=False)
    parser.add_argument("document", help="the document's name, under which solutions are filed")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--solutions", type=Path)
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--seed", type=int)
    return parser


class _Cells:
    """Prepares each cell before IPython reads it."""

    def __init__(self, shell: Any, document: str, solutions: Solutions) -> None:
        self.shell = shell
        self.document = document
        self.solutions = solutions

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines of a cell, filled and put right."""
        source, solved = self.solutions.apply(self.document, "".join(lines), None)
        for sentence in solved:
            _say(f"solution: {sentence}")
        prepared = prepare(source)
        self.shell.compile.flags |= prepared.flags
        if needs_deferred_annotations(prepared.text, set(self.shell.user_ns)):
            self.shell.compile.flags |= DEFERRED
        return prepared.notebook_text.splitlines(keepends=True)


def _say(text: str) -> None:
    """Tell the reader something beside the document's own output."""
    print(text, file=sys.stderr)


def _begin(shell: Any, line: str) -> None:
    """What the line magic does."""
    options = _parser().parse_args(shlex.split(line))
    session = Session(options.data, options.download, say=_say)
    solutions = load_solutions(options.solutions)
    shell.user_ns.update(session.names())
    shell.system = session.shell

    def look_up(rest: str) -> None:
        session.shell(f"pip {rest}")

    shell.register_magic_function(look_up, "line", "pip")
    transformers: list[Any] = shell.input_transformers_cleanup
    # The magic may be run again, with other folders.
    transformers[:] = [each for each in transformers if not isinstance(each, _Cells)]
    transformers.append(_Cells(shell, options.document, solutions))
    if options.seed is not None:
        seed_everything(options.seed)


def load_ipython_extension(shell: Any) -> None:
    """Make the line magic known."""

    def begin(line: str) -> None:
        _begin(shell, line)

    shell.register_magic_function(begin, "line", MAGIC_NAME)
