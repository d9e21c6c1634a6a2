"""`tvm.contrib.utils`: folders for a while."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


class TempDirectory:
    """A folder that is removed with its object; `relpath(name)` is a path in it."""

    def __init__(self, custom_path: str | None = None, keep_for_debug: bool = False) -> None:
        made = custom_path or tempfile.mkdtemp(prefix="pellucid-")
        Path(made).mkdir(parents=True, exist_ok=True)
        self.temp_dir = made
        self._keep = keep_for_debug or custom_path is not None

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.temp_dir)

    def relpath(self, name: str) -> str:
        """The path of a file in it."""
        return str(self.path / name)

    def listdir(self) -> list[str]:
        """The names in it."""
        return sorted(each.name for each in self.path.iterdir())

    def remove(self) -> None:
        """Remove it now."""
        shutil.rmtree(self.temp_dir, ignore_errors=True)

    def __truediv__(self, name: str) -> Path:
        """A path in it."""
        return self.path / name

    def __enter__(self) -> TempDirectory:
        """The folder."""
        return self

    def __exit__(self, *args: object) -> None:
        """Remove it."""
        self.remove()

    def __del__(self) -> None:
        """Remove it, unless it is kept."""
        if not self._keep:
            shutil.rmtree(self.temp_dir, ignore_errors=True)


def tempdir(custom_path: str | None = None, keep_for_debug: bool = False) -> TempDirectory:
    """A new folder."""
    return TempDirectory(custom_path, keep_for_debug)
