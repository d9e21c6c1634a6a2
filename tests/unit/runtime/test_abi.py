"""The layouts in `abi.py` are those of the installed tvm_ffi."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np
import pytest

from pellucid.runtime import abi, dtypes, failures, ffi
from pellucid.runtime.support_library import runtime_symbols, support_library


def words(address: int, layout: str, offset: int = 0) -> tuple[Any, ...]:
    size = struct.calcsize(layout)
    return struct.unpack(layout, ctypes.string_at(address + offset, size))


@pytest.fixture(scope="module")
def foreign() -> Any:
    """A tensor object that tvm_ffi made."""
    return ffi.module().from_dlpack(np.zeros((2, 3), np.float32))


def test_object_header(foreign: Any) -> None:
    address = foreign.__chandle__()
    assert words(address, "<Q", abi.OBJECT_REFERENCES) == (abi.ONE_REFERENCE,)
    assert words(address, "<i", abi.OBJECT_TYPE) == (abi.TENSOR,)
    assert words(address, "<Q", abi.OBJECT_DELETER) != (0,)


def test_tensor_fields(foreign: Any) -> None:
    dl = foreign.__chandle__() + abi.OBJECT_HEADER
    assert words(dl, "<Q", abi.DL_DATA) == (foreign.data_ptr(),)
    assert words(dl, "<ii", abi.DL_DEVICE_TYPE) == (abi.DEVICE_CPU, 0)
    assert words(dl, "<i", abi.DL_NDIM) == (2,)
    assert words(dl, "<i", abi.DL_DTYPE) == (dtypes.packed("float32"),)
    shape, strides, skipped = words(dl, "<QQQ", abi.DL_SHAPE)
    assert words(shape, "<qq") == (2, 3)
    assert words(strides, "<qq") == (3, 1)
    assert skipped == 0
    assert abi.DL_STRIDES == abi.DL_SHAPE + 8
    assert abi.DL_BYTE_OFFSET == abi.DL_STRIDES + 8
    assert abi.DL_BYTES == abi.DL_BYTE_OFFSET + 8


def test_our_tensor_has_the_same_layout(foreign: Any) -> None:
    ours = support_library().empty(dtypes.packed("float32"), 2, 3)
    assert words(ours.__chandle__(), "<Qi") == words(foreign.__chandle__(), "<Qi")
    assert (ours.shape, ours.strides, str(ours.dtype)) == ((2, 3), (3, 1), "float32")
    assert ours.data_ptr() % abi.ALIGNMENT == 0


def test_array_and_shape() -> None:
    array = ffi.module().Array([1, 2, 3])
    data, size = words(array.__chandle__(), "<Qq", abi.ARRAY_DATA)
    assert (size, words(array.__chandle__(), "<i", abi.OBJECT_TYPE)) == (3, (abi.ARRAY,))
    assert words(data, "<iiq", abi.ANY_BYTES) == (abi.INT, 0, 2)
    shape = ffi.module().convert(lambda value: value)
    seen: list[int] = []

    def look(value: Any) -> None:
        seen.append(value)

    ffi.module().convert(look)(ffi.module().Shape((4, 5)))
    assert tuple(seen[0]) == (4, 5)
    assert shape.__chandle__()
    assert words(shape.__chandle__(), "<i", abi.OBJECT_TYPE) == (abi.FUNCTION,)
    assert words(shape.__chandle__(), "<Q", abi.FUNCTION_SAFE_CALL) != (0,)


def test_an_error_holds_the_exception_that_it_carries() -> None:
    exception = KeyError("k")
    carrier = failures.carried(exception)
    error = carrier.__tvm_ffi_error__
    assert words(error.__chandle__(), "<i", abi.OBJECT_TYPE) == (abi.ERROR,)
    assert failures.original(carrier) is exception


def test_every_declared_function_has_an_address() -> None:
    symbols = runtime_symbols()
    assert set(symbols) == {*abi.FFI_DECLARATIONS, *abi.SUPPORT_DECLARATIONS}
    assert all(symbols.values())


@pytest.mark.parametrize("dtype", [*dtypes.SCALARS, "float32x4", "int8x16"])
def test_dtypes_are_packed_as_tvm_ffi_packs_them(dtype: str) -> None:
    tensor = support_library().empty(dtypes.packed(dtype), 2)
    assert str(tensor.dtype) == dtype
    name, lanes = dtypes.split_lanes(dtype)
    code, bits, _ = dtypes.SCALARS[name]
    assert dtypes.from_dlpack(code, bits, lanes) == dtype
