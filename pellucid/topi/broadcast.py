"""Element by element, of two tensors (or a tensor and a scalar), with NumPy's broadcasting.

Shapes are aligned at their ends; an extent of 1 is repeated. Two extents which cannot be proved
equal
are an error, since nothing would check them when the program runs. Dtypes are promoted as the
operators of scalar expressions do
(`ir/arithmetic.py`): a float beside an integer wins, then the wider type; a Python number takes the
tensor's dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.scalar import Let, Var
from pellucid.support.errors import TypeMismatchError
from pellucid.te.tensor import tensor_operators
from pellucid.tir import op as tir
from pellucid.topi.shapes import BROADCAST, as_list, compute, constant, same_extent


def broadcast_extent(a: Any, b: Any) -> Any:
    """The extent that two extents broadcast to."""
    x, y = constant(a), constant(b)
    if x == 1 or y == 1:
        return b if x == 1 else a
    if same_extent(a, b):
        return a if x is not None else b
    if x is not None and y is not None:
        raise TypeMismatchError(
            "These shapes do not broadcast.", expected="equal extents, or 1", found=f"{x} and {y}"
        )
    raise _unproved(a, b)


class UnprovedExtentsError(TypeMismatchError):
    """Extents that have to agree and may not."""


def _unproved(a: Any, b: Any) -> UnprovedExtentsError:
    """Reading on, by indices kept below the extents, would give a value where an error is due."""
    return UnprovedExtentsError(
        "These shapes may not broadcast: two extents cannot be proved equal.",
        expected="the same symbolic extent, or a constant 1",
        found=f"{a!r} and {b!r}",
        cure="give both one name: in a graph R.match_cast does, and checks it when the program "
        "runs",
    )


def broadcast_shape(*shapes: Sequence[Any]) -> list[Any]:
    """The shape that several shapes broadcast to."""
    found: list[Any] = []
    for shape in shapes:
        longer, shorter = (found, list(shape)) if len(found) >= len(shape) else (list(shape), found)
        lead = len(longer) - len(shorter)
        found = longer[:lead] + [
            broadcast_extent(a, b) for a, b in zip(longer[lead:], shorter, strict=True)
        ]
    return found


def broadcast_indices(
    indices: Sequence[Any], shape: Sequence[Any], out: Sequence[Any]
) -> list[Any]:
    """The indices into a tensor of `shape` for the element at `indices` of its broadcast `out`."""
    lead = len(out) - len(shape)
    found: list[Any] = []
    for axis, extent in enumerate(shape):
        index = indices[lead + axis]
        if constant(extent) == 1:
            found.append(0)
        elif same_extent(extent, out[lead + axis]):
            found.append(index)
        else:
            raise _unproved(extent, out[lead + axis])
    return found


def broadcast_element(x: Any, indices: Sequence[Any], out: Sequence[Any]) -> Any:
    """The element of a tensor, or the scalar itself, at `indices` of the broadcast shape `out`."""
    if isinstance(x, te.Tensor):
        return x(*broadcast_indices(indices, x.shape, out))
    return x


def binary(name: str, function: Callable[[Any, Any], Any], doc: str) -> Callable[..., Any]:
    """The operator `name` that applies `function` to the elements of two operands."""

    def operator(lhs: Any, rhs: Any) -> Any:
        tensors = [each for each in (lhs, rhs) if isinstance(each, te.Tensor)]
        if not tensors:
            return function(lhs, rhs)
        shape = broadcast_shape(*[each.shape for each in tensors])

        def element(*i: Any) -> Any:
            return function(broadcast_element(lhs, i, shape), broadcast_element(rhs, i, shape))

        return compute(shape, element, f"T_{name}", BROADCAST)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = (
        f"{doc}\n\n    Shapes are broadcast, dtypes promoted; either side may be a scalar.\n    "
    )
    return operator


def _divide(a: Any, b: Any) -> Any:
    """Floats are divided, integers rounded towards zero."""
    x, y = ar.match_types(a, b)
    return ar.div(x, y) if x.dtype.is_float else ar.truncdiv(x, y)


def _mod(a: Any, b: Any) -> Any:
    """The remainder with the sign of the dividend."""
    x, y = ar.match_types(a, b)
    return tir.fmod(x, y) if x.dtype.is_float else ar.truncmod(x, y)


def _integer_power(base: Any, exponent: Any) -> Any:
    """By repeated squaring, bit by bit of the exponent; a negative exponent gives the value rounded
    towards zero (0 unless the base is 1 or -1).
    """
    dtype = base.dtype
    known = constant(exponent)
    if known is not None and 0 <= known <= 8:
        return functools.reduce(ar.mul, [base] * known, ar.const(1, dtype))
    low, high = Var("base", dtype), Var("exponent", dtype)
    return Let(low, base, Let(high, exponent, _power_of_variables(low, high)))


def _power_of_variables(base: Any, exponent: Any) -> Any:
    dtype = base.dtype
    one, zero = ar.const(1, dtype), ar.const(0, dtype)
    powers = [base]
    lets: list[tuple[Var, Any]] = []
    result: Any = one
    bits = dtype.bits - (0 if dtype.is_uint else 1)
    for bit in range(bits):
        is_set = ar.ne(ar.bitwise_and(ar.shift_right(exponent, ar.const(bit, dtype)), one), zero)
        result = ar.mul(result, ar.select(is_set, powers[-1], one))
        if bit + 1 < bits:
            square = Var(f"power{2 << bit}", dtype)
            lets.append((square, ar.mul(powers[-1], powers[-1])))
            powers.append(square)
    if not dtype.is_uint:
        odd = ar.ne(ar.bitwise_and(exponent, one), zero)
        unit = ar.select(ar.eq(base, one), one, zero)
        inverse = ar.select(ar.eq(base, ar.const(-1, dtype)), ar.select(odd, base, one), unit)
        result = ar.select(ar.lt(exponent, zero), inverse, result)
    for square, value in reversed(lets):
        result = Let(square, value, result)
    return result


def _power(a: Any, b: Any) -> Any:
    x, y = ar.match_types(a, b)
    return tir.power(x, y) if x.dtype.is_float else _integer_power(x, y)


def _logical(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def build(a: Any, b: Any) -> Any:
        return function(_truth(a), _truth(b))

    return build


def _truth(value: Any) -> Any:
    expr = ar.convert(value)
    return expr if expr.dtype.is_bool else ar.ne(expr, ar.const(0, expr.dtype))


def _xor(a: Any, b: Any) -> Any:
    return ar.ne(a, b)


add = binary("add", ar.add, "The sum.")
subtract = binary("subtract", ar.sub, "The difference.")
multiply = binary("multiply", ar.mul, "The product.")
divide = binary("divide", _divide, "The quotient; of integers it is rounded towards zero.")
floor_divide = binary("floor_divide", ar.floordiv, "The quotient, rounded down.")
mod = binary("mod", _mod, "The remainder, with the sign of the left side (C's fmod).")
floor_mod = binary("floor_mod", ar.floormod, "The remainder, with the sign of the right side.")
power = binary("power", _power, "The left side to the power of the right.")
maximum = binary("maximum", ar.maximum, "The larger one; NaN if either is NaN.")
minimum = binary("minimum", ar.minimum, "The smaller one; NaN if either is NaN.")
left_shift = binary("left_shift", ar.shift_left, "The bits moved up; integers only.")
right_shift = binary("right_shift", ar.shift_right, "The bits moved down; integers only.")
bitwise_and = binary("bitwise_and", ar.bitwise_and, "Bits that both have; integers or bools.")
bitwise_or = binary("bitwise_or", ar.bitwise_or, "Bits that either has; integers or bools.")
bitwise_xor = binary("bitwise_xor", ar.bitwise_xor, "Bits that one has; integers or bools.")
greater = binary("greater", ar.gt, "Whether the left side is larger.")
less = binary("less", ar.lt, "Whether the left side is smaller.")
greater_equal = binary("greater_equal", ar.ge, "Whether the left side is not smaller.")
less_equal = binary("less_equal", ar.le, "Whether the left side is not larger.")
equal = binary("equal", ar.eq, "Whether both are equal.")
not_equal = binary("not_equal", ar.ne, "Whether both differ.")
logical_and = binary("logical_and", _logical(ar.logical_and), "Whether both are true.")
logical_or = binary("logical_or", _logical(ar.logical_or), "Whether either is true.")
logical_xor = binary("logical_xor", _logical(_xor), "Whether exactly one is true.")
atan2 = binary("atan2", tir.atan2, "The angle of the point (right, left), in radians.")
hypot = binary("hypot", tir.hypot, "The square root of the sum of the squares.")
copysign = binary("copysign", tir.copysign, "The left side with the sign of the right.")
nextafter = binary("nextafter", tir.nextafter, "The number after the left one towards the right.")
ldexp = binary("ldexp", tir.ldexp, "The left side times two to the power of the right.")


def _log_add_exp(a: Any, b: Any) -> Any:
    x, y = ar.match_types(a, b)
    high, low = ar.maximum(x, y), ar.minimum(x, y)
    value = high + tir.log(ar.const(1, x.dtype) + tir.exp(low - high))
    return ar.select(ar.eq(x, y), x + tir.log(ar.const(2, x.dtype)), value)


log_add_exp = binary(
    "log_add_exp", _log_add_exp, "log(exp(left) + exp(right)) of floats, without overflow."
)


def ewise_fma(x: te.Tensor, y: Any, z: Any) -> te.Tensor:
    """x * y + z, element by element, broadcast."""
    parts = [each for each in (x, y, z) if isinstance(each, te.Tensor)]
    shape = broadcast_shape(*[each.shape for each in parts])

    def element(*i: Any) -> Any:
        a, b, c = (broadcast_element(each, i, shape) for each in (x, y, z))
        return a * b + c

    return compute(shape, element, "T_ewise_fma", BROADCAST)


def where(condition: Any, x: Any, y: Any) -> te.Tensor:
    """`x` where `condition` (bool, or an integer that is not 0) holds, else `y`; all broadcast."""
    parts = [each for each in (condition, x, y) if isinstance(each, te.Tensor)]
    if not parts:
        raise TypeMismatchError("where needs a tensor among its operands.")
    shape = broadcast_shape(*[each.shape for each in parts])

    def element(*i: Any) -> Any:
        test, a, b = (broadcast_element(each, i, shape) for each in (condition, x, y))
        return ar.select(_truth(test), *ar.match_types(a, b))

    return compute(shape, element, "T_where", BROADCAST)


def broadcast_to(data: te.Tensor, shape: Any) -> te.Tensor:
    """`data` repeated along its axes of extent 1, and along new leading axes, to `shape`."""
    target = as_list(shape)
    if data.ndim > len(target):
        raise TypeMismatchError(
            "broadcast_to cannot drop dimensions.",
            expected=f"at least {data.ndim} dimensions",
            found=str(len(target)),
        )
    for extent, wanted in zip(data.shape, target[len(target) - data.ndim :], strict=True):
        x, y = constant(extent), constant(wanted)
        if x not in (1, None) and y is not None and x != y:
            raise TypeMismatchError(
                "The tensor does not broadcast to that shape.", expected=str(x), found=str(y)
            )

    def element(*i: Any) -> Any:
        return data(*broadcast_indices(i, data.shape, target))

    return compute(target, element, "T_broadcast_to", BROADCAST)


tensor_operators.update({"add": add, "subtract": subtract, "multiply": multiply, "divide": divide})
