"""The meaning of scalar expressions: one small function a node class."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pellucid.interp.memory import Pointer, Storage
from pellucid.interp.values import convert, element, hold, is_lanes, numpy_dtype, wrap
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.support.errors import InterpreterError, UnsupportedError
from pellucid.tir import op as intrinsics


class ReturnValueError(Exception):
    """Carries the value of `T.ret` out of a function's statements."""

    def __init__(self, value: Any) -> None:
        super().__init__("T.ret")
        self.value = value


class ScalarEvaluator:
    """Evaluates expressions under `env`, which maps variables to values."""

    def __init__(self) -> None:
        self.env: dict[ir.Var, Any] = {}

    def eval(self, expr: Any) -> Any:
        """The value of an expression."""
        rule = _RULES.get(expr.__class__)
        if rule is not None:
            return rule(self, expr)
        function = _BINARY.get(expr.__class__)
        if function is None:
            return self.eval_other(expr)
        a, b = self.eval(expr.a), self.eval(expr.b)
        return binary(function, a, b, expr.a.dtype)

    def eval_other(self, expr: PrimExpr) -> Any:
        """Expressions of higher levels; the loop interpreter adds loads."""
        raise UnsupportedError(
            f"The interpreter has no meaning for {type(expr).__name__}.", found=repr(expr)
        )

    def call(self, expr: ir.Call) -> Any:
        """Calls that touch memory or other functions; the loop interpreter adds them."""
        raise UnsupportedError(
            "This call has no meaning outside a loop function.", found=repr(expr)
        )

    def integer(self, expr: PrimExpr) -> int:
        """The value of an integer expression."""
        return int(self.eval(expr))


def _where(condition: Any, a: Any, b: Any) -> Any:
    return cast("Any", np.where(condition, a, b))


def _checked_divisor(b: Any) -> None:
    if np.any(np.asarray(b) == 0):
        raise InterpreterError("An integer is divided by zero.")


