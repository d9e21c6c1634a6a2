"""The file that an executable is saved to: one file, no pickle, verified before a byte of it is
used.

| bytes | what | |---|---| | 8 | `PELLUCID` | | 4 | format version, little-endian | | 8 | length of
the manifest | | 32 | SHA-256 of the manifest | | … | the manifest: JSON | | … | sections, each at a
multiple of 64 bytes, with size and SHA-256 in the manifest |

Nothing follows the last section. Whatever does not fit is an `ArtifactError` that says what.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pellucid.runtime.signature import Record
from pellucid.support.errors import ArtifactError

MAGIC = b"PELLUCID"
VERSION = 1
_HEAD = struct.Struct("<8sIQ32s")
_ALIGN = 64
MAX_MANIFEST = 1 << 30
MAX_SECTION = 1 << 46


def write(path: Path, manifest: Mapping[str, object], sections: Mapping[str, bytes]) -> None:
    """Write an artifact; the file appears whole or not at all."""
    described = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in sections.items()
    }
    text = json.dumps({**manifest, "sections": described}, separators=(",", ":")).encode()
    head = _HEAD.pack(MAGIC, VERSION, len(text), hashlib.sha256(text).digest())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            file.write(text)
            for data in sections.values():
                file.write(bytes(-file.tell() % _ALIGN))
                file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read(path: Path) -> tuple[Record, dict[str, memoryview]]:
    """The manifest and the sections of a verified artifact."""
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ArtifactError(
            f"The executable {str(path)!r} cannot be read.", found=error.strerror or str(error)
        ) from None
    manifest, end = _manifest(path, data)
    sections: dict[str, memoryview] = {}
    table = manifest.get("sections")
    if not isinstance(table, dict):
        raise _corrupt(path, "its manifest lists no sections")
    for name, entry in cast("dict[str, object]", table).items():
        record = Record(entry, "section")
        size = record.integer("size", 0, MAX_SECTION)
        start = end + -end % _ALIGN
        if any(data[end : min(start, len(data))]):
            raise _corrupt(path, "there are bytes between its sections")
        end = start + size
        if end > len(data):
            raise _truncated(path, end, len(data))
        section = data[start:end]
        if hashlib.sha256(section).hexdigest() != record.text("sha256"):
            raise _corrupt(path, f"the hash of its section {name!r} is wrong")
        sections[name] = section
    if end != len(data):
        raise ArtifactError(
            f"The executable {str(path)!r} has bytes after its end.",
            expected=f"{end} bytes",
            found=f"{len(data)} bytes",
            cure="save it again",
        )
    return manifest, sections


def _manifest(path: Path, data: memoryview) -> tuple[Record, int]:
    if bytes(data[: len(MAGIC)]) != MAGIC[: len(data)]:
        raise ArtifactError(
            f"The file {str(path)!r} is not an executable of Pellucid.",
            expected=f"a file that begins with {MAGIC.decode()}",
            found=repr(bytes(data[: len(MAGIC)])),
        )
    if len(data) < _HEAD.size:
        raise _truncated(path, _HEAD.size, len(data))
    _, version, length, digest = _HEAD.unpack(data[: _HEAD.size])
    if version != VERSION:
        raise ArtifactError(
            f"The executable {str(path)!r} has another format version.",
            expected=str(VERSION),
            found=str(version),
            cure="build it again with this version of Pellucid",
        )
    end = _HEAD.size + length
    if length > MAX_MANIFEST:
        raise _corrupt(path, "the length of its manifest is absurd")
    if end > len(data):
        raise _truncated(path, end, len(data))
    text = data[_HEAD.size : end]
    if hashlib.sha256(text).digest() != digest:
        raise _corrupt(path, "the hash of its manifest is wrong")
    try:
        parsed: object = json.loads(bytes(text))
    except (ValueError, RecursionError):
        raise _corrupt(path, "its manifest is not JSON") from None
    return Record(parsed, "manifest"), end


def _truncated(path: Path, expected: int, found: int) -> ArtifactError:
    return ArtifactError(
        f"The executable {str(path)!r} is truncated.",
        expected=f"at least {expected} bytes",
        found=f"{found} bytes",
        cure="save or copy it again",
    )


def _corrupt(path: Path, why: str) -> ArtifactError:
    return ArtifactError(
        f"The executable {str(path)!r} is corrupt: {why}.", cure="save or copy it again"
    )
