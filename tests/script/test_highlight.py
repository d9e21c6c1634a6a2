"""Showing scripts: plain where nothing can be coloured, in colour on a terminal and in a
notebook.
"""

from __future__ import annotations

import re
import sys
import types
from typing import Any

import pytest

from pellucid.script import from_source, highlight
from pellucid.support.errors import ConfigError

TEXT = "@T.prim_func\ndef main(n: T.int32):\n    T.evaluate(n)\n"
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def test_plain_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    func = from_source(TEXT)
    func.show()
    assert capsys.readouterr().out == func.script() + "\n"


def test_colour_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    func = from_source(TEXT)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for style in (None, "light", "dark", "friendly"):
        func.show(style)
        shown = capsys.readouterr().out
        assert COLOUR.search(shown)
        assert COLOUR.sub("", shown) == func.script() + "\n"
    monkeypatch.setenv("NO_COLOR", "1")
    func.show()
    assert capsys.readouterr().out == func.script() + "\n"


def test_html_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=True)
    display.HTML, display.display = str, shown.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    from_source(TEXT).show()
    assert len(shown) == 1
    assert shown[0].startswith("<div")
    assert "prim_func" in shown[0]


def test_an_unknown_style() -> None:
    with pytest.raises(ConfigError, match="no style 'monokay'") as caught:
        highlight.show("x", "monokay")
    assert caught.value.cure is not None
    assert "monokai" in caught.value.cure
