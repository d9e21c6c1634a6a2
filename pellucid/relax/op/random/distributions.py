"""Distributions: uniform, normal, Bernoulli, integers, and drawing from given probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid import te, topi
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.relax.expr import Expr
from pellucid.relax.op.inference import Inference, tensor_of
from pellucid.relax.op.random.philox import random_bits, reference_bits
from pellucid.relax.op.record import Infer, Shape, Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy
from pellucid.tir import op as tir
from pellucid.topi.shapes import ravel

# The bits of the fraction of each float: so many random bits make a number in [0, 1).
_PRECISION = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}


def _seed_as_int64(values: dict[str, Any]) -> None:
    if not isinstance(values["seed"], Expr):
        values["seed"] = np.asarray(values["seed"], np.int64)


def _random_info(*floats: bool) -> Infer:
    def rule(c: Inference) -> StructInfo:
        c.tensor("seed", (0,))
        c.require_integer("seed")
        shape, dtype = c.shape("shape"), DataType(c["dtype"])
        if floats and dtype not in _PRECISION:
            raise c.error("dtype", "must be a float.", ", ".join(_PRECISION), str(dtype))
        return tensor_of(shape.values, dtype, shape.ndim)

    return rule


def _compute(shape: Any, seed: te.Tensor, dtype: str, use: Callable[[list[Any]], Any]) -> te.Tensor:
    def element(*i: Any) -> Any:
        position = ar.cast_to("int64", ar.convert(ravel(i, shape)))
        key = ar.cast_to("int64", seed())
        return ar.cast_to(dtype, random_bits(key, position, use))

    return te.compute(shape, element, name="T_random")


def _count(shape: Any) -> int:
    return math.prod(shape)


# Uniform


def _unit(words: list[Any], dtype: str) -> Any:
    """A number in [0, 1) as exact as the dtype is: float64 from 53 bits, others as float32."""
    if dtype == "float64":
        high = ar.cast_to("float64", ar.shift_right(words[0], ar.const(5, "uint32")))
        low = ar.cast_to("float64", ar.shift_right(words[1], ar.const(6, "uint32")))
        return (high * ar.const(2.0**26, "float64") + low) * ar.const(2.0**-53, "float64")
    bits = _PRECISION[dtype]
    top = ar.shift_right(words[0], ar.const(32 - bits, "uint32"))
    return ar.cast_to("float32", top) * ar.const(2.0**-bits, "float32")


def _np_unit(words: list[Any], dtype: str) -> Any:
    if dtype == "float64":
        high, low = words[0] >> np.uint64(5), words[1] >> np.uint64(6)
        return (high.astype(np.float64) * 2.0**26 + low.astype(np.float64)) * 2.0**-53
    bits = _PRECISION[dtype]
    return (words[0] >> np.uint64(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)


def _np_uniform(seed: Any, shape: Any, low: float, high: float, dtype: str) -> Any:
    unit = _np_unit(reference_bits(int(seed), _count(shape)), dtype)
    wide = unit.dtype.type
    return (unit * wide(high - low) + wide(low)).reshape(shape).astype(to_numpy(dtype))


@op(
    "random.uniform",
    infer=_random_info(True),
    numpy=_np_uniform,
    samples=[
        case(0, ("n", 3)),
        case(2**40 + 7, (5,), -1.0, 1.0, "float64"),
        case(t(dtype="int64"), (2, 2), dtype="float16"),
    ],
    prepare=_seed_as_int64,
)
def uniform(
    seed: Tensor, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
) -> Any:
    """Numbers from `low` up to and without `high` (which rounding to the dtype may give)."""

    def use(words: list[Any]) -> Any:
        unit = _unit(words, dtype)
        return unit * ar.const(high - low, unit.dtype) + ar.const(low, unit.dtype)

    return _compute(shape, seed, dtype, use)


# Normal


def _np_normal(seed: Any, shape: Any, mean: float, std: float, dtype: str) -> Any:
    words = reference_bits(int(seed), _count(shape))
    radius = ((words[0] >> np.uint64(8)).astype(np.float64) + 1) * 2.0**-24
    angle = (words[1] >> np.uint64(8)).astype(np.float64) * 2.0**-24
    found = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    return (found * std + mean).reshape(shape).astype(to_numpy(dtype))


@op(
    "random.normal",
    infer=_random_info(True),
    numpy=_np_normal,
    samples=[case(1, ("n", 3)), case(3, (4,), 1.0, 2.0, "float64")],
    prepare=_seed_as_int64,
    tolerance="reduction",
)
def normal(
    seed: Tensor, shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: str = "float32"
) -> Any:
    """Numbers of the normal distribution, by the method of Box and Muller."""
    wide = "float64" if dtype == "float64" else "float32"

    def part(word: Any, offset: float) -> Any:
        top = ar.cast_to(wide, ar.shift_right(word, ar.const(8, "uint32")))
        return (top + ar.const(offset, wide)) * ar.const(2.0**-24, wide)

    def use(words: list[Any]) -> Any:
        radius = tir.sqrt(ar.const(-2, wide) * tir.log(part(words[0], 1)))
        angle = tir.cos(ar.const(2 * math.pi, wide) * part(words[1], 0))
        return radius * angle * ar.const(std, wide) + ar.const(mean, wide)

    return _compute(shape, seed, dtype, use)


# Whole numbers


def _np_bernoulli(seed: Any, shape: Any, p: float, dtype: str) -> Any:
    unit = _np_unit(reference_bits(int(seed), _count(shape)), "float32")
    return (unit < np.float32(p)).reshape(shape).astype(to_numpy(dtype))


@op(
    "random.bernoulli",
    infer=_random_info(),
    numpy=_np_bernoulli,
    samples=[case(5, ("n", 4)), case(6, (6,), 0.25, "int8")],
    prepare=_seed_as_int64,
    tolerance="exact",
)
def bernoulli(seed: Tensor, shape: Shape, p: float = 0.5, dtype: str = "bool") -> Any:
    """1 with probability `p`, else 0."""

    def use(words: list[Any]) -> Any:
        return _unit(words, "float32") < ar.const(p, "float32")

    return _compute(shape, seed, dtype, use)


def _integers_info(c: Inference) -> StructInfo:
    low, high, dtype = c["low"], c["high"], DataType(c["dtype"])
    if not 0 < high - low <= 2**32:
        raise c.error("high", "must be above low, by at most 2**32.", f"above {low}", high)
    if not dtype.is_integer:
        raise c.error("dtype", "must be an integer type.", '"int64"', str(dtype))
    return _random_info()(c)


def _np_integers(seed: Any, shape: Any, low: int, high: int, dtype: str) -> Any:
    words = reference_bits(int(seed), _count(shape))
    steps = (words[0] * np.uint64(high - low)) >> np.uint64(32)
    return (steps.astype(np.int64) + low).reshape(shape).astype(to_numpy(dtype))


@op(
    "random.randint",
    infer=_integers_info,
    numpy=_np_integers,
    samples=[case(5, ("n", 4), 0, 10), case(-3, (6,), -4, 4, "int8")],
    prepare=_seed_as_int64,
    tolerance="exact",
)
def randint(seed: Tensor, shape: Shape, low: int, high: int, dtype: str = "int64") -> Any:
    """Integers from `low` up to and without `high`."""

    def use(words: list[Any]) -> Any:
        wide = ar.cast_to("uint64", words[0]) * ar.const(high - low, "uint64")
        step = ar.cast_to("int64", ar.shift_right(wide, ar.const(32, "uint64")))
        return step + ar.const(low, "int64")

    return _compute(shape, seed, dtype, use)


# Drawing


def _draw_info(c: Inference) -> StructInfo:
    prob, sample = c.tensor("prob", (2,)), c.tensor("uniform_sample", (2,))
    places = c.tensor("sample_indices", (2,))
    c.require_float("prob")
    c.require_float("uniform_sample")
    c.require_integer("sample_indices")
    dims, rows = known_dims(sample), known_dims(places)
    for name, found in (("uniform_sample", dims), ("sample_indices", rows)):
        if found is not None:
            c.require_equal(name, "must be a column.", 1, found[1])
    if dims is not None and rows is not None:
        c.require_equal("sample_indices", "has another length than the sample.", dims[0], rows[0])
    if prob.dtype != UNKNOWN and sample.dtype != UNKNOWN:
        c.same_dtype("prob", "uniform_sample")
    return tensor_of(None if dims is None else (dims[0], 1), c["dtype"], 2)


def _np_draw(prob: Any, uniform_sample: Any, sample_indices: Any, dtype: str) -> Any:
    sums = np.cumsum(prob.astype(np.float64), 1)[sample_indices[:, 0]]
    found = (sums <= uniform_sample).sum(1, keepdims=True)
    return np.minimum(found, prob.shape[1] - 1).astype(to_numpy(dtype))


@op(
    "multinomial_from_uniform",
    infer=_draw_info,
    numpy=_np_draw,
    samples=[
        case(
            t(values=[[0.25, 0.25, 0.5], [0.0, 1.0, 0.0]]),
            t(values=[[0.3], [0.6], [0.99]]),
            t(values=[[0], [0], [1]], dtype="int64"),
        ),
        case(
            t(values=[[0.5, 0.5]]),
            t("n", 1, low=0.1, high=0.4),
            t("n", 1, dtype="int64", low=0, high=1),
        ),
    ],
    tolerance="exact",
)
def multinomial_from_uniform(
    prob: Tensor, uniform_sample: Tensor, sample_indices: Tensor, dtype: str = "int64"
) -> Any:
    """For each number u of `uniform_sample` (m, 1) the first class whose probabilities add up to
    more than u, in the row of `prob` (n, classes) that `sample_indices` (m, 1) names.
    """
    sums = topi.cumsum(prob, 1)
    classes = prob.shape[1]
    k = te.reduce_axis((0, classes), "k")

    def below(i: Any, j: Any) -> Any:
        row = ar.maximum(ar.minimum(sample_indices(i, j), prob.shape[0] - 1), 0)
        passed = sums(row, k.var) <= uniform_sample(i, j)
        return te.sum(ar.select(passed, ar.const(1, "int64"), ar.const(0, "int64")), k)

    shape = (uniform_sample.shape[0], 1)
    count = te.compute(shape, below, name="T_multinomial_count")

    def element(i: Any, j: Any) -> Any:
        return ar.cast_to(dtype, ar.minimum(count(i, j), ar.cast_to("int64", classes - 1)))

    return te.compute(shape, element, name="T_multinomial")


__all__ = ["bernoulli", "multinomial_from_uniform", "normal", "randint", "uniform"]
