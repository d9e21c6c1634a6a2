"""Run a document from top to bottom: a notebook, Markdown with fenced Python, or a percent script.

Downloads and data sets are answered from --data. Exercises are filled by --solutions. Exits with 1
when a cell fails.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

from pellucid.cli.terminal import print_json, progress
from pellucid.compat.documents.formats import read_document
from pellucid.compat.documents.html_page import write_html
from pellucid.compat.documents.notebook_writer import write_notebook
from pellucid.compat.documents.runner import run_document
from pellucid.compat.documents.solutions import load_solutions
from pellucid.compat.documents.table import failure, render_table, report_data, summary

EXAMPLES = """  pellucid run-doc lesson.md --data DIR
  pellucid run-doc lesson.ipynb --solutions solutions.py --html lesson.html
  pellucid run-doc lesson.md --to-notebook lesson.ipynb    write it, and do not run it"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="the document; its format is told from its content")
    parser.add_argument("--data", type=Path, metavar="DIR", help="files that it would download")
    parser.add_argument(
        "--solutions", type=Path, metavar="FILE", help="what fills the holes of its exercises"
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch what --data lacks; checksums are checked"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="make random numbers repeat")
    parser.add_argument("--html", type=Path, metavar="OUT", help="write a page with all outputs")
    parser.add_argument(
        "--to-notebook", type=Path, metavar="OUT", help="write it as a notebook instead of running"
    )


def run(options: argparse.Namespace) -> int:
    """Run the document, or convert it."""
    document = read_document(cast("Path", options.file))
    data, file = cast("Path | None", options.data), cast("Path | None", options.solutions)
    seed, target = cast("int | None", options.seed), cast("Path | None", options.to_notebook)
    solutions = load_solutions(file)
    if target is not None:
        write_notebook(document, target, data=data, solutions=file, seed=seed)
        print(f"{target}: {len(document.code)} cells to run, and one added first")
        return 0
    with progress(len(document.code)) as step:
        report = run_document(
            document, solutions, data, download=bool(options.download), seed=seed, step=step
        )
    page = cast("Path | None", options.html)
    if page is not None:
        write_html(report, page)
    if cast("bool", options.json):
        print_json(report_data(report))
    else:
        print(f"{document.path}: {document.format}")
        print(render_table(report))
        for sentence in report.notes:
            print(f"note: {sentence}")
        print(summary(report))
        trouble = failure(report)
        if trouble is not None:
            print(trouble, file=sys.stderr)
    return 0 if report.ok else 1
