"""Canonical forms of integer expressions: linear sums for output, polynomials for proofs.

Both rest on *keys*: small numbers such that two expressions with the same key have the same value
(commutative operations are keyed without regard to order). A `Linear` is `Σ coefficient · atom +
constant`, its atoms in the order in which the expression shows them. A `Polynomial` multiplies sums
out and looks through casts between integers, so that it decides equality; its atoms are known by
key alone.

Index arithmetic is taken not to overflow, here and in all of `arith`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, Role, fields_of
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    And,
    Call,
    Cast,
    IntImm,
    Let,
    Max,
    Min,
    Mul,
    Or,
    Sub,
)

# Products of sums with more terms than this stay products.
EXPANSION_LIMIT = 64
Monomial = tuple[int, ...]


def is_index(dtype: DataType) -> bool:
    """Whether values of this dtype are treated as mathematical integers: int32 and int64."""
    return dtype.kind == "int" and dtype.bits >= 32 and dtype.lanes == 1


def is_pure_call(call: Call) -> bool:
    """Whether a call gives the same value whenever its arguments do, and does nothing else."""
    return isinstance(call.op, Op) and bool(call.op.get_attr("pure"))


class Linear:
    """A sum of atoms with coefficients, and a constant; `terms` goes by the atoms' keys."""

    __slots__ = ("const", "terms")

    def __init__(
        self, terms: dict[int, tuple[PrimExpr, int]] | None = None, const: int = 0
    ) -> None:
        self.terms = terms if terms is not None else {}
        self.const = const

    def add_term(self, key: int, atom: PrimExpr, coefficient: int) -> None:
        """Add `coefficient · atom` in place."""
        found = self.terms.get(key)
        total = coefficient + (0 if found is None else found[1])
        if total:
            self.terms[key] = (atom if found is None else found[0], total)
        elif found is not None:
            del self.terms[key]

    def plus(self, other: Linear, scale: int = 1) -> Linear:
        """`self + scale · other`."""
        result = Linear(dict(self.terms), self.const + scale * other.const)
        for key, (atom, coefficient) in other.terms.items():
            result.add_term(key, atom, scale * coefficient)
        return result

    def __iter__(self) -> Iterator[tuple[int, PrimExpr, int]]:
        """Key, atom and coefficient of each term."""
        for key, (atom, coefficient) in self.terms.items():
            yield key, atom, coefficient

    def without_const(self) -> Linear:
        """The sum without its constant."""
        return Linear(self.terms, 0)

    def single(self) -> PrimExpr | None:
        """The atom, where the sum is just one with coefficient 1."""
        if self.const == 0 and len(self.terms) == 1:
            atom, coefficient = next(iter(self.terms.values()))
            return atom if coefficient == 1 else None
        return None

    def to_expr(self, dtype: DataType) -> PrimExpr:
        """The expression: positive terms before negative ones where the first is negative, the
        constant last.
        """
        terms = [(atom, coefficient) for _, atom, coefficient in self]
        first = next((i for i, (_, c) in enumerate(terms) if c > 0), None)
        if first is not None:
            terms.insert(0, terms.pop(first))
        elif self.const > 0 or not terms:
            found: PrimExpr = IntImm(dtype, self.const)
            for atom, coefficient in terms:
                found = Sub(found, _scaled(atom, -coefficient))
            return found
        found = _scaled(*terms[0])
        for atom, coefficient in terms[1:]:
            found = (
                Add(found, _scaled(atom, coefficient))
                if coefficient > 0
                else Sub(found, _scaled(atom, -coefficient))
            )
        if self.const > 0:
            return Add(found, IntImm(dtype, self.const))
        return Sub(found, IntImm(dtype, -self.const)) if self.const < 0 else found


def _scaled(atom: PrimExpr, coefficient: int) -> PrimExpr:
    return atom if coefficient == 1 else Mul(atom, IntImm(atom.dtype, coefficient))


