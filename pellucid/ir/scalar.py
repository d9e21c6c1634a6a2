"""The nodes of scalar expressions, shared by loop programs and symbolic shapes.

Constructors here build exactly the node asked for: operands must already agree in dtype
(`ir.arithmetic` has the functions that promote and fold, which the operators use). Integer
arithmetic wraps in two's complement at the width of the dtype, unless a node says otherwise; float
arithmetic is IEEE 754 in the dtype, round to nearest even.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from pellucid.ir.dtype import BOOL, HANDLE, INT32, DataType
from pellucid.ir.node import Node, binder, child, data, meta, node
from pellucid.ir.prim_expr import ExprOperators, PrimExpr, operators
from pellucid.ir.types import PointerType, PrimType, Type
from pellucid.support.errors import TypeMismatchError
from pellucid.support.span import Span


def as_expr(value: Any) -> PrimExpr:
    """A scalar expression from an expression, an iteration variable, a Python or NumPy number,
    or a string.
    """
    if isinstance(value, PrimExpr):
        return value
    return operators["convert"](value)


def as_exprs(values: Any) -> tuple[PrimExpr, ...]:
    """A tuple of scalar expressions; a single value counts as a tuple of one."""
    if isinstance(values, Iterable) and not isinstance(values, str | PrimExpr | IterVar):
        return tuple([as_expr(value) for value in cast("Iterable[Any]", values)])
    return (as_expr(values),)


@node
class Var(PrimExpr):
    """A variable: an object of its own; `name` is a hint that printers make unique.

    Compared by what it is bound to. A pointer variable carries a `PointerType`, whose dtype is
    `handle`.
    """

    is_variable = True
    dtype: DataType = data()
    name: str = meta()
    type_annotation: Type = data(key=lambda annotation: _type_key(annotation))

    def __init__(
        self,
        name: str,
        dtype: str | Type = INT32,
        span: Span | None = None,
        *,
        type_annotation: Any = None,
    ) -> None:
        given = dtype if type_annotation is None else type_annotation
        annotation = given if isinstance(given, Type) else PrimType(given)
        if not isinstance(name, str):
            raise TypeMismatchError(
                "The name of a variable is a string.",
                found=f"a {type(name).__name__}: {name!r:.60}",
            )
        self._init("name", name)
        self._init("type_annotation", annotation)
        self._init("dtype", annotation.dtype if isinstance(annotation, PrimType) else HANDLE)
        self._init("span", span)

    @property
    def name_hint(self) -> str:
        """The name, under its other usual attribute."""
        return self.name

    def copy_with_suffix(self, suffix: str) -> Var:
        """A new variable of the same type, named `name + suffix`."""
        return type(self)(self.name + suffix, self.type_annotation)

    def fresh(self, name: str | None = None) -> Var:
        """A new variable of the same type."""
        return type(self)(self.name if name is None else name, self.type_annotation)


def _type_key(annotation: Type) -> tuple[Any, ...]:
    """What two variables' types must share to be comparable."""
    if isinstance(annotation, PointerType):
        return ("pointer", _type_key(annotation.element_type), annotation.storage_scope or "global")
    return ("prim", str(getattr(annotation, "dtype", "")))


@node
class SizeVar(Var):
    """A variable known to be non-negative, such as a symbolic dimension."""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            dtype: str | Type = INT32,
            span: Span | None = None,
            *,
            type_annotation: Any = None,
        ) -> None: ...


