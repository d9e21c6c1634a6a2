"""Pellucid: a machine learning compiler that one can see through.

The public names are listed in `__init__.pyi` and loaded when they are first used, so that
`import pellucid` is cheap and `import pellucid.runtime` loads nothing of the compiler. Inside the
package nothing goes through these names.
"""

from collections.abc import Callable
from typing import cast

import lazy_loader

from pellucid.support.errors import UnsupportedError

__version__ = "0.1.0.dev0"

_Door = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]
_named, __dir__, __all__ = cast("_Door", lazy_loader.attach_stub(__name__, __file__))

_LATER = {
    "compile": "compiling PyTorch and ONNX models",
}


def __getattr__(name: str) -> object:
    """Load the public name `name`; one that this version does not have yet is an error that says
    so.
    """
    if name in _LATER:
        raise UnsupportedError(
            f"pellucid.{name} ({_LATER[name]}) is not part of version {__version__} yet.",
            cure="write the model as a script module: loop functions with T.prim_func and a graph "
            "function that calls them with R.call_tir; README.md has an example",
        )
    return _named(name)
