"""Tools for testing compilers and programs: generators, differential runs, tolerances, assert
helpers, validation of schedules.

The public names are listed in `__init__.pyi` and loaded when they are first used.
"""

from collections.abc import Callable
from typing import cast

import lazy_loader

_Door = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]
__getattr__, __dir__, __all__ = cast("_Door", lazy_loader.attach_stub(__name__, __file__))
