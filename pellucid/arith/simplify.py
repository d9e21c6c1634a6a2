"""Simplification of scalar expressions to a normal form.

The normal form of an int32 or int64 expression:

- a sum lists its terms once each, in the order in which they first occur, a positive one in
  front, the constant last; a coefficient stands on the right (`x*4 + y - 1`); products of two
  unknowns are not multiplied out;
- what a division leaves is taken out of it (`(x*8 + y) // 4` is `x*2 + y // 4`), and a digit of a
  number is written `x % upper // lower`;
- comparisons are as in `compare`; `And` and `Or` lean to the left, and each operand is simplified
  knowing that those before it hold (or do not);
- `Min` and `Max` have their constant on the right.

Expressions of other dtypes are folded where operands are constants. The result is the very same
object when nothing can be improved, and simplifying twice changes nothing more. Index arithmetic is
taken not to overflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from pellucid.arith.assume import assuming
from pellucid.arith.compare import FALSE, TRUE, decide, normal_comparison, truth
from pellucid.arith.context import Context
from pellucid.arith.digits import join_digits
from pellucid.arith.division import Divider
from pellucid.arith.form import Linear, factors_of, flatten, is_index, is_pure_call, widens
from pellucid.arith.pattern import Rule
from pellucid.arith.prove import prove_not_negative
from pellucid.arith.rules import STRUCTURAL
from pellucid.ir import arithmetic
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    Call,
    Cast,
    CmpOp,
    Div,
    FloatImm,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    Sub,
    Var,
)
from pellucid.ir.visitor import Mutator, pre_order, substitute

ROUNDS = 8
_FOLD: dict[type[PrimExpr], Callable[..., PrimExpr]] = {
    Add: arithmetic.add,
    Sub: arithmetic.sub,
    Mul: arithmetic.mul,
    FloorDiv: arithmetic.floordiv,
    FloorMod: arithmetic.floormod,
    Mod: arithmetic.truncmod,
    Min: arithmetic.minimum,
    Max: arithmetic.maximum,
    LT: arithmetic.lt,
    LE: arithmetic.le,
    GT: arithmetic.gt,
    GE: arithmetic.ge,
}
_RULES: dict[type[Any], list[Rule]] = {}
for _rule in STRUCTURAL:
    _RULES.setdefault(_rule.root, []).append(_rule)
# These do not hold when an operand is NaN.
_ORDERED = {"not_lt", "not_le", "not_gt", "not_ge"}


def _rebuilt(node: Any, simplifier: Mutator) -> Any:
    """The node with its children simplified."""
    return Mutator.visit_default(simplifier, node)


class Simplifier(Mutator):
    """Rewrites expressions to their normal form, with what one context knows."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.divider = Divider(context, self.proves)

    def proves(self, condition: PrimExpr) -> bool:
        """Whether a comparison of integers can be shown to hold."""
        return isinstance(condition, CmpOp) and decide(self.context, condition) is True

    def visit(self, node: Any) -> Any:
        """The simpler form, remembered."""
        if not isinstance(node, PrimExpr):
            return super().visit(node)
        found = self.context.simplified.get(id(node))
        if found is not None:
            return found[1]
        memory = self.context.simplified
        new = self.with_rules(super().visit(node))
        memory[id(node)] = (node, new)
        return new

    def with_rules(self, expr: PrimExpr) -> PrimExpr:
        """The expression after the first structural rule that applies, simplified again."""
        for rule in _RULES.get(type(expr), ()):
            if not _suits(rule, expr):
                continue
            for binding in rule.match(expr, self.context.key):
                found = rule.apply(binding, expr.dtype.scalar, self.proves)
                if found is not None:
                    return self.visit(found)
        return expr

    def visit_default(self, node: Any) -> Any:
        """Simplify the operands, then fold constants."""
        new = _rebuilt(node, self)
        kind = cast("type[PrimExpr]", type(new))
        fold = _FOLD.get(kind)
        if fold is None or (kind in (FloorDiv, FloorMod, Mod) and _is_zero(new.b)):
            return new
        folded: Any = fold(new.a, new.b)
        same = isinstance(folded, type(new)) and folded.a is new.a and folded.b is new.b
        return new if same else folded

    def visit_var_(self, var: Var) -> PrimExpr:
        """A variable with a known value is that value."""
        value = self.context.values.get(var)
        return self.replaced.get(var, var) if value is None else self.visit(value)

    def sum_of(self, expr: PrimExpr) -> PrimExpr:
        """The canonical form of an index sum or product."""
        if not is_index(expr.dtype):
            return self.visit_default(expr)
        form = self.context.linear(expr)
        result = Linear(const=form.const)
        for key, atom, coefficient in form:
            new = self.product_of(atom) if isinstance(atom, Mul) else self.visit(atom)
            if new is atom:
                result.add_term(key, atom, coefficient)
            else:
                result = result.plus(self.context.linear(new), coefficient)
        found = join_digits(self.context, result).to_expr(expr.dtype)
        return expr if identical(expr, found) else found

    def product_of(self, product: Mul) -> PrimExpr:
        """The product of simplified factors."""
        factors = factors_of(product)
        new = [self.visit(factor) for factor in factors]
        if all(a is b for a, b in zip(factors, new, strict=True)):
            return product
        found = new[0]
        for factor in new[1:]:
            found = arithmetic.mul(found, factor)
        return found

    def visit_add_(self, expr: Add) -> PrimExpr:
        """See `sum_of`."""
        return self.sum_of(expr)

    def visit_sub_(self, expr: Sub) -> PrimExpr:
        """See `sum_of`."""
        return self.sum_of(expr)

    def visit_mul_(self, expr: Mul) -> PrimExpr:
        """See `sum_of`."""
        return self.sum_of(expr)

    def visit_floor_div_(self, expr: FloorDiv) -> PrimExpr:
        """Quotients of index expressions by the rules of division."""
        new = self.visit_default(expr)
        if not isinstance(new, FloorDiv) or not is_index(new.dtype):
            return new
        found = self.divider.floordiv(new.a, new.b)
        return new if found is None else self.visit(found)

    def visit_floor_mod_(self, expr: FloorMod) -> PrimExpr:
        """Remainders of index expressions by the rules of division."""
        new = self.visit_default(expr)
        if not isinstance(new, FloorMod) or not is_index(new.dtype):
            return new
        found = self.divider.floormod(new.a, new.b)
        return new if found is None else self.visit(found)

    def visit_div_(self, expr: Div) -> PrimExpr:
        """Truncated quotients of what is not negative are floored ones."""
        new = self.visit_default(expr)
        if new.dtype.is_float and isinstance(new, Div) and not _is_zero(new.b):
            folded = arithmetic.div(new.a, new.b)
            return new if isinstance(folded, Div) else folded
        return self.truncated(new, "truncdiv_of_non_negative", arithmetic.truncdiv)

    def visit_mod_(self, expr: Mod) -> PrimExpr:
        """Truncated remainders of what is not negative are floored ones."""
        return self.truncated(
            self.visit_default(expr), "truncmod_of_non_negative", arithmetic.truncmod
        )

    def truncated(self, expr: Any, rule: str, fold: Callable[..., PrimExpr]) -> PrimExpr:
        """Fold constants of a truncated division, or make it a floored one."""
        if not isinstance(expr, Div | Mod) or not expr.dtype.is_integer or _is_zero(expr.b):
            return expr
        folded = fold(expr.a, expr.b)
        if type(folded) is not type(expr):
            return folded
        if not is_index(expr.dtype):
            return expr
        found = self.divider.apply(rule, {"x": expr.a, "y": expr.b}, expr.dtype)
        return expr if found is None else self.visit(found)

    def visit_min_(self, expr: Min) -> PrimExpr:
        """See `extremum`."""
        return self.extremum(expr)

    def visit_max_(self, expr: Max) -> PrimExpr:
        """See `extremum`."""
        return self.extremum(expr)

    def extremum(self, expr: Min | Max) -> PrimExpr:
        """The operand that is known to win; a constant goes to the right."""
        new = self.visit_default(expr)
        if not isinstance(new, Min | Max) or not is_index(new.dtype):
            return new
        difference = self.context.polynomial(new.b).plus(self.context.polynomial(new.a), -1)
        if prove_not_negative(self.context, difference):
            return new.a if isinstance(new, Min) else new.b
        if prove_not_negative(self.context, difference.scaled(-1)):
            return new.b if isinstance(new, Min) else new.a
        if isinstance(new.a, IntImm):
            return self.with_rules(type(new)(new.b, new.a))
        return new

    def visit_cmp_op_(self, expr: CmpOp) -> PrimExpr:
        """Comparisons of index expressions are decided or brought to normal form."""
        new = self.visit_default(expr)
        if not isinstance(new, CmpOp):
            return new
        if isinstance(new, EQ | NE) and _same_constants(new.a, new.b) is not None:
            return truth(_same_constants(new.a, new.b) == isinstance(new, EQ))
        known = self.context.truths.get(self.context.key(new))
        if known is not None:
            return truth(known)
        if not is_index(new.a.dtype):
            return self.integers_compared(new)
        decided = decide(self.context, new)
        if decided is not None:
            return truth(decided)
        normal = normal_comparison(self.context, new)
        if type(normal) is type(new) and isinstance(normal, CmpOp):
            if identical(normal.a, new.a) and identical(normal.b, new.b):
                return new
            normal = type(normal)(self.visit(normal.a), self.visit(normal.b))
        known = self.context.truths.get(self.context.key(normal))
        return normal if known is None else truth(known)

    def integers_compared(self, expr: CmpOp) -> PrimExpr:
        """Comparisons of narrow or unsigned integers and bools: decided by bounds, else left."""
        dtype = expr.a.dtype
        if dtype.lanes != 1 or not (dtype.is_integer or dtype.is_bool):
            return expr
        decided = decide(self.context, expr)
        return expr if decided is None else truth(decided)

    def visit_and_(self, expr: And) -> PrimExpr:
        """A conjunction; see `junction`."""
        return self.junction(expr, And, neutral=TRUE, absorbing=FALSE)

    def visit_or_(self, expr: Or) -> PrimExpr:
        """A disjunction; see `junction`."""
        return self.junction(expr, Or, neutral=FALSE, absorbing=TRUE)

    def junction(
        self, expr: Any, kind: type[And] | type[Or], *, neutral: IntImm, absorbing: IntImm
    ) -> PrimExpr:
        """Each operand knowing that those before did not decide; decided ones are dropped."""
        if expr.dtype.lanes != 1:
            return self.visit_default(expr)
        operands = flatten(kind, expr)
        kept: list[PrimExpr] = []
        for operand in operands:
            with assuming(self.context, *self.undecided(kept, kind)):
                new = self.visit(operand)
            for each in flatten(kind, new):
                if _is_constant(each, absorbing):
                    return absorbing
                if not _is_constant(each, neutral):
                    kept.append(each)
        kept = self.without_implied(kept, kind, neutral, absorbing)
        if not kept:
            return neutral
        if any(_is_constant(each, absorbing) for each in kept):
            return absorbing
        found = kept[0]
        for operand in kept[1:]:
            found = kind(found, operand)
        same = len(kept) == len(operands) and all(
            a is b for a, b in zip(kept, operands, strict=True)
        )
        return expr if same and identical_junction(expr, found, kind) else found

    def undecided(self, operands: Iterable[PrimExpr], kind: type[Any]) -> list[PrimExpr]:
        """What holds when none of the operands has decided the junction."""
        return [each if kind is And else Not(each) for each in operands]

    def without_implied(
        self, operands: list[PrimExpr], kind: type[Any], neutral: IntImm, absorbing: IntImm
    ) -> list[PrimExpr]:
        """Drop operands that the later ones imply, unless they guard these."""
        kept = list(operands)
        first = len(operands)
        while first > 0 and is_total(operands[first - 1]):
            first -= 1
        for operand in operands[max(first - 1, 0) : -1]:
            others = [each for each in kept if each is not operand]
            with assuming(self.context, *self.undecided(others, kind)):
                new = self.visit(operand)
            if _is_constant(new, neutral):
                kept = others
            elif _is_constant(new, absorbing):
                return [absorbing]
        return kept

    def visit_not_(self, expr: Not) -> PrimExpr:
        """The negation of a constant, or of what rules know."""
        operand = self.visit(expr.a)
        if isinstance(operand, IntImm):
            return truth(not operand.value)
        return expr if operand is expr.a else Not(operand)

    def visit_select_(self, expr: Select) -> PrimExpr:
        """Each value under what its choice says of the condition."""
        if expr.condition.dtype.lanes != 1:
            return self.visit_default(expr)
        return self.choice(expr, expr.condition, expr.true_value, expr.false_value, Select)

    def visit_call_(self, call: Call) -> PrimExpr:
        """`if_then_else` as Select; other calls keep their form."""
        if isinstance(call.op, Op) and call.op.name == "tir.if_then_else":
            condition, a, b = call.args

            def build(*args: PrimExpr) -> PrimExpr:
                return Call(call.dtype, call.op, args)

            return self.choice(call, condition, a, b, build)
        new = _rebuilt(call, self)
        known = self.context.truths.get(self.context.key(new)) if new.dtype.is_bool else None
        return new if known is None else truth(known)

    def choice(
        self,
        expr: PrimExpr,
        condition: PrimExpr,
        a: PrimExpr,
        b: PrimExpr,
        build: Callable[..., PrimExpr],
    ) -> PrimExpr:
        """One of two values, by a condition."""
        test = self.visit(condition)
        if isinstance(test, IntImm):
            return self.visit(a if test.value else b)
        with assuming(self.context, test):
            x = self.visit(a)
        with assuming(self.context, Not(test)):
            y = self.visit(b)
        if self.context.key(x) == self.context.key(y):
            return x
        return expr if test is condition and x is a and y is b else build(test, x, y)

    def visit_cast_(self, cast: Cast) -> PrimExpr:
        """Casts of constants are folded, and one widening cast is enough."""
        value = self.visit(cast.value)
        inner = value
        if isinstance(value, Cast) and widens(value) and is_index(cast.dtype):
            inner = value.value if cast.dtype.bits >= value.dtype.bits else value
        if inner.dtype == cast.dtype:
            return inner
        folded = arithmetic.cast_to(cast.dtype, inner)
        if not isinstance(folded, Cast):
            return folded
        return cast if folded.value is cast.value else folded

    def visit_let_(self, let: Let) -> PrimExpr:
        """A variable that stands for a constant or another variable is replaced."""
        value = self.visit(let.value)
        if isinstance(value, IntImm | FloatImm | Var):
            return self.visit(substitute(let.body, {let.var: value}))
        body = self.visit(let.body)
        return let if value is let.value and body is let.body else Let(let.var, value, body)


