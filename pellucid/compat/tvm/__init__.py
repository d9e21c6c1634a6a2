"""The course's own spelling: after `import pellucid.compat.tvm`, `import tvm` means this package.

`import tvm`, `from tvm import relax`, `from tvm.script import tir as T` and every path below give
this package's own classes and functions. The same happens with `%load_ext pellucid.compat` in a
notebook, and with `pytest -p pellucid.compat.tvm`. An installed TVM keeps its name, with a warning,
unless `install(shadow=True)` is called or `PELLUCID_COMPAT_TVM=shadow` is set before.
"""

from __future__ import annotations

from typing import Any

from pellucid.compat.tvm.finder import ShadowWarning, install, uninstall
from pellucid.support.config import COMPAT_TVM

__all__ = ["ShadowWarning", "install", "load_ipython_extension", "uninstall"]


def load_ipython_extension(ipython: object) -> None:
    """For `%load_ext pellucid.compat.tvm`."""
    del ipython
    install(shadow=COMPAT_TVM.get() == "shadow")


def pytest_configure(config: Any) -> None:
    """For `pytest -p pellucid.compat.tvm`: the fixtures of `tvm.testing`."""
    config.pluginmanager.import_plugin("pellucid.compat.tvm.testing_plugin")


install(shadow=COMPAT_TVM.get() == "shadow")