@node
class IntImm(PrimExpr):
    """An integer or bool constant; the value fits the dtype."""

    dtype: DataType = data(converter=DataType)
    value: int = data(converter=int)

    def __post_init__(self) -> None:
        """Check kind and range."""
        if self.dtype.kind not in ("int", "uint", "bool", "handle") or self.dtype.lanes != 1:
            raise TypeMismatchError(f"An integer constant cannot have the dtype {self.dtype!r}.")
        if self.dtype.kind == "handle":
            return
        low, high = self.dtype.range()
        if not low <= self.value <= high:
            raise TypeMismatchError(
                f"The constant {self.value} does not fit {self.dtype}.",
                expected=f"a value from {low} to {high}",
            )

    @property
    def attr_value(self) -> bool | int | None:
        """The Python value that stands for the constant as an attribute; None where its dtype
        matters.
        """
        if self.dtype.is_bool:
            return bool(self.value)
        return self.value if str(self.dtype) in ("int32", "int64") else None

    def __int__(self) -> int:
        """The value."""
        return self.value

    def __index__(self) -> int:
        """The value, so that a constant may stand where Python wants an integer."""
        return self.value

    def __bool__(self) -> bool:
        """Whether the value is not zero."""
        return self.value != 0


@node
class FloatImm(PrimExpr):
    """A floating point constant, kept as a Python float; compared bit by bit, so NaN equals NaN
    and -0.0 is not 0.0.
    """

    dtype: DataType = data(converter=DataType)
    value: float = data(converter=float, key=lambda value: struct.pack("<d", value))

    def __post_init__(self) -> None:
        """Check the kind."""
        if not self.dtype.is_float or self.dtype.lanes != 1:
            raise TypeMismatchError(f"A float constant cannot have the dtype {self.dtype!r}.")

    @property
    def attr_value(self) -> float | None:
        """As `IntImm.attr_value`."""
        return self.value if str(self.dtype) in ("float32", "float64") else None

    def __float__(self) -> float:
        """The value."""
        return self.value


@node
class StringImm(PrimExpr):
    """A string constant, for arguments of intrinsics and packed functions."""

    value: str = data(converter=str)

    def infer_dtype(self) -> DataType:
        """A handle."""
        return HANDLE


@node
class Cast(PrimExpr):
    """`value` converted to `dtype`.

    To a narrower integer: the low bits. Float to integer: truncated towards zero, and what does not
    fit is clamped to the range (NaN gives 0). To a narrower float: rounded to nearest
    even (an integer reaches a float of 16 or 8 bits by way of float32). To
    bool: whether it is not zero.
    """

    dtype: DataType = data(converter=DataType)
    value: PrimExpr = child(converter=as_expr)

    def __post_init__(self) -> None:
        """Check the lanes."""
        if self.dtype.lanes != self.value.dtype.lanes:
            raise TypeMismatchError(
                "A cast keeps the number of lanes.",
                expected=str(self.value.dtype.lanes),
                found=str(self.dtype.lanes),
            )


@node
class BinaryOp(PrimExpr):
    """Base of the operations on two operands of one dtype."""

    a: PrimExpr = child(converter=as_expr)
    b: PrimExpr = child(converter=as_expr)

    def __post_init__(self) -> None:
        """Check that the operands agree."""
        if self.a.dtype != self.b.dtype:
            raise TypeMismatchError(
                f"The operands of {type(self).__name__} differ in dtype.",
                found=f"{self.a.dtype} and {self.b.dtype}",
                cure="cast one of them, or use the operator, which promotes",
            )

    def infer_dtype(self) -> DataType:
        """That of the operands."""
        return self.a.dtype


@node
class Add(BinaryOp):
    """`a + b`."""


@node
class Sub(BinaryOp):
    """`a - b`."""


@node
class Mul(BinaryOp):
    """`a * b`."""


@node
class Div(BinaryOp):
    """`a / b`: of floats the quotient; of integers truncated towards zero. Division of an
    integer by zero is an error.
    """


@node
class Mod(BinaryOp):
    """The remainder of the truncated quotient: it has the sign of `a`. Integers only; by zero is
    an error.
    """


@node
class FloorDiv(BinaryOp):
    """The quotient rounded towards minus infinity. Division of an integer by zero is an error."""


@node
class FloorMod(BinaryOp):
    """The remainder of the floored quotient: it has the sign of `b`. By zero is an error for
    integers.
    """


