"""Vectors of indices in other forms have the same lanes."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from pellucid.interp.scalar import ScalarEvaluator
from pellucid.ir import scalar as ir
from pellucid.tir.transform.ramps import as_ramp, moved, split_lanes, taken_apart

LANES = 4
X, Y = ir.Var("x", "int32"), ir.Var("y", "int32")
VALUES = {X: 5, Y: -3}


def lanes_of(expr):
    evaluator = ScalarEvaluator()
    evaluator.env.update(VALUES)
    return np.broadcast_to(np.asarray(evaluator.eval(expr)), LANES).tolist()


def number(value: int):
    return ir.IntImm("int32", value)


scalars = st.one_of(st.sampled_from([X, Y]), st.integers(-9, 9).map(number))
leaves = st.one_of(
    scalars.map(lambda v: ir.Broadcast(v, LANES)),
    st.builds(lambda b, s: ir.Ramp(b, number(s), LANES), scalars, st.integers(-3, 3)),
)


def grown(inner):
    divisors = st.integers(1, 5).map(lambda v: ir.Broadcast(number(v), LANES))
    return st.one_of(
        st.builds(ir.Add, inner, inner),
        st.builds(ir.Sub, inner, inner),
        st.builds(ir.Mul, inner, inner),
        st.builds(ir.FloorDiv, inner, divisors),
        st.builds(ir.FloorMod, inner, divisors),
    )


vectors = st.recursive(leaves, grown, max_leaves=6)


@given(vectors)
def test_other_forms_have_the_same_lanes(vector):
    expected = lanes_of(vector)
    assert lanes_of(as_ramp(vector)) == expected
    found = split_lanes(vector)
    if found is not None:
        base, offsets = found
        assert [lanes_of(base)[0] + each for each in offsets] == expected
    base, numbers, step = taken_apart(vector)
    if numbers is not None:
        assert [lanes_of(base)[0] + step * each for each in lanes_of(numbers)] == expected
    else:
        assert lanes_of(base) == expected


@given(vectors, scalars)
def test_moving(vector, distance):
    expected = [each + lanes_of(distance)[0] for each in lanes_of(vector)]
    assert lanes_of(moved(vector, distance)) == expected


def test_sums_and_products_of_ramps_are_ramps():
    ramp = ir.Ramp(X, number(2), LANES)
    total = as_ramp(ir.Add(ir.Broadcast(Y, LANES), ir.Mul(ramp, ir.Broadcast(number(3), LANES))))
    assert isinstance(total, ir.Ramp)
    assert total.stride.value == 6
    assert as_ramp(total) is total
    assert as_ramp(X) is X
    same = as_ramp(ir.Sub(ramp, ramp))
    assert isinstance(same, ir.Broadcast)


def test_tiles_are_runs():
    steps = ir.Ramp(number(0), number(1), LANES)
    two = ir.Broadcast(number(2), LANES)
    rows = ir.Mul(ir.FloorDiv(steps, two), ir.Broadcast(number(26), LANES))
    base, offsets = split_lanes(
        ir.Add(ir.Add(ir.Broadcast(X, LANES), rows), ir.FloorMod(steps, two))
    )
    assert offsets == (0, 1, 26, 27)
    assert lanes_of(base)[0] == VALUES[X]
