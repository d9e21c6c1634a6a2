"""Random arguments for a loop function: sizes for its symbolic dimensions, and arrays.

In: a function, sizes, a kind of values and a seed. Out: the arguments, always the same for the same
numbers. Three kinds of values:

- "whole": small integers, whose sums are exact in any order, so that a wrong index shows;
- "random": anything of moderate size;
- "special": with NaN, infinities, zeros of both signs, the least and the greatest values.

Values that index a buffer stay within its extents. A function whose reductions choose between
values (argmax) gets values without ties and without NaN, since those depend on the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import ml_dtypes
import numpy as np

from pellucid.arith.evaluate import evaluate
from pellucid.interp.values import numpy_dtype
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import CmpOp, IterVar, Select, Var
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import UnsupportedError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore

KINDS = ("whole", "random", "special")
Array = np.ndarray[Any, Any]
# What symbolic sizes are tried: the first with which the program runs count.
SIZES = ((5, 7, 6, 3), (8, 4, 12, 16), (1, 1, 1, 1), (16, 16, 16, 16), (64, 64, 64, 64))
# One element in so many is a special value.
SPARSE = 12


def limits_of(dtype: np.dtype[Any]) -> Any:
    """The facts of a float dtype: `eps`, `max` and so on."""
    return cast("Any", ml_dtypes).finfo(dtype)


def symbols_of(func: PrimFunc) -> list[Var]:
    """The variables that a call binds: symbolic sizes and integer parameters, in order."""
    found: dict[Var, None] = {}
    for param in func.params:
        buffer = func.buffer_map.get(param)
        if buffer is None:
            if param.dtype.is_integer:
                found[param] = None
            continue
        for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
            found.update(dict.fromkeys(v for v in pre_order(each) if isinstance(v, Var)))
    return list(found)


def size_choices(func: PrimFunc) -> list[dict[Var, int]]:
    """Values for the symbols, several choices; one empty choice where there are none."""
    symbols = symbols_of(func)
    if not symbols:
        return [{}]
    return [{var: row[k % len(row)] for k, var in enumerate(symbols)} for row in SIZES]


def accumulates(func: PrimFunc) -> bool:
    """Whether the function combines floats in an order that a schedule may change."""
    for each in pre_order(func.body):
        if isinstance(each, Block) and (
            each.init is not None or any(v.iter_type == IterVar.CommReduce for v in each.iter_vars)
        ):
            return True
        if isinstance(each, BufferStore) and any(
            isinstance(load, BufferLoad) and load.buffer is each.buffer
            for load in pre_order(each.value)
        ):
            return True
    return False


def chooses(func: PrimFunc) -> bool:
    """Whether a reduction of the function chooses by comparing (argmax)."""
    return any(
        isinstance(block, Block)
        and any(v.iter_type == IterVar.CommReduce for v in block.iter_vars)
        and any(isinstance(each, Select | CmpOp) for each in pre_order(block.body))
        for block in pre_order(func.body)
    )


def _limits(func: PrimFunc, sizes: Mapping[Var, int]) -> dict[Buffer, int]:
    """For buffers whose values index others: what their values stay below."""
    found: dict[Buffer, int] = {}
    stores: list[BufferStore] = []
    for each in pre_order(func.body):
        if not isinstance(each, BufferLoad | BufferStore):
            continue
        if isinstance(each, BufferStore):
            stores.append(each)
        for index, extent in zip(each.indices, each.buffer.shape, strict=True):
            _limit(found, index, _size(extent, sizes))
    # Copies of what indexes are limited as well.
    for _ in range(len(stores)):
        known = dict(found)
        for store in stores:
            if store.buffer in found:
                _limit(found, store.value, found[store.buffer])
        if known == found:
            break
    return found


def _limit(found: dict[Buffer, int], expr: PrimExpr, limit: int) -> None:
    """Note that what an expression loads stays below a limit."""
    for load in pre_order(expr):
        if isinstance(load, BufferLoad):
            found[load.buffer] = min(found.get(load.buffer, limit), limit)


def _size(extent: PrimExpr, sizes: Mapping[Var, int]) -> int:
    try:
        return evaluate(extent, sizes)
    except KeyError:
        return 1


def arguments(
    func: PrimFunc, sizes: Mapping[Var, int], kind: str, seed: int, shrink: int = 1
) -> list[Any]:
    """The arguments; `shrink` makes values that index buffers smaller by that factor, and with
    more than 1 keeps integers positive.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    limits = _limits(func, sizes)
    careful = chooses(func)
    mild = accumulates(func)
    found: list[Any] = []
    for param in func.params:
        buffer = func.buffer_map.get(param)
        if buffer is None:
            found.append(_scalar(param, sizes, rng))
            continue
        if buffer.strides:
            raise UnsupportedError("arguments with strides are not made up")
        shape = tuple(_size(each, sizes) for each in buffer.shape)
        dtype = numpy_dtype(buffer.dtype)
        if buffer in limits:
            high = max(limits[buffer] // shrink, 1)
            found.append(rng.integers(0, high, shape).astype(dtype))
        elif buffer.dtype.is_float:
            found.append(_floats(shape, dtype, kind, rng, mild=mild, distinct=careful))
        else:
            found.append(_integers(shape, dtype, kind, rng, positive=shrink > 1))
    return found


def _scalar(param: Var, sizes: Mapping[Var, int], rng: np.random.Generator) -> Any:
    if param in sizes:
        return sizes[param]
    if param.dtype.is_float:
        return numpy_dtype(param.dtype).type(rng.uniform(0.5, 2))
    if param.dtype.is_bool:
        return bool(rng.integers(0, 2))
    raise UnsupportedError(f"no argument is made up for the parameter {param.name!r}")


def _floats(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    kind: str,
    rng: np.random.Generator,
    *,
    mild: bool,
    distinct: bool,
) -> Array:
    size = int(np.prod(shape))
    if distinct:
        values = rng.permutation(size) - size // 2
        return values.reshape(shape).astype(dtype)
    if kind == "whole":
        return rng.integers(-4, 5, shape).astype(dtype)
    values = rng.uniform(-1, 1, size)
    result = values.astype(dtype)
    if kind == "special" and size:
        chosen = _special_floats(dtype, mild)
        places = rng.choice(size, min(size, max(1, size // SPARSE)), replace=False)
        for position, place in enumerate(places):
            result[place] = chosen[(position + int(rng.integers(0, 2))) % len(chosen)]
        if mild:
            # One value so large that a sum is this value; its square still fits.
            result[rng.integers(0, size)] = dtype.type(float(limits_of(dtype).max) ** 0.4)
    return result.reshape(shape)


def _special_floats(dtype: np.dtype[Any], mild: bool) -> list[Any]:
    facts = limits_of(dtype)
    always = [
        np.nan,
        np.inf,
        -0.0,
        float(facts.smallest_subnormal),
        -np.inf,
        0.0,
    ]
    # Sums of greatest values overflow or not, depending on their order.
    extremes = [] if mild else [facts.max, facts.min, facts.tiny, 1 + float(facts.eps)]
    with np.errstate(all="ignore"):
        return [np.asarray(float(each)).astype(dtype) for each in (*always, *extremes)]


def _integers(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    kind: str,
    rng: np.random.Generator,
    *,
    positive: bool,
) -> Array:
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if positive:
        return rng.integers(1, 4, shape).astype(dtype)
    signed = dtype.kind == "i" or dtype.name.startswith("int")
    result = rng.integers(-4 if signed else 0, 5, shape).astype(dtype)
    if kind == "special" and dtype.kind in "iu" and result.size:
        flat = result.reshape(-1)
        facts = np.iinfo(dtype)
        places = rng.choice(flat.size, max(1, flat.size // SPARSE), replace=False)
        flat[places] = rng.choice(np.array([facts.min, facts.max], dtype), len(places))
    return result
