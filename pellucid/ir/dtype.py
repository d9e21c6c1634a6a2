"""Data types: strings such as `float32`, `int8x16`, `bool`, `handle`, parsed once and shared.

A `DataType` *is* a string, so users compare it with `x.dtype == "float32"`; kind, bits and lanes
are attributes. Known scalars: bool, int8…int64, uint8…uint64, float16, float32, float64, bfloat16,
float8_e4m3fn, float8_e5m2, handle, void. A suffix `x4` makes a vector of four lanes. The empty
string means "unknown" in struct infos.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pellucid.support.errors import TypeMismatchError, did_you_mean

# name → (kind, bits); kinds: bool, int, uint, float, bfloat, float8, handle, void, unknown
_SCALARS: dict[str, tuple[str, int]] = {
    "bool": ("bool", 1),
    **{f"int{bits}": ("int", bits) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": ("uint", bits) for bits in (8, 16, 32, 64)},
    **{f"float{bits}": ("float", bits) for bits in (16, 32, 64)},
    "bfloat16": ("bfloat", 16),
    "float8_e4m3fn": ("float8", 8),
    "float8_e5m2": ("float8", 8),
    "handle": ("handle", 64),
    "void": ("void", 0),
    "": ("unknown", 0),
}
_ALIASES = {
    "float": "float32",
    "int": "int32",
    "uint1": "bool",
    "e4m3_float8": "float8_e4m3fn",
    "e5m2_float8": "float8_e5m2",
}
_VECTOR = re.compile(r"(.+?)x(\d+)$")
SCALAR_DTYPES = tuple(name for name in _SCALARS if name)


class DataType(str):
    """A data type; equal to its text. `kind`, `bits` (of one lane) and `lanes` are attributes.

    The kinds are bool, int, uint, float, bfloat, float8, handle, void and unknown.
    """

    __slots__ = ("bits", "kind", "lanes", "scalar")
    _known: ClassVar[dict[str, DataType]] = {}

    kind: str
    bits: int
    lanes: int
    scalar: DataType

    def __new__(cls, text: str) -> DataType:
        """Parse `text`; the same text always gives the same object."""
        found = cls._known.get(text)
        if found is not None:
            return found
        name, lanes = str(text), 1
        match = _VECTOR.fullmatch(name)
        if match:
            name, lanes = match[1], int(match[2])
        name = _ALIASES.get(name, name)
        if name not in _SCALARS or lanes < 1:
            raise TypeMismatchError(
                f"There is no data type {str(text)!r}.", cure=did_you_mean(name, SCALAR_DTYPES)
            )
        self = super().__new__(cls, name if lanes == 1 else f"{name}x{lanes}")
        self.kind, self.bits = _SCALARS[name]
        self.lanes = lanes
        self.scalar = self if lanes == 1 else DataType(name)
        cls._known[str(text)] = cls._known.setdefault(str(self), self)
        return cls._known[str(text)]

    @property
    def is_bool(self) -> bool:
        """Whether a lane is a truth value."""
        return self.kind == "bool"

    @property
    def is_int(self) -> bool:
        """Whether a lane is a signed integer."""
        return self.kind == "int"

    @property
    def is_uint(self) -> bool:
        """Whether a lane is an unsigned integer (bool is not)."""
        return self.kind == "uint"

    @property
    def is_integer(self) -> bool:
        """Whether a lane is a signed or unsigned integer (bool is not)."""
        return self.kind in ("int", "uint")

    @property
    def is_float(self) -> bool:
        """Whether a lane is a floating point number of any format."""
        return self.kind in ("float", "bfloat", "float8")

    @property
    def is_handle(self) -> bool:
        """Whether this is a pointer."""
        return self.kind == "handle"

    @property
    def is_vector(self) -> bool:
        """Whether there is more than one lane."""
        return self.lanes > 1

    @property
    def bytes(self) -> int:
        """Bytes that one lane takes in memory (a bool takes one)."""
        return (self.bits + 7) // 8

    def with_lanes(self, lanes: int) -> DataType:
        """The same element type with `lanes` lanes."""
        return self.scalar if lanes == 1 else DataType(f"{self.scalar}x{lanes}")

    def range(self) -> tuple[int, int]:
        """The smallest and largest value of an integer or bool type."""
        if self.is_bool:
            return 0, 1
        if self.is_uint:
            return 0, (1 << self.bits) - 1
        return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1

    def __repr__(self) -> str:
        """As a plain string literal."""
        return repr(str.__str__(self))

    def __reduce__(self) -> tuple[type[DataType], tuple[str]]:
        """Copy and pickle as the shared object."""
        return DataType, (str.__str__(self),)


BOOL = DataType("bool")
INT32 = DataType("int32")
INT64 = DataType("int64")
FLOAT32 = DataType("float32")
HANDLE = DataType("handle")
UNKNOWN = DataType("")
