"""What models come in through: importers, and modules written in Python (`frontend.nn`).

The public names are listed in `__init__.pyi` and loaded when they are first used, so that an
importer loads only what it reads.
"""

from collections.abc import Callable
from typing import cast

import lazy_loader

_Door = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]
__getattr__, __dir__, __all__ = cast("_Door", lazy_loader.attach_stub(__name__, __file__))
