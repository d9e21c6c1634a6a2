"""Conditions of primitives about blocks and buffers: the sentence, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.script import tir as T
from tests.schedule.harness import refused
from tests.schedule.programs import (
    blur,
    conv,
    elementwise,
    loops,
    matmul,
    matmul_relu,
    normalise,
    two_stages,
)


def test_blockize_of_blocks() -> None:
    head = "`blockize` cannot be applied: "
    refused(elementwise, lambda sch: lambda: sch.blockize([]), head + "there are no blocks.")

    def apart(sch: Any) -> Any:
        sch.blockize(loops(sch, "B")[1])
        blocks = [sch.get_block("B"), sch.get_block("C")]
        return lambda: sch.blockize(blocks)

    refused(two_stages, apart, head + "the block 'B' is inside another block.")

    def some(sch: Any) -> Any:
        blocks = [sch.get_block("M"), sch.get_block("E")]
        return lambda: sch.blockize(blocks)

    refused(
        normalise,
        some,
        head + "the blocks are not all that is inside 'root'.",
        expected="M, E, S, D",
        found="M, E",
    )


def test_regions_for_every_dimension() -> None:
    refused(
        elementwise,
        lambda sch: lambda: sch.annotate_buffer_access("B", 0, "read", lambda i, j: (i,)),
        "`annotate_buffer_access` cannot be applied: there is not one range for each dimension of "
        "'A'.",
        expected="2",
        found="1",
    )


@T.prim_func
def two_regions(A: T.Buffer((4,)), B: T.Buffer((8,))) -> None:
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi])
            T.writes(B[vi], B[vi + 4])
            B[vi] = A[vi]
            B[vi + 4] = A[vi]


def test_cache_write_of_several_regions() -> None:
    refused(
        two_regions,
        lambda sch: lambda: sch.cache_write("B", 0, "local"),
        "`cache_write` cannot be applied: the block 'B' writes several regions of 'B'.",
    )


@T.prim_func
def used_in_place(A: T.Buffer((4,)), B: T.Buffer((4,))) -> None:
    for i in range(4):
        with T.block("A"):
            vi = T.axis.spatial(4, i)
            A[vi] = A[vi] + 1.0
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]


def test_cache_inplace_of_a_shared_buffer() -> None:
    refused(
        used_in_place,
        lambda sch: lambda: sch.cache_inplace("A", 0, "local"),
        "`cache_inplace` cannot be applied: other blocks use 'A'.",
    )


@T.prim_func
def through_views(A: T.Buffer((4, 4)), B: T.Buffer((4, 4))) -> None:
    C = T.alloc_buffer((4, 4))
    for i in range(4):
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi, 0:4])
            T.writes(C[vi, 0:4])
            a = T.match_buffer(A[vi, 0:4], (4,), offset_factor=1)
            for j in range(4):
                C[vi, j] = a[j]
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(C[vi, 0:4])
            T.writes(B[vi, 0:4])
            c = T.match_buffer(C[vi, 0:4], (4,), offset_factor=1)
            for j in range(4):
                B[vi, j] = c[j]


@pytest.mark.parametrize(
    ("name", "step", "sentence"),
    [
        (
            "cache_read",
            lambda sch: sch.cache_read("C", 0, "local"),
            "the buffer 'A' has views.",
        ),
        (
            "transform_layout",
            lambda sch: sch.transform_layout("C", "A", lambda i, j: (j, i)),
            "the buffer 'A' has views.",
        ),
        (
            "compute_inline",
            lambda sch: sch.compute_inline("C"),
            "the body of the block 'C' is not one store.",
        ),
    ],
)
def test_views(name: str, step: Any, sentence: str) -> None:
    refused(
        through_views,
        lambda sch: lambda: step(sch),
        f"`{name}` cannot be applied: {sentence}",
    )


@T.prim_func
def viewed_result(A: T.Buffer((4, 4)), B: T.Buffer((4, 4))) -> None:
    C = T.alloc_buffer((4, 4))
    for i, j in T.grid(4, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj]
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(C[vi, 0:4])
            T.writes(B[vi, 0:4])
            c = T.match_buffer(C[vi, 0:4], (4,), offset_factor=1)
            for j in range(4):
                B[vi, j] = c[j]


@T.prim_func
def handed_on(A: T.Buffer((4, 4)), B: T.Buffer((4, 4))) -> None:
    C = T.alloc_buffer((4, 4))
    for i, j in T.grid(4, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj]
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(C[vi, 0:4])
            T.writes(B[vi, 0:4])
            T.evaluate(T.call_extern("int32", "copy4", T.address_of(C[vi, 0]), B.data))


@T.prim_func
def two_results(A: T.Buffer((4,)), D: T.Buffer((4,))) -> None:
    B = T.alloc_buffer((4,))
    C = T.alloc_buffer((4,))
    for i in range(4):
        with T.block("BC"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]
            C[vi] = A[vi] + 1.0
    for i in range(4):
        with T.block("D"):
            vi = T.axis.spatial(4, i)
            D[vi] = B[vi]


@T.prim_func
def own_buffers(A: T.Buffer((4,)), D: T.Buffer((4,))) -> None:
    B = T.alloc_buffer((4,))
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            t = T.alloc_buffer((1,), scope="local")
            T.reads(A[vi])
            T.writes(B[vi])
            B[vi] = A[vi]
    for i in range(4):
        with T.block("D"):
            vi = T.axis.spatial(4, i)
            D[vi] = B[vi]


@T.prim_func
def two_producers(A: T.Buffer((4,)), D: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((8,))
    for i in range(4):
        with T.block("B0"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]
    for i in range(4):
        with T.block("B1"):
            vi = T.axis.spatial(4, i)
            B[vi + 4] = A[vi]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = B[vi]


@pytest.mark.parametrize(
    ("program", "name", "block", "sentence"),
    [
        (viewed_result, "compute_inline", "C", "the buffer 'C' has views."),
        (handed_on, "compute_inline", "C", "the buffer 'C' is handed to a call."),
        (
            two_results,
            "compute_inline",
            "BC",
            "the block 'BC' does not write exactly one buffer.",
        ),
        (
            own_buffers,
            "compute_inline",
            "B",
            "the block 'B' has views or buffers of its own.",
        ),
        (
            two_producers,
            "reverse_compute_inline",
            "D",
            "the buffer 'B' has several producers.",
        ),
        (
            two_results,
            "reverse_compute_inline",
            "D",
            "the block 'BC' writes several buffers.",
        ),
    ],
)
def test_inlining(program: Any, name: str, block: str, sentence: str) -> None:
    refused(
        program,
        lambda sch: lambda: getattr(sch, name)(block),
        f"`{name}` cannot be applied: {sentence}",
    )


@T.prim_func
def with_strides(a: T.handle, B: T.Buffer((4, 4))) -> None:
    A = T.match_buffer(a, (4, 4), strides=(8, 1))
    for i, j in T.grid(4, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]


@pytest.mark.parametrize(
    ("program", "block", "step", "sentence"),
    [
        (
            elementwise,
            "B",
            lambda sch, b: sch.transform_layout(
                b, "B", lambda i, j: (i, j // 4, j % 4), lambda i, j, k: (i, j)
            ),
            "a padding value is one value.",
        ),
        (
            with_strides,
            "B",
            lambda sch, b: sch.transform_layout(b, "A", lambda i, j: (j, i)),
            "the buffer 'A' has strides.",
        ),
        (
            handed_on,
            "B",
            lambda sch, b: sch.transform_layout(b, "B", lambda i, j: (j, i)),
            "the buffer 'B' is used through its pointer.",
        ),
        (
            viewed_result,
            "B",
            lambda sch, b: sch.transform_layout(b, "C", lambda i, j: (j, i)),
            "the buffer 'C' has views.",
        ),
    ],
)
def test_layouts(program: Any, block: str, step: Any, sentence: str) -> None:
    refused(
        program,
        lambda sch: lambda: step(sch, block),
        f"`transform_layout` cannot be applied: {sentence}",
    )


def test_layouts_of_views() -> None:
    refused(
        through_views,
        lambda sch: lambda: sch.set_scope("B", 0, "local"),
        "`set_scope` cannot be applied: no block allocates 'B'.",
    )


@T.prim_func
def indirect(idx: T.Buffer((4,), "int32"), A: T.Buffer((4,)), B: T.Buffer((4,))) -> None:
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[idx[vi]]


@T.prim_func
def overlapping(A: T.Buffer((4, 4)), B: T.Buffer((7,))) -> None:
    for i, j in T.grid(4, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi + vj] = A[vi, vj]


def test_reindex() -> None:
    refused(
        indirect,
        lambda sch: lambda: sch.reindex("B", "A"),
        "`reindex` cannot be applied: the indices of 'A' depend on more than the variables of 'B'.",
    )
    refused(
        overlapping,
        lambda sch: lambda: sch.reindex("B", "B"),
        "`reindex` cannot be applied: the indices of 'B' are no bijective map of the variables of "
        "'B'.",
    )
    layout = tir.IndexMap.from_func(lambda i: [i], index_dtype="int32")
    refused(
        elementwise,
        lambda sch: lambda: sch.reindex_cache_read("B", 0, "local", layout),
        "`reindex_cache_read` cannot be applied: the index map takes another number of indices.",
        expected="2",
        found="1",
    )


@T.prim_func
def diagonal(A: T.Buffer((9, 9)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((9, 9))
    for i, j in T.grid(9, 9):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[vi, vi] + B[vi + 1, vi + 1]


@T.prim_func
def mirrored(A: T.Buffer((9,)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((9,))
    for i in range(9):
        with T.block("B"):
            vi = T.axis.spatial(9, i)
            B[vi] = A[vi]
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[7 - vi] + B[8 - vi]


def test_rolling_buffers() -> None:
    head = "`rolling_buffer` cannot be applied: "

    def moved(sch: Any) -> Any:
        sch.compute_at("B", loops(sch, "C")[0])
        return lambda: sch.rolling_buffer("B", 0)

    refused(diagonal, moved, head + "the loop 'i' moves several dimensions of 'B'.")
    refused(
        mirrored,
        moved,
        head + "neighbouring iterations of 'i' need no common part of 'B'.",
    )

    def still(sch: Any) -> Any:
        sch.compute_at("P", loops(sch, "C")[0])
        return lambda: sch.rolling_buffer("P", 0)

    refused(conv, still, head + "no common loop moves the part of 'P' that is needed.")

    def parallel(sch: Any) -> Any:
        i = loops(sch, "C")[0]
        sch.compute_at("B", i)
        sch.bind(i, "vthread")
        return lambda: sch.rolling_buffer("B", 0)

    assert (
        refused(blur, parallel, head + "the loop 'i' does not run in order.").found
        == "thread_binding"
    )


def test_intrinsics_use_all_of_their_buffers() -> None:
    @T.prim_func
    def desc(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
        with T.block("root"):
            T.reads(A[0:8])
            T.writes(B[0:8])
            for i in range(8):
                with T.block("B"):
                    vi = T.axis.spatial(8, i)
                    B[vi] = 2.0

    @T.prim_func
    def fill(B: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = 2.0

    tir.TensorIntrin.register("test.unused_operand", desc, desc, override=True)
    refused(
        fill,
        lambda sch: (lambda i: lambda: sch.tensorize(i, "test.unused_operand"))(loops(sch)[0]),
        "`tensorize` cannot be applied: the description of 'test.unused_operand' does not use its "
        "buffer 'A'.",
    )


def test_scopes_of_plain_statements() -> None:
    @T.prim_func
    def branch(A: T.Buffer((4,)), n: T.int32) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = 1.0
        if n > 0:
            for i in range(4):
                with T.block("A"):
                    vi = T.axis.spatial(4, i)
                    A[vi] = B[vi]

    refused(
        branch,
        lambda sch: lambda: sch.compute_inline("B"),
        "`compute_inline` cannot be applied: the scope of 'root' is no stage pipeline: there is "
        "more in it than blocks, loops and sequences.",
        found="IfThenElse",
    )


def test_the_only_block_stays() -> None:
    @T.prim_func
    def lonely(A: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi]

    refused(
        lonely,
        lambda sch: lambda: sch.compute_inline("B"),
        "`compute_inline` cannot be applied: the block 'B' is the only one in its scope.",
    )


def test_blocks_that_are_neither_complete_nor_reductions() -> None:
    def steps(sch: Any) -> Any:
        sch.decompose_reduction("C", loops(sch, "C")[0])
        place = loops(sch, "D")[0]
        return lambda: sch.compute_at("C_update", place)

    refused(
        matmul_relu,
        steps,
        "`compute_at` cannot be applied: the block 'C_update' is neither complete (not all of its "
        "iteration variables are data-parallel) nor a reduction block (it has no init).",
    )


def test_matmul_is_no_padding() -> None:
    refused(
        matmul,
        lambda sch: (lambda i: lambda: sch.decompose_padding("C", i))(loops(sch, "C")[0]),
        "`decompose_padding` cannot be applied: the block 'C' is no complete block: not all of its "
        "iteration variables are data-parallel.",
    )


@T.prim_func
def corners(A: T.Buffer((4, 4)), C: T.Buffer((4, 4))) -> None:
    B = T.alloc_buffer((4, 4))
    with T.block("B"):
        T.reads(A[0:4, 0:4])
        T.writes(B[0:2, 0:2], B[2:4, 2:4])
        for i, j in T.grid(2, 2):
            B[i, j] = A[i, j]
            B[i + 2, j + 2] = A[i + 2, j + 2]
    for i, j in T.grid(2, 2):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj]
    for i, j in T.grid(2, 2):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi + 2, vj + 2] = B[vi + 2, vj + 2]


def test_copies_of_what_is_not_written() -> None:
    refused(
        corners,
        lambda sch: lambda: sch.cache_read("C", 0, "local"),
        "`cache_read` cannot be applied: the copy of 'B' would contain elements that 'B' may not "
        "write.",
    )


@T.prim_func
def under_a_branch(A: T.Buffer((4,)), n: T.int32) -> None:
    if n > 0:
        for i in range(4):
            with T.block("A"):
                vi = T.axis.spatial(4, i)
                A[vi] = A[vi] + 1.0


@T.prim_func
def copied_under_a_branch(A: T.Buffer((4,)), B: T.Buffer((4,)), n: T.int32) -> None:
    if n > 0:
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi]


def test_blocks_under_branches() -> None:
    refused(
        under_a_branch,
        lambda sch: lambda: sch.cache_inplace("A", 0, "local"),
        "`cache_inplace` cannot be applied: the block 'A' is not directly reached in 'root'.",
    )
    refused(
        copied_under_a_branch,
        lambda sch: lambda: sch.reindex("B", ("read", 0)),
        "`reindex` cannot be applied: the block 'B' is not directly reached in 'root'.",
    )


def test_padding_values_from_memory() -> None:
    def steps(sch: Any) -> Any:
        buffer = sch.get(sch.get_block("B")).reads[0].buffer
        return lambda: sch.transform_layout(
            "B", "B", lambda i, j: (i, j // 5, j % 5), lambda i, j, k: buffer[i, j]
        )

    refused(
        elementwise,
        steps,
        "`transform_layout` cannot be applied: a padding value loads from memory.",
    )


@T.prim_func
def growing(A: T.Buffer((8,)), C: T.Buffer((4,))) -> None:
    B = T.alloc_buffer((8,))
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]
    for i in range(4):
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            C[vi] = B[vi] + B[vi + vi // 2 + 1]


def test_windows_of_no_fixed_step() -> None:
    def steps(sch: Any) -> Any:
        sch.compute_at("B", loops(sch, "C")[0])
        return lambda: sch.rolling_buffer("B", 0)

    refused(
        growing,
        steps,
        "`rolling_buffer` cannot be applied: the part of 'B' that one iteration of 'i' needs has "
        "no fixed size or step.",
    )
