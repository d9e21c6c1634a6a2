"""Loops, choices, lets and other statements of loop functions, compared with IR built by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.arithmetic import const
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.structural import assert_structural_equal
from pellucid.script import from_source
from pellucid.tir.buffer import BufferLoad, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import (
    AssertStmt,
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
    seq,
)


def body(text: str, header: str = "n: T.int32, A: T.Buffer((16,), 'float32')", **host: Any) -> Stmt:
    """The body of a function written as `text`."""
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    source = f"@T.prim_func\ndef main({header}):\n{lines}\n"
    return from_source(source, host, check_well_formed=False).body


def test_range_is_a_serial_loop() -> None:
    loop = body("for i in range(16):\n    A[i] = 0")
    A, i = decl_buffer((16,), name="A"), Var("i")
    n = Var("n")
    handle = Var("A_handle", "handle")
    expected = PrimFunc(
        [n, handle],
        For(i, 0, 16, ForKind.SERIAL, BufferStore(A, const(0.0), [i])),
        None,
        {handle: A},
        {"global_symbol": "main"},
    )
    func = from_source(
        "@T.prim_func\ndef main(n: T.int32, A: T.Buffer((16,), 'float32')):\n"
        "    for i in range(16):\n        A[i] = 0\n"
    )
    assert_structural_equal(func, expected)
    assert isinstance(loop, For)
    assert loop.loop_var.name == "i"


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("range(16)", ForKind.SERIAL),
        ("T.serial(16)", ForKind.SERIAL),
        ("T.serial(0, 16)", ForKind.SERIAL),
        ("T.parallel(16)", ForKind.PARALLEL),
        ("T.vectorized(16)", ForKind.VECTORIZED),
        ("T.unroll(16)", ForKind.UNROLLED),
        ("T.grid(16)", ForKind.SERIAL),
        ('T.thread_binding(16, thread="threadIdx.x")', ForKind.THREAD_BINDING),
        ('T.thread_binding(16, "threadIdx.x")', ForKind.THREAD_BINDING),
        ('T.thread_binding(0, 16, "threadIdx.x")', ForKind.THREAD_BINDING),
    ],
)
def test_loop_kinds(spelling: str, kind: ForKind) -> None:
    loop = body(f"for i in {spelling}:\n    T.evaluate(i)")
    assert isinstance(loop, For)
    assert loop.kind is kind
    assert isinstance(loop.min, IntImm)
    assert isinstance(loop.extent, IntImm)
    assert (loop.min.value, loop.extent.value) == (0, 16)
    if kind is ForKind.THREAD_BINDING:
        assert isinstance(loop.thread_binding, IterVar)
        assert loop.thread_binding.thread_tag == "threadIdx.x"
        assert loop.thread_binding.iter_type == IterVar.ThreadIndex


def test_start_and_stop() -> None:
    loop = body("for i in T.serial(2, n + 2):\n    T.evaluate(i)")
    assert isinstance(loop, For)
    assert isinstance(loop.extent, Var)
    loop = body("for i in range(n, n + 4):\n    T.evaluate(i)")
    assert isinstance(loop, For)
    assert loop.extent.value == 4


def test_annotations() -> None:
    loop = body('for i in T.unroll(4, annotations={"pragma": 1}):\n    T.evaluate(i)')
    assert isinstance(loop, For)
    assert dict(loop.annotations.items()) == {"pragma": 1}


def test_grid_nests_and_keeps_each_dtype() -> None:
    outer = body("m = T.int64()\nfor i, j in T.grid(4, m):\n    T.evaluate(i + j)")
    assert isinstance(outer, For)
    inner = outer.body
    assert isinstance(inner, For)
    assert (outer.loop_var.dtype, inner.loop_var.dtype) == ("int32", "int64")
    assert inner.body.value.dtype == "int64"


def test_grid_under_one_name_or_with_a_star() -> None:
    outer = body("for ij in T.grid(2, 3):\n    T.evaluate(ij[0] * 3 + ij[1])")
    assert [outer.loop_var.name, outer.body.loop_var.name] == ["ij_0", "ij_1"]
    outer = body("for i, *rest in T.grid(2, 3, 4):\n    T.evaluate(i + rest[0] + rest[1])")
    assert isinstance(outer.body.body, For)


def test_grid_with_starts() -> None:
    loop = body("for i in T.grid((2, 6)):\n    T.evaluate(i)")
    assert (loop.min.value, loop.extent.value) == (2, 4)


def test_a_loop_may_shadow_an_outer_name() -> None:
    outer = body("k = T.int64()\nfor i, k in T.grid(1, 2):\n    T.evaluate(k)")
    assert outer.body.body.value is outer.body.loop_var


def test_a_name_may_be_used_again_in_a_later_scope() -> None:
    both = body("for i in range(2):\n    T.evaluate(i)\nfor i in range(3):\n    T.evaluate(i)")
    assert isinstance(both, SeqStmt)
    assert both.seq[0].loop_var is not both.seq[1].loop_var


def test_while_if_and_assert() -> None:
    found = body(
        """
