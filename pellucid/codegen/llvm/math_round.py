"""Rounding, roots, remainders and questions about floats; counting bits of integers.

floor, ceil, trunc, round, nearbyint, sqrt, rsqrt, fabs, copysign, hypot, ldexp, fmod, isnan, isinf,
isfinite.
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.text import Function
from pellucid.codegen.llvm.types import vector
from pellucid.codegen.llvm.value import Value

_INFINITY = float("inf")
_NAN = float("nan")


def _instruction(k: Kit, name: str, x: Value) -> Value | None:
    """LLVM's rounding intrinsic where it is an instruction, else None: it would be a call."""
    if k.target.arch == "aarch64" or k.target.has("sse4.1"):
        return k.f.intrinsic(f"llvm.{name}", k.type, [x])
    return None


def _whole(k: Kit, x: Value, rounded: Value) -> Value:
    """`rounded` with x's sign, or x itself where it has no fraction to begin with (or is NaN)."""
    small = k.compare("olt", k.abs(x), 2.0**k.mantissa)
    return k.select(small, k.copysign(rounded, x), x)


def _even(k: Kit, a: Value) -> Value:
    """A magnitude below 2^mantissa rounded to the nearest integer, halves to even."""
    anchor = k.c(2.0**k.mantissa)
    return k.sub(k.add(a, anchor), anchor)


def _one_where(k: Kit, condition: Value) -> Value:
    return k.select(condition, 1.0, 0.0)


@math_function("nearbyint")
def nearbyint(k: Kit, x: Value) -> Value:
    """The nearest integer, halves to even."""
    found = _instruction(k, "roundeven", x)
    return found if found is not None else _whole(k, x, _even(k, k.abs(x)))


@math_function("trunc")
def trunc(k: Kit, x: Value) -> Value:
    """The integer part, toward zero."""
    found = _instruction(k, "trunc", x)
    if found is not None:
        return found
    a = k.abs(x)
    nearest = _even(k, a)
    return _whole(k, x, k.sub(nearest, _one_where(k, k.compare("ogt", nearest, a))))


@math_function("floor")
def floor(k: Kit, x: Value) -> Value:
    """The largest integer that is not above x."""
    found = _instruction(k, "floor", x)
    if found is not None:
        return found
    nearest = k.copysign(_even(k, k.abs(x)), x)
    lower = k.sub(nearest, _one_where(k, k.compare("ogt", nearest, x)))
    return k.select(k.compare("olt", k.abs(x), 2.0**k.mantissa), _keep_zero(k, lower, x), x)


@math_function("ceil")
def ceil(k: Kit, x: Value) -> Value:
    """The smallest integer that is not below x."""
    found = _instruction(k, "ceil", x)
    if found is not None:
        return found
    nearest = k.copysign(_even(k, k.abs(x)), x)
    upper = k.add(nearest, _one_where(k, k.compare("olt", nearest, x)))
    return k.select(k.compare("olt", k.abs(x), 2.0**k.mantissa), _keep_zero(k, upper, x), x)


def _keep_zero(k: Kit, rounded: Value, x: Value) -> Value:
    """`rounded`, with x's sign if it is zero."""
    return k.select(k.compare("oeq", rounded, 0.0), k.copysign(k.c(0.0), x), rounded)


@math_function("round")
def round_(k: Kit, x: Value) -> Value:
    """The nearest integer, halves away from zero."""
    whole = trunc(k, x)
    step = _one_where(k, k.compare("oge", k.abs(k.sub(x, whole)), 0.5))
    return k.copysign(k.add(k.abs(whole), step), x)


@math_function("sqrt")
def sqrt(k: Kit, x: Value) -> Value:
    """Square root, correctly rounded; NaN below zero."""
    return k.sqrt(x)


@math_function("rsqrt")
def rsqrt(k: Kit, x: Value) -> Value:
    """1 / √x; infinite at zeros, NaN below."""
    if not k.double and not k.target.has_fma:
        w = k.widened()
        return k.narrow(w.div(w.c(1.0), w.sqrt(k.widen(x))))
    if k.target.has_fma:
        y = k.div(k.c(1.0), k.sqrt(x))
        # One step of Newton's, with what the two roundings lost: 1 - x·y².
        xy, low = k.product(x, y)
        lost = k.fma(k.neg(low), y, k.fma(k.neg(xy), y, k.c(1.0)))
        ordinary = k.f.land(k.compare("ogt", x, 0.0), k.compare("olt", x, _INFINITY))
        return k.select(ordinary, k.fma(k.mul(y, k.c(0.5)), lost, y), y)
    return k.div(k.c(1.0), k.sqrt(x))


@math_function("fabs")
def fabs(k: Kit, x: Value) -> Value:
    """Magnitude."""
    return k.abs(x)


@math_function("copysign", "xx")
def copysign(k: Kit, x: Value, sign: Value) -> Value:
    """The magnitude of x with the sign of the other."""
    return k.copysign(x, sign)


@math_function("hypot", "xx", wide=True)
def hypot(k: Kit, x: Value, y: Value) -> Value:
    """√(x² + y²) without overflow on the way; infinite if one of them is, even beside NaN."""
    a, b = k.abs(x), k.abs(y)
    larger = k.select(k.compare("olt", a, b), b, a)
    up = k.compare("olt", larger, 2.0**-450)
    down = k.compare("ogt", larger, 2.0**500)
    factor = k.select(down, 2.0**-600, k.select(up, 2.0**600, 1.0))
    back = k.select(down, 2.0**600, k.select(up, 2.0**-600, 1.0))
    a, b = k.mul(a, factor), k.mul(b, factor)
    result = k.mul(k.sqrt(k.fma(a, a, k.mul(b, b))), back)
    infinite = k.f.lor(k.compare("oeq", a, _INFINITY), k.compare("oeq", b, _INFINITY))
    return k.select(infinite, _INFINITY, result)


