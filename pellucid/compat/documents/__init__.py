"""Running the documents of a course: notebooks, Markdown pages and percent scripts.

    report = run_document(read_document("lesson.md"), data=Path("data"))
    print(render_table(report))

In: a document as its author left it. Out: its outputs, a table, a page, or a notebook.
"""

from __future__ import annotations

from pellucid.compat.documents.document import Cell, Document, DocumentError
from pellucid.compat.documents.formats import read_document
from pellucid.compat.documents.html_page import write_html
from pellucid.compat.documents.notebook_writer import write_notebook
from pellucid.compat.documents.runner import CellResult, Report, run_document
from pellucid.compat.documents.solutions import Solutions, completes, load_solutions, replaces
from pellucid.compat.documents.table import failure, render_table, report_data, summary

__all__ = [
    "Cell",
    "CellResult",
    "Document",
    "DocumentError",
    "Report",
    "Solutions",
    "completes",
    "failure",
    "load_solutions",
    "read_document",
    "render_table",
    "replaces",
    "report_data",
    "run_document",
    "summary",
    "write_html",
    "write_notebook",
]
