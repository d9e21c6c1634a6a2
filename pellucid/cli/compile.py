"""Compile a script module into one file that runs without the compiler.

The file holds object code, constants and a manifest with hashes; it runs on processors of the kind
that it was compiled for. With --params, the weights in a safetensors file are bound to the
parameters of `main` that have their names, and become constants.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import cast

from safetensors.numpy import load

from pellucid.cli import modules
from pellucid.cli.terminal import print_json, progress
from pellucid.driver.relax_build import build

EXAMPLES = """  pellucid compile model.py -o model.plc
  pellucid compile model.py:Model -o model.plc --params weights.safetensors"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("where", help=modules.HELP)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--params", type=Path, metavar="FILE", help="weights (safetensors)")
    parser.add_argument("--target", default="llvm", help="default: this machine")
    parser.add_argument(
        "--bounds-check", action="store_true", help="check every access of the loop functions"
    )


def run(options: argparse.Namespace) -> int:
    """Compile and write the file."""
    output = cast("Path", options.output)
    params = cast("Path | None", options.params)
    start = time.perf_counter()
    with progress(3) as step:
        step("reading the module")
        module = modules.load_module(cast("str", options.where))
        weights = load(params.read_bytes()) if params is not None else None
        step("compiling")
        executable = build(
            module,
            cast("str", options.target),
            weights,
            bounds_check=cast("bool", options.bounds_check),
        )
        step("writing")
        executable.save(output)
    seconds = time.perf_counter() - start
    if cast("bool", options.json):
        print_json(
            {
                "file": str(output),
                "bytes": output.stat().st_size,
                "seconds": seconds,
                "target": executable.target.text,
                "functions": executable.function_names(),
                "constants": len(executable.constants),
            }
        )
    else:
        print(executable.stats())
        print(f"wrote {output} ({output.stat().st_size:,} bytes) in {seconds:.2f} s")
    return 0
