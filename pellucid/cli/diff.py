"""Print two script modules side by side, with the lines that differ marked.

`|` stands between lines that differ, `<` and `>` at those that one module alone has. Functions that
mean the same are only named; names of variables do not count. The exit code is 0 when the modules
are the same and 1 when they differ.
"""

from __future__ import annotations

import argparse
import shutil
from typing import cast

from pellucid.cli import modules
from pellucid.cli.show import selected
from pellucid.cli.terminal import print_json
from pellucid.script.highlight import show

EXAMPLES = """  pellucid diff before.py after.py
  pellucid diff model.py:Before model.py:After --function main"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("left", help=modules.HELP)
    parser.add_argument("right", help="the module to compare with")
    parser.add_argument("--function", metavar="NAME", help="this function alone")
    parser.add_argument("--width", type=int, help="columns; default: those of the terminal")


def run(options: argparse.Namespace) -> int:
    """Print the differences."""
    name = cast("str | None", options.function)
    left = selected(modules.load_module(cast("str", options.left)), name)
    right = selected(modules.load_module(cast("str", options.right)), name)
    found = left.diff(right)
    if cast("bool", options.json):
        print_json({each.name: {"status": each.status, "first": each.path} for each in
                    found.functions})  # fmt: skip
    else:
        width = cast("int | None", options.width) or shutil.get_terminal_size((150, 24)).columns
        show(found.text(width))
    return 1 if found else 0
