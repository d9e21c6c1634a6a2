"""The thread pool that parallel loops run on: how many threads it has, from Python.

There is one pool a process. Its threads start at the first parallel loop; they spin only while a
compiled function runs, and sleep otherwise. A loop inside a loop, or one that starts while another
runs, is run by its own thread alone.
"""

from __future__ import annotations

from pellucid.runtime.support_ir.pool import MAX_THREADS
from pellucid.runtime.support_library import support_library
from pellucid.support.errors import ConfigError


def num_threads() -> int:
    """How many threads a parallel loop uses, the calling one included."""
    return int(support_library().pool_threads())


def set_num_threads(count: int) -> None:
    """Use `count` threads (1 … 1024) from now on; waits for a parallel loop that runs at the
    moment.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_THREADS:
        raise ConfigError(
            "The number of threads is out of range.",
            expected=f"a whole number from 1 to {MAX_THREADS}",
            found=repr(count),
        )
    support_library().pool_set_threads(count)


def workers() -> int:
    """How many worker threads exist at the moment: 0 before the first parallel loop."""
    return int(support_library().pool_workers())
