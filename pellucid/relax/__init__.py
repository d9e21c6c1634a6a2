"""The graph level: the public names of `relax`, each loaded when it is first used.

The names of this package itself are listed in `__init__.pyi`; those that later packages provide
(`relax.build`, `relax.VirtualMachine` …) are looked up there. Inside Pellucid nothing goes through
these names.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

import lazy_loader

from pellucid.support.errors import UnsupportedError

_Door = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]
_named, __dir__, __all__ = cast("_Door", lazy_loader.attach_stub(__name__, __file__))

# Public names that packages after this one provide: the module, and the name there.
_PROVIDED = {
    "build": ("pellucid.driver.relax_build", "build"),
    "get_pipeline": ("pellucid.driver.graph_pipeline", "get_pipeline"),
    "VirtualMachine": ("pellucid.runtime.vm", "VirtualMachine"),
    "Executable": ("pellucid.runtime.executable", "Executable"),
    "vm": ("pellucid.runtime.vm", None),
    "frontend": ("pellucid.frontend", None),
}

_LATER = {
    "training": "automatic differentiation",
}


def __getattr__(name: str) -> object:
    """Load the public name `name`; one that this version does not have yet is an error that says
    so.
    """
    if name in _LATER:
        raise UnsupportedError(
            f"pellucid.relax.{name} ({_LATER[name]}) is not part of this version yet.",
            cure="write the model as a script module: loop functions with T.prim_func and a graph "
            "function that calls them with R.call_tir",
        )
    if name in _PROVIDED:
        module, attribute = _PROVIDED[name]
        provider = importlib.import_module(module)
        return provider if attribute is None else getattr(provider, attribute)
    return _named(name)
