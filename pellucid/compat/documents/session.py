"""What surrounds the cells of a document: the data folder, the stand-ins, and what was said.

In: the options of a run. Out: `Session`, used alike by the runner and by notebooks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pellucid.compat.documents import figures, ipython, vision
from pellucid.compat.documents.document import DocumentError
from pellucid.compat.documents.namespace import Factory, Importer, document_builtins, pickles
from pellucid.compat.documents.outputs import Recorder
from pellucid.compat.documents.prepare import MAGIC, SHELL
from pellucid.compat.documents.shell import Say, Shell

ADDED_LINE = "import pellucid.compat.tvm"
"""The one line that a reader adds to a document; it is run before the first cell."""


class Session:
    """The data folder and the stand-ins of one run.

    `say` takes what a reader has to know, each sentence once. With a `recorder` the document's
    displays and figures are recorded; a notebook has its own.
    """

    def __init__(
        self,
        data: Path | None = None,
        download: bool = False,
        say: Say | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        if data is not None and not data.is_dir():
            raise DocumentError(
                "There is no such data folder.", expected="a folder for --data", found=str(data)
            )
        self.data = None if data is None else data.resolve()
        self.notes: list[str] = []
        self._say = say
        self.recorder = recorder
        self.shell = Shell(self.data, download, print)

    def note(self, text: str) -> None:
        """Tell the reader something, once."""
        if text not in self.notes:
            self.notes.append(text)
            if self._say is not None:
                self._say(text)

    def names(self) -> dict[str, Any]:
        """The names that a document finds in its namespace before its first cell."""
        return {
            "__builtins__": document_builtins(Importer(self._factories())),
            SHELL: self.shell,
            MAGIC: self.shell.magic,
        }

    def _factories(self) -> dict[str, Factory]:
        found: dict[str, Factory] = {name: pickles for name in ("pickle", "_pickle", "cPickle")}
        found["torchvision"] = self._torchvision
        recorder = self.recorder
        if recorder is not None:
            found["matplotlib"] = _matplotlib
            found["IPython"] = lambda real: ipython.stand_in(recorder, real)
        return found

    def _torchvision(self, real: Callable[..., Any]) -> ModuleType:
        try:
            module = real("torchvision.datasets")
        except (ImportError, RuntimeError, OSError) as error:
            # Builds that do not fit the installed torch fail in one of these ways.
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            self.note(
                f"torchvision cannot be imported ({first or type(error).__name__}); a stand-in"
            )
            return vision.stand_in(self.data, self.note)
        return vision.overlay(module, self.data, self.note)


def _matplotlib(real: Callable[..., Any]) -> None:
    """The real matplotlib, drawing for the document."""
    try:
        real("matplotlib")
    except ImportError:
        return
    figures.use_backend()


def seed_everything(seed: int) -> None:
    """Make random numbers of Python, NumPy and torch (where it is installed) repeat."""
    import random

    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    try:
        import torch
    except ImportError:
        return
    cast("Any", torch).manual_seed(seed)