def is_total(expr: PrimExpr) -> bool:
    """Whether an expression has a value everywhere: it reads no memory and divides by no zero."""
    for each in pre_order(expr):
        if isinstance(each, Div | Mod | FloorDiv | FloorMod) and each.dtype.is_integer:
            if not isinstance(each.b, IntImm) or each.b.value == 0:
                return False
        elif isinstance(each, Call):
            if not is_pure_call(each):
                return False
        elif not type(each).__module__.startswith("pellucid.ir."):
            return False
    return True


def _suits(rule: Rule, expr: PrimExpr) -> bool:
    """Whether a rule about integers may be used here."""
    if rule.name in _ORDERED:
        return isinstance(expr, Not) and isinstance(expr.a, CmpOp) and not expr.a.a.dtype.is_float
    if rule.name.startswith(("not_", "select_")):
        return True
    return is_index(expr.dtype.scalar)


def _is_zero(expr: Any) -> bool:
    return isinstance(expr, IntImm) and expr.value == 0


def _is_constant(expr: PrimExpr, constant: IntImm) -> bool:
    return isinstance(expr, IntImm) and expr.value == constant.value


def _same_constants(a: PrimExpr, b: PrimExpr) -> bool | None:
    if isinstance(a, IntImm | FloatImm) and isinstance(b, IntImm | FloatImm):
        return a.value == b.value
    return None


def identical(a: PrimExpr, b: PrimExpr) -> bool:
    """Whether two sums are written the same way, over the very same atoms."""
    pending: list[tuple[Any, Any]] = [(a, b)]
    while pending:
        x, y = pending.pop()
        if x is y:
            continue
        if type(x) is not type(y):
            return False
        if isinstance(x, IntImm):
            if x.value != y.value or x.dtype != y.dtype:
                return False
        elif isinstance(x, Add | Sub | Mul):
            pending += [(x.b, y.b), (x.a, y.a)]
        else:
            return False
    return True


def identical_junction(a: Any, b: Any, kind: Any) -> bool:
    """Whether two junctions of one kind nest the same way over the very same operands."""
    while isinstance(a, kind) and isinstance(b, kind):
        if a.b is not b.b:
            return False
        a, b = a.a, b.a
    return a is b


def simplify(context: Context, expr: PrimExpr) -> PrimExpr:
    """The normal form of `expr`: the very same object when it is in normal form already."""
    for _ in range(ROUNDS):
        new = Simplifier(context).visit(expr)
        if new is expr:
            return expr
        expr = new
    return expr
