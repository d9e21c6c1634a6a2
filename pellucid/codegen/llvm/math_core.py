"""What the families of math functions share: the table of functions and a kit to write them with.

A function is written once for float32 and float64, for any number of lanes, as straight-line code
over a `Kit`. All special values (NaN, infinities, signed zeros, denormals) come out of the same
code by selects. Nothing here relies on a fused multiply-add being there: `Kit.fma` rounds twice on
targets without it, and what needs exact products uses `Kit.product`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pellucid.codegen.llvm.text import Function
from pellucid.codegen.llvm.types import vector
from pellucid.codegen.llvm.value import Value

Body = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class MathFunction:
    """A function of the table: its name, how many operands, and how it is made.

    `wide` says that float32 computes in float64. `body(kit, *operands)` emits it. `operands` are
    "x" (a float like the result) or "i" (an int32); `result` is "x" or "bool".
    """

    name: str
    operands: tuple[str, ...]
    result: str
    wide: bool
    body: Body


FUNCTIONS: dict[str, MathFunction] = {}


def math_function(
    name: str, operands: str = "x", *, result: str = "x", wide: bool = False
) -> Callable[[Body], Body]:
    """Enter the decorated body into the table; `operands` are its kinds, such as "xx"."""

    def enter(body: Body) -> Body:
        FUNCTIONS[name] = MathFunction(name, tuple(operands), result, wide, body)
        return body

    return enter


class Kit:
    """The tools of one function body: constants, bits and exact steps in one format.

    `dtype` is "float32" or "float64"; `type` and `word` are its LLVM types as float and as
    integer of the same size, with `lanes` lanes.
    """

    def __init__(self, f: Function, dtype: str, lanes: int) -> None:
        self.f = f
        self.dtype = dtype
        self.lanes = lanes
        double = dtype == "float64"
        self.double = double
        self.bits_size = 64 if double else 32
        self.mantissa = 52 if double else 23
        self.bias = 1023 if double else 127
        self.type = vector("double" if double else "float", lanes)
        self.word = vector("i64" if double else "i32", lanes)
        self.mask = vector("i1", lanes)
        self.target = f.module.target

    # Constants and bits

    def c(self, value: float) -> Value:
        """A constant."""
        return self.f.fconst(self.type, value)

    def i(self, value: int) -> Value:
        """An integer constant of the format's size."""
        return self.f.iconst(self.word, value)

    def bits(self, x: Value) -> Value:
        """The bits of `x` as an integer."""
        return self.f.cast("bitcast", x, self.word)

    def from_bits(self, n: Value) -> Value:
        """The float with the bits `n`."""
        return self.f.cast("bitcast", n, self.type)

    def sign_bit(self) -> Value:
        """The integer whose only bit is the sign of a float."""
        return self.i(1 << (self.bits_size - 1))

    def xor_sign(self, x: Value, sign: Value) -> Value:
        """`x`, turned over where the integer `sign` has the sign bit."""
        return self.from_bits(self.f.lxor(self.bits(x), sign))

    # Arithmetic

    def add(self, a: Value, b: Value) -> Value:
        """Sum."""
        return self.f.fadd(a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """Difference."""
        return self.f.fsub(a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """Product."""
        return self.f.fmul(a, b)

    def div(self, a: Value, b: Value) -> Value:
        """Quotient."""
        return self.f.fdiv(a, b)

    def neg(self, a: Value) -> Value:
        """The other sign."""
        return self.f.fneg(a)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """`a * b + c`, with one rounding where the target can."""
        return self.f.fma(a, b, c)

    def abs(self, x: Value) -> Value:
        """Magnitude."""
        return self.f.intrinsic("llvm.fabs", self.type, [x])

    def copysign(self, x: Value, sign: Value) -> Value:
        """`x` with the sign of `sign`."""
        return self.f.intrinsic("llvm.copysign", self.type, [x, sign])

    def sqrt(self, x: Value) -> Value:
        """Square root, correctly rounded: one instruction everywhere."""
        return self.f.intrinsic("llvm.sqrt", self.type, [x])

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """The polynomial with `coefficients` (lowest power first) at `x`, by Horner's rule."""
        result = self.c(coefficients[-1])
        for each in reversed(coefficients[:-1]):
            result = self.fma(result, x, self.c(each))
        return result

    def sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a + b as rounded sum and exact error (Knuth 1969)."""
        s = self.add(a, b)
        back = self.sub(s, a)
        return s, self.add(self.sub(a, self.sub(s, back)), self.sub(b, back))

    def quick_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """The same where |a| ≥ |b| or a is 0 (Dekker 1971)."""
        s = self.add(a, b)
        return s, self.sub(b, self.sub(s, a))

    def product(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a · b as rounded product and exact error; operands far from overflow (Dekker 1971)."""
        p = self.mul(a, b)
        if self.target.has_fma:
            return p, self.fma(a, b, self.neg(p))
        (a1, a2), (b1, b2) = self._halves(a), self._halves(b)
        error = self.sub(self.mul(a1, b1), p)
        error = self.add(self.add(error, self.mul(a1, b2)), self.mul(a2, b1))
        return p, self.add(error, self.mul(a2, b2))

    def _halves(self, a: Value) -> tuple[Value, Value]:
        scaled = self.mul(a, self.c(2.0 ** (27 if self.double else 12) + 1))
        high = self.sub(scaled, self.sub(scaled, a))
        return high, self.sub(a, high)

    def divide(
        self, over: tuple[Value, Value | None], under: tuple[Value, Value | None], inverse: Value
    ) -> Value:
        """The quotient of two pairs (or numbers), with about one rounding.

        `inverse` is 1 / under[0] as rounded.
        """
        quotient = self.mul(over[0], inverse)
        p, low = self.product(quotient, under[0])
        rest = self.sub(self.sub(over[0], p), low)
        if over[1] is not None:
            rest = self.add(rest, over[1])
        if under[1] is not None:
            rest = self.fma(self.neg(quotient), under[1], rest)
        return self.fma(rest, inverse, quotient)

    # Choice

    def compare(self, predicate: str, a: Value, b: Value | float) -> Value:
        """Comparison with a value or a constant."""
        return self.f.fcmp(predicate, a, b if isinstance(b, Value) else self.c(b))

    def select(self, condition: Value, a: Value | float, b: Value | float) -> Value:
        """`a` where `condition` holds, else `b`."""
        first = a if isinstance(a, Value) else self.c(a)
        second = b if isinstance(b, Value) else self.c(b)
        return self.f.select(condition, first, second)

    def at_most(self, x: Value, high: float) -> Value:
        """The lesser of `x` and the constant; NaN stays NaN."""
        return self.select(self.compare("ogt", x, high), high, x)

    def at_least(self, x: Value, low: float) -> Value:
        """The greater of `x` and the constant; NaN stays NaN."""
        return self.select(self.compare("olt", x, low), low, x)

    def clamp(self, x: Value, low: float, high: float) -> Value:
        """`x` cut to [low, high]; NaN stays NaN."""
        return self.at_least(self.at_most(x, high), low)

    # Exponents

    def magic(self) -> Value:
        """1.5 · 2^mantissa: added to a small number, it leaves it rounded to even in low bits."""
        return self.c(1.5 * 2.0**self.mantissa)

    def nearest(self, x: Value, factor: float = 1.0) -> tuple[Value, Value]:
        """`factor · x` rounded to an integer of less than `mantissa` - 1 bits.

        Gives it as a float, and as an integer in the low bits of a word whose high bits are those
        of `magic`. NaN gives NaN and any integer.
        """
        shifted = (
            self.add(x, self.magic())
            if factor == 1.0
            else self.fma(x, self.c(factor), self.magic())
        )
        return self.sub(shifted, self.magic()), self.bits(shifted)

    def small_float(self, n: Value) -> Value:
        """The integer `n` of few bits as a float."""
        return self.sub(self.from_bits(self.f.add(n, self.bits(self.magic()))), self.magic())

    def power_of_two(self, n: Value) -> Value:
        """2^n for an integer `n` (in low bits) whose result is a normal number."""
        biased = self.f.add(n, self.i(self.bias))
        return self.from_bits(self.f.binary("shl", biased, self.i(self.mantissa)))

    def scale(self, x: Value, n: Value, word: Value) -> Value:
        """x · 2^n with one rounding, for x of about 1 and `n`, `word` as `nearest` gives them.

        |n| may go beyond the exponents of the format, up to twice their number.
        """
        pieces = self._native_scale(x, n)
        if pieces is not None:
            return pieces
        whole = self.f.sub(word, self.bits(self.magic()))
        half = self.f.binary("ashr", whole, self.i(1))
        first = self.mul(x, self.power_of_two(half))
        return self.mul(first, self.power_of_two(self.f.sub(whole, half)))

    def _native_scale(self, x: Value, n: Value) -> Value | None:
        size = self.bits_size // 8
        total = size * self.lanes
        if self.target.isa != "avx512" or (total not in (16, 32) and total % 64):
            return None
        if total <= 64:
            return self._scalef(x, n, self.lanes)
        count = 64 // size
        parts: list[Value] = []
        for start in range(0, self.lanes, count):
            order = range(start, start + count)
            parts.append(
                self._scalef(self.f.shuffle(x, None, order), self.f.shuffle(n, None, order), count)
            )
        return self.f.concat(parts)

    def _scalef(self, x: Value, n: Value, count: int) -> Value:
        width = count * self.bits_size
        mask = self.f.iconst("i16" if count == 16 else "i8", -1)
        operands = [x, n, x, mask]
        if width == 512:
            operands.append(self.f.iconst("i32", 4))  # rounding as the processor is set
        name = f"llvm.x86.avx512.mask.scalef.p{'d' if self.double else 's'}.{width}"
        return self.f.intrinsic(name, x.type, operands, ())

    # The other format

    def widened(self) -> Kit:
        """The kit of float64 with the same lanes, in the same function."""
        return Kit(self.f, "float64", self.lanes)

    def widen(self, x: Value) -> Value:
        """A float32 as float64."""
        return self.f.cast("fpext", x, vector("double", self.lanes))

    def narrow(self, x: Value) -> Value:
        """A float64 rounded to float32."""
        return self.f.cast("fptrunc", x, vector("float", self.lanes))
