"""Print a script module at a station of its way to machine code, or what a compiled file holds.

script    the module as written
lowered   its loop functions without blocks, as they are compiled
plan      the steps of its graph functions
ll        LLVM IR
asm       assembly
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from pellucid.cli import modules
from pellucid.cli.terminal import print_code, print_json
from pellucid.driver.pipeline import lower
from pellucid.driver.relax_build import build
from pellucid.ir.module import IRModule
from pellucid.runtime.executable import Executable
from pellucid.support.errors import ConfigError

EXAMPLES = """  pellucid show model.py                     the only module in the file, as script
  pellucid show model.py:Model --as asm      its machine code
  pellucid show pellucid.demo.model:DigitsMLP --function linear --as lowered
  pellucid show model.plc                    what a compiled file holds"""

STATIONS = ("script", "lowered", "plan", "ll", "asm")
LANGUAGES = {"script": "python", "lowered": "python", "plan": "text", "ll": "llvm", "asm": "gas"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("where", help=f"{modules.HELP}; or a compiled file")
    parser.add_argument("--as", dest="station", choices=STATIONS, help="default: script")
    parser.add_argument("--function", metavar="NAME", help="this function alone")
    parser.add_argument("--target", default="llvm", help="default: this machine")
    parser.add_argument("--meta", action="store_true", help="print constants, so that it parses")


def run(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    where = cast("str", options.where)
    station = cast("str | None", options.station)
    if is_compiled(where):
        if station not in (None, "plan"):
            raise ConfigError(
                f"A compiled file has no station {station!r}.",
                cure="show the module that it was compiled from, or leave out --as",
            )
        executable = Executable.load(where)
        text = f"{executable.stats()}\n\n{executable.as_text()}".rstrip()
        station = "plan"
    else:
        station = station or "script"
        module = selected(modules.load_module(where), cast("str | None", options.function))
        text = at_station(
            module, station, cast("str", options.target), meta=cast("bool", options.meta)
        )
    if cast("bool", options.json):
        print_json({"where": where, "as": station, "text": text})
    else:
        print_code(text, LANGUAGES[station])
    return 0


def is_compiled(where: str) -> bool:
    """Whether `where` is a file that is no Python source."""
    return not where.endswith(".py") and Path(where).is_file()


def selected(module: IRModule, name: str | None) -> IRModule:
    """The module, or one function of it as a module of its own."""
    return module if name is None else IRModule({module.get_global_var(name): module[name]})


def at_station(module: IRModule, station: str, target: str, *, meta: bool) -> str:
    """The text of `module` at one of `STATIONS`."""
    if station == "script":
        return module.script(show_meta=meta).rstrip()
    if station == "lowered":
        return lower(module).script(show_meta=meta).rstrip()
    executable = build(module, target)
    return (executable.as_text() if station == "plan" else executable.get_source(station)).rstrip()
