"""Tools for testing compilers and programs: generators, differential runs, tolerances, assert
helpers. `pellucid.testing.peak` measures what a core can do.
"""

from __future__ import annotations

from pellucid.testing.tolerance import Tolerance, assert_allclose, tolerance_of

__all__ = ["Tolerance", "assert_allclose", "tolerance_of"]