@node
class Min(BinaryOp):
    """The smaller operand; for floats NaN if either is NaN."""


@node
class Max(BinaryOp):
    """The larger operand; for floats NaN if either is NaN."""


@node
class CmpOp(BinaryOp):
    """Base of comparisons; the result is a bool (a lane each). Every comparison with NaN but NE
    is false.
    """

    def infer_dtype(self) -> DataType:
        """Bool, with the operands' lanes."""
        return BOOL.with_lanes(self.a.dtype.lanes)


@node
class EQ(CmpOp):
    """`a == b`. As a Python truth value: folded where both are constants, else whether both are
    one object.
    """

    def __bool__(self) -> bool:
        """See the class."""
        return _same_value(self.a, self.b)


@node
class NE(CmpOp):
    """`a != b`. As a Python truth value: the opposite of EQ's."""

    def __bool__(self) -> bool:
        """See the class."""
        return not _same_value(self.a, self.b)


def _same_value(a: PrimExpr, b: PrimExpr) -> bool:
    """Equality of constants by value, of all else by identity."""
    if isinstance(a, IntImm | FloatImm) and isinstance(b, IntImm | FloatImm):
        return a.value == b.value
    return a is b


@node
class LT(CmpOp):
    """`a < b`."""


@node
class LE(CmpOp):
    """`a <= b`."""


@node
class GT(CmpOp):
    """`a > b`."""


@node
class GE(CmpOp):
    """`a >= b`."""


@node
class LogicalOp(BinaryOp):
    """Base of `And` and `Or`: bool operands; the right one is not evaluated when the left one
    decides.
    """

    def __post_init__(self) -> None:
        """Check that both operands are bools."""
        for operand in (self.a, self.b):
            if not operand.dtype.is_bool:
                raise TypeMismatchError(
                    f"The operands of {type(self).__name__} must be bool.", found=str(operand.dtype)
                )


@node
class And(LogicalOp):
    """`a and b`."""


@node
class Or(LogicalOp):
    """`a or b`."""


@node
class Not(PrimExpr):
    """`not a`, of a bool."""

    a: PrimExpr = child(converter=as_expr)

    def __post_init__(self) -> None:
        """Check that the operand is a bool."""
        if not self.a.dtype.is_bool:
            raise TypeMismatchError("The operand of Not must be bool.", found=str(self.a.dtype))

    def infer_dtype(self) -> DataType:
        """Bool."""
        return self.a.dtype


@node
class Select(PrimExpr):
    """`true_value` where `condition` holds, else `false_value`; *both* are evaluated (see
    `tir.if_then_else`).
    """

    condition: PrimExpr = child(converter=as_expr)
    true_value: PrimExpr = child(converter=as_expr)
    false_value: PrimExpr = child(converter=as_expr)

    def __post_init__(self) -> None:
        """Check that the branches agree and that the condition is a bool."""
        if self.true_value.dtype != self.false_value.dtype:
            raise TypeMismatchError(
                "The two values of Select differ in dtype.",
                found=f"{self.true_value.dtype} and {self.false_value.dtype}",
            )
        if not self.condition.dtype.is_bool:
            raise TypeMismatchError(
                "The condition of Select must be bool.", found=str(self.condition.dtype)
            )

    def infer_dtype(self) -> DataType:
        """That of the values."""
        return self.true_value.dtype


@node
class Ramp(PrimExpr):
    """The vector `base, base + stride, …` of `lanes` lanes."""

    base: PrimExpr = child(converter=as_expr)
    stride: PrimExpr = child(converter=as_expr)
    lanes: int = data(converter=int)

    def infer_dtype(self) -> DataType:
        """The base's, with more lanes."""
        return self.base.dtype.with_lanes(self.base.dtype.lanes * self.lanes)


