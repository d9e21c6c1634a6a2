"""Write `pellucid/codegen/llvm/math_coefficients.py`: polynomials for the math functions.

Comes in: the table `FITS` below (what each polynomial stands for, where, and with which weight).
Goes out: the file, or with `--check` exit status 1 when it would change. Each polynomial minimises
the largest weighted error (Remez's exchange algorithm in 60-digit arithmetic, E. Y. Remez 1934),
and its coefficients are rounded to the format. The leading terms of a function are not part of its
polynomial, so that the rounding does not matter.

Needs mpmath, which torch brings along.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

OUTPUT = Path(__file__).parent.parent / "pellucid" / "codegen" / "llvm" / "math_coefficients.py"
mp.dps = 60

Real = Callable[[mpf], mpf]
LN2 = mp.log(2)


@dataclass(frozen=True)
class Fit:
    """`target(t)` by a polynomial in t on [low, high]; `weight(t)` times the error is minimised.

    `degrees` gives the degree for each format, "float32" or "float64", that has one.
    """

    name: str
    meaning: str
    target: Real
    weight: Real
    low: mpf
    high: mpf
    degrees: dict[str, int]


def solve(target: Real, weight: Real, low: mpf, high: mpf, degree: int) -> tuple[list[mpf], mpf]:
    """The best polynomial of `degree` and its largest weighted error."""
    size = 24 * (degree + 2)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = [middle - half * mp.cos(mp.pi * (i + mpf(1) / 2) / size) for i in range(size)]
    values = [target(t) for t in grid]
    weights = [weight(t) for t in grid]
    nodes = [round(i * (size - 1) / (degree + 1)) for i in range(degree + 2)]
    coefficients: list[mpf] = []
    worst = mpf(0)
    for _ in range(40):
        rows = mp.matrix(degree + 2, degree + 2)
        right = mp.matrix(degree + 2, 1)
        for i, node in enumerate(nodes):
            power = mpf(1)
            for k in range(degree + 1):
                rows[i, k] = power
                power *= grid[node]
            rows[i, degree + 1] = (-1) ** i / weights[node]
            right[i] = values[node]
        solution = mp.lu_solve(rows, right)
        coefficients = [solution[k] for k in range(degree + 1)]
        errors = [
            (mpmath.polyval(coefficients[::-1], t) - v) * w
            for t, v, w in zip(grid, values, weights, strict=True)
        ]
        worst = max(abs(e) for e in errors)
        if worst <= abs(solution[degree + 1]) * mpf("1.02"):
            break
        nodes = exchange(errors, degree + 2)
    return coefficients, worst


def exchange(errors: list[mpf], count: int) -> list[int]:
    """`count` grid points of alternating sign with the largest errors."""
    runs: list[int] = []
    for i, error in enumerate(errors):
        if runs and (error > 0) == (errors[runs[-1]] > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        if len(runs) == count + 1:
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
            continue
        weakest = min(
            range(len(runs) - 1), key=lambda i: min(abs(errors[runs[i]]), abs(errors[runs[i + 1]]))
        )
        del runs[weakest : weakest + 2]
    return runs


def rounded(value: mpf, dtype: str) -> float:
    """The nearest value of the format."""
    return float(np.float32(float(value))) if dtype == "float32" else float(value)


def fit(each: Fit, dtype: str) -> tuple[list[float], mpf]:
    """Rounded coefficients, lowest power first, and the largest weighted error with them."""
    found, _ = solve(each.target, each.weight, each.low, each.high, each.degrees[dtype])
    coefficients = [rounded(value, dtype) for value in found]
    size = 997
    worst = mpf(0)
    for i in range(size + 1):
        t = each.low + (each.high - each.low) * (i + mpf("0.37")) / (size + 1)
        value = mpmath.polyval([mpf(c) for c in coefficients[::-1]], t)
        worst = max(worst, abs(value - each.target(t)) * each.weight(t))
    return coefficients, worst


def half_log(s: mpf) -> mpf:
    """log((1 + s) / (1 - s))."""
    return mp.log1p(s) - mp.log1p(-s)


def root(z: mpf) -> mpf:
    """The square root, of the argument of a function that is even or odd in it."""
    return mp.sqrt(z)


R = LN2 / 2 * mpf("1.0005")
F_LOW, F_HIGH = mp.sqrt(mpf(1) / 2) * mpf("0.9999") - 1, mp.sqrt(2) * mpf("1.0001") - 1
S2 = (F_HIGH / (2 + F_HIGH)) ** 2
Q2 = (mp.pi / 4 * mpf("1.0005")) ** 2
T10 = mp.log10(2) / 2 * mpf("1.0005")
ZERO = mpf("1e-12")


def log_erfc(x: mpf) -> mpf:
    """log(erfc(x))."""
    return mp.log(mp.erfc(x))


FITS = [
    Fit("EXP", "(exp(r) - 1 - r) / r^2", lambda r: (mp.expm1(r) - r) / r**2, lambda r: abs(r),
        -R, R, {"float32": 5, "float64": 10}),
    Fit("EXP2", "(2^r - 1) / r", lambda r: mp.expm1(r * LN2) / r, lambda r: abs(r),
        mpf("-0.5005"), mpf("0.5005"), {"float32": 6, "float64": 12}),
    Fit("EXP10", "(10^r - 1) / r", lambda r: mp.expm1(r * mp.log(10)) / r, lambda r: abs(r),
        -T10, T10, {"float32": 6, "float64": 12}),
    Fit("LOG", "(log(1 + f) - f + f^2/2) / f^3", lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
        lambda f: f * f, F_LOW, F_HIGH, {"float32": 7}),
    Fit("LOG_S", "(log((1 + s) / (1 - s)) - 2 s) / s^3 in z = s^2",
        lambda z: (half_log(root(z)) - 2 * root(z)) / root(z) ** 3, lambda z: z,
        ZERO, S2, {"float64": 7}),
    Fit("LOG_TAIL", "(log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 in z = s^2",
        lambda z: (half_log(root(z)) - 2 * root(z) - 2 * root(z) ** 3 / 3) / root(z) ** 5,
        lambda z: z * z, ZERO, S2, {"float64": 8}),
    Fit("LOG2", "(log2(1 + f) / f - 1 / log(2)) / f",
        lambda f: (mp.log1p(f) / f - 1) / LN2 / f, lambda f: abs(f),
        F_LOW, F_HIGH, {"float32": 8}),
    Fit("LOG10", "(log10(1 + f) / f - 1 / log(10)) / f",
        lambda f: (mp.log1p(f) / f - 1) / mp.log(10) / f, lambda f: abs(f),
        F_LOW, F_HIGH, {"float32": 8}),
    Fit("SIN", "(sin(r) - r) / r^3 in z = r^2",
        lambda z: (mp.sin(root(z)) - root(z)) / root(z) ** 3, lambda z: z,
        ZERO, Q2, {"float32": 3, "float64": 6}),
    Fit("COS", "(cos(r) - 1 + r^2/2) / r^4 in z = r^2",
        lambda z: (mp.cos(root(z)) - 1 + z / 2) / z**2, lambda z: z * z,
        ZERO, Q2, {"float32": 2, "float64": 6}),
    Fit("ERF", "erf(x) / x - 1 in z = x^2", lambda z: mp.erf(root(z)) / root(z) - 1,
        lambda z: mpf(1), ZERO, mpf("1.267"), {"float32": 6, "float64": 14}),
    Fit("ERFC", "log(erfc(x)) in u = x - 2", lambda u: log_erfc(u + 2),
        lambda u: mp.erfc(u + 2) / mp.erf(u + 2), mpf("-0.876"), mpf("1.95"), {"float32": 7}),
    Fit("ERFC_NEAR", "log(erfc(x)) in u = x - 1.75", lambda u: log_erfc(u + mpf("1.75")),
        lambda u: mp.erfc(u + mpf("1.75")), mpf("-0.6255"), mpf("0.6255"), {"float64": 14}),
    Fit("ERFC_FAR", "log(erfc(x)) in u = x - 4.1875", lambda u: log_erfc(u + mpf("4.1875")),
        lambda u: mp.erfc(u + mpf("4.1875")), mpf("-1.8135"), mpf("1.8135"), {"float64": 13}),
    Fit("ATAN", "(atan(x) - x) / x^3 in z = x^2",
        lambda z: (mp.atan(root(z)) - root(z)) / root(z) ** 3, lambda z: z,
        ZERO, mpf("0.392"), {"float64": 16}),
    Fit("ASIN", "(asin(x) - x) / x^3 in z = x^2",
        lambda z: (mp.asin(root(z)) - root(z)) / root(z) ** 3, lambda z: z,
        ZERO, mpf("0.2501"), {"float64": 13}),
    Fit("SINH", "(sinh(x) - x) / x^3 in z = x^2",
        lambda z: (mp.sinh(root(z)) - root(z)) / root(z) ** 3, lambda z: z,
        ZERO, mpf("1.001"), {"float64": 7}),
    Fit("TANH", "(tanh(x) - x) / x^3 in z = x^2",
        lambda z: (mp.tanh(root(z)) - root(z)) / root(z) ** 3, lambda z: z,
        ZERO, mpf("0.391"), {"float32": 4, "float64": 11}),
    Fit("POW_LOG2", "log2((1 + s) / (1 - s)) / s in z = s^2, for pow of float32",
        lambda z: half_log(root(z)) / LN2 / root(z), lambda z: mpf(1),
        ZERO, S2, {"float64": 5}),
    Fit("POW_EXP2", "2^r, for pow of float32", lambda r: mpf(2) ** r, lambda r: mpf(1),
        mpf("-0.5005"), mpf("0.5005"), {"float64": 7}),
]  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """A constant as a sum of numbers of `bits` significant bits each, largest first."""

    name: str
    meaning: str
    value: mpf
    bits: dict[str, tuple[int, ...]]

    def split(self, dtype: str) -> list[float]:
        """The numbers."""
        rest, found = self.value, []
        for bits in self.bits[dtype]:
            scale = mpf(2) ** (bits - 1 - mp.floor(mp.log(abs(rest), 2)))
            exact = mp.nint(rest * scale) / scale
            found.append(rounded(exact, dtype))
            rest -= mpf(found[-1])
        return found


PARTS = [
    Parts("LN2", "log(2); the first part times an exponent is exact", LN2,
          {"float32": (15, 24), "float64": (41, 53)}),
    Parts("LOG10_2", "log10(2); the first part times an exponent is exact", mp.log10(2),
          {"float32": (15, 24), "float64": (41, 53)}),
    Parts("LOG2_E", "1 / log(2)", 1 / LN2, {"float32": (24, 24), "float64": (21, 53)}),
    Parts("LOG10_E", "1 / log(10)", 1 / mp.log(10), {"float32": (24, 24), "float64": (21, 53)}),
    Parts("LOG2_E_PAIR", "1 / log(2) in twice the precision", 1 / LN2, {"float64": (53, 53)}),
    Parts("HALF_PI", "pi / 2 for reductions by up to 2^20 of it", mp.pi / 2,
          {"float32": (24, 24, 24), "float64": (33, 33, 53)}),
    Parts("HALF_PI_PAIR", "pi / 2 in twice the precision", mp.pi / 2, {"float64": (53, 53)}),
    Parts("TWO_THIRDS", "2 / 3 in twice the precision", mpf(2) / 3, {"float64": (53, 53)}),
]  # fmt: skip

TWO_OVER_PI_BITS = 1344 - 64


def text() -> str:
    """The whole file."""
    out = [
        '"""Polynomial coefficients of the math functions (written by `tools/fit_math.py`).',
        "",
        "Lowest power first, exact in their format. `NAME[dtype]`; the comment says what the",
        "polynomial stands for and its largest weighted error.",
        '"""',
        "",
        "from __future__ import annotations",
    ]
    for each in FITS:
        out += ["", f"# {each.meaning}", f"{each.name}: dict[str, tuple[float, ...]] = {{"]
        for dtype in each.degrees:
            coefficients, worst = fit(each, dtype)
            bits = mpmath.nstr(mp.log(worst, 2), 4)
            out += [f"    # largest error 2^{bits}", f'    "{dtype}": (']
            out += [f"        {value!r}," for value in coefficients]
            out += ["    ),"]
            print(each.name, dtype, each.degrees[dtype], "error 2^" + bits, flush=True)
        out.append("}")
    for part in PARTS:
        out += ["", f"# {part.meaning}", f"{part.name}: dict[str, tuple[float, ...]] = {{"]
        for dtype in part.bits:
            out.append(f'    "{dtype}": ({", ".join(map(repr, part.split(dtype)))}),')
        out.append("}")
    mp.prec = TWO_OVER_PI_BITS + 64
    digits = int(mp.floor(2 / mp.pi * mpf(2) ** TWO_OVER_PI_BITS))
    words = [(digits >> (TWO_OVER_PI_BITS - 64 * (i + 1))) & (2**64 - 1)
             for i in range(TWO_OVER_PI_BITS // 64)]  # fmt: skip
    out += ["", "# The bits of 2 / pi behind the binary point, 64 a word"]
    out += ["TWO_OVER_PI: tuple[int, ...] = ("]
    out += [f"    0x{word:016X}," for word in words]
    out += [")"]
    return "\n".join(out) + "\n"


def main() -> int:
    """Write or check the file."""
    new = text()
    if "--check" in sys.argv:
        return int(OUTPUT.read_text() != new)
    OUTPUT.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
