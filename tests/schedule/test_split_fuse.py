"""split and fuse."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.script import tir as T
from pellucid.tir.schedule import Schedule, ScheduleError
from tests.schedule.harness import bare, check, refused
from tests.schedule.programs import elementwise, loops, matmul


@T.prim_func
def symbolic(a: T.handle, b: T.handle) -> None:
    n = T.int64()
    A = T.match_buffer(a, (n, 8))
    B = T.match_buffer(b, (n, 8))
    for i, j in T.grid(n, T.int64(8)):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0


def test_split_that_divides() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i, j_0, j_1, j_2 in T.grid(6, 3, 5, 2):
            with T.block("B"):
                vi = T.axis.spatial(6, i)
                vj = T.axis.spatial(30, j_0 * 10 + j_1 * 2 + j_2)
                B[vi, vj] = A[vi, vj] * 2.0

    check(elementwise, lambda s: s.split(loops(s)[1], [3, None, 2]), expected)


def test_split_that_does_not_divide() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i, j_0, j_1 in T.grid(6, 8, 4):
            with T.block("B"):
                vi = T.axis.spatial(6, i)
                vj = T.axis.spatial(30, j_0 * 4 + j_1)
                T.where(j_0 * 4 + j_1 < 30)
                B[vi, vj] = A[vi, vj] * 2.0

    check(elementwise, lambda s: s.split(loops(s)[1], [None, 4]), expected)


def test_split_with_factors_that_reach_further() -> None:
    def steps(sch: Any) -> None:
        outer, inner = sch.split(loops(sch)[1], [5, 7])
        sch.split(inner, [None, 2])
        sch.split(outer, [2, None])

    check(elementwise, steps)


def test_split_of_a_symbolic_loop() -> None:
    @T.prim_func
    def expected(a: T.handle, b: T.handle) -> None:
        n = T.int64()
        A = T.match_buffer(a, (n, 8))
        B = T.match_buffer(b, (n, 8))
        for i_0, i_1, j in T.grid((n + T.int64(3)) // T.int64(4), T.int64(4), T.int64(8)):
            with T.block("B"):
                vi = T.axis.spatial(n, i_0 * T.int64(4) + i_1)
                vj = T.axis.spatial(T.int64(8), j)
                T.where(i_0 * T.int64(4) + i_1 < n)
                B[vi, vj] = A[vi, vj] * 2.0

    check(symbolic, lambda s: s.split(loops(s)[0], [None, 4]), expected, sizes={"n": 7})


def test_unit_factors_stay_or_go() -> None:
    @T.prim_func
    def kept(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i_0, i_1, j in T.grid(1, 6, 30):
            with T.block("B"):
                vi = T.axis.spatial(6, i_0 * 6 + i_1)
                vj = T.axis.spatial(30, j)
                B[vi, vj] = A[vi, vj] * 2.0

    @T.prim_func
    def gone(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for _, i_1, j in T.grid(1, 6, 30):
            with T.block("B"):
                vi = T.axis.spatial(6, i_1)
                vj = T.axis.spatial(30, j)
                B[vi, vj] = A[vi, vj] * 2.0

    check(elementwise, lambda s: s.split(loops(s)[0], [1, 6]), kept)
    check(elementwise, lambda s: s.split(loops(s)[0], [1, 6], preserve_unit_iters=False), gone)


def test_split_of_a_reduction_keeps_its_init() -> None:
    def steps(sch: Any) -> None:
        i, _, k = loops(sch, "C")
        sch.split(k, [None, 4])
        sch.split(i, [4, None])

    check(matmul, steps)


def test_split_without_predicate() -> None:
    @T.prim_func
    def wide(A: T.Buffer((32,)), B: T.Buffer((32,))) -> None:
        for i in range(30):
            with T.block("B"):
                vi = T.axis.spatial(32, i)
                B[vi] = A[vi] * 2.0

    @T.prim_func
    def expected(A: T.Buffer((32,)), B: T.Buffer((32,))) -> None:
        for i_0, i_1 in T.grid(8, 4):
            with T.block("B"):
                vi = T.axis.spatial(32, i_0 * 4 + i_1)
                B[vi] = A[vi] * 2.0

    sch = Schedule(wide)
    sch.split(loops(sch)[0], [None, 4], disable_predication=True)
    assert_structural_equal(bare(sch.mod), bare(IRModule({"main": expected})))


def test_kinds_of_split_loops() -> None:
    def steps(sch: Any) -> None:
        i, j = loops(sch)
        sch.parallel(i)
        sch.vectorize(j)
        outer, inner = sch.split(i, [2, 3])
        assert [sch.get(each).kind.name for each in (outer, inner)] == ["PARALLEL", "SERIAL"]
        outer, inner = sch.split(j, [15, 2])
        assert [sch.get(each).kind.name for each in (outer, inner)] == ["SERIAL", "VECTORIZED"]

    check(elementwise, steps)


def test_fuse() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i_j_fused in range(180):
            with T.block("B"):
                vi = T.axis.spatial(6, i_j_fused // 30)
                vj = T.axis.spatial(30, i_j_fused % 30)
                B[vi, vj] = A[vi, vj] * 2.0

    check(elementwise, lambda s: s.fuse(*loops(s)), expected)


def test_fuse_takes_split_back() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i_0_i_1_fused, j in T.grid(6, 30):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i_0_i_1_fused, j])
                B[vi, vj] = A[vi, vj] * 2.0

    check(elementwise, lambda s: s.fuse(*s.split(loops(s)[0], [2, 3])), expected)


@pytest.mark.parametrize("factors", [[None, 12], [None, 20], [3, None, 4]])
def test_split_of_fused_loops_keeps_the_fused_index_together(factors: list[Any]) -> None:
    sch = check(elementwise, lambda s: s.split(s.fuse(*loops(s)), factors))
    index = {
        12: "i_j_fused_0 * 12 + i_j_fused_1",
        20: "i_j_fused_0 * 20 + i_j_fused_1",
        4: "i_j_fused_0 * 60 + i_j_fused_1 * 4 + i_j_fused_2",
    }[factors[-1]]
    text = sch.mod.script()
    assert f"vi = T.axis.spatial(6, ({index}) // 30)" in text
    assert f"vj = T.axis.spatial(30, ({index}) % 30)" in text


@pytest.mark.parametrize(
    ("size", "extent"),
    [
        (4, "n * T.int64(2)"),
        (16, "(n * T.int64(8) + T.int64(15)) // T.int64(16)"),
        (6, "(n * T.int64(8) + T.int64(5)) // T.int64(6)"),
    ],
)
def test_split_of_fused_symbolic_loops(size: int, extent: str) -> None:
    sch = check(symbolic, lambda s: s.split(s.fuse(*loops(s)), [None, size]), sizes={"n": 5})
    assert f"in T.grid({extent}, T.int64({size})):" in sch.mod.script()


def test_split_with_a_rest_keeps_the_index_together() -> None:
    def steps(sch: Any) -> None:
        _, inner = sch.split(loops(sch)[1], [None, 7])
        sch.split(inner, [2, 4])

    text = check(elementwise, steps).mod.script()
    assert "vj = T.axis.spatial(30, j_0 * 7 + (j_1_0 * 4 + j_1_1))" in text


def test_fuse_joins_digits_of_one_index() -> None:
    @T.prim_func
    def before(A: T.Buffer((12, 30)), B: T.Buffer((12, 30))) -> None:
        for i, j in T.grid(6, 60):
            with T.block("B"):
                vi = T.axis.spatial(12, i * 2 + j // 30)
                vj = T.axis.spatial(30, j % 30)
                B[vi, vj] = A[vi, vj] * 2.0

    text = check(before, lambda s: s.fuse(*loops(s))).mod.script()
    assert "vi = T.axis.spatial(12, i_j_fused // 30)" in text


def test_fuse_of_four_writes_digits_in_the_normal_form() -> None:
    @T.prim_func
    def before(B: T.Buffer((2, 3, 4, 5))) -> None:
        for i, j, k, l in T.grid(2, 3, 4, 5):  # noqa: E741
            with T.block("B"):
                vi, vj, vk, vl = T.axis.remap("SSSS", [i, j, k, l])
                B[vi, vj, vk, vl] = T.cast(vi * 60 + vj * 20 + vk * 5 + vl, "float32")

    @T.prim_func
    def expected(B: T.Buffer((2, 3, 4, 5))) -> None:
        for f in range(120):
            with T.block("B"):
                vi = T.axis.spatial(2, f // 60)
                vj = T.axis.spatial(3, f % 60 // 20)
                vk = T.axis.spatial(4, f % 20 // 5)
                vl = T.axis.spatial(5, f % 5)
                B[vi, vj, vk, vl] = T.cast(vi * 60 + vj * 20 + vk * 5 + vl, "float32")

    check(before, lambda s: s.fuse(*loops(s)), expected)


def _contraction(rows: int, columns: int) -> Any:
    @T.prim_func
    def main(
        A: T.Buffer((rows, 8)), B: T.Buffer((rows, columns, 8)), C: T.Buffer((rows, columns))
    ) -> None:
        for i, j, k in T.grid(rows, columns, 8):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = 0.0
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vi, vj, vk]

    return main


@T.prim_func
def symbolic_contraction(a: T.handle, b: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (4, 8))
    B = T.match_buffer(b, (4, n, 8))
    C = T.match_buffer(c, (4, n))
    for i, j, k in T.grid(4, n, 8):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vi, vj, vk]


def _lanes(sch: Any, fused: Any, k: Any) -> None:
    outer, tile, lane = sch.split(fused, [None, 2, 4])
    sch.reorder(outer, tile, k, lane)
    sch.parallel(outer)
    init = sch.decompose_reduction("C", k)
    sch.vectorize(lane)
    sch.vectorize(sch.get_loops(init)[-1])


def _parts(sch: Any, fused: Any, k: Any) -> None:
    outer, _ = sch.split(fused, [None, 4])
    part = sch.rfactor(sch.split(k, [None, 4])[1], 0)
    sch.parallel(sch.get_loops(part)[0])
    sch.parallel(outer)


@pytest.mark.parametrize("steps", [_lanes, _parts])
@pytest.mark.parametrize("shape", [(10, 10), (4, 14), (7, 9), (5, 3), None])
def test_fused_loops_of_a_reduction_are_split_anywhere(
    shape: tuple[int, int] | None, steps: Any
) -> None:
    def fused(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        steps(sch, sch.fuse(i, j), k)

    if shape is None:
        check(symbolic_contraction, fused, sizes={"n": 6})
    else:
        check(_contraction(*shape), fused)


@pytest.mark.parametrize("limit", [56, 50])
def test_elements_are_handed_over_in_like_loops_under_like_conditions(limit: int) -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 14)), C: T.Buffer((4, 14))) -> None:
        B = T.alloc_buffer((4, 14))
        for o in range(7):
            for q in range(8):
                with T.block("B"):
                    vi = T.axis.spatial(4, (o * 8 + q) // 14)
                    vj = T.axis.spatial(14, (o * 8 + q) % 14)
                    T.where(o * 8 + q < limit)
                    B[vi, vj] = A[vi, vj] * 2.0
            for q in range(8):
                with T.block("C"):
                    vi = T.axis.spatial(4, (o * 8 + q) // 14)
                    vj = T.axis.spatial(14, (o * 8 + q) % 14)
                    C[vi, vj] = B[vi, vj] + 1.0

    def parallel(sch: Any) -> Any:
        (o, _) = loops(sch)
        return lambda: sch.parallel(o)

    if limit == 56:
        check(before, lambda sch: parallel(sch)())
        return
    refused(
        before,
        parallel,
        "`parallel` cannot be applied: the block 'C' uses elements of 'B' that other iterations of "
        "the loop 'o' write.",
    )


def test_fuse_of_symbolic_loops() -> None:
    sch = check(symbolic, lambda s: s.fuse(*loops(s)), sizes={"n": 5})
    text = sch.mod["main"].script()
    assert "vi = T.axis.spatial(n, i_j_fused // T.int64(8))" in text


@pytest.mark.parametrize(
    ("factors", "message", "parts"),
    [
        ([None, -1], "more than one factor is None or -1", {"found": "None, -1"}),
        ([0, None], "a factor is no positive number", {"found": "0"}),
        ([3, -2], "a factor is no positive number", {"found": "-2"}),
        ([], "there are no factors", {}),
        (
            [3, 4],
            "the factors do not cover the loop 'j'",
            {"expected": "a product of at least 30", "found": "12"},
        ),
    ],
)
def test_split_refuses_factors(factors: Any, message: str, parts: Any) -> None:
    def steps(sch: Any) -> Any:
        j = loops(sch)[1]
        return lambda: sch.split(j, factors)

    refused(elementwise, steps, f"`split` cannot be applied: {message}.", **parts)


def test_split_refuses_loops() -> None:
    @T.prim_func
    def shifted(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
        for i in range(2, 8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]

    def annotated(sch: Any) -> Any:
        i = loops(sch)[0]
        sch.annotate(i, "pragma", 1)
        return lambda: sch.split(i, [None, 2])

    def bound(sch: Any) -> Any:
        i = loops(sch)[0]
        sch.bind(i, "threadIdx.x")
        return lambda: sch.split(i, [None, 2])

    def begins_later(sch: Any) -> Any:
        i = loops(sch)[0]
        return lambda: sch.split(i, [None, 2])

    refused(elementwise, annotated, "`split` cannot be applied: the loop 'i' has annotations.")
    refused(elementwise, bound, "`split` cannot be applied: the loop 'i' has a thread binding.")
    refused(
        shifted,
        begins_later,
        "`split` cannot be applied: the loop 'i' does not start at 0.",
        found="2",
    )


def test_gone_loops_say_who_took_them() -> None:
    def steps(sch: Any) -> Any:
        i, j = loops(sch)
        sch.fuse(i, j)
        return lambda: sch.split(i, [None, 2])

    refused(
        elementwise,
        steps,
        "`split` cannot be applied: the loop 'i' is gone: `fuse` consumed it.",
        cure="look it up again, with get_block or get_loops",
    )


def test_fuse_refuses() -> None:
    @T.prim_func
    def triangle(A: T.Buffer((8, 8)), B: T.Buffer((8, 8))) -> None:
        for i in range(8):
            for j in range(i + 1):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj]

    @T.prim_func
    def two(A: T.Buffer((8, 8)), B: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
        for i in range(8):
            for j in range(8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj]
            for j in range(8):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = A[vi, vj]

    def all_of(sch: Any) -> Any:
        found = loops(sch)
        return lambda: sch.fuse(*found)

    def swapped(sch: Any) -> Any:
        i, j = loops(sch)
        return lambda: sch.fuse(j, i)

    def mixed(sch: Any) -> Any:
        i, j = loops(sch)
        sch.parallel(i)
        return lambda: sch.fuse(i, j)

    refused(
        triangle,
        all_of,
        "`fuse` cannot be applied: the extent of the loop 'j' depends on an outer loop.",
        found="i + 1",
    )
    refused(
        two,
        all_of,
        "`fuse` cannot be applied: the loop 'j' is not the only thing inside the loop 'i'.",
    )
    refused(
        elementwise,
        swapped,
        "`fuse` cannot be applied: the loop 'i' is not directly inside the loop 'j'.",
    )
    refused(
        elementwise,
        mixed,
        "`fuse` cannot be applied: the loops 'i' and 'j' are of different kinds.",
        found="parallel and serial",
    )
    refused(
        elementwise,
        lambda sch: sch.fuse,
        "`fuse` cannot be applied: there are no loops to fuse.",
    )


def test_the_script_is_underlined() -> None:
    def steps(sch: Any) -> Any:
        j = loops(sch)[1]
        return lambda: sch.split(j, [3, 4])

    error = refused(
        elementwise, steps, "`split` cannot be applied: the factors do not cover the loop 'j'."
    )
    assert str(error) == (
        "`split` cannot be applied: the factors do not cover the loop 'j'.\n"
        "...\n"
        " 3 @T.prim_func\n"
        ' 4 def elementwise(A: T.Buffer((6, 30), "float32"), B: T.Buffer((6, 30), "float32")):\n'
        ' 5     # with T.block("root"):\n'
        " 6     for i, j in T.grid(6, 30):\n"
        "       ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        ' 7         with T.block("B"):\n'
        ' 8             vi, vj = T.axis.remap("SS", [i, j])\n'
        " 9             T.reads(A[vi, vj])\n"
        "...\n"
        "  expected: a product of at least 30\n"
        "  found: 12\n"
        "  cure: leave one factor open with None"
    )


def test_error_render_levels() -> None:
    for level in ("fast", "none"):
        sch = Schedule(elementwise, error_render_level=level)
        j = loops(sch)[1]
        with pytest.raises(ScheduleError) as caught:
            sch.split(j, [3, 4])
        text = str(caught.value)
        assert text.startswith("`split` cannot be applied: the factors do not cover the loop 'j'.")
        assert "T.grid" not in text
        assert ("found: 12" in text) == (level == "fast")
