"""A document as a table, as data, as a page and as a notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pellucid.compat.documents import (
    Report,
    failure,
    read_document,
    render_table,
    report_data,
    run_document,
    summary,
    write_html,
    write_notebook,
)
from pellucid.compat.documents.pictures import with_captions

PAGE = """# A lesson <!-- hidden -->

![](../img/missing_picture.png) and ![a curve](here.png "title") and ![far](https://example.org/x.png)

| a | b |
|---|---|
| 1 | 2 |

```python
print("<b>bold</b>")
```

```python noeval
shown = only
```

```python
from IPython.display import HTML
HTML("<i>slanted</i><script>alert(1)</script>")
```

```python
def f():
    raise KeyError("lost")
f()
```

```python
1
```
"""
# The smallest picture: one pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63000100000500010d0a2db40000000049454e44ae426082"
)


@pytest.fixture
def report(tmp_path) -> Report:
    (tmp_path / "here.png").write_bytes(PNG)
    file = tmp_path / "lesson.md"
    file.write_text(PAGE, "utf-8")
    return run_document(read_document(file))


def test_the_table(report) -> None:
    text = re.sub(r"\d\.\d\d", "0.00", render_table(report))
    assert text.splitlines() == [
        "cell  line  status   seconds  first line of output",
        "   1    10  ok          0.00  <b>bold</b>",
        "   –    14  shown             (marked not to be run)",
        "   2    18  ok          0.00  <i>slanted</i><script>alert(1)</script>",
        "   3    23  FAILED      0.00  KeyError: 'lost'",
        "   4    29  not run",
    ]
    assert re.fullmatch(r"2 of 4 cells ran, in \d+\.\d s", summary(report))


def test_wide_letters_take_two_columns(tmp_path) -> None:
    file = tmp_path / "wide.md"
    file.write_text("```python\nprint('형태' * 60)\n```\n", "utf-8")
    (_, line) = render_table(run_document(read_document(file)), width=60).splitlines()
    assert line.endswith("형…")
    columns = sum(2 if "가" <= letter <= "힣" else 1 for letter in line)
    assert columns in {59, 60}


def test_the_failure_names_cell_and_line(report) -> None:
    text = failure(report) or ""
    assert text.splitlines()[0] == "cell 3 (from line 23 of lesson.md) failed"
    assert '  File "<cell 3 of lesson.md>", line 2, in f' in text


def test_the_report_as_data(report) -> None:
    data = json.loads(json.dumps(report_data(report)))
    assert (data["format"], data["ok"], data["notes"]) == ("Markdown", False, [])
    assert [each["status"] for each in data["cells"]] == [
        "ok",
        "illustration",
        "ok",
        "failed",
        "not run",
    ]
    first = data["cells"][0]
    assert first["outputs"] == [{"kind": "stdout", "text": "<b>bold</b>\n"}]
    assert (first["cell"], first["line"], len(first["fingerprint"])) == (1, 10, 12)


def test_the_page(report, tmp_path) -> None:
    write_html(report, tmp_path / "lesson.html")
    text = (tmp_path / "lesson.html").read_text("utf-8")
    assert "<title>A lesson" in text
    assert "hidden" not in text.partition("<body>")[2]
    assert "<em>[missing picture]</em>" in text
    assert 'src="data:image/png;base64,' in text
    assert "https://example.org/x.png" in text
    assert 'src="https' not in text, "a page that is opened later calls nobody"
    assert "<td>1</td>" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<i>slanted</i>" in text
    assert "<script" not in text
    assert "KeyError" in text
    assert text.count('<section class="failed">') == 1


def test_the_notebook(tmp_path) -> None:
    nbformat = pytest.importorskip("nbformat")
    file = tmp_path / "lesson.md"
    file.write_text(PAGE, "utf-8")
    data = tmp_path / "my data"
    data.mkdir()
    target = tmp_path / "out" / "lesson.ipynb"
    target.parent.mkdir()
    write_notebook(read_document(file), target, data, tmp_path / "solutions.py", seed=4)
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source == (
        "%load_ext pellucid.compat\n"
        "%pellucid_document lesson --data '../my data' --solutions ../solutions.py --seed 4"
    )
    assert [each.cell_type for each in notebook.cells[1:]] == [
        "markdown",
        "code",
        "markdown",
        "code",
        "code",
        "code",
    ]
    assert "*[missing picture]*" in notebook.cells[1].source
    again = read_document(target)
    originals = [each.source.strip() for each in read_document(file).code]
    assert [each.source for each in again.code][1:] == originals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("![](img/a_b-c.png)", "*[a b c]*"),
        ("![What it is](img/a.png)", "*[What it is]*"),
        ("![../_images/x.png](image/deep_net.png)", "*[deep net]*"),
        ('![](img/a.png "the title")', "*[the title]*"),
        ("![x](https://example.org/x.png)", "![x](https://example.org/x.png)"),
        ("[no picture](img/a.png)", "[no picture](img/a.png)"),
    ],
)
def test_captions(text, expected) -> None:
    assert with_captions(text, Path("/nowhere")) == expected
