"""Meeting other people's files and spellings."""

from __future__ import annotations

import importlib


def load_ipython_extension(ipython: object) -> None:
    """For `%load_ext pellucid.compat`: from here on `import tvm` means this package."""
    importlib.import_module("pellucid.compat.tvm").load_ipython_extension(ipython)