assert n > 0, "n is positive"
while A[0] < 3.0:
    A[0] += 1.0
if n < 3:
    A[1] = 1.0
elif n < 5:
    A[1] = 2.0
else:
    A[1] = 3.0
"""
    )
    assert isinstance(found, AssertStmt)
    assert found.message.value == "n is positive"
    loop, choice = found.body.seq
    assert isinstance(loop, While)
    assert isinstance(choice, IfThenElse)
    assert isinstance(choice.else_case, IfThenElse)


def test_if_on_a_host_value_is_decided_at_once() -> None:
    text = "if flag:\n    T.evaluate(1)\nelse:\n    T.evaluate(2)"
    assert body(text, flag=True).value.value == 1
    assert body(text, flag=False).value.value == 2


def test_frames_of_choices_and_loops() -> None:
    found = body(
        """
with T.If(n < 3):
    with T.Then():
        T.evaluate(1)
    with T.Else():
        T.evaluate(2)
with T.While(n < 3):
    T.evaluate(3)
"""
    )
    assert isinstance(found.seq[0], IfThenElse)
    assert found.seq[0].else_case.value.value == 2
    assert isinstance(found.seq[1], While)


def test_lets_reach_to_the_end_of_their_scope() -> None:
    found = body("T.evaluate(0)\nx = n * 2\ny: T.float32 = 1\nA[x] = y")
    assert isinstance(found, SeqStmt)
    let = found.seq[1]
    assert isinstance(let, LetStmt)
    assert let.var.name == "x"
    assert isinstance(let.body, LetStmt)
    assert let.body.var.dtype == "float32"
    assert isinstance(let.body.body, BufferStore)


def test_other_spellings_of_let() -> None:
    one = body("x: T.let[T.int32] = n + 1\nT.evaluate(x)")
    two = body("with T.LetStmt(n + 1) as x:\n    T.evaluate(x)")
    three = body("x = T.int32()\nwith T.let(x, n + 1):\n    T.evaluate(x)")
    four = body("x = T.LetStmt(n + 1)\nT.evaluate(x)")
    for each in (one, two, three, four):
        assert isinstance(each, LetStmt)
        assert each.var.name == "x"
        assert isinstance(each.body, Evaluate)
        assert each.body.value is each.var


def test_pointer_lets() -> None:
    found = body('p: T.handle("float32") = T.address_of(A[0])\nB = T.Buffer(4, data=p)\nB[0] = 1')
    assert isinstance(found, LetStmt)
    assert found.body.buffer.data is found.var


def test_augmented_assignment() -> None:
    found = body("A[n] *= 2.0")
    assert isinstance(found, BufferStore)
    assert isinstance(found.value.a, BufferLoad)
    assert found.value.a.buffer is found.buffer


def test_values_take_the_dtype_of_the_buffer() -> None:
    assert body("A[0] = 3").value.dtype == "float32"
    assert body("A[0] = n").value.dtype == "float32"
    assert body("A[0] = n < 3").value.dtype == "float32"
    wide = body("H[0] = h", "h: T.float16, H: T.Buffer(1, 'float64')")
    assert wide.value.dtype == "float64"
    low = body("B[0] = 1", "B: T.Buffer(1, 'bfloat16')")
    assert low.value.dtype == "bfloat16"


def test_vector_stores() -> None:
    assert body("A[0:8] = A[8:16]").value.dtype == "float32x8"
    assert body("A[0:8] = 1.0").value.dtype == "float32x8"
    assert body("A[0:16:2] = T.Broadcast(T.float32(1), 8)").indices[0].stride.value == 2
    assert body("A[T.Ramp(0, 1, 4)] = A[T.Ramp(4, 1, 4)]").value.dtype == "float32x4"


def test_predicated_accesses() -> None:
    found = body(
        "T.buffer_store(A, T.BufferLoad(A, [T.Ramp(0, 1, 4)], T.Broadcast(n < 3, 4)), "
        "[T.Ramp(4, 1, 4)], T.Broadcast(n < 3, 4))"
    )
    assert found.predicate.dtype == "boolx4"
    assert found.value.predicate.dtype == "boolx4"


def test_evaluate_and_bare_expressions() -> None:
    assert body("T.evaluate(1)").value.value == 1
    assert body("n + 1").value.dtype == "int32"
    assert body('T.call_packed("f", A[0])').value.op.name == "tir.call_packed"


def test_return() -> None:
    found = body("return n + 1")
    assert found.value.op.name == "tir.ret"


def test_pass_and_docstrings_are_nothing() -> None:
    empty = body('"""About the function."""\npass')
    assert isinstance(empty, Evaluate)


def test_ranges_from_their_ends() -> None:
    i, n = Var("i"), Var("n")
    assert Range(i, i + n).extent is n
    assert Range(i * 4 + 1, (i + 1) * 4).extent.value == 3
    assert seq(Evaluate(0)).value.value == 0
