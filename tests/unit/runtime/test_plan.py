"""Signatures and plans: JSON keeps them; a plan that reads what is not written is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.runtime.dims import Dim
from pellucid.runtime.kernel import (
    Kernel,
    host_target,
    kernel_from_json,
    kernel_to_json,
    target_from_json,
    target_to_json,
)
from pellucid.runtime.plan import (
    STEPS,
    Alloc,
    CallClosure,
    CallGraph,
    CallKernel,
    CallPacked,
    CheckBound,
    CheckInfo,
    Const,
    Copy,
    GetItem,
    GraphPlan,
    If,
    Literal,
    MakeClosure,
    MakePrim,
    MakeShape,
    MakeTuple,
    MatchShape,
    View,
    check_plan,
    plan_from_json,
    plan_to_json,
    walk,
)
from pellucid.runtime.plan_text import plan_text
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
    signature_from_json,
    signature_to_json,
)
from pellucid.support.errors import ArtifactError

X = Signature("main", (TensorSpec("x", "float32", ("n", 4)),))
EVERY_STEP = GraphPlan(
    name="main",
    signature=X,
    registers=20,
    steps=(
        MatchShape(0, ("n", ("const", 4)), "match_cast of lv"),
        CheckInfo(0, TensorSpec("x", None, None, ndim=2), "argument x"),
        MakeShape(1, ("n", ("add", "n", 1))),
        MakePrim(2, "int64", ("mul", "n", 2)),
        Const(3, 0),
        Literal(4, "float32"),
        Alloc(5, ("n",), "float32", ("mul", "n", 4)),
        Alloc(6, (), "bool"),
        CallKernel("k", (0, 5), ("n",)),
        CallPacked("env.f", (0, 6), None, True),
        CallPacked("env.g", (0,), 7, False),
        CallGraph("main", (0,), 8),
        MakeTuple(9, (7, 8)),
        GetItem(10, 9, 1),
        If(6, (Literal(11, 1.5),), 11, (Literal(12, None),), 12, 13),
        MakeClosure(14, "main", (0,)),
        CallClosure(15, 14, ()),
        View(16, 0, (("mul", "n", 4),)),
        Copy(17, 16, (2, ("mul", "n", 2))),
        CheckBound("n", 1024, "n is larger than promised."),
    ),
    result=15,
    arena_bytes=("mul", "n", 64),
    native_symbol="__tvm_ffi_main",
    packed=("env.f", "env.g"),
)


def through_json(data: object) -> Any:
    return json.loads(json.dumps(data))


def test_json_keeps_every_step() -> None:
    assert {type(each) for each in walk(EVERY_STEP.steps)} == set(STEPS.values())
    assert plan_from_json(through_json(plan_to_json(EVERY_STEP))) == EVERY_STEP


def test_text_of_every_step() -> None:
    text = plan_text(EVERY_STEP)
    assert (
        text.splitlines()[0]
        == "graph main(x: Tensor((n, 4), float32)):  # native as __tvm_ffi_main"
    )
    assert "  %5 = alloc (n,) float32, arena at (n * 4)" in text
    assert "  packed 'env.f'(%0, %6)" in text
    assert "  if %6:\n    %11 = 1.5\n    %13 = %11\n  else:\n" in text
    assert "  %16 = view of %0 ((n * 4),)" in text
    assert "  %17 = copy of %16 (2, (n * 2))" in text
    assert "  check n <= 1024  # n is larger than promised." in text
    assert text.endswith("return %15")


def specs() -> st.SearchStrategy[Spec]:
    names = st.sampled_from(["x", "y", ""])
    dim: st.SearchStrategy[Dim] = st.one_of(
        st.integers(0, 9), st.sampled_from(["n", "m"]), st.just(("add", "n", 1))
    )
    lists = st.one_of(st.none(), st.lists(dim, max_size=3).map(tuple))
    leaves: st.SearchStrategy[Spec] = st.one_of(
        st.builds(
            TensorSpec,
            names,
            st.sampled_from([None, "float32", "bool"]),
            lists,
            lists,
            st.booleans(),
            st.sampled_from([0, 64]),
            st.integers(-1, 3),
        ),
        st.builds(ScalarSpec, names, st.just("int64"), st.one_of(st.none(), dim)),
        st.builds(ShapeSpec, names, lists, st.integers(-1, 3)),
        st.builds(AnySpec, names),
    )
    return st.recursive(
        leaves,
        lambda inner: st.builds(TupleSpec, names, st.lists(inner, max_size=3).map(tuple)),
        max_leaves=6,
    )


@given(st.lists(specs(), max_size=4), st.one_of(st.none(), specs()))
def test_json_keeps_signatures(params: list[Spec], result: Spec | None) -> None:
    signature = Signature("f", tuple(params), result)
    assert signature_from_json(through_json(signature_to_json(signature))) == signature


def test_json_keeps_kernels_and_targets() -> None:
    kernel = Kernel("k", X, "__tvm_ffi_k", ("env.f",))
    assert kernel_from_json(through_json(kernel_to_json(kernel))) == kernel
    assert target_from_json(through_json(target_to_json(host_target()))) == host_target()


def test_symbols_are_in_the_order_of_their_first_bare_use() -> None:
    signature = Signature(
        "f",
        (
            TensorSpec("x", "float32", (("add", "k", 1), "m")),
            TupleSpec("t", (ShapeSpec("s", ("n", "m")), ScalarSpec("i", "int64", "k"))),
            TensorSpec("y", "float32", ("n", 3), strides=("s0", 1)),
        ),
    )
    assert signature.symbols() == ("m", "n", "k", "s0")


@pytest.mark.parametrize(
    ("steps", "result", "message"),
    [
        ((), 1, "register 1 is read before it is written"),
        ((Literal(0, 1),), 0, "register 0 is written twice"),
        ((Literal(7, 1),), 7, "register 7 is written, but there are 3"),
        ((MakeTuple(1, (2,)), Literal(2, 1)), 1, "register 2 is read before it is written"),
        ((If(0, (), 0, (Literal(1, 1),), 2, 2),), 2, "register 2 is read before it is written"),
        ((If(0, (Literal(1, 1),), 1, (), 0, 2),), 1, "register 1 is read before it is written"),
    ],
)
def test_unsound_plans_are_refused(steps: Any, result: int, message: str) -> None:
    plan = GraphPlan("main", X, 3, steps, result)
    with pytest.raises(ArtifactError, match=message):
        check_plan(plan)
    with pytest.raises(ArtifactError, match=message):
        plan_from_json(through_json(plan_to_json(plan)))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("registers", -1, "expected: an integer from 0"),
        ("registers", True, "expected: an integer from 0"),
        ("steps", {}, "expected: a list"),
        ("steps", [{"step": "jump"}], "unknown step"),
        ("steps", [{"step": "const"}], "lacks the field 'dst'"),
        ("steps", [{"step": "const", "dst": 1, "index": -1}], "expected: an integer"),
        ("steps", [{"step": "literal", "dst": 1, "value": []}], "literal of an unknown kind"),
        ("steps", [{"step": "make_tuple", "dst": 1, "regs": ["a"]}], "names a register"),
        ("packed", [1], "a list of strings"),
        ("name", None, "expected: a string"),
        ("arena_bytes", [], "not well formed"),
        ("signature", 3, "is not an object"),
    ],
)
def test_malformed_plans_are_refused(key: str, value: object, message: str) -> None:
    data = {**plan_to_json(EVERY_STEP), key: value}
    with pytest.raises(ArtifactError, match=message):
        plan_from_json(data)
