"""Shell lines of a document, answered without a shell.

In: a line such as `!wget URL` or `!pip install …`. Out: what happened, as text. Downloads come from
the data folder; packages are looked up and never installed; every other command is named and left.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from importlib import metadata
from itertools import pairwise
from pathlib import Path

from pellucid.compat.documents.document import DocumentError
from pellucid.compat.documents.fetch import fetch

DOWNLOADERS = {"wget", "curl"}
# Options that name the file, that name the folder, and others that take a value.
NAMES_FILE = {"wget": {"-O", "--output-document"}, "curl": {"-o", "--output"}}
NAMES_FOLDER = {"wget": {"-P", "--directory-prefix"}, "curl": {"--output-dir"}}
TAKES_VALUE = {"wget": {"-t", "-T", "-U", "-o", "--header"}, "curl": {"-H", "-A", "-m", "--header"}}
# What the course installs and this package stands in for.
PROVIDED = re.compile(r"^(mlc[-_]ai|apache[-_]tvm|tvm)\b")

Say = Callable[[str], None]


class Shell:
    """Answers shell lines. Files are put into the folder in which the document runs."""

    def __init__(self, data: Path | None, download: bool, say: Say) -> None:
        self.data = data
        self.download = download
        self.say = say

    def __call__(self, command: str) -> None:
        """Answer one line (without its exclamation mark)."""
        try:
            words = shlex.split(command, comments=True)
        except ValueError as error:
            raise DocumentError(
                "This shell line cannot be read.", found=f"{command}: {error}"
            ) from None
        words = _without_interpreter(words)
        name = words[0] if words else ""
        if name in DOWNLOADERS:
            self._download(name, words[1:])
        elif name in {"pip", "pip3", "conda", "mamba", "uv"}:
            self._packages([word for word in words[1:] if not word.startswith("-")], words)
        elif words:
            self.say(f"not run: {command} (only downloads and pip are answered here)")

    def magic(self, command: str) -> None:
        """Say that a magic was not run; those that only set up a notebook need no word."""
        name = command.lstrip("%").split()[0]
        if name not in {
            "matplotlib",
            "config",
            "load_ext",
            "reload_ext",
            "autoreload",
            "precision",
        }:
            self.say(f"not run: {command.splitlines()[0]} (a magic of notebooks)")

    def find(self, name: str) -> Path | None:
        """The file of that name below the data folder."""
        if self.data is None:
            return None
        return next((each for each in sorted(self.data.rglob(name)) if each.is_file()), None)

    def _download(self, name: str, words: Sequence[str]) -> None:
        urls, target, folder = _targets(name, words)
        for url in urls:
            file = url.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]
            place = Path(folder, target or file)
            if place.exists():
                self.say(f"{place} is here already")
                continue
            found = self.find(file) or self._fetched(url, file)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, place)
            self.say(f"{place}: {found.stat().st_size:,} bytes from {found.parent}")

    def _fetched(self, url: str, file: str) -> Path:
        if not self.download:
            raise DocumentError(
                f"The document downloads {file}, which is not in the data folder.",
                expected=f"a file {file} below --data",
                found="no data folder"
                if self.data is None
                else f"nothing of that name below {self.data}",
                cure="put it there, or allow downloads with --download",
            )
        return fetch(url, file, self.data)

    def _packages(self, words: Sequence[str], line: Sequence[str]) -> None:
        if words[:1] != ["install"]:
            self.say(f"not run: {' '.join(line)} (packages are only looked up)")
            return
        addresses = {after for word, after in pairwise(line) if word in _ADDRESSED}
        for word in words[1:]:
            name = re.split(r"[\[<>=~!;@ ]", word)[0]
            if name and word not in addresses:
                self.say(f"{name}: {_presence(name)}")


_ADDRESSED = {"-f", "-i", "-r", "-c", "--find-links", "--index-url", "--extra-index-url"}


def _presence(name: str) -> str:
    if PROVIDED.match(name.lower()):
        return "stood in for by pellucid.compat.tvm"
    try:
        return f"installed, {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return "not installed, and not fetched"


def _without_interpreter(words: list[str]) -> list[str]:
    """`python3 -m pip …` is `pip …`."""
    if len(words) > 2 and re.fullmatch(r"python[\d.]*", words[0]) and words[1] == "-m":
        return words[2:]
    return words[1:] if words[:1] == ["sudo"] else words


def _targets(name: str, words: Sequence[str]) -> tuple[list[str], str | None, str]:
    """The addresses of a download, the file that it names, and the folder that it names."""
    urls: list[str] = []
    target: str | None = None
    folder = ""
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in NAMES_FILE[name]:
            target = value if equals else next(rest, None)
        elif option in NAMES_FOLDER[name]:
            folder = value if equals else next(rest, "")
        elif option in TAKES_VALUE[name] and not equals:
            next(rest, None)
        elif not word.startswith("-"):
            urls.append(word)
    return urls, target, folder
