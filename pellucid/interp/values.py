"""How the interpreter holds values, and what conversion between dtypes means.

A scalar integer is a Python int inside its dtype's range, a bool a Python bool, a float a NumPy (or
ml_dtypes) scalar of
its dtype, so that every operation rounds as the dtype does. A vector is a NumPy array of lanes. A
pointer is a
`memory.Pointer`, a string a str.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard, cast

import numpy as np

from pellucid.ir.dtype import DataType
from pellucid.runtime.dtypes import SCALARS
from pellucid.support.errors import InterpreterError


def is_lanes(value: Any) -> TypeGuard[np.ndarray[Any, Any]]:
    """Whether a value is a vector: a NumPy array of lanes."""
    return isinstance(value, np.ndarray)


def is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Whether a value is a tuple."""
    return isinstance(value, tuple)


def numpy_dtype(dtype: DataType) -> np.dtype[Any]:
    """The NumPy (or ml_dtypes) element type of a dtype's lanes."""
    row = SCALARS.get(str(dtype.scalar))
    if row is None:
        raise InterpreterError(f"A value of dtype {dtype} cannot be held in an array.")
    return row[2]


def wrap(value: int, dtype: DataType) -> int:
    """An integer brought into the range of `dtype` in two's complement."""
    mask = (1 << dtype.bits) - 1
    value &= mask
    if dtype.is_int and value >> (dtype.bits - 1):
        value -= 1 << dtype.bits
    return value


def hold(value: Any, dtype: DataType) -> Any:
    """A computed scalar in the form in which values of `dtype` are held."""
    if dtype.lanes > 1:
        return np.asarray(value, dtype=numpy_dtype(dtype))
    if dtype.is_bool:
        return bool(value)
    if dtype.is_integer:
        return wrap(int(value), dtype)
    if dtype.is_float:
        return numpy_dtype(dtype).type(value)
    return value


def element(value: Any, dtype: DataType) -> Any:
    """An array element (a NumPy scalar) in the form in which scalars of `dtype` are held."""
    if dtype.is_bool:
        return bool(value)
    return int(value) if dtype.is_integer else value


def convert(value: Any, source: DataType, target: DataType) -> Any:
    """What `Cast` means; see `ir.scalar.Cast`."""
    if source.lanes > 1:
        lanes = cast("np.ndarray[Any, Any]", value)
        converted = [convert(element(each, source), source.scalar, target.scalar) for each in lanes]
        return np.array(converted, dtype=numpy_dtype(target))
    if target.is_handle or source.is_handle:
        return value
    if target.is_bool:
        return bool(value != 0)
    if target.is_integer:
        return _to_integer(value, source, target)
    if target.bits >= 32:
        return _wide(value, source).astype(numpy_dtype(target))
    if source.is_float:
        return _wide(value, source).astype(numpy_dtype(target))
    # An integer goes to a small float by way of float32, as native code does it.
    return _wide(value, source).astype(np.float32).astype(numpy_dtype(target))


def _wide(value: Any, source: DataType) -> Any:
    """A scalar as a NumPy scalar of its own dtype."""
    if source.is_float:
        return numpy_dtype(source).type(value)
    return np.uint64(value) if source.is_uint else np.int64(value)


def _to_integer(value: Any, source: DataType, target: DataType) -> int:
    if not source.is_float:
        return wrap(int(value), target)
    number = float(value)
    if math.isnan(number):
        return 0
    low, high = target.range()
    if math.isinf(number):
        return high if number > 0 else low
    return min(max(math.trunc(number), low), high)
