"""A run document as one page of HTML: text, code, outputs, and who made each printed module.

In: a `Report`. Out: a file that needs nothing beside it: pictures are inside, and no script runs.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from pellucid.compat.documents.document import Cell, Document
from pellucid.compat.documents.outputs import Output
from pellucid.compat.documents.pictures import local_picture, with_captions
from pellucid.compat.documents.runner import CellResult, Report
from pellucid.compat.documents.table import summary
from pellucid.script.highlight import html as highlighted

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)

# A page that is opened later runs nothing and calls nobody, whatever the document's outputs say.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
pre { overflow-x: auto; font-size: 13px; line-height: 1.35; margin: 0; }
img { max-width: 100%; }
section { border: 1px solid #d0d7de; border-radius: 6px; margin: 1rem 0; overflow: hidden; }
section > header { background: #f6f8fa; padding: .2rem .8rem; font-size: 12px; color: #57606a; }
section > .code, section > .out { padding: .5rem .8rem; }
section > .out { border-top: 1px solid #d0d7de; }
.failed > header { background: #ffebe9; color: #a40e26; }
.stderr, .error { color: #a40e26; }
.made { font-size: 12px; color: #57606a; font-style: italic; margin-bottom: .3rem; }
.notes { font-size: 14px; color: #57606a; }
"""


def write_html(report: Report, target: Path) -> None:
    """Write the page to `target`."""
    target.write_text(page(report), "utf-8")


def page(report: Report) -> str:
    """The page as text."""
    results = {id(result.cell): result for result in report.results}
    parts = [_cell(cell, results.get(id(cell)), report.document) for cell in report.document.cells]
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8">\n{POLICY}\n'
        f"<title>{escape(_title(report))}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + f'\n<hr><p class="notes">{escape(summary(report))}</p><ul class="notes">{notes}</ul>\n'
        "</body></html>\n"
    )


def _title(report: Report) -> str:
    """The first heading of the document, or its name."""
    for cell in report.document.cells:
        heading = (
            re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE) if cell.kind == "text" else None
        )
        if heading:
            return heading[1].strip()
    return report.document.name


def _cell(cell: Cell, result: CellResult | None, document: Document) -> str:
    if result is None:
        return _text(cell.source, document)
    words = [f"cell {cell.number}" if cell.number else cell.reason, result.status]
    if result.status in {"ok", "failed"}:
        words.append(f"{result.seconds:.2f} s")
    words += [*result.solved, *result.changed]
    kind = "failed" if result.status == "failed" else "cell"
    outputs = "".join(_output(output) for output in result.outputs)
    return (
        f'<section class="{kind}"><header>{escape(" · ".join(words))}</header>'
        f'<div class="code">{highlighted(result.source)}</div>{outputs}</section>'
    )


def _output(output: Output) -> str:
    made = "" if output.made_by is None else f'<div class="made">{escape(output.made_by)}</div>'
    if output.png is not None:
        body = f'<img alt="{escape(output.text)}" src="{_data_url(output.png, "image/png")}">'
    elif output.html is not None:
        body = SCRIPT.sub("", output.html)
    else:
        body = f"<pre>{escape(output.text)}</pre>"
    return f'<div class="out {output.kind}">{made}{body}</div>'


def _text(source: str, document: Document) -> str:
    home = document.path.parent
    plain = COMMENT.sub("", with_captions(source, home))
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(plain)
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                _embed(child, home)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _embed(token: Any, home: Path) -> None:
    """Put the picture beside the document into the page; a remote one becomes its address."""
    source = str(token.attrs.get("src", ""))
    file = local_picture(source, home)
    if file is None:
        # A page that is opened later must not call anyone.
        token.attrs.pop("src", None)
        token.attrs["title"] = source
        return
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    token.attrs["src"] = _data_url(file.read_bytes(), kind)


def _data_url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
