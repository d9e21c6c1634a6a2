"""The demo's data, its report, its picture, and the tool that trains its weights."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.demo.data import load_digits, reference_scores
from pellucid.demo.grid import chosen, draw_grid
from pellucid.demo.race import in_turn
from pellucid.demo.report import Report

ROOT = Path(__file__).resolve().parents[2]


def good_report() -> Report:
    return Report(
        images=200,
        right=196,
        largest_difference=1e-6,
        same_predictions=200,
        compile_seconds=0.5,
        one_image_us=2.0,
        one_image_numpy_us=4.0,
        batch_image_us=1.0,
        batch_image_numpy_us=0.5,
        script="",
    )


def test_shipped_digits() -> None:
    digits = load_digits()
    assert {name: value.shape for name, value in digits.weights.items()} == {
        "w0": (128, 64), "b0": (128,), "w1": (10, 128), "b1": (10,),
    }  # fmt: skip
    assert digits.images.shape == (360, 8, 8)
    assert digits.inputs().dtype == np.float32
    assert digits.inputs().max() == 1
    predicted = reference_scores(digits.weights, digits.inputs()).argmax(axis=1)
    assert (predicted == digits.labels).mean() >= 0.97


def test_a_good_report_has_no_faults() -> None:
    assert good_report().faults() == []
    assert good_report().to_json()["accuracy"] == 0.98


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"right": 180}, "accuracy 90.0% is below 95%"),
        ({"same_predictions": 198}, "2 predictions differ from NumPy's"),
        ({"largest_difference": 0.5}, "scores differ from NumPy's by up to 0.5"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, float], fault: str) -> None:
    assert dataclasses.replace(good_report(), **change).faults() == [fault]


def test_wrong_predictions_are_drawn_first(tmp_path: Path) -> None:
    digits = load_digits()
    predicted = digits.labels.astype("int64")
    predicted[[5, 100]] += 1
    assert list(chosen(digits.labels, predicted)[:2]) == [5, 100]
    file = tmp_path / "grid.png"
    draw_grid(digits.images, digits.labels, predicted, file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_in_turn_calls_every_function() -> None:
    calls = {"a": 0, "b": 0}

    def count(name: str) -> None:
        calls[name] += 1

    medians = in_turn({name: lambda name=name: count(name) for name in calls}, rounds=1)
    assert set(medians) == {"a", "b"}
    assert all(calls.values())


def test_training_refuses_a_bad_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("train_demo", ROOT / "tools" / "train_demo.py")
    assert spec is not None
    assert spec.loader is not None
    train_demo = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up here.
    monkeypatch.setitem(sys.modules, "train_demo", train_demo)
    spec.loader.exec_module(train_demo)
    monkeypatch.setattr(
        sys, "argv", ["train_demo.py", "--epochs", "1", "--out", str(tmp_path / "digits")]
    )
    with pytest.raises(SystemExit, match="below 97%"):
        train_demo.main()
    assert not (tmp_path / "digits").exists()
