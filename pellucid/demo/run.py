"""Compile the demo's classifier, run it on the held-out images, and compare it with NumPy.

In: nothing but what the package ships. Out: a `Report` of plain numbers and text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.demo.data import Digits, load_digits, reference_scores
from pellucid.demo.model import DigitsMLP
from pellucid.demo.race import in_turn
from pellucid.demo.report import Report
from pellucid.driver.relax_build import build
from pellucid.ir.module import IRModule
from pellucid.relax.transform import BindParams
from pellucid.runtime.device import cpu
from pellucid.runtime.tensor import array
from pellucid.runtime.vm import VirtualMachine

STEPS = ("binding the weights", "compiling", "running on the images", "comparing with NumPy")


@dataclass(frozen=True)
class Outcome:
    """A report with the images it is about and what was said of them: `predicted` (n,)."""

    report: Report
    digits: Digits
    predicted: NDArray[np.int64]


def compile_classifier(digits: Digits, step: Callable[[str], None]) -> tuple[VirtualMachine, float]:
    """The classifier with its weights bound, ready to run, and the seconds that took."""
    start = time.perf_counter()
    step(STEPS[0])
    bound: IRModule = BindParams("main", digits.weights)(DigitsMLP)
    step(STEPS[1])
    machine = VirtualMachine(build(bound, target="llvm"), cpu())
    return machine, time.perf_counter() - start


def scores_of(machine: VirtualMachine, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores (n, 10) of inputs `x` (n, 64)."""
    return machine["main"](array(x)).numpy()


def run_demo(step: Callable[[str], None]) -> Outcome:
    """The main job. `step` is called with the name of each of `STEPS` as it begins."""
    digits = load_digits()
    machine, seconds = compile_classifier(digits, step)
    classify = machine["main"]

    step(STEPS[2])
    x = digits.inputs()
    scores = scores_of(machine, x)
    expected = reference_scores(digits.weights, x)
    predicted = scores.argmax(axis=1)

    step(STEPS[3])
    one, every = array(x[:1]), array(x)
    single = in_turn(
        {
            "ours": lambda: classify(one),
            "numpy": lambda: reference_scores(digits.weights, x[:1]),
        }
    )
    batch = in_turn(
        {
            "ours": lambda: classify(every),
            "numpy": lambda: reference_scores(digits.weights, x),
        }
    )
    report = Report(
        images=len(x),
        right=int((predicted == digits.labels).sum()),
        largest_difference=float(np.abs(scores - expected).max()),
        same_predictions=int((predicted == expected.argmax(axis=1)).sum()),
        compile_seconds=seconds,
        one_image_us=single["ours"] * 1e6,
        one_image_numpy_us=single["numpy"] * 1e6,
        batch_image_us=batch["ours"] * 1e6 / len(x),
        batch_image_numpy_us=batch["numpy"] * 1e6 / len(x),
        script=DigitsMLP.script(),
    )
    return Outcome(report, digits, predicted)
