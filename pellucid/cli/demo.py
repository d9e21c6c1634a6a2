"""Compile a trained classifier of handwritten digits and run it on images it has never seen.

Prints accuracy, agreement with NumPy, time per image against NumPy, the script of the module and
what to look at next. With --out, and where matplotlib is installed, it also draws the images with
their predictions. Exits with 1 when accuracy or agreement is not what it should be.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

from pellucid.cli.terminal import print_code, print_heading, print_json, progress
from pellucid.demo.grid import can_draw, draw_grid
from pellucid.demo.report import Report
from pellucid.demo.run import STEPS, Outcome, run_demo

EXAMPLES = """  pellucid demo
  pellucid demo --out demo-out    also draw demo-out/digits.png
  pellucid demo --json            the same figures for a program"""

NEXT = """  pellucid show pellucid.demo.model:DigitsMLP --as ll      the LLVM IR it became
  pellucid show pellucid.demo.model:DigitsMLP --as asm     the machine code
  pellucid doctor                                          what this machine offers
  ARCHITECTURE.md                                          one small program at each station"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the picture")


def run(options: argparse.Namespace) -> int:
    """Run the demo and print what it found."""
    with progress(len(STEPS)) as step:
        outcome = run_demo(step)
    folder = cast("Path | None", options.out)
    picture = draw(outcome, folder) if folder is not None else None
    report = outcome.report
    if cast("bool", options.json):
        print_json({**report.to_json(), "picture": None if picture is None else str(picture)})
    else:
        print_report(report)
        if folder is not None:
            print(f"\npicture   {picture or 'none: matplotlib is not installed (extra: viz)'}")
    for fault in report.faults():
        print(f"fault: {fault}", file=sys.stderr)
    return 1 if report.faults() else 0


def draw(outcome: Outcome, folder: Path) -> Path | None:
    """Draw the images with their predictions into `folder`; None without matplotlib."""
    if not can_draw():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "digits.png"
    draw_grid(outcome.digits.images, outcome.digits.labels, outcome.predicted, file)
    return file


def print_report(report: Report) -> None:
    """The report for a person."""
    print_heading("The module, as a script")
    print_code(report.script)
    print_heading("Handwritten digits, compiled")
    print(f"accuracy   {report.right} of {report.images} held-out images ({report.accuracy:.1%})")
    print(
        f"agreement  {report.same_predictions} of {report.images} predictions are NumPy's; "
        f"scores differ by {report.largest_difference:.1e} at most"
    )
    print(f"compiled   in {report.compile_seconds:.2f} s")
    print(speed("one image a call", report.one_image_us, report.one_image_numpy_us))
    name = f"{report.images} images a call"
    print(speed(name, report.batch_image_us, report.batch_image_numpy_us))
    print_heading("What to look at next")
    print(NEXT)


def speed(name: str, ours: float, numpy: float) -> str:
    """One line about the time per image."""
    ratio = numpy / ours
    verdict = f"{ratio:.1f} times as fast" if ratio >= 1 else f"{1 / ratio:.1f} times as slow"
    return f"time       {ours:.2f} µs per image, NumPy {numpy:.2f} µs: {verdict} ({name})"
