"""The tutorial on scheduling a matrix product runs, with a small matrix, and ends with the schedule
that is measured.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gemm import schedule_matmul
from pellucid.ir.structural import assert_structural_equal
from pellucid.tir.schedule import Schedule

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "03_scheduling_a_matmul.py"


def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    source = TUTORIAL.read_text()
    assert source.count("SIZE = 1024\n") == 1
    small = tmp_path / "tutorial.py"
    small.write_text(source.replace("SIZE = 1024\n", "SIZE = 128\n"))
    scope = {"__name__": "tutorial", "__file__": str(small)}
    exec(compile(small.read_text(), str(small), "exec"), scope)
    pyplot.close("all")
    printed = capsys.readouterr().out
    assert len(scope["steps"]) == 5
    assert "and copied in vectors:" in printed
    assert "0 spills" in printed
    assert (tmp_path / "03_scheduling_a_matmul.svg").stat().st_size > 1000
    measured = schedule_matmul(
        Schedule(scope["matmul"]), scope["ROWS"], scope["VECTORS"], scope["LANES"]
    )
    assert_structural_equal(scope["sch"].mod, measured.mod)
