"""NumPy arrays, torch tensors and other DLPack producers as raw tvm_ffi tensors, without copying,
and back.

In: an array of the user's. Out: a tvm_ffi tensor (a *handle* in this package) on the same memory,
which it keeps alive. Element types that NumPy's DLPack does not know (bfloat16, float8) cross as
integers of the same size.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from pellucid.runtime import dtypes, ffi
from pellucid.runtime.support_library import support_library
from pellucid.support.errors import TypeMismatchError

AnyArray = np.ndarray[Any, np.dtype[Any]]

# The element types that NumPy's DLPack knows, by their letters.
_PLAIN = frozenset("?bBhHiIlLqQefd")


def is_torch(value: object) -> bool:
    """Whether `value` is a torch tensor; never imports torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def handle_of_numpy(array: AnyArray) -> Any:
    """A handle on the memory of `array`, whatever its strides; read-only arrays too (the caller
    sees to the writes).

    Raises `TypeMismatchError` for element types that tensors cannot have, `BufferError` where NumPy
    cannot share: another byte order, or strides that are not multiples of the element.
    """
    if array.dtype.char in _PLAIN and array.dtype.isnative and array.flags.writeable:
        return ffi.module().from_dlpack(array)
    dtype = dtypes.from_numpy(array.dtype)
    if not array.dtype.isnative:
        raise BufferError("an array in the other byte order cannot be shared without a copy")
    carrier = array
    if dtype in dtypes.ML_DTYPES:
        # Only the element type changes, so this never copies.
        carrier = array.view(dtypes.BYTE_CARRIERS[array.dtype.itemsize])
    if carrier.flags.writeable:
        handle = ffi.module().from_dlpack(carrier)
    else:
        # The older protocol has no word for read-only, and NumPy refuses it then.
        handle = ffi.module().from_dlpack(carrier.__dlpack__(max_version=(1, 0)))
    if carrier is not array:
        handle = retyped(handle, dtype)
    return handle


def handle_of_dlpack(value: Any) -> Any:
    """A handle on the memory of a torch tensor or any other DLPack producer on the CPU.

    `TypeMismatchError` where there is no such memory: sparse and quantized tensors, complex
    numbers, another device, an object without DLPack.
    """
    if not hasattr(value, "__dlpack__"):
        raise TypeMismatchError(
            "Only an array that offers DLPack can be shared.",
            expected="an array of NumPy or torch, or any other with __dlpack__",
            found=f"a {type(value).__name__}",
            cure="copy the values: nd.array(values)",
        )
    if is_torch(value) and value.requires_grad:
        value = value.detach()
    try:
        handle = ffi.module().from_dlpack(value)
        dtype_of(handle)
    except (RuntimeError, ValueError, BufferError) as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeMismatchError(
            f"The memory of this {kind} cannot be shared.",
            expected="a dense array of real numbers on the processor",
            found=str(error).splitlines()[0],
            cure="convert it first, for instance with .cpu(), .to_dense() or .float()",
        ) from error
    return handle


def retyped(handle: Any, dtype: str) -> Any:
    """The same memory, extents and strides with elements of another type of the same size."""
    shape = handle.shape
    return support_library().view(handle, 0, dtypes.packed(dtype), *shape, *handle.strides)


def dtype_of(handle: Any) -> str:
    """Our name of the element type of a handle."""
    return str(handle.dtype)


def numpy_view(handle: Any) -> AnyArray:
    """A NumPy array on the memory of a handle, which it keeps alive; vector elements add a last
    dimension.
    """
    dtype = dtype_of(handle)
    name, lanes = dtypes.split_lanes(dtype)
    carrier = handle
    if lanes > 1 or name in dtypes.ML_DTYPES:
        numpy_dtype = dtypes.to_numpy(name)
        plain = name
        if name in dtypes.ML_DTYPES:
            plain = dtypes.from_numpy(dtypes.BYTE_CARRIERS[numpy_dtype.itemsize])
        shape, strides = handle.shape, handle.strides
        if lanes > 1:
            shape = (*shape, lanes)
            strides = (*(each * lanes for each in strides), 1)
        carrier = support_library().view(handle, 0, dtypes.packed(plain), *shape, *strides)
    array: AnyArray = np.from_dlpack(carrier)
    return array.view(dtypes.to_numpy(name)) if name in dtypes.ML_DTYPES else array