@node
class Broadcast(PrimExpr):
    """The vector whose `lanes` lanes are all `value`."""

    value: PrimExpr = child(converter=as_expr)
    lanes: int = data(converter=int)

    def infer_dtype(self) -> DataType:
        """The value's, with more lanes."""
        return self.value.dtype.with_lanes(self.value.dtype.lanes * self.lanes)


@node
class Shuffle(PrimExpr):
    """Lanes picked by constant `indices` out of the concatenation of `vectors`."""

    vectors: tuple[PrimExpr, ...] = child(converter=as_exprs)
    indices: tuple[PrimExpr, ...] = child(converter=as_exprs)

    def infer_dtype(self) -> DataType:
        """The element type with as many lanes as there are indices."""
        return self.vectors[0].dtype.with_lanes(len(self.indices))


@node
class Call(PrimExpr):
    """A call of a scalar intrinsic, an external function, or a packed function, giving a value of
    `dtype`.

    `op` is an `ir.Op` (looked up by name when given as a string) or a `GlobalVar`. `args` are
    expressions; strings become `StringImm`, and buffer regions stay as they are.
    """

    dtype: DataType = data(converter=DataType)
    op: Node = child(converter=lambda op: operators["op"](op))
    args: tuple[Any, ...] = child(converter=lambda args: tuple([_argument(arg) for arg in args]))


def _argument(value: Any) -> Node:
    """An argument of a call: nodes stay, Python values become constants."""
    return value if isinstance(value, Node) and not isinstance(value, IterVar) else as_expr(value)


@node
class Let(PrimExpr):
    """`body` with `var` standing for `value`, which is evaluated once."""

    var: Var = binder()
    value: PrimExpr = child(converter=as_expr)
    body: PrimExpr = child(converter=as_expr)
    visit_order = ("value", "var", "body", "dtype", "span")

    def infer_dtype(self) -> DataType:
        """The body's."""
        return self.body.dtype


@node
class Range(Node):
    """The integers from `min` (inclusive), `extent` of them. `Range(begin, end)`; `Range(end)`
    starts at zero.
    """

    min: PrimExpr = child(converter=as_expr)
    extent: PrimExpr = child(converter=as_expr)

    def __init__(
        self,
        begin: Any = None,
        end: Any = None,
        span: Span | None = None,
        *,
        min: Any = None,
        extent: Any = None,
    ) -> None:
        if extent is None:
            if end is None:
                begin, end = as_expr(begin).astype(as_expr(begin).dtype) * 0, begin
            min, stop = operators["match_types"](begin, end)
            extent = operators["distance"](min, stop)
        self._init("min", as_expr(min))
        self._init("extent", as_expr(extent))
        self._init("span", span)

    @staticmethod
    def from_min_extent(min_value: Any, extent: Any, span: Span | None = None) -> Range:
        """The range [min_value, min_value + extent)."""
        return Range(min=min_value, extent=extent, span=span)


@node
class IterVar(ExprOperators, Node):
    """An iteration variable: `var` ranging over `dom`, with the role `iter_type` that its values
    play.

    The roles (see `semantics.md` §2): DataPar (independent), CommReduce (accumulated in any order),
    Ordered (in order), Opaque (nothing known), ThreadIndex (bound to a thread axis `thread_tag`),
    and what a loop was turned into.
    """

    DataPar = 0
    ThreadIndex = 1
    CommReduce = 2
    Ordered = 3
    Opaque = 4
    Unrolled = 5
    Vectorized = 6
    Parallelized = 7
    Tensorized = 8

    dom: Range | None = child()
    var: Var = binder(converter=lambda var: Var(var) if isinstance(var, str) else var)
    iter_type: int = data(converter=int)
    thread_tag: str = data(default="")

    def __post_init__(self) -> None:
        """Accept a pair as the domain."""
        if isinstance(self.dom, tuple | list):
            self._init("dom", Range(self.dom[0], self.dom[1]))

    @property
    def dtype(self) -> DataType:
        """The variable's dtype."""
        return self.var.dtype

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.var.name
