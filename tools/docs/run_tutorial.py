"""Run percent scripts cell by cell, and keep what each cell prints and draws.

In: files. Out: a JSON file for each: the records of its code cells (line, what it printed, its
figures as PNG in base64, seconds), and the traceback of the cell that failed, if any.

Usage: python tools/docs/run_tutorial.py OUT FILE...

The cells of a file share one namespace, as in a notebook, and tracebacks show the file's own lines.
All files run in one process, one after another, in a folder that is thrown away. The exit code is 1
when a cell of any of them failed.
"""

from __future__ import annotations
import __future__

import base64
import contextlib
import io
import json
import linecache
import os
import sys
import tempfile
import time
import traceback
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.docs.cells import cells  # noqa: E402

FUTURE = __future__.annotations.compiler_flag


def run(file: Path) -> dict[str, Any]:
    """Run the code cells of `file` in one namespace, up to the first that fails."""
    text = file.read_text("utf-8")
    # A name without a path, so that tracebacks and error pictures are the same on every machine.
    name = file.name
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType("__main__")
    module.__file__ = name
    sys.modules["__main__"] = module
    found: list[dict[str, Any]] = []
    error = ""
    future = 0
    for cell in cells(text):
        if cell.kind != "code" or error:
            continue
        printed = io.StringIO()
        start = time.perf_counter()
        try:
            # Blank lines in front keep the line numbers of the file.
            source = "\n" * (cell.line - 1) + cell.text
            code = compile(source, name, "exec", flags=future, dont_inherit=True)
            # A `from __future__` line holds for the cells after it.
            future |= code.co_flags & FUTURE
            with contextlib.redirect_stdout(printed):
                exec(code, module.__dict__)
        except Exception:
            error = traceback.format_exc()
        found.append(
            {
                "line": cell.line,
                "text": printed.getvalue(),
                "figures": _figures(),
                "seconds": time.perf_counter() - start,
            }
        )
    return {"cells": found, "error": error}


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


def run_all(files: list[Path], out: Path) -> list[str]:
    """Run `files`, write a JSON file for each into `out`, and return the tracebacks."""
    import matplotlib

    matplotlib.use("agg")
    main = sys.modules["__main__"]
    errors: list[str] = []
    for file in files:
        result = run(file)
        (out / f"{file.stem}.json").write_text(json.dumps(result), "utf-8")
        if result["error"]:
            errors.append(f"{file.name}\n{result['error']}")
    sys.modules["__main__"] = main
    return errors


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    scripts = [Path(each).resolve() for each in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        problems = run_all(scripts, folder)
        os.chdir(ROOT)
    print("\n".join(problems), file=sys.stderr)
    sys.exit(bool(problems))