@math_function("ldexp", "xi")
def ldexp(k: Kit, x: Value, n: Value) -> Value:
    """x · 2^n with one rounding; n is an int32."""
    up, margin = k.bias, k.mantissa + 1
    down = k.bias - 1 - margin
    i32 = n.type
    for _ in range(2):
        high = k.f.icmp("sgt", n, up)
        low = k.f.icmp("slt", n, -(k.bias - 1))
        # Going down, a margin is left so that nothing is rounded before the last step.
        x = k.select(high, k.mul(x, k.c(2.0**up)), k.select(low, k.mul(x, k.c(2.0**-down)), x))
        step = k.f.select(
            high, k.f.iconst(i32, -up), k.f.select(low, k.f.iconst(i32, down), k.f.iconst(i32, 0))
        )
        n = k.f.add(n, step)
    n = k.f.intrinsic("llvm.smin", i32, [n, k.f.iconst(i32, up)])
    n = k.f.intrinsic("llvm.smax", i32, [n, k.f.iconst(i32, -(k.bias - 1))])
    return k.mul(x, k.power_of_two(k.f.cast("sext", n, k.word)))


@math_function("isnan", result="bool")
def isnan(k: Kit, x: Value) -> Value:
    """Whether x is no number."""
    return k.compare("uno", x, x)


@math_function("isinf", result="bool")
def isinf(k: Kit, x: Value) -> Value:
    """Whether x is an infinity."""
    return k.compare("oeq", k.abs(x), _INFINITY)


@math_function("isfinite", result="bool")
def isfinite(k: Kit, x: Value) -> Value:
    """Whether x is neither infinite nor NaN."""
    return k.compare("olt", k.abs(x), _INFINITY)


@math_function("fmod", "xx", wide=True)
def fmod(k: Kit, x: Value, y: Value) -> Value:
    """The remainder of x / y with the sign of x, exact; NaN if y is 0 or x is infinite.

    Long division, lane after lane.
    """
    name = "pellucid_fmod_lane"
    module = k.f.module
    if not module.declared(name):
        _fmod_lane(
            module.function(
                name,
                "double",
                [("double", "x"), ("double", "y")],
                linkage="internal",
                attributes="noinline nounwind",
            )
        )
    if k.lanes == 1:
        return k.f.call(name, "double", [x, y])
    start = k.f.raw(k.type, "poison")
    with k.f.loop(0, k.lanes, carried=[start], at_least_once=True) as loop:
        operands = [k.f.extract(each, loop.index) for each in (x, y)]
        value = k.f.call(name, "double", operands)
        loop.next = [k.f.insert(loop.carried[0], value, loop.index)]
    return loop.results[0]


def _fmod_lane(f: Function) -> None:
    """The scalar function: mantissas as integers, eleven bits of the quotient a step."""
    k = Kit(f, "float64", 1)
    x, y = f.params
    a, b = k.abs(x), k.abs(y)
    bad = f.lnot(f.land(k.compare("olt", a, _INFINITY), k.compare("ogt", b, 0.0)))
    with f.when(bad):
        f.ret(k.c(_NAN))
    unordered_or_less = k.compare("ult", a, b)
    with f.when(unordered_or_less):
        f.ret(k.select(k.compare("uno", y, y), y, x))
    with f.when(k.compare("oeq", b, _INFINITY)):
        f.ret(x)
    (am, ae), (bm, be) = (_decode(k, each) for each in (a, b))
    first = f.binary("urem", am, bm)
    before, head, body, done = f.current, f.block("head"), f.block("step"), f.block("done")
    distance = f.sub(ae, be)
    f.branch(head)
    f.start(head)
    rest, left = f.phi("i64"), f.phi("i64")
    rest.add(first, before)
    left.add(distance, before)
    more = f.land(f.icmp("sgt", left, 0), f.icmp("ne", rest, 0))
    f.branch_if(more, body, done)
    f.start(body)
    count = f.intrinsic("llvm.smin", "i64", [left, k.i(11)])
    rest.add(f.binary("urem", f.binary("shl", rest, count), bm), body)
    left.add(f.sub(left, count), body)
    f.branch(head)
    f.start(done)
    exponent = f.sub(be, k.i(k.bias + k.mantissa))
    half = f.binary("ashr", exponent, k.i(1))
    result = f.cast("sitofp", rest, "double")
    result = k.mul(result, k.power_of_two(half))
    result = k.mul(result, k.power_of_two(f.sub(exponent, half)))
    f.ret(k.copysign(result, x))


def _decode(k: Kit, a: Value) -> tuple[Value, Value]:
    """Mantissa with its hidden bit and biased exponent (at least 1) of a positive float."""
    bits = k.bits(a)
    fraction = k.f.land(bits, k.i((1 << k.mantissa) - 1))
    exponent = k.f.binary("lshr", bits, k.i(k.mantissa))
    normal = k.f.icmp("ne", exponent, 0)
    hidden = k.f.select(normal, k.i(1 << k.mantissa), k.i(0))
    return k.f.lor(fraction, hidden), k.f.select(normal, exponent, k.i(1))


def count_bits(f: Function, name: str, x: Value, lanes: int, bits: int) -> Value:
    """popcount or clz (all bits of zero count) of integers, as integers of the same size."""
    type_ = vector(f"i{bits}", lanes)
    if name == "popcount":
        return f.intrinsic("llvm.ctpop", type_, [x])
    return f.intrinsic("llvm.ctlz", type_, [x, f.raw("i1", "false")])
