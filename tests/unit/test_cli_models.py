"""The command line on a real model: show it at every station, compile it, run it, and the demo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from pellucid.cli import main
from pellucid.demo.data import load_digits, reference_scores

MODEL = '''
"""A model of one loop function."""

from pellucid.script import ir as I, relax as R, tir as T


@I.ir_module
class Scale:
    @T.prim_func
    def scale(x: T.handle, w: T.handle, y: T.handle):
        n = T.int64()
        X = T.match_buffer(x, (n,), "float32")
        W = T.match_buffer(w, (1,), "float32")
        Y = T.match_buffer(y, (n,), "float32")
        for i in range(n):
            with T.block("scale"):
                vi = T.axis.spatial(n, i)
                Y[vi] = X[vi] * W[0]

    @R.function
    def main(x: R.Tensor(("n",), "float32"), w: R.Tensor((1,), "float32")):
        n = T.int64()
        cls = Scale
        with R.dataflow():
            y = R.call_tir(cls.scale, (x, w), out_sinfo=R.Tensor((n,), "float32"))
            R.output(y)
        return y
'''


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model_for_the_command_line.py"
    file.write_text(MODEL, "utf-8")
    return file


@pytest.fixture
def compiled(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(save({"w": np.array([3], "float32")}))
    file = tmp_path / "model.plc"
    assert main(["compile", str(model), "-o", str(file), "--params", str(weights)]) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    return file


@pytest.mark.parametrize(
    ("station", "expected"),
    [
        ("script", "class Module:"),
        ("lowered", "T.match_buffer"),
        ("plan", "kernel scale"),
        ("ll", "fmul float"),
        ("asm", "mulss"),
    ],
)
def test_show(model: Path, station: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(model), "--as", station]) == 0
    assert expected in capsys.readouterr().out


def test_show_one_function_by_module_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "pellucid.demo.model:DigitsMLP", "--function", "relu", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["as"] == "script"
    assert "def relu" in shown["text"]
    assert "def linear" not in shown["text"]


def test_show_a_compiled_file(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(compiled)]) == 0
    assert "graph main(x: Tensor((n,), float32))" in capsys.readouterr().out
    assert main(["show", str(compiled), "--as", "asm"]) == 2
    assert "A compiled file has no station 'asm'." in capsys.readouterr().err


def test_unknown_names_are_explained(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"{model}:Scal"]) == 2
    assert "did you mean 'Scale'?" in capsys.readouterr().err
    assert main(["show", f"{model}:Scale", "--function", "scal"]) == 2
    assert "did you mean 'scale'?" in capsys.readouterr().err
    assert main(["show", "no.such.module:Model"]) == 2
    assert "There is no Python module 'no.such.module'." in capsys.readouterr().err


def test_several_modules_need_a_name(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = tmp_path / "two_models.py"
    two.write_text(MODEL + MODEL.replace("Scale", "Other"), "utf-8")
    assert main(["show", str(two)]) == 2
    err = capsys.readouterr().err
    assert "has 2 script modules and functions" in err
    assert "found: Scale, Other" in err


def test_run(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.array([1, 2], "float32"))
    words = ["run", str(compiled), "--input", str(tmp_path / "x.npy")]
    assert main(words) == 0
    assert capsys.readouterr().out == "[3. 6.]\n"
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"shape": [2], "dtype": "float32", "values": [3.0, 6.0]}
    ]
    assert main([*words, "--output", str(tmp_path / "y.npy")]) == 0
    assert np.load(tmp_path / "y.npy").tolist() == [3, 6]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "x.npz"], "neither a file nor a number"),
        (["--input", "1", "--input", "2"], "main"),
        (["--function", "mian"], "did you mean 'main'?"),
        (["--input", "missing.npy"], "missing.npy"),
    ],
)
def test_wrong_calls(
    compiled: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(compiled), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_file_is_refused(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(compiled.read_bytes())
    data[-1] ^= 1
    compiled.write_bytes(data)
    assert main(["run", str(compiled)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_pickled_array_is_refused(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    assert main(["run", str(compiled), "--input", str(tmp_path / "x.npy")]) == 2
    assert "holds no array that can be read" in capsys.readouterr().err


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json", "--out", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    digits = load_digits()
    expected = reference_scores(digits.weights, digits.inputs()).argmax(axis=1)
    assert report["right"] == int((expected == digits.labels).sum())
    assert report["same_predictions"] == report["images"] == 360
    assert report["largest_difference"] < 1e-4
    assert report["faults"] == []
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_demo_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    captured = capsys.readouterr()
    assert "accuracy   355 of 360 held-out images (98.6%)" in captured.out
    assert "What to look at next" in captured.out
    # No progress bar where nobody looks.
    assert captured.err == ""


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["compiling"] == "works"
    assert facts["packages"]["llvmlite"]
    assert "PELLUCID_CACHE_DIR" in facts["variables"]


def test_a_reader_that_leaves_early_is_no_error(model: Path) -> None:
    command = [sys.executable, "-m", "pellucid.cli", "show", str(model), "--as", "asm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
