"""Documents of each format become the same records, with the lines of their files."""

from __future__ import annotations

import json

import pytest

from pellucid.compat.documents import Document, read_document
from pellucid.compat.documents.document import fingerprint


def read(tmp_path, text: str, name: str = "page.txt") -> Document:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return read_document(file)


def outline(document: Document) -> list[tuple[str, int, int, str]]:
    """Kind, number, line and first words of each part."""
    return [
        (each.kind, each.number, each.line, each.source.strip().splitlines()[0])
        for each in document.cells
    ]


PLAIN = """# Title

```python
a = 1
```

between

~~~py
b = 2
~~~

- an item

  ```python3
  c = 3
  ```

```bash
ls
```
"""


def test_plain_markdown(tmp_path) -> None:
    document = read(tmp_path, PLAIN)
    assert document.format == "Markdown"
    assert document.name == "page"
    assert outline(document) == [
        ("text", 0, 1, "# Title"),
        ("code", 1, 4, "a = 1"),
        ("text", 0, 6, "between"),
        ("code", 2, 10, "b = 2"),
        ("text", 0, 12, "- an item"),
        ("code", 3, 16, "c = 3"),
        ("text", 0, 18, "```bash"),
    ]
    assert document.code[2].source == "c = 3\n"


JUPYTEXT = """---
jupyter:
  jupytext:
    text_representation:
      format_name: markdown
---

text

```python
a = 1
```

<!-- #region -->
## a section

```python
not_run
```
<!-- #endregion -->

```python
b = 2
```

```python tags=["skip-execution"]
c
```
"""


def test_jupytext_markdown_and_its_regions(tmp_path) -> None:
    document = read(tmp_path, JUPYTEXT)
    assert document.format == "jupytext Markdown"
    assert [(each.number, each.line) for each in document.code] == [(1, 11), (2, 23)]
    shown = [each for each in document.cells if each.kind == "illustration"]
    assert [each.source for each in shown] == ["not_run\n", "c\n"]
    assert [each.reason for each in shown] == [
        "part of the text: it stands in a region",
        "marked not to be run",
    ]
    assert "jupytext" not in document.cells[0].source


MARKED = """```{.python .input n=3}
import numpy as np
x = np.zeros(3)
```

```python
x = something, ..., else
```

```{.python .output}
print(x)
```

```{.python .output}
[0. 0. 0.]
```

```{.python .output}
Class: Bag
```

```{.python .output}
Function(unknown=1)
```
"""


def test_marked_cells_and_code_in_output_cells(tmp_path) -> None:
    document = read(tmp_path, MARKED)
    assert document.format == "Markdown with marked cells"
    assert [each.source for each in document.code] == [
        "import numpy as np\nx = np.zeros(3)\n",
        "print(x)\n",
    ]
    reasons = [each.reason for each in document.cells if each.kind == "illustration"]
    assert reasons == [
        "plain fence in a document that marks the cells to run",
        "shows a result",
        "shows a result",
        "shows a result",
    ]


MYST = """```{code-cell} python
:tags: [hide-input]
a = 1
```

```{code-cell}
:tags: [skip-execution]
b
```
"""


def test_code_cells_of_myst(tmp_path) -> None:
    document = read(tmp_path, MYST)
    (cell,) = document.code
    assert cell.source.strip() == "a = 1"
    assert cell.source.startswith("\n"), "the option leaves an empty line, so that lines count"


QUARTO = """```{python}
a = 1
```

```{python}
#| eval: false
b
```

```python
c
```
"""


def test_code_cells_of_quarto(tmp_path) -> None:
    document = read(tmp_path, QUARTO)
    assert [each.source for each in document.code] == ["a = 1\n"]


def test_interactive_sessions_are_shown(tmp_path) -> None:
    document = read(tmp_path, "```python\n>>> 1 + 1\n2\n```\n\n```python\n1\n```\n")
    assert [each.kind for each in document.cells] == ["illustration", "code"]
    assert document.cells[0].reason == "an interactive session, shown as it went"


HEADER = "\n".join([f"#{' ---'}", "# jupyter: {}", f"#{' ---'}", ""])
PERCENT = (
    HEADER
    + '''import sys

# %% [markdown]
# # Title
#
# words

# %%
a = 1

# %% a title [markdown]
"""
More words.
"""

# %%
b = 2
'''
)


def test_percent_scripts(tmp_path) -> None:
    document = read(tmp_path, PERCENT, "script.py")
    assert document.format == "percent script"
    assert outline(document) == [
        ("code", 1, 4, "import sys"),
        ("text", 0, 7, "# Title"),
        ("code", 2, 12, "a = 1"),
        ("text", 0, 15, "More words."),
        ("code", 3, 20, "b = 2"),
    ]
    assert document.cells[1].source == "# Title\n\nwords"


def test_a_docstring_before_the_first_percent_cell_is_no_cell_of_comments(tmp_path) -> None:
    document = read(tmp_path, '"""What this is."""\n# %%\na = 1\n')
    assert [each.source for each in document.code] == ['"""What this is."""\n', "a = 1\n"]


def notebook(cells: list[dict[str, object]]) -> str:
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})


def test_notebooks(tmp_path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "```python\n", "x\n", "```"]},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "outputs": [{"text": "old"}]},
        {"cell_type": "code", "source": "c", "metadata": {"tags": ["skip-execution"]}},
        {"cell_type": "raw", "source": "raw"},
    ]
    document = read(tmp_path, notebook(cells))
    assert document.format == "notebook"
    assert [each.kind for each in document.cells] == ["text", "code", "illustration", "text"]
    assert document.code[0].source == "a = 1\nb = 2"


def test_windows_line_ends_and_a_byte_order_mark(tmp_path) -> None:
    file = tmp_path / "page.md"
    file.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert len(read_document(file).code) == 3


@pytest.mark.parametrize("change", ["a = 1\n", "\na = 1  \n\n", "a = 1"])
def test_a_fingerprint_does_not_see_blanks_at_the_ends(change) -> None:
    assert fingerprint(change) == fingerprint("a = 1")
    assert fingerprint(change) != fingerprint("a = 2")
