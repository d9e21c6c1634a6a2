"""Patterns over graph expressions: what an expression has to look like.

    x, w = wildcard(), wildcard()
    pattern = is_op("relax.add")(is_op("relax.matmul")(x, w), is_const())

A pattern is an object: where it occurs twice, both places have to be the same value. Patterns are
put together by calling (`is_op(name)(a, b)`), `|`, `&`, `~`, and by constraints
(`p.has_dtype("float32")`). `a ^ b` says that `b` uses `a`, `a >> b` that nothing else does; see
`dpl.context`. How they match is in `dpl.match`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.ir.op import Op
from pellucid.relax.dpl.sequence import PatternSeq, join, take_in
from pellucid.relax.expr import Expr
from pellucid.relax.struct_info import StructInfo

# Filled in by `dpl.match`, which comes after this file.
late: dict[str, Callable[..., Any]] = {}


class DFPattern:
    """Base of patterns."""

    def __call__(
        self,
        *args: DFPattern,
        varg_default_wildcard: bool = False,
        add_constraint: bool = True,
    ) -> CallPattern:
        """A call of what this pattern matches, on such arguments.

        With `varg_default_wildcard` there may be more arguments than patterns. Inside a
        `PatternContext` the call has to be found in the block, unless `add_constraint` is false.
        """
        made = CallPattern(self, args, varg_default_wildcard)
        take_in(made, args, is_call=add_constraint)
        return made

    def __or__(self, other: DFPattern) -> DFPattern:
        """This pattern, or else `other`."""
        return _joined(OrPattern(self, other), self, other)

    def __and__(self, other: DFPattern) -> DFPattern:
        """Both patterns."""
        return _joined(AndPattern(self, other), self, other)

    def __invert__(self) -> DFPattern:
        """Anything that this pattern does not match."""
        return _joined(NotPattern(self), self)

    def has_attr(self, attrs: Mapping[str, Any]) -> DFPattern:
        """A call (or function) that has these attributes, among others."""
        return _joined(AttrPattern(self, attrs), self)

    def has_dtype(self, dtype: str) -> DFPattern:
        """A tensor of this dtype."""
        return _joined(DataTypePattern(self, dtype), self)

    def has_shape(self, shape: Sequence[Any]) -> DFPattern:
        """A tensor whose shape is provably this one."""
        return _joined(ShapePattern(self, tuple(shape)), self)

    def same_shape_as(self, *others: DFPattern) -> DFPattern:
        """A tensor whose shape is provably that of what `others` match, if they match before."""
        return _joined(SameShapePattern(self, others), self)

    def has_struct_info(self, struct_info: StructInfo) -> DFPattern:
        """A value whose struct info is at least as precise as this one."""
        return _joined(StructInfoPattern(self, struct_info), self)

    def optional(self, make: Callable[[DFPattern], DFPattern]) -> DFPattern:
        """`make(self)`, or else this pattern alone."""
        return make(self) | self

    def used_by(self, other: DFPattern | PatternSeq, index: int = -1) -> PatternSeq:
        """`other` uses this value (as argument `index`, unless it is -1)."""
        return join(self, other, index, only=False)

    def only_used_by(self, other: DFPattern | PatternSeq, index: int = -1) -> PatternSeq:
        """`other` uses this value, and nothing else does."""
        return join(self, other, index, only=True)

    def __xor__(self, other: DFPattern | PatternSeq) -> PatternSeq:
        """As `used_by`."""
        return self.used_by(other)

    def __rshift__(self, other: DFPattern | PatternSeq) -> PatternSeq:
        """As `only_used_by`."""
        return self.only_used_by(other)

    def match(self, expr: Expr, var2val: Mapping[Any, Expr] | None = None) -> bool:
        """Whether this pattern matches `expr`; see `dpl.match.extract_matched_expr`."""
        return late["match"](self, expr, var2val)

    def extract_matched_expr(
        self, expr: Expr, var2val: Mapping[Any, Expr] | None = None
    ) -> dict[DFPattern, Expr] | None:
        """What each part of this pattern matched in `expr`, or None."""
        return late["extract"](self, expr, var2val)

    def dup(self) -> DFPattern:
        """A pattern of the same form that need not match the same value."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy


