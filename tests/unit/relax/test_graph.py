"""`relax.analysis.graph`: the text tree, the drawing, and what is in the boxes."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET

import pytest

from pellucid.relax.analysis import graph
from pellucid.relax.transform import AnnotateTIROpPattern, FuseOps, FuseTIR, LegalizeOps
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import TypeMismatchError, UnsupportedError


@I.ir_module
class Chain:
    @R.function
    def main(x: R.Tensor(("n", 8), "float32"), w: R.Tensor((8, 4), "float32")) -> R.Tensor(
        ("n", 4), "float32"
    ):
        with R.dataflow():
            a = R.matmul(x, w)
            b = R.nn.relu(a)
            c = R.add(b, b)
            R.output(c)
        return c


@I.ir_module
class Branch:
    @R.function(pure=False)
    def main(c: R.Tensor((), "bool"), x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
        if c:
            y = R.exp(x)
        else:
            z = R.call_dps_packed("my.func", (x,), R.Tensor((2,), "float32"))
            y = R.sin(z)
        p = (x, y)
        q = p[0]
        m = R.match_cast(q, R.Tensor(("k",), "float32"))
        d = R.print(m)
        return y


def test_the_text_names_values_and_what_they_are_computed_of() -> None:
    assert str(graph(Chain)).splitlines() == [
        "main",
        "├─ x: parameter  (n, 8) float32",
        "├─ w: parameter  (8, 4) float32",
        "├─ a = matmul(x, w)  (n, 4) float32",
        "├─ b = nn.relu(a)  (n, 4) float32",
        "├─ c = add(b)  (n, 4) float32",
        "└─ result(c)  (n, 4) float32",
    ]
    assert str(graph(Chain["main"])) == str(graph(Chain))


def test_fused_groups_hold_what_was_fused() -> None:
    mod = AnnotateTIROpPattern()(LegalizeOps()(Chain))
    grouped = FuseOps()(mod)
    (group,) = [each for each in graph(grouped).functions[0].nodes if each.parts]
    assert (group.label, group.parts) == ("fused_matmul_relu_add", ("matmul", "relu", "add"))
    (kernel,) = [each for each in graph(FuseTIR()(grouped)).functions[0].nodes if each.parts]
    assert kernel.label == "fused_matmul_relu_add"
    assert len(kernel.parts) == 3


def test_branches_tuples_casts_and_library_functions() -> None:
    (function,) = graph(Branch).functions
    nodes = {each.name: each for each in function.nodes}
    assert nodes["z"].label == "my.func"
    assert nodes["p"].label == "tuple"
    assert nodes["q"].label == "field 0"
    assert nodes["m"].label == "match_cast"
    assert [each.label for each in function.nodes if "c" in each.inputs] == ["if"]
    assert {source for source, _ in function.edges} >= {"x", "z", "p", "q"}


def test_the_drawing_has_every_value_below_its_inputs() -> None:
    mod = FuseOps()(AnnotateTIROpPattern()(LegalizeOps()(Chain)))
    drawn = graph(mod)
    root = ET.fromstring(drawn.svg("plain"))
    space = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in root.iter(f"{space}text")]
    assert {"main", "· matmul", "· relu", "· add"} <= set(texts)
    assert len(list(root.iter(f"{space}rect"))) == len(drawn.functions[0].nodes)
    starts = [each.get("d") for each in root.findall(f"{space}path")]
    assert len(starts) == len(drawn.functions[0].edges)
    for each in starts:
        points = [
            float(part.split(",")[1].split()[0]) for part in each[1:].replace("C", "").split()
        ]
        assert points[0] < points[-1]


def test_layouts() -> None:
    drawn = graph(Chain)
    assert drawn.dot().startswith("digraph {")
    assert '"0.x" -> "0.a";' in drawn.dot()
    assert "<svg" in drawn.svg()
    with pytest.raises(TypeMismatchError, match="no layout 'round'"):
        drawn.svg("round")
    if shutil.which("dot") is None:
        with pytest.raises(UnsupportedError, match="dot is not there"):
            drawn.svg("dot")
    with pytest.raises(TypeMismatchError, match="of a module or of a graph function"):
        graph(3)
