"""Index maps: mapped indices, shapes, data, and inverses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.arith.evaluate import evaluate
from pellucid.ir.scalar import SizeVar, Var
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.tir import IndexMap


def values(exprs: Any) -> list[int]:
    return [each.value for each in exprs]


def test_a_split_layout() -> None:
    layout = IndexMap.from_func(lambda i, j: (i // 4, j, i % 4))
    assert values(layout.map_indices([9, 2])) == [2, 2, 1]
    i, j = Var("i"), Var("j")
    assert structural_equal(tuple(layout.map_indices([i, j])), (i // 4, j, i % 4))
    assert values(layout.map_shape([16, 8])) == [4, 8, 4]
    assert values(layout.map_shape([14, 8])) == [4, 8, 4]
    back = layout.inverse([16, 8])
    expected = IndexMap.from_func(lambda a, b, c: (a * 4 + c, b))
    assert structural_equal(back, expected)


def test_data_goes_there_and_back() -> None:
    layout = IndexMap.from_func(lambda i, j, k: (i // 4, j, k // 16, i % 4, k % 16))
    array = np.arange(16 * 8 * 64).reshape(16, 8, 64)
    moved = layout.map_ndarray(array)
    assert moved.shape == (4, 8, 4, 4, 16)
    assert np.array_equal(layout.inverse(array.shape).map_ndarray(moved), array)


SIZES = st.sampled_from([2, 3, 4])


@given(st.data())
@settings(max_examples=60)
def test_inverses_of_splits_joins_and_permutations(data: Any) -> None:
    factors = data.draw(st.lists(SIZES, min_size=1, max_size=4))
    # Each digit of each axis, some joined again, in some order.
    axes = [(factors[0] * factors[-1]), factors[0]]
    order = data.draw(st.permutations([0, 1, 2]))

    def mapping(i: Any, j: Any) -> Any:
        parts = [i // factors[-1], i % factors[-1], j]
        picked = [parts[n] for n in order]
        if data_join:
            extents = [factors[0], factors[-1], factors[0]]
            return (picked[0] * extents[order[1]] + picked[1], picked[2])
        return picked

    data_join = data.draw(st.booleans())
    layout = IndexMap.from_func(mapping)
    back = layout.inverse(axes)
    for i in range(axes[0]):
        for j in range(axes[1]):
            point = dict(zip(layout.initial_indices, (i, j), strict=True))
            there = [evaluate(each, point) for each in layout.final_indices]
            point = dict(zip(back.initial_indices, there, strict=True))
            assert [evaluate(each, point) for each in back.final_indices] == [i, j]


def test_what_has_no_inverse_says_so() -> None:
    with pytest.raises(UnsupportedError) as caught:
        IndexMap.from_func(lambda i: (i // 2,)).inverse([8])
    assert caught.value.message == "The inverse of this index map cannot be computed."
    assert caught.value.cure == "pass inverse_index_map"
    given_one = IndexMap.from_func(lambda i: (i * i,), inverse_index_map=lambda a: (a,))
    assert given_one.inverse([8]) is given_one.inverse_index_map
    with pytest.raises(UnsupportedError, match="an extent is symbolic"):
        IndexMap.from_func(lambda i: (i,)).inverse([SizeVar("n", "int64")])


def test_symbolic_shapes() -> None:
    n = SizeVar("n", "int64")
    layout = IndexMap.from_func(lambda i, j: (j, i))
    assert layout.map_shape([n, 4])[1] is n


def test_functions_of_many_indices() -> None:
    layout = IndexMap.from_func(lambda i, *rest: (*rest, i), ndim=3)
    assert [each.name for each in layout.initial_indices] == ["i", "rest_0", "rest_1"]
    with pytest.raises(TypeMismatchError, match="pass ndim"):
        IndexMap.from_func(lambda *all_of_them: all_of_them)
    with pytest.raises(TypeMismatchError, match="takes another number of indices"):
        IndexMap.from_func(lambda i: i, ndim=2)


def test_separators() -> None:
    layout, separators = IndexMap.from_func_with_separators(
        lambda i, j: (i, IndexMap.AXIS_SEPARATOR, j)
    )
    assert separators == [1]
    assert len(layout.final_indices) == 2
    with pytest.raises(TypeMismatchError, match="use from_func_with_separators"):
        IndexMap.from_func(lambda i, j: (i, IndexMap.AXIS_SEPARATOR, j))


def test_equivalence() -> None:
    one = IndexMap.from_func(lambda i, j: (i * 4 + j,))
    other = IndexMap.from_func(lambda a, b: (b + a * 4,))
    assert one.is_equivalent_to(other)
    assert not one.is_equivalent_to(IndexMap.from_func(lambda a, b: (a + b * 4,)))
    identity = IndexMap.from_func(lambda i: (i % 8,))
    assert identity.is_equivalent_to(IndexMap.from_func(lambda i: (i,)), [8])
    assert IndexMap.from_func(lambda i, j: (i, j)).is_identity()
