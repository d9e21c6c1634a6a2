"""The notebook side, in IPython itself: repairs, answers, solutions, and a reader's own text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.compat.documents.document import fingerprint
from pellucid.compat.documents.notebook_writer import MAGIC_NAME

pytest.importorskip("IPython")

HOLE = "def answer():\n    ...\n\nprint('answer', answer())"
LATE = "x = 1\n\\# why\nfrom __future__ import annotations\nprint('late', x)"
# The line magic with a folder that is not there, and with a misspelt option.
MISUSED = f"""
for words in ("lesson --data missing", "lesson --dta x"):
    try:
        get_ipython().run_line_magic("{MAGIC_NAME}", words)
    except ValueError as error:
        print(str(error).splitlines()[0])
"""


def ipython(tmp_path: Path, *cells: str, options: str = "") -> subprocess.CompletedProcess[str]:
    """What IPython makes of a notebook whose first cell loads the extension."""
    first = f"%load_ext pellucid.compat\n%{MAGIC_NAME} lesson {options}"
    data = {
        "cells": [
            {"cell_type": "code", "source": each, "metadata": {}, "outputs": [], "id": f"c{number}"}
            for number, each in enumerate((first, *cells))
        ],
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
    }
    for cell in data["cells"]:
        cell["execution_count"] = None
    file = tmp_path / "lesson.ipynb"
    file.write_text(json.dumps(data))
    return subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"IPYTHONDIR": str(tmp_path / "profile"), "HOME": str(tmp_path)},
    )


def test_a_documents_notebook(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.npy").write_bytes(b"123")
    (tmp_path / "solutions.py").write_text(
        f'@completes("lesson", cell=2, text="{fingerprint(HOLE)}")\ndef answer():\n    return 42\n'
    )
    done = ipython(
        tmp_path,
        LATE,
        HOLE,
        HOLE.replace("...", "return 'mine'"),
        "def f(a: Missing): pass\nprint(f.__annotations__)",
        "!wget https://example.org/w.npy\nprint(len(open('w.npy').read()))",
        "%pip install numpy",
        "import pickle\nprint(pickle.load.__module__)",
        "import tvm\nprint(tvm.relax.expr.Function)",
        MISUSED,
        options="--data data --solutions solutions.py",
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "late 1",
        "answer 42",
        "answer mine",
        "{'a': 'Missing'}",
        f"w.npy: 3 bytes from {tmp_path / 'data'}",
    ]
    assert lines[5] == "3"
    assert lines[6].startswith("numpy: installed, ")
    assert lines[7:] == [
        "pellucid.compat.documents.pickle_module",
        "<class 'pellucid.relax.expr.Function'>",
        "There is no such data folder.",
        f"%{MAGIC_NAME}: unrecognized arguments: --dta x.",
    ]
    assert "solution: answer completed" in done.stderr
