"""What random schedules found: steps that changed results or made ill-formed programs, and traces
that did not rebuild them.
"""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import te, tir, topi
from pellucid.script import tir as T
from pellucid.support.errors import ScheduleError
from pellucid.testing.strategies import schedule_programs as programs
from pellucid.tir.schedule import Schedule
from pellucid.tir.stmt_functor import renew_defs
from tests.schedule.harness import check, refused
from tests.schedule.programs import loops


def test_a_gone_reference_is_a_schedule_error() -> None:
    sch = Schedule(programs.elementwise)
    i, _ = loops(sch)
    sch.split(i, [2, 3])
    with pytest.raises(ScheduleError, match="the loop 'i' is gone: `split` consumed it"):
        sch.get(i)


def test_sums_are_finished_before_they_are_merged_with_their_users() -> None:
    def steps(sch: Any) -> Any:
        reduction, use = loops(sch, "S")[1], loops(sch, "D")[1]
        return lambda: sch.merge(reduction, use)

    refused(
        programs.softmax,
        steps,
        "`merge` cannot be applied: the loop 'k' carries on the results of the producer 'S', which "
        "'D' uses.",
    )


def test_a_loop_is_not_merged_with_itself() -> None:
    def steps(sch: Any) -> Any:
        (i,) = loops(sch, "B")
        return lambda: sch.merge(i, i)

    refused(programs.blur, steps, "`merge` cannot be applied: the loop 'i' is given twice.")


def test_blockized_domains_begin_where_their_loops_do() -> None:
    sch = check(programs.shifted, lambda sch: sch.blockize(loops(sch)[0]))
    assert "T.axis.spatial((2, 10), i)" in sch.mod.script()


def test_blockized_unit_loops_leave_no_variable_behind() -> None:
    def steps(sch: Any) -> None:
        i, _, _ = loops(sch, "C")
        sch.blockize(sch.split(i, [1, 1])[1])

    check(programs.units, steps)
    check(programs.units, lambda sch: sch.blockize(loops(sch, "C")[1], preserve_unit_iters=False))


def test_blocks_with_instances_that_read_nothing_are_not_inlined_into_the_producer() -> None:
    a = te.placeholder((4, 6), name="A")
    func = te.create_prim_func([a, topi.concatenate([a, topi.nn.relu(a)], axis=0)])
    refused(
        func,
        lambda sch: lambda: sch.reverse_compute_inline("T_concat"),
        "`reverse_compute_inline` cannot be applied: the block 'T_concat' has instances for which "
        "'compute' stores nothing.",
    )


def test_layouts_of_blocks_whose_loops_depend_on_each_other() -> None:
    refused(
        programs.triangle,
        lambda sch: lambda: sch.transform_block_layout("B", lambda i, j: (j, i)),
        "`transform_block_layout` cannot be applied: the bounds of the loop 'j' depend on another "
        "loop.",
        found="i + 1",
    )


@pytest.mark.parametrize("keep", [False, True])
def test_domains_follow_the_loops_that_they_depend_on(keep: bool) -> None:
    check(programs.triangle, lambda sch: sch.split(loops(sch)[0], [3, 2], preserve_unit_iters=keep))
    check(programs.triangle, lambda sch: sch.fuse(loops(sch)[0]))
    check(
        programs.triangle,
        lambda sch: sch.loop_partition(loops(sch)[0], [1, None], preserve_unit_iters=keep),
    )


def test_domains_that_depend_on_loops_stay_where_they_are() -> None:
    refused(
        programs.triangle,
        lambda sch: lambda: sch.cache_index("B", "global"),
        "`cache_index` cannot be applied: the domain of the variable 'vj' of the block 'B' depends "
        "on a loop.",
    )


