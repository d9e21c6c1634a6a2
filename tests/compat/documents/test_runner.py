"""Documents run from top to bottom in one namespace, and everything they show is recorded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pellucid.compat.documents import Report, read_document, run_document
from pellucid.compat.documents.outputs import Output

PRELUDE = "from pellucid.script import tir as T, relax as R, ir as I\nimport pellucid\n"


def page(*cells: str) -> str:
    return "\n".join(f"```python\n{cell}\n```\n" for cell in cells)


def run(tmp_path: Path, *cells: str, **options: object) -> Report:
    file = tmp_path / "page.md"
    file.write_text(page(*cells), "utf-8")
    return run_document(read_document(file), **options)


def texts(report: Report, number: int = 1) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in report.cell(number).outputs]


def only(report: Report, number: int = 1) -> Output:
    (output,) = report.cell(number).outputs
    return output


def test_one_namespace_and_the_last_value(tmp_path) -> None:
    report = run(tmp_path, "a = 1", "a + 1", "a;", "a; a + 2", "None", "'x'  # why; not")
    assert [texts(report, each) for each in range(1, 7)] == [
        [],
        [("value", "2")],
        [("value", "1")][1:],
        [("value", "3")],
        [],
        [("value", "'x'")],
    ]
    assert report.ok


def test_streams_join_and_keep_their_order(tmp_path) -> None:
    code = "import sys\nprint('a')\nprint('b')\nprint('c', file=sys.stderr)\nprint('d')\n5"
    report = run(tmp_path, code)
    assert texts(report) == [
        ("stdout", "a\nb\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
        ("value", "5"),
    ]


def test_a_failing_cell_ends_the_run(tmp_path) -> None:
    report = run(tmp_path, "def f():\n    return 1 / 0", "x = 1\n\nf()", "print('never')")
    assert [each.status for each in report.results] == ["ok", "failed", "not run"]
    assert not report.ok
    lines = only(report, 2).text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "<cell 2 of page.md>", line 3, in <module>'
    assert lines[2].strip() == "f()"
    assert '  File "<cell 1 of page.md>", line 2, in f' in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_what_is_no_python_fails_with_its_place(tmp_path) -> None:
    report = run(tmp_path, "a = 1\nb = (")
    text = only(report).text
    assert "page.md" in text
    assert "line 2" in text
    assert text.endswith("SyntaxError: '(' was never closed")


def test_leaving_the_program_is_a_failure_of_the_cell(tmp_path) -> None:
    report = run(tmp_path, "import sys\nsys.exit(3)", "1")
    assert [each.status for each in report.results] == ["failed", "not run"]
    assert only(report).text.endswith("SystemExit: 3")


def test_the_source_of_what_a_cell_defines(tmp_path) -> None:
    code = "def f(x):\n    return x\n\nclass C:\n    def g(self):\n        return f\n"
    report = run(tmp_path, code, "import inspect\nprint(inspect.getsource(f), f.__module__)")
    assert texts(report, 2) == [("stdout", "def f(x):\n    return x\n __main__\n")]


def test_deferred_annotations_last_from_the_cell_that_asks_for_them(tmp_path) -> None:
    late = "x = 1\n\\# why\nfrom __future__ import annotations"
    report = run(tmp_path, late, "def f(a: Missing): pass\nf.__annotations__")
    assert only(report, 2).text == "{'a': 'Missing'}"
    assert len(report.cell(1).changed) == 2
    failed = run(tmp_path, "def f(a: Missing): pass")
    assert only(failed).text.endswith("NameError: name 'Missing' is not defined")


def test_surroundings_are_put_back(tmp_path) -> None:
    before = os.getcwd(), sys.modules["__main__"], sys.stdout, list(sys.path)
    report = run(tmp_path, "import os\nopen('made.txt', 'w').write('x')\nos.listdir()", "1 / 0")
    assert (os.getcwd(), sys.modules["__main__"], sys.stdout, sys.path) == before
    assert "page.md" in only(report).text, "the document's neighbours are there"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page.md"]


def test_modules_beside_the_document(tmp_path) -> None:
    (tmp_path / "neighbour_of_page.py").write_text("value = 7\n")
    report = run(tmp_path, "import neighbour_of_page\nneighbour_of_page.value")
    assert only(report).text == "7"
    sys.modules.pop("neighbour_of_page")


def test_main_is_the_document(tmp_path) -> None:
    code = (
        "from dataclasses import dataclass\nimport typing\n"
        "@dataclass\nclass A:\n    x: 'B'\nclass B: pass\n"
        "typing.get_type_hints(A)['x'] is B, __name__"
    )
    assert only(run(tmp_path, code)).text == "(True, '__main__')"


def test_displays_are_recorded(tmp_path) -> None:
    code = (
        "from IPython.display import display, Code, HTML\nimport IPython\n"
        "display(1, HTML('<b>x</b>'))\nIPython.get_ipython()\n"
        "IPython.display.Code('a = 1', language='python')"
    )
    shown = run(tmp_path, code).cell(1).outputs
    assert [(each.kind, each.text) for each in shown] == [
        ("display", "1"),
        ("display", "<b>x</b>"),
        ("value", "a = 1"),
    ]
    assert shown[1].html == "<b>x</b>"
    assert "<span" in (shown[2].html or "")


def test_figures_are_recorded_without_a_screen(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    shown = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('after')"
    report = run(tmp_path, shown, "plt.figure()\nplt.plot([2, 1])\nplt.figure(); plt.plot([1])")
    first, second = report.cell(1).outputs
    assert (first.kind, second.text) == ("figure", "after\n")
    assert (first.png or b"").startswith(b"\x89PNG")
    kinds = [each.kind for each in report.cell(2).outputs]
    assert kinds.count("figure") == 2, "figures that are still open are shown at the end"


def test_warnings_go_to_standard_error(tmp_path) -> None:
    code = (
        "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('look')\n"
        "warnings.warn('hidden', ResourceWarning)"
    )
    (kind, text), *_ = texts(run(tmp_path, code))
    assert kind == "stderr"
    assert "<cell 1 of page.md>:2: DeprecationWarning: old" in text
    assert "UserWarning: look" in text
    assert "hidden" not in text


MODULE = """
@I.ir_module
class Module:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        with R.dataflow():
            y = R.add(x, x)
            R.output(y)
        return y
