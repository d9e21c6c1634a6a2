"""`a.diff(b)`: what is marked, what counts as the same, the command, and constants in `show()`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import relax
from pellucid.cli import main
from pellucid.script import from_source
from pellucid.script import relax as R

BEFORE = """from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class Module:
    @T.prim_func
    def twice(a: T.Buffer((4,), "float32"), b: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("b"):
                vi = T.axis.spatial(4, i)
                b[vi] = a[vi] * T.float32(2)

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Module
        with R.dataflow():
            y = R.call_tir(cls.twice, (x,), out_sinfo=R.Tensor((4,), "float32"))
            z = R.exp(y)
            R.output(z)
        return z
"""
# The names of a variable and of a loop are others: that is no difference.
AFTER = (
    BEFORE.replace("R.exp(y)", "R.sin(y)").replace("range(4)", "T.serial(4)").replace("vi", "vk")
)


def test_what_differs_is_marked() -> None:
    found = from_source(BEFORE).diff(from_source(AFTER))
    assert [(each.name, each.status) for each in found.functions] == [
        ("twice", "same"),
        ("main", "changed"),
    ]
    assert found.changed == ["main"]
    marked = [row for row in found.functions[1].rows if row.mark != " "]
    assert [(row.mark, "R.exp" in row.left, "R.sin" in row.right) for row in marked] == [
        ("|", True, True)
    ]
    assert found.functions[1].path == ".body.blocks[0].bindings[1].value.op.name"
    lines = found.text(120).splitlines()
    assert lines[0] == "twice: same"
    assert sum(" | " in line[55:65] for line in lines) == 1
    assert max(len(line) for line in lines) <= 121
    assert "<b>exp</b>" in found._repr_html_()


def test_functions_of_one_side_and_no_difference() -> None:
    before = from_source(BEFORE)
    after = before.clone()
    del after["twice"]
    found = before.diff(after)
    assert [each.title for each in found.functions] == ["twice: removed", "main: same"]
    assert {row.mark for row in found.functions[0].rows} == {"<"}
    assert {row.mark for row in after.diff(before).functions[1].rows} == {">"}
    assert not before.diff(from_source(BEFORE))
    assert before["main"].diff(after["main"]).changed == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "a.py", tmp_path / "b.py"
    one.write_text(BEFORE)
    other.write_text(AFTER)
    assert main(["diff", str(one), str(other), "--width", "100"]) == 1
    assert "main: changed" in capsys.readouterr().out
    assert main(["diff", str(one), str(other), "--function", "twice"]) == 0
    assert main(["diff", str(one), str(other), "--json"]) == 1
    assert '"status": "changed"' in capsys.readouterr().out


def test_show_says_what_the_constants_are(capsys: pytest.CaptureFixture[str]) -> None:
    x = relax.Var("x", R.Tensor((2, 300), "float32"))
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        large: Any = np.linspace(0, 1, 600, dtype="float32").reshape(2, 300)
        y = bb.emit(relax.op.add(x, relax.const(large)))
        bb.emit_func_output(bb.emit(relax.op.multiply(y, relax.const(2.0))))
    mod = bb.get()
    mod.show()
    text = capsys.readouterr().out
    place = (
        '#   metadata["relax.expr.Constant"][0]: (2, 300) float32, 0 0.001669 0.003339 0.005008 …'
    )
    assert place in text.splitlines()
    assert 'R.const(2.0, "float32")' in text
    assert len(text) < 1500
    assert place not in mod.script()
