"""What `import pickle` gives to a document: `load` and `loads` that read arrays and run nothing.

A pickle is a program. Documents download theirs, so inside a document they are read by
`compat.array_pickle`, which refuses everything but numbers, strings, containers and arrays. Writing
is left to Python's own module.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, BinaryIO

from pellucid.compat.array_pickle import load_arrays
from pellucid.support.errors import ArtifactError, UnsupportedError

WRITING = (
    "dump",
    "dumps",
    "Pickler",
    "HIGHEST_PROTOCOL",
    "DEFAULT_PROTOCOL",
    "PickleError",
    "PicklingError",
    "UnpicklingError",
)


def load(file: BinaryIO, **options: Any) -> Any:
    """The arrays of an open file. `options` (encodings of old strings) have nothing to act on."""
    del options
    try:
        return load_arrays(file.read())
    except ArtifactError as error:
        name = getattr(file, "name", None)
        if isinstance(name, str):
            error.message = f"{name}: {error.message}"
        raise


def loads(data: bytes, **options: Any) -> Any:
    """The arrays of a pickle held in memory."""
    del options
    return load_arrays(bytes(data))


def arrays_only(real: ModuleType) -> ModuleType:
    """A module in the place of `pickle`, whose writing half is `real`'s."""
    module = ModuleType("pickle", __doc__)
    module.__dict__.update(load=load, loads=loads)
    module.__dict__.update({name: getattr(real, name) for name in WRITING})

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"pickle.{name} is not there inside a document.",
            expected="pickle.load or pickle.loads, which read arrays and run nothing",
            cure="save the data with numpy.savez or safetensors",
        )

    module.__dict__["__getattr__"] = missing
    return module
