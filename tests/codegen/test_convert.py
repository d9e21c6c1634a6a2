"""Conversions between dtypes: exact agreement with NumPy and ml_dtypes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pellucid.codegen.llvm.compile import compile_module
from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.types import SCALARS, with_lanes
from pellucid.target import Target
from tests.codegen.harness import (
    ARM,
    BASELINE,
    HOST,
    Kernel,
    Library,
    foreign_calls,
    module_of,
    numpy_dtype,
    runnable,
)

NAMES = [name for name in SCALARS if name != "handle"]
FLOATS = [name for name in NAMES if "float" in name]
SMALL = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]


def kernels(lanes: int) -> list[Kernel]:
    found = []
    for source in NAMES:
        for dtype in NAMES:
            if source != dtype:
                wide = with_lanes(source, lanes), with_lanes(dtype, lanes)
                found.append(
                    Kernel(
                        f"{source}_to_{dtype}",
                        (source,),
                        dtype,
                        lanes,
                        lambda f, v, wide=wide: convert(f, v[0], *wide),
                    )
                )
    return found


@cache
def library(target: Target, lanes: int) -> Library:
    return Library(kernels(lanes), target)


def samples(dtype: str) -> np.ndarray:
    """Values of `dtype`: all of them where there are few, else a dense choice and the borders."""
    kind = numpy_dtype(dtype)
    rng = np.random.default_rng(7)
    if dtype == "bool":
        return np.array([False, True])
    if kind.itemsize <= 2:
        return np.arange(1 << (8 * kind.itemsize)).astype(f"uint{8 * kind.itemsize}").view(kind)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        small = np.arange(-300 if kind.kind == "i" else 0, 70000).astype(kind)
        wide = rng.integers(info.min, info.max, 20000, dtype=kind, endpoint=True)
        shifts = np.arange(8 * kind.itemsize)
        short = wide[: shifts.size] >> shifts.astype(kind)
        return np.concatenate([small, wide, short, np.array([info.min], kind)])
    bits = f"uint{8 * kind.itemsize}"
    anything = rng.integers(0, np.iinfo(bits).max, 50000, dtype=bits).view(kind)
    ties = []
    for name in SMALL:
        # Every value of the small formats, the middle between neighbours, and just beside it.
        value = np.sort(samples(name).astype(kind))
        value = value[np.isfinite(value)]
        middle = (value[1:] + value[:-1]) / 2
        ties += [value, middle, np.nextafter(middle, 0), np.nextafter(middle, kind.type(np.inf))]
    whole = rng.integers(-(2**33), 2**33, 20000).astype(kind)
    borders = [
        info for bits in (7, 8, 15, 16, 31, 32, 63, 64) for info in (-(2.0**bits), 2.0**bits)
    ]
    edge = np.array([*borders, 0.0, -0.0, np.inf, -np.inf, np.nan, 65519, 65520, 464, 464.5], kind)
    edges = [edge, np.nextafter(edge, 0), np.nextafter(edge, kind.type(np.inf))]
    return np.concatenate([anything, *ties, whole, *edges, np.array([-np.nan], kind)])


def expected(values: np.ndarray, dtype: str) -> np.ndarray:
    """What the specification says, in NumPy and ml_dtypes."""
    kind = numpy_dtype(dtype)
    is_float = values.dtype.kind not in "iub"
    if not is_float or kind.kind not in "iu":
        if dtype in SMALL and dtype != "float16" and values.dtype != np.float32:
            values = values.astype(np.float32)
        return values.astype(kind)
    exact = values.astype(np.float64)
    info = np.iinfo(kind)
    inside = (exact > float(info.min) - 1) & (exact < float(info.max) + 1)
    result = np.where(inside, np.trunc(exact), 0).astype(kind)
    result[exact >= float(info.max) + 1] = info.max
    result[exact <= float(info.min) - 1] = info.min
    return result


def same(got: np.ndarray, want: np.ndarray, source: np.ndarray) -> None:
    if got.dtype.kind in "iub":
        wrong = got != want
    else:
        bits = f"uint{8 * got.dtype.itemsize}"
        nan = np.isnan(want.astype(np.float64))
        wrong = np.where(nan, ~np.isnan(got.astype(np.float64)), got.view(bits) != want.view(bits))
        if source.dtype.kind not in "iub" or source.dtype == np.float16:
            sign = np.signbit(got.astype(np.float32)) != np.signbit(source.astype(np.float32))
            is_nan = np.isnan(source.astype(np.float32))
            wrong |= sign & is_nan & nan
    where = np.flatnonzero(wrong)[:5]
    assert where.size == 0, f"{source[where]} gave {got[where]}, not {want[where]}"


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("target", runnable(), ids=lambda t: t.isa)
@pytest.mark.parametrize("source", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_converts_like_numpy(source: str, target: Target, lanes: int) -> None:
    values = samples(source)
    if lanes == 1 or target != HOST:
        values = values[::3] if values.size > 70000 else values
    for dtype in NAMES:
        if dtype != source:
            got = library(target, lanes).run(f"{source}_to_{dtype}", values)
            same(got, expected(values, dtype), values)


@pytest.mark.parametrize("target", [HOST, BASELINE, ARM], ids=["host", "baseline", "arm"])
def test_no_conversion_calls_a_library(target: Target) -> None:
    compiled = compile_module(module_of(kernels(4), target).text(), target)
    assert foreign_calls(compiled.assembly) == []
