"""Reductions as expressions: `CommReducer` says how two values combine, `Reduce` applies it over
axes.

They occur in tensor expressions only; loop programs have reduction blocks instead. `comm_reducer`
turns a Python function into something that builds both.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from pellucid.ir.arithmetic import const
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, binder, child, data, node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Var, as_expr, as_exprs
from pellucid.support.errors import TypeMismatchError


@node
class CommReducer(Node):
    """An associative, commutative way to combine values: `result` in terms of `lhs` and `rhs`.

    `identity_element` combined with any value gives that value. Several results (as of argmax) are
    combined at once.
    """

    lhs: tuple[Var, ...] = binder(converter=tuple)
    rhs: tuple[Var, ...] = binder(converter=tuple)
    result: tuple[PrimExpr, ...] = child(converter=as_exprs)
    identity_element: tuple[PrimExpr, ...] = child(converter=as_exprs)

    def __post_init__(self) -> None:
        """Check that there is one of each for every value."""
        counts = {len(self.lhs), len(self.rhs), len(self.result), len(self.identity_element)}
        if len(counts) != 1:
            raise TypeMismatchError(
                "A reducer has as many results and identities as it has values.",
                found=f"{len(self.lhs)} values, {len(self.result)} results, "
                f"{len(self.identity_element)} identities",
            )


@node
class Reduce(PrimExpr):
    """Value number `value_index` of combining `source` over all points of `axis` for which
    `condition` holds.

    It starts from `init`, or from the combiner's identity when `init` is empty.
    """

    combiner: CommReducer = child()
    axis: tuple[IterVar, ...] = binder(converter=tuple)
    source: tuple[PrimExpr, ...] = child(converter=as_exprs)
    condition: PrimExpr = child(default=True, converter=as_expr)
    value_index: int = data(default=0)
    init: tuple[PrimExpr, ...] = child(default=(), converter=lambda i: as_exprs(i) if i else ())

    def __post_init__(self) -> None:
        """Check that the source fits the combiner."""
        if len(self.source) != len(self.combiner.result):
            raise TypeMismatchError(
                f"This reducer combines {len(self.combiner.result)} values.",
                found=f"{len(self.source)} sources",
            )

    def infer_dtype(self) -> DataType:
        """That of the source."""
        return self.source[self.value_index].dtype


def _axes(axis: Any) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", axis)) if isinstance(axis, list | tuple) else (axis,)


def comm_reducer(
    fcombine: Callable[[Any, Any], Any], fidentity: Callable[..., Any], name: str = "reduce"
) -> Callable[..., Any]:
    """A reduction made from `fcombine(x, y)` and `fidentity(dtype, …)`.

    The result is called as `reducer(expr, axis, where=None, init=None)`, where `expr` is an
    expression or a tuple of them (then `fcombine` combines tuples, and the result is a tuple); or
    as `reducer(x, y, …)` on two or more values, which it combines at once.
    """

    def reduce_over(expr: Any, axis: Any, where: Any, init: Any) -> Any:
        several = isinstance(expr, tuple | list)
        sources = as_exprs(expr)
        dtypes = [each.dtype for each in sources]
        lhs = [Var(f"lhs{i}" if several else "x", dtype) for i, dtype in enumerate(dtypes)]
        rhs = [Var(f"rhs{i}" if several else "y", dtype) for i, dtype in enumerate(dtypes)]
        result = fcombine(tuple(lhs), tuple(rhs)) if several else fcombine(lhs[0], rhs[0])
        identity = fidentity(*dtypes)
        combiner = CommReducer(lhs, rhs, as_exprs(result), as_exprs(identity))
        axes = _axes(axis)
        for each in axes:
            if not isinstance(each, IterVar) or each.iter_type != IterVar.CommReduce:
                raise TypeMismatchError(f"{name} reduces over reduction axes.", found=repr(each))
        condition = const(True) if where is None else where
        first = () if init is None else as_exprs(init)
        values = [
            Reduce(combiner, axes, sources, condition, index, first)
            for index in range(len(sources))
        ]
        return tuple(values) if several else values[0]

    def reducer(expr: Any, axis: Any, *rest: Any, where: Any = None, init: Any = None) -> Any:
        if not rest and all(isinstance(each, IterVar) for each in _axes(axis)):
            return reduce_over(expr, axis, where, init)
        found = expr
        operands: tuple[Any, ...] = (axis, *rest)
        for each in operands:
            found = fcombine(found, each)
        return found

    reducer.__name__ = reducer.__qualname__ = name
    reducer.__doc__ = (
        inspect.getdoc(fcombine) or f"The reduction {name}: (expr, axis, where, init)."
    )
    return reducer
