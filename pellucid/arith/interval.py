"""Intervals of integers with constant ends, possibly infinite, and arithmetic on them.

An `Interval` holds every value that an expression can take; an operation on intervals gives one
that holds every result. Empty intervals do not occur: code that runs has values.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Number = int | float
INFINITY = math.inf


class Interval(NamedTuple):
    """The integers from `low` to `high`, both inclusive; the ends may be infinite."""

    low: Number
    high: Number

    @property
    def is_point(self) -> bool:
        """Whether there is exactly one value."""
        return self.low == self.high and isinstance(self.low, int)

    def meet(self, other: Interval) -> Interval:
        """The values in both; when there is none, `self`."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else self

    def join(self, other: Interval) -> Interval:
        """The smallest interval around both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def plus(self, other: Interval) -> Interval:
        """The sums."""
        return Interval(self.low + other.low, self.high + other.high)

    def times(self, other: Interval) -> Interval:
        """The products."""
        products = [_product(x, y) for x in self for y in other]
        return Interval(min(products), max(products))

    def scaled(self, factor: int) -> Interval:
        """The products with a constant."""
        return self.times(Interval(factor, factor))


EVERYTHING = Interval(-INFINITY, INFINITY)
NON_NEGATIVE = Interval(0, INFINITY)
BOOLS = Interval(0, 1)


def point(value: int) -> Interval:
    """The interval of one value."""
    return Interval(value, value)


def _product(x: Number, y: Number) -> Number:
    return 0 if x == 0 or y == 0 else x * y


def _floor_quotient(x: Number, y: Number) -> Number:
    """`x // y` where either may be infinite and `y` is not zero."""
    if math.isinf(x):
        return x if y > 0 else -x
    if math.isinf(y):
        return 0 if x == 0 or (x > 0) == (y > 0) else -1
    return x // y


def _trunc_quotient(x: Number, y: Number) -> Number:
    if math.isinf(x):
        return x if y > 0 else -x
    if math.isinf(y):
        return 0
    return int(abs(x)) // int(abs(y)) * (1 if (x < 0) == (y < 0) else -1)


def _nonzero_ends(divisor: Interval) -> list[Number]:
    """The divisors nearest to and farthest from zero, of either sign."""
    ends: list[Number] = []
    if divisor.high > 0:
        ends += [divisor.high, max(divisor.low, 1)]
    if divisor.low < 0:
        ends += [divisor.low, min(divisor.high, -1)]
    return ends


def floordiv(a: Interval, b: Interval) -> Interval:
    """The floored quotients; a zero divisor does not occur."""
    ends = _nonzero_ends(b)
    if not ends:
        return EVERYTHING
    quotients = [_floor_quotient(x, y) for x in a for y in ends]
    return Interval(min(quotients), max(quotients))


def truncdiv(a: Interval, b: Interval) -> Interval:
    """The truncated quotients; a zero divisor does not occur."""
    ends = _nonzero_ends(b)
    if not ends:
        return EVERYTHING
    quotients = [_trunc_quotient(x, y) for x in a for y in ends]
    if a.low <= 0 <= a.high:
        quotients.append(0)
    return Interval(min(quotients), max(quotients))


def floormod(a: Interval, b: Interval) -> Interval:
    """The remainders of floored division, which have the sign of the divisor."""
    if b.low > 0:
        if a.low >= 0 and a.high < b.low:
            return a
        if b.is_point and not math.isinf(a.low) and a.high - a.low < b.low:
            low, high = a.low % b.low, a.high % b.low
            if low <= high:
                return Interval(low, high)
        high = b.high - 1
        return Interval(0, min(high, a.high) if a.low >= 0 else high)
    if b.high < 0:
        return Interval(b.low + 1, 0)
    return Interval(min(b.low + 1, 0), max(b.high - 1, 0))


def truncmod(a: Interval, b: Interval) -> Interval:
    """The remainders of truncated division, which have the sign of the dividend."""
    reach = max(abs(b.low), abs(b.high)) - 1
    low = 0 if a.low >= 0 else max(a.low, -reach)
    high = 0 if a.high <= 0 else min(a.high, reach)
    return Interval(low, high)


def minimum(a: Interval, b: Interval) -> Interval:
    """The smaller ones of pairs."""
    return Interval(min(a.low, b.low), min(a.high, b.high))


def maximum(a: Interval, b: Interval) -> Interval:
    """The larger ones of pairs."""
    return Interval(max(a.low, b.low), max(a.high, b.high))


def shift_left(a: Interval, b: Interval) -> Interval:
    """`a << b` without overflow."""
    if b.low < 0 or b.high > 64:
        return EVERYTHING
    return a.times(Interval(1 << int(b.low), 1 << int(b.high)))


def shift_right(a: Interval, b: Interval) -> Interval:
    """`a >> b`, arithmetic."""
    if b.low < 0 or b.high > 64:
        return EVERYTHING
    return floordiv(a, Interval(1 << int(b.low), 1 << int(b.high)))


def bitwise_and(a: Interval, b: Interval) -> Interval:
    """`a & b`: not above any non-negative operand."""
    tops = [each.high for each in (a, b) if each.low >= 0]
    if not tops:
        return EVERYTHING
    return Interval(0, min(tops))