def _joined(made: DFPattern, *parts: DFPattern) -> DFPattern:
    """A new pattern, which takes the place of its parts in an open context."""
    take_in(made, parts, is_call=False)
    return made


class WildcardPattern(DFPattern):
    """Anything."""


class ExprPattern(DFPattern):
    """Exactly this expression: an operator by identity, anything else by structure."""

    def __init__(self, expr: Expr) -> None:
        self.expr = expr


class VarPattern(DFPattern):
    """A variable, of this name hint unless it is empty. `kind` is "any", "dataflow" or "global"."""

    def __init__(self, name: str = "", kind: str = "any") -> None:
        self.name = name
        self.kind = kind


class DataflowVarPattern(VarPattern):
    """A dataflow variable."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name, "dataflow")


class GlobalVarPattern(VarPattern):
    """A function of the module, by its name."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name, "global")


class ConstantPattern(DFPattern):
    """A constant."""


class ExternFuncPattern(DFPattern):
    """An external function of this symbol."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol


class CallPattern(DFPattern):
    """A call."""

    def __init__(self, op: DFPattern, args: Sequence[DFPattern], more: bool = False) -> None:
        self.op = op
        self.args = tuple(args)
        self.more = more


class TuplePattern(DFPattern):
    """A tuple of such fields, in this order or (`unordered`) in any."""

    def __init__(self, fields: Sequence[DFPattern], unordered: bool = False) -> None:
        self.fields = tuple(fields)
        self.unordered = unordered

    def __getitem__(self, index: int) -> DFPattern:
        """One of the fields."""
        return self.fields[index]

    def __len__(self) -> int:
        """The number of fields."""
        return len(self.fields)


class UnorderedTuplePattern(TuplePattern):
    """A tuple of such fields, in any order."""

    def __init__(self, fields: Sequence[DFPattern]) -> None:
        super().__init__(fields, True)


class FunctionPattern(DFPattern):
    """A function value with such parameters and such a result."""

    def __init__(self, params: Sequence[DFPattern], body: DFPattern) -> None:
        self.params = tuple(params)
        self.body = body


class PrimArrPattern(DFPattern):
    """A shape as a value, with these dimensions."""

    def __init__(self, shape: Sequence[Any]) -> None:
        self.fields = tuple(shape)

    def __getitem__(self, index: int) -> Any:
        """One dimension."""
        return self.fields[index]

    def __len__(self) -> int:
        """The number of dimensions."""
        return len(self.fields)


class TupleGetItemPattern(DFPattern):
    """A field of a tuple; of any number where `index` is None."""

    def __init__(self, tuple_value: DFPattern, index: int | None = None) -> None:
        self.tuple_value = tuple_value
        self.index = index


class OrPattern(DFPattern):
    """One of two."""

    def __init__(self, left: DFPattern, right: DFPattern) -> None:
        self.left = left
        self.right = right


class AndPattern(OrPattern):
    """Both of two."""


class NotPattern(DFPattern):
    """What another does not match."""

    def __init__(self, inner: DFPattern) -> None:
        self.inner = inner


class AttrPattern(DFPattern):
    """Another pattern, with attributes."""

    def __init__(self, inner: DFPattern, attrs: Mapping[str, Any]) -> None:
        self.inner = inner
        self.attrs = dict(attrs)


class DataTypePattern(DFPattern):
    """Another pattern, of a dtype."""

    def __init__(self, inner: DFPattern, dtype: str) -> None:
        self.inner = inner
        self.dtype = dtype


class ShapePattern(DFPattern):
    """Another pattern, of a shape."""

    def __init__(self, inner: DFPattern, shape: tuple[Any, ...]) -> None:
        self.inner = inner
        self.shape = shape


class SameShapePattern(DFPattern):
    """Another pattern, of the shape of others."""

    def __init__(self, inner: DFPattern, others: Sequence[DFPattern]) -> None:
        self.inner = inner
        self.others = tuple(others)


class StructInfoPattern(DFPattern):
    """Another pattern, of a struct info."""

    def __init__(self, inner: DFPattern, struct_info: StructInfo) -> None:
        self.inner = inner
        self.struct_info = struct_info


def wildcard() -> DFPattern:
    """Any value."""
    return WildcardPattern()


def is_op(op_name: str) -> DFPattern:
    """The operator of this name; call the pattern to match its calls."""
    return ExprPattern(Op.get(op_name))


def is_expr(expr: Expr) -> DFPattern:
    """This very expression, or one of the same structure."""
    return ExprPattern(expr)


def is_var(name: str = "") -> DFPattern:
    """A variable."""
    return VarPattern(name)


def is_dfv(name: str = "") -> DFPattern:
    """A dataflow variable."""
    return DataflowVarPattern(name)


def is_gv(name: str = "") -> DFPattern:
    """A function of the module, by its name."""
    return GlobalVarPattern(name)


def is_const() -> DFPattern:
    """A constant."""
    return ConstantPattern()


def is_tuple(fields: Sequence[DFPattern], unordered: bool = False) -> DFPattern:
    """A tuple."""
    made = UnorderedTuplePattern(fields) if unordered else TuplePattern(fields)
    return _joined(made, *fields)


def is_tuple_get_item(tuple_value: DFPattern, index: int | None = None) -> DFPattern:
    """A field of a tuple."""
    return _joined(TupleGetItemPattern(tuple_value, index), tuple_value)


def is_shape(shape: Sequence[Any]) -> DFPattern:
    """A shape as a value, with these dimensions."""
    return PrimArrPattern(shape)


def has_dtype(dtype: str, pattern: DFPattern | None = None) -> DFPattern:
    """A tensor of this dtype; see `DFPattern.has_dtype`."""
    return (pattern or wildcard()).has_dtype(dtype)


def has_attr(attrs: Mapping[str, Any], pattern: DFPattern | None = None) -> DFPattern:
    """A call that has these attributes; see `DFPattern.has_attr`."""
    return (pattern or wildcard()).has_attr(attrs)


def _fields(args: Sequence[DFPattern] | DFPattern | None) -> DFPattern:
    """The pattern of a tuple of arguments; None for any."""
    if args is None:
        return WildcardPattern()
    return args if isinstance(args, DFPattern) else is_tuple(args)


def is_call_tir(
    name: str = "", args: Sequence[DFPattern] | TuplePattern | None = None
) -> DFPattern:
    """A `call_tir` of a loop function (of this name, unless it is empty)."""
    fields = _fields(args)
    return is_op("relax.call_tir")(is_gv(name), fields, varg_default_wildcard=True)


def is_call_dps_packed(
    name: str = "", args: Sequence[DFPattern] | TuplePattern | None = None
) -> DFPattern:
    """A `call_dps_packed` of a library function (of this name, unless it is empty)."""
    callee = ExternFuncPattern(name) if name else WildcardPattern()
    fields = _fields(args)
    return is_op("relax.call_dps_packed")(callee, fields)


def is_call_packed(name: str, args: Sequence[DFPattern] | None = None) -> DFPattern:
    """A direct call of a packed function."""
    return ExternFuncPattern(name)(*(args or ()), varg_default_wildcard=args is None)


def make_fused_bias_activation_pattern(
    op_name: str, with_bias: bool = False, activation: str | None = None
) -> DFPattern:
    """A call of an operator on two arguments, perhaps with a bias added, perhaps activated."""
    found: DFPattern = is_op(op_name)(wildcard(), wildcard(), varg_default_wildcard=True)
    if with_bias:
        found = is_op("relax.add")(found, wildcard())
    return found if activation is None else is_op(activation)(found)