"""
LOOPS = """
@T.prim_func
def double(x: T.Buffer((8,), "float32"), y: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("double"):
            vi = T.axis.remap("S", [i])
            y[vi] = x[vi] * T.float32(2)
"""


def test_each_printed_module_names_its_maker(tmp_path) -> None:
    report = run(
        tmp_path,
        PRELUDE + MODULE + "Module.show()",
        "lowered = pellucid.relax.transform.LegalizeOps()(Module)\nprint(lowered.script())",
        "lowered['add']",
        "Module.show()",
        PRELUDE + LOOPS + "sch = pellucid.tir.Schedule(double)\nsch.mod.show()",
        "i, = sch.get_loops('double')\nsch.split(i, [None, 4])\nsch.mod['main'].show()",
        "def broken(mod): return pellucid.relax.transform.LegalizeOps()(None)\n"
        "try:\n    broken(Module)\nexcept Exception as error:\n    pass\nlowered.show()",
    )
    assert report.ok, report.results[-1].text
    by_hand = "written in the document or built there: no pass has made it"
    makers = [[each.made_by for each in result.outputs] for result in report.results]
    assert makers[0] == [by_hand]
    assert makers[1] == ["made by the pass LegalizeOps"]
    assert makers[3] == [by_hand]
    assert makers[4] == [by_hand]
    assert makers[5][0].startswith("made by step 1 of the schedule sch: ")
    assert "sch.split(" in makers[5][0]
    assert makers[6] == ["made by the pass LegalizeOps"]


def test_a_seed_makes_random_numbers_repeat(tmp_path) -> None:
    code = "import random, numpy as np, torch\nrandom.random(), np.random.rand(), torch.rand(1)"
    pytest.importorskip("torch")
    one, two = (only(run(tmp_path, code, seed=3)).text for _ in range(2))
    assert one == two
    assert only(run(tmp_path, code, seed=4)).text != one


def test_import_tvm_needs_no_line(tmp_path) -> None:
    report = run(tmp_path, "import tvm\nfrom tvm import relax\nrelax.expr.Function")
    assert only(report).text == "<class 'pellucid.relax.expr.Function'>"


def test_magics_that_only_set_up_a_notebook_say_nothing(tmp_path) -> None:
    report = run(tmp_path, "%matplotlib inline\n%load_ext autoreload\n1", "%timeit 1", "%%bash\nls")
    assert texts(report, 1) == [("value", "1")]
    assert texts(report, 2) == [("stdout", "not run: %timeit 1 (a magic of notebooks)\n")]
    assert texts(report, 3) == [("stdout", "not run: %%bash (a magic of notebooks)\n")]
