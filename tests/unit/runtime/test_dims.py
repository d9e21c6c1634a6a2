"""Dimensions: evaluation agrees with Python, JSON keeps them, malformed data is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.runtime import dims
from pellucid.runtime.dims import Dim
from pellucid.support.errors import ArtifactError, InternalError

NAMES = ("n", "m")
ARITHMETIC = ("add", "sub", "mul", "floordiv", "floormod", "min", "max", "eq", "lt", "ge")


def trees() -> st.SearchStrategy[Dim]:
    leaves = st.one_of(
        st.integers(-5, 9),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES).map(lambda name: ("var", name)),
        st.integers(-5, 9).map(lambda value: ("const", value)),
    )

    def grow(inner: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
        return st.one_of(
            st.tuples(st.sampled_from(ARITHMETIC), inner, inner),
            st.tuples(st.just("neg"), inner),
            st.tuples(st.just("select"), inner, inner, inner),
        )

    return st.recursive(leaves, grow, max_leaves=12)


@given(trees(), st.integers(0, 7), st.integers(1, 7))
def test_evaluation_is_that_of_the_shown_text(tree: Dim, n: int, m: int) -> None:
    scope = {"n": n, "m": m, "min": min, "max": max, "select": lambda c, a, b: a if c else b}
    try:
        expected = int(eval(dims.show(tree), {"__builtins__": {}}, scope))
    except ZeroDivisionError:
        return
    assert dims.evaluate(tree, {"n": n, "m": m}) == expected


def test_truth_values_are_0_and_1() -> None:
    assert dims.evaluate(("and", 2, 3), {}) == 1
    assert dims.evaluate(("or", 0, 0), {}) == 0
    assert dims.evaluate(("not", 5), {}) == 0
    assert dims.evaluate(("select", ("lt", 1, 2), 7, ("floordiv", 1, 0)), {}) == 7


@given(trees())
def test_json_round_trip(tree: Dim) -> None:
    assert dims.from_json(json.loads(json.dumps(dims.to_json(tree)))) == tree


@given(trees())
def test_names_are_those_that_evaluation_needs(tree: Dim) -> None:
    used = set(dims.names(tree))
    assert used <= set(NAMES)
    if not used:
        try:
            dims.evaluate(tree, {})
        except ZeroDivisionError:
            return


def test_an_unbound_name_is_a_defect() -> None:
    with pytest.raises(InternalError, match="'n' is used before it is bound"):
        dims.evaluate(("add", "n", 1), {"m": 1})


@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        1.5,
        2**63,
        [],
        ["add", 1],
        ["unknown", 1, 2],
        ["var", 3],
        ["const", "n"],
        ["const", True],
        {"add": 1},
        [["add"], 1, 2],
    ],
)
def test_malformed_data_is_refused(data: object) -> None:
    with pytest.raises(ArtifactError, match="not well formed"):
        dims.from_json(data)


def test_the_size_is_bounded() -> None:
    wide: object = 1
    for _ in range(12):
        wide = ["add", wide, wide]
    deep: object = 1
    for _ in range(300):
        deep = ["neg", deep]
    for data in (wide, deep):
        with pytest.raises(ArtifactError, match="too large"):
            dims.from_json(data)
