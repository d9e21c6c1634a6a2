"""The terms of iter maps: marks, splits of marks, and sums of splits.

A *mark* is an iteration space of its own, `0 … extent - 1`: a variable, or a sum that was found to
run through such a space. A *split* is a digit of a mark, `mark // lower_factor % extent * scale`. A
*sum* of splits and a base is what an index becomes when it is understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import add, cast_to, const, floordiv, floormod, mul
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Var


@dataclass(frozen=True, slots=True, eq=False)
class IterMark:
    """The space `0 … extent - 1`: values of a variable, or of a sum that runs through them."""

    source: Var | IterSumExpr
    extent: PrimExpr

    def __repr__(self) -> str:
        """As its expression and extent."""
        return f"IterMark({as_text(self.source)}, extent={self.extent!r})"


@dataclass(frozen=True, slots=True, eq=False)
class IterSplitExpr:
    """`source // lower_factor % extent * scale`."""

    source: IterMark
    lower_factor: PrimExpr
    extent: PrimExpr
    scale: PrimExpr


@dataclass(frozen=True, slots=True, eq=False)
class IterSumExpr:
    """The sum of splits, and a base without iteration variables."""

    args: tuple[IterSplitExpr, ...]
    base: PrimExpr

    def __repr__(self) -> str:
        """As an expression."""
        return f"IterSumExpr({as_text(self)})"


@dataclass(slots=True, eq=False)
class IterMapResult:
    """What was found about indices: one sum each, or the reasons why not.

    `padding_predicate` holds where a padded iteration space goes beyond the original one; it is
    false when nothing was padded.
    """

    indices: list[IterSumExpr] = field(default_factory=list["IterSumExpr"])
    errors: list[str] = field(default_factory=list[str])
    padding_predicate: PrimExpr = field(default_factory=lambda: const(False))


class NotAnIterMapError(Exception):
    """An index is no sum of digits; the text says which part. Does not leave this package."""


def is_const(expr: PrimExpr, value: int) -> bool:
    """Whether an expression is this very constant."""
    return isinstance(expr, IntImm) and expr.value == value


class Numbers:
    """Arithmetic and decisions on extents, scales and factors, which may be symbolic."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer

    def add(self, a: PrimExpr, b: PrimExpr) -> PrimExpr:
        """`a + b`."""
        return self.analyzer.simplify(add(a, b))

    def mul(self, a: PrimExpr, b: PrimExpr) -> PrimExpr:
        """`a * b`."""
        return self.analyzer.simplify(mul(a, b))

    def div(self, a: PrimExpr, b: PrimExpr) -> PrimExpr:
        """`a // b`."""
        return self.analyzer.simplify(floordiv(a, b))

    def mod(self, a: PrimExpr, b: PrimExpr) -> PrimExpr:
        """`a % b`."""
        return self.analyzer.simplify(floormod(a, b))

    def same(self, a: PrimExpr, b: PrimExpr) -> bool:
        """Whether two numbers are equal."""
        if isinstance(a, IntImm) and isinstance(b, IntImm):
            return a.value == b.value
        return self.analyzer.can_prove_equal(a, b)

    def divides(self, divisor: PrimExpr, number: PrimExpr) -> bool:
        """Whether `number` is a multiple of `divisor`."""
        if is_const(divisor, 1):
            return True
        if isinstance(divisor, IntImm) and divisor.value <= 0:
            return False
        return is_const(self.mod(number, divisor), 0)

    def at_most(self, a: PrimExpr, b: PrimExpr) -> bool:
        """Whether `a <= b`."""
        return self.analyzer.can_prove_less_equal(a, b)


def to_expr(value: IterSplitExpr | IterSumExpr | IterMark, dtype: DataType) -> PrimExpr:
    """A term as a plain expression of `dtype`; digits are written `x % upper // lower`."""
    if isinstance(value, IterMark):
        source = value.source
        return cast_to(dtype, source) if isinstance(source, Var) else to_expr(source, dtype)
    if isinstance(value, IterSplitExpr):
        return mul(_digit(value, dtype), cast_to(dtype, value.scale))
    found: PrimExpr | None = None
    for each in value.args:
        part = to_expr(each, dtype)
        found = part if found is None else add(found, part)
    base = cast_to(dtype, value.base)
    return base if found is None else add(found, base)


def _digit(split: IterSplitExpr, dtype: DataType) -> PrimExpr:
    whole = to_expr(split.source, dtype)
    lower, extent = cast_to(dtype, split.lower_factor), cast_to(dtype, split.extent)
    mark = cast_to(dtype, split.source.extent)
    reach = mul(lower, extent)
    top = Analyzer().can_prove_equal(reach, mark)
    if is_const(lower, 1):
        return whole if top else floormod(whole, extent)
    return floordiv(whole if top else floormod(whole, reach), lower)


def as_text(value: Var | IterSumExpr) -> str:
    """A source as text."""
    return value.name if isinstance(value, Var) else repr(to_expr(value, dtype_of(value)))


def dtype_of(value: IterSumExpr | IterSplitExpr | IterMark) -> DataType:
    """The dtype of the first variable below a term; that of the base where there is none."""
    if isinstance(value, IterSplitExpr):
        return dtype_of(value.source)
    if isinstance(value, IterMark):
        source = value.source
        return source.dtype if isinstance(source, Var) else dtype_of(source)
    return dtype_of(value.args[0]) if value.args else value.base.dtype
