"""The math functions: error bounds, special values, no library calls; every target and width."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import ml_dtypes
import numpy as np
import pytest

from pellucid.codegen.llvm.compile import compile_module
from pellucid.codegen.llvm.math import (
    NAMES,
    call_math,
    emit_math,
    operand_dtypes,
    result_dtype,
)
from pellucid.codegen.llvm.math_core import FUNCTIONS
from pellucid.codegen.llvm.math_table import MATH_ULP
from pellucid.codegen.llvm.text import Module
from pellucid.codegen.llvm.types import with_lanes
from pellucid.support.errors import UnsupportedError
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
from tests.codegen.math_reference import LARGEST, REFERENCES, reference, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

BOUNDED = sorted({name for name, _ in MATH_ULP})
QUESTIONS = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite}
INF = float("inf")
NAN = float("nan")

# Where results are neither 0 nor infinite nor the operand itself: uniform samples are taken here.
RANGES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "exp": ((-105, 90), (-746, 711)),
    "exp2": ((-151, 129), (-1076, 1025)),
    "exp10": ((-46, 39), (-324, 309)),
    "expm1": ((-20, 90), (-40, 711)),
    "sigmoid": ((-105, 40), (-746, 40)),
    "tanh": ((-11, 11), (-21, 21)),
    "sinh": ((-91, 91), (-712, 712)),
    "cosh": ((-91, 91), (-712, 712)),
    "erf": ((-4.5, 4.5), (-6.5, 6.5)),
    "sin": ((-200, 200), (-200, 200)),
    "cos": ((-200, 200), (-200, 200)),
    "tan": ((-200, 200), (-200, 200)),
    "log": ((0.3, 3), (0.3, 3)),
    "log2": ((0.3, 3), (0.3, 3)),
    "log10": ((0.3, 3), (0.3, 3)),
    "acosh": ((1, 20), (1, 20)),
    "floor": ((-20, 20), (-20, 20)),
}
BORDERS = [
    *(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 0.49999997, 0.99999994, 1.0000001),
    *(1e-30, 1e-45, 1.1754944e-38, 2.2250738585072014e-308, 5e-324, 1e-8, 1e30, 3.4e38, 1.7e308),
    *(88.7, 88.73, 89.0, 103.9, 104.0, 709.78, 709.79, 745.1, 746.0, 127.0, 128.0, 1024.0),
    *(65536.0, 131072.0, 1048576.0, 4194304.5, 8388607.5, 8388608.0, 2.0**52, 2.0**53 + 2),
    *(INF, NAN),
]


def kernels(names: Sequence[str], dtype: str, lanes: int) -> list[Kernel]:
    wide = with_lanes(dtype, lanes)
    return [
        Kernel(
            f"k_{name}",
            tuple(operand_dtypes(name, dtype)),
            result_dtype(name, dtype),
            lanes,
            lambda f, values, name=name: call_math(f, name, wide, values),
        )
        for name in names
    ]


@cache
def library(target: Target, dtype: str, lanes: int) -> Library:
    return Library(kernels(list(FUNCTIONS), dtype, lanes), target)


def borders(dtype: str) -> np.ndarray:
    values = np.array(BORDERS, np.float64)
    return np.concatenate([values, -values]).astype(numpy_dtype(dtype))


def any_bits(count: int, dtype: str, rng: np.random.Generator) -> np.ndarray:
    kind = numpy_dtype(dtype)
    word = np.dtype(f"uint{8 * kind.itemsize}")
    return rng.integers(0, np.iinfo(word).max, count, dtype=word, endpoint=True).view(kind)


def operands(name: str, dtype: str, count: int) -> list[np.ndarray]:
    """Samples: all magnitudes, the interesting range, multiples of π/2, and border values."""
    rng = np.random.default_rng(list(name.encode()))
    kind = numpy_dtype(dtype)
    edge = borders(dtype)
    kinds = FUNCTIONS[name].operands
    if len(kinds) == 1:
        low, high = RANGES.get(name, ((-1.5, 1.5),) * 2)[dtype == "float64"]
        turns = np.pi / 2 * np.arange(-1000, 1000)
        parts = [rng.uniform(low, high, count), rng.uniform(-1.5, 1.5, count // 4), turns]
        return [
            np.concatenate([*(p.astype(kind) for p in parts), any_bits(count, dtype, rng), edge])
        ]
    x = np.concatenate([any_bits(count, dtype, rng), np.repeat(edge, edge.size)])
    if kinds[1] == "i":
        reach = 2200 if dtype == "float64" else 320
        n = rng.integers(-reach, reach, count)
        wild = np.array([0, 1, -1, 2**31 - 1, -(2**31), 127, 128, -126, -127, -149, -150])
        return [x, np.concatenate([n, np.resize(wild, x.size - count)]).astype(np.int32)]
    if name == "pow":
        # Exponents that give results of all magnitudes.
        log = np.log(np.abs(x[:count].astype(np.float64)))
        limit = np.log(LARGEST["float64" if dtype == "float64" else "float32"])
        y = rng.uniform(-1.06 * limit, 1.01 * limit, count) / log
        whole = np.where(rng.random(count) < 0.2, np.rint(y), y)
        return [x, np.concatenate([whole.astype(kind), np.tile(edge, edge.size)])]
    near = rng.uniform(-2, 2, count).astype(kind)
    return [
        np.concatenate([x, near]),
        np.concatenate([any_bits(count, dtype, rng), np.tile(edge, edge.size), near[::-1]]),
    ]


def check(name: str, dtype: str, target: Target, lanes: int, count: int) -> None:
    values = operands(name, dtype, count)
    got = library(target, dtype, lanes).run(f"k_{name}", *values)
    want = reference(name, dtype, *values)
    error = ulps(got, want, dtype)
    worst = int(np.argmax(error))
    place = [v[worst] for v in values]
    bound = MATH_ULP[name, dtype]
    assert error[worst] <= bound, f"{name}{place} = {got[worst]!r}, {error[worst]} ulp, not {bound}"
    zero = (want == 0) & (np.signbit(want) != np.signbit(got.astype(want.dtype)))
    assert not zero.any() or name == "erf", (
        f"{name}: sign of zero at {[v[zero][:3] for v in values]}"
    )


@pytest.mark.parametrize("name", BOUNDED)
def test_float32_stays_below_its_bound(name: str) -> None:
    check(name, "float32", HOST, 16, 40_000 if name == "fmod" else 500_000)


@pytest.mark.parametrize("name", BOUNDED)
def test_float64_stays_below_its_bound(name: str) -> None:
    slow = {"fmod": 20_000, "erf": 1500}
    check(name, "float64", HOST, 8, slow.get(name, 100_000))


@pytest.mark.parametrize("lanes", [1, 4, 8, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", runnable(), ids=lambda t: t.isa)
def test_all_widths_and_instruction_sets(target: Target, dtype: str, lanes: int) -> None:
    for name in BOUNDED:
        if name != "erf" or dtype == "float32":
            check(name, dtype, target, lanes, 2000 if name == "fmod" else 6000)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_floats_round_once(dtype: str) -> None:
    every = np.arange(1 << 16).astype(np.uint16).view(numpy_dtype(dtype))
    rng = np.random.default_rng(5)
    for name in BOUNDED:
        kinds = FUNCTIONS[name].operands
        other = rng.integers(-40, 40, every.size).astype(np.int32)
        values = [every, rng.permutation(every) if kinds[-1] == "x" else other][: len(kinds)]
        got = library(HOST, dtype, 16).run(f"k_{name}", *values)
        error = ulps(got, reference(name, dtype, *values), dtype)
        worst = int(np.argmax(error))
        assert error[worst] <= MATH_ULP[name, dtype], (name, [v[worst] for v in values], got[worst])


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_fp8_functions_are_float32_functions_rounded(dtype: str) -> None:
    codes = np.arange(256).astype(np.uint8).view(numpy_dtype(dtype))
    for name in ("exp", "tanh", "sqrt", "floor"):
        got = library(HOST, dtype, 4).run(f"k_{name}", codes)
        single = library(HOST, "float32", 4).run(f"k_{name}", codes.astype(np.float32))
        assert np.array_equal(got.astype(np.float32), single.astype(got.dtype).astype(np.float32),
                              equal_nan=True), name  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_questions(dtype: str) -> None:
    values = np.concatenate([borders(dtype), any_bits(1000, dtype, np.random.default_rng(1))])
    for name, ask in QUESTIONS.items():
        got = library(HOST, dtype, 8).run(f"k_{name}", values)
        assert np.array_equal(got, ask(values.astype(np.float64))), name


SPECIAL: list[tuple[str, tuple[float, ...], float]] = [
    ("exp", (-INF,), 0.0),
    ("exp", (INF,), INF),
    ("expm1", (-INF,), -1.0),
    ("expm1", (-0.0,), -0.0),
    ("log", (0.0,), -INF),
    ("log", (-0.0,), -INF),
    ("log", (-1.0,), NAN),
    ("log", (INF,), INF),
    ("log1p", (-1.0,), -INF),
    ("log1p", (-2.0,), NAN),
    ("log1p", (-0.0,), -0.0),
    ("tanh", (INF,), 1.0),
    ("tanh", (-INF,), -1.0),
    ("tanh", (-0.0,), -0.0),
    ("sigmoid", (-INF,), 0.0),
    ("sigmoid", (INF,), 1.0),
    ("erf", (-INF,), -1.0),
    ("erf", (-0.0,), -0.0),
    ("sin", (INF,), NAN),
    ("sin", (-0.0,), -0.0),
    ("cos", (-INF,), NAN),
    ("tan", (-0.0,), -0.0),
    ("sqrt", (-1.0,), NAN),
    ("sqrt", (-0.0,), -0.0),
    ("rsqrt", (0.0,), INF),
    ("rsqrt", (-0.0,), -INF),
    ("rsqrt", (INF,), 0.0),
    ("asin", (1.5,), NAN),
    ("acos", (1.0,), 0.0),
    ("acosh", (0.5,), NAN),
    ("atanh", (1.0,), INF),
    ("atanh", (2.0,), NAN),
    ("pow", (NAN, 0.0), 1.0),
    ("pow", (1.0, NAN), 1.0),
    ("pow", (-1.0, INF), 1.0),
    ("pow", (-8.0, 1 / 3), NAN),
    ("pow", (-2.0, 3.0), -8.0),
    ("pow", (-2.0, 2.0), 4.0),
    ("pow", (0.0, -1.0), INF),
    ("pow", (-0.0, -1.0), -INF),
    ("pow", (-0.0, 0.5), 0.0),
    ("pow", (-INF, 3.0), -INF),
    ("pow", (-INF, 0.5), INF),
    ("pow", (0.5, INF), 0.0),
    ("pow", (0.5, -INF), INF),
    ("pow", (2.0, NAN), NAN),
    ("atan2", (0.0, -0.0), float(np.pi)),
    ("atan2", (-0.0, 0.0), -0.0),
    ("atan2", (INF, -INF), float(3 * np.pi / 4)),
    ("hypot", (INF, NAN), INF),
    ("hypot", (NAN, 1.0), NAN),
    ("fmod", (5.5, 0.0), NAN),
    ("fmod", (INF, 2.0), NAN),
    ("fmod", (-3.5, INF), -3.5),
    ("fmod", (-4.0, 2.0), -0.0),
    ("round", (2.5,), 3.0),
    ("round", (-2.5,), -3.0),
    ("round", (0.49999997,), 0.0),
    ("nearbyint", (2.5,), 2.0),
    ("nearbyint", (-0.4,), -0.0),
    ("ceil", (-0.4,), -0.0),
    ("floor", (-0.0,), -0.0),
]


@pytest.mark.parametrize("target", runnable(), ids=lambda t: t.isa)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(dtype: str, target: Target) -> None:
    for name, given, want in SPECIAL:
        arrays = [np.array([v], numpy_dtype(dtype)) for v in given]
        got = library(target, dtype, 4).run(f"k_{name}", *arrays)[0]
        exact = np.array(want, numpy_dtype(dtype))
        assert np.array_equal(got, exact, equal_nan=True), (name, given, got)
        assert np.isnan(want) or np.signbit(got) == np.signbit(exact), (name, given, got)


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint64"])
def test_bit_counts(dtype: str, lanes: int) -> None:
    kind = numpy_dtype(dtype)
    rng = np.random.default_rng(2)
    info = np.iinfo(kind)
    values = rng.integers(info.min, info.max, 5000, dtype=kind, endpoint=True)
    values = np.concatenate(
        [values >> rng.integers(0, info.bits, 5000).astype(kind), [kind.type(0)]]
    )
    for target in runnable():
        made = Library(kernels(["popcount", "clz"], dtype, lanes), target)
        mask = (1 << info.bits) - 1
        ones = [(int(v) & mask).bit_count() for v in values]
        zeros = [info.bits - (int(v) & mask).bit_length() for v in values]
        assert made.run("k_popcount", values).tolist() == ones
        assert made.run("k_clz", values).tolist() == zeros


@pytest.mark.parametrize("target", [HOST, BASELINE, ARM], ids=["host", "baseline", "arm"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_no_function_calls_a_library(dtype: str, target: Target) -> None:
    module = module_of(kernels(list(FUNCTIONS), dtype, 4), target)
    assert foreign_calls(compile_module(module.text(), target).assembly) == []


def test_the_common_functions_become_straight_vector_code() -> None:
    names = ["exp", "tanh", "sigmoid", "erf", "log", "rsqrt"]
    compiled = compile_module(module_of(kernels(names, "float32", 16), HOST).text(), HOST)
    assert "call" not in compiled.assembly


def test_every_bounded_function_has_a_reference_and_a_bound_for_each_dtype() -> None:
    assert set(REFERENCES) == set(BOUNDED)
    assert set(BOUNDED) | set(QUESTIONS) | {"fma"} == set(FUNCTIONS)
    assert {dtype for _, dtype in MATH_ULP} == {"float16", "bfloat16", "float32", "float64"}
    assert ml_dtypes.finfo(ml_dtypes.bfloat16).bits == 16
    assert {"exp", "popcount", "clz"} <= set(NAMES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_multiply_add_rounds_once_where_the_processor_can(dtype: str) -> None:
    kind = numpy_dtype(dtype)
    x, y, z = np.random.default_rng(3).normal(size=(3, 1024)).astype(kind)
    z[::2] = -(x * y)[::2]
    got = library(HOST, dtype, 4).run("k_fma", x, y, z)
    exact = [
        Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        for a, b, c in zip(x, y, z, strict=True)
    ]
    want = np.array([float(each) for each in exact]).astype(kind) if HOST.has_fma else x * y + z
    np.testing.assert_array_equal(got, want)


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="no math function 'ehp'") as caught:
        emit_math(Module(HOST), "ehp", "float32", 4)
    assert "'exp'" in str(caught.value)
    with pytest.raises(UnsupportedError, match="'exp' is not for int32"):
        emit_math(Module(HOST), "exp", "int32", 4)
    with pytest.raises(UnsupportedError, match="'clz' is not for float32"):
        emit_math(Module(HOST), "clz", "float32", 4)
