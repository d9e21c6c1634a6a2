"""What one can see of an array without touching its elements: NumPy's, torch's, or a tensor of
ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from pellucid.runtime import arrays, dtypes
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.tensor import Tensor
from pellucid.support.errors import TypeMismatchError


class Facts(NamedTuple):
    """An array as its user sees it.

    `dtype` is our name, or the owner's where tensors cannot have such elements (then `known` is
    False). `strides` are in elements; None where they are not whole elements. `native`: in this
    machine's byte order.
    """

    dtype: str
    known: bool
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    address: int
    element: int
    writable: bool
    native: bool
    device: str
    layout: str = "strided"

    @property
    def compact(self) -> bool:
        """Whether the elements lie one after the other, row by row."""
        if self.strides is None:
            return False
        if 0 in self.shape:
            return True
        step = 1
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent != 1 and stride != step:
                return False
            step *= extent
        return True


def compact_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a compact array of this shape, in elements."""
    strides: list[int] = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def facts(value: object) -> Facts | None:
    """What is to be seen of `value`; None if it is not an array."""
    if isinstance(value, Tensor):
        return _of_tensor(value)
    if isinstance(value, np.ndarray):
        return _of_numpy(cast("AnyArray", value))
    if arrays.is_torch(value):
        return _of_torch(value)
    return None


def _of_tensor(value: Tensor) -> Facts:
    size = dtypes.element_bytes(value.dtype)
    shape, strides, where = value.shape, value.strides, str(value.device)
    return Facts(value.dtype, True, shape, strides, value.data_ptr, size, True, True, where)


def _of_numpy(value: AnyArray) -> Facts:
    size = value.itemsize or 1
    whole = all(each % size == 0 for each in value.strides)
    strides = tuple(each // size for each in value.strides) if whole else None
    name, known = _name(value.dtype)
    address = value.__array_interface__["data"][0]
    flags = value.flags
    native = value.dtype.isnative
    return Facts(name, known, value.shape, strides, address, size, flags.writeable, native, "cpu:0")


def _of_torch(value: Any) -> Facts:
    name = str(value.dtype).removeprefix("torch.")
    known = name in dtypes.SCALARS
    layout = str(value.layout).removeprefix("torch.")
    strided = layout == "strided"
    device = value.device
    where = f"{device.type}:{device.index or 0}"
    strides = tuple(value.stride()) if strided else None
    address = value.data_ptr() if strided else 0
    shape, size = tuple(value.shape), value.element_size()
    return Facts(name, known, shape, strides, address, size, True, True, where, layout)


def _name(dtype: np.dtype[Any]) -> tuple[str, bool]:
    try:
        return dtypes.from_numpy(dtype), True
    except TypeMismatchError:
        return str(dtype), False
