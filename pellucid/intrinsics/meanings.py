"""What the instructions of the shipped intrinsics compute, for the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.interp import register_meaning

Array = np.ndarray[Any, Any]


def _flushed(values: Array) -> Array:
    """Denormal numbers of float32 as zero of their sign."""
    small = np.abs(values) < np.finfo(np.float32).tiny
    return np.where(small, np.copysign(0.0, values), values)


def _pairs(sums: Array, a: Array, b: Array) -> Array:
    """Two products a lane: each is added in float32 with one rounding, the odd one first; denormal
    numbers, on the way in and out, are zero.
    """
    x, y = (each.astype(np.float64).reshape(-1, 2) for each in (a, b))
    x, y, total = (_flushed(each) for each in (x, y, sums.astype(np.float64)))
    for part in (1, 0):
        total = (total + x[:, part] * y[:, part]).astype(np.float32).astype(np.float64)
        total = _flushed(total)
    return total.astype(np.float32)


def _fours(sums: Array, a: Array, b: Array) -> Array:
    """Four exact products a lane; the sum wraps around."""
    products = a.astype(np.int64) * b.astype(np.int64)
    total = sums.astype(np.int64) + products.reshape(len(sums), -1).sum(axis=1)
    return total.astype(sums.dtype)


for _bits in (256, 512):
    register_meaning(f"llvm.x86.avx512bf16.dpbf16ps.{_bits}")(_pairs)
    register_meaning(f"llvm.x86.avx512.vpdpbusd.{_bits}")(_fours)
for _name in ("sdot", "udot"):
    register_meaning(f"llvm.aarch64.neon.{_name}.v4i32.v16i8")(_fours)
