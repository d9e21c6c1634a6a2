"""The bound on the error of each math function, in units in the last place (ulp) of its result.

The bounds are for every operand, denormals and the largest numbers included, for every number of
lanes, and on targets with and without fused multiply-add. They were measured, not proved: against
results of at least 11 more bits, over millions of operands each (thousands for erf of float64,
whose reference is slow), with some room above the largest error seen. `tests/codegen/test_math.py`
measures again and fails above them. Correct rounding is 0.5; 0 is exact.
"""

from __future__ import annotations

# name: float32, float64. 0.51 where float32 computes in float64.
_BOUNDS: dict[str, tuple[float, float]] = {
    "exp": (1.0, 1.0),
    "exp2": (1.15, 1.2),
    "exp10": (1.35, 1.45),
    "expm1": (1.55, 2.0),
    "sigmoid": (1.5, 1.45),
    "tanh": (1.4, 1.4),
    "sinh": (0.51, 1.75),
    "cosh": (0.51, 1.45),
    "log": (0.95, 0.9),
    "log2": (1.25, 0.9),
    "log10": (1.05, 0.8),
    "log1p": (0.95, 0.9),
    "asinh": (0.51, 1.8),
    "acosh": (0.51, 2.0),
    "atanh": (0.51, 1.7),
    "sin": (1.6, 0.85),
    "cos": (1.6, 0.85),
    "tan": (0.51, 1.15),
    "asin": (0.51, 1.7),
    "acos": (0.51, 1.25),
    "atan": (0.51, 1.05),
    "atan2": (0.51, 1.6),
    "erf": (1.9, 1.4),
    "pow": (0.51, 1.35),
    "sqrt": (0.5, 0.5),
    "rsqrt": (0.51, 1.5),
    "hypot": (0.51, 1.25),
    "ldexp": (0.5, 0.5),
    "fmod": (0.0, 0.0),
    "fabs": (0.0, 0.0),
    "copysign": (0.0, 0.0),
    "floor": (0.0, 0.0),
    "ceil": (0.0, 0.0),
    "trunc": (0.0, 0.0),
    "round": (0.0, 0.0),
    "nearbyint": (0.0, 0.0),
}


def _table() -> dict[tuple[str, str], float]:
    result: dict[tuple[str, str], float] = {}
    for name, (single, double) in _BOUNDS.items():
        result[name, "float32"] = single
        result[name, "float64"] = double
        # One more rounding, of a float32 that is right to within a few thousandths of their ulp.
        for small in ("float16", "bfloat16"):
            result[name, small] = 0.0 if single == 0.0 else 0.51
    return result


MATH_ULP: dict[tuple[str, str], float] = _table()
"""(name, dtype without lanes) → the largest error in ulp."""
