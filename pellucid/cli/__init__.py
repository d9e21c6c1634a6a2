"""The `pellucid` command.

In: the arguments of a shell. Out: text on standard output (or JSON with `--json`), progress and
errors on standard error, and an exit code: 0 when it worked, 1 when Pellucid or the program it ran
is at fault, 2 when the call is.

Each subcommand is a module of this package with `EXAMPLES`, `arguments(parser)` and `run(options)`.
Only the chosen one is imported, so that `pellucid --help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from pellucid.support.errors import PellucidError, did_you_mean

OK = 0
FAULT = 1
MISUSE = 2
INTERRUPTED = 130

COMMANDS = {
    "demo": "compile a trained classifier and run it on real images",
    "show": "print a script module at a station of its way to machine code",
    "diff": "print two script modules side by side",
    "compile": "compile a script module into one file",
    "run": "run a compiled file on arrays",
    "run-doc": "run a notebook, a Markdown page or a percent script",
    "doctor": "say what this machine offers and whether compiling works",
    "cache": "show or clear the folder of cached results",
}

# Commands that are named in the plan and that this version does not have.
LATER = ("check", "profile", "report", "tune")


class CommandModule(Protocol):
    """What a module of this package offers as a subcommand."""

    EXAMPLES: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help"}:
        print(overview())
        return OK if words else MISUSE
    if words[0] == "--version":
        print(f"pellucid {version()}")
        return OK
    name, *rest = words
    if name not in COMMANDS:
        print(unknown(name), file=sys.stderr)
        return MISUSE
    return dispatch(name, rest)


def dispatch(name: str, words: Sequence[str]) -> int:
    """Run the subcommand `name` with its arguments `words`; the exit code."""
    module = cast(
        "CommandModule", importlib.import_module(f"pellucid.cli.{name.replace('-', '_')}")
    )
    parser = argparse.ArgumentParser(
        prog=f"pellucid {name}",
        description=(module.__doc__ or "").strip(),
        epilog=f"examples:\n{module.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    module.arguments(parser)
    try:
        options = parser.parse_args(words)
    except SystemExit as stop:
        # argparse has printed its help or its error already.
        return OK if stop.code in (0, None) else MISUSE
    try:
        code = module.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (PellucidError, OSError) as error:
        report(error, as_json=cast("bool", options.json))
        return MISUSE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def report(error: PellucidError | OSError, *, as_json: bool) -> None:
    """Print an error of the user's: as JSON on standard output, or as text on standard error."""
    if as_json:
        print(json.dumps({"error": {"kind": type(error).__name__, "message": str(error)}}))
    else:
        print(f"error: {error}", file=sys.stderr)


def version() -> str:
    """The version of the installed package."""
    return str(importlib.import_module("pellucid").__version__)


def overview() -> str:
    """What `pellucid --help` prints."""
    lines = ["usage: pellucid COMMAND [arguments]", "", "commands:"]
    lines += [f"  {name:<9} {summary}" for name, summary in COMMANDS.items()]
    lines += [
        "",
        "options:",
        "  --version  print the version",
        "",
        "`pellucid COMMAND --help` gives arguments and examples. Try `pellucid demo` first.",
    ]
    return "\n".join(lines)


def unknown(name: str) -> str:
    """The error for a word that is no command."""
    if name in LATER:
        return f"error: this version does not have the command {name!r} yet; see CHANGELOG.md"
    cure = did_you_mean(name, COMMANDS) or f"the commands are {', '.join(COMMANDS)}"
    return f"error: there is no command {name!r}\n  cure: {cure}"
