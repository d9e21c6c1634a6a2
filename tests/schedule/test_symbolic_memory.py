"""Primitives of buffers on programs of symbolic size: Before and Expected."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.script import tir as T
from tests.schedule.harness import check, same_results
from tests.schedule.programs import loops
from tests.schedule.symbolic_programs import stages, sums, window


@T.prim_func
def update(a: T.handle, B: T.Buffer((4,))) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    for i, j in T.grid(n, 4):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi, vj] = A[vi, vj] + B[vj]


@T.prim_func
def stripes(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 8))
    C = T.match_buffer(c, (n, 4))
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj * 2 + 1]


@T.prim_func
def expected_cache_read(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    A_local = T.alloc_buffer((n, 4), scope="local")
    for ax0, ax1 in T.grid(n, 4):
        with T.block("A_local"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            A_local[v0, v1] = A[v0, v1]
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A_local[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_cache_write(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    C_local = T.alloc_buffer((n, 4), scope="local")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C_local[vi, vj] = B[vi, vj] + 1.0
    for ax0, ax1 in T.grid(n, 4):
        with T.block("C_local"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            C[v0, v1] = C_local[v0, v1]


@T.prim_func
def expected_reindex(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    B_reindex = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for ax0, ax1 in T.grid(n, 4):
        with T.block("B_reindex"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            B_reindex[v0, v1] = B[v0, v1]
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B_reindex[vi, vj] + 1.0


@T.prim_func
def expected_reindex_cache_read(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    B_local = T.alloc_buffer((4, n), scope="local")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for ax0, ax1 in T.grid(n, 4):
        with T.block("B_local"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            B_local[v1, v0] = B[v0, v1]
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B_local[vj, vi] + 1.0


@T.prim_func
def expected_reindex_cache_write(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    C_local = T.alloc_buffer((4, n), scope="local")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C_local[vj, vi] = B[vi, vj] + 1.0
    for ax0, ax1 in T.grid(n, 4):
        with T.block("C_local"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            C[v0, v1] = C_local[v1, v0]


@T.prim_func
def expected_read_at(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    B_local = T.alloc_buffer((n, 4), scope="local")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj])
            T.writes(B[vi, vj])
            B[vi, vj] = A[vi, vj] * 2.0
    for i in range(n):
        with T.block("B_local"):
            v0 = T.axis.spatial(n, i)
            T.reads(B[v0, 0:4])
            T.writes(B_local[v0, 0:4])
            T.block_attr({"auto_copy": 1})
            for ax0, ax1 in T.grid(1, 4):
                B_local[v0 + ax0, ax1] = B[v0 + ax0, ax1]
        for j in range(4):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(B_local[vi, vj])
                T.writes(C[vi, vj])
                C[vi, vj] = B_local[vi, vj] + 1.0


@T.prim_func
def expected_write_at(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    C_local = T.alloc_buffer((n, 4), scope="local")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj])
            T.writes(B[vi, vj])
            B[vi, vj] = A[vi, vj] * 2.0
    for i in range(n):
        for j in range(4):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(B[vi, vj])
                T.writes(C_local[vi, vj])
                C_local[vi, vj] = B[vi, vj] + 1.0
        with T.block("C_local"):
            v0 = T.axis.spatial(n, i)
            T.reads(C_local[v0, 0:4])
            T.writes(C[v0, 0:4])
            T.block_attr({"auto_copy": 1})
            for ax0, ax1 in T.grid(1, 4):
                C[v0 + ax0, ax1] = C_local[v0 + ax0, ax1]


@T.prim_func
def expected_cache_inplace(a: T.handle, B: T.Buffer((4,), "float32")) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    A_local = T.alloc_buffer((n, 4), scope="local")
    for ax0, ax1 in T.grid(n, 4):
        with T.block("A_local"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            A_local[v0, v1] = A[v0, v1]
    for i, j in T.grid(n, 4):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A_local[vi, vj] = A_local[vi, vj] + B[vj]
    for ax0, ax1 in T.grid(n, 4):
        with T.block("A_local_out"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            A[v0, v1] = A_local[v0, v1]


@T.prim_func
def expected_cache_index(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 8))
    C = T.match_buffer(c, (n, 4))
    index_0 = T.alloc_buffer((4,), "int32")
    for ax0 in range(4):
        with T.block("index_0"):
            v0 = T.axis.spatial(4, ax0)
            T.reads()
            T.writes(index_0[v0])
            index_0[v0] = v0 * 2 + 1
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, index_0[vj]], index_0[vj])
            T.writes(C[vi, vj])
            C[vi, vj] = A[vi, index_0[vj]]


@T.prim_func
def expected_transform_layout(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer(((n + 3) // 4, 4, 4))
    for axis0, axis1, axis2 in T.grid((n + 3) // 4, 4, 4):
        with T.block("B"):
            v_axis0, v_axis1, v_axis2 = T.axis.remap("SSS", [axis0, axis1, axis2])
            B[v_axis0, v_axis1, v_axis2] = T.if_then_else(
                n <= v_axis0 * 4 + v_axis2, 0.0, A[v_axis0 * 4 + v_axis2, v_axis1] * 2.0
            )
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi // 4, vj, vi % 4] + 1.0


@T.prim_func
def expected_transform_block_layout(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for ax0 in range(n * 4):
        with T.block("B"):
            v0 = T.axis.spatial(n * 4, ax0)
            B[v0 // 4, v0 % 4] = A[v0 // 4, v0 % 4] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_set_axis_separator(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4), axis_separators=[1])
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_set_scope(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4), scope="shared")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_unsafe_set_dtype(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4), "float64")
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.Cast("float64", A[vi, vj] * 2.0)
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.Cast("float32", B[vi, vj]) + 1.0


@T.prim_func
def expected_storage_align(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.block_attr({"buffer_dim_align": [[0, 0, 16, 4]]})
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def expected_pad_einsum(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m))
    C = T.match_buffer(c, (n,))
    A_pad = T.alloc_buffer((n, (m + 3) // 4 * 4))
    for ax0, ax1 in T.grid(n, (m + 3) // 4 * 4):
        with T.block("A_pad"):
            v0, v1 = T.axis.remap("SS", [ax0, ax1])
            A_pad[v0, v1] = T.if_then_else(v1 < m, A[v0, v1], 0.0)
    for i, k in T.grid(n, (m + 3) // 4 * 4):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = 0.0
            C[vi] = C[vi] + A_pad[vi, vk]


@T.prim_func
def expected_decompose_padding(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n,))
    C = T.match_buffer(c, (n,))
    B = T.alloc_buffer((n + 2,))
    for i in range(n + 2):
        with T.block("B_pad_const"):
            vi = T.axis.spatial(n + 2, i)
            T.reads()
            T.writes(B[vi])
            B[vi] = 0.0
    for i in range(n):
        with T.block("B"):
            vi = T.axis.spatial(n, i)
            T.reads(A[vi])
            T.writes(B[vi + 1])
            B[vi + 1] = A[vi]
    for i in range(n):
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            T.reads(B[vi : vi + 3])
            T.writes(C[vi])
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def expected_rolling_buffer(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n,))
    C = T.match_buffer(c, (n,))
    B = T.alloc_buffer((3,))
    for i in range(n):
        for ax0 in range(3):
            with T.block("B"):
                vi = T.axis.spatial(n + 2, i + ax0)
                T.where(i < 1 or ax0 >= 2)
                T.reads(A[vi - 1])
                T.writes(B[vi % 3])
                B[vi % 3] = T.if_then_else(vi >= 1 and vi < n + 1, A[vi - 1], 0.0)
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            T.reads(B[0:3])
            T.writes(C[vi])
            C[vi] = B[vi % 3] + B[(vi + 1) % 3] + B[(vi + 2) % 3]


@T.prim_func
def expected_annotate_buffer_access(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n,))
    C = T.match_buffer(c, (n,))
    B = T.alloc_buffer((n + 2,))
    for i in range(n + 2):
        with T.block("B"):
            vi = T.axis.spatial(n + 2, i)
            T.reads(A[vi - 1])
            T.writes(B[vi])
            B[vi] = T.if_then_else(vi >= 1 and vi < n + 1, A[vi - 1], 0.0)
    for i in range(n):
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            T.reads(B[vi : vi + 3])
            T.writes(C[vi])
            T.block_attr({"explicit_read_region": [0]})
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def expected_unsafe_hide_buffer_access(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj])
            T.writes(B[vi, vj])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads()
            T.writes(C[vi, vj])
            C[vi, vj] = B[vi, vj] + 1.0


CASES: list[tuple[Any, Any, Any]] = [
    (stages, lambda sch: sch.cache_read("B", 0, "local"), expected_cache_read),
    (stages, lambda sch: sch.cache_write("C", 0, "local"), expected_cache_write),
    (stages, lambda sch: sch.reindex("C", ("read", 0)), expected_reindex),
    (
        stages,
        lambda sch: sch.reindex_cache_read("C", 0, "local", lambda i, j: (j, i)),
        expected_reindex_cache_read,
    ),
    (
        stages,
        lambda sch: sch.reindex_cache_write("C", 0, "local", lambda i, j: (j, i)),
        expected_reindex_cache_write,
    ),
    (stages, lambda sch: sch.read_at(loops(sch, "C")[0], "C", 0, "local"), expected_read_at),
    (stages, lambda sch: sch.write_at(loops(sch, "C")[0], "C", 0, "local"), expected_write_at),
    (update, lambda sch: sch.cache_inplace("A", 0, "local"), expected_cache_inplace),
    (stripes, lambda sch: sch.cache_index("C", "global"), expected_cache_index),
    (
        stages,
        lambda sch: sch.transform_layout(
            "B", ("write", 0), lambda i, j: (i // 4, j, i % 4), pad_value=0.0
        ),
        expected_transform_layout,
    ),
    (
        stages,
        lambda sch: sch.transform_block_layout("B", lambda i, j: i * 4 + j),
        expected_transform_block_layout,
    ),
    (
        stages,
        lambda sch: sch.set_axis_separator("B", ("write", 0), [1]),
        expected_set_axis_separator,
    ),
    (stages, lambda sch: sch.set_scope("B", 0, "shared"), expected_set_scope),
    (stages, lambda sch: sch.unsafe_set_dtype("B", 0, "float64"), expected_unsafe_set_dtype),
    (stages, lambda sch: sch.storage_align("B", 0, 0, 16, 4), expected_storage_align),
    (sums, lambda sch: sch.pad_einsum("C", [1, 4]), expected_pad_einsum),
    (window, lambda sch: sch.decompose_padding("B", loops(sch)[0]), expected_decompose_padding),
    (
        window,
        lambda sch: (sch.compute_at("B", loops(sch, "C")[0]), sch.rolling_buffer("B", 0)),
        expected_rolling_buffer,
    ),
    (
        window,
        lambda sch: sch.annotate_buffer_access("C", 0, "read", lambda i: ((i, i + 3),)),
        expected_annotate_buffer_access,
    ),
    (
        stages,
        lambda sch: sch.unsafe_hide_buffer_access("C", "read", [0]),
        expected_unsafe_hide_buffer_access,
    ),
]


@pytest.mark.parametrize(
    ("before", "steps", "expected"),
    CASES,
    ids=[expected.attrs["global_symbol"].removeprefix("expected_") for _, _, expected in CASES],
)
def test_symbolic(before: Any, steps: Any, expected: Any) -> None:
    sch = check(before, steps, expected, sizes={"n": 6, "m": 7})
    for size in (0, 1, 4):
        same_results(before, sch.mod["main"], {"n": size, "m": size + 1})
