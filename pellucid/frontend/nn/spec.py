"""What the arguments of an exported method are: `{"forward": {"x": spec.Tensor([n, 784])}}`.

A dimension is an int or a string; one string is one symbolic variable in the whole method, also
where it stands in the shape of a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import SizeVar, Var
from pellucid.relax.struct_info import (
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.support.errors import TypeMismatchError


@dataclass(frozen=True)
class Tensor:
    """A tensor of this shape and dtype."""

    shape: Sequence[int | str | PrimExpr]
    dtype: str = "float32"


@dataclass(frozen=True)
class Int:
    """An integer; the method sees it as a scalar expression, and may use it in shapes."""

    dtype: str = "int64"


@dataclass(frozen=True)
class Shape:
    """A shape value; the method sees its dimensions as a tuple."""

    dims: Sequence[int | str | PrimExpr]


@dataclass(frozen=True)
class Tuple:
    """A tuple of these; the method sees a tuple."""

    fields: Sequence[Any]


class Symbols:
    """The symbolic variables of one exported method, by name."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def dim(self, value: Any) -> Any:
        """A dimension: an int, a scalar expression, or the variable that a string names."""
        if isinstance(value, str):
            if not value.isidentifier():
                raise TypeMismatchError(
                    "A symbolic dimension is named by an identifier.",
                    expected='a name such as "n"',
                    found=repr(value),
                )
            return self._found.setdefault(value, SizeVar(value, "int64"))
        if isinstance(value, bool) or not isinstance(value, int | PrimExpr):
            raise TypeMismatchError(
                "A dimension is a number or the name of one.",
                expected="an int, a string, or a scalar expression",
                found=f"{type(value).__name__}: {value!r:.60}",
            )
        return value

    def dims(self, values: Sequence[Any]) -> list[Any]:
        """Several dimensions."""
        return [self.dim(each) for each in values]

    def number(self, name: str, dtype: str) -> Any:
        """The scalar variable of an argument that is an integer."""
        return self._found.setdefault(name, Var(name, dtype))


def struct_info(name: str, spec: Any, symbols: Symbols) -> StructInfo:
    """The struct info of the parameter that `spec` describes."""
    if isinstance(spec, Tensor):
        return TensorStructInfo(symbols.dims(spec.shape), spec.dtype)
    if spec is int or isinstance(spec, Int):
        dtype = spec.dtype if isinstance(spec, Int) else "int64"
        return PrimStructInfo(dtype, symbols.number(name, dtype))
    if isinstance(spec, Shape):
        return ShapeStructInfo(symbols.dims(spec.dims))
    if isinstance(spec, Tuple | tuple | list):
        fields = spec.fields if isinstance(spec, Tuple) else cast("Sequence[Any]", spec)
        infos = [struct_info(f"{name}_{i}", each, symbols) for i, each in enumerate(fields)]
        return TupleStructInfo(infos)
    raise TypeMismatchError(
        f"The specification of the argument {name!r} is not understood.",
        expected="spec.Tensor(shape, dtype), spec.Int(), spec.Shape(dims), or a tuple of them",
        found=f"{type(spec).__name__}: {spec!r:.80}",
    )


def check_methods(spec: Any) -> Mapping[str, Mapping[str, Any]]:
    """`spec` as methods by name, each with its arguments by name."""
    found = cast("Mapping[str, Any]", spec if isinstance(spec, Mapping) else {})
    for name, arguments in found.items():
        if not isinstance(arguments, Mapping):
            raise TypeMismatchError(
                f"The specification of the method {name!r} is not understood.",
                expected='{"argument": spec.Tensor(shape, dtype), …}',
                found=f"{type(arguments).__name__}: {arguments!r:.80}",
            )
    if not found:
        raise TypeMismatchError(
            "The specification names no method.",
            expected='{"forward": {"x": spec.Tensor(["n", 784], "float32")}}',
            found=repr(cast("object", spec)),
        )
    return found


__all__ = ["Int", "Shape", "Tensor", "Tuple"]
