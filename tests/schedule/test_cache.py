"""cache_read, cache_write, cache_inplace, cache_index, reindex, read_at, write_at, storage."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    blur,
    conv,
    elementwise,
    loops,
    matmul,
    matmul_relu,
    normalise,
    triangle,
    two_stages,
)


@T.prim_func
def in_place(A: T.Buffer((16,)), B: T.Buffer((16,))) -> None:
    for i in range(16):
        with T.block("A"):
            vi = T.axis.spatial(16, i)
            A[vi] = A[vi] + B[vi]


@T.prim_func
def strided(A: T.Buffer((16,)), C: T.Buffer((8,))) -> None:
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi * 2 + 1] + 1.0


def step(kind: str, *args: Any, **options: Any) -> Any:
    return lambda sch: getattr(sch, kind)(*args, **options)


def refused_step(before: Any, reason: str, kind: str, *args: Any, **parts: Any) -> None:
    def steps(sch: Any) -> Any:
        return lambda: getattr(sch, kind)(*args)

    refused(before, steps, f"`{kind}` cannot be applied: {reason}.", **parts)


def test_cache_read() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        A_local = T.alloc_buffer((6, 30), scope="local")
        for ax0, ax1 in T.grid(6, 30):
            with T.block("A_local"):
                v0, v1 = T.axis.remap("SS", [ax0, ax1])
                A_local[v0, v1] = A[v0, v1]
        for i, j in T.grid(6, 30):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A_local[vi, vj] * 2.0

    check(elementwise, step("cache_read", "B", 0, "local"), expected)
    check(elementwise, step("cache_read", "B", "A", "local"), expected)


def test_cache_read_of_a_part() -> None:
    @T.prim_func
    def before(A: T.Buffer((32,)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi + 4] + 1.0

    @T.prim_func
    def expected(A: T.Buffer((32,)), C: T.Buffer((8,))) -> None:
        A_shared = T.alloc_buffer((8,), scope="shared")
        for ax0 in range(8):
            with T.block("A_shared"):
                v0 = T.axis.spatial(8, ax0)
                A_shared[v0] = A[4 + v0]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A_shared[vi] + 1.0

    check(before, step("cache_read", "C", 0, "shared"), expected)


def test_cache_read_for_some_consumers() -> None:
    def steps(sch: Any) -> None:
        sch.cache_read("E", 0, "local", consumer_blocks=["E"])

    text = check(normalise, steps).mod.script()
    assert "T.max(M[vi], A[vi, vk])" in text
    assert "A_local[vi, vk] - M[vi]" in text


def test_cache_read_of_what_was_computed() -> None:
    sch = check(two_stages, step("cache_read", "C", 0, "local"))
    names = [sch.get(b).name_hint for b in sch.get_child_blocks(sch.get_block("root"))]
    assert names == ["B", "B_local", "C"]


def test_cache_read_inside_a_loop() -> None:
    def steps(sch: Any) -> None:
        i = loops(sch, "C")[0]
        sch.compute_at("B", i)
        sch.cache_read("C", 0, "local")
        assert [sch.get(b).name_hint for b in sch.get_child_blocks(i)] == ["B", "B_local", "C"]

    check(two_stages, steps)


def test_caches_are_computed_where_they_are_needed() -> None:
    def steps(sch: Any) -> None:
        block = sch.get_block("C")
        cached = sch.cache_read(block, 0, "local")
        i, j, k = sch.get_loops(block)
        outer, inner = sch.split(k, [None, 4])
        sch.compute_at(cached, outer)
        written = sch.cache_write(block, 0, "local")
        sch.reverse_compute_at(written, j)

    check(matmul, steps)


def test_cache_write() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        B_local = T.alloc_buffer((6, 30), scope="local")
        for i, j in T.grid(6, 30):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B_local[vi, vj] = A[vi, vj] * 2.0
        for ax0, ax1 in T.grid(6, 30):
            with T.block("B_local"):
                v0, v1 = T.axis.remap("SS", [ax0, ax1])
                B[v0, v1] = B_local[v0, v1]

    check(elementwise, step("cache_write", "B", 0, "local"), expected)


def test_cache_write_of_a_part() -> None:
    @T.prim_func
    def before(A: T.Buffer((8,)), C: T.Buffer((32,))) -> None:
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi + 4] = A[vi]

    sch = check(before, step("cache_write", "C", 0, "local"))
    assert [b.name for b in sch.get(sch.get_block("root")).alloc_buffers] == ["C_local"]


def test_cache_write_with_consumers() -> None:
    def steps(sch: Any) -> None:
        sch.cache_write("B", 0, "local", consumer_blocks=["C"])

    text = check(two_stages, steps).mod.script()
    assert "C[vi, vj] = B_local[vi, vj]" in text


def test_cache_refuses() -> None:
    refused_step(
        elementwise,
        "there is no storage scope 'nowhere'",
        "cache_read",
        "B",
        0,
        "nowhere",
    )
    refused_step(
        elementwise,
        "the block 'B' reads no buffer 1",
        "cache_read",
        "B",
        1,
        "local",
        expected="0: A",
    )
    refused_step(
        elementwise, "the block 'B' writes no buffer 'A'", "cache_write", "B", "A", "local"
    )
    refused_step(in_place, "the block 'A' reads what it writes", "cache_read", "A", 0, "local")
    refused_step(in_place, "the block 'A' reads what it writes", "cache_write", "A", 0, "local")
    refused_step(
        triangle,
        "it is not known exactly what the block 'B' writes of 'B'",
        "cache_write",
        "B",
        0,
        "local",
    )

    def two_writers(sch: Any) -> Any:
        i, j, k = loops(sch, "C")
        sch.decompose_reduction("C", i)
        return lambda: sch.cache_write("C_update", 0, "local")

    refused(matmul, two_writers, "`cache_write` cannot be applied: several blocks write 'C'.")

    def wrong_consumer(sch: Any) -> Any:
        return lambda: sch.cache_read("E", 1, "local", consumer_blocks=["S"])

    refused(
        normalise,
        wrong_consumer,
        "`cache_read` cannot be applied: the block 'S' does not read 'M'.",
    )


def test_cache_inplace() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16,)), B: T.Buffer((16,))) -> None:
        A_local = T.alloc_buffer((16,), scope="local")
        for ax0 in range(16):
            with T.block("A_local"):
                v0 = T.axis.spatial(16, ax0)
                A_local[v0] = A[v0]
        for i in range(16):
            with T.block("A"):
                vi = T.axis.spatial(16, i)
                A_local[vi] = A_local[vi] + B[vi]
        for ax0 in range(16):
            with T.block("A_local_out"):
                v0 = T.axis.spatial(16, ax0)
                A[v0] = A_local[v0]

    check(in_place, step("cache_inplace", "A", 0, "local"), expected)
    refused_step(elementwise, "the block 'B' does not write 'A'", "cache_inplace", "B", 0, "local")
    refused_step(two_stages, "the block 'C' does not write 'B'", "cache_inplace", "C", 0, "local")


def test_cache_index() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16,)), C: T.Buffer((8,))) -> None:
        index_0 = T.alloc_buffer((8,), "int32")
        for ax0 in range(8):
            with T.block("index_0"):
                v0 = T.axis.spatial(8, ax0)
                index_0[v0] = v0 * 2 + 1
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                T.reads(A[index_0[vi]], index_0[vi])
                C[vi] = A[index_0[vi]] + 1.0

    check(strided, step("cache_index", "C", "global"), expected)
    refused_step(
        strided,
        "the block 'C' has no index to be cached",
        "cache_index",
        "C",
        "global",
        1,
        expected="an index, not just a variable, that occurs more than 1 times",
    )


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        # What nothing in the scope produces is copied at its start.
        (
            [("cache_read", "C", 0, "global"), ("cache_read", "C", 1, "local")],
            ["B_local", "A_global", "C", "D"],
        ),
        # Everything else before its first reader, or at the end.
        (
            [("cache_read", "D", 0, "global"), ("cache_read", "C", 0, "global")],
            ["A_global", "C", "C_global", "D"],
        ),
        (
            [("cache_write", "D", 0, "global"), ("cache_write", "C", 0, "global")],
            ["C", "C_global", "D", "D_global"],
        ),
    ],
)
def test_where_copies_are_made(steps: list[Any], names: list[str]) -> None:
    def take(sch: Any) -> None:
        for kind, *arguments in steps:
            getattr(sch, kind)(*arguments)
        found = [sch.get(each).name_hint for each in sch.get_child_blocks(sch.get_block("root"))]
        assert found == names

    check(matmul_relu, take)


def test_the_copy_for_one_reader_comes_right_before_it() -> None:
    @T.prim_func
    def before(A: T.Buffer((8,)), C: T.Buffer((8,)), D: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * 2.0
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi] + 1.0
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = B[7 - vi] + 2.0

    def names(sch: Any) -> list[str]:
        return [sch.get(each).name_hint for each in sch.get_child_blocks(sch.get_block("root"))]

    def read(sch: Any) -> None:
        sch.cache_read("D", 0, "global", [sch.get_block("D")])
        assert names(sch) == ["B", "C", "B_global", "D"]

    def written(sch: Any) -> None:
        sch.cache_write("B", 0, "global", [sch.get_block("C")])
        assert names(sch) == ["B", "C", "B_global", "D"]

    def written_for_all(sch: Any) -> None:
        sch.cache_write("B", 0, "global", [sch.get_block("C"), sch.get_block("D")])
        assert names(sch) == ["B", "C", "D", "B_global"]

    for steps in (read, written, written_for_all):
        check(before, steps)


def test_reindex() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16,)), C: T.Buffer((8,))) -> None:
        A_reindex = T.alloc_buffer((8,))
        for ax0 in range(8):
            with T.block("A_reindex_reindex"):
                v0 = T.axis.spatial(8, ax0)
                A_reindex[v0] = A[v0 * 2 + 1]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A_reindex[vi] + 1.0

    sch = check(strided, step("reindex", "C", ("read", 0)), expected)
    assert sch.get(sch.get_block("A_reindex_reindex")).writes[0].buffer.name == "A_reindex"
    check(strided, step("reindex", "C", "A"), expected)


def test_reindex_of_a_result() -> None:
    @T.prim_func
    def before(A: T.Buffer((4, 6)), C: T.Buffer((24,))) -> None:
        for i, j in T.grid(4, 6):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi * 6 + vj] = A[vi, vj]

    check(before, step("reindex", "C", ("write", 0)))
    check(conv, lambda s: (s.reindex("C", ("read", 0)), s.reindex("C", ("write", 0))))


def test_reindex_refuses() -> None:
    refused_step(
        blur,
        "the block 'C' accesses 'B' at different indices",
        "reindex",
        "C",
        ("read", 0),
        found="vi; vi + 1; vi + 2",
    )
    refused_step(
        conv,
        "an index of 'A' may leave the buffer",
        "reindex",
        "P",
        ("read", 0),
        found="vy - 1",
    )
    refused_step(elementwise, "there is no kind 'load'", "reindex", "B", ("load", 0))

    def together(sch: Any) -> Any:
        sch.compute_at("B", loops(sch, "C")[0])
        return lambda: sch.reindex("C", ("read", 0))

    refused(
        two_stages,
        together,
        "`reindex` cannot be applied: the block 'B' uses 'B' in the same nest as 'C'.",
        cure="do this before moving the blocks together",
    )


def test_reindex_cache() -> None:
    def steps(sch: Any) -> None:
        sch.reindex_cache_read("C", 0, "shared", lambda i, j, k: (k // 2, i, k % 2))
        sch.reindex_cache_write("C", 0, "local", lambda i, j, k: (j // 4, i, j % 4))

    text = check(matmul, steps).mod.script()
    assert 'A_shared = T.alloc_buffer((5, 6, 2), scope="shared")' in text
    assert 'C_local = T.alloc_buffer((2, 6, 4), scope="local")' in text


def test_reindex_cache_refuses() -> None:
    def by(mapping: Any, kind: str = "reindex_cache_read") -> Any:
        return lambda sch: lambda: getattr(sch, kind)("C", 0, "local", mapping)

    head = "`reindex_cache_read` cannot be applied: "
    refused(
        matmul,
        by(lambda i, j, k: (i,)),
        head + "the index map leaves out the variable 'vk', which the indices use.",
    )
    refused(
        matmul,
        by(lambda i, j, k: (i + k,)),
        head + "the index map is not bijective.",
        found="vi + vk",
    )
    refused(
        matmul,
        by(lambda i, j, k: (i, j, k), "reindex_cache_write"),
        "`reindex_cache_write` cannot be applied: the indices of 'C' use variables that are not "
        "data-parallel.",
    )


def test_read_at_and_write_at() -> None:
    def steps(sch: Any) -> None:
        i, j, k = loops(sch, "C")
        outer, inner = sch.split(k, [4, 4])
        sch.reorder(i, outer, j, inner)
        sch.read_at(outer, "C", 0, "shared")
        sch.read_at(outer, "C", 1, "shared.dyn")
        copied = sch.write_at(i, "C", 0, "local")
        assert sch.get(copied).annotations["auto_copy"] == 1

    text = check(matmul_relu, steps).mod.script()
    assert "T.reads(B[v0 * 4:v0 * 4 + 4, 0:16])" in text


def test_read_at_refuses() -> None:
    def elsewhere(sch: Any) -> Any:
        loop = loops(sch, "C")[0]
        return lambda: sch.read_at(loop, "B", 0, "local")

    def written(sch: Any) -> Any:
        loop = loops(sch, "A")[0]
        return lambda: sch.read_at(loop, "A", 0, "local")

    def growing(sch: Any) -> Any:
        loop = loops(sch)[0]
        return lambda: sch.read_at(loop, "B", 0, "local")

    def updates(sch: Any) -> Any:
        i, j, k = loops(sch, "C")
        sch.decompose_reduction("C", i)
        return lambda: sch.write_at(i, "C_update", 0, "local")

    head = "`read_at` cannot be applied: "
    refused(two_stages, elsewhere, head + "the block 'B' is not below the loop 'i'.")
    refused(in_place, written, head + "the block 'A' writes 'A' below the loop 'i'.")
    refused(
        triangle,
        growing,
        head + "what is used of 'A' has no fixed size in the loop 'i'.",
        found="i + 1",
    )
    refused(
        matmul,
        updates,
        "`write_at` cannot be applied: the block 'C_update' reads elements of 'C' that "
        "'C_update' does not write in the same iteration.",
    )


def test_set_scope_and_dtype() -> None:
    def steps(sch: Any) -> None:
        sch.set_scope("B", 0, "shared")
        sch.unsafe_set_dtype("B", "B_shared", "float64")

    text = check(two_stages, steps).mod.script()
    assert 'B_shared[vi, vj] = T.Cast("float64", A[vi, vj] * T.float32(2))' in text
    assert 'T.Cast("float32", B_shared[vi, vj]) + T.float32(1)' in text
    check(two_stages, step("set_scope", "B", 0, "global"), two_stages)
    refused_step(
        two_stages,
        "no block allocates 'C'",
        "set_scope",
        "C",
        0,
        "local",
        expected="a buffer of T.alloc_buffer",
    )
    refused_step(two_stages, "there is no dtype 'float33'", "unsafe_set_dtype", "B", 0, "float33")


def test_storage_align() -> None:
    def steps(sch: Any) -> None:
        sch.storage_align("B", 0, 0, 16, 4)
        sch.storage_align("B", 0, -1, 8, 1)
        sch.storage_align("B", 0, 0, 32, 0)

    sch = check(two_stages, steps)
    assert sch.get(sch.get_block("B")).annotations["buffer_dim_align"] == (
        (0, 1, 8, 1),
        (0, 0, 32, 0),
    )
    refused_step(
        two_stages,
        "the buffer 'B' has no axis 2",
        "storage_align",
        "B",
        0,
        2,
        16,
        0,
        expected="an axis from -2 to 1",
    )
    refused_step(
        two_stages, "the factor is not positive", "storage_align", "B", 0, 0, 0, 0, found="0"
    )


@pytest.mark.parametrize("block", ["P", "C"])
def test_caches_of_a_convolution(block: str) -> None:
    def steps(sch: Any) -> None:
        sch.cache_read(block, 0, "local")
        sch.cache_write(block, 0, "local")

    check(conv, steps)
