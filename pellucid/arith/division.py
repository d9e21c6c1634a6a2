"""Floored division and remainder of sums.

In: a dividend in canonical form and a divisor. Out: a simpler expression, or None where no rule
applies. The rules are those of `rules.DIVISION`; this file finds what their variables stand for:
which terms of the sum are multiples of the divisor or of a factor of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from pellucid.arith.const_bound import bound_of_linear
from pellucid.arith.context import Context
from pellucid.arith.form import Linear, factors_of
from pellucid.arith.pattern import Binding
from pellucid.arith.rules import BY_NAME
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloorDiv, FloorMod, IntImm, Mul

_Attempt = Callable[[Linear, DataType, int], PrimExpr | None]


class Divider:
    """Rewrites `a // b` and `a % b` of one context."""

    def __init__(self, context: Context, prove: Callable[[PrimExpr], bool]) -> None:
        self.context = context
        self.prove = prove

    def apply(self, rule: str, binding: Binding, dtype: DataType) -> PrimExpr | None:
        """What the rule gives, where its condition holds."""
        return BY_NAME[rule].apply(binding, dtype, self.prove)

    def floordiv(self, a: PrimExpr, b: PrimExpr) -> PrimExpr | None:
        """A simpler form of `a // b`."""
        if not isinstance(b, IntImm):
            return self._symbolic("floordiv", a, b)
        if b.value <= 0:
            return None
        return self._first(
            a,
            b.value,
            self._quotient_point,
            self._quotient_multiples,
            self._quotient_common,
            self._nested_quotient,
        )

    def floormod(self, a: PrimExpr, b: PrimExpr) -> PrimExpr | None:
        """A simpler form of `a % b`."""
        if not isinstance(b, IntImm):
            return self._symbolic("floormod", a, b)
        if b.value <= 0:
            return None
        return self._first(
            a,
            b.value,
            self._remainder_point,
            self._remainder_multiples,
            self._coefficients,
            self._inner_remainder,
            self._remainder_common,
            self._remainder_of_quotient,
        )

    def _first(self, dividend: PrimExpr, divisor: int, *attempts: _Attempt) -> PrimExpr | None:
        """What the first attempt gives that applies."""
        form = self.context.linear(dividend)
        for attempt in attempts:
            found = attempt(form, dividend.dtype, divisor)
            if found is not None:
                return found
        return None

    def _quotient_multiples(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        return self._multiples("floordiv_multiple", form, dtype, divisor)

    def _remainder_multiples(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        return self._multiples("floormod_multiple", form, dtype, divisor)

    def _quotient_common(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        return self._common("floordiv_common_factor", form, dtype, divisor)

    def _remainder_common(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        return self._common("floormod_common_factor", form, dtype, divisor)

    def _quotient_point(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        value = self._known_quotient(form, divisor)
        return None if value is None else IntImm(dtype, value)

    def _remainder_point(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        value = self._known_quotient(form, divisor)
        if value is None:
            return None
        return Linear(form.terms, form.const - value * divisor).to_expr(dtype)

    def _known_quotient(self, form: Linear, divisor: int) -> int | None:
        """The one quotient that all values of the dividend have."""
        low, high = bound_of_linear(self.context, form)
        if math.isinf(low) or math.isinf(high) or low // divisor != high // divisor:
            return None
        return int(low // divisor)

    def _multiples(self, rule: str, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        """Take out the terms that are multiples of the divisor, and that part of the constant."""
        taken, rest = _split(form, divisor)
        taken.const, rest.const = divmod(form.const, divisor)
        if not taken.terms and not taken.const:
            return None
        binding = {"x": taken.to_expr(dtype), "y": rest.to_expr(dtype), "c": divisor}
        return self.apply(rule, binding, dtype)

    def _common(self, rule: str, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        """Cancel a factor that the divisor shares with terms, where the others stay below it."""
        for factor in _shared_factors(form, divisor):
            taken, rest = _split(form, factor)
            taken.const, rest.const = divmod(form.const, factor)
            if not taken.terms:
                continue
            low, high = bound_of_linear(self.context, rest)
            if low < 0 or (high >= factor and not rest.terms):
                continue
            binding = {
                "x": taken.to_expr(dtype),
                "y": rest.to_expr(dtype),
                "c1": factor,
                "c2": divisor // factor,
            }
            found = self.apply(rule, binding, dtype)
            if found is not None:
                return found
        return None

    def _nested_quotient(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        """`(x // c1 + c2) // c3` becomes one division."""
        inner = form.without_const().single()
        if not isinstance(inner, FloorDiv) or not isinstance(inner.b, IntImm):
            return None
        binding = {"x": inner.a, "c1": inner.b.value, "c2": form.const, "c3": divisor}
        return self.apply("floordiv_nested", binding, dtype)

    def _coefficients(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        """Reduce coefficients that are not smaller than the divisor; their signs stay."""
        for key, atom, coefficient in form:
            small = int(math.fmod(coefficient, divisor))
            if small == coefficient:
                continue
            rest = Linear({k: t for k, t in form.terms.items() if k != key}, form.const)
            binding = {
                "x": atom,
                "y": rest.to_expr(dtype),
                "c1": (coefficient - small) // divisor,
                "c2": divisor,
                "c3": small,
            }
            return self.apply("floormod_coefficient", binding, dtype)
        return None

    def _inner_remainder(self, form: Linear, dtype: DataType, divisor: int) -> PrimExpr | None:
        """Within a remainder, an inner remainder by a multiple of the divisor changes nothing."""
        for key, atom, coefficient in form:
            if not isinstance(atom, FloorMod) or not isinstance(atom.b, IntImm):
                continue
            if atom.b.value <= 0 or atom.b.value % divisor:
                continue
            rest = Linear({k: t for k, t in form.terms.items() if k != key}, form.const)
            binding = {
                "x": atom.a,
                "y": rest.to_expr(dtype),
                "c1": atom.b.value // divisor,
                "c2": divisor,
                "c3": coefficient,
            }
            return self.apply("floormod_inner_floormod", binding, dtype)
        return None

    def _remainder_of_quotient(
        self, form: Linear, dtype: DataType, divisor: int
    ) -> PrimExpr | None:
        """`x // c1 % c2` is a digit of `x`, which is written `x % (c1*c2) // c1`."""
        inner = form.single()
        if not isinstance(inner, FloorDiv) or not isinstance(inner.b, IntImm):
            return None
        binding = {"x": inner.a, "c1": inner.b.value, "c2": divisor}
        return self.apply("floormod_of_floordiv", binding, dtype)

    def _symbolic(self, kind: str, a: PrimExpr, b: PrimExpr) -> PrimExpr | None:
        """Division by something that is no constant."""
        small = self.apply(f"{kind}_small", {"x": a, "y": b}, a.dtype)
        if small is not None:
            return small
        found = self._symbolic_multiple(a, b)
        if found is None:
            return None
        # A zero divisor is an error wherever the division is evaluated, so it does not occur.
        binding = {"x": found[0], "y": b, "z": found[1]}
        return BY_NAME[f"{kind}_symbolic_multiple"].build(binding, a.dtype)

    def _symbolic_multiple(self, a: PrimExpr, b: PrimExpr) -> tuple[PrimExpr, PrimExpr] | None:
        """`(x, z)` with `a = x·b + z` and `x` not zero, by splitting the terms of `a`."""
        form = self.context.linear(a)
        whole = self.context.linear(b)
        quotient, rest = Linear(), Linear(const=form.const)
        for key, atom, coefficient in form:
            part = self._quotient_of_term(atom, coefficient, b, whole)
            if part is None:
                rest.add_term(key, atom, coefficient)
            else:
                quotient = quotient.plus(part)
        if not quotient.terms and not quotient.const:
            scale = self._multiple_of_sum(form, whole)
            if scale == 0:
                return None
            quotient, rest = Linear(const=scale), form.plus(whole, -scale)
        return quotient.to_expr(a.dtype), rest.to_expr(a.dtype)

    def _multiple_of_sum(self, form: Linear, divisor: Linear) -> int:
        """How often a divisor that is a sum of several terms is contained in the dividend."""
        if len(divisor.terms) < 2:
            return 0
        scales: set[int] = set()
        for key, _, coefficient in divisor:
            found = form.terms.get(key)
            if found is None or found[1] % coefficient:
                return 0
            scales.add(found[1] // coefficient)
        return scales.pop() if len(scales) == 1 else 0

    def _quotient_of_term(
        self, atom: PrimExpr, coefficient: int, b: PrimExpr, divisor: Linear
    ) -> Linear | None:
        """`coefficient · atom / b`, where `b`'s factors are among the term's."""
        scale = 1
        wanted = [self.context.key(b)]
        if len(divisor.terms) == 1 and divisor.const == 0:
            _, only, scale = next(iter(divisor))
            wanted = [self.context.key(each) for each in factors_of(only)]
        if coefficient % scale:
            return None
        factors = factors_of(atom)
        for key in wanted:
            at = next((i for i, f in enumerate(factors) if self.context.key(f) == key), None)
            if at is None:
                return None
            factors.pop(at)
        if not factors:
            return Linear(const=coefficient // scale)
        left = factors[0]
        for factor in factors[1:]:
            left = Mul(left, factor)
        return Linear().plus(self.context.linear(left), coefficient // scale)


def _split(form: Linear, divisor: int) -> tuple[Linear, Linear]:
    """`(x, y)` with `form = divisor · x + y` but for the constants."""
    taken, rest = Linear(), Linear()
    for key, atom, coefficient in form:
        if coefficient % divisor == 0:
            taken.add_term(key, atom, coefficient // divisor)
        else:
            rest.add_term(key, atom, coefficient)
    return taken, rest


def _shared_factors(form: Linear, divisor: int) -> Iterator[int]:
    """Factors of the divisor that some coefficient shares, the greatest first."""
    found = {math.gcd(coefficient, divisor) for _, _, coefficient in form}
    found |= {math.gcd(x, y) for x in found for y in found}
    yield from sorted((each for each in found if each > 1), reverse=True)
