"""Expressions of `T` that stand for exactly one node, and other constructors that `tir.op` does not
have.

The operators promote and fold; `T.Add(x, 0)` and its like make the very node that they name. A
Python number beside an operand takes its dtype.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from typing import cast as typed

from pellucid.ir import scalar
from pellucid.ir.arithmetic import cast_to, const, convert
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import BinaryOp, Var, as_exprs
from pellucid.script.parser.tir_scopes import is_number
from pellucid.script.parser.tir_types import DtypeFunction, dtype_name
from pellucid.support.errors import TypeMismatchError
from pellucid.target.target import Target
from pellucid.tir.buffer import Buffer, BufferRegion
from pellucid.tir.buffer import BufferLoad as BufferLoadNode
from pellucid.tir.index_map import IndexMap
from pellucid.tir.reduction import CommReducer


def value_of(value: Any) -> PrimExpr:
    """An argument as an expression; a region with constant extents is a vector."""
    return value.asobject() if isinstance(value, BufferRegion) else convert(value)


def _exact(kind: type[BinaryOp]) -> Callable[[Any, Any], PrimExpr]:
    def build(a: Any, b: Any) -> PrimExpr:
        if is_number(a) and not is_number(b):
            right = value_of(b)
            return kind(const(a, right.dtype), right)
        left = value_of(a)
        return kind(left, const(b, left.dtype) if is_number(b) else value_of(b))

    build.__name__ = build.__qualname__ = kind.__name__
    build.__doc__ = f"The node {kind.__name__}, not folded: {inspect.getdoc(kind)}"
    return build


BINARY = (
    "Add", "Sub", "Mul", "Div", "Mod", "FloorDiv", "FloorMod", "Min", "Max",
    "EQ", "NE", "LT", "LE", "GT", "GE", "And", "Or",
)  # fmt: skip
exact: dict[str, Callable[[Any, Any], PrimExpr]] = {
    name: _exact(getattr(scalar, name)) for name in BINARY
}


def Not(a: Any) -> PrimExpr:
    """The node Not, not folded."""
    return scalar.Not(value_of(a))


def Select(condition: Any, true_value: Any, false_value: Any) -> PrimExpr:
    """`true_value` where `condition` holds, else `false_value`; both are evaluated."""
    if is_number(true_value) and not is_number(false_value):
        true_value = const(true_value, value_of(false_value).dtype)
    elif is_number(false_value):
        false_value = const(false_value, value_of(true_value).dtype)
    return scalar.Select(value_of(condition), value_of(true_value), value_of(false_value))


def Cast(dtype: Any, value: Any) -> PrimExpr:
    """The node Cast, not folded."""
    return scalar.Cast(dtype_name(dtype), value_of(value))


def cast(value: Any, dtype: Any) -> PrimExpr:
    """`value` converted to `dtype`; the same expression where it has it already."""
    if not isinstance(dtype, str | DtypeFunction):
        value, dtype = dtype, value
    return cast_to(dtype_name(dtype), value_of(value))


def Ramp(base: Any, stride: Any, lanes: Any) -> PrimExpr:
    """The vector `base, base + stride, …` of `lanes` lanes."""
    start = value_of(base)
    step = const(stride, start.dtype.scalar) if is_number(stride) else value_of(stride)
    return scalar.Ramp(start, step, int(lanes))


def Broadcast(value: Any, lanes: Any) -> PrimExpr:
    """The vector whose `lanes` lanes are all `value`."""
    return scalar.Broadcast(value_of(value), int(lanes))


ramp, broadcast = Ramp, Broadcast


def Shuffle(vectors: Any, indices: Any) -> PrimExpr:
    """Lanes picked by constant `indices` out of the concatenation of `vectors`."""
    return scalar.Shuffle(as_exprs(vectors), as_exprs(indices))


def Let(body: Any, where: Mapping[Var, Any]) -> PrimExpr:
    """`body` in which each variable of `where` stands for its value."""
    result = value_of(body)
    for var, value in reversed(list(where.items())):
        result = scalar.Let(var, value_of(value), result)
    return result


def BufferLoad(buffer: Buffer, indices: Any, predicate: Any = None) -> PrimExpr:
    """A load, with a predicate if need be."""
    return BufferLoadNode(buffer, indices, predicate)


def Call(dtype: Any, op: str | Op, args: Any) -> PrimExpr:
    """A call of the operator `op` with a value of `dtype`."""
    return scalar.Call(dtype_name(dtype), op, args)


def var(dtype: Any, name: str = "") -> Var:
    """A fresh variable, named by what it is assigned to (an older spelling of `T.int64()`)."""
    return Var(name, dtype_name(dtype))


def index_map(mapping: Callable[..., Any], *, inverse_index_map: Any = None) -> IndexMap:
    """A map of indices written as a lambda: `T.index_map(lambda i, j: (i // 4, j, i % 4))`."""
    parameters = inspect.signature(mapping).parameters
    indices = [Var(name, "int32") for name in parameters]
    inverse = inverse_index_map
    if callable(inverse):
        inverse = index_map(typed("Callable[..., Any]", inverse))
    return IndexMap(indices, as_exprs(mapping(*indices)), inverse)


def comm_reducer(combiner: Callable[..., Any], identity: Any) -> CommReducer:
    """A reducer: `combiner` of two values (or of two groups of values), and its identity
    element(s).
    """
    elements = as_exprs(identity)
    parameters = list(inspect.signature(combiner).parameters)
    if len(parameters) != 2 * len(elements):
        raise TypeMismatchError(
            "A reducer takes two values for each identity element.",
            expected=f"{2 * len(elements)} parameters",
            found=f"{len(parameters)}",
        )
    half = len(elements)
    dtypes = [each.dtype for each in elements]
    lhs = [Var(name, dtype) for name, dtype in zip(parameters[:half], dtypes, strict=True)]
    rhs = [Var(name, dtype) for name, dtype in zip(parameters[half:], dtypes, strict=True)]
    return CommReducer(lhs, rhs, as_exprs(combiner(*lhs, *rhs)), elements)


def target(description: str | Mapping[str, object]) -> Target:
    """A machine, as an attribute of a function."""
    return Target(description)


def _dtype_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """An intrinsic whose dtype comes first, or as the keyword `dtype`."""

    def build(*args: Any, dtype: Any = None) -> Any:
        if dtype is None:
            if not args:
                raise TypeMismatchError(f"T.{function.__name__} needs a dtype.")
            dtype, args = args[0], args[1:]
        return function(dtype_name(dtype), *args)

    build.__name__ = build.__qualname__ = function.__name__
    build.__doc__ = function.__doc__
    return build


DTYPE_FIRST = (
    "call_extern", "call_pure_extern", "call_llvm_intrin", "call_llvm_pure_intrin", "call_intrin",
    "call_pure_intrin", "reinterpret", "type_annotation", "undef", "vectorlow", "vectorhigh",
    "vectorcombine", "infinity", "min_value", "max_value",
)  # fmt: skip


def dtype_first(functions: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Those functions that take their dtype first, so that it may be a keyword too."""
    return {name: _dtype_first(functions[name]) for name in DTYPE_FIRST if name in functions}


__all__ = [
    "Broadcast",
    "BufferLoad",
    "Call",
    "Cast",
    "Let",
    "Not",
    "Ramp",
    "Select",
    "Shuffle",
    "broadcast",
    "cast",
    "comm_reducer",
    "index_map",
    "ramp",
    "target",
    "var",
]
