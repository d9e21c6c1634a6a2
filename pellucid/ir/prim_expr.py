"""The base of scalar expressions, and the Python operators on them.

`PrimExpr` is what stands for one number (or one short vector) in either level. The operators
delegate to the functions in `ir.arithmetic`, which promote operand types and fold constants; that
file fills `operators` when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pellucid.ir import hooks
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, derived, node
from pellucid.support.errors import InternalError, TypeMismatchError

if TYPE_CHECKING:
    from typing import Self

operators: dict[str, Callable[..., Any]] = {}


class ExprOperators:
    """Arithmetic, bit and comparison operators for everything that stands for a scalar
    expression.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        """`self + other`, folded and promoted."""
        return operators["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        """`other + self`."""
        return operators["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        """`self - other`."""
        return operators["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        """`other - self`."""
        return operators["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        """`self * other`."""
        return operators["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        """`other * self`."""
        return operators["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        """`self / other`, of floating point operands only."""
        return operators["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        """`other / self`."""
        return operators["div"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        """`self // other`, rounded towards minus infinity."""
        return operators["floordiv"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        """`other // self`."""
        return operators["floordiv"](other, self)

    def __mod__(self, other: Any) -> Any:
        """`self % other`, with the sign of the divisor."""
        return operators["floormod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        """`other % self`."""
        return operators["floormod"](other, self)

    def __pow__(self, other: Any) -> Any:
        """`self ** other`: `T.pow` of floats; an integer to a small constant power."""
        return hooks.scalar_power.get()(self, other)

    def __rpow__(self, other: Any) -> Any:
        """`other ** self`."""
        return hooks.scalar_power.get()(other, self)

    def __abs__(self) -> Any:
        """`abs(self)`: the magnitude."""
        return hooks.scalar_magnitude.get()(self)

    def __neg__(self) -> Any:
        """`-self`."""
        return operators["neg"](self)

    def __pos__(self) -> Self:
        """`+self`."""
        return self

    def __invert__(self) -> Any:
        """`~self`: bits of an integer, negation of a bool."""
        return operators["bitwise_not"](self)

    def __lshift__(self, other: Any) -> Any:
        """`self << other`."""
        return operators["shift_left"](self, other)

    def __rlshift__(self, other: Any) -> Any:
        """`other << self`."""
        return operators["shift_left"](other, self)

    def __rshift__(self, other: Any) -> Any:
        """`self >> other`."""
        return operators["shift_right"](self, other)

    def __rrshift__(self, other: Any) -> Any:
        """`other >> self`."""
        return operators["shift_right"](other, self)

    def __and__(self, other: Any) -> Any:
        """`self & other`."""
        return operators["bitwise_and"](self, other)

    def __rand__(self, other: Any) -> Any:
        """`other & self`."""
        return operators["bitwise_and"](other, self)

    def __or__(self, other: Any) -> Any:
        """`self | other`."""
        return operators["bitwise_or"](self, other)

    def __ror__(self, other: Any) -> Any:
        """`other | self`."""
        return operators["bitwise_or"](other, self)

    def __xor__(self, other: Any) -> Any:
        """`self ^ other`."""
        return operators["bitwise_xor"](self, other)

    def __rxor__(self, other: Any) -> Any:
        """`other ^ self`."""
        return operators["bitwise_xor"](other, self)

    def __lt__(self, other: Any) -> Any:
        """`self < other` as an expression."""
        return operators["lt"](self, other)

    def __le__(self, other: Any) -> Any:
        """`self <= other` as an expression."""
        return operators["le"](self, other)

    def __gt__(self, other: Any) -> Any:
        """`self > other` as an expression."""
        return operators["gt"](self, other)

    def __ge__(self, other: Any) -> Any:
        """`self >= other` as an expression."""
        return operators["ge"](self, other)

    def __eq__(self, other: object) -> Any:
        """`self == other` as an expression; of something that is no scalar: not equal."""
        return operators["eq"](self, other)

    def __ne__(self, other: object) -> Any:
        """`self != other` as an expression."""
        return operators["ne"](self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        """Only EQ and NE have a truth value (see their classes)."""
        raise TypeMismatchError(
            "A scalar expression has no truth value while the program is being built.",
            found=repr(self),
            cure="use T.And, T.Or, T.Not or T.if_then_else in scripts; "
            "compare with `is` or structural_equal in Python code",
        )

    def astype(self, dtype: str) -> Any:
        """This expression converted to `dtype`."""
        return operators["cast"](dtype, self)

    def equal(self, other: Any) -> Any:
        """`self == other` as an expression."""
        return operators["eq"](self, other)


@node
class PrimExpr(ExprOperators, Node):
    """A scalar (or short vector) expression; `dtype` is the type of its value."""

    dtype: DataType = derived(lambda self: self.infer_dtype())

    def infer_dtype(self) -> DataType:
        """The dtype as it follows from the operands."""
        raise InternalError(f"{type(self).__name__} does not say what its dtype is.")
