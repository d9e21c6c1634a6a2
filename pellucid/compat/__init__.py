"""Meeting other people's files and spellings."""

from __future__ import annotations

import importlib


def load_ipython_extension(ipython: object) -> None:
    """For `%load_ext pellucid.compat`: from here on `import tvm` means this package, and
    `%pellucid_document` makes a document's notebook run as `pellucid run-doc` runs the document.
    """
    importlib.import_module("pellucid.compat.tvm").load_ipython_extension(ipython)
    importlib.import_module("pellucid.compat.documents.extension").load_ipython_extension(ipython)
