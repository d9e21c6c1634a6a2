"""The mathematical intrinsics of loop programs: each a function that builds a call, and its record.

In: scalar expressions or Python numbers. Out: a `Call` of `tir.<name>`, or a simpler expression
where the operand's type decides (the floor of an integer is itself). Each operator's record says
how many arguments it takes (`arity`), that it has no effect (`pure`), the dtype of its value
(`dtype`, from the arguments), and what it means (`numpy`, a function of arrays, which the
interpreter runs).

Functions of floats convert integers to float32. Their NumPy meaning computes in float64 and rounds
once to the operand's dtype; compiled code may differ by the ulp bound of the intrinsic.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.ir import hooks
from pellucid.ir.arithmetic import cast_to, const, convert, ge, match_types, mul, select, sub
from pellucid.ir.dtype import BOOL, FLOAT32, INT32, DataType
from pellucid.ir.op import Op, register_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, FloatImm, IntImm
from pellucid.support.errors import TypeMismatchError

Args = tuple[Any, ...]
NumPyFunction = Callable[..., Any]


def dtype_of_first(args: Args) -> DataType:
    """The dtype rule of operators whose value has the first argument's dtype."""
    return args[0].dtype


def dtype_bool(args: Args) -> DataType:
    """The dtype rule of predicates: a bool a lane."""
    return BOOL.with_lanes(args[0].dtype.lanes)


def dtype_int32(args: Args) -> DataType:
    """The dtype rule of operators that count: an int32 a lane."""
    return INT32.with_lanes(args[0].dtype.lanes)


def intrinsic(
    name: str,
    arity: int,
    numpy: NumPyFunction,
    dtype: Callable[[Args], DataType] | None = dtype_of_first,
) -> Op:
    """Register `tir.<name>`, a pure operator with a NumPy meaning."""
    return register_op(f"tir.{name}", arity=arity, pure=True, numpy=numpy, dtype=dtype)


def quiet(function: NumPyFunction) -> NumPyFunction:
    """`function` without NumPy's warnings: overflow and NaN are values like others here."""

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return run


def rounded(function: NumPyFunction) -> NumPyFunction:
    """`function` computed in float64, then rounded to the dtype of its first argument."""

    def run(*args: Any) -> Any:
        arrays = [np.asarray(arg) for arg in args]
        with np.errstate(all="ignore"):
            wide = function(*[array.astype(np.float64) for array in arrays])
            return np.asarray(wide).astype(arrays[0].dtype)

    run.__name__ = getattr(function, "__name__", "function")
    return run


def as_float(value: Any) -> PrimExpr:
    """`value` as a float expression: integers and bools become float32."""
    expr = convert(value)
    if expr.dtype.is_float:
        return expr
    if expr.dtype.is_integer or expr.dtype.is_bool:
        return cast_to(FLOAT32.with_lanes(expr.dtype.lanes), expr)
    raise TypeMismatchError("A mathematical function needs a number.", found=str(expr.dtype))


def as_integer(name: str, value: Any) -> PrimExpr:
    """`value`, which must be an integer expression."""
    expr = convert(value)
    if not expr.dtype.is_integer:
        raise TypeMismatchError(f"{name} needs an integer.", found=str(expr.dtype))
    return expr


def _float_unary(name: str, numpy: NumPyFunction, meaning: str) -> Callable[[Any], PrimExpr]:
    op = intrinsic(name, 1, numpy)

    def build(x: Any) -> PrimExpr:
        operand = as_float(x)
        return Call(operand.dtype, op, (operand,))

    return _named(build, name, meaning)


def _float_binary(name: str, numpy: NumPyFunction, meaning: str) -> Callable[[Any, Any], PrimExpr]:
    op = intrinsic(name, 2, numpy)

    def build(x: Any, y: Any) -> PrimExpr:
        a, b = match_types(x, y)
        a, b = as_float(a), as_float(b)
        return Call(a.dtype, op, (a, b))

    return _named(build, name, meaning)


def _rounding(name: str, numpy: NumPyFunction, meaning: str) -> Callable[[Any], PrimExpr]:
    # Some of these are registered by ir.arithmetic, which needs them itself.
    full = f"tir.{name}"
    if full in Op.list_op_names():
        op = describe(name, numpy, dtype_of_first)
    else:
        op = intrinsic(name, 1, numpy)

    def build(x: Any) -> PrimExpr:
        operand = convert(x)
        if operand.dtype.is_integer or operand.dtype.is_bool:
            return operand
        operand = as_float(operand)
        return Call(operand.dtype, op, (operand,))

    return _named(build, name, meaning + " An integer is itself.")


