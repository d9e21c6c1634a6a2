"""What Python's operators mean on graph expressions: `x + y`, `-x`, `t[0]`, `a, b = t`.

Arithmetic becomes a call of the operator record of that meaning (`relax.add` …), looked up by name,
so that the package of operators need not be known here. Numbers become constants of the other
operand's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

from pellucid.ir.expr_base import RelaxExpr, graph_operators
from pellucid.ir.op import Op, find_op
from pellucid.relax.struct_info import StructInfo, TensorStructInfo, TupleStructInfo
from pellucid.support.errors import TypeMismatchError, UnsupportedError

# Python's name of an operator → (the record's name, the sign for messages).
BINARY = {
    "add": ("relax.add", "+"),
    "sub": ("relax.subtract", "-"),
    "mul": ("relax.multiply", "*"),
    "truediv": ("relax.divide", "/"),
    "floordiv": ("relax.floor_divide", "//"),
    "mod": ("relax.floor_mod", "%"),
    "pow": ("relax.power", "**"),
    "lt": ("relax.less", "<"),
    "gt": ("relax.greater", ">"),
    "le": ("relax.less_equal", "<="),
    "ge": ("relax.greater_equal", ">="),
}


def _record(name: str, spelling: str) -> Any:
    op = find_op(name)
    if op is None:
        raise UnsupportedError(
            f"{spelling} on graph expressions needs the operator {name!r}, which this version does "
            "not have yet.",
            cure="write it as a loop function, and call that with relax.call_tir",
        )
    return op


def known_info(value: Any) -> StructInfo | None:
    """What is known of a graph value, also of a call of an operator that is not normalised yet."""
    return _inferred(value) if value.struct_info_ is None else value.struct_info_


# In a chain of operators each looks at the one before, which has looked at all of those before it.
@lru_cache(maxsize=256)
def _inferred(value: Any) -> StructInfo | None:
    op = getattr(value, "op", None)
    rule = op.get_attr("FInferStructInfo") if isinstance(op, Op) else None
    if rule is None:
        return None
    args = [
        each if each.struct_info_ is not None else each.replace(struct_info_=known_info(each))
        for each in value.args
    ]
    return rule(value.replace(args=args), None)


def install(
    call: Callable[..., Any], item: Callable[[Any, int], Any], constant: Callable[..., Any]
) -> None:
    """Put the meanings in place; the arguments build a call, an item access, and a constant."""

    def operand(value: Any, other: Any) -> Any:
        if isinstance(value, RelaxExpr):
            return value
        info = known_info(other)
        dtype = info.dtype if isinstance(info, TensorStructInfo) and info.dtype != "" else None
        return constant(value, dtype)

    def binary(name: str, a: Any, b: Any) -> Any:
        op_name, sign = BINARY[name]
        op = _record(op_name, f"`a {sign} b`")
        return call(op, [operand(a, b), operand(b, a)])

    def unary(name: str, spelling: str, a: Any) -> Any:
        return call(_record(name, spelling), [a])

    def product(a: Any, b: Any) -> Any:
        matmul = _record("relax.matmul", "`a @ b`")
        return call(matmul, [operand(a, b), operand(b, a)], {"out_dtype": None})

    def astype(a: Any, dtype: str) -> Any:
        return call(_record("relax.astype", "`a.astype(dtype)`"), [a], {"dtype": str(dtype)})

    def getitem(value: Any, index: Any) -> Any:
        info = known_info(value)
        if isinstance(info, TensorStructInfo):
            return _slice(value, index)
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeMismatchError(
                "A field of a tuple is picked by a number.",
                expected="an int",
                found=f"{type(index).__name__}: {index!r:.80}",
            )
        count = len(info.fields) if isinstance(info, TupleStructInfo) else 0
        return item(value, index + count if index < 0 else index)

    def iterate(value: Any) -> Iterator[Any]:
        info = known_info(value)
        if not isinstance(info, TupleStructInfo):
            raise TypeMismatchError(
                "Only a tuple can be unpacked.",
                found="no struct info" if info is None else repr(info),
                cure="pick a field by its number: t[0]",
            )
        return iter([item(value, index) for index in range(len(info.fields))])

    graph_operators.update(
        binary=binary,
        negative=partial(unary, "relax.negative", "`-a`"),
        magnitude=partial(unary, "relax.abs", "`abs(a)`"),
        product=product,
        astype=astype,
        getitem=getitem,
        iterate=iterate,
    )


def _slice(value: Any, index: Any) -> Any:
    """A part of a tensor; the slicing operator's record says how an index is understood."""
    op = _record("relax.strided_slice", "`x[i]` of a tensor")
    return op.attr("FIndex")(value, index)
