"""Solutions complete a function or replace a cell, and leave a reader's own text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.compat.documents import (
    Document,
    DocumentError,
    Solutions,
    load_solutions,
    read_document,
    run_document,
)

HOLE = "import math\n\n@decorated\ndef area(r):\n    # fill this in\n    ...\n\nprint(area(2))"
STEPS = "# Step 1\n# Step 2\nresult = None"


def document(tmp_path: Path, *cells: str) -> Document:
    file = tmp_path / "lesson.md"
    cells = ("def decorated(f):\n    return f", *cells)
    file.write_text("".join(f"```python\n{cell}\n```\n\n" for cell in cells), "utf-8")
    return read_document(file)


def solutions(tmp_path: Path, text: str) -> Solutions:
    file = tmp_path / "solutions.py"
    file.write_text(text, "utf-8")
    return load_solutions(file)


def entries(page: Document, document: str = "lesson") -> str:
    """A solutions file for `HOLE` in cell 2 and `STEPS` in cell 3."""
    hole, steps = (page.code[number].fingerprint for number in (1, 2))
    return f'''
from pellucid.compat.documents.solutions import completes, replaces

@completes("{document}", cell=2, text="{hole}")
def area(r):
    """The area of a circle."""
    return round(math.pi * r * r, 2)

@replaces("{document}", cell=3, text="{steps}")
def steps():
    """Not part of the cell."""
    # first

    result = [area(1)]
    result
'''


def test_holes_are_filled(tmp_path) -> None:
    page = document(tmp_path, HOLE, STEPS)
    report = run_document(page, solutions(tmp_path, entries(page)))
    assert [each.solved for each in report.results] == [[], ["area completed"], ["replaced"]]
    assert report.cell(2).text == "12.57\n"
    assert report.cell(3).text == "[3.14]\n"
    assert report.notes == []


def test_a_completed_cell_keeps_everything_else(tmp_path) -> None:
    page = document(tmp_path, HOLE, STEPS)
    text, done = solutions(tmp_path, entries(page)).apply("lesson", page.code[1].source, None)
    assert done == ["area completed"]
    assert text.rstrip("\n") == (
        'import math\n\ndef area(r):\n    """The area of a circle."""\n'
        "    return round(math.pi * r * r, 2)\n\nprint(area(2))"
    )


def test_a_readers_own_text_stays(tmp_path) -> None:
    page = document(tmp_path, HOLE, STEPS)
    given = solutions(tmp_path, entries(page))
    solved = document(tmp_path, HOLE.replace("...", "return r"), STEPS)
    report = run_document(solved, given)
    assert [bool(each.solved) for each in report.results] == [False, False, True]
    assert report.cell(2).text == "2\n"
    mark = solved.code[1].fingerprint
    assert report.notes == [
        "the solution 'area' (line 4 of solutions.py) is not used: cell 2 has another text "
        f"(fingerprint {mark})"
    ]


def test_entries_for_other_documents_are_not_looked_at(tmp_path) -> None:
    page = document(tmp_path, "print(1)", STEPS)
    report = run_document(page, solutions(tmp_path, entries(page, document="another")))
    assert report.ok
    assert report.notes == []
    assert not any(each.solved for each in report.results)


def refused(tmp_path, text: str, *cells: str) -> str:
    with pytest.raises(DocumentError) as error:
        run_document(document(tmp_path, *cells), solutions(tmp_path, text))
    return str(error.value).replace(str(tmp_path), "DIR")


def test_a_function_that_the_cell_does_not_define(tmp_path) -> None:
    page = document(tmp_path, HOLE, STEPS)
    text = entries(page).replace("def area", "def areas")
    assert refused(tmp_path, text, HOLE, STEPS) == (
        "the solution 'areas' (line 4 of solutions.py) completes a function that its cell does not "
        "define.\n"
        "  expected: one of area\n"
        "  found: areas\n"
        "  cure: did you mean 'area'?"
    )


def test_a_cell_that_is_not_there(tmp_path) -> None:
    text = '@replaces("lesson", cell=9, text="x")\ndef f():\n    pass\n'
    assert refused(tmp_path, text, "1") == (
        "the solution 'f' (line 1 of solutions.py) is for a cell that the document does not have.\n"
        "  expected: a cell from 1 to 2 of lesson\n"
        "  found: cell 9"
    )


def test_an_entry_that_names_no_cell(tmp_path) -> None:
    assert refused(tmp_path, '@completes("lesson", cell=n)\ndef f(): pass\n', "1") == (
        "A solution does not say which cell it is for.\n"
        '  expected: completes("document", cell=8, text="fingerprint"), written out\n'
        "  found: completes('lesson', cell=n) in line 1 of DIR/solutions.py"
    )


def test_files_that_are_no_solutions(tmp_path) -> None:
    assert refused(tmp_path, "def f(:\n", "1") == (
        "This solutions file is not Python.\n  found: invalid syntax in line 1 of DIR/solutions.py"
    )
    with pytest.raises(DocumentError, match="There is no such solutions file"):
        load_solutions(tmp_path / "missing.py")
    assert load_solutions(None).entries == ()


def test_a_solutions_file_is_read_and_not_run(tmp_path) -> None:
    assert solutions(tmp_path, "raise SystemExit\n").entries == ()
