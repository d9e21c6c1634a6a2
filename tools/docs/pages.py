"""From a percent script and what its cells printed to a Markdown page.

In: the text of the script, and the records that `run_tutorial.py` wrote. Out: the page and its
figures. Words become words, code becomes code, output follows in a box of its own, figures behind
it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tools.docs.cells import cells

SCRIPT_START = ("# from pellucid.script", "@T.", "@R.", "@I.")


def page(
    text: str, records: Sequence[dict[str, Any]], figure_stem: str
) -> tuple[str, dict[str, bytes]]:
    """The page, and its figures by file name (`figure_stem` and a number)."""
    waiting = list(records)
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in cells(text):
        if cell.kind == "markdown":
            parts.append(cell.text)
            continue
        parts.append(fenced(cell.text, "python"))
        record = waiting.pop(0)
        printed = record["text"].strip("\n")
        if printed:
            language = "python" if printed.startswith(SCRIPT_START) else "text"
            parts.append(fenced(printed, f"{{.{language} .output}}"))
        for image in record["figures"]:
            name = f"{figure_stem}_{len(figures) + 1}.png"
            figures[name] = base64.b64decode(image)
            parts.append(f"![Figure {len(figures)}]({name})")
    if waiting:
        raise ValueError("there are more outputs than cells of code")
    return "\n\n".join(parts) + "\n", figures


def fenced(text: str, kind: str) -> str:
    """`text` in a fence that is longer than any inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{kind}\n{text}\n{fence}"
