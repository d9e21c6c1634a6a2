"""Exponentials: exp, exp2, exp10, expm1, sigmoid, tanh, sinh, cosh.

e^x = 2^n · e^r with n = round(x / log 2) and r = x - n log 2 in two exact steps (Cody and Waite
1980); e^r is a polynomial that keeps 1 + r exact. Operands are cut to where the result is 0 or
infinity, so that n stays in range and NaN goes through.
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_coefficients import EXP, EXP2, EXP10, LN2, LOG10_2, SINH, TANH
from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.value import Value

LOG2_OF_E = 1.4426950408889634
LOG2_OF_10 = 3.321928094887362

# Beyond these the result is infinity, or rounds to 0.
_EXP = {"float32": (-104.0, 89.0), "float64": (-746.0, 710.0)}
_EXP2 = {"float32": (-151.0, 129.0), "float64": (-1076.0, 1025.0)}
_EXP10 = {"float32": (-46.0, 39.0), "float64": (-324.5, 309.0)}


def _reduce(k: Kit, x: Value) -> tuple[Value, Value, Value]:
    """r, and n as float and as word."""
    n, word = k.nearest(x, LOG2_OF_E)
    high, low = LN2[k.dtype]
    r = k.fma(n, k.c(-high), x)
    return k.fma(n, k.c(-low), r), n, word


def _expm1_reduced(k: Kit, r: Value) -> Value:
    """e^r - 1 for |r| ≤ log(2) / 2."""
    return k.fma(k.mul(r, r), k.polynomial(r, EXP[k.dtype]), r)


def exp_in_range(k: Kit, x: Value) -> Value:
    """e^x for x in the range of `_EXP` or NaN."""
    r, n, word = _reduce(k, x)
    return k.scale(k.add(_expm1_reduced(k, r), k.c(1.0)), n, word)


def _exact_exp(k: Kit, x: Value) -> Value:
    """The same with little more than the one rounding of the result."""
    n, word = k.nearest(x, LOG2_OF_E)
    high, low = LN2[k.dtype]
    first = k.fma(n, k.c(-high), x)
    r = k.fma(n, k.c(-low), first)
    lost = k.fma(n, k.c(-low), k.sub(first, r))
    tail = k.fma(k.mul(r, r), k.polynomial(r, EXP[k.dtype]), lost)
    one, rest = k.quick_sum(k.c(1.0), r)
    return k.scale(k.add(one, k.add(rest, tail)), n, word)


@math_function("exp")
def exp(k: Kit, x: Value) -> Value:
    """e^x."""
    return exp_in_range(k, k.clamp(x, *_EXP[k.dtype]))


@math_function("exp2")
def exp2(k: Kit, x: Value) -> Value:
    """2^x."""
    x = k.clamp(x, *_EXP2[k.dtype])
    n, word = k.nearest(x)
    r = k.sub(x, n)
    return k.scale(k.fma(r, k.polynomial(r, EXP2[k.dtype]), k.c(1.0)), n, word)


@math_function("exp10")
def exp10(k: Kit, x: Value) -> Value:
    """10^x."""
    x = k.clamp(x, *_EXP10[k.dtype])
    n, word = k.nearest(x, LOG2_OF_10)
    high, low = LOG10_2[k.dtype]
    r = k.fma(n, k.c(-low), k.fma(n, k.c(-high), x))
    return k.scale(k.fma(r, k.polynomial(r, EXP10[k.dtype]), k.c(1.0)), n, word)


@math_function("expm1")
def expm1(k: Kit, x: Value) -> Value:
    """e^x - 1, also for small x."""
    x = k.clamp(x, -38.0 if k.double else -18.0, _EXP[k.dtype][1])
    r, _, word = _reduce(k, x)
    p = _expm1_reduced(k, r)
    # Half of 2^n, which has an exponent even where 2^n is beyond the largest number.
    half = k.power_of_two(k.f.sub(word, k.i(1)))
    result = k.fma(half, p, k.sub(half, k.c(0.5)))
    result = k.add(result, result)
    return k.select(k.compare("olt", k.abs(x), 2.0 ** -(k.mantissa + 2)), x, result)


@math_function("sigmoid")
def sigmoid(k: Kit, x: Value) -> Value:
    """1 / (1 + e^-x), without overflow on either side."""
    if not k.double and not k.target.has_fma:
        return k.narrow(sigmoid(k.widened(), k.widen(x)))
    z = _exact_exp(k, k.at_least(k.neg(k.abs(x)), _EXP[k.dtype][0]))
    above = k.select(k.compare("olt", x, 0.0), z, 1.0)
    below, lost = k.quick_sum(k.c(1.0), z)
    # One division, then what it and the sum below it have lost.
    y = k.div(k.c(1.0), below)
    return k.divide((above, None), (below, lost), y)


@math_function("tanh")
def tanh(k: Kit, x: Value) -> Value:
    """Hyperbolic tangent: a polynomial near zero, else 1 - 2 / (e^2x + 1)."""
    a = k.abs(x)
    z = k.mul(a, a)
    small = k.fma(k.mul(z, a), k.polynomial(z, TANH[k.dtype]), a)
    cut = k.at_most(a, 20.0 if k.double else 10.0)
    e = exp_in_range(k, k.add(cut, cut))
    large = k.sub(k.c(1.0), k.div(k.c(2.0), k.add(e, k.c(1.0))))
    return k.copysign(k.select(k.compare("olt", a, 0.625), small, large), x)


def _half_exp(k: Kit, x: Value) -> Value:
    """e^x / 2 for x ≥ 0, which overflows later than e^x."""
    r, n, word = _reduce(k, k.at_most(x, 712.0))
    p = k.add(_expm1_reduced(k, r), k.c(1.0))
    return k.scale(p, k.sub(n, k.c(1.0)), k.f.sub(word, k.i(1)))


@math_function("sinh", wide=True)
def sinh(k: Kit, x: Value) -> Value:
    """Hyperbolic sine."""
    a = k.abs(x)
    z = k.mul(a, a)
    small = k.fma(k.mul(z, a), k.polynomial(z, SINH[k.dtype]), a)
    half = _half_exp(k, a)
    large = k.sub(half, k.div(k.c(0.25), half))
    return k.copysign(k.select(k.compare("olt", a, 1.0), small, large), x)


@math_function("cosh", wide=True)
def cosh(k: Kit, x: Value) -> Value:
    """Hyperbolic cosine."""
    half = _half_exp(k, k.abs(x))
    return k.add(half, k.div(k.c(0.25), half))
