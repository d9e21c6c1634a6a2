"""Run a function of a compiled file on arrays.

An input is a file of one array (.npy) or a number. The results are printed, and written where
--output says, one file each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from pellucid.cli.terminal import print_json
from pellucid.runtime.device import cpu
from pellucid.runtime.executable import Executable
from pellucid.runtime.tensor import Tensor, array
from pellucid.runtime.vm import VirtualMachine
from pellucid.support.errors import ArgumentError

EXAMPLES = """  pellucid run model.plc --input x.npy
  pellucid run model.plc --function main --input x.npy --input 3 --output y.npy"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="written by `pellucid compile`")
    parser.add_argument("--function", default="main", metavar="NAME", help="default: main")
    parser.add_argument(
        "--input", action="append", default=[], metavar="X", help="a .npy file or a number"
    )
    parser.add_argument(
        "--output", action="append", default=[], type=Path, metavar="FILE", help="a .npy file"
    )


def run(options: argparse.Namespace) -> int:
    """Load, call, print."""
    executable = Executable.load(cast("Path", options.file))
    machine = VirtualMachine(executable, cpu())
    function = machine[cast("str", options.function)]
    given = [read_input(each) for each in cast("list[str]", options.input)]
    results = flat(function(*given))
    outputs = cast("list[Path]", options.output)
    if outputs and len(outputs) != len(results):
        raise ArgumentError(
            "Each result needs a file.",
            expected=f"--output {len(results)} times",
            found=f"{len(outputs)} times",
        )
    for file, value in zip(outputs, results, strict=False):
        np.save(file, np.asarray(value), allow_pickle=False)
    if cast("bool", options.json):
        print_json([described(value) for value in results])
    else:
        for value in results:
            print(value)
    return 0


def read_input(text: str) -> Any:
    """An argument from the command line: the tensor of a .npy file, an int or a float."""
    if text.endswith(".npy"):
        try:
            return array(np.load(text, allow_pickle=False))
        except ValueError as error:
            raise ArgumentError(f"{text} holds no array that can be read: {error}") from None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ArgumentError(
        "This input is neither a file nor a number.",
        expected="a file that ends in .npy, or a number",
        found=text,
    )


def flat(result: Any) -> list[Any]:
    """The tensors and scalars of a result, tuples taken apart."""
    if isinstance(result, Sequence) and not isinstance(result, str):
        return [each for part in cast("Sequence[Any]", result) for each in flat(part)]
    return [result]


def described(value: Any) -> dict[str, object]:
    """A result as JSON-able data."""
    if isinstance(value, Tensor):
        data = value.numpy()
        return {"shape": list(data.shape), "dtype": value.dtype, "values": data.tolist()}
    return {"value": value}
