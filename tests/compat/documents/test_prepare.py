"""Cells become Python of as many lines: shell lines, magics, escapes and late future lines."""

from __future__ import annotations

import pytest

from pellucid.compat.documents.prepare import DEFERRED, needs_deferred_annotations, prepare

UNCHANGED = [
    "a = 1\nb = a % 2",
    's = """\n!ls\n%matplotlib inline\n\\# no comment\n"""',
    "x = (17\n  % 3)",
    "x = 1 \\\n  + 2",
    "not python at all",
    "",
]


@pytest.mark.parametrize("source", UNCHANGED)
def test_python_stays_as_it_is(source) -> None:
    prepared = prepare(source)
    assert (prepared.text, prepared.notebook_text, prepared.flags) == (source, source, 0)
    assert prepared.changed == []


PREPARED = [
    ("!ls -l", "_pellucid_shell('ls -l')"),
    ('a = 1\n!wget "it\'s"\nb = 2', "a = 1\n_pellucid_shell('wget \"it\\'s\"')\nb = 2"),
    ("if a:\n    !ls (\n", "if a:\n    _pellucid_shell('ls (')\n"),
    ("!pip install a \\\n  b\nc", "_pellucid_shell('pip install a b')\n\nc"),
    ("%matplotlib inline\nx", "_pellucid_magic('%matplotlib inline')\nx"),
    ("%pip install x", "_pellucid_shell('pip install x')"),
    ("%time f(x)", "f(x)"),
    ("%%time\nf(x)", "\nf(x)"),
    ("%%bash\nls\nrm x", "_pellucid_magic('%%bash')\n\n"),
    ("\\# a comment\nx = 1", "# a comment\nx = 1"),
    ('s = """\n!ls\n"""\n!ls', 's = """\n!ls\n"""\n_pellucid_shell(\'ls\')'),
]


@pytest.mark.parametrize(("source", "expected"), PREPARED)
def test_lines_that_are_no_python(source, expected) -> None:
    prepared = prepare(source)
    assert prepared.text == expected
    assert prepared.text.count("\n") == source.count("\n")
    compile(prepared.text, "cell", "exec")


def test_a_notebook_keeps_its_own_lines() -> None:
    prepared = prepare("import a\n\\# words\nfrom __future__ import annotations\n!ls\n%time f()")
    assert prepared.notebook_text == "import a\n# words\n\n!ls\n%time f()"
    assert prepared.flags == DEFERRED
    assert prepared.changed == [
        "line 2: the backslash before # was dropped",
        "line 3: the __future__ import counts from the first line",
    ]


def test_a_first_future_line_is_nothing_to_tell() -> None:
    prepared = prepare("from __future__ import annotations\nx = 1")
    assert (prepared.text, prepared.flags, prepared.changed) == ("\nx = 1", DEFERRED, [])


def test_an_unknown_future_feature_is_left_to_python() -> None:
    prepared = prepare("x = 1\nfrom __future__ import miracles")
    with pytest.raises(SyntaxError):
        compile(prepared.text, "cell", "exec")


def test_a_future_line_that_shares_its_line() -> None:
    prepared = prepare("from __future__ import annotations; x = 1")
    assert prepared.text == "from __future__ import annotations; x = 1"
    assert prepared.flags == DEFERRED


@pytest.mark.parametrize(
    ("source", "known", "needed"),
    [
        ("def main(x: Tensor((1, 2), 'float32')): pass", set(), True),
        ("def main(x: Tensor((1, 2), 'float32')): pass", {"Tensor"}, False),
        ("from torch import Tensor\ndef f(x: Tensor(1)): pass", set(), False),
        ("def f(x: R.Tensor((1,), 'float32')): pass", set(), False),
        ("def f(x): return Tensor(x)", set(), False),
        ("def f(", set(), False),
    ],
)
def test_annotations_of_the_first_generation(source, known, needed) -> None:
    assert needs_deferred_annotations(source, known) is needed