def _trunc_div(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    quotient = np.abs(a) // np.abs(b)
    return _where((a < 0) == (b < 0), quotient, -quotient)


def _div(a: Any, b: Any) -> Any:
    if isinstance(a, int) or (is_lanes(a) and a.dtype.kind in "iu"):
        _checked_divisor(b)
        return _trunc_div(a, b)
    return np.divide(a, b)


def _mod(a: Any, b: Any) -> Any:
    _checked_divisor(b)
    return a - _trunc_div(a, b) * b


def _floor_div(a: Any, b: Any) -> Any:
    if isinstance(a, int) or (is_lanes(a) and a.dtype.kind in "iu"):
        _checked_divisor(b)
        return a // b
    return np.floor(np.divide(a, b))


def _floor_mod(a: Any, b: Any) -> Any:
    if isinstance(a, int) or (is_lanes(a) and a.dtype.kind in "iu"):
        _checked_divisor(b)
        return a % b
    return a - np.floor(np.divide(a, b)) * b


def _minimum(a: Any, b: Any) -> Any:
    return min(a, b) if isinstance(a, int) else np.minimum(a, b)


def _maximum(a: Any, b: Any) -> Any:
    return max(a, b) if isinstance(a, int) else np.maximum(a, b)


_BINARY: dict[type[PrimExpr], Callable[[Any, Any], Any]] = {
    ir.Add: operator.add,
    ir.Sub: operator.sub,
    ir.Mul: operator.mul,
    ir.Div: _div,
    ir.Mod: _mod,
    ir.FloorDiv: _floor_div,
    ir.FloorMod: _floor_mod,
    ir.Min: _minimum,
    ir.Max: _maximum,
}
_COMPARE: dict[type[PrimExpr], Callable[[Any, Any], Any]] = {
    ir.EQ: operator.eq,
    ir.NE: operator.ne,
    ir.LT: operator.lt,
    ir.LE: operator.le,
    ir.GT: operator.gt,
    ir.GE: operator.ge,
}


def binary(function: Callable[[Any, Any], Any], a: Any, b: Any, dtype: DataType) -> Any:
    """An arithmetic operation in `dtype`: integers wrap, floats round."""
    if isinstance(a, bool):
        a, b = int(a), int(b)
    result = function(a, b)
    if dtype.lanes > 1:
        return np.asarray(result).astype(numpy_dtype(dtype))
    if dtype.is_bool:
        return bool(result)
    return wrap(result, dtype) if dtype.is_integer else numpy_dtype(dtype).type(result)


def _variable(self: ScalarEvaluator, expr: Any) -> Any:
    if expr not in self.env:
        raise InterpreterError(f"The variable {expr.name!r} has no value here.")
    return self.env[expr]


def _float_constant(self: ScalarEvaluator, expr: Any) -> Any:
    del self
    return numpy_dtype(expr.dtype).type(expr.value)


def _compare(self: ScalarEvaluator, expr: Any) -> Any:
    result = _COMPARE[type(expr)](self.eval(expr.a), self.eval(expr.b))
    return result if expr.dtype.lanes > 1 else bool(result)


def _and(self: ScalarEvaluator, expr: Any) -> Any:
    if expr.dtype.lanes > 1:
        return np.logical_and(self.eval(expr.a), self.eval(expr.b))
    return self.eval(expr.a) and self.eval(expr.b)


def _or(self: ScalarEvaluator, expr: Any) -> Any:
    if expr.dtype.lanes > 1:
        return np.logical_or(self.eval(expr.a), self.eval(expr.b))
    return self.eval(expr.a) or self.eval(expr.b)


def _not(self: ScalarEvaluator, expr: Any) -> Any:
    value = self.eval(expr.a)
    return np.logical_not(value) if expr.dtype.lanes > 1 else not value


def _select(self: ScalarEvaluator, expr: Any) -> Any:
    condition = self.eval(expr.condition)
    true_value, false_value = self.eval(expr.true_value), self.eval(expr.false_value)
    if is_lanes(condition):
        return _where(condition, true_value, false_value)
    return true_value if condition else false_value


def _cast(self: ScalarEvaluator, expr: Any) -> Any:
    return convert(self.eval(expr.value), expr.value.dtype, expr.dtype)


def _ramp(self: ScalarEvaluator, expr: Any) -> Any:
    base, stride = self.eval(expr.base), self.eval(expr.stride)
    parts = [np.atleast_1d(np.asarray(base + stride * lane)) for lane in range(expr.lanes)]
    return np.concatenate(parts).astype(numpy_dtype(expr.dtype))


def _broadcast(self: ScalarEvaluator, expr: Any) -> Any:
    value = np.atleast_1d(np.asarray(self.eval(expr.value), dtype=numpy_dtype(expr.value.dtype)))
    return np.tile(value, expr.lanes)


def _shuffle(self: ScalarEvaluator, expr: Any) -> Any:
    lanes = np.concatenate(
        [np.atleast_1d(np.asarray(self.eval(v), dtype=numpy_dtype(v.dtype))) for v in expr.vectors]
    )
    picked = lanes[[self.integer(index) for index in expr.indices]]
    return picked if expr.dtype.lanes > 1 else element(picked[0], expr.dtype)


def _let(self: ScalarEvaluator, expr: Any) -> Any:
    self.env[expr.var] = self.eval(expr.value)
    return self.eval(expr.body)


def _call(self: ScalarEvaluator, expr: Any) -> Any:
    op = expr.op
    if isinstance(op, GlobalVar):
        return self.call(expr)
    assert isinstance(op, Op)
    special = _CALLS.get(op.name)
    if special is not None:
        return special(self, expr)
    meaning = op.get_attr("numpy")
    if meaning is None:
        return self.call(expr)
    args = [_numpy_argument(self.eval(arg), arg.dtype) for arg in expr.args]
    return hold(_element_or_lanes(meaning(*args), expr.dtype), expr.dtype)


def _numpy_argument(value: Any, dtype: DataType) -> Any:
    if dtype.is_handle or is_lanes(value):
        return value
    return numpy_dtype(dtype).type(value)


def _element_or_lanes(value: Any, dtype: DataType) -> Any:
    return value if dtype.lanes > 1 else element(np.asarray(value)[()], dtype)


def _if_then_else(self: ScalarEvaluator, expr: Any) -> Any:
    condition, true_value, false_value = expr.args
    chosen = self.eval(condition)
    if is_lanes(chosen):
        return _where(chosen, self.eval(true_value), self.eval(false_value))
    return self.eval(true_value) if chosen else self.eval(false_value)


def _reinterpret(self: ScalarEvaluator, expr: Any) -> Any:
    (value,) = expr.args
    bits = np.atleast_1d(np.asarray(self.eval(value), dtype=numpy_dtype(value.dtype)))
    lanes = bits.view(numpy_dtype(expr.dtype))
    return lanes if expr.dtype.lanes > 1 else element(lanes[0], expr.dtype)


def _first(self: ScalarEvaluator, expr: Any) -> Any:
    return self.eval(expr.args[0])


def _return(self: ScalarEvaluator, expr: Any) -> Any:
    raise ReturnValueError(self.eval(expr.args[0]) if expr.args else None)


def _is_null(self: ScalarEvaluator, expr: Any) -> Any:
    return self.eval(expr.args[0]) is None


# The records of the intrinsics, with their NumPy meaning, are there once their package is imported.
INTRINSICS = intrinsics.__name__

_CALLS: dict[str, Callable[[ScalarEvaluator, Any], Any]] = {
    "tir.if_then_else": _if_then_else,
    "tir.reinterpret": _reinterpret,
    "tir.likely": _first,
    "tir.ret": _return,
    "tir.isnullptr": _is_null,
}
_RULES: dict[type[PrimExpr], Callable[[ScalarEvaluator, Any], Any]] = {
    ir.Var: _variable,
    ir.SizeVar: _variable,
    ir.IntImm: lambda self, e: bool(e.value) if e.dtype.is_bool else e.value,
    ir.FloatImm: _float_constant,
    ir.StringImm: lambda self, e: e.value,
    **dict.fromkeys(_COMPARE, _compare),
    ir.And: _and,
    ir.Or: _or,
    ir.Not: _not,
    ir.Select: _select,
    ir.Cast: _cast,
    ir.Ramp: _ramp,
    ir.Broadcast: _broadcast,
    ir.Shuffle: _shuffle,
    ir.Let: _let,
    ir.Call: _call,
}

__all__ = ["Pointer", "ReturnValueError", "ScalarEvaluator", "Storage", "binary"]
