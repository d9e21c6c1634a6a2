"""sin, cos, tan with their reductions, and asin, acos, atan, atan2.

An angle x is reduced to r = x - n·π/2, |r| ≤ π/4, by subtracting n times the parts of π/2 (Cody and
Waite 1980) while n is small, and by multiplying with the bits of 2/π that matter (Payne and Hanek
1983) where it is not, so that the bound on the error holds for every float. Vectors in which no
lane is large never leave the straight path.
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_coefficients import (
    ASIN,
    ATAN,
    COS,
    HALF_PI,
    HALF_PI_PAIR,
    SIN,
    TWO_OVER_PI,
)
from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.text import Module
from pellucid.codegen.llvm.types import vector
from pellucid.codegen.llvm.value import Value

TWO_BY_PI = 0.6366197723675814
_INFINITY = float("inf")
# Below these the parts of π/2 are enough.
_LIMIT = {"float32": 2.0**16, "float64": 2.0**20}


# Reduction


def _reduce(k: Kit, x: Value) -> tuple[Value, Value, Value]:
    """r as rounded number and remainder, and n in the low two bits of a word."""
    if k.double:
        r, low, n = _by_parts(k, x)
    elif k.target.has_fma:
        turns, n = k.nearest(x, TWO_BY_PI)
        first, second, third = HALF_PI[k.dtype]
        r = k.fma(turns, k.c(-second), k.fma(turns, k.c(-first), x))
        r, low = k.fma(turns, k.c(-third), r), k.c(0.0)
    else:
        w = k.widened()
        wide, _, n = _by_parts(w, k.widen(x))
        r, low, n = k.narrow(wide), k.c(0.0), k.f.cast("trunc", n, k.word)
    return _replace_large(k, x, r, low, n)


def _by_parts(k: Kit, x: Value) -> tuple[Value, Value, Value]:
    """The reduction of a float64 below 2^20; products with the first two parts are exact."""
    turns, n = k.nearest(x, TWO_BY_PI)
    first, second, third = HALF_PI[k.dtype]
    r = k.sub(x, k.mul(turns, k.c(first)))
    r, low = k.sum(r, k.mul(turns, k.c(-second)))
    low = k.fma(turns, k.c(-third), low)
    r, low = k.quick_sum(r, low)
    return r, low, n


def _replace_large(k: Kit, x: Value, r: Value, low: Value, n: Value) -> tuple[Value, Value, Value]:
    """The results with those of large lanes put in, by a branch that is rarely taken."""
    f = k.f
    large = k.compare("oge", k.abs(x), _LIMIT[k.dtype])
    some = large if k.lanes == 1 else f.reduce("or", large)
    before, slow, done = f.current, f.block("slow"), f.block("reduced")
    f.branch_if(some, slow, done)
    f.start(slow)
    name = _large_lanes(f.module, k.dtype, k.lanes)
    struct = f"{{ {k.type}, {k.type}, {k.word} }}"
    # The function is for large numbers only.
    made = f.call(name, struct, [k.select(large, x, _LIMIT[k.dtype])])
    kinds = [k.type, k.type, k.word]
    other = [f.extract_value(kind, made, i) for i, kind in enumerate(kinds)]
    chosen = [f.select(large, a, b) for a, b in zip(other, (r, low, n), strict=True)]
    end = f.current
    f.branch(done)
    f.start(done)
    results: list[Value] = []
    for kind, fast, exact in zip(kinds, (r, low, n), chosen, strict=True):
        phi = f.phi(kind)
        phi.add(fast, before)
        phi.add(exact, end)
        results.append(phi)
    return results[0], results[1], results[2]


def _large_lanes(module: Module, dtype: str, lanes: int) -> str:
    """The function that reduces all lanes of a vector, one after the other."""
    name = f"pellucid_reduce_{dtype}x{lanes}"
    if module.declared(name):
        return name
    one = _large_lane(module)
    type_ = vector("float" if dtype == "float32" else "double", lanes)
    word = vector("i32" if dtype == "float32" else "i64", lanes)
    struct = f"{{ {type_}, {type_}, {word} }}"
    f = module.function(
        name, struct, [(type_, "x")], linkage="internal", attributes="noinline nounwind"
    )
    x = f.params[0]
    start = [f.raw(type_, "poison"), f.raw(type_, "poison"), f.raw(word, "poison")]
    with f.loop(0, lanes, carried=start, at_least_once=True) as loop:
        lane = f.extract(x, loop.index) if lanes > 1 else x
        made = f.call(one, "{ double, double, i64 }", [f.cast("fpext", lane, "double")])
        values = [f.extract_value(t, made, i) for i, t in enumerate(("double", "double", "i64"))]
        if dtype == "float32":
            values = [
                f.cast("fptrunc", values[0], "float"),
                f.fconst("float", 0.0),
                f.cast("trunc", values[2], "i32"),
            ]
        loop.next = [
            f.insert(c, v, loop.index) if lanes > 1 else v
            for c, v in zip(loop.carried, values, strict=True)
        ]
    result = f.raw(struct, "poison")
    for i, each in enumerate(loop.results):
        result = f.emit(struct, f"insertvalue {result}, {each}, {i}")
    f.ret(result)
    return name


def _large_lane(module: Module) -> str:
    """`{ r, low, n } reduce(double)` for magnitudes from 2^16 on; NaN for what is not finite.

    x = ±M·2^e. The 192 bits of 2/π from the place of weight 2^(1-e) on give x·2/π modulo 4 with 190
    bits of fraction; 126 of them are right, and no float64 comes closer than 2^-62 to a multiple
    of π/2.
    """
    name = "pellucid_reduce_lane"
    if module.declared(name):
        return name
    struct = "{ double, double, i64 }"
    f = module.function(
        name, struct, [("double", "x")], linkage="internal", attributes="noinline nounwind"
    )
    words = ", ".join(f"i64 {each}" for each in (0, *TWO_OVER_PI))
    table = module.global_value(
        "pellucid_two_over_pi", f"[{len(TWO_OVER_PI) + 1} x i64]", f"[{words}]", align=8
    )
    k = Kit(f, "float64", 1)
    x = f.params[0]
    a = k.abs(x)
    with f.when(f.lnot(k.compare("olt", a, _INFINITY))):
        f.ret(f.raw(struct, "{ double 0x7FF8000000000000, double 0.0, i64 0 }"))
    value, n = _fraction(k, table, k.bits(a))
    r, low = _as_pair(k, value)
    sign = f.land(k.bits(x), k.sign_bit())
    negative = k.compare("olt", x, 0.0)
    parts = [k.xor_sign(r, sign), k.xor_sign(low, sign), f.select(negative, f.sub(k.i(0), n), n)]
    result = f.raw(struct, "poison")
    for i, each in enumerate(parts):
        result = f.emit(struct, f"insertvalue {result}, {each}, {i}")
    f.ret(result)
    return name


def _fraction(k: Kit, table: Value, bits: Value) -> tuple[Value, Value]:
    """x·2/π - n as an i128 in units of 2^-126, and n."""
    f = k.f
    exponent = f.binary("lshr", bits, k.i(k.mantissa))
    mantissa = f.lor(f.land(bits, k.i((1 << k.mantissa) - 1)), k.i(1 << k.mantissa))
    # The table begins with 64 zeros, so that the place below is never negative.
    place = f.add(exponent, k.i(62 - k.bias - k.mantissa))
    base = f.gep("i64", table, f.binary("lshr", place, k.i(6)))
    shift = f.land(place, k.i(63))
    words = [f.load("i64", f.gep("i64", base, i), 8) for i in range(4)]
    window = [f.intrinsic("llvm.fshl", "i64", [words[i], words[i + 1], shift]) for i in range(3)]
    big = [f.cast("zext", each, "i128") for each in (mantissa, *window)]
    sixty_four = f.iconst("i128", 64)
    total = f.binary("lshr", f.mul(big[0], big[3]), sixty_four)
    total = f.add(total, f.mul(big[0], big[2]))
    total = f.add(total, f.binary("shl", f.mul(big[0], big[1]), sixty_four))
    nearest = f.add(total, f.iconst("i128", 1 << 125))
    n = f.cast("trunc", f.binary("lshr", nearest, f.iconst("i128", 126)), "i64")
    whole = f.binary("shl", f.cast("zext", n, "i128"), f.iconst("i128", 126))
    return f.sub(total, whole), n


def _as_pair(k: Kit, value: Value) -> tuple[Value, Value]:
    """An i128 in units of 2^-126, times π/2, as a pair of float64."""
    f = k.f
    sign = f.binary("ashr", value, f.iconst("i128", 127))
    magnitude = f.sub(f.lxor(value, sign), sign)
    zeros = f.intrinsic("llvm.ctlz", "i128", [magnitude, f.raw("i1", "false")])
    zeros = f.land(zeros, f.iconst("i128", 127))
    shifted = f.binary("shl", magnitude, zeros)
    parts: list[Value] = []
    for down in (75, 22):
        word = f.cast("trunc", f.binary("lshr", shifted, f.iconst("i128", down)), "i64")
        parts.append(f.cast("sitofp", f.land(word, k.i((1 << 53) - 1)), "double"))
    lowered = f.sub(k.i(75 - 126), f.cast("trunc", zeros, "i64"))
    scale = k.power_of_two(lowered)
    high = k.mul(parts[0], scale)
    low = k.mul(parts[1], k.mul(scale, k.c(2.0**-53)))
    pi_high, pi_low = HALF_PI_PAIR["float64"]
    r, error = k.product(high, k.c(pi_high))
    error = k.add(error, k.fma(high, k.c(pi_low), k.mul(low, k.c(pi_high))))
    r, error = k.quick_sum(r, error)
    flip = f.land(f.cast("trunc", sign, "i64"), k.sign_bit())
    return k.xor_sign(r, flip), k.xor_sign(error, flip)


# Sine and cosine


Pair = tuple[Value, Value]


def _sin_reduced(k: Kit, r: Value, low: Value, z: Value) -> Pair:
    """sin(r + low) as a number and a much smaller one to be added."""
    rest = k.mul(k.mul(z, r), k.polynomial(z, SIN[k.dtype]))
    if k.double:
        rest = k.fma(low, k.fma(z, k.c(-0.5), k.c(1.0)), rest)
    return r, rest


def _cos_reduced(k: Kit, r: Value, low: Value, z: Value) -> Pair:
    """cos(r + low) as a number and a much smaller one to be added."""
    half = k.mul(z, k.c(0.5))
    rest = k.mul(k.mul(z, z), k.polynomial(z, COS[k.dtype]))
    if k.double:
        rest = k.sub(rest, k.mul(r, low))
    w = k.sub(k.c(1.0), half)
    return w, k.add(k.sub(k.sub(k.c(1.0), w), half), rest)


def _both(k: Kit, x: Value) -> tuple[Pair, Pair, Value]:
    r, low, n = _reduce(k, x)
    z = k.mul(r, r)
    return _sin_reduced(k, r, low, z), _cos_reduced(k, r, low, z), n


def _quadrant(k: Kit, sine: Pair, cosine: Pair, n: Value) -> Value:
    """sin(r + n π/2)."""
    odd = k.f.icmp("ne", k.f.land(n, k.i(1)), 0)
    sign = k.f.binary("shl", k.f.land(n, k.i(2)), k.i(k.bits_size - 2))
    return k.xor_sign(k.select(odd, k.add(*cosine), k.add(*sine)), sign)


@math_function("sin")
def sin(k: Kit, x: Value) -> Value:
    """Sine."""
    result = _quadrant(k, *_both(k, x))
    return k.select(k.compare("oeq", x, 0.0), x, result)


@math_function("cos")
def cos(k: Kit, x: Value) -> Value:
    """Cosine."""
    sine, cosine, n = _both(k, x)
    return _quadrant(k, sine, cosine, k.f.add(n, k.i(1)))


@math_function("tan", wide=True)
def tan(k: Kit, x: Value) -> Value:
    """Tangent."""
    sine, cosine, n = _both(k, x)
    odd = k.f.icmp("ne", k.f.land(n, k.i(1)), 0)
    sine, cosine = k.quick_sum(*sine), k.quick_sum(*cosine)
    over = [k.select(odd, b, a) for a, b in zip(sine, cosine, strict=True)]
    under = [k.select(odd, k.neg(a), b) for a, b in zip(sine, cosine, strict=True)]
    inverse = k.div(k.c(1.0), under[0])
    result = k.divide((over[0], over[1]), (under[0], under[1]), inverse)
    return k.select(k.compare("oeq", x, 0.0), x, result)


# Inverse functions


def _arc(k: Kit, a: Value, b: Value) -> tuple[Value, Value]:
    """atan(a / b) of magnitudes, as base and rest: by π/2 - atan(b/a), π/4 + atan((a-b)/(a+b))."""
    high, low = HALF_PI_PAIR[k.dtype]
    steep = k.compare("ogt", a, k.mul(b, k.c(1.6)))
    middle = k.compare("ogt", a, k.mul(b, k.c(0.625)))
    over = k.select(steep, k.neg(b), k.select(middle, k.sub(a, b), a))
    under = k.select(steep, a, k.select(middle, k.add(a, b), b))
    base = k.select(steep, high, k.select(middle, high / 2, 0.0))
    base_low = k.select(steep, low, k.select(middle, low / 2, 0.0))
    t = k.div(over, under)
    z = k.mul(t, t)
    rest = k.fma(k.mul(z, t), k.polynomial(z, ATAN[k.dtype]), base_low)
    return base, k.add(t, rest)


@math_function("atan", wide=True)
def atan(k: Kit, x: Value) -> Value:
    """Inverse tangent."""
    base, rest = _arc(k, k.abs(x), k.c(1.0))
    return k.copysign(k.add(base, rest), x)


@math_function("atan2", "xx", wide=True)
def atan2(k: Kit, y: Value, x: Value) -> Value:
    """The angle of the point (x, y) from the positive x axis, in [-π, π]."""
    a, b = k.abs(y), k.abs(x)
    both_infinite = k.f.land(k.compare("oeq", a, _INFINITY), k.compare("oeq", b, _INFINITY))
    a, b = k.select(both_infinite, 1.0, a), k.select(both_infinite, 1.0, b)
    # Away from overflow of a + b, and from denormals where both are small.
    larger = k.select(k.compare("ogt", a, b), a, b)
    tiny = k.select(k.compare("olt", larger, 2.0**-900), 2.0**200, 1.0)
    factor = k.select(k.compare("ogt", larger, 2.0**1000), 2.0**-100, tiny)
    a, b = k.mul(a, factor), k.mul(b, factor)
    none = k.f.land(k.compare("oeq", a, 0.0), k.compare("oeq", b, 0.0))
    base, rest = _arc(k, a, k.select(none, 1.0, b))
    left = k.f.icmp("slt", k.bits(x), 0)
    high, low = HALF_PI_PAIR[k.dtype]
    angle = k.add(base, rest)
    # π - angle, with the low part of π and without the rounding of base + rest.
    turned = k.sub(k.sub(k.c(2 * high), base), k.sub(rest, k.c(2 * low)))
    return k.copysign(k.select(left, turned, angle), y)


def _arcsine(k: Kit, x: Value) -> tuple[Value, Value, Value]:
    """asin(|x|) for |x| ≤ ½, else asin(√((1-|x|)/2)); its argument s, and whether |x| > ½."""
    a = k.abs(x)
    outer = k.compare("ogt", a, 0.5)
    z = k.select(outer, k.mul(k.sub(k.c(1.0), a), k.c(0.5)), k.mul(a, a))
    s = k.select(outer, k.sqrt(z), a)
    return k.mul(k.mul(z, s), k.polynomial(z, ASIN[k.dtype])), s, outer


@math_function("asin", wide=True)
def asin(k: Kit, x: Value) -> Value:
    """Inverse sine; NaN outside of [-1, 1]."""
    rest, s, outer = _arcsine(k, x)
    high, low = HALF_PI_PAIR[k.dtype]
    inner = k.add(s, rest)
    twice = k.sub(k.add(rest, rest), k.c(low))
    far = k.sub(k.c(high), k.add(k.add(s, s), twice))
    return k.copysign(k.select(outer, far, inner), x)


@math_function("acos", wide=True)
def acos(k: Kit, x: Value) -> Value:
    """Inverse cosine; NaN outside of [-1, 1]."""
    rest, s, outer = _arcsine(k, x)
    high, low = HALF_PI_PAIR[k.dtype]
    near = k.add(s, rest)
    twice = k.add(near, near)
    negative = k.compare("olt", x, 0.0)
    far = k.select(negative, k.sub(k.c(2 * high), k.sub(twice, k.c(2 * low))), twice)
    signed_s, signed_rest = k.copysign(s, x), k.copysign(rest, x)
    inner = k.sub(k.c(high), k.sub(signed_s, k.sub(k.c(low), signed_rest)))
    return k.select(outer, far, inner)
