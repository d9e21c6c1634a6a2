"""Specialising a loop function: some of its parameters or symbolic dimensions get known values.

In: a function, and values for scalar parameters, symbolic dimensions, or the shapes of tensor
parameters. Out: a function of the remaining parameters, with constants folded where they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir import arithmetic, hooks
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    BinaryOp,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Sub,
    Var,
    as_expr,
)
from pellucid.support.errors import TypeMismatchError, did_you_mean
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator

_FOLD: dict[type[PrimExpr], Callable[[Any, Any], PrimExpr]] = {
    Add: arithmetic.add,
    Sub: arithmetic.sub,
    Mul: arithmetic.mul,
    FloorDiv: arithmetic.floordiv,
    FloorMod: arithmetic.floormod,
    Min: arithmetic.minimum,
    Max: arithmetic.maximum,
}


class _Specializer(StmtExprMutator):
    """Replaces variables by their values and folds the constants that arise."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        super().__init__()
        self.replaced.update(values)

    def visit_binary_op_(self, expr: BinaryOp) -> PrimExpr:
        """An operation whose operands changed is built anew, which folds constants."""
        new: Any = self.visit_default(expr)
        fold = _FOLD.get(type(expr))
        if new is expr or fold is None or (_is_zero(new.b) and fold in _DIVISIONS):
            return new
        return fold(new.a, new.b)


_DIVISIONS = (arithmetic.floordiv, arithmetic.floormod)


def _is_zero(expr: PrimExpr) -> bool:
    return isinstance(expr, IntImm) and expr.value == 0


def _symbols(func: PrimFunc) -> list[Var]:
    """The symbolic dimensions, strides and offsets of the tensor parameters."""
    found: dict[Var, None] = {}
    for buffer in func.buffer_map.values():
        for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
            if isinstance(each, Var):
                found.setdefault(each)
    return list(found)


def _value(var: Var, value: Any) -> PrimExpr:
    expr = arithmetic.const(value, var.dtype) if isinstance(value, int | float) else as_expr(value)
    if expr.dtype != var.dtype:
        raise TypeMismatchError(
            f"The value for {var.name!r} has the wrong dtype.",
            expected=str(var.dtype),
            found=f"{expr.dtype}: {expr!r}",
            cure="cast it",
        )
    return expr


def _match(param: Var, old: Buffer, new: Buffer, values: dict[Var, PrimExpr]) -> None:
    """Bind the symbolic parts of a parameter's buffer to those of `new`."""
    if old.dtype != new.dtype or len(old.shape) != len(new.shape):
        raise TypeMismatchError(
            f"The buffer for the parameter {param.name!r} does not fit.",
            expected=f"{len(old.shape)} dimensions of {old.dtype}",
            found=f"{len(new.shape)} dimensions of {new.dtype}",
        )
    analyzer = Analyzer()
    pairs = [*zip(old.shape, new.shape, strict=True), (old.elem_offset, new.elem_offset)]
    if old.strides and new.strides:
        pairs += zip(old.strides, new.strides, strict=True)
    for mine, theirs in pairs:
        known = values.get(mine) if isinstance(mine, Var) else mine
        if isinstance(mine, Var) and known is None:
            values[mine] = _value(mine, theirs)
        elif known is not None and not analyzer.can_prove_equal(known, theirs):
            raise TypeMismatchError(
                f"The buffer for the parameter {param.name!r} does not fit.",
                expected=repr(known),
                found=repr(theirs),
            )


def specialize(func: PrimFunc, values: Mapping[Var, Any]) -> PrimFunc:
    """The function with parameters or symbolic dimensions fixed.

    Keys are scalar parameters (which disappear), symbolic dimensions (which are replaced wherever
    they occur), or tensor parameters with a `Buffer` whose shape fixes the dimensions of theirs.
    """
    table: dict[Var, PrimExpr] = {}
    symbols = _symbols(func)
    for var, value in values.items():
        buffer = func.buffer_map.get(var)
        if buffer is not None:
            if not isinstance(value, Buffer):
                raise TypeMismatchError(
                    f"The tensor parameter {var.name!r} is specialised by a buffer.",
                    found=repr(value),
                )
            _match(var, buffer, value, table)
        elif var in func.params or var in symbols:
            table[var] = _value(var, value)
        else:
            names = [each.name for each in (*func.params, *symbols)]
            raise TypeMismatchError(
                f"{var.name!r} is neither a parameter nor a symbolic dimension of the function.",
                expected=", ".join(names),
                cure=did_you_mean(var.name, names) or "use the variable object of this function",
            )
    if not table:
        return func
    mutator = _Specializer(table)
    buffers = {param: mutator.visit_definition(buffer) for param, buffer in func.buffer_map.items()}
    params = [each for each in func.params if each not in table]
    attrs = mutator.visit(func.attrs)
    return func.replace(
        params=params, buffer_map=buffers, body=mutator.visit(func.body), attrs=attrs
    )


hooks.specializer.fill(specialize)
