"""The ways of combining values that reductions are recognised by.

In: the stores of a reduction block. Out: the combiner and, for each value, what is combined into
it. Known are sums, products, minima, maxima, pairs of sums, and argmin / argmax: with the smaller
index where values tie, or with whichever comes first, in which case another order of combining may
give another of the tied indices. `register_reducer` adds one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pellucid.ir.arithmetic import (
    add,
    const,
    eq,
    ge,
    gt,
    le,
    logical_and,
    logical_or,
    lt,
    maximum,
    minimum,
    mul,
    select,
)
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, Role, fields_of
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Add, Max, Min, Mul, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.op_integer import infinity, max_value, min_value
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.stmt import BufferStore, LetStmt, SeqStmt, Stmt

Values = list[PrimExpr]
Combine = Callable[[Values, Values], Values]
Identity = Callable[[Sequence[DataType]], Values]


@dataclass(frozen=True)
class Reducer:
    """`combine(old values, new values)` and its identity for given dtypes; `repeatable` where it
    changes nothing to combine the same values once more.
    """

    name: str
    arity: int
    combine: Combine
    identity: Identity
    repeatable: bool


_REDUCERS: list[Reducer] = []


def register_reducer(
    name: str, arity: int, combine: Combine, identity: Identity, *, repeatable: bool = False
) -> None:
    """Add an associative and commutative way to combine `arity` values at once."""
    _REDUCERS.append(Reducer(name, arity, combine, identity, repeatable))


def _least(dtype: DataType) -> PrimExpr:
    return -infinity(dtype) if dtype.is_float else min_value(dtype)


def _greatest(dtype: DataType) -> PrimExpr:
    return infinity(dtype) if dtype.is_float else max_value(dtype)


def _zeros(dtypes: Sequence[DataType]) -> Values:
    return [const(0, each) for each in dtypes]


def _no_index_and(value: Callable[[DataType], PrimExpr]) -> Identity:
    """An identity of (index, value) pairs: the greatest index, which loses every tie."""
    return lambda dtypes: [max_value(dtypes[0]), value(dtypes[1])]


def _choose(better: Callable[[PrimExpr, PrimExpr], PrimExpr], ties: bool) -> Combine:
    def combine(old: Values, new: Values) -> Values:
        keep = better(old[1], new[1])
        if ties:
            keep = logical_or(keep, logical_and(eq(old[1], new[1]), lt(old[0], new[0])))
        return [select(keep, old[0], new[0]), select(keep, old[1], new[1])]

    return combine


register_reducer("sum", 1, lambda x, y: [add(x[0], y[0])], _zeros)
register_reducer("product", 1, lambda x, y: [mul(x[0], y[0])], lambda d: [const(1, d[0])])
register_reducer(
    "min", 1, lambda x, y: [minimum(x[0], y[0])], lambda d: [_greatest(d[0])], repeatable=True
)
register_reducer(
    "max", 1, lambda x, y: [maximum(x[0], y[0])], lambda d: [_least(d[0])], repeatable=True
)
register_reducer("sums", 2, lambda x, y: [add(x[0], y[0]), add(x[1], y[1])], _zeros)
register_reducer("argmax", 2, _choose(gt, True), _no_index_and(_least), repeatable=True)
register_reducer("argmin", 2, _choose(lt, True), _no_index_and(_greatest), repeatable=True)
register_reducer("argmax", 2, _choose(ge, False), _no_index_and(_least), repeatable=True)
register_reducer("argmin", 2, _choose(le, False), _no_index_and(_greatest), repeatable=True)


@dataclass(frozen=True)
class Reduction:
    """What a reduction block does: its buffers, their indices, the combiner, what is combined into
    them.
    """

    buffers: list[Buffer]
    indices: tuple[PrimExpr, ...]
    reducer: Reducer
    sources: Values


def stored_values(body: Stmt) -> list[BufferStore]:
    """The stores of a body that is stores under definitions, with the definitions put in place."""
    table: dict[Var, PrimExpr] = {}
    while isinstance(body, LetStmt):
        table[body.var] = substitute(body.value, table)
        body = body.body
    parts = list(body.seq) if isinstance(body, SeqStmt) else [body]
    if not all(isinstance(each, BufferStore) for each in parts):
        raise Refused("the body is more than stores", *parts)
    return [substitute(each, table) for each in parts]


def find_reduction(body: Stmt) -> Reduction:
    """The reduction that the body of a block is; one that is not known is refused."""
    stores = stored_values(body)
    indices = stores[0].indices
    if not all(structural_equal(each.indices, indices) for each in stores):
        raise Refused("the stores have different indices", *stores)
    buffers = [each.buffer for each in stores]
    loads = [BufferLoad(each, indices) for each in buffers]
    for reducer in _REDUCERS:
        if reducer.arity == len(stores):
            sources = _matched(reducer, loads, [each.value for each in stores])
            if sources is not None and not _mention(sources, buffers):
                return Reduction(buffers, indices, reducer, sources)
    raise Refused(
        "the way it combines values is not known",
        found=", ".join(repr(each.value) for each in stores),
        expected=", ".join(dict.fromkeys(each.name for each in _REDUCERS)),
        cure="register_reducer adds another",
    )


def _mention(values: Values, buffers: Sequence[Buffer]) -> bool:
    return any(
        isinstance(each, BufferLoad) and each.buffer in buffers
        for value in values
        for each in pre_order(value)
    )


def _matched(reducer: Reducer, loads: Sequence[PrimExpr], values: Values) -> Values | None:
    """What is combined with the loads, if the values are that combination."""
    old: Values = [Var(f"old{k}", each.dtype) for k, each in enumerate(loads)]
    new: Values = [Var(f"new{k}", each.dtype) for k, each in enumerate(loads)]
    known = dict(zip(old, loads, strict=True))
    try:
        patterns = reducer.combine(old, new)
    except (TypeError, ValueError):
        # The combiner is not defined for these dtypes.
        return None
    for several in _spellings(patterns):
        found: dict[PrimExpr, PrimExpr] = dict(known)
        if all(_unify(p, v, found, new) for p, v in zip(several, values, strict=True)) and all(
            each in found for each in new
        ):
            return [found[each] for each in new]
    return None


def _spellings(patterns: Values) -> list[Values]:
    """The patterns, and with the operands of the outermost operation exchanged."""
    exchanged = [
        type(each)(each.b, each.a) if isinstance(each, Add | Mul | Min | Max) else each
        for each in patterns
    ]
    return [patterns, exchanged]


def _unify(
    pattern: PrimExpr, value: PrimExpr, found: dict[PrimExpr, PrimExpr], holes: Values
) -> bool:
    """Whether a value is the pattern with its holes filled; each is filled the same everywhere."""
    if pattern in found:
        return structural_equal(found[pattern], value)
    if any(pattern is each for each in holes):
        if pattern.dtype != value.dtype:
            return False
        found[pattern] = value
        return True
    if type(pattern) is not type(value):
        return False
    for field in fields_of(type(pattern)):
        a, b = getattr(pattern, field.name), getattr(value, field.name)
        if field.role is Role.CHILD and isinstance(a, PrimExpr) and isinstance(b, PrimExpr):
            if not _unify(a, b, found, holes):
                return False
        elif field.role is Role.CHILD and isinstance(a, Node):
            if not structural_equal(a, b):
                return False
        elif field.role in (Role.DATA, Role.CHILD) and a != b:
            return False
    return True
