"""Logarithms and what is made of them: log, log2, log10, log1p, asinh, acosh, atanh.

x = 2^n · m with m in [√½, √2); the logarithm of m = 1 + f is a polynomial in f for float32. For
float64 it is f - f²/2 + s·(f²/2 + R) with s = f / (2 + f) and log((1+s)/(1-s)) = 2s + s·R(s²).
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_coefficients import (
    LN2,
    LOG,
    LOG2,
    LOG2_E,
    LOG10,
    LOG10_2,
    LOG10_E,
    LOG_S,
)
from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.value import Value

_ROOT_HALF = {"float32": 0x3F3504F3, "float64": 0x3FE6A09E667F3BCD}
_INFINITY = float("inf")
_NAN = float("nan")


def split(k: Kit, x: Value, *, denormals: bool = True) -> tuple[Value, Value]:
    """n as a float and m in [√½, √2) of a positive finite x; anything for other x."""
    adjust = None
    if denormals:
        smallest, up = 2.0 ** (1 - k.bias), float(k.mantissa + 2)
        tiny = k.compare("olt", x, smallest)
        x = k.select(tiny, k.mul(x, k.c(2.0**up)), x)
        adjust = k.select(tiny, -up, 0.0)
    base = k.i(_ROOT_HALF[k.dtype])
    above = k.f.sub(k.bits(x), base)
    exponent = k.f.binary("ashr", above, k.i(k.mantissa))
    m = k.from_bits(k.f.add(k.f.land(above, k.i((1 << k.mantissa) - 1)), base))
    n = k.small_float(exponent)
    return (n if adjust is None else k.add(n, adjust)), m


def special(k: Kit, x: Value, result: Value) -> Value:
    """`result` for positive finite x; the logarithm of all other x."""
    result = k.select(k.compare("olt", x, _INFINITY), result, x)  # infinity and NaN are themselves
    result = k.select(k.compare("olt", x, 0.0), _NAN, result)
    return k.select(k.compare("oeq", x, 0.0), -_INFINITY, result)


def _natural(k: Kit, f: Value, n: Value, small: Value | None = None) -> Value:
    """log(1 + f) + n log 2, + `small` where given."""
    high, low = LN2[k.dtype]
    rest = k.mul(n, k.c(low)) if small is None else k.fma(n, k.c(low), small)
    z = k.mul(f, f)
    if not k.double:
        rest = k.fma(k.mul(z, f), k.polynomial(f, LOG[k.dtype]), rest)
        rest = k.fma(z, k.c(-0.5), rest)
        return k.fma(n, k.c(high), k.add(f, rest))
    half = k.mul(z, k.c(0.5))
    s, tail = _series(k, f)
    rest = k.fma(s, k.add(half, tail), rest)
    return k.fma(n, k.c(high), k.sub(f, k.sub(half, rest)))


def _series(k: Kit, f: Value) -> tuple[Value, Value]:
    """s = f / (2 + f), and R(s²)."""
    s = k.div(f, k.add(f, k.c(2.0)))
    z = k.mul(s, s)
    return s, k.mul(z, k.polynomial(z, LOG_S[k.dtype]))


@math_function("log")
def log(k: Kit, x: Value) -> Value:
    """Natural logarithm."""
    n, m = split(k, x)
    return special(k, x, _natural(k, k.sub(m, k.c(1.0)), n))


def _to_base(k: Kit, f: Value, base: tuple[float, ...]) -> tuple[Value, Value]:
    """log(1 + f) times the constant `base`, high and low part (float64)."""
    half = k.mul(k.mul(f, f), k.c(0.5))
    s, tail = _series(k, f)
    # The high part has so few bits that its product with base[0] is exact.
    high = k.from_bits(k.f.land(k.bits(k.sub(f, half)), k.i(-(1 << 32))))
    low = k.sub(k.sub(f, high), half)
    low = k.fma(s, k.add(half, tail), low)
    rest = k.fma(k.add(low, high), k.c(base[1]), k.mul(low, k.c(base[0])))
    return k.mul(high, k.c(base[0])), rest


def _times_plus(k: Kit, f: Value, factor: float, y: Value) -> Value:
    """`f · factor + y` with the product exact on every target."""
    if k.target.has_fma:
        return k.fma(f, k.c(factor), y)
    high, low = k.product(f, k.c(factor))
    return k.add(high, k.add(low, y))


@math_function("log2")
def log2(k: Kit, x: Value) -> Value:
    """Logarithm to base 2."""
    n, m = split(k, x)
    f = k.sub(m, k.c(1.0))
    if k.double:
        high, low = _to_base(k, f, LOG2_E[k.dtype])
        total = k.add(n, high)
        low = k.add(low, k.add(k.sub(n, total), high))
        return special(k, x, k.add(low, total))
    one, rest = LOG2_E[k.dtype]
    y = k.fma(k.mul(f, f), k.polynomial(f, LOG2[k.dtype]), k.mul(f, k.c(rest)))
    return special(k, x, k.add(n, _times_plus(k, f, one, y)))


@math_function("log10")
def log10(k: Kit, x: Value) -> Value:
    """Logarithm to base 10."""
    n, m = split(k, x)
    f = k.sub(m, k.c(1.0))
    two_high, two_low = LOG10_2[k.dtype]
    if k.double:
        high, low = _to_base(k, f, LOG10_E[k.dtype])
        exact = k.mul(n, k.c(two_high))
        low = k.fma(n, k.c(two_low), low)
        total = k.add(exact, high)
        low = k.add(low, k.add(k.sub(exact, total), high))
        return special(k, x, k.add(low, total))
    one, rest = LOG10_E[k.dtype]
    y = k.fma(k.mul(f, f), k.polynomial(f, LOG10[k.dtype]), k.mul(f, k.c(rest)))
    y = k.fma(n, k.c(two_low), y)
    return special(k, x, k.fma(n, k.c(two_high), _times_plus(k, f, one, y)))


@math_function("log1p")
def log1p(k: Kit, x: Value) -> Value:
    """log(1 + x), also for small x."""
    u = k.add(x, k.c(1.0))
    # What rounding 1 + x lost, relative to it.
    lost = k.select(
        k.compare("oge", u, 2.0), k.sub(k.c(1.0), k.sub(u, x)), k.sub(x, k.sub(u, k.c(1.0)))
    )
    n, m = split(k, u, denormals=False)
    result = _natural(k, k.sub(m, k.c(1.0)), n, k.div(lost, u))
    result = k.copysign(result, x)  # for the two zeros
    result = k.select(k.compare("olt", x, _INFINITY), result, x)
    result = k.select(k.compare("olt", x, -1.0), _NAN, result)
    return k.select(k.compare("oeq", x, -1.0), -_INFINITY, result)


_HUGE = 2.0**60
_LOG_2 = 0.6931471805599453


@math_function("asinh", wide=True)
def asinh(k: Kit, x: Value) -> Value:
    """Inverse hyperbolic sine: log(|x| + √(x² + 1)), through log1p."""
    a = k.abs(x)
    huge = k.compare("ogt", a, _HUGE)
    b = k.at_most(a, _HUGE)
    z = k.mul(b, b)
    small = k.add(b, k.div(z, k.add(k.sqrt(k.add(z, k.c(1.0))), k.c(1.0))))
    y = log1p(k, k.select(huge, a, small))
    return k.copysign(k.add(y, k.select(huge, _LOG_2, 0.0)), x)


@math_function("acosh", wide=True)
def acosh(k: Kit, x: Value) -> Value:
    """Inverse hyperbolic cosine; NaN below 1."""
    huge = k.compare("ogt", x, _HUGE)
    t = k.at_most(k.sub(x, k.c(1.0)), _HUGE)
    small = k.add(t, k.sqrt(k.mul(t, k.add(t, k.c(2.0)))))
    y = log1p(k, k.select(huge, x, small))
    y = k.add(y, k.select(huge, _LOG_2, 0.0))
    return k.select(k.compare("olt", x, 1.0), _NAN, y)


@math_function("atanh", wide=True)
def atanh(k: Kit, x: Value) -> Value:
    """Inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond."""
    a = k.abs(x)
    twice = k.add(a, a)
    ratio = k.div(k.select(k.compare("olt", a, 0.5), k.mul(twice, a), twice), k.sub(k.c(1.0), a))
    small = k.select(k.compare("olt", a, 0.5), k.add(twice, ratio), ratio)
    return k.copysign(k.mul(log1p(k, small), k.c(0.5)), x)
