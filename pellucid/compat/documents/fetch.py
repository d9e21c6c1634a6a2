"""The one place that may use a network: `--download` fetches a file that a document asks for.

In: an address. Out: the file, in the data folder. Nothing is fetched without a checksum: it is
known here, or stands in a file SHA256SUMS of the data folder, and what does not match is thrown
away.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from pellucid.compat.documents.document import DocumentError
from pellucid.support.errors import ArtifactError

SUMS = "SHA256SUMS"
MAX_BYTES = 1 << 30
TIMEOUT_SECONDS = 60
KNOWN = {
    "fasionmnist_mlp_params.pkl": (
        "65e60c21536ed052ba5e1e6c94806530c7d804056822a6b39066ce6a5b02e646"
    ),
    "fasionmnist_mlp_assignment_params.pkl": (
        "5002bc310ff329ce00cddff6a8aa9065558a24248c9f7f211bb8b7e1d5c0db2e"
    ),
}


def fetch(url: str, name: str, folder: Path | None) -> Path:
    """Fetch `url` as the file `name` of `folder`; a temporary folder where there is none."""
    wanted = checksum(name, folder)
    data = _read(url)
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise ArtifactError(
            f"What {url} sent is not the file that is known as {name}; it was thrown away.",
            expected=f"SHA-256 {wanted}",
            found=f"SHA-256 {found}",
        )
    target = (folder or Path(tempfile.mkdtemp(prefix="pellucid-data-"))) / name
    target.write_bytes(data)
    return target


def checksum(name: str, folder: Path | None) -> str:
    """The checksum of a file that may be fetched; an unknown file is an error that says where to
    write it.
    """
    sums = None if folder is None else folder / SUMS
    if sums is not None and sums.is_file():
        for line in sums.read_text("utf-8").splitlines():
            value, _, file = line.partition(" ")
            if file.strip().lstrip("*") == name:
                return value.lower()
    if name in KNOWN:
        return KNOWN[name]
    raise DocumentError(
        f"The file {name} is not fetched: nobody has said what it has to be.",
        expected=f"a line `SHA-256  {name}` in {SUMS if sums is None else sums}",
        cure="write the line, or put the file into the data folder yourself",
    )


def _read(url: str) -> bytes:
    # Nothing of the network is loaded unless a download was allowed.
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            data: bytes = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DocumentError(
            f"{url} cannot be fetched: {error}",
            cure="check the network, or put the file into the data folder yourself",
        ) from None
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{url} is too large.", expected=f"at most {MAX_BYTES:,} bytes")
    return data
