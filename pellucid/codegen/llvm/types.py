"""dtype strings ("float32", "int8x16", "handle") as LLVM types, sizes, alignments and constants.

Comes in: a dtype string of the language, with an optional lane count. Goes out: what the emitter
writes for it. Two conventions matter to every user of this file:

- `bool` is `i1` in registers and one byte (`i8`, 0 or 1) in memory.
- The small floats (`float16`, `bfloat16`, `float8_e4m3fn`, `float8_e5m2`) are *their bits* (`i16`,
  `i8`) in registers and in memory. Arithmetic on them goes through `float32` with the explicit
  conversions of `convert.py`, so no run-time library is ever called and every machine gives the
  same bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import ml_dtypes
import numpy as np

from pellucid.support.errors import InternalError

_NUMPY_SMALL = {
    "float16": (np.float16, np.uint16),
    "bfloat16": (ml_dtypes.bfloat16, np.uint16),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """What is known of one dtype without lanes.

    `kind` is "bool", "int", "uint", "float" (native: 32 and 64 bits), "small" (a float kept as its
    bits) or "handle". `bits` is the size of the value, 1 for bool; `bytes` its size in memory.
    """

    name: str
    kind: str
    bits: int
    bytes: int
    register: str
    memory: str


def _scalars() -> dict[str, Scalar]:
    table = [
        Scalar("bool", "bool", 1, 1, "i1", "i8"),
        Scalar("float32", "float", 32, 4, "float", "float"),
        Scalar("float64", "float", 64, 8, "double", "double"),
        Scalar("float16", "small", 16, 2, "i16", "i16"),
        Scalar("bfloat16", "small", 16, 2, "i16", "i16"),
        Scalar("float8_e4m3fn", "small", 8, 1, "i8", "i8"),
        Scalar("float8_e5m2", "small", 8, 1, "i8", "i8"),
        Scalar("handle", "handle", 64, 8, "ptr", "ptr"),
    ]
    for bits in (8, 16, 32, 64):
        for kind in ("int", "uint"):
            table.append(Scalar(f"{kind}{bits}", kind, bits, bits // 8, f"i{bits}", f"i{bits}"))
    return {each.name: each for each in table}


SCALARS: dict[str, Scalar] = _scalars()


@cache
def split(dtype: str) -> tuple[Scalar, int]:
    """The scalar and the number of lanes of `dtype`; "float32x16" gives (float32, 16)."""
    scalar = SCALARS.get(dtype)
    if scalar is not None:
        return scalar, 1
    base, _, lanes = dtype.rpartition("x")
    scalar = SCALARS.get(base)
    if scalar is None or not lanes.isdigit() or int(lanes) < 1:
        raise InternalError(f"The code generator does not know the dtype {dtype!r}.")
    return scalar, int(lanes)


def with_lanes(dtype: str, lanes: int) -> str:
    """`dtype`'s scalar with `lanes` lanes, as a dtype string."""
    base = split(dtype)[0].name
    return base if lanes == 1 else f"{base}x{lanes}"


@cache
def vector(element: str, lanes: int) -> str:
    """The LLVM type of `lanes` lanes of the LLVM type `element`; one lane is the scalar itself."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


@cache
def element(type_: str) -> str:
    """The element of the LLVM type `type_`, which is itself when it is no vector."""
    return type_[type_.index(" x ") + 3 : -1] if type_[0] == "<" else type_


@cache
def lanes(type_: str) -> int:
    """The number of lanes of the LLVM type `type_`; 1 when it is no vector."""
    return int(type_[1 : type_.index(" x ")]) if type_[0] == "<" else 1


@cache
def register_type(dtype: str) -> str:
    """The LLVM type of a value of `dtype` in registers."""
    scalar, count = split(dtype)
    return vector(scalar.register, count)


@cache
def memory_type(dtype: str) -> str:
    """The LLVM type of a value of `dtype` in memory."""
    scalar, count = split(dtype)
    return vector(scalar.memory, count)


def size(dtype: str) -> int:
    """Bytes of a value of `dtype` in memory."""
    scalar, count = split(dtype)
    return scalar.bytes * count


def alignment(dtype: str) -> int:
    """The alignment in bytes that memory of `dtype` surely has: that of one element."""
    return split(dtype)[0].bytes


def float_literal(type_: str, value: float) -> str:
    """`value` as an exact constant of the LLVM type "float" or "double", rounded to nearest."""
    if type_ == "float":
        with np.errstate(over="ignore"):
            value = float(np.float32(value))
    if value != value:
        return "0x7FF8000000000000"
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def small_bits(dtype: str, value: float) -> int:
    """The bits of `value` rounded to the small float `dtype` (as NumPy and ml_dtypes round)."""
    kind, unsigned = _NUMPY_SMALL[dtype]
    with np.errstate(over="ignore"):
        return int(np.array(value, dtype=np.float32).astype(kind).view(unsigned))


def _scalar_literal(scalar: Scalar, value: float) -> str:
    if scalar.kind == "bool":
        return "true" if value else "false"
    if scalar.kind == "float":
        return float_literal(scalar.register, float(value))
    if scalar.kind == "small":
        return str(small_bits(scalar.name, float(value)))
    if scalar.kind == "handle":
        if value != 0:
            raise InternalError("A handle has no constants other than null.")
        return "null"
    low = -(1 << (scalar.bits - 1)) if scalar.kind == "int" else 0
    if not low <= value < low + (1 << scalar.bits):
        raise InternalError(f"The constant {value} does not fit the dtype {scalar.name!r}.")
    return str(int(value))


def literal(dtype: str, value: float) -> str:
    """The constant `value` of `dtype`, without its type; the same value in every lane of a vector.

    Floats are rounded to nearest even; an integer that does not fit is an `InternalError`.
    """
    scalar, count = split(dtype)
    text = _scalar_literal(scalar, value)
    return text if count == 1 else f"splat ({scalar.register} {text})"


def vector_literal(dtype: str, values: list[float]) -> str:
    """The constant vector whose lanes are `values` in `dtype` (a dtype without lanes)."""
    scalar, _ = split(dtype)
    lanes_text = ", ".join(f"{scalar.register} {_scalar_literal(scalar, v)}" for v in values)
    return f"<{lanes_text}>"


def zero(dtype: str) -> str:
    """The constant zero of `dtype`, without its type."""
    return literal(dtype, 0)


_MANGLED = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16", "ptr": "p0"}


@cache
def mangle(type_: str) -> str:
    """How the LLVM type `type_` is spelt in the name of an overloaded intrinsic."""
    if type_[0] == "<":
        return f"v{lanes(type_)}{mangle(element(type_))}"
    return _MANGLED.get(type_, type_)
