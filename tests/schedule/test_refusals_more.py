"""Conditions that few programs meet: several writers, calls that take buffers, parts of buffers."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.script import tir as T
from tests.schedule.harness import check, refused
from tests.schedule.programs import conv, elementwise, loops, two_stages


@T.prim_func
def halves(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((8,))
    for i in range(4):
        with T.block("low"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]
    for i in range(4):
        with T.block("high"):
            vi = T.axis.spatial(4, i)
            B[vi + 4] = A[vi + 4] * 2.0
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[vi]


@T.prim_func
def overwritten(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi]
    for i in range(8):
        with T.block("A"):
            vi = T.axis.spatial(8, i)
            A[vi] = 1.0


@T.prim_func
def increment(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = B[vi] + A[vi]


@pytest.mark.parametrize(
    ("program", "step", "sentence"),
    [
        (
            halves,
            lambda sch: sch.cache_read("C", "B", "local"),
            "`cache_read` cannot be applied: several blocks write 'B'.",
        ),
        (
            halves,
            lambda sch: sch.reindex("high", ("write", 0)),
            "`reindex` cannot be applied: several blocks write 'B'.",
        ),
        (
            halves,
            lambda sch: sch.rolling_buffer("low", "B"),
            "`rolling_buffer` cannot be applied: the block 'low' is neither complete (it is not "
            "the only block that writes its buffers) nor a reduction block (it has no init).",
        ),
        (
            overwritten,
            lambda sch: sch.reindex("C", ("read", 0)),
            "`reindex` cannot be applied: the block 'A' writes 'A' later.",
        ),
        (
            increment,
            lambda sch: sch.reindex("B", ("read", 0)),
            "`reindex` cannot be applied: the block 'B' reads what it writes.",
        ),
        (
            increment,
            lambda sch: sch.reindex("B", ("write", 0)),
            "`reindex` cannot be applied: the block 'B' reads what it writes.",
        ),
    ],
)
def test_buffers_that_others_write(program: Any, step: Any, sentence: str) -> None:
    refused(program, lambda sch: lambda: step(sch), sentence)


def test_parts_that_make_a_whole_together() -> None:
    @T.prim_func
    def thirds(A: T.Buffer((9,)), D: T.Buffer((9,))) -> None:
        B = T.alloc_buffer((9,))
        C = T.alloc_buffer((9,))
        for i in range(3):
            with T.block("last"):
                vi = T.axis.spatial(3, i)
                B[vi + 6] = A[vi]
        for i in range(3):
            with T.block("first"):
                vi = T.axis.spatial(3, i)
                B[vi] = A[vi + 1]
        for i in range(3):
            with T.block("middle"):
                vi = T.axis.spatial(3, i)
                B[vi + 3] = A[vi + 2]
        for i in range(9):
            with T.block("C"):
                vi = T.axis.spatial(9, i)
                C[vi] = B[vi] + 1.0
        for i in range(9):
            with T.block("D"):
                vi = T.axis.spatial(9, i)
                D[vi] = C[vi] * 2.0

    check(thirds, lambda sch: sch.compute_inline("C"))

    @T.prim_func
    def with_a_gap(A: T.Buffer((9,)), D: T.Buffer((9,))) -> None:
        B = T.alloc_buffer((9,))
        C = T.alloc_buffer((9,))
        for i in range(3):
            with T.block("first"):
                vi = T.axis.spatial(3, i)
                B[vi] = A[vi]
        for i in range(5):
            with T.block("last"):
                vi = T.axis.spatial(5, i)
                B[vi + 4] = A[vi]
        for i in range(9):
            with T.block("C"):
                vi = T.axis.spatial(9, i)
                C[vi] = B[vi] + 1.0
        for i in range(9):
            with T.block("D"):
                vi = T.axis.spatial(9, i)
                D[vi] = C[vi] * 2.0

    refused(
        with_a_gap,
        lambda sch: lambda: sch.compute_inline("C"),
        "`compute_inline` cannot be applied: the scope of 'root' is no stage pipeline: the block "
        "'C' may read parts of 'B' that its producers did not write.",
    )


def test_copies_for_readers_inside_and_after_a_nest() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,)), C: T.Buffer((8,)), D: T.Buffer((8,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi]
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = B[vi]

    check(program, lambda sch: sch.cache_read("D", "B", "local"))
    check(program, lambda sch: sch.cache_read("C", "B", "local", ["C"]))
    check(program, lambda sch: sch.cache_read("D", "B", "local", ["D"]))


@pytest.mark.parametrize("kind", ["parallel", "vectorize", "bind", "reorder"])
def test_loops_of_blocks_that_overwrite(kind: str) -> None:
    @T.prim_func
    def read_before(A: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
        for i, j in T.grid(8, 8):
            with T.block("first"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj]
            with T.block("second"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = 1.0

    @T.prim_func
    def written_before(A: T.Buffer((8, 9))) -> None:
        for i, j in T.grid(8, 8):
            with T.block("first"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = 1.0
            with T.block("second"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj + 1] = 2.0

    def steps(sch: Any) -> Any:
        i, j = loops(sch, "first")
        if kind == "reorder":
            return lambda: sch.reorder(j, i)
        if kind == "bind":
            return lambda: sch.bind(j, "threadIdx.x")
        return lambda: getattr(sch, kind)(j)

    head = f"`{kind}` cannot be applied: the block 'second' "
    refused(read_before, steps, head + "overwrites 'A', which 'first' reads before.")
    refused(
        written_before,
        steps,
        head + "uses elements of 'A' that other iterations of the loop 'j' write.",
        cure="compute what it needs in the same iteration, for instance with compute_at",
    )


@T.prim_func
def by_pointer(A: T.Buffer((4, 8)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((4, 8))
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]
    with T.block("C"):
        T.reads(B[0:4, 0:4])
        T.writes(C[0:8])
        T.evaluate(T.call_extern("int32", "rows", C.data, B.data))


@T.prim_func
def by_address(A: T.Buffer((4, 8)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((4, 8))
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]
    with T.block("C"):
        T.reads(B[0:4, 0:4])
        T.writes(C[0:8])
        T.evaluate(T.call_extern("int32", "rows", T.address_of(C[0]), T.address_of(B[0, 0])))


@T.prim_func
def by_handle(A: T.Buffer((4, 8)), C: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((4, 8))
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]
    with T.block("C"):
        T.reads(B[0:4, 0:4])
        T.writes(C[0:8])
        T.evaluate(T.call_packed("rows", B, C))


@pytest.mark.parametrize(
    ("program", "how"),
    [
        (by_pointer, "is used through its pointer."),
        (by_address, "is handed to a call."),
        (by_handle, "is handed to a call."),
    ],
)
@pytest.mark.parametrize(
    ("name", "buffer", "step"),
    [
        ("cache_read", "B", lambda sch: sch.cache_read("C", "B", "local")),
        ("cache_write", "C", lambda sch: sch.cache_write("C", "C", "local")),
        ("set_scope", "B", lambda sch: sch.set_scope("B", "B", "shared")),
        ("unsafe_set_dtype", "B", lambda sch: sch.unsafe_set_dtype("B", "B", "float16")),
        ("storage_align", "B", lambda sch: sch.storage_align("B", 0, 0, 16, 4)),
        (
            "transform_layout",
            "B",
            lambda sch: sch.transform_layout("B", ("write", 0), lambda i, j: (j, i)),
        ),
        (
            "transform_layout",
            "C",
            lambda sch: sch.transform_layout("C", ("write", 0), lambda i: (i // 4, i % 4)),
        ),
        ("set_axis_separator", "B", lambda sch: sch.set_axis_separator("B", ("write", 0), [1])),
        ("compute_inline", "B", lambda sch: sch.compute_inline("B")),
    ],
)
def test_calls_that_know_the_layout(
    program: Any, how: str, name: str, buffer: str, step: Any
) -> None:
    refused(
        program,
        lambda sch: lambda: step(sch),
        f"`{name}` cannot be applied: the buffer {buffer!r} {how}",
    )


def test_layouts_of_views_and_of_aliases() -> None:
    @T.prim_func
    def view(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        for i in range(2):
            with T.block("outer"):
                vo = T.axis.spatial(2, i)
                V = T.match_buffer(A[vo * 4 : vo * 4 + 4], (4,), offset_factor=1)
                for j in range(4):
                    with T.block("inner"):
                        vi = T.axis.spatial(4, j)
                        C[vo * 4 + vi] = V[vi]

    head = " cannot be applied: the buffer 'V' is neither a parameter nor allocated by a block."
    refused(
        view,
        lambda sch: lambda: sch.transform_layout("inner", "V", lambda i: (i // 2, i % 2)),
        "`transform_layout`" + head,
    )
    refused(
        view,
        lambda sch: lambda: sch.set_axis_separator("inner", "V", [1]),
        "`set_axis_separator`" + head,
    )

    @T.prim_func
    def alias(C: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4, 2))
        with T.block("C"):
            T.reads()
            T.writes(B[0:4, 0:2], C[0:4])
            flat = T.decl_buffer((8,), data=B.data)
            for i in range(4):
                B[i, 0] = 1.0
                B[i, 1] = 2.0
            for i in range(4):
                C[i] = flat[i]

    refused(
        alias,
        lambda sch: lambda: sch.transform_layout("C", "B", lambda i, j: (j, i)),
        "`transform_layout` cannot be applied: the buffer 'B' is used through its pointer.",
    )


def test_maps_and_padding_of_the_wrong_kind() -> None:
    separator = tir.IndexMap.AXIS_SEPARATOR
    refused(
        elementwise,
        lambda sch: lambda: sch.reindex_cache_read("B", 0, "local", lambda i, j: (i, separator, j)),
        "`reindex_cache_read` cannot be applied: the index map has axis separators.",
        cure="only transform_layout takes them",
    )
    refused(
        elementwise,
        lambda sch: lambda: sch.transform_layout("B", "B", lambda i: i),
        "`transform_layout` cannot be applied: the layout takes another number of indices.",
        expected="2",
        found="1",
    )
    for name in ("transform_block_layout", "reindex_cache_read"):
        given = ["B"] if name == "transform_block_layout" else ["B", 0, "local"]
        refused(
            elementwise,
            lambda sch, name=name, given=given: lambda: getattr(sch, name)(*given, lambda i: i),
            f"`{name}` cannot be applied: the layout takes another number of indices.",
            expected="2",
            found="1",
        )
    for value in ("zero", "0", [0.0]):
        refused(
            elementwise,
            lambda sch, value=value: (
                lambda: sch.transform_layout(
                    "B", "B", lambda i, j: (i, j // 4, j % 4), pad_value=value
                )
            ),
            "`transform_layout` cannot be applied: the padding value is no float32.",
            found=repr(value),
        )


def test_blocks_of_several_stores() -> None:
    @T.prim_func
    def pairs(A: T.Buffer((8,)), C: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((8,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi * 2] = A[vi]
                B[vi * 2 + 1] = A[vi + 1]
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = B[vi * 2]

    refused(
        pairs,
        lambda sch: lambda: sch.reverse_compute_inline("C"),
        "`reverse_compute_inline` cannot be applied: the body of the block 'B' is not one store.",
    )


def test_padding_at_the_loop_of_another_block() -> None:
    refused(
        conv,
        lambda sch: (lambda top: lambda: sch.decompose_padding("P", top))(loops(sch, "C")[0]),
        "`decompose_padding` cannot be applied: the loop 'f' is not around the block 'P'.",
    )


def test_alignments_of_another_form() -> None:
    def steps(sch: Any) -> Any:
        sch.annotate("B", "buffer_dim_align", [[0, 1, 16]])
        return lambda: sch.storage_align("B", 0, 0, 4, 0)

    refused(
        two_stages,
        steps,
        "`storage_align` cannot be applied: the annotation 'buffer_dim_align' has another form.",
        expected="a list of (buffer, axis, factor, offset)",
        found="((0, 1, 16),)",
    )


def test_blocks_of_one_name() -> None:
    @T.prim_func
    def twins(A: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
        for i in range(8):
            with T.block("fill"):
                vi = T.axis.spatial(8, i)
                A[vi] = 1.0
        for i in range(8):
            with T.block("fill"):
                vi = T.axis.spatial(8, i)
                C[vi] = 1.0

    refused(
        twins,
        lambda sch: lambda: sch.get_block("fill"),
        "`get_block` cannot be applied: the function 'main' has 2 blocks 'fill'.",
        cure="reach the one that is meant through get_child_blocks or get_consumers",
    )


def overwriting() -> Any:
    @T.prim_func
    def program(X: T.Buffer((4,)), Y: T.Buffer((4,)), Z: T.Buffer((4,))) -> None:
        B = T.alloc_buffer((4,))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = X[vi] + Y[vi] + Z[vi]
        for i in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i)
                Z[vi] = B[vi]
                Y[vi] = B[vi]
                X[vi] = B[vi]

    return program


def of_two_sizes() -> Any:
    @T.prim_func
    def program(a: T.handle, B: T.Buffer((4,))) -> None:
        n, m = T.int32(), T.int32()
        A = T.match_buffer(a, (n, m))
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi, 0]

    return program


def test_the_first_of_several_buffers_is_named() -> None:
    # New programs each time, whose buffers and sizes hash in other orders.
    for program in [overwriting() for _ in range(8)]:
        refused(
            program,
            lambda sch: lambda: sch.compute_inline("B"),
            "`compute_inline` cannot be applied: the scope of 'root' is no stage pipeline: the "
            "block 'C' overwrites 'Z', which 'B' reads before.",
        )
    for program in [of_two_sizes() for _ in range(8)]:
        refused(
            program,
            lambda sch: (
                lambda: sch.transform_layout(
                    "B", "A", lambda i, j: (i // 2, j // 2, i % 2, j % 2), pad_value=0.0
                )
            ),
            "`transform_layout` cannot be applied: the size 'n' would be no dimension of a "
            "parameter any more.",
        )