class Polynomial:
    """A sum of products of atoms: `terms` maps the sorted keys of a product (empty for the
    constant) to its factor.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Monomial, int] | None = None) -> None:
        self.terms = terms if terms is not None else {}

    @staticmethod
    def constant(value: int) -> Polynomial:
        """A constant."""
        return Polynomial({(): value} if value else {})

    @property
    def const(self) -> int:
        """The constant term."""
        return self.terms.get((), 0)

    def is_const(self) -> bool:
        """Whether there is nothing but a constant."""
        return not self.terms or (len(self.terms) == 1 and () in self.terms)

    def plus(self, other: Polynomial, scale: int = 1) -> Polynomial:
        """`self + scale · other`."""
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total = terms.get(monomial, 0) + scale * coefficient
            if total:
                terms[monomial] = total
            else:
                terms.pop(monomial, None)
        return Polynomial(terms)

    def scaled(self, factor: int) -> Polynomial:
        """`factor · self`."""
        return Polynomial({m: factor * c for m, c in self.terms.items()} if factor else {})

    def shifted(self, value: int) -> Polynomial:
        """`self + value`."""
        return self.plus(Polynomial.constant(value))

    def times(self, other: Polynomial) -> Polynomial:
        """The product, multiplied out."""
        terms: dict[Monomial, int] = {}
        for m, c in self.terms.items():
            for n, d in other.terms.items():
                product = tuple(sorted(m + n))
                terms[product] = terms.get(product, 0) + c * d
        return Polynomial({m: c for m, c in terms.items() if c})

    def split_by(self, key: int) -> tuple[Polynomial, Polynomial] | None:
        """`(factor, rest)` with `self = factor · atom + rest`; None unless the atom occurs, and
        only linearly.
        """
        factor: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms.items():
            count = monomial.count(key)
            if count > 1:
                return None
            if count:
                at = monomial.index(key)
                factor[monomial[:at] + monomial[at + 1 :]] = coefficient
            else:
                rest[monomial] = coefficient
        return (Polynomial(factor), Polynomial(rest)) if factor else None

    def atoms(self) -> list[int]:
        """The keys of all atoms, each once."""
        return list(dict.fromkeys(key for monomial in self.terms for key in monomial))


class Forms:
    """Keys and canonical forms of expressions; what it has seen stays alive as long as it does."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._exact: dict[int, tuple[Any, int]] = {}
        self._wide: dict[int, tuple[Any, int]] = {}
        self._polynomials: dict[int, tuple[PrimExpr, Polynomial]] = {}
        self._atoms: dict[int, PrimExpr] = {}

    def key(self, expr: Any) -> int:
        """The key by which expressions of the same dtype and value are known."""
        found = self._exact.get(id(expr))
        if found is None:
            found = self._exact[id(expr)] = (expr, self._exact_number(expr))
        return found[1]

    def wide_key(self, expr: Any) -> int:
        """The key of an integer's value, whatever its width."""
        found = self._wide.get(id(expr))
        if found is None:
            found = self._wide[id(expr)] = (expr, self._wide_number(expr))
        return found[1]

    def atom(self, key: int) -> PrimExpr:
        """An expression that has this key."""
        return self._atoms[key]

    def _number(self, content: tuple[Any, ...], expr: Any) -> int:
        number = self._numbers.setdefault(content, len(self._numbers))
        self._atoms.setdefault(number, expr)
        return number

    def _exact_number(self, expr: Any) -> int:
        if isinstance(expr, Add | Sub | Mul) and is_index(expr.dtype):
            form = self.linear(expr)
            terms = frozenset((key, coefficient) for key, _, coefficient in form)
            if form.const == 0 and len(terms) == 1:
                ((key, coefficient),) = terms
                if coefficient == 1:
                    return key
            if not terms:
                return self.key(IntImm(expr.dtype, form.const))
            return self._number(("sum", expr.dtype, form.const, terms), expr)
        return self._number(self._content(expr, self.key, exact=True), expr)

    def _wide_number(self, expr: Any) -> int:
        if isinstance(expr, IntImm):
            return self._number(("integer", expr.value), expr)
        if isinstance(expr, Cast) and widens(expr):
            return self.wide_key(expr.value)
        if isinstance(expr, Add | Sub | Mul) and is_index(expr.dtype):
            terms = self.polynomial(expr).terms
            if len(terms) == 1:
                ((monomial, coefficient),) = terms.items()
                if coefficient == 1 and len(monomial) == 1:
                    return monomial[0]
            if not terms or (len(terms) == 1 and () in terms):
                return self._number(("integer", terms.get((), 0)), expr)
            return self._number(("polynomial", frozenset(terms.items())), expr)
        return self._number(self._content(expr, self.wide_key, exact=False), expr)

    def _content(self, expr: Any, key: Any, *, exact: bool) -> tuple[Any, ...]:
        """What identifies a node: its class, its children's keys, its dtype where that counts."""
        if not isinstance(expr, Node):
            return ("data", type(expr).__name__, expr)
        if (
            expr.is_variable
            or isinstance(expr, Let | Op)
            or (isinstance(expr, Call) and not is_pure_call(expr))
        ):
            return ("object", id(expr))
        kind = type(expr).__name__
        if isinstance(expr, Min | Max | And | Or):
            operands = flatten(type(expr), expr)
            return (kind, frozenset(key(each) for each in operands))
        parts: list[Any] = [kind]
        for field in fields_of(type(expr)):
            value = getattr(expr, field.name)
            if field.role in (Role.CHILD, Role.BINDER):
                parts.append(_key_of_value(value, key))
            elif field.role is Role.DATA and (
                exact or not _is_index_dtype(value) or isinstance(expr, Cast)
            ):
                parts.append(field.key(value) if field.key else value)
        if exact and isinstance(expr, PrimExpr):
            parts.append(expr.dtype)
        return tuple(parts)

    def linear(self, expr: PrimExpr) -> Linear:
        """The canonical sum of an index expression."""
        result = Linear()
        pending: list[tuple[PrimExpr, int]] = [(expr, 1)]
        while pending:
            each, scale = pending.pop()
            if isinstance(each, IntImm):
                result.const += scale * each.value
            elif isinstance(each, Add):
                pending += [(each.b, scale), (each.a, scale)]
            elif isinstance(each, Sub):
                pending += [(each.b, -scale), (each.a, scale)]
            elif isinstance(each, Mul):
                self._add_product(result, pending, each, scale)
            else:
                result.add_term(self.key(each), each, scale)
        return result

    def _add_product(
        self, result: Linear, pending: list[tuple[PrimExpr, int]], product: Mul, scale: int
    ) -> None:
        factors: list[PrimExpr] = []
        found_const = False
        for factor in factors_of(product):
            if isinstance(factor, IntImm):
                scale *= factor.value
                found_const = True
            else:
                factors.append(factor)
        if scale == 0:
            return
        if len(factors) < 2:
            pending.append((factors[0] if factors else IntImm(product.dtype, 1), scale))
            return
        atom: PrimExpr = product
        if found_const:
            atom = factors[0]
            for factor in factors[1:]:
                atom = Mul(atom, factor)
        number = self._number(("product", *sorted(self.key(each) for each in factors)), atom)
        result.add_term(number, atom, scale)

    def polynomial(self, expr: PrimExpr) -> Polynomial:
        """The expression multiplied out."""
        found = self._polynomials.get(id(expr))
        if found is None:
            found = self._polynomials[id(expr)] = (expr, self._polynomial(expr))
        return found[1]

    def _polynomial(self, expr: PrimExpr) -> Polynomial:
        if isinstance(expr, IntImm):
            return Polynomial.constant(expr.value)
        if isinstance(expr, Cast) and widens(expr):
            return self.polynomial(expr.value)
        if is_index(expr.dtype):
            if isinstance(expr, Add):
                return self.polynomial(expr.a).plus(self.polynomial(expr.b))
            if isinstance(expr, Sub):
                return self.polynomial(expr.a).plus(self.polynomial(expr.b), -1)
            if isinstance(expr, Mul):
                a, b = self.polynomial(expr.a), self.polynomial(expr.b)
                if len(a.terms) * len(b.terms) <= EXPANSION_LIMIT:
                    return a.times(b)
                return Polynomial({(self._number(("object", id(expr)), expr),): 1})
        return Polynomial({(self.wide_key(expr),): 1})


def widens(cast: Cast) -> bool:
    """Whether a cast only makes an integer (or bool) wider, so that its value stays."""
    source, target = cast.value.dtype, cast.dtype
    if not is_index(target) or source.lanes != 1:
        return False
    if source.is_bool:
        return True
    return source.is_integer and (source.bits < target.bits or source == target)


def flatten(kind: type[Any], expr: Any) -> list[PrimExpr]:
    """The operands of nested operations of one kind, from the left."""
    found: list[PrimExpr] = []
    pending = [expr]
    while pending:
        each = pending.pop()
        if isinstance(each, kind):
            pending += [each.b, each.a]
        else:
            found.append(each)
    return found


def factors_of(expr: PrimExpr) -> list[PrimExpr]:
    """The factors of nested products, from the left."""
    return flatten(Mul, expr)


def _is_index_dtype(value: Any) -> bool:
    return isinstance(value, DataType) and is_index(value)


def _key_of_value(value: Any, key: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_key_of_value(each, key) for each in cast("tuple[Any, ...]", value)])
    return None if value is None else key(value)
