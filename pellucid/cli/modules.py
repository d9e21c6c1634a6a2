"""Find the script module that a command line names.

In: `FILE.py`, `FILE.py:Name`, or `package.module:Name`. Out: the IRModule (a single function is
wrapped into one). The file is imported, that is, run as Python.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.support.errors import RegistryError, did_you_mean

HELP = "FILE.py, FILE.py:Name, or package.module:Name; the file is run as Python"


def load_module(where: str) -> IRModule:
    """The IRModule that `where` names; an unknown or ambiguous name is a `RegistryError`."""
    place, _, name = where.partition(":")
    python = import_file(Path(place)) if place.endswith(".py") else import_name(place)
    found = {
        key: value
        for key, value in vars(python).items()
        if isinstance(value, IRModule | BaseFunc) and not key.startswith("_")
    }
    if not name:
        if len(found) != 1:
            raise RegistryError(
                f"{place} has {len(found)} script modules and functions.",
                found=", ".join(found) or "none",
                cure=f"name one of them: {place}:Name",
            )
        (name,) = found
    if name not in found:
        raise RegistryError(
            f"{place} has no script module or function named {name!r}.",
            found=", ".join(found) or "none",
            cure=did_you_mean(name, found),
        )
    chosen = found[name]
    return chosen if isinstance(chosen, IRModule) else IRModule.from_expr(chosen)


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module of its own name."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RegistryError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    # Scripts find their own source through the module's entry here.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def import_name(name: str) -> ModuleType:
    """Import a module by its dotted name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A missing import inside the user's module is the user's to see as it is.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise RegistryError(
            f"There is no Python module {name!r}.",
            cure="give a file (ending in .py) or the dotted name of an importable module",
        ) from None
