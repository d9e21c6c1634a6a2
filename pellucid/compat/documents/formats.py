"""Reading a document of any format; the format is told from the content, never from the name.

In: a file. Out: a `Document`. A notebook is JSON with `cells`; a percent script is Python with
lines `# %%`; anything else with fenced code is Markdown, in one of three dialects (see
`markdown.py`).
"""

from __future__ import annotations

from pathlib import Path

from pellucid.compat.documents import markdown, notebook, percent
from pellucid.compat.documents.document import Cell, Document, DocumentError, numbered

KNOWN = (
    "a notebook (.ipynb), Markdown with fenced Python, jupytext Markdown, "
    "or a percent script (lines `# %%`)"
)


def read_document(path: str | Path) -> Document:
    """The document in the file `path`."""
    file = Path(path)
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise DocumentError("There is no such document.", found=str(file)) from None
    except UnicodeDecodeError as error:
        raise DocumentError(
            "This file is no document: it is not text in UTF-8.",
            expected=KNOWN,
            found=f"the byte {error.object[error.start]:#04x} at offset {error.start} of {file}",
        ) from None
    name, cells = read_text(text.replace("\r\n", "\n"), str(file))
    return Document(file, name, numbered(cells))


def read_text(text: str, name: str) -> tuple[str, list[Cell]]:
    """The format and the parts of a document's text; `name` is for messages."""
    if notebook.is_notebook(text):
        return "notebook", notebook.read(text, name)
    if percent.is_percent(text):
        return "percent script", percent.read(text)
    dialect, cells = markdown.read(text)
    if any(cell.kind == "code" for cell in cells):
        return dialect, cells
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "an empty file")
    raise DocumentError(
        "The format of this document is unknown: it has no cell that can be run.",
        expected=KNOWN,
        found=f"{name}, which begins with {first.strip():.60}",
    )
