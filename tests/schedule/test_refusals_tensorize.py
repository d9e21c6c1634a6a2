"""What an intrinsic's description and a program may differ in: one pair for each kind."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.script import tir as T
from pellucid.support.errors import ScheduleError
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


@T.prim_func
def scaled(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def summed(A: T.Buffer((8,)), B: T.Buffer((1,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:1])
        for k in range(8):
            with T.block("B"):
                vk = T.axis.reduce(8, k)
                with T.init():
                    B[0] = 0.0
                B[0] = B[0] + A[vk]


@T.prim_func
def smoothed(A: T.Buffer((9,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:9])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + A[vi + 1]


@T.prim_func
def counted(B: T.Buffer((8,), "int32")) -> None:
    with T.block("root"):
        T.reads()
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = vi


@T.prim_func
def paired(A: T.Buffer((8,)), B: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8], C[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
                C[vi] = A[vi]


@T.prim_func
def rooted(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = T.call_extern("float32", "root", A[vi])


@T.prim_func
def chosen(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                if vi < 5:
                    B[vi] = A[vi]


NAMES = {
    each.attrs["global_symbol"]: f"test.more_{each.attrs['global_symbol']}"
    for each in (scaled, summed, smoothed, counted, paired, rooted, chosen)
}
for each in (scaled, summed, smoothed, counted, paired, rooted, chosen):
    tir.TensorIntrin.register(NAMES[each.attrs["global_symbol"]], each, each, override=True)


@T.prim_func
def shorter(A: T.Buffer((4,)), B: T.Buffer((4,))) -> None:
    with T.block("own"):
        T.reads(A[0:4])
        T.writes(B[0:4])
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def later(A: T.Buffer((9,)), B: T.Buffer((9,))) -> None:
    with T.block("own"):
        T.reads(A[1:9])
        T.writes(B[1:9])
        for i in range(1, 9):
            with T.block("B"):
                vi = T.axis.spatial((1, 9), i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def no_loop(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0])
        T.writes(B[0])
        B[0] = A[0] * 2.0


@T.prim_func
def no_block(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            B[i] = A[i] * 2.0


@T.prim_func
def two_variables(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                vj = T.axis.spatial(1, 0)
                B[vi + vj] = A[vi] * 2.0


@T.prim_func
def other_way_round(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, 7 - i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def some_of_them(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                T.where(i < 5)
                B[vi] = A[vi] * 2.0


@T.prim_func
def in_order(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.scan(8, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def larger_domain(A: T.Buffer((9,)), B: T.Buffer((9,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(9, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def added(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + 2.0


@T.prim_func
def tripled(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 3.0


@T.prim_func
def wider(A: T.Buffer((8,), "float64"), B: T.Buffer((8,), "float64")) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * T.float64(2)


@T.prim_func
def scalar_operand(A: T.Buffer(()), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[()])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[()] * 2.0


@T.prim_func
def strided(A: T.Buffer((16,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:16])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi * 2] * 2.0


@T.prim_func
def gap(A: T.Buffer((10,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:10])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + A[vi + 2]


@T.prim_func
def two_operands(A: T.Buffer((9,)), D: T.Buffer((9,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8], D[1:9])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + D[vi + 1]


@T.prim_func
def no_init(A: T.Buffer((8,)), B: T.Buffer((1,))) -> None:
    with T.block("own"):
        T.reads(A[0:8], B[0])
        T.writes(B[0])
        for k in range(8):
            with T.block("B"):
                vk = T.axis.reduce(8, k)
                B[0] = B[0] + A[vk]


@T.prim_func
def from_one(A: T.Buffer((8,)), B: T.Buffer((1,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0])
        for k in range(8):
            with T.block("B"):
                vk = T.axis.reduce(8, k)
                with T.init():
                    B[0] = 1.0
                B[0] = B[0] + A[vk]


@T.prim_func
def counted_elsewhere(B: T.Buffer((8,), "int32"), n: T.int32) -> None:
    with T.block("own"):
        T.reads()
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = n


@T.prim_func
def three_stores(
    A: T.Buffer((8,)), B: T.Buffer((8,)), C: T.Buffer((8,)), D: T.Buffer((8,))
) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8], C[0:8], D[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
                C[vi] = A[vi]
                D[vi] = A[vi]


@T.prim_func
def two_arguments(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = T.call_extern("float32", "root", A[vi], A[vi])


@T.prim_func
def other_function(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = T.call_extern("float32", "roof", A[vi])


@T.prim_func
def two_branches(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("own"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                if vi < 5:
                    B[vi] = A[vi]
                else:
                    B[vi] = 0.0


@pytest.mark.parametrize(
    ("program", "intrin", "found"),
    [
        (shorter, "scaled", "for i in range(4):"),
        (later, "scaled", "for i in range(1, 9):"),
        (no_loop, "scaled", "B[0] = A[0] * T.float32(2)"),
        (no_block, "scaled", "B[i] = A[i] * T.float32(2)"),
        (two_variables, "scaled", 'with T.block("B"):'),
        (other_way_round, "scaled", 'with T.block("B"):'),
        (some_of_them, "scaled", 'with T.block("B"):'),
        (in_order, "scaled", 'with T.block("B"):'),
        (larger_domain, "scaled", 'with T.block("B"):'),
        (added, "scaled", "A[vi] + T.float32(2)"),
        (tripled, "scaled", "T.float32(3)"),
        (wider, "scaled", "B[vi] = A[vi] * T.float64(2)"),
        (scalar_operand, "scaled", "A[()]"),
        (strided, "scaled", "A[vi * 2]"),
        (gap, "smoothed", "A[vi + 2]"),
        (two_operands, "smoothed", "D[vi + 1]"),
        (no_init, "summed", 'with T.block("B"):'),
        (from_one, "summed", "T.float32(1)"),
        (counted_elsewhere, "counted", "n"),
        (three_stores, "paired", "B[vi] = A[vi]"),
        (two_arguments, "rooted", 'T.call_extern("float32", "root", A[vi], A[vi])'),
        (other_function, "rooted", '"roof"'),
        (two_branches, "chosen", "if vi < 5:"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_programs_that_differ_from_the_description(program: Any, intrin: str, found: str) -> None:
    error = refused(
        program,
        lambda sch: lambda: sch.tensorize("own", NAMES[intrin]),
        "`tensorize` cannot be applied: the block 'own' does not compute what the intrinsic "
        f"{NAMES[intrin]!r} does.",
        cure="bring the loops below the block into the intrinsic's form first",
    )
    assert error.found is not None
    assert error.found.splitlines()[0] == found


@T.prim_func
def rows_of_pairs(A: T.Buffer((3, 8)), B: T.Buffer((3, 8)), C: T.Buffer((8,))) -> None:
    for row, i in T.grid(3, 8):
        with T.block("B"):
            vr, vi = T.axis.remap("SS", [row, i])
            B[vr, vi] = A[vr, vi]
            C[vi] = A[vr, vi]


@T.prim_func
def rows_of_choices(A: T.Buffer((3, 8)), B: T.Buffer((3, 8))) -> None:
    for row, i in T.grid(3, 8):
        with T.block("B"):
            vr, vi = T.axis.remap("SS", [row, i])
            if vi < 5:
                B[vr, vi] = A[vr, vi]


@pytest.mark.parametrize(
    ("program", "intrin"), [(rows_of_pairs, "paired"), (rows_of_choices, "chosen")]
)
def test_descriptions_of_several_statements(program: Any, intrin: str) -> None:
    def steps(sch: Any) -> None:
        sch.tensorize(loops(sch)[1], NAMES[intrin])
        assert len(sch.get(sch.get_block("B_o")).match_buffers) >= 2

    check(program, steps)


def test_descriptions_that_are_met() -> None:
    @T.prim_func
    def inside(A: T.Buffer((3, 16)), B: T.Buffer((3, 16))) -> None:
        for row, i in T.grid(3, 8):
            with T.block("B"):
                vr, vi = T.axis.remap("SS", [row, i])
                B[vr, vi + 5] = A[vr, vi + 2] * 2.0

    @T.prim_func
    def expected(A: T.Buffer((3, 16)), B: T.Buffer((3, 16))) -> None:
        for row in range(3):
            with T.block("B_o"):
                vr_o = T.axis.spatial(3, row)
                vi_o = T.axis.spatial(1, 0)
                T.reads(A[vr_o, 2:10])
                T.writes(B[vr_o, 5:13])
                X = T.match_buffer(A[vr_o, 2:10], (8,))
                Y = T.match_buffer(B[vr_o, 5:13], (8,))
                for i in range(8):
                    with T.block("B"):
                        vi = T.axis.spatial(8, i)
                        T.reads(X[vi])
                        T.writes(Y[vi])
                        Y[vi] = X[vi] * 2.0

    check(inside, lambda sch: sch.tensorize(loops(sch)[1], NAMES["scaled"], False), expected)


@T.prim_func
def longer(A: T.Buffer((9,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0


@T.prim_func
def with_number(n: T.int32, B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads()
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = 2.0


@pytest.mark.parametrize(
    ("desc", "impl", "sentence", "found"),
    [
        (
            scaled,
            paired,
            "Description and implementation differ in their number of parameters.",
            "2 and 3",
        ),
        (with_number, scaled, "The parameters of a tensor intrinsic are buffers.", "n"),
        (scaled, with_number, "The parameters of a tensor intrinsic are buffers.", "n"),
        (
            scaled,
            longer,
            "Description and implementation differ in the buffer 'A'.",
            "float32[8] and float32[9]",
        ),
    ],
)
def test_descriptions_and_implementations_that_do_not_fit(
    desc: Any, impl: Any, sentence: str, found: str
) -> None:
    with pytest.raises(ScheduleError) as caught:
        tir.TensorIntrin(desc, impl)
    assert caught.value.message == sentence
    assert caught.value.found == found
