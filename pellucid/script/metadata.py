"""Constants beside a script: written as JSON with `show_meta=True`, read by `I.load_metadata`.

A script refers to a constant as `metadata["relax.expr.Constant"][0]`. The JSON maps each kind to a
list of arrays: dtype (`bfloat16` and the like by their names), shape, and the elements as bytes in
row-major order, little endian, base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
from collections.abc import Mapping
from typing import Any, cast

import ml_dtypes
import numpy as np

from pellucid.relax.expr import const
from pellucid.support.errors import ParseError

CONSTANT = "relax.expr.Constant"
ARRAY = "runtime.Tensor"
VERSION = 1

_EXTRA_DTYPES = {
    name: np.dtype(getattr(ml_dtypes, name))
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")
}


def _numpy(value: Any) -> Any:
    array = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
    return np.ascontiguousarray(array).reshape(array.shape)


def _little_endian(array: Any) -> Any:
    swapped = sys.byteorder == "big" and array.dtype.itemsize > 1
    return array.byteswap() if swapped else array


class MetadataWriter:
    """Collects the constants that a text refers to."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Any]] = {}
        self._places: dict[int, str] = {}
        # Keeps what `_places` goes by alive.
        self._kept: list[Any] = []

    def refer(self, kind: str, value: Any) -> str:
        """How a text refers to `value` (a tensor or array); the same object always gets the same
        place.
        """
        found = self._places.get(id(value))
        if found is None:
            table = self._tables.setdefault(kind, [])
            found = f'metadata["{kind}"][{len(table)}]'
            table.append(value)
            self._places[id(value)] = found
            self._kept.append(value)
        return found

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._tables)

    def describe(self, most: int = 20) -> list[str]:
        """A line for each of the first `most`: its place, shape, dtype and first elements."""
        found = [
            f'metadata["{kind}"][{index}]: {_summary(_numpy(value))}'
            for kind, values in self._tables.items()
            for index, value in enumerate(values)
        ]
        more = len(found) - most
        return [*found[:most], *([f"… and {more} more"] if more > 0 else [])]

    def to_json(self) -> str:
        """All of it, in one line."""
        tables = {
            kind: [_encode(_numpy(value)) for value in values]
            for kind, values in self._tables.items()
        }
        return json.dumps({"version": VERSION, **tables})


def _summary(array: Any) -> str:
    """Shape, dtype and the first elements of an array."""
    first = [f"{each:.4g}" if "float" in array.dtype.name else str(each) for each in array.flat[:4]]
    rest = " …" if array.size > len(first) else ""
    return f"{array.shape} {array.dtype.name}, {' '.join(first)}{rest}"


def _encode(array: Any) -> dict[str, Any]:
    data = base64.b64encode(_little_endian(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _decode(entry: Any) -> Any:
    """One array of the JSON."""
    if not isinstance(entry, dict):
        raise _bad(f"an entry is {type(entry).__name__}")
    fields = cast("Mapping[str, Any]", entry)
    name, shape, text = fields.get("dtype"), fields.get("shape"), fields.get("data")
    if not (isinstance(name, str) and isinstance(shape, list) and isinstance(text, str)):
        raise _bad("an entry lacks dtype, shape or data")
    try:
        dtype = _EXTRA_DTYPES.get(name) or np.dtype(name)
        data = base64.b64decode(text, validate=True)
        extents = [int(each) for each in cast("list[Any]", shape)]
    except (TypeError, ValueError, binascii.Error) as error:
        raise _bad(str(error)) from error
    if len(data) != math.prod(extents) * dtype.itemsize:
        raise _bad(f"{len(data)} bytes for {extents} of {name}")
    return _little_endian(np.frombuffer(data, dtype).reshape(extents))


def _bad(found: str) -> ParseError:
    return ParseError(
        "This metadata cannot be read.",
        expected="the JSON that .script(show_meta=True) writes",
        found=found,
        cure="print the module anew with show_meta=True",
    )


def load_metadata(text: str) -> dict[str, list[Any]]:
    """The constants of a text, by kind: `relax.Constant` objects, or NumPy arrays."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise _bad(str(error)) from error
    if not isinstance(content, dict):
        raise _bad(type(content).__name__)
    tables = dict(cast("Mapping[str, Any]", content))
    version = tables.pop("version", None)
    if version != VERSION:
        raise _bad(f"version {version!r}, where this release reads {VERSION}")
    result: dict[str, list[Any]] = {}
    for kind, entries in tables.items():
        arrays = [_decode(entry) for entry in entries]
        result[kind] = [const(array) for array in arrays] if kind == CONSTANT else arrays
    return result
