"""Annotations are honoured, refused, or notes; pragmas about unrolling take effect."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.driver.build import build
from pellucid.driver.pipeline import lower
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.script import tir as T
from pellucid.support.errors import UnsupportedError
from pellucid.tir import transform
from pellucid.tir.schedule import Schedule
from pellucid.tir.stmt import AttrStmt, For, ForKind
from pellucid.tir.transform.auto_unroll import verify_no_unroll_pragma


@T.prim_func
def double(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32")):
    for i, j in T.grid(8, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)


def annotated(key, value, *, loop=False):
    sch = Schedule(double)
    block = sch.get_block("B")
    sch.annotate(sch.get_loops(block)[0] if loop else block, key, value)
    return sch.mod


def kinds(mod) -> dict[str, ForKind]:
    return {n.loop_var.name: n.kind for n in pre_order(mod["main"].body) if isinstance(n, For)}


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize(
    "key",
    [
        "software_pipeline_stage",
        "software_pipeline_order",
        "software_pipeline_async_stages",
        "double_buffer_scope",
        "double_buffer_write",
        "pragma_unrol_explicit",
        "pragma_anything",
    ],
)
def test_what_nothing_honours_is_refused(key, loop):
    with pytest.raises(UnsupportedError) as caught:
        build(annotated(key, 1, loop=loop))
    what = "loop 'i'" if loop else "block 'B'"
    assert caught.value.message == (
        f"The annotation {key!r} of the {what} asks for something that is not done here."
    )
    assert "^" in str(caught.value)
    assert caught.value.cure


def test_a_misspelt_pragma_has_a_cure():
    with pytest.raises(UnsupportedError) as caught:
        build(annotated("pragma_unrol_explicit", 1))
    assert "pragma_unroll_explicit" in str(caught.value.cure)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "pragma_auto_unroll_max_step",
            -1,
            "The annotation 'pragma_auto_unroll_max_step' of the block 'B' is a number that is "
            "not negative.",
        ),
        (
            "pragma_unroll_explicit",
            "yes",
            "The annotation 'pragma_unroll_explicit' of the block 'B' is a number that is not "
            "negative.",
        ),
        (
            "pragma_import_llvm",
            3,
            "The annotation 'pragma_import_llvm' of the block 'B' is the text of an LLVM module.",
        ),
    ],
)
def test_values_are_checked(key, value, message):
    with pytest.raises(UnsupportedError) as caught:
        build(annotated(key, value))
    assert caught.value.message == message


@pytest.mark.parametrize("loop", [False, True])
def test_other_keys_are_notes(loop):
    a = np.arange(32, dtype="float32").reshape(8, 4)
    b = np.zeros_like(a)
    build(annotated("my.note", "anything", loop=loop))(a, b)
    np.testing.assert_array_equal(b, 2 * a)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (3, (ForKind.SERIAL, ForKind.SERIAL)),
        (4, (ForKind.SERIAL, ForKind.UNROLLED)),
        (31, (ForKind.SERIAL, ForKind.UNROLLED)),
        (32, (ForKind.UNROLLED, ForKind.UNROLLED)),
    ],
)
def test_loops_unroll_up_to_the_number_of_steps(steps, expected):
    mod = lower(annotated("pragma_auto_unroll_max_step", steps, loop=True))
    assert tuple(kinds(mod).values()) == expected
    verify_no_unroll_pragma(mod["main"])


def test_llvm_may_be_left_the_choice():
    sch = Schedule(double)
    (loop, _) = sch.get_loops(sch.get_block("B"))
    sch.annotate(loop, "pragma_auto_unroll_max_step", 64)
    sch.annotate(loop, "pragma_unroll_explicit", 0)
    mod = lower(sch.mod)
    assert set(kinds(mod).values()) == {ForKind.SERIAL}
    assert not any(isinstance(node, AttrStmt) for node in pre_order(mod["main"].body))


def test_pragmas_of_a_root_block_hold_for_all_loops():
    @T.prim_func
    def before(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        with T.block("root"):
            T.reads()
            T.writes()
            T.block_attr({"pragma_auto_unroll_max_step": 8})
            for i in range(4):
                with T.block("b"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi]
            for j in range(16):
                with T.block("c"):
                    vi = T.axis.spatial(4, j // 4)
                    T.reads(A[vi])
                    T.writes(B[vi])
                    B[vi] = A[vi]

    found = kinds(lower(IRModule({"main": before})))
    assert found == {"i": ForKind.UNROLLED, "j": ForKind.SERIAL}


def test_a_loop_around_one_that_stays_is_not_unrolled():
    @T.prim_func
    def before(A: T.Buffer((4, 100), "float32")):
        with T.attr("x", "pragma_auto_unroll_max_step", 16):
            for i in range(4):
                for j in range(100):
                    A[i, j] = T.float32(1)

    @T.prim_func
    def after(A: T.Buffer((4, 100), "float32")):
        for i in range(4):
            for j in range(100):
                A[i, j] = T.float32(1)

    def bare(func):
        return func.without_attr("global_symbol")

    mod = transform.AutoUnroll()(IRModule({"main": before}))
    assert_structural_equal(bare(mod["main"]), bare(after))


def test_a_pragma_on_a_loop_that_runs_once_is_not_lost():
    sch = Schedule(double)
    i, _ = sch.get_loops(sch.get_block("B"))
    unit = sch.add_unit_loop(i)
    sch.annotate(unit, "pragma_auto_unroll_max_step", 64)
    assert set(kinds(lower(sch.mod)).values()) == {ForKind.UNROLLED}


def test_checking_changes_nothing():
    mod = annotated("my.note", 1)
    assert transform.CheckAnnotations()(mod)["main"] is mod["main"]


@pytest.mark.parametrize("key", ["virtual_thread", "thread_extent"])
def test_threads_of_other_machines_are_refused(key):
    @T.prim_func
    def func(A: T.Buffer((4,), "float32")):
        v = T.env_thread("vthread")
        with T.attr(v, key, 4):
            A[v] = T.float32(1)

    with pytest.raises(UnsupportedError) as caught:
        build(func)
    assert f"func: {key!r} launches threads, which a processor has not" in caught.value.message


@pytest.mark.parametrize("key", ["pragma_anything", "double_buffer_scope"])
def test_statements_that_ask_for_more_are_refused(key):
    @T.prim_func
    def func(A: T.Buffer((4,), "float32")):
        with T.attr("x", key, 1):
            A[0] = T.float32(1)

    with pytest.raises(UnsupportedError) as caught:
        build(func)
    assert f"func: the attribute {key!r} is not known" in caught.value.message
