"""How far two results of one program may differ: one table, per dtype and class of operations.

Integers, bools and shapes must agree exactly. Floats may differ by fused multiply-add, by the order
of a vectorized
reduction, and by the stated error of a math function. The table may only be tightened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.runtime.dtypes import SCALARS


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Relative and absolute bounds: `|a - b| <= atol + rtol * |b|`."""

    rtol: float
    atol: float


# dtype → class of operations → tolerance. "exact": additions and the like of exactly representable
# values;
# "arithmetic": + - * / and fused forms; "math": one transcendental function; "reduction": a sum of
# many terms.
TABLE: dict[str, dict[str, Tolerance]] = {
    "float64": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(1e-14, 1e-300),
        "math": Tolerance(4e-15, 1e-300),
        "reduction": Tolerance(1e-12, 1e-13),
    },
    "float32": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(1e-6, 1e-37),
        "math": Tolerance(1e-6, 1e-37),
        "reduction": Tolerance(1e-5, 1e-5),
    },
    "float16": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(2e-3, 1e-7),
        "math": Tolerance(2e-3, 1e-7),
        "reduction": Tolerance(1e-2, 1e-2),
    },
    "bfloat16": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(1.6e-2, 1e-38),
        "math": Tolerance(1.6e-2, 1e-38),
        "reduction": Tolerance(5e-2, 5e-2),
    },
    "float8_e4m3fn": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(0.13, 2e-3),
        "math": Tolerance(0.13, 2e-3),
        "reduction": Tolerance(0.25, 0.1),
    },
    "float8_e5m2": {
        "exact": Tolerance(0, 0),
        "arithmetic": Tolerance(0.26, 2e-5),
        "math": Tolerance(0.26, 2e-5),
        "reduction": Tolerance(0.5, 0.1),
    },
}

_NAMES = {row[2]: name for name, row in SCALARS.items()}


def tolerance_of(dtype: str, operations: str = "arithmetic") -> Tolerance:
    """The tolerance for results of `dtype`; integers and bools have none."""
    table = TABLE.get(dtype)
    return Tolerance(0, 0) if table is None else table[operations]


def assert_agree(
    actual: Any, expected: Any, operations: str = "arithmetic", what: str = ""
) -> None:
    """Raise an AssertionError unless two arrays agree within the table; NaN agrees with NaN."""
    a, b = np.asarray(actual), np.asarray(expected)
    assert a.shape == b.shape, f"{what}: shapes differ: {a.shape} and {b.shape}"
    assert a.dtype == b.dtype, f"{what}: dtypes differ: {a.dtype} and {b.dtype}"
    bound = tolerance_of(_NAMES.get(b.dtype, str(b.dtype)), operations)
    if b.dtype.kind in "iub" and b.dtype.name not in TABLE:
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    np.testing.assert_allclose(
        wide_a, wide_b, rtol=bound.rtol, atol=bound.atol, equal_nan=True, err_msg=what
    )


def assert_allclose(actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 1e-7) -> None:
    """Raise an AssertionError unless two arrays (or tensors) have one shape and agree within
    bounds.
    """
    a, b = _array(actual), _array(desired)
    assert a.shape == b.shape, f"shapes differ: {a.shape} and {b.shape}"
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, verbose=True)


def _array(value: Any) -> np.ndarray[Any, Any]:
    numpy = getattr(value, "numpy", None)
    return np.asanyarray(numpy() if callable(numpy) else value)
