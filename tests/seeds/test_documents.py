"""The five course documents run as they stand, and what they claim holds: 797 of the 900 images for
the two-layer network in every form, 769 for the convolutional one, in `run-doc` and in Jupyter.
"""

from __future__ import annotations

import html
import json
import linecache
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import relax
from pellucid.compat.documents import (
    Report,
    load_solutions,
    read_document,
    run_document,
    write_html,
    write_notebook,
)
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import PellucidDeprecationWarning
from pellucid.tir.function import PrimFunc

MLP_RIGHT = 797
CNN_RIGHT = 769
SEED = 5
ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "examples" / "course" / "solutions.py"
DOCUMENTS = {
    "exercise_ko": "000_c3080eaa0bf473e7",
    "end_to_end_zh": "001_11f8ce08d1760001",
    "graphs_ko": "002_de79e6657b46ffc3",
    "exercise_zh": "003_c31e8f4695bcd067",
    "end_to_end_ko": "004_d74bdd41a5de4254",
}
EXERCISES = ("exercise_ko", "exercise_zh")

Run = Callable[[str], Report]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Torch's threads wait for each other by spinning, which is slow beside other tests."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(shared: Path) -> Run:
    """Runs a document once, and gives its report each time that it is asked for."""
    pytest.importorskip("matplotlib")
    reports: dict[str, Report] = {}
    solutions = load_solutions(SOLUTIONS)

    def one(name: str) -> Report:
        if name not in reports:
            document = read_document(shared / "seeds" / f"{DOCUMENTS[name]}.txt")
            reports[name] = run_document(document, solutions, data=shared / "data", seed=SEED)
        return reports[name]

    return one


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_cell_runs(name, run) -> None:
    report = run(name)
    failed = [each.text for each in report.results if each.status == "failed"]
    assert not failed, failed[0]
    code = [each for each in report.results if each.cell.kind == "code"]
    assert {each.status for each in code} == {"ok"}
    assert "FashionMNIST serves the 900 images of sprite.png" in report.notes


@pytest.mark.parametrize("name", EXERCISES)
def test_regions_are_shown_and_not_run(name, run) -> None:
    report = run(name)
    text = "\n".join(each.source for each in report.document.cells if each.kind != "code")
    assert "class MyModuleWithExternCall" in text
    assert "def target_func" in text
    assert "MyModuleWithExternCall" not in report.namespace
    assert "target_func" not in report.namespace


@pytest.mark.parametrize("name", EXERCISES)
def test_the_convolutional_network(name, run) -> None:
    """The document's own cells compare all images with torch, at 1e-4, for three modules."""
    report = run(name)
    assert f"Accuracy: {CNN_RIGHT}/900 (85%)" in report.cell(5).text
    solved = {each.cell.number: each.solved for each in report.results if each.solved}
    assert solved[8] == ["create_model_via_emit_te completed"]
    assert solved[9] == ["create_model_with_torch_func completed"]
    assert solved[12] == ["replaced"]


def test_the_network_as_loops_and_with_a_library(run) -> None:
    names = run("exercise_ko").namespace
    library = names["create_model_with_torch_func"]()
    for module in (names["sch"].mod, library):
        vm = relax.VirtualMachine(relax.build(module, target="llvm"), names["tvm"].cpu())
        right = 0
        for images, labels in names["test_loader"]:
            scores = vm["main"](names["tvm"].nd.array(images)).numpy()
            right += int((scores.argmax(1) == labels.numpy()).sum())
        assert right == CNN_RIGHT


@pytest.mark.parametrize("name", EXERCISES)
def test_the_scheduled_convolution_is_the_documents_target(name, run) -> None:
    report = run(name)
    text = "\n```\n".join(each.source for each in report.document.cells if each.kind != "code")
    dialect = report.namespace["T"]
    found = re.search(r"@T\.prim_func\ndef target_func.*?(?=\n```)", text, re.DOTALL)
    target = parsed(found[0], "target_func", dialect)
    ours = report.namespace["sch"].mod["conv2d"]
    # The document's function counts in int32, expressions over tensors count in int64.
    narrow = parsed(re.sub(r"T\.int64\((\d+)\)", r"\1", ours.script()), "main", dialect)
    plain = [each.with_attrs({"tir.noalias": True}) for each in (narrow, target)]
    assert structural_equal(*plain)