def test_symbolic_factors_replay() -> None:
    def steps(sch: Any) -> None:
        i, _ = loops(sch)
        size = sch.get(i).extent
        sch.split(i, [(size + 1) // 2, 2])

    sch = check(programs.symbolic_chain, steps, sizes={"n": 5})
    assert 'factors=[((tir.Var("n", "int32") + 1) // 2), 2]' in str(sch.trace)


def test_factors_of_unknown_variables_are_refused() -> None:
    def steps(sch: Any) -> Any:
        _, j = loops(sch)
        extent = sch.get(j).extent
        return lambda: sch.split(j, [extent, 1])

    refused(
        programs.triangle,
        steps,
        "`split` cannot be applied: the variable 'i' is neither a drawn number nor a size of the "
        "function.",
        found="i + 1",
    )


def test_regions_with_minima_replay() -> None:
    check(
        programs.branches,
        lambda sch: sch.annotate_buffer_access(
            "B", 0, "read", lambda i, j: ((te.min(i, j), te.max(i, j) + 1), (0, 4))
        ),
    )


def test_regions_in_terms_of_outer_variables_are_refused() -> None:
    def steps(sch: Any) -> Any:
        sch.blockize(loops(sch, "D")[1])
        region = sch.get(sch.get_block("D")).reads[1].region[0]
        return lambda: sch.annotate_buffer_access(
            "D", 1, "read", lambda _: ((region.min, region.min + 1),)
        )

    refused(
        programs.rms_norm,
        steps,
        "`annotate_buffer_access` cannot be applied: the variable 'vi_o' is neither a drawn number "
        "nor a size of the function.",
    )


def test_constant_results_of_layouts_have_the_width_of_indices() -> None:
    check(
        programs.mixed_width,
        lambda sch: sch.transform_block_layout("B", lambda i, j: (i, 0, j)),
    )


def test_layouts_do_not_narrow_indices() -> None:
    sch = check(
        programs.symbolic_matmul,
        lambda sch: sch.set_axis_separator("C", ("write", 0), []),
        sizes={"n": 3, "m": 2},
    )
    assert "Cast" not in sch.mod.script()


def test_repeated_reductions_keep_their_init() -> None:
    sentence = "cannot be applied: the loop 'k' repeats the reduction of the block 'S'."

    def steps(sch: Any) -> tuple[Any, Any]:
        sch.compute_at("S", loops(sch, "D")[1])
        return loops(sch, "S")[0], loops(sch, "S")[1]

    def decomposed(sch: Any) -> Any:
        i, _ = steps(sch)
        return lambda: sch.decompose_reduction("S", i)

    refused(programs.layer_norm, decomposed, f"`decompose_reduction` {sentence}")


def test_scans_stay_in_order() -> None:
    refused(
        programs.scan,
        lambda sch: lambda: sch.transform_block_layout("B", lambda i, j: (j % 3, i, j // 3)),
        "`transform_block_layout` cannot be applied: the block 'B' has iteration variables that "
        "are neither data-parallel nor reductions.",
    )


def test_constant_regions_are_saved() -> None:
    def steps(sch: Any) -> None:
        block = sch.blockize(loops(sch, "P")[0], preserve_unit_iters=False)
        sch.annotate_buffer_access(block, 0, "read", lambda _i, _j: ((0, 4), (0, 6)))

    check(programs.padding, steps)


def test_regions_that_a_trace_cannot_hold_are_refused() -> None:
    def steps(sch: Any) -> Any:
        buffer = sch.get(sch.get_block("B")).reads[1].buffer
        return lambda: sch.annotate_buffer_access("B", 0, "read", lambda i, j: (buffer[i], j))

    refused(
        programs.gather,
        steps,
        "`annotate_buffer_access` cannot be applied: a trace cannot hold this expression.",
    )


def test_casts_in_layouts_replay() -> None:
    check(
        programs.elementwise,
        lambda sch: sch.transform_layout(
            "B", "B", lambda i, j: (tir.Cast("int64", i), tir.Cast("int64", j))
        ),
    )


def test_repeated_reductions_are_not_reordered() -> None:
    def steps(sch: Any) -> Any:
        u, _, k = loops(sch, "B")
        return lambda: sch.reorder(k, u)

    refused(
        programs.repeated,
        steps,
        "`reorder` cannot be applied: the loop 'u' repeats the reduction of the block 'B'.",
    )


def test_reductions_are_not_moved_into_loops_that_repeat_them() -> None:
    def steps(sch: Any) -> Any:
        _, _, u, _ = loops(sch, "B")
        return lambda: sch.reverse_compute_at("C", u)

    refused(
        programs.repeated_rows,
        steps,
        "`reverse_compute_at` cannot be applied: the loop 'u' repeats the reduction of the block "
        "'C'.",
    )


@T.prim_func
def copy_row(A: T.Buffer((10,)), B: T.Buffer((10,))) -> None:
    with T.block("root"):
        T.reads(A[0:10])
        T.writes(B[0:10])
        for i in range(10):
            with T.block("P"):
                vi = T.axis.spatial(10, i)
                B[vi] = T.if_then_else(vi >= 2 and vi < 8, A[vi], 0.0)


def test_intrinsics_stay_inside_their_buffers() -> None:
    tir.TensorIntrin.register("test.copy_row", copy_row, copy_row, override=True)

    def steps(sch: Any) -> Any:
        (i,) = loops(sch, "P")
        return lambda: sch.tensorize(i, "test.copy_row")

    refused(
        programs.pad_row,
        steps,
        "`tensorize` cannot be applied: the part of 'A' that the intrinsic 'test.copy_row' touches "
        "may leave the buffer.",
    )


def test_blocks_of_intrinsics_are_new_ones() -> None:
    first = Schedule(programs.elementwise)
    block = first.get_block("B")
    inner = first.blockize(loops(first)[1])
    root = first.get(inner)
    made = tir.TensorIntrin.register("test.row_of_doubles", double_row, double_row, override=True)
    first.tensorize(inner, made)
    assert root is not first.get(inner)
    with pytest.raises(ScheduleError, match="the block 'B' is gone: `tensorize` consumed it"):
        first.get(block)


@T.prim_func
def double_row(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    with T.block("root"):
        T.reads(A[0:8])
        T.writes(B[0:8])
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0


def test_open_parts_of_loops_are_not_empty() -> None:
    def steps(sch: Any) -> Any:
        i, _, _ = loops(sch, "B")
        return lambda: sch.loop_partition(i, [None, 1])

    refused(
        programs.units,
        steps,
        "`loop_partition` cannot be applied: the factors do not add up to the extent of the loop "
        "'i'.",
        expected="less than 1 beside the open one",
        found="1",
    )


def test_copies_are_as_wide_as_the_loops_around_them() -> None:
    def steps(sch: Any) -> None:
        sch.read_at(loops(sch, "C")[2], "C", 0, "shared")
        sch.cache_read("C", 0, "local")

    check(programs.symbolic_matmul, steps, sizes={"n": 3, "m": 2})


def test_sizes_stay_dimensions_of_parameters() -> None:
    def steps(sch: Any) -> Any:
        sch.transform_layout("B", "A", lambda i, j: (i * 4 + j,))
        return lambda: sch.transform_layout("C", "C", lambda i, j: (i * 4 + j,))

    refused(
        programs.symbolic_chain,
        steps,
        "`transform_layout` cannot be applied: the size 'n' would be no dimension of a parameter "
        "any more.",
    )


def test_what_conditions_of_outer_loops_leave_out_is_not_certain() -> None:
    def steps(sch: Any) -> Any:
        sch.decompose_padding("P", loops(sch, "P")[1])
        j = loops(sch, "P")[1]
        return lambda: sch.write_at(j, "P", 0, "local")

    refused(
        programs.padding,
        steps,
        "`write_at` cannot be applied: it is not known exactly what the block 'P' writes of 'P'.",
    )


def test_rolling_buffers_beside_buffers_of_lower_rank() -> None:
    def steps(sch: Any) -> None:
        sch.transform_layout("C", ("read", 0), lambda i: (i // 12, i % 12))
        sch.compute_at("B", loops(sch, "C")[0])
        sch.rolling_buffer("B", 0)

    check(programs.blur, steps)


def test_padding_values_fit_the_buffer() -> None:
    refused(
        programs.product,
        lambda sch: lambda: sch.transform_layout("B", "A", lambda i, j: (i, j // 3, j % 3), 0.5),
        "`transform_layout` cannot be applied: the padding value is no int32.",
        found="0.5",
    )
    refused(
        programs.product,
        lambda sch: (
            lambda: sch.transform_layout("B", "A", lambda i, j: (i, j // 3, j % 3), lambda *_: 0.5)
        ),
        "`transform_layout` cannot be applied: the padding value is no int32.",
    )


def test_padded_variables_index_the_result() -> None:
    def steps(sch: Any) -> Any:
        sch.transform_block_layout("C", lambda i, j, k: (i, j, i * 0, k))
        return lambda: sch.pad_einsum("C", [1, 1, 2, 1])

    refused(
        programs.matmul,
        steps,
        "`pad_einsum` cannot be applied: the result is not indexed by 'v2'.",
    )


def test_indices_of_two_widths_are_a_schedule_error() -> None:
    def steps(sch: Any) -> Any:
        sch.pad_einsum("C", [4, 4, 2])
        return lambda: sch.annotate_buffer_access("B_pad", 0, "read", lambda i, j: (i, j))

    refused(
        programs.symbolic_matmul,
        steps,
        "`annotate_buffer_access` cannot be applied: the indices differ in dtype.",
        found="int32, int64",
    )


def test_reductions_are_not_moved_into_unordered_loops() -> None:
    def steps(sch: Any) -> Any:
        _, k = loops(sch, "V")
        partial = sch.rfactor(k)
        _, k = sch.get_loops(partial)
        sch.parallel(k)
        return lambda: sch.reverse_compute_at("V", k)

    refused(
        programs.argmax,
        steps,
        "`reverse_compute_at` cannot be applied: the loop 'k' would run the reduction of the block "
        "'V' out of order.",
        found="parallel",
    )


def test_later_parts_of_reductions_are_not_blockized_with_their_init() -> None:
    def steps(sch: Any) -> Any:
        _, rest = sch.loop_partition(loops(sch, "S")[1], [1, 2])
        return lambda: sch.blockize(rest)

    refused(
        programs.mean_pool,
        steps,
        "`blockize` cannot be applied: the reduction of the block 'S_r1' does not begin in these "
        "loops.",
    )


def test_layouts_of_another_rank_are_schedule_errors() -> None:
    refused(
        programs.elementwise,
        lambda sch: lambda: sch.transform_layout("B", ("write", 0), lambda i: i),
        "`transform_layout` cannot be applied: the layout takes another number of indices.",
        expected="2",
        found="1",
    )


def test_extents_of_a_description_are_compared_in_terms_of_the_program() -> None:
    @T.prim_func
    def triangle(A: T.Buffer((6, 6)), B: T.Buffer((6, 6))) -> None:
        for i in range(6):
            for j in range(i + 1):
                with T.block("B"):
                    vi = T.axis.spatial(6, i)
                    vj = T.axis.spatial(i + 1, j)
                    B[vi, vj] = A[vi, vj] + 3.0

    @T.prim_func
    def described(A: T.Buffer((6, 6)), B: T.Buffer((6, 6))) -> None:
        with T.block("root"):
            T.reads(A[0:6, 0:6], B[0:6, 0:6])
            T.writes(B[0:6, 0:6])
            for x in range(6):
                for y in range(x + 1):
                    with T.block("B"):
                        vx = T.axis.spatial(6, x)
                        vy = T.axis.spatial(x + 1, y)
                        B[vx, vy] = A[vx, vy] + 3.0

    tir.TensorIntrin.register("issue.triangle", described, renew_defs(described))
    sch = tir.Schedule(triangle)
    sch.tensorize(loops(sch, "B")[0], "issue.triangle")
    assert "T.match_buffer" in sch.mod.script()


def test_a_value_that_only_indices_load_is_put_into_them() -> None:
    @T.prim_func
    def before(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
        place = T.alloc_buffer((8,), "int32")
        for i in range(8):
            with T.block("place"):
                vi = T.axis.spatial(8, i)
                place[vi] = 7 - vi
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[place[vi]] = A[vi]

    @T.prim_func
    def expected(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("place"):
                vi = T.axis.spatial(8, i)
                B[7 - vi] = A[vi]

    check(before, lambda sch: sch.reverse_compute_inline("B"), expected)


def test_a_fused_loop_may_repeat_a_reduction_too() -> None:
    @T.prim_func
    def repeated(A: T.Buffer((4, 4)), B: T.Buffer((4,))) -> None:
        for _u, i, k in T.grid(2, 4, 4):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0.0
                B[vi] = B[vi] + A[vi, vk]

    def steps(sch: Any) -> Any:
        fused = sch.fuse(*loops(sch, "B"))
        return lambda: sch.decompose_reduction("B", fused)

    refused(
        repeated,
        steps,
        "`decompose_reduction` cannot be applied: the loops around the block 'B' repeat its "
        "reduction.",
        expected="at most 16 iterations",
        found="32",
    )


def test_the_copy_of_cache_write_comes_before_the_closest_reader() -> None:
    @T.prim_func
    def before(A: T.Buffer((4,)), C: T.Buffer((4,)), D: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi] + 1.0
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = B[vi] * 2.0
        for i in range(4):
            with T.block("D"):
                vi = T.axis.spatial(4, i)
                D[vi] = B[3 - vi] * 3.0

    def steps(sch: Any) -> None:
        sch.cache_write("B", 0, "local")
        names = [sch.get(each).name_hint for each in sch.get_child_blocks(loops(sch, "B")[0])]
        assert names == ["B", "B_local", "C"]

    check(before, steps)


def test_the_copy_of_cache_read_comes_before_the_closest_reader() -> None:
    @T.prim_func
    def before(A: T.Buffer((4,)), C: T.Buffer((4,)), D: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi] + 1.0
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = B[vi] * 2.0
        for i in range(4):
            with T.block("D"):
                vi = T.axis.spatial(4, i)
                D[vi] = B[3 - vi] * 3.0

    def steps(sch: Any) -> None:
        sch.cache_read("C", "B", "local")
        names = [sch.get(each).name_hint for each in sch.get_child_blocks(loops(sch, "B")[0])]
        assert names == ["B", "B_local", "C"]
        assert "B_local[3 - vi]" in sch.mod.script()

    check(before, steps)


@T.prim_func
def rows(A: T.Buffer((4, 6)), B: T.Buffer((6, 4))) -> None:
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi, 0:6])
            T.writes(B[vi * 3 // 2 : vi * 3 // 2 + 2, 0:4])
            for j in range(6):
                B[(vi * 6 + j) // 4, (vi * 2 + j) % 4] = A[vi, j]


@T.prim_func
def some(A: T.Buffer((4,)), B: T.Buffer((4,))) -> None:
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            if A[vi] > 0.0:
                B[vi] = A[vi]


@pytest.mark.parametrize(
    ("func", "primitive"),
    [
        (rows, "write_at"),
        (rows, "cache_write"),
        (some, "write_at"),
        (some, "cache_write"),
        (some, "reindex"),
        (some, "reindex_cache_write"),
    ],
)
def test_what_a_block_only_may_write_is_not_copied(func: Any, primitive: str) -> None:
    def steps(sch: Any) -> Any:
        (i,) = loops(sch, "B")
        arguments: dict[str, Any] = {
            "write_at": (i, "B", 0, "local"),
            "cache_write": ("B", 0, "local"),
            "reindex": ("B", ("write", 0)),
            "reindex_cache_write": ("B", 0, "local", lambda i: i),
        }
        return lambda: getattr(sch, primitive)(*arguments[primitive])

    refused(
        func,
        steps,
        f"`{primitive}` cannot be applied: it is not known exactly what the block 'B' writes of "
        "'B'.",
    )


def test_what_may_never_have_been_written_is_not_copied() -> None:
    @T.prim_func
    def conditional(A: T.Buffer((4,)), C: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(3):
            with T.block("B"):
                vi = T.axis.spatial(3, i)
                B[vi] = A[vi] + 1.0
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = T.if_then_else(vi < 3, B[vi], 0.0)

    def step(primitive: str, *arguments: Any) -> Any:
        def steps(sch: Any) -> Any:
            where = (loops(sch, "C")[0],) if primitive == "read_at" else ()
            return lambda: getattr(sch, primitive)(*where, "C", *arguments)

        return steps

    calls: list[Any] = [
        ("read_at", "B", "local"),
        ("reindex", ("read", 0)),
        ("reindex_cache_read", 0, "local", lambda i: i),
    ]
    for primitive, *arguments in calls:
        refused(
            conditional,
            step(primitive, *arguments),
            f"`{primitive}` cannot be applied: the copy of 'B' would contain elements that may "
            "never have been written.",
        )


def test_what_the_scope_around_has_not_written_is_not_copied_in() -> None:
    @T.prim_func
    def sums(A: T.Buffer((4, 6)), C: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("outer"):
                vi = T.axis.spatial(4, i)
                T.reads(A[vi, 0:6])
                T.writes(B[vi])
                for u in range(1):
                    with T.block("B"):
                        vu = T.axis.spatial(1, u)
                        B[vi + vu] = 0.0
                        for k in range(6):
                            B[vi + vu] = B[vi + vu] + A[vi, k]
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = B[vi]

    refused(
        sums,
        lambda sch: lambda: sch.cache_inplace("B", "B", "local"),
        "`cache_inplace` cannot be applied: the copy of 'B' would contain elements that may never "
        "have been written.",
    )


def test_blocks_that_store_all_that_they_declare_are_copied() -> None:
    @T.prim_func
    def halves(A: T.Buffer((4, 6)), B: T.Buffer((4, 6))) -> None:
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                T.reads(A[vi, 0:6])
                T.writes(B[vi, 0:6])
                for j in range(3):
                    B[vi, j] = A[vi, j]
                for j in range(3):
                    with T.block("inner"):
                        vj = T.axis.spatial((3, 6), j + 3)
                        B[vi, vj] = A[vi, vj] * 2.0

    check(halves, lambda sch: sch.cache_write("B", 0, "local"))


def test_what_holds_nothing_yet_is_not_copied_in() -> None:
    @T.prim_func
    def own_scratch(A: T.Buffer((4,)), C: T.Buffer((4,))) -> None:
        P = T.alloc_buffer((4,))
        for i in range(1):
            with T.block("both"):
                vi = T.axis.spatial(1, i)
                T.reads(A[0:4], P[0:4])
                T.writes(P[0:4], C[0:4])
                for j in range(4):
                    P[j] = A[j] + 1.0
                for j in range(4):
                    C[j] = P[3 - j] * 2.0

    refused(
        own_scratch,
        lambda sch: lambda: sch.cache_inplace("both", "P", "local"),
        "`cache_inplace` cannot be applied: the buffer 'P' holds nothing before the block 'both'.",
        expected="a buffer that comes from outside, whose contents are copied in",
        cure="use cache_write",
    )


def test_paddings_of_a_rolling_buffer_are_not_filled_ahead() -> None:
    def steps(sch: Any) -> Any:
        sch.compute_at("P", loops(sch, "C")[2])
        sch.rolling_buffer("P", 0)
        top = loops(sch, "P")[0]
        return lambda: sch.decompose_padding("P", top)

    refused(
        programs.conv,
        steps,
        "`decompose_padding` cannot be applied: the indices of 'P' are no bijective map of the "
        "variables of 'P'.",
    )


@pytest.mark.parametrize("first", [True, False])
def test_paddings_are_not_filled_before_others_read_what_was_there(first: bool) -> None:
    @T.prim_func
    def read_first(A: T.Buffer((6,)), P: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = P[vi] * 2.0
            with T.block("P"):
                vi = T.axis.spatial(8, i)
                P[vi] = T.if_then_else(vi >= 1 and vi < 7, A[vi - 1], 0.0)

    @T.prim_func
    def read_ahead(A: T.Buffer((6,)), P: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("P"):
                vi = T.axis.spatial(8, i)
                P[vi] = T.if_then_else(vi >= 1 and vi < 7, A[vi - 1], 0.0)
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = P[7 - vi] * 2.0

    refused(
        read_first if first else read_ahead,
        lambda sch: (lambda i: lambda: sch.decompose_padding("P", i))(loops(sch, "P")[0]),
        "`decompose_padding` cannot be applied: the block 'C' reads elements of 'P' that 'P' does "
        "not write in the same iteration.",
    )
