"""Run a percent script cell by cell, and keep what each cell prints and draws.

In: a file. Out: JSON, one record a code cell: its line, what it printed, its figures (PNG, base64),
and the seconds it took.

Usage: python tools/docs/run_tutorial.py FILE [OUT.json]

All cells share one namespace, as in a notebook, and tracebacks show the file's own lines.
"""

from __future__ import annotations

import __future__
import base64
import contextlib
import io
import json
import linecache
import sys
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.docs.cells import cells  # noqa: E402

FUTURE = __future__.annotations.compiler_flag


def run(file: Path) -> list[dict[str, Any]]:
    """Run all code cells of `file` in one namespace."""
    import matplotlib

    matplotlib.use("agg")
    text = file.read_text("utf-8")
    # A name without a path, so that tracebacks and error pictures are the same on every machine.
    name = file.name
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType("__main__")
    module.__file__ = name
    sys.modules["__main__"] = module
    found: list[dict[str, Any]] = []
    future = 0
    for cell in cells(text):
        if cell.kind != "code":
            continue
        # Blank lines in front keep the line numbers of the file.
        source = "\n" * (cell.line - 1) + cell.text
        code = compile(source, name, "exec", flags=future, dont_inherit=True)
        # A `from __future__` line holds for the cells after it.
        future |= code.co_flags & FUTURE
        printed = io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(printed):
            exec(code, module.__dict__)
        found.append(
            {
                "line": cell.line,
                "text": printed.getvalue(),
                "figures": _figures(),
                "seconds": time.perf_counter() - start,
            }
        )
    return found


def _figures() -> list[str]:
    """The open figures as PNG in base64; they are closed."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    from matplotlib import pyplot

    found: list[str] = []
    for number in pyplot.get_fignums():
        image = io.BytesIO()
        pyplot.figure(number).savefig(image, format="png", dpi=110, bbox_inches="tight")
        found.append(base64.b64encode(image.getvalue()).decode("ascii"))
    pyplot.close("all")
    return found


if __name__ == "__main__":
    outputs = json.dumps(run(Path(sys.argv[1]).resolve()))
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(outputs, "utf-8")
    else:
        for each in json.loads(outputs):
            print(f"--- line {each['line']}, {each['seconds']:.2f} s", len(each["figures"]), "fig")
            print(each["text"], end="")
