"""Say what this machine and this installation offer, and whether compiling works here.

The check compiles the demo's classifier and runs it on its held-out images. Exits with 1 when that
fails.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import traceback
from typing import cast

from pellucid.cli import version
from pellucid.cli.terminal import print_heading, print_json
from pellucid.demo.data import load_digits
from pellucid.demo.run import compile_classifier, scores_of
from pellucid.support import host
from pellucid.support.config import VARIABLES, cache_folder

EXAMPLES = """  pellucid doctor
  pellucid doctor --json   for a report about a defect"""

REQUIRED = ("numpy", "llvmlite", "apache-tvm-ffi", "ml_dtypes", "safetensors", "rich", "pygments")
OPTIONAL = ("torch", "onnx", "scikit-learn", "matplotlib", "ipython")


def arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: none of its own."""


def run(options: argparse.Namespace) -> int:
    """Look at everything and print it."""
    fault = compile_fault()
    facts: dict[str, object] = {
        "pellucid": version(),
        "packages": {name: installed(name) for name in REQUIRED},
        "optional": {name: installed(name) for name in OPTIONAL},
        "machine": host.summary(),
        "variables": {each.name: each.get() for each in VARIABLES},
        "cache": str(cache_folder()),
        "compiling": fault or "works",
    }
    if cast("bool", options.json):
        print_json(facts)
    else:
        print_facts(facts)
    return 1 if fault else 0


def installed(name: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def compile_fault() -> str | None:
    """Compile and run the demo's classifier; what went wrong, or None."""
    digits = load_digits()
    try:
        machine, _ = compile_classifier(digits, lambda _step: None)
        predicted = scores_of(machine, digits.inputs()).argmax(axis=1)
    except Exception:
        # Whatever it is, it is the answer that was asked for.
        return traceback.format_exc()
    wrong = int((predicted != digits.labels).sum())
    return None if wrong < 0.05 * len(digits.labels) else f"{wrong} wrong predictions"


def print_facts(facts: dict[str, object]) -> None:
    """The facts for a person."""
    print(f"pellucid {facts['pellucid']}")
    for part in ("packages", "optional", "machine", "variables"):
        print_heading(part)
        for name, value in cast("dict[str, object]", facts[part]).items():
            print(f"  {name:<20} {shown(value)}")
    print_heading("cache")
    print(f"  {facts['cache']}")
    print_heading("compiling")
    print(f"  {facts['compiling']}")


def shown(value: object) -> str:
    """A value as text: lists and tables on one line, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(str(each) for each in cast("list[object]", value))
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in cast("dict[str, object]", value).items())
    return str(value)
