"""Show the folder of cached results, or clear it.

It is PELLUCID_CACHE_DIR, else `pellucid` in XDG_CACHE_HOME, else `~/.cache/pellucid`. Everything in
it can be made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from pellucid.cli.terminal import print_json
from pellucid.support.config import cache_folder

EXAMPLES = """  pellucid cache           where it is and how much it holds
  pellucid cache --clear   delete what it holds"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--clear", action="store_true", help="delete every cached result")


def run(options: argparse.Namespace) -> int:
    """Show or clear the cache."""
    folder = cache_folder()
    files = held(folder)
    size = sum(file.stat().st_size for file in files)
    clear = cast("bool", options.clear)
    if clear:
        for file in files:
            file.unlink()
    if cast("bool", options.json):
        print_json({"folder": str(folder), "files": len(files), "bytes": size, "cleared": clear})
    elif clear:
        print(f"cleared {len(files)} files ({size:,} bytes) in {folder}")
    else:
        print(f"{folder}: {len(files)} files, {size:,} bytes")
    return 0


def held(folder: Path) -> list[Path]:
    """The files of the cache. Links are left alone: they may lead anywhere."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
