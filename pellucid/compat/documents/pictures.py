"""Pictures that the text of a document links.

In: a page's text and the folder of the document. Out: the text, in which a picture that is not
there is its caption.
"""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r"!\[(?P<caption>[^\]]*)\]\((?P<target>[^)\s]+)(?:\s+\"(?P<title>[^\"]*)\")?\)")
REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
EMBEDDED = "attachment:"


def local_picture(target: str, home: Path) -> Path | None:
    """The file that a link means, if there is one beside the document."""
    if REMOTE.match(target):
        return None
    file = home / target.partition("#")[0]
    return file if file.is_file() else None


def caption_of(caption: str, target: str) -> str:
    """The words that stand for a picture: its caption, or the name of its file."""
    words = Path(target).stem.replace("_", " ").replace("-", " ")
    # Captions that repeat an address say less than the file's name.
    plain = caption if caption and "/" not in caption else words
    return f"*[{plain}]*"


def with_captions(text: str, home: Path) -> str:
    """The text with a caption for each picture that is not there. Remote pictures stay links."""

    def replaced(link: re.Match[str]) -> str:
        target = link["target"]
        if REMOTE.match(target) or local_picture(target, home) is not None:
            return link.group()
        return caption_of(link["caption"] or link["title"] or "", target)

    return LINK.sub(replaced, text)
