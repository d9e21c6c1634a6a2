"""Memory as the interpreter sees it: storage that remembers what was written, pointers, and views
of buffers.

Three faults are found here, each an `InterpreterError`: an index outside the buffer's shape, a
position outside its
storage, and reading an element that nothing wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.ir.dtype import DataType
from pellucid.support.errors import InterpreterError


class Storage:
    """A flat piece of memory of one element type, with a mark for each element that was written."""

    __slots__ = ("name", "values", "written")

    def __init__(
        self, name: str, values: np.ndarray[Any, Any], written: np.ndarray[Any, Any]
    ) -> None:
        self.name = name
        self.values = values
        self.written = written

    @staticmethod
    def fresh(name: str, size: int, dtype: np.dtype[Any]) -> Storage:
        """Memory of `size` elements, none of them written yet."""
        return Storage(name, np.zeros(size, dtype), np.zeros(size, bool))

    @staticmethod
    def of_array(name: str, array: np.ndarray[Any, Any]) -> Storage:
        """The memory of a C-contiguous array (shared, not copied), all of it written."""
        return Storage(name, array.reshape(-1), np.ones(array.size, bool))


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """The address of element `offset` of a storage."""

    storage: Storage
    offset: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A buffer made concrete: where it starts, its shape and strides in elements."""

    name: str
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: DataType

    def position(self, indices: tuple[int, ...]) -> int:
        """The element's position in the storage, after checking every index against the shape."""
        for axis, (index, extent) in enumerate(zip(indices, self.shape, strict=True)):
            if not 0 <= index < extent:
                raise InterpreterError(
                    f"The index {list(indices)} is outside the buffer {self.name!r}.",
                    expected=f"0 <= index < {extent} in dimension {axis}",
                    found=str(index),
                )
        place = self.offset + sum(i * s for i, s in zip(indices, self.strides, strict=True))
        if not 0 <= place < len(self.storage.values):
            raise InterpreterError(
                f"The buffer {self.name!r} reaches outside its memory at {list(indices)}.",
                expected=f"a position below {len(self.storage.values)}",
                found=str(place),
            )
        return place

    def read(self, indices: tuple[int, ...]) -> Any:
        """The element at `indices`, which must have been written."""
        place = self.position(indices)
        if not self.storage.written[place]:
            raise InterpreterError(
                f"Element {list(indices)} of {self.name!r} is read before it is written.",
                cure="initialise it (T.init in a reduction), or check the order of the blocks",
            )
        return self.storage.values[place]

    def write(self, indices: tuple[int, ...], value: Any) -> None:
        """Store `value` at `indices`."""
        place = self.position(indices)
        self.storage.values[place] = value
        self.storage.written[place] = True


def compact_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements."""
    strides: list[int] = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))
