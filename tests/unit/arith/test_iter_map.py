"""Iter maps against brute force: what is found is what running through all iterations shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.evaluate import evaluate
from pellucid.arith.iter_map import (
    IterMapLevel,
    detect_iter_map,
    inverse_affine_iter_map,
    iter_map_simplify,
    normalize_iter_map_to_expr,
    normalize_to_iter_sum,
)
from pellucid.arith.iter_map_divide import subspace_divide
from pellucid.arith.iter_map_terms import IterSumExpr
from pellucid.ir.arithmetic import cast_to, const, ge, logical_and, lt
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, SizeVar, Var

I, J, K, N = Var("i"), Var("j"), Var("k"), SizeVar("n")  # noqa: E741
SPACE = {I: Range(0, 8), J: Range(0, 4), K: Range(0, 3)}
TRUE = const(True)
BIJECTIVE, SURJECTIVE = IterMapLevel.BIJECTIVE, IterMapLevel.SURJECTIVE


def value_of(expr: PrimExpr, point: dict[Any, int]) -> int:
    return int(evaluate(expr, point))


def points(space: dict[Var, Range], predicate: PrimExpr) -> list[dict[Any, int]]:
    ranges = [range(int(r.min), int(r.min) + int(r.extent)) for r in space.values()]
    every = [dict(zip(space, values, strict=True)) for values in itertools.product(*ranges)]
    return [each for each in every if evaluate(predicate, each)]


def box(total: IterSumExpr) -> list[int]:
    """The values that a sum says it takes."""
    base = value_of(total.base, {})
    if not total.args:
        return [base]
    (split,) = total.args
    extent, scale = value_of(split.extent, {}), value_of(split.scale, {})
    return [base + scale * step for step in range(extent)]


def check(
    indices: Sequence[PrimExpr], space: dict[Var, Range], predicate: PrimExpr, level: IterMapLevel
) -> bool:
    """Whether a map was found; what is found must be true."""
    result = detect_iter_map(indices, space, predicate, level)
    if result.errors:
        assert not result.indices
        return False
    seen = []
    for point in points(space, predicate):
        values = tuple(value_of(each, point) for each in indices)
        for total, value in zip(result.indices, values, strict=True):
            assert value_of(normalize_iter_map_to_expr(total), point) == value
        seen.append(values)
    assert set(seen) == set(itertools.product(*[box(each) for each in result.indices]))
    if level is BIJECTIVE:
        assert len(set(seen)) == len(seen)
    return True


@pytest.mark.parametrize(
    ("indices", "level"),
    [
        ([I * 4 + J, K], BIJECTIVE),
        ([(I * 12 + J * 3 + K) // 6, (I * 12 + J * 3 + K) % 6], BIJECTIVE),
        ([I // 2, J, I % 2 * 3 + K], BIJECTIVE),
        ([(I * 4 + J) // 2 % 4, (I * 4 + J) % 2, (I * 4 + J) // 8, K], BIJECTIVE),
        ([J * 8 + I, K + 5], BIJECTIVE),
        ([I * 2, J, K], BIJECTIVE),
        ([I % 4], SURJECTIVE),
        ([I // 2, I % 2], SURJECTIVE),
        ([I * 4 + J + 8], SURJECTIVE),
        ([cast_to("int64", I) * 4 + cast_to("int64", J)], SURJECTIVE),
        ([(I * 4 + J + 8) // 4, J], SURJECTIVE),
    ],
)
def test_maps_that_are_found(indices: list[PrimExpr], level: IterMapLevel) -> None:
    assert check(indices, SPACE, TRUE, level)


@pytest.mark.parametrize(
    ("indices", "level", "reason"),
    [
        ([I * 4 + J], BIJECTIVE, "the iterator 'k' is not used"),
        ([I, I], SURJECTIVE, "the digits taken of IterMark(i, extent=8) overlap or leave gaps"),
        ([I % 4, J, K], BIJECTIVE, "not all of IterMark(i, extent=8) is used"),
        ([I // 3, I % 3], SURJECTIVE, "3 does not divide the extent 8 in i // 3"),
        ([I * J], SURJECTIVE, "i * j is a product of iterators"),
        (
            [I * 3 + J],
            SURJECTIVE,
            "the terms of i * 3 + j do not follow each other without gap or overlap",
        ),
        ([I // K], SURJECTIVE, "the divisor of i // k is not known to be positive"),
        ([(I * 2) // 3], SURJECTIVE, "i * 2 // 3 cuts through steps of 2"),
        ([(I * 3 + J) // 2], SURJECTIVE, "the dividend of (i * 3 + j) // 2 is no single iterator"),
        (
            [I.astype("float32").astype("int32")],
            SURJECTIVE,
            'T.Cast("int32", T.Cast("float32", i)) is neither a sum, a multiple nor a digit',
        ),
    ],
)
def test_maps_that_are_refused(indices: list[Any], level: IterMapLevel, reason: str) -> None:
    assert detect_iter_map(indices, SPACE, TRUE, level).errors[0] == reason


def test_no_check_takes_each_index_for_itself() -> None:
    result = detect_iter_map([I, I], SPACE, TRUE, IterMapLevel.NO_CHECK)
    assert len(result.indices) == 2


@pytest.mark.parametrize(
    ("indices", "predicate"),
    [
        ([I * 4 + J], lt(I * 4 + J, 30)),
        ([I * 4 + J], logical_and(lt(I * 4 + J, 30), ge(I * 4 + J, 3))),
        ([(I * 4 + J) // 2, (I * 4 + J) % 2, K], lt(I * 4 + J, 30)),
        ([I, J], lt(I, 5)),
        ([I, J], logical_and(lt(I, 5), lt(J, 3))),
        ([I * 12 + J * 3 + K], lt(J * 3 + K, 12)),
    ],
)
def test_conditions_shorten_spaces(indices: list[PrimExpr], predicate: PrimExpr) -> None:
    assert check(indices, SPACE, predicate, SURJECTIVE)


def test_conditions_that_cannot_be_used() -> None:
    unused = detect_iter_map([K], SPACE, lt(I, 5), SURJECTIVE)
    assert unused.errors == [
        "a condition bounds a sum of iterators that the indices do not contain"
    ]
    product = detect_iter_map([I, J], SPACE, lt(I * J, 5), SURJECTIVE)
    assert product.errors == ["i * j is a product of iterators"]
    gap = detect_iter_map([I * 4 + J], SPACE, lt(I * 3 + J, 5), SURJECTIVE)
    assert gap.errors == ["the condition on i * 3 + j bounds no single iterator"]
    other = detect_iter_map([I, J], SPACE, I != J, SURJECTIVE)
    assert other.errors == ["the condition i != j does not bound an iterator"]


def test_ranges_that_do_not_start_at_zero() -> None:
    space = {I: Range(2, 10), J: Range(1, 5)}
    assert check([I, J], space, TRUE, BIJECTIVE)
    assert check([(I - 2) * 4 + J - 1], space, TRUE, BIJECTIVE)
    assert check([(I - 2) // 4, (I - 2) % 4], space, TRUE, SURJECTIVE)


def test_symbolic_extents() -> None:
    space = {I: Range(0, 8), J: Range(0, N)}
    for indices in ([I * N + J], [(I * N + J) // N, (I * N + J) % N], [J * 8 + I]):
        assert not detect_iter_map(indices, space, TRUE, BIJECTIVE).errors
    assert detect_iter_map([I * (N + 1) + J], space, TRUE, SURJECTIVE).errors


@pytest.mark.parametrize("divisor", [N, (N + 7) // 8, (N * 4 + 7) // 8, N * 3])
def test_factors_of_a_symbolic_space_are_divisors(divisor: PrimExpr) -> None:
    space = {I: Range(0, divisor * 8)}
    result = detect_iter_map([I // divisor, I % divisor], space, TRUE, BIJECTIVE)
    assert not result.errors
    negative = detect_iter_map([I // -divisor, I % divisor], space, TRUE, BIJECTIVE)
    assert "not known to be positive" in negative.errors[0]


def test_padding() -> None:
    result = detect_iter_map([I // 3, I % 3], {I: Range(0, 8)}, padded=True)
    assert [str(normalize_iter_map_to_expr(each)) for each in result.indices] == ["i // 3", "i % 3"]
    assert str(result.padding_predicate) == "i >= 8"
    shifted = detect_iter_map([(I + 1) // 4, (I + 1) % 4], {I: Range(0, 8)}, padded=True)
    assert not shifted.errors
    found = [each for each in range(12) if evaluate(shifted.padding_predicate, {I: each - 1})]
    assert found == [0, 9, 10, 11]


def test_unit_extents() -> None:
    space = {I: Range(0, 1), J: Range(0, 4)}
    assert not detect_iter_map([I, J], space, TRUE, BIJECTIVE).errors
    assert not detect_iter_map(
        [I, J], space, TRUE, BIJECTIVE, simplify_trivial_iterators=False
    ).errors
    assert str(iter_map_simplify([I * 4 + J], space)[0]) == "j"
    kept = iter_map_simplify([I * 4 + J], space, simplify_trivial_iterators=False)
    assert str(kept[0]) == "i * 4 + j"


def test_inverse() -> None:
    indices = [(I * 12 + J * 3 + K) // 6, (I * 12 + J * 3 + K) % 6 + 2]
    found = detect_iter_map(indices, SPACE, TRUE, BIJECTIVE)
    outputs = [Var("x"), Var("y")]
    inverse = inverse_affine_iter_map(found.indices, outputs)
    for point in points(SPACE, TRUE):
        given_values = dict(zip(outputs, [value_of(e, point) for e in indices], strict=True))
        assert {v: value_of(e, given_values) for v, e in inverse.items()} == point


def test_sums_by_falling_scale() -> None:
    total = normalize_to_iter_sum(K + I * 12 + J * 3 + 7, SPACE)
    assert [int(each.scale) for each in total.args] == [12, 3, 1]
    assert str(total.base) == "7"


def divided(indices: list[PrimExpr], inner: set[Var], predicate: PrimExpr = TRUE) -> bool:
    """Whether a division was found; what is found must be true."""
    result = subspace_divide(indices, SPACE, inner, predicate)
    if result.errors:
        return False
    for index, part in zip(indices, result.indices, strict=True):
        low, high = normalize_iter_map_to_expr(part.inner), normalize_iter_map_to_expr(part.outer)
        for point in points(SPACE, predicate):
            only_inner = {v: x if v in inner else 0 for v, x in point.items()}
            only_outer = {v: 0 if v in inner else x for v, x in point.items()}
            assert value_of(low, only_inner) == value_of(low, point)
            assert value_of(high, only_outer) == value_of(high, point)
            extent = value_of(part.inner.extent, {})
            value = value_of(high, point) * extent + value_of(low, point)
            assert value == value_of(index, point)
    return True


def test_dividing() -> None:
    assert divided([I * 4 + J, K], {J, K})
    assert divided([(I * 4 + J) // 2, (I * 4 + J) % 2], {J})
    assert divided([I * 12 + J * 3 + K], {K})
    assert divided([I * 12 + J * 3 + K], {J, K})
    assert divided([I + 3, J], {J})
    assert not divided([I * 12 + J * 3 + K], {I})
    assert not divided([I * 12 + J * 3 + K], {J})
    assert divided([I * 4 + J, K], {J, K}, lt(K, 2))
    mixed = subspace_divide([I * 4 + J], SPACE, {J}, lt(I * 4 + J, 30))
    assert mixed.errors


EXTENTS = st.sampled_from([1, 2, 3, 4, 6])
CONSTANTS = st.sampled_from([1, 2, 3, 4, 6, 8, 12])


@st.composite
def programs(draw: Any) -> tuple[list[PrimExpr], dict[Var, Range], PrimExpr]:
    """Indices that are likely to be digits: mixed-radix sums, taken apart at random places."""
    variables = [I, J, K][: draw(st.integers(1, 3))]
    extents = [draw(EXTENTS) for _ in variables]
    space = {
        var: Range(min=const(low), extent=const(extent))
        for var, extent, low in zip(
            variables,
            extents,
            [draw(st.sampled_from([0, 0, 0, 2])) for _ in variables],
            strict=True,
        )
    }
    order = draw(st.permutations(variables))
    total: PrimExpr = const(0)
    for var in order:
        extent = int(space[var].extent)
        total = total * extent + (var - space[var].min)
    parts: list[PrimExpr] = []
    sources = [total, *variables]
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from(sources)) + draw(st.sampled_from([0, 0, 0, 1, 4]))
        for _ in range(draw(st.integers(0, 2))):
            size = draw(CONSTANTS)
            part = part // size if draw(st.booleans()) else part % size
        parts.append(part)
    if draw(st.integers(0, 4)) == 0:
        size = draw(st.sampled_from([2, 3, 4]))
        parts = [total // size, total % size]
    predicate: PrimExpr = TRUE
    if draw(st.integers(0, 3)) == 0:
        predicate = lt(draw(st.sampled_from(sources)), draw(st.integers(1, 9)))
    return parts, space, predicate


@settings(max_examples=200)
@given(programs(), st.sampled_from([BIJECTIVE, SURJECTIVE]))
def test_what_is_found_is_true(
    program: tuple[list[PrimExpr], dict[Var, Range], PrimExpr], level: IterMapLevel
) -> None:
    indices, space, predicate = program
    if not points(space, predicate):
        return
    known = Analyzer()
    for var, values in space.items():
        known.bind(var, values)
    check([known.simplify(each) for each in indices], space, predicate, level)
    check(indices, space, predicate, level)
    for old, new in zip(indices, iter_map_simplify(indices, space, predicate), strict=True):
        for point in points(space, predicate):
            assert value_of(old, point) == value_of(new, point)


@settings(max_examples=60)
@given(programs())
def test_inverse_is_right(
    program: tuple[list[PrimExpr], dict[Var, Range], PrimExpr],
) -> None:
    indices, space, _ = program
    found = detect_iter_map(indices, space, TRUE, BIJECTIVE)
    if found.errors:
        return
    outputs = [Var(f"y{position}") for position in range(len(indices))]
    inverse = inverse_affine_iter_map(found.indices, outputs)
    for point in points(space, TRUE):
        given_values = dict(zip(outputs, [value_of(e, point) for e in indices], strict=True))
        for var, expr in inverse.items():
            assert value_of(expr, given_values) == point[var]
        unit = [v for v in space if isinstance(space[v].extent, IntImm) and v not in inverse]
        assert all(int(space[v].extent) == 1 for v in unit)
