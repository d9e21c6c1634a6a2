"""`pellucid run-doc` on documents such as people write: a page, a script, a notebook."""

from __future__ import annotations

import json
import re

from pellucid.cli import MISUSE, OK, main

PAGE = """# Adding vectors

Some words, and a list:

1. First, the function.

   ```python
   from pellucid.script import tir as T
   import numpy as np

   @T.prim_func
   def add(a: T.handle, b: T.handle, c: T.handle):
       n = T.int64()
       A = T.match_buffer(a, (n,), "float32")
       B = T.match_buffer(b, (n,), "float32")
       C = T.match_buffer(c, (n,), "float32")
       for i in range(n):
           with T.block("add"):
               vi = T.axis.spatial(n, i)
               C[vi] = A[vi] + B[vi]
   ```

2. Then, the call. It prints `[2. 3. 4.]`:

   ```python
   import pellucid
   lib = pellucid.build(add)
   out = np.zeros(3, "float32")
   lib["add"](np.ones(3, "float32"), np.arange(1, 4, dtype="float32"), out)
   print(out)
   ```

   ```text
   [2. 3. 4.]
   ```

> A quotation with code that is part of it:
>
> ```python
> out.sum()
> ```
"""

SCRIPT = '''#!/usr/bin/env python
"""A script that people also run as it is."""
from __future__ import annotations

# %% imports
import numpy as np

# %% [md]
"""
## A function
"""

# %%
def scale(x: "np.ndarray", by: Undefined = 2):
    return x * by


if __name__ == "__main__":
    print(scale(np.arange(3)))

# %% tags=["skip"]
raise SystemExit("never")

# %%
%matplotlib inline
scale(np.eye(2))
'''


def table(capsys, *words: object) -> list[str]:
    assert main([str(word) for word in words]) == OK, capsys.readouterr().err
    plain = re.sub(r"\d+\.\d\d", "0.0", capsys.readouterr().out)
    return re.sub(r"\d+\.\d+ s$", "0.0 s", re.sub(r" +", " ", plain)).splitlines()


def test_a_page(tmp_path, capsys) -> None:
    file = tmp_path / "page.md"
    file.write_text(PAGE)
    assert table(capsys, "run-doc", file) == [
        f"{file}: Markdown",
        "cell line status seconds first line of output",
        " 1 8 ok 0.0",
        " 2 26 ok 0.0 [2. 3. 4.]",
        " 3 40 ok 0.0 np.float32(9.0)",
        "3 of 3 cells ran, in 0.0 s",
    ]


def test_a_script(tmp_path, capsys) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    assert table(capsys, "run-doc", file) == [
        f"{file}: percent script",
        "cell line status seconds first line of output",
        " 1 1 ok 0.0 'A script that people also run as it is.'",
        " 2 6 ok 0.0",
        " 3 14 ok 0.0 [0 2 4]",
        " – 22 shown (tagged to be skipped)",
        " 4 25 ok 0.0 array([[2., 0.],",
        "4 of 4 cells ran, in 0.0 s",
    ]


def test_a_page_becomes_a_notebook_that_runs_too(tmp_path, capsys) -> None:
    file, notebook, page = (tmp_path / name for name in ("page.md", "page.ipynb", "page.html"))
    file.write_text(PAGE)
    assert table(capsys, "run-doc", file, "--to-notebook", notebook) == [
        f"{notebook}: 3 cells to run, and one added first"
    ]
    cells = json.loads(notebook.read_text())["cells"]
    assert cells[0]["source"] == "%load_ext pellucid.compat\n%pellucid_document page"
    lines = table(capsys, "run-doc", notebook, "--html", page)
    assert lines[2] == (" 1 1 ok 0.0 not run: %pellucid_document page (a magic of notebooks)")
    assert lines[-1] == "4 of 4 cells ran, in 0.0 s"
    assert "Adding vectors" in page.read_text()


def test_as_data(tmp_path, capsys) -> None:
    file = tmp_path / "page.md"
    file.write_text("```python\n1 + 1\n```\n")
    assert main(["run-doc", str(file), "--json"]) == OK
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] is True
    assert data["cells"][0]["outputs"] == [{"kind": "value", "text": "2"}]


def test_the_command_needs_a_file(capsys) -> None:
    assert main(["run-doc"]) == MISUSE
    assert "the following arguments are required: file" in capsys.readouterr().err
    assert main(["run-doc", "--help"]) == OK
    assert "--to-notebook OUT" in capsys.readouterr().out


def test_the_table_leaves_out_the_colours_of_terminals(tmp_path, capsys) -> None:
    file = tmp_path / "page.md"
    file.write_text("```python\nprint('\\x1b[1mbold')\n```\n")
    assert main(["run-doc", str(file)]) == OK
    assert "0.0 bold" in re.sub(r" +", " ", re.sub(r"\d+\.\d+", "0.0", capsys.readouterr().out))
