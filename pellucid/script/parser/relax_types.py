"""Struct infos as scripts write them, before symbolic names stand for variables.

In: what `R.Tensor(("n", 4), "float32")` and its like were given. Out: a struct info where nothing
is symbolic by name; else an `InfoSpec`, which the parser turns into one when it knows the
function's symbolic variables. Annotations are also evaluated by Python itself, long before the
parser runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import as_expr
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    VDevice,
)
from pellucid.script.parser.tir_types import DtypeFunction
from pellucid.support.errors import TypeMismatchError

# Gives the expression that a string stands for: `names("n + 1", "int64")`.
Names = Callable[[str, str], PrimExpr]


@dataclass(frozen=True, slots=True)
class InfoSpec:
    """A struct info with names in it; `make(names)` is the struct info once they are known."""

    spelling: str
    make: Callable[[Names], StructInfo]

    def __repr__(self) -> str:
        """As in messages."""
        return self.spelling


Info = StructInfo | InfoSpec


def _no_names(text: str, dtype: str) -> PrimExpr:
    raise TypeMismatchError(
        f"The dimension {text!r} is a name, which only means something in a graph function.",
        cure="use it in a function decorated with R.function",
    )


def resolve(info: Any, names: Names = _no_names) -> StructInfo:
    """A struct info from one, from an `InfoSpec`, or from a function such as `R.Tensor` itself."""
    if isinstance(info, InfoSpec):
        return info.make(names)
    if isinstance(info, StructInfo):
        return info
    bare = getattr(info, "bare_info", None)
    if bare is not None:
        return bare()
    raise TypeMismatchError(
        "This is no struct info.",
        expected="R.Tensor, R.Shape, R.Prim, R.Tuple, R.Callable or R.Object",
        found=f"{type(info).__name__}: {info!r:.80}",
    )


def has_info(value: Any) -> bool:
    """Whether `value` is a struct info, or stands for one."""
    return isinstance(value, StructInfo | InfoSpec) or hasattr(value, "bare_info")


def _is_symbolic(value: Any) -> bool:
    """Whether a name occurs in what was given."""
    if isinstance(value, str | InfoSpec):
        return True
    if isinstance(value, tuple | list):
        return any(_is_symbolic(each) for each in cast("list[Any]", value))
    return False


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple | list):
        return tuple(cast("list[Any]", value))
    return (value,)


def _finished(spelling: str, make: Callable[[Names], StructInfo], *given: Any) -> Info:
    spec = InfoSpec(spelling, make)
    return spec if any(_is_symbolic(each) for each in given) else make(_no_names)


def _dims(values: Any, names: Names) -> list[Any]:
    return [names(each, "int64") if isinstance(each, str) else each for each in values]


def _dtype(value: Any) -> DataType | None:
    if value is None:
        return None
    if isinstance(value, DtypeFunction):
        return value.dtype
    if isinstance(value, str):
        return DataType("" if value in ("", "void") else value)
    raise TypeMismatchError(
        "This is no data type.", expected='a string such as "float32"', found=f"{value!r:.80}"
    )


def _check_dims(values: Any, what: str) -> None:
    for each in values:
        number = isinstance(each, int) and not isinstance(each, bool)
        if number and each < 0:
            raise TypeMismatchError(f"A dimension of {what} is not negative.", found=str(each))
        if not number and not isinstance(each, str | PrimExpr):
            raise TypeMismatchError(
                f"A dimension of {what} is a number, a symbolic expression, or a string.",
                found=f"{type(each).__name__}: {each!r:.80}",
            )


def tensor(shape: Any = None, dtype: Any = None, vdevice: Any = None, ndim: int = -1) -> Info:
    """`R.Tensor((n, 4), "float32")`; what is left out is unknown.

    A dimension is a number, a symbolic expression, or a string with one. `R.Tensor("float32")`
    gives the dtype alone.
    """
    if isinstance(shape, str) and dtype is None:
        shape, dtype = None, shape
    kind = _dtype(dtype)
    device = VDevice(vdevice) if isinstance(vdevice, str) else vdevice
    if shape is None or isinstance(shape, RelaxExpr):
        return TensorStructInfo(shape, kind, device, ndim)
    dims = _as_tuple(shape)
    _check_dims(dims, "a tensor")
    if ndim not in (-1, len(dims)):
        raise TypeMismatchError(
            "ndim differs from the length of the shape.", expected=str(len(dims)), found=str(ndim)
        )
    spelling = f"R.Tensor({dims!r}, dtype={dtype!r})"
    return _finished(
        spelling, lambda names: TensorStructInfo(_dims(dims, names), kind, device), dims
    )


def any_object() -> StructInfo:
    """`R.Object`: any value at all."""
    return ObjectStructInfo()


def shape(values: Any = None, ndim: int = -1) -> Info:
    """`R.Shape([n, 4])`, `R.Shape(ndim=2)`."""
    if values is None:
        return ShapeStructInfo(None, ndim)
    dims = tuple(values)
    _check_dims(dims, "a shape")
    return _finished(
        f"R.Shape({list(dims)!r})", lambda names: ShapeStructInfo(_dims(dims, names), ndim), dims
    )


def prim(dtype: Any = None, value: Any = None) -> Info:
    """`R.Prim("int64")`, `R.Prim(value=n)`: a number."""
    kind = _dtype(dtype)
    if kind is None and value is None:
        raise TypeMismatchError("R.Prim needs a dtype or a value.", cure='write R.Prim("int64")')

    def make(names: Names) -> StructInfo:
        found = names(value, kind or "int64") if isinstance(value, str) else value
        if isinstance(found, PrimExpr):
            return PrimStructInfo(kind, found)
        if found is None:
            return PrimStructInfo(kind)
        return PrimStructInfo(kind, found if isinstance(found, int) else as_expr(found))

    return _finished(f"R.Prim({dtype!r}, value={value!r})", make, value)


def tuple_of(*fields: Any) -> Info:
    """`R.Tuple(a, b)`, also of one list."""
    if len(fields) == 1 and isinstance(fields[0], tuple | list):
        fields = tuple(cast("list[Any]", fields[0]))
    for each in fields:
        if not has_info(each):
            resolve(each)
    return _finished(
        f"R.Tuple({', '.join([repr(each) for each in fields])})",
        lambda names: TupleStructInfo([resolve(each, names) for each in fields]),
        fields,
    )


def function(
    params: Any = None, ret: Any = None, purity: bool | None = None, derive_func: Any = None
) -> Info:
    """`R.Callable((a, b), result, True)`: a function; without parameters any function at all."""
    if params is None:

        def opaque(names: Names) -> StructInfo:
            result = ObjectStructInfo() if ret is None else resolve(ret, names)
            return FuncStructInfo.opaque_func(
                ret=result, derive_func=derive_func, purity=bool(purity)
            )

        return _finished(f"R.Callable(ret={ret!r})", opaque, ret)
    given = _as_tuple(params)
    pure = True if purity is None else bool(purity)

    def make(names: Names) -> StructInfo:
        infos = [resolve(each, names) for each in given]
        result = ObjectStructInfo() if ret is None else resolve(ret, names)
        return FuncStructInfo(infos, result, pure, derive_func)

    return _finished(f"R.Callable({given!r}, {ret!r})", make, given, ret)


def _bare(build: Callable[[], StructInfo]) -> Callable[[Any], Any]:
    def mark(made: Any) -> Any:
        made.bare_info = build
        return made

    return mark


_bare(lambda: TensorStructInfo(None, None))(tensor)
_bare(ObjectStructInfo)(any_object)
_bare(lambda: ShapeStructInfo(None))(shape)
_bare(lambda: TupleStructInfo([]))(tuple_of)
_bare(lambda: FuncStructInfo.opaque_func())(function)
