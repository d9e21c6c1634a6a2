"""Show the folder of cached results, or clear it.

It is PELLUCID_CACHE_DIR, else `pellucid` in XDG_CACHE_HOME, else `~/.cache/pellucid`. Everything in
it can be made again.
"""

from __future__ import annotations

import argparse
from typing import cast

from pellucid.cli.terminal import print_json
from pellucid.runtime.cache import Cache
from pellucid.support.config import cache_folder

EXAMPLES = """  pellucid cache           where it is and how much it holds
  pellucid cache --clear   delete what it holds"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--clear", action="store_true", help="delete every cached result")


def run(options: argparse.Namespace) -> int:
    """Show or clear the cache."""
    folder = cache_folder()
    kinds = [Cache(each.name) for each in sorted(folder.glob("*/"))]
    count = sum(len(each.entries()) for each in kinds)
    size = sum(each.size() for each in kinds)
    clear = cast("bool", options.clear)
    if clear:
        for each in kinds:
            each.clear()
    if cast("bool", options.json):
        print_json({"folder": str(folder), "entries": count, "bytes": size, "cleared": clear})
    elif clear:
        print(f"cleared {count} entries ({size:,} bytes) in {folder}")
    else:
        print(f"{folder}: {count} entries, {size:,} bytes")
    return 0