def _named(function: Any, name: str, meaning: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = meaning
    return function


def describe(name: str, numpy: NumPyFunction, dtype: Callable[[Args], DataType] | None) -> Op:
    """Complete the record of an operator that `ir.arithmetic` has registered."""
    op = Op.get(f"tir.{name}")
    op.set_attr("numpy", numpy)
    op.set_attr("dtype", dtype)
    return op


def _power_of_ten(x: Any) -> Any:
    return np.power(10.0, x)


def _logistic(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _reciprocal_root(x: Any) -> Any:
    return 1.0 / np.sqrt(x)


def _scale_by_power(x: Any, e: Any) -> Any:
    return np.ldexp(x, np.asarray(e, np.int32))


def _itself(x: Any) -> Any:
    return x


def _half_away(x: Any) -> Any:
    """Nearest integer, halves away from zero; large values, which are integers, stay."""
    array = np.asarray(x)
    whole = np.trunc(array)
    away = np.abs(array - whole) >= 0.5
    return np.where(away, whole + np.copysign(1.0, array), whole)


exp = _float_unary("exp", rounded(np.exp), "e to the power of `x`.")
exp2 = _float_unary("exp2", rounded(np.exp2), "2 to the power of `x`.")
exp10 = _float_unary("exp10", rounded(_power_of_ten), "10 to the power of `x`.")
expm1 = _float_unary("expm1", rounded(np.expm1), "`exp(x) - 1`, accurate near zero.")
log = _float_unary("log", rounded(np.log), "The natural logarithm; NaN below zero, -inf at zero.")
log2 = _float_unary("log2", rounded(np.log2), "The logarithm to base 2.")
log10 = _float_unary("log10", rounded(np.log10), "The logarithm to base 10.")
log1p = _float_unary("log1p", rounded(np.log1p), "`log(1 + x)`, accurate near zero.")
sigmoid = _float_unary("sigmoid", rounded(_logistic), "`1 / (1 + exp(-x))`.")
tanh = _float_unary("tanh", rounded(np.tanh), "The hyperbolic tangent.")
sin = _float_unary("sin", rounded(np.sin), "The sine; `x` in radians.")
cos = _float_unary("cos", rounded(np.cos), "The cosine; `x` in radians.")
tan = _float_unary("tan", rounded(np.tan), "The tangent; `x` in radians.")
sinh = _float_unary("sinh", rounded(np.sinh), "The hyperbolic sine.")
cosh = _float_unary("cosh", rounded(np.cosh), "The hyperbolic cosine.")
asin = _float_unary("asin", rounded(np.arcsin), "The arc sine in radians; NaN outside [-1, 1].")
acos = _float_unary("acos", rounded(np.arccos), "The arc cosine in radians; NaN outside [-1, 1].")
atan = _float_unary("atan", rounded(np.arctan), "The arc tangent in radians.")
asinh = _float_unary("asinh", rounded(np.arcsinh), "The inverse hyperbolic sine.")
acosh = _float_unary("acosh", rounded(np.arccosh), "The inverse hyperbolic cosine; NaN below 1.")
atanh = _float_unary(
    "atanh", rounded(np.arctanh), "The inverse hyperbolic tangent; NaN outside [-1, 1]."
)
erf = _float_unary(
    "erf", rounded(np.vectorize(math.erf, otypes=[np.float64])), "The error function."
)
sqrt = _float_unary("sqrt", rounded(np.sqrt), "The square root; NaN below zero.")
rsqrt = _float_unary("rsqrt", rounded(_reciprocal_root), "`1 / sqrt(x)`.")

floor = _rounding(
    "floor", quiet(np.floor), "The greatest integer that is not above `x`, as a float."
)
ceil = _rounding("ceil", quiet(np.ceil), "The least integer that is not below `x`, as a float.")
trunc = _rounding("trunc", quiet(np.trunc), "The integer part of `x`, towards zero, as a float.")
round = _rounding(
    "round",
    rounded(_half_away),
    "The nearest integer as a float; halves go away from zero (2.5 → 3, -0.5 → -1).",
)
nearbyint = _rounding(
    "nearbyint",
    quiet(np.rint),
    "The nearest integer as a float; halves go to the even one (2.5 → 2).",
)

atan2 = _float_binary(
    "atan2", rounded(np.arctan2), "The angle of the point (y=`x`, x=`y`), in (-π, π]."
)
power = _float_binary("pow", rounded(np.power), "`x` to the power of `y`, as floats.")
pow = power
fmod = _float_binary(
    "fmod", quiet(np.fmod), "The remainder of the truncated quotient, with the sign of `x`."
)
copysign = _float_binary("copysign", np.copysign, "The magnitude of `x` with the sign of `y`.")
hypot = _float_binary("hypot", rounded(np.hypot), "`sqrt(x*x + y*y)` without overflow in between.")
nextafter = _float_binary(
    "nextafter", quiet(np.nextafter), "The float next to `x` in the direction of `y`."
)

_FABS = intrinsic("fabs", 1, np.abs)
_LDEXP = intrinsic("ldexp", 2, quiet(_scale_by_power))
_ISNAN = intrinsic("isnan", 1, np.isnan, dtype_bool)
_ISINF = intrinsic("isinf", 1, np.isinf, dtype_bool)
_ISFINITE = intrinsic("isfinite", 1, np.isfinite, dtype_bool)
_LIKELY = intrinsic("likely", 1, _itself)


def fabs(x: Any) -> PrimExpr:
    """The magnitude of a float; NaN stays NaN."""
    operand = as_float(x)
    return Call(operand.dtype, _FABS, (operand,))


def abs(x: Any) -> PrimExpr:
    """The magnitude: `fabs` of a float, `Select(x >= 0, x, 0 - x)` of a signed integer."""
    operand = convert(x)
    if operand.dtype.is_int:
        zero = const(0, operand.dtype)
        return select(ge(operand, zero), operand, sub(zero, operand))
    return operand if operand.dtype.is_uint or operand.dtype.is_bool else fabs(operand)


_LARGEST_POWER = 64


def scalar_power(x: Any, y: Any) -> PrimExpr:
    """`x ** y`: a product of `x`s where both are integers and `y` is a constant from 0 to 64, and
    where `y` is 2; else `pow` of floats, to which an integer beside a float is converted.
    """
    base, exponent = convert(x), convert(y)
    if base.dtype.is_float and isinstance(exponent, IntImm | FloatImm) and exponent.value == 2:
        return mul(base, base)
    if base.dtype.is_float or exponent.dtype.is_float:
        return power(base, exponent)
    count = exponent.value if isinstance(exponent, IntImm) else -1
    if not 0 <= count <= _LARGEST_POWER:
        raise TypeMismatchError(
            "A power of integers needs a small constant exponent.",
            expected=f"an exponent from 0 to {_LARGEST_POWER}",
            found=repr(exponent),
            cure='compute with floats: T.pow(x, y), or x.astype("float32") ** y',
        )
    result: PrimExpr | None = None
    square = base
    while count:
        if count & 1:
            result = square if result is None else mul(result, square)
        square = mul(square, square) if count > 1 else square
        count >>= 1
    return const(1, base.dtype) if result is None else result


def _multiply_add(x: Any, y: Any, z: Any) -> Any:
    """`x * y + z` in a wider format, rounded once to that of `x`."""
    kind = np.asarray(x).dtype
    wide: Any = np.float64 if kind.itemsize < 8 else np.longdouble
    with np.errstate(all="ignore"):
        found = np.asarray(x).astype(wide) * np.asarray(y).astype(wide)
        return np.asarray(found + np.asarray(z).astype(wide)).astype(kind)


_FMA = intrinsic("fma", 3, _multiply_add)


def fma(x: Any, y: Any, z: Any) -> PrimExpr:
    """`x * y + z`, rounded once where the processor can."""
    a, b = match_types(x, y)
    a, c = match_types(a, z)
    a, c = as_float(a), as_float(c)
    return Call(a.dtype, _FMA, (a, cast_to(a.dtype, b), c))


def ldexp(x: Any, e: Any) -> PrimExpr:
    """`x * 2**e` for a float `x` and an integer `e`."""
    mantissa = as_float(x)
    exponent = cast_to(INT32.with_lanes(mantissa.dtype.lanes), as_integer("ldexp's exponent", e))
    return Call(mantissa.dtype, _LDEXP, (mantissa, exponent))


def _float_predicate(op: Op, value: Any, of_integer: bool) -> PrimExpr:
    operand = convert(value)
    dtype = BOOL.with_lanes(operand.dtype.lanes)
    if operand.dtype.is_float:
        return Call(dtype, op, (operand,))
    if operand.dtype.is_integer or operand.dtype.is_bool:
        return const(of_integer, dtype)
    raise TypeMismatchError("This question can be asked of numbers only.", found=str(operand.dtype))


def isnan(x: Any) -> PrimExpr:
    """Whether `x` is NaN; false of an integer."""
    return _float_predicate(_ISNAN, x, False)


def isinf(x: Any) -> PrimExpr:
    """Whether `x` is infinite; false of an integer."""
    return _float_predicate(_ISINF, x, False)


def isfinite(x: Any) -> PrimExpr:
    """Whether `x` is neither NaN nor infinite; true of an integer."""
    return _float_predicate(_ISFINITE, x, True)


def likely(cond: Any) -> PrimExpr:
    """The condition itself, with the hint that it mostly holds."""
    operand = convert(cond)
    return Call(operand.dtype, _LIKELY, (operand,))


hooks.scalar_power.fill(scalar_power)
hooks.scalar_magnitude.fill(abs)

__all__ = [
    "abs",
    "acos",
    "acosh",
    "as_float",
    "as_integer",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "exp10",
    "expm1",
    "fabs",
    "floor",
    "fma",
    "fmod",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "ldexp",
    "likely",
    "log",
    "log1p",
    "log2",
    "log10",
    "nearbyint",
    "nextafter",
    "pow",
    "power",
    "round",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
