"""The types of `T`: `T.int32`, `T.float32x4`, `T.handle`, `T.Buffer`, `T.let`.

Each is an annotation, and callable: `T.float32(0)` is a constant, `T.int32(x)` a conversion,
`T.int64()` a fresh variable that is named by what it is assigned to.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.arithmetic import cast_to, const
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloatImm, IntImm, IterVar, SizeVar, Var
from pellucid.ir.types import PointerType, PrimType
from pellucid.script.parser.tir_frames import BufferSpec, LetAnnotation
from pellucid.support.errors import TypeMismatchError

_SPECIAL_FLOATS = {"inf", "-inf", "nan", "-nan"}


class DtypeFunction:
    """A dtype under its name in `T`."""

    def __init__(self, dtype: str) -> None:
        self.dtype = DataType(dtype)

    def __call__(self, value: Any = None, *, is_size_var: bool = False) -> PrimExpr:
        """A constant or a conversion of `value`; without a value a fresh variable.

        `value` may be "inf", "-inf" or "nan" for float types. `is_size_var` says that the fresh
        variable is not negative.
        """
        if value is None:
            return (SizeVar if is_size_var else Var)("", self.dtype)
        if isinstance(value, str):
            if value not in _SPECIAL_FLOATS or not self.dtype.is_float:
                raise TypeMismatchError(
                    f"A string is no value of {self.dtype}.",
                    expected='a number, or "inf", "-inf", "nan" for a float type',
                    found=repr(value),
                )
            return const(float(value), self.dtype)
        if isinstance(value, PrimExpr | IterVar):
            return cast_to(self.dtype, value)
        if isinstance(value, list | tuple):
            raise TypeMismatchError(
                f"{self.dtype} converts a single value.",
                cure="use T.Shuffle or T.Broadcast for vectors",
            )
        return const(value, self.dtype)

    def __str__(self) -> str:
        """The dtype's name."""
        return str(self.dtype)

    def __repr__(self) -> str:
        """As in a script."""
        return f"T.{self.dtype}"


class HandleFunction(DtypeFunction):
    """`T.handle`: a pointer; `T.handle("float32", "global")` one to elements of a dtype in a
    storage scope.
    """

    def __init__(self) -> None:
        super().__init__("handle")

    def __call__(
        self, dtype: Any = None, storage_scope: str = "global", *, is_size_var: bool = False
    ) -> PrimExpr:
        """A fresh pointer variable, typed when the dtype of its elements is given."""
        if is_size_var:
            raise TypeMismatchError("A pointer is no size.")
        if dtype is None:
            return Var("", "handle")
        if isinstance(dtype, int):
            return IntImm("handle", dtype)
        return Var("", PointerType(PrimType(dtype_name(dtype)), storage_scope))


class PointerFunction:
    """`T.Ptr("float32", "global")` or `T.Ptr["float32"]`: an older form of `T.handle(...)`."""

    def __call__(self, dtype: Any, storage_scope: str = "global") -> PrimExpr:
        """A fresh typed pointer variable."""
        return Var("", PointerType(PrimType(dtype_name(dtype)), storage_scope))

    def __getitem__(self, keys: Any) -> PrimExpr:
        """As the call."""
        return self(*cast("tuple[Any, ...]", keys)) if isinstance(keys, tuple) else self(keys)


class BufferFunction:
    """`T.Buffer((128, 128), "float32")`, also spelled `T.Buffer[(128, 128), "float32"]`."""

    def __call__(
        self,
        shape: Any,
        dtype: Any = "float32",
        data: Var | None = None,
        strides: Any = None,
        elem_offset: Any = None,
        scope: str = "global",
        align: int = 0,
        offset_factor: int = 0,
        buffer_type: str = "",
        axis_separators: Any = None,
    ) -> BufferSpec:
        """A buffer that is named by the parameter it annotates, or by what it is assigned to."""
        return BufferSpec(
            shape_of(shape),
            {
                "dtype": dtype_name(dtype),
                "data": data,
                "strides": strides,
                "elem_offset": elem_offset,
                "scope": scope,
                "data_alignment": align,
                "offset_factor": offset_factor,
                "buffer_type": "" if buffer_type == "default" else buffer_type,
                "axis_separators": axis_separators,
            },
        )

    def __getitem__(self, keys: Any) -> BufferSpec:
        """`T.Buffer[shape, dtype]`; without a dtype (`T.Buffer[128, 128]`) the whole index is the
        shape.
        """
        if not isinstance(keys, tuple):
            return self(keys)
        items = cast("tuple[Any, ...]", keys)
        if len(items) >= 2 and not isinstance(items[1], str | DtypeFunction):
            return self(items)
        return self(*items)


class LetFunction:
    """`T.let[T.int32]` in an annotation; `T.let(var, value)` as a frame is in `script.tir`."""

    def __getitem__(self, annotation: Any) -> LetAnnotation:
        """The type of a variable that stands for a value."""
        return LetAnnotation(annotation)


def dtype_name(value: Any) -> DataType:
    """A dtype from a string or from `T.float32`."""
    if isinstance(value, DtypeFunction):
        return value.dtype
    if isinstance(value, str):
        return DataType(value)
    raise TypeMismatchError(
        "This is no data type.", expected='a string such as "float32"', found=f"{value!r:.80}"
    )


def shape_of(shape: Any) -> tuple[Any, ...]:
    """The dimensions of a buffer: numbers and expressions; a single one stands for itself."""
    dims: tuple[Any, ...] = (shape,)
    if isinstance(shape, tuple | list):
        dims = tuple(cast("list[Any]", shape))
    for each in dims:
        if isinstance(each, str):
            raise TypeMismatchError(
                "A dimension of a buffer is no string.",
                expected="a number or an integer expression",
                found=repr(each),
                cure=f"write `{each} = T.int64()` in the body and bind it with T.match_buffer",
            )
        if isinstance(each, float | FloatImm):
            raise TypeMismatchError(
                "A dimension of a buffer is an integer.",
                found=f"{each!r}",
                cure="use // for division",
            )
    return dims
