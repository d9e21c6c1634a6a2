"""Conversions between all dtypes, for scalars and vectors, and between registers and memory.

Comes in: a value in registers (see `types`) and two dtypes with the same lanes. Goes out: the
converted value. What the conversions mean:

- int → int keeps the low bits (two's complement); a signed source is extended by its sign.
- int → float rounds to nearest even. To the small floats it goes by way of float32, as NumPy and
  ml_dtypes do.
- float → int cuts the fraction off. What C leaves undefined is defined here: out of range gives the
  nearest value of the integer type, NaN gives 0.
- float → float rounds to nearest even; float64 → float16 rounds once, float64 → bfloat16 and fp8
  round to float32 first, as ml_dtypes does. Beyond the largest value: infinity; `float8_e4m3fn`,
  which has none, gives NaN. A NaN stays a NaN with its sign.
- anything → bool asks whether it is not zero; NaN is not. bool → number gives 0 or 1.

No conversion calls a run-time library on any target.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.codegen.llvm.text import Function
from pellucid.codegen.llvm.types import SCALARS, Scalar, lanes, register_type, split, vector
from pellucid.codegen.llvm.value import Value
from pellucid.support.errors import InternalError


@dataclass(frozen=True, slots=True)
class SmallFormat:
    """A small float: `mantissa` bits stored, exponent `bias`, and its special codes (without sign).

    `overflow` is what lies beyond the largest finite code `largest`; codes above `overflow` are
    NaN, of which `nan` is the one that conversions give.
    """

    mantissa: int
    bias: int
    largest: int
    overflow: int
    nan: int


FORMATS: dict[str, SmallFormat] = {
    "float16": SmallFormat(10, 15, 0x7BFF, 0x7C00, 0x7E00),
    "bfloat16": SmallFormat(7, 127, 0x7F7F, 0x7F80, 0x7FC0),
    "float8_e4m3fn": SmallFormat(3, 7, 0x7E, 0x7F, 0x7F),
    "float8_e5m2": SmallFormat(2, 15, 0x7B, 0x7C, 0x7E),
}


def convert(f: Function, value: Value, source: str, dtype: str) -> Value:
    """`value` of dtype `source` as `dtype`; both have the same number of lanes."""
    a, count = split(source)
    b, other = split(dtype)
    if count != other or value.type != register_type(source):
        raise InternalError(f"Cannot convert {value!r} from {source} to {dtype}.")
    if a is b:
        return value
    if "handle" in (a.kind, b.kind):
        return _handle(f, value, a, b, count)
    if b.kind == "bool":
        return _to_bool(f, value, a)
    if a.kind == "small":
        return _from_small(f, value, a, b, count)
    if b.kind == "small":
        return _to_small(f, value, a, b, count)
    return _native(f, value, a, b, vector(b.register, count))


def _handle(f: Function, value: Value, a: Scalar, b: Scalar, count: int) -> Value:
    if b.kind == "handle" and a.kind in ("int", "uint") and a.bits == 64:
        return f.cast("inttoptr", value, vector("ptr", count))
    if a.kind == "handle" and b.kind in ("int", "uint") and b.bits == 64:
        return f.cast("ptrtoint", value, vector("i64", count))
    raise InternalError(f"There is no conversion from {a.name} to {b.name}.")


def _to_bool(f: Function, value: Value, a: Scalar) -> Value:
    if a.kind == "float":
        return f.fcmp("une", value, f.fconst(value.type, 0.0))
    if a.kind == "small":
        value = f.land(value, f.iconst(value.type, (1 << (a.bits - 1)) - 1))
    return f.icmp("ne", value, 0)


def _native(f: Function, value: Value, a: Scalar, b: Scalar, type_: str) -> Value:
    """Between integers, bool (as a source), float32 and float64."""
    if a.kind == "float":
        if b.kind == "float":
            return f.cast("fptrunc" if b.bits < a.bits else "fpext", value, type_)
        name = "llvm.fptosi.sat" if b.kind == "int" else "llvm.fptoui.sat"
        return f.intrinsic(name, type_, [value], (type_, value.type))
    signed = a.kind == "int"
    if b.kind == "float":
        return f.cast("sitofp" if signed else "uitofp", value, type_)
    if b.bits <= a.bits:
        return f.cast("trunc", value, type_)
    return f.cast("sext" if signed else "zext", value, type_)


# Small floats


def _from_small(f: Function, value: Value, a: Scalar, b: Scalar, count: int) -> Value:
    wide = small_to_float(f, value, a.name)
    if b.name == "float32":
        return wide
    if b.kind == "small":
        return float_to_small(f, wide, b.name)
    return _native(f, wide, SCALARS["float32"], b, vector(b.register, count))


def _to_small(f: Function, value: Value, a: Scalar, b: Scalar, count: int) -> Value:
    if a.name == "float64":
        narrow = f.cast("fptrunc", value, vector("float", count))
        if b.name == "float16":
            narrow = _round_to_odd(f, value, narrow)
        return float_to_small(f, narrow, b.name)
    if a.name != "float32":
        value = _native(f, value, a, SCALARS["float32"], vector("float", count))
    return float_to_small(f, value, b.name)


def _round_to_odd(f: Function, exact: Value, rounded: Value) -> Value:
    """float64 `exact` as a float32 that a second rounding to fewer bits rounds as `exact`.

    Where `rounded` is not exact, the value next to it whose last bit is 1 is on the same side of
    every tie of a shorter format as `exact`.
    """
    count = lanes(exact.type)
    back = f.cast("fpext", rounded, exact.type)
    bits = f.cast("bitcast", rounded, vector("i32", count))
    magnitude = [f.intrinsic("llvm.fabs", exact.type, [each]) for each in (back, exact)]
    larger = f.fcmp("ogt", magnitude[0], magnitude[1])
    toward_zero = f.sub(bits, f.cast("zext", larger, bits.type))
    odd = f.lor(toward_zero, f.iconst(bits.type, 1))
    inexact = f.fcmp("one", back, exact)
    return f.cast("bitcast", f.select(inexact, odd, bits), rounded.type)


def _native_half(f: Function) -> bool:
    target = f.module.target
    return target.arch == "aarch64" or target.has("f16c")


def small_to_float(f: Function, value: Value, dtype: str) -> Value:
    """The bits of a small float as float32, exactly. `dtype` is without lanes."""
    count = lanes(value.type)
    word, wide = vector("i32", count), vector("float", count)
    if dtype == "bfloat16":
        bits = f.binary("shl", f.cast("zext", value, word), f.iconst(word, 16))
        return f.cast("bitcast", bits, wide)
    if dtype == "float16" and _native_half(f):
        half = f.cast("bitcast", value, vector("half", count))
        return f.cast("fpext", half, wide)
    if dtype == "float8_e5m2" and _native_half(f):
        # The upper byte of a float16 is an e5m2.
        short = vector("i16", count)
        bits = f.binary("shl", f.cast("zext", value, short), f.iconst(short, 8))
        return f.cast("fpext", f.cast("bitcast", bits, vector("half", count)), wide)
    return _expand(f, value, FORMATS[dtype])


def _expand(f: Function, value: Value, form: SmallFormat) -> Value:
    """By integers: put exponent and mantissa in place, then multiply the difference of biases in.

    The multiplication is exact and also normalises denormal codes.
    """
    count = lanes(value.type)
    word, wide = vector("i32", count), vector("float", count)
    width = int(value.type.split("i")[-1].rstrip(">"))
    code = f.cast("zext", value, word)
    magnitude = f.land(code, f.iconst(word, (1 << (width - 1)) - 1))
    shifted = f.binary("shl", magnitude, f.iconst(word, 23 - form.mantissa))
    scaled = f.fmul(f.cast("bitcast", shifted, wide), f.fconst(wide, 2.0 ** (127 - form.bias)))
    bits = f.cast("bitcast", scaled, word)
    infinity = f.iconst(word, 0x7F800000)
    nan = f.iconst(word, 0x7FC00000)
    if form.overflow == form.nan:
        special = f.select(f.icmp("eq", magnitude, form.nan), nan, bits)
    else:
        special = f.select(f.icmp("eq", magnitude, form.overflow), infinity, bits)
        special = f.select(f.icmp("ugt", magnitude, form.overflow), nan, special)
    moved = f.binary("shl", code, f.iconst(word, 32 - width))
    sign = f.land(moved, f.iconst(word, -(1 << 31)))
    return f.cast("bitcast", f.lor(special, sign), wide)


def float_to_small(f: Function, value: Value, dtype: str) -> Value:
    """float32 rounded to nearest even, as the bits of the small float `dtype` (without lanes)."""
    count = lanes(value.type)
    if dtype == "float16" and _native_half(f):
        half = f.cast("fptrunc", value, vector("half", count))
        return f.cast("bitcast", half, vector("i16", count))
    if dtype == "bfloat16":
        return _to_bfloat(f, value)
    return _shrink(f, value, FORMATS[dtype], SCALARS[dtype].bits)


def _to_bfloat(f: Function, value: Value) -> Value:
    # Not the processor's own conversion, which takes denormals for zero.
    word = vector("i32", lanes(value.type))
    bits = f.cast("bitcast", value, word)
    high = f.binary("lshr", bits, f.iconst(word, 16))
    odd = f.land(high, f.iconst(word, 1))
    rounded = f.add(f.add(bits, f.iconst(word, 0x7FFF)), odd)
    rounded = f.binary("lshr", rounded, f.iconst(word, 16))
    sign = f.land(high, f.iconst(word, 0x8000))
    nan = f.lor(sign, f.iconst(word, FORMATS["bfloat16"].nan))
    result = f.select(f.fcmp("uno", value, value), nan, rounded)
    return f.cast("trunc", result, vector("i16", lanes(value.type)))


def _shrink(f: Function, value: Value, form: SmallFormat, width: int) -> Value:
    """By integers: round normal values on their bits, denormal ones by adding a large number."""
    count = lanes(value.type)
    word = vector("i32", count)
    shift = 23 - form.mantissa
    bits = f.cast("bitcast", value, word)
    magnitude = f.land(bits, f.iconst(word, 0x7FFFFFFF))
    odd = f.land(f.binary("lshr", magnitude, f.iconst(word, shift)), f.iconst(word, 1))
    rounded = f.add(f.add(magnitude, f.iconst(word, (1 << (shift - 1)) - 1)), odd)
    normal = f.sub(
        f.binary("lshr", rounded, f.iconst(word, shift)),
        f.iconst(word, (127 - form.bias) << form.mantissa),
    )
    # The last place of this constant is the smallest denormal, so that the sum is rounded to it.
    anchor = f.fconst(value.type, 2.0 ** (23 - form.mantissa - form.bias + 1))
    absolute = f.cast("bitcast", magnitude, value.type)
    moved = f.cast("bitcast", f.fadd(absolute, anchor), word)
    denormal = f.sub(moved, f.cast("bitcast", anchor, word))
    smallest_normal = (127 - form.bias + 1) << 23
    code = f.select(f.icmp("ult", magnitude, smallest_normal), denormal, normal)
    too_big = f.icmp("sgt", code, form.largest)
    code = f.select(too_big, f.iconst(word, form.overflow), code)
    nan = f.iconst(word, form.nan)
    code = f.select(f.icmp("ugt", magnitude, 0x7F800000), nan, code)
    sign = f.land(
        f.binary("lshr", bits, f.iconst(word, 32 - width)), f.iconst(word, 1 << (width - 1))
    )
    return f.cast("trunc", f.lor(code, sign), vector(f"i{width}", count))


# Registers and memory


def to_memory(f: Function, value: Value, dtype: str) -> Value:
    """A value in registers as it is stored: bool becomes bytes of 0 and 1, others stay."""
    if split(dtype)[0].kind != "bool":
        return value
    return f.cast("zext", value, vector("i8", lanes(value.type)))


def from_memory(f: Function, value: Value, dtype: str) -> Value:
    """A value as it was loaded, for registers: a byte that is not 0 is a true bool."""
    if split(dtype)[0].kind != "bool":
        return value
    return f.icmp("ne", value, 0)


def is_float(dtype: str) -> bool:
    """Whether `dtype` is a float of any size."""
    return split(dtype)[0].kind in ("float", "small")


def compute_dtype(dtype: str) -> str:
    """The dtype in which arithmetic on `dtype` is done: float32 for small floats, else itself."""
    scalar, count = split(dtype)
    if scalar.kind != "small":
        return dtype
    return "float32" if count == 1 else f"float32x{count}"
