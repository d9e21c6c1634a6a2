"""Power: x^y = 2^(y · log2 x), float32 through float64, float64 in twice its precision.

For float64 the logarithm of the mantissa m is 2s + ⅔ s³ + s⁵·P(s²), s = (m - 1) / (m + 1), of
which s and the first two terms are pairs of numbers, so that the error of the exponent stays far
below one place of the result even for exponents of a thousand.
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_coefficients import (
    EXP2,
    LOG2_E_PAIR,
    LOG_TAIL,
    POW_EXP2,
    POW_LOG2,
    TWO_THIRDS,
)
from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.math_log import split
from pellucid.codegen.llvm.math_round import trunc
from pellucid.codegen.llvm.value import Value

_INFINITY = float("inf")
_NAN = float("nan")

Pair = tuple[Value, Value]


def _log2_special(k: Kit, a: Value, result: Value) -> Value:
    result = k.select(k.compare("olt", a, _INFINITY), result, a)
    return k.select(k.compare("oeq", a, 0.0), -_INFINITY, result)


def _through_double(k: Kit, x: Value, y: Value) -> Value:
    """|x|^y of float32."""
    w = k.widened()
    a = w.abs(k.widen(x))
    n, m = split(w, a, denormals=False)
    s = w.div(w.sub(m, w.c(1.0)), w.add(m, w.c(1.0)))
    log2 = w.fma(s, w.polynomial(w.mul(s, s), POW_LOG2[w.dtype]), n)
    power = w.mul(k.widen(y), _log2_special(w, a, log2))
    power = w.clamp(power, -200.0, 200.0)
    n, word = w.nearest(power)
    value = w.polynomial(w.sub(power, n), POW_EXP2[w.dtype])
    # 2^n by adding to the exponent: n is small enough for float64.
    shifted = w.f.binary("shl", word, w.i(w.mantissa))
    scaled = w.from_bits(w.f.add(w.bits(value), shifted))
    return k.narrow(w.select(w.compare("uno", power, power), power, scaled))


def _pair_times(k: Kit, a: Pair, b: Pair) -> Pair:
    """The product of two pairs, to about twice the precision."""
    high, low = k.product(a[0], b[0])
    low = k.add(low, k.fma(a[0], b[1], k.mul(a[1], b[0])))
    return k.quick_sum(high, low)


def _log_pair(k: Kit, m: Value) -> Pair:
    """log(m) for m in [√½, √2) as a pair."""
    f = k.sub(m, k.c(1.0))
    d, d_low = k.quick_sum(k.c(2.0), f)
    s = k.div(f, d)
    p, p_low = k.product(s, d)
    rest = k.sub(k.sub(k.sub(f, p), p_low), k.mul(s, d_low))
    pair = (s, k.div(rest, d))
    z = _pair_times(k, pair, pair)
    tail, tail_low = k.product(z[0], k.polynomial(z[0], LOG_TAIL[k.dtype]))
    high, low = k.quick_sum(k.c(TWO_THIRDS[k.dtype][0]), tail)
    inner = (high, k.add(low, k.add(tail_low, k.c(TWO_THIRDS[k.dtype][1]))))
    cubic = _pair_times(k, pair, _pair_times(k, z, inner))
    high, low = k.quick_sum(k.add(s, s), cubic[0])
    return high, k.add(low, k.fma(pair[1], k.c(2.0), cubic[1]))


def _in_pairs(k: Kit, x: Value, y: Value) -> Value:
    """|x|^y of float64."""
    a = k.abs(x)
    n, m = split(k, a)
    e_high, e_low = LOG2_E_PAIR[k.dtype]
    high, low = _pair_times(k, _log_pair(k, m), (k.c(e_high), k.c(e_low)))
    high, error = k.quick_sum(n, high)
    high, low = k.quick_sum(high, k.add(low, error))
    high = _log2_special(k, a, high)
    # A y beyond 2^70 gives 0, 1 or infinity, as 2^70 does; then the exact product cannot overflow.
    small_y = k.clamp(y, -(2.0**70), 2.0**70)
    power, power_low = k.product(small_y, k.clamp(high, -2000.0, 2000.0))
    power_low = k.fma(small_y, low, power_low)
    power = k.select(k.compare("olt", k.abs(high), 2000.0), power, k.mul(y, high))
    inside = k.compare("olt", k.abs(power), 1100.0)
    power = k.clamp(power, -1100.0, 1100.0)
    power_low = k.select(inside, power_low, 0.0)
    n, word = k.nearest(power)
    r = k.add(k.sub(power, n), power_low)
    value = k.fma(r, k.polynomial(r, EXP2[k.dtype]), k.c(1.0))
    return k.scale(value, n, word)


@math_function("fma", "xxx")
def fma(k: Kit, x: Value, y: Value, z: Value) -> Value:
    """`x * y + z`, with one rounding where the target can."""
    return k.fma(x, y, z)


@math_function("pow", "xx")
def pow_(k: Kit, x: Value, y: Value) -> Value:
    """x^y with IEEE 754's special cases.

    x^0 and 1^y are 1, even of NaN; (-1)^±∞ is 1; a negative finite x to a power that is no integer
    is NaN; the sign of a negative x (or of -0, -∞) stays under odd powers.
    """
    result = _in_pairs(k, x, y) if k.double else _through_double(k, x, y)
    whole = k.compare("oeq", trunc(k, y), y)
    half = k.mul(y, k.c(0.5))
    odd = k.f.land(whole, k.compare("one", trunc(k, half), half))
    result = k.select(odd, k.copysign(result, x), result)
    finite = k.compare("ogt", x, -_INFINITY)
    bad = k.f.land(k.f.land(k.compare("olt", x, 0.0), finite), k.f.lnot(whole))
    result = k.select(bad, _NAN, result)
    unit = k.f.land(k.compare("oeq", x, -1.0), k.compare("oeq", k.abs(y), _INFINITY))
    one = k.f.lor(k.f.lor(k.compare("oeq", x, 1.0), k.compare("oeq", y, 0.0)), unit)
    return k.select(one, 1.0, result)