def parsed(source: str, name: str, dialect: Any) -> PrimFunc:
    """A function of the script language, as a cell of the document would define it."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"T": dialect}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PellucidDeprecationWarning)
        exec(compile(source, file, "exec"), names)
    return names[name].without_attr("global_symbol").without_attr("tir.is_scheduled")


def right_of(scores: np.ndarray, labels: np.ndarray) -> int:
    """How many images are classified as they should be."""
    return int((scores.argmax(1) == labels).sum())


class _AllImages:
    """NumPy for the loops of a document: every array has one more axis, over all the images, so
    that the document's own loops do for all of them what they do for one.
    """

    ndarray = np.ndarray

    def __init__(self, count: int) -> None:
        self.count = count

    def empty(self, shape, dtype):
        return np.empty((*shape, self.count), dtype)

    def maximum(self, a, b):
        return np.maximum(a, b)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("end_to_end_zh", "lnumpy_mlp"),
        ("end_to_end_ko", "lnumpy_mlp"),
        ("end_to_end_ko", "lnumpy_mlp_with_call_dps_packed"),
    ],
)
def test_low_level_numpy(name, function, run, images, labels, mlp_params, expected) -> None:
    names = run(name).namespace
    weights = [mlp_params[key] for key in ("w0", "b0", "w1", "b1")]
    assert right_of(names["numpy_mlp"](images, *weights), labels) == MLP_RIGHT
    before = names["np"]
    names["np"] = _AllImages(len(images))
    try:
        scores = names[function](images.T[None], *weights)[0].T
    finally:
        names["np"] = before
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert right_of(scores, labels) == MLP_RIGHT


@pytest.mark.parametrize(
    ("name", "module", "bound"),
    [
        ("end_to_end_zh", "MyModule", False),
        ("end_to_end_ko", "MyModule", False),
        ("end_to_end_ko", "MyModuleWithExternCall", False),
        ("end_to_end_ko", "MyModuleMixture", False),
        ("end_to_end_ko", "MyModuleWithParams", True),
        ("graphs_ko", "MLPModel", True),
        ("graphs_ko", "MLPFused", True),
        ("graphs_ko", "MLPModelFinal", True),
    ],
)
def test_every_module(name, module, bound, run, images, labels, mlp_params, expected) -> None:
    names = run(name).namespace
    array = names["tvm"].nd.array
    vm = relax.VirtualMachine(relax.build(names[module], target="llvm"), names["tvm"].cpu())
    weights = [] if bound else [array(mlp_params[key]) for key in ("w0", "b0", "w1", "b1")]
    rows = [vm["main"](array(image[None]), *weights).numpy() for image in images]
    scores = np.concatenate(rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert right_of(scores, labels) == MLP_RIGHT


def test_two_fused_functions(run) -> None:
    names = run("graphs_ko").namespace
    fused = names["MLPFused"]
    primitive = [each for each in fused.functions.values() if each.attrs.get("Primitive")]
    assert len(primitive) == 2
    final = names["MLPModelFinal"].functions
    loops = [var.name_hint for var, each in final.items() if isinstance(each, PrimFunc)]
    assert {"fused_matmul_add0", "fused_matmul_add1"} <= set(loops)


def test_the_page_names_what_made_each_module(run, tmp_path) -> None:
    write_html(run("graphs_ko"), tmp_path / "graphs.html")
    write_html(run("exercise_ko"), tmp_path / "exercise.html")
    graphs = (tmp_path / "graphs.html").read_text("utf-8")
    for name in ("MatmulAddFuse", "LowerToTensorIR", "FuseTIR"):
        assert f"made by the pass {name}" in graphs
    assert graphs.count("data:image/png;base64") == 1
    assert "<img" in graphs
    assert "*[" not in graphs
    exercise = (tmp_path / "exercise.html").read_text("utf-8")
    assert "step 1 of the schedule sch: sch.compute_inline" in exercise
    assert "create_model_via_emit_te completed" in exercise


@pytest.fixture(scope="module")
def notebooks(shared: Path, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """The five documents as notebooks, executed by Jupyter."""
    pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    folder = tmp_path_factory.mktemp("notebooks")
    files: dict[str, Path] = {}
    for name, stem in DOCUMENTS.items():
        document = read_document(shared / "seeds" / f"{stem}.txt")
        files[name] = folder / name / f"{name}.ipynb"
        files[name].parent.mkdir()
        write_notebook(document, files[name], data=shared / "data", solutions=SOLUTIONS, seed=SEED)
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute"]
    done = subprocess.run(
        [*command, "--inplace", *map(str, files.values())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return {name: json.loads(file.read_text("utf-8")) for name, file in files.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_notebook_agrees(name, run, notebooks) -> None:
    report = run(name)
    code = [each for each in notebooks[name]["cells"] if each["cell_type"] == "code"]
    assert code[0]["source"][0] == "%load_ext pellucid.compat\n"
    ours = [shown(each) for each in report.results if each.cell.kind == "code"]
    theirs = [shown_in_notebook(each) for each in code[1:]]
    assert theirs == ours


def shown(result: Any) -> str:
    """What `run-doc` recorded of a cell, without warnings and layout."""
    pieces = [
        "<figure>" if each.kind == "figure" else each.text
        for each in result.outputs
        if each.kind != "stderr"
    ]
    return plain(pieces)


def shown_in_notebook(cell: dict[str, Any]) -> str:
    """The same of a cell that Jupyter ran."""
    pieces: list[str] = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            if output["name"] == "stdout":
                pieces.append("".join(output["text"]))
            continue
        data = output["data"]
        if "image/png" in data:
            pieces.append("<figure>")
        elif "text/html" in data:
            without_style = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.S)
            pieces.append(html.unescape(re.sub(r"<[^>]*>", "", without_style)))
        else:
            pieces.append("".join(data["text/plain"]))
    return plain(pieces)


def plain(pieces: list[str]) -> str:
    """Text without line ends and blanks; classes by their names alone, as IPython prints them."""
    text = "\n".join(re.sub(r"<class '([\w.]+)'>", r"\1", piece) for piece in pieces)
    return re.sub(r"\s+", "", text)
