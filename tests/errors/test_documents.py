"""Documents that cannot be read, or that lack what they need: one message each, compared whole."""

from __future__ import annotations

import json
import pickle
import re

import pytest

from pellucid.cli import FAULT, MISUSE, main

FORMATS = (
    "a notebook (.ipynb), Markdown with fenced Python, jupytext Markdown, "
    "or a percent script (lines `# %%`)"
)


def message(capsys, *words: object, code: int = MISUSE) -> str:
    """What the command says on standard error."""
    assert main([str(word) for word in words]) == code
    return capsys.readouterr().err


UNREADABLE = [
    (
        "words = 1\n",
        "The format of this document is unknown: it has no cell that can be run.\n"
        f"  expected: {FORMATS}\n"
        "  found: FILE, which begins with words = 1",
    ),
    (
        "",
        "The format of this document is unknown: it has no cell that can be run.\n"
        f"  expected: {FORMATS}\n"
        "  found: FILE, which begins with an empty file",
    ),
    (
        "# Text\n\n```rust\nfn main() {}\n```\n",
        "The format of this document is unknown: it has no cell that can be run.\n"
        f"  expected: {FORMATS}\n"
        "  found: FILE, which begins with # Text",
    ),
    (
        '{"cells": [',
        "This notebook is damaged: it is not JSON.\n  found: Expecting value in line 1 of FILE",
    ),
    (
        '{"cells": 3}',
        "This notebook is damaged.\n  expected: a list of cells\n  found: FILE",
    ),
    (
        '{"cells": [{"cell_type": "code"}]}',
        "This notebook is damaged.\n"
        "  expected: a cell with `cell_type` and `source`\n"
        "  found: cell 1 of FILE",
    ),
]


@pytest.mark.parametrize(("text", "expected"), UNREADABLE)
def test_unknown_formats(text, expected, tmp_path, capsys) -> None:
    file = tmp_path / "page.txt"
    file.write_text(text)
    assert message(capsys, "run-doc", file) == f"error: {expected.replace('FILE', str(file))}\n"


def test_a_file_that_is_no_text(tmp_path, capsys) -> None:
    file = tmp_path / "page.txt"
    file.write_bytes(b"\xff\xfe\x00")
    assert message(capsys, "run-doc", file) == (
        "error: This file is no document: it is not text in UTF-8.\n"
        f"  expected: {FORMATS}\n"
        f"  found: the byte 0xff at offset 0 of {file}\n"
    )


def test_a_document_that_is_not_there(tmp_path, capsys) -> None:
    file = tmp_path / "page.md"
    assert (
        message(capsys, "run-doc", file) == f"error: There is no such document.\n  found: {file}\n"
    )


def test_a_data_folder_that_is_not_there(tmp_path, capsys) -> None:
    file = tmp_path / "page.md"
    file.write_text("```python\n1\n```\n")
    assert message(capsys, "run-doc", file, "--data", tmp_path / "no") == (
        "error: There is no such data folder.\n"
        "  expected: a folder for --data\n"
        f"  found: {tmp_path / 'no'}\n"
    )


def failing(tmp_path, capsys, code: str, *words: object) -> tuple[str, str]:
    """Table and error of a document of one cell that fails."""
    file = tmp_path / "page.md"
    file.write_text(f"```python\n{code}\n```\n")
    assert main(["run-doc", str(file), *map(str, words)]) == FAULT
    said = capsys.readouterr()
    return re.sub(r"\d+\.\d+", "0.0", said.out), said.err


def test_the_table_shows_what_an_error_says_and_not_its_cure(tmp_path, capsys) -> None:
    table, _ = failing(tmp_path, capsys, "!wget https://example.org/weights.npz")
    assert "DocumentError: The document downlo" in table.splitlines()[2]


def test_a_failing_cell(tmp_path, capsys) -> None:
    table, error = failing(tmp_path, capsys, "x = 1\nx[0]")
    assert table.splitlines() == [
        f"{tmp_path / 'page.md'}: Markdown",
        "cell  line  status  seconds  first line of output",
        "   1     2  FAILED     0.0  TypeError: 'int' object is not subscriptable",
        "0 of 1 cells ran, in 0.0 s",
    ]
    assert error == (
        "cell 1 (from line 2 of page.md) failed\n"
        "Traceback (most recent call last):\n"
        '  File "<cell 1 of page.md>", line 2, in <module>\n'
        "    x[0]\n"
        "    ~^^^\n"
        "TypeError: 'int' object is not subscriptable\n"
    )


def test_a_failing_cell_as_data(tmp_path, capsys) -> None:
    data = json.loads(failing(tmp_path, capsys, "1 / 0", "--json")[0])
    assert data["ok"] is False
    assert data["cells"][0]["outputs"][0]["text"].endswith("ZeroDivisionError: division by zero")


def test_a_missing_data_file(tmp_path, capsys) -> None:
    data = tmp_path / "data"
    data.mkdir()
    _, error = failing(tmp_path, capsys, "!wget https://example.org/w.pkl", "--data", data)
    assert error.endswith(
        "pellucid.compat.documents.document.DocumentError: "
        "The document downloads w.pkl, which is not in the data folder.\n"
        "  expected: a file w.pkl below --data\n"
        f"  found: nothing of that name below {data}\n"
        "  cure: put it there, or allow downloads with --download\n"
    )


class Runs:
    """A pickle with code in it: reading it the usual way would make a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_with_code(tmp_path, capsys) -> None:
    made = tmp_path / "made"
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(Runs(str(made))))
    _, error = failing(tmp_path, capsys, "import pickle\npickle.load(open('w.pkl', 'rb'))")
    assert error.endswith(
        "pellucid.support.errors.ArtifactError: "
        "w.pkl: This pickle holds something else than arrays, and was not run.\n"
        "  expected: numbers, strings, lists, tuples, dictionaries, and NumPy arrays\n"
        "  found: the name 'io.open'\n"
        "  cure: save the arrays with numpy.savez or safetensors instead\n"
    )
    assert not made.exists()
