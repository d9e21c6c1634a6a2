"""One table of element types: our name, NumPy's (or ml_dtypes') dtype, and DLPack's (code, bits,
lanes).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from pellucid.runtime import abi
from pellucid.support.errors import TypeMismatchError, did_you_mean

DL_INT = 0
DL_UINT = 1
DL_FLOAT = 2
DL_HANDLE = 3
DL_BFLOAT = 4
DL_BOOL = 6
DL_FLOAT8_E4M3FN = 10
DL_FLOAT8_E5M2 = 12

SCALARS: dict[str, tuple[int, int, np.dtype[np.generic]]] = {
    "bool": (DL_BOOL, 8, np.dtype(np.bool_)),
    "int8": (DL_INT, 8, np.dtype(np.int8)),
    "int16": (DL_INT, 16, np.dtype(np.int16)),
    "int32": (DL_INT, 32, np.dtype(np.int32)),
    "int64": (DL_INT, 64, np.dtype(np.int64)),
    "uint8": (DL_UINT, 8, np.dtype(np.uint8)),
    "uint16": (DL_UINT, 16, np.dtype(np.uint16)),
    "uint32": (DL_UINT, 32, np.dtype(np.uint32)),
    "uint64": (DL_UINT, 64, np.dtype(np.uint64)),
    "float16": (DL_FLOAT, 16, np.dtype(np.float16)),
    "float32": (DL_FLOAT, 32, np.dtype(np.float32)),
    "float64": (DL_FLOAT, 64, np.dtype(np.float64)),
    "bfloat16": (DL_BFLOAT, 16, np.dtype(ml_dtypes.bfloat16)),
    "float8_e4m3fn": (DL_FLOAT8_E4M3FN, 8, np.dtype(ml_dtypes.float8_e4m3fn)),
    "float8_e5m2": (DL_FLOAT8_E5M2, 8, np.dtype(ml_dtypes.float8_e5m2)),
}
"""The element types that tensors may have."""

ML_DTYPES = frozenset({"bfloat16", "float8_e4m3fn", "float8_e5m2"})
"""Those that NumPy's DLPack does not know: they cross as bytes."""

BYTE_CARRIERS = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16)}

_BY_NUMPY: dict[np.dtype[np.generic], str] = {row[2]: name for name, row in SCALARS.items()}
_BY_DLPACK: dict[tuple[int, int], str] = {row[:2]: name for name, row in SCALARS.items()}
_VECTOR = re.compile(r"(.+?)x([1-9]\d{0,3})")


@lru_cache(maxsize=1024)
def split_lanes(dtype: str) -> tuple[str, int]:
    """`"float32x4"` is `("float32", 4)`; a scalar has one lane. An unknown name is a
    `TypeMismatchError`.
    """
    if dtype in SCALARS:
        return str(dtype), 1
    match = _VECTOR.fullmatch(dtype)
    if match is not None and match.group(1) in SCALARS:
        return match.group(1), int(match.group(2))
    raise TypeMismatchError(
        f"There is no dtype named {str(dtype)!r}.", cure=did_you_mean(dtype, SCALARS)
    )


_OLD_NAMES = {"e4m3_float8": "float8_e4m3fn", "e5m2_float8": "float8_e5m2"}


def name_of(dtype: Any) -> str:
    """Our name of a dtype given as a name, a NumPy dtype or scalar type, or a torch dtype."""
    if isinstance(dtype, str):
        name = _OLD_NAMES.get(str(dtype), str(dtype))
        split_lanes(name)
        return name
    if type(dtype).__module__ == "torch":
        return name_of(str(dtype).removeprefix("torch."))
    try:
        return from_numpy(np.dtype(dtype))
    except TypeError:
        raise TypeMismatchError(
            "That is not a dtype.", expected="a name such as 'float32'", found=repr(dtype)[:80]
        ) from None


@lru_cache(maxsize=1024)
def packed(dtype: str) -> int:
    """The DLPack data type as the i32 that stands in a `DLTensor` (see `abi.pack_dtype`)."""
    name, lanes = split_lanes(dtype)
    code, bits, _ = SCALARS[name]
    return abi.pack_dtype(code, bits, lanes)


@lru_cache(maxsize=1024)
def element_bytes(dtype: str) -> int:
    """Bytes of one element, all its lanes included."""
    name, lanes = split_lanes(dtype)
    return SCALARS[name][1] // 8 * lanes


@lru_cache(maxsize=1024)
def to_numpy(dtype: str) -> np.dtype[np.generic]:
    """The NumPy dtype of one lane."""
    return SCALARS[split_lanes(dtype)[0]][2]


def from_numpy(dtype: np.dtype[np.generic]) -> str:
    """Our name of a NumPy or ml_dtypes dtype; `TypeMismatchError` for one that tensors cannot
    have.
    """
    name = _BY_NUMPY.get(dtype.newbyteorder("=") if dtype.kind in "iufb" else dtype)
    if name is None:
        raise TypeMismatchError(
            f"Tensors cannot hold elements of dtype {dtype}.",
            expected=f"one of {', '.join(SCALARS)}",
            cure="convert the array first, for instance with .astype('float32')",
        )
    return name


@lru_cache(maxsize=1024)
def from_dlpack(code: int, bits: int, lanes: int) -> str:
    """Our name of a DLPack data type; `TypeMismatchError` for one that tensors cannot have."""
    name = _BY_DLPACK.get((code, bits))
    if name is None or lanes < 1:
        raise TypeMismatchError(
            "Tensors cannot hold elements of this DLPack type.",
            expected=f"one of {', '.join(SCALARS)}",
            found=f"code {code}, {bits} bits, {lanes} lanes",
        )
    return name if lanes == 1 else f"{name}x{lanes}"
