"""A folder of results kept from one process to the next: bytes under a key, written whole or not
at all.

The folder is `PELLUCID_CACHE_DIR`, else `pellucid` in the XDG cache folder, with access for its
owner only. A key is any bytes; two keys never meet, since the file holds the key and it is
compared. Losing the folder loses nothing but time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pellucid.support.config import CACHE, cache_folder

_SUFFIX = ".entry"
_LENGTH_BYTES = 8


class Cache:
    """The entries of one `kind` (a folder name); `folder` overrides the configured place."""

    def __init__(self, kind: str, folder: Path | None = None) -> None:
        self._kind = kind
        self._root = folder

    def folder(self) -> Path:
        """Where the entries are."""
        return (self._root or cache_folder()) / self._kind

    def get(self, key: bytes) -> bytes | None:
        """What is stored under `key`, or None; a damaged entry counts as none."""
        if not CACHE.get():
            return None
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        length = int.from_bytes(data[:_LENGTH_BYTES], "little")
        digest_at = _LENGTH_BYTES + length
        value_at = digest_at + 32
        if len(data) < value_at or data[_LENGTH_BYTES:digest_at] != key:
            return None
        value = data[value_at:]
        return value if hashlib.sha256(value).digest() == data[digest_at:value_at] else None

    def put(self, key: bytes, value: bytes) -> None:
        """Store `value` under `key`. A folder that cannot be written is no error: the cache stays
        as it is.
        """
        if not CACHE.get():
            return
        path = self._path(key)
        digest = hashlib.sha256(value).digest()
        try:
            _private_folder(path.parent)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        except OSError:
            return
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(len(key).to_bytes(_LENGTH_BYTES, "little") + key + digest + value)
            os.replace(temporary, path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove all entries; returns how many there were."""
        entries = self.entries()
        for each in entries:
            each.unlink(missing_ok=True)
        return len(entries)

    def entries(self) -> list[Path]:
        """The files of the entries."""
        return sorted(self.folder().glob(f"*{_SUFFIX}"))

    def size(self) -> int:
        """Bytes of all entries."""
        return sum(each.stat().st_size for each in self.entries())

    def _path(self, key: bytes) -> Path:
        return self.folder() / (hashlib.sha256(key).hexdigest() + _SUFFIX)


def _private_folder(folder: Path) -> None:
    """Make the folder and its parent, readable by their owner only; folders that exist keep their
    mode.
    """
    for each in (folder.parent, folder):
        if not each.is_dir():
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
