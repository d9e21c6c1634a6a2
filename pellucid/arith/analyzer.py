"""`Analyzer`: the one object that knows about variables and answers questions about integer
expressions.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pellucid.arith.assume import add_fact, assuming
from pellucid.arith.const_bound import bound_of
from pellucid.arith.context import Context, Residue, VarRange
from pellucid.arith.interval import INFINITY, Interval, Number
from pellucid.arith.modular import normal, residue_of
from pellucid.arith.prove import prove_not_negative, prove_zero
from pellucid.arith.simplify import simplify
from pellucid.ir.arithmetic import add, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import And, Call, IntImm, Range, Var, as_expr
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import TypeMismatchError


class ConstIntBound(NamedTuple):
    """The least and greatest value an expression can have; `NEG_INF` and `POS_INF` where there is
    no bound.
    """

    min_value: Number
    max_value: Number
    NEG_INF = -INFINITY
    POS_INF = INFINITY


class ModularSet(NamedTuple):
    """The value is `coeff · k + base` for some integer `k`; with `coeff` 0 it is `base`."""

    coeff: int
    base: int


class Analyzer:
    """Simplifies, bounds and proves, knowing what was bound and what is assumed.

    Index arithmetic (int32 and int64) is taken not to overflow. Symbolic sizes (`SizeVar`) are not
    negative. Proofs are limited by a number of steps and not by a clock, so that an answer is the
    same on every machine; "cannot be proved" says nothing about the opposite.

    The normal form of `simplify`, which is one for all uses:

    - a sum is `x*4 + y - 1`: each term once, in the order in which they first occur, a positive one
      in front, the coefficient on the right, the constant last; products of unknowns are kept;
    - quotients and remainders hold no multiple of their divisor: `(x*8 + y) // 4` is
      `x*2 + y // 4`; a digit of a number is `x % upper // lower`; truncated division of what is
      not negative is floor division;
    - a comparison has its constant on the right, `Not` stands only before what has no negation of
      its own; `And` and `Or` lean to the left, each operand simplified knowing those before it;
    - `Min` and `Max` have their constant on the right;
    - what cannot be improved is returned as the very same object, and a second time changes
      nothing.
    """

    def __init__(self) -> None:
        self._context = Context()

    @property
    def context(self) -> Context:
        """What is known, for the other parts of `arith`."""
        return self._context

    def bind(self, var: Var, value: Any, allow_override: bool = False) -> None:
        """Say that `var` is an expression, or lies in a `Range`; a second time needs
        `allow_override`.
        """
        context = self._context
        known = var in context.values or var in context.ranges
        if known and not allow_override:
            raise TypeMismatchError(
                f"The variable {var.name!r} is bound already.", cure="pass allow_override=True"
            )
        self.unbind(var)
        if not isinstance(value, Range):
            context.values[var] = self.simplify(as_expr(value))
        elif isinstance(value.extent, IntImm) and value.extent.value == 1:
            context.values[var] = self.simplify(value.min)
        else:
            low = self.simplify(value.min)
            high = self.simplify(sub(add(value.min, value.extent), 1))
            context.ranges[var] = VarRange(low, high)
            context.intervals[var] = Interval(
                bound_of(context, low).low, bound_of(context, high).high
            )
            if context.intervals[var].low > context.intervals[var].high:
                # An empty range: nothing runs, so any knowledge is true; keep none.
                del context.intervals[var]
        context.changed()

    def unbind(self, var: Var) -> None:
        """Forget what was said about `var`."""
        context = self._context
        for table in (context.values, context.ranges, context.intervals, context.residues):
            table.pop(var, None)
        context.changed()

    def update(self, var: Var, info: ConstIntBound | ModularSet, override: bool = False) -> None:
        """Say what bounds or residue `var` has, beside what is known; `override` replaces that."""
        context = self._context
        if isinstance(info, ModularSet):
            context.residues[var] = normal(info.coeff, info.base)
        else:
            new = Interval(info.min_value, info.max_value)
            old = context.intervals.get(var)
            context.intervals[var] = new if override or old is None else old.meet(new)
        context.changed()

    def mark_global_non_neg_value(self, value: Any) -> None:
        """Say that an expression is never negative."""
        context = self._context
        add_fact(context, context.polynomial(self.simplify(value)))
        if isinstance(value, Var):
            self.update(value, ConstIntBound(0, INFINITY))
        context.changed()

    def simplify(self, expr: Any) -> PrimExpr:
        """The normal form; the very same object when `expr` is in normal form already."""
        return simplify(self._context, as_expr(expr))

    def rewrite_simplify(self, expr: Any) -> PrimExpr:
        """The same as `simplify`: there is one normal form."""
        return self.simplify(expr)

    def canonical_simplify(self, expr: Any) -> PrimExpr:
        """The same as `simplify`: there is one normal form."""
        return self.simplify(expr)

    def const_int_bound(self, expr: Any) -> ConstIntBound:
        """Constants between which the value lies."""
        return ConstIntBound(*bound_of(self._context, as_expr(expr)))

    def modular_set(self, expr: Any) -> ModularSet:
        """What the value leaves when divided."""
        found: Residue = residue_of(self._context, self.simplify(expr))
        return ModularSet(found.coeff, found.base)

    def can_prove(self, condition: Any) -> bool:
        """Whether a condition can be shown to hold always."""
        found = self.simplify(condition)
        return isinstance(found, IntImm) and found.value != 0

    def can_prove_equal(self, lhs: Any, rhs: Any) -> bool:
        """Whether two expressions can be shown to be equal always; integers of any width, else the
        same terms.
        """
        a, b = as_expr(lhs), as_expr(rhs)
        if a is b:
            return True
        a, b = self.simplify(a), self.simplify(b)
        context = self._context
        if _is_number(a) and _is_number(b):
            return prove_zero(context, context.polynomial(a).plus(context.polynomial(b), -1))
        return context.key(a) == context.key(b)

    def can_prove_greater_equal(self, expr: Any, lower_bound: Any) -> bool:
        """Whether `expr >= lower_bound` can be shown."""
        return self._not_negative(expr, lower_bound, 0)

    def can_prove_less(self, expr: Any, upper_bound: Any) -> bool:
        """Whether `expr < upper_bound` can be shown."""
        return self._not_negative(upper_bound, expr, -1)

    def can_prove_less_equal(self, expr: Any, upper_bound: Any) -> bool:
        """Whether `expr <= upper_bound` can be shown."""
        return self._not_negative(upper_bound, expr, 0)

    def _not_negative(self, a: Any, b: Any, shift: int) -> bool:
        context = self._context
        large = context.polynomial(self.simplify(a))
        small = context.polynomial(self.simplify(b))
        return prove_not_negative(context, large.plus(small, -1).shifted(shift))

    @contextmanager
    def constraint_scope(self, condition: Any) -> Generator[None]:
        """Within this scope `condition` holds. What reads memory or has effects is not kept as a
        fact.
        """
        kept = [each for each in _conjuncts(self.simplify(condition)) if _is_lasting(each)]
        with assuming(self._context, *kept):
            yield

    def copy(self) -> Analyzer:
        """An independent analyzer that knows the same."""
        result = Analyzer()
        mine, other = self._context, result._context
        other.forms = mine.forms
        for name in ("ranges", "values", "intervals", "residues"):
            getattr(other, name).update(getattr(mine, name))
        other.facts, other.atom_intervals, other.truths = mine.save()
        return result


# Expressions of this package depend on variables alone; loads, which do not, are defined elsewhere.
_LASTING = "pellucid.ir."


def _is_number(expr: PrimExpr) -> bool:
    return expr.dtype.lanes == 1 and (expr.dtype.is_integer or expr.dtype.is_bool)


def _conjuncts(condition: PrimExpr) -> list[PrimExpr]:
    if isinstance(condition, And):
        return _conjuncts(condition.a) + _conjuncts(condition.b)
    return [condition]


def _is_lasting(condition: PrimExpr) -> bool:
    """Whether a condition stays true while statements run: it depends on variables only."""
    return all(
        type(each).__module__.startswith(_LASTING)
        and (not isinstance(each, Call) or _is_pure(each))
        for each in pre_order(condition)
    )


def _is_pure(call: Call) -> bool:
    get_attr = getattr(call.op, "get_attr", None)
    return get_attr is not None and bool(get_attr("pure"))
