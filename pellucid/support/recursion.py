"""Room for deep recursion: expression chains of many thousand nodes are walked by plain Python
recursion.

Python-to-Python calls take no C stack, so a high limit is safe as long as no C function stands in
between.
"""

from __future__ import annotations

import sys

DEPTH = 200_000


def allow_deep_recursion() -> None:
    """Raise the interpreter's recursion limit to `DEPTH`, once; a higher limit set by the user
    stays.
    """
    if sys.getrecursionlimit() < DEPTH:
        sys.setrecursionlimit(DEPTH)
