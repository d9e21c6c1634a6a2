"""blockize, tensorize, layouts, padding, rolling buffers, written regions."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, ScheduleError
from tests.schedule.harness import check, refused
from tests.schedule.programs import (
    blur,
    conv,
    elementwise,
    loops,
    matmul,
    matmul_relu,
    triangle,
    two_stages,
)


@T.prim_func
def tile_desc(a: T.handle, b: T.handle, c: T.handle) -> None:
    A = T.match_buffer(a, (4, 4), offset_factor=1)
    B = T.match_buffer(b, (4, 4), offset_factor=1)
    C = T.match_buffer(c, (4, 4), offset_factor=1)
    with T.block("root"):
        T.reads(C[0:4, 0:4], A[0:4, 0:4], B[0:4, 0:4])
        T.writes(C[0:4, 0:4])
        for i, j, k in T.grid(4, 4, 4):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def tile_impl(a: T.handle, b: T.handle, c: T.handle) -> None:
    sa, sb, sc = T.int32(), T.int32(), T.int32()
    A = T.match_buffer(a, (4, 4), offset_factor=1, strides=[sa, 1])
    B = T.match_buffer(b, (4, 4), offset_factor=1, strides=[sb, 1])
    C = T.match_buffer(c, (4, 4), offset_factor=1, strides=[sc, 1])
    with T.block("root"):
        T.reads(C[0:4, 0:4], A[0:4, 0:4], B[0:4, 0:4])
        T.writes(C[0:4, 0:4])
        for k, i, j in T.grid(4, 4, 4):
            C[i, j] = C[i, j] + A[i, k] * B[k, j]


TILE = tir.TensorIntrin.register("test.tile_4x4x4", tile_desc, tile_impl, override=True)


def tiled(sch: Any) -> Any:
    """The loops of a tiled matmul."""
    i, j, k = loops(sch, "C")
    pairs = [sch.split(each, [None, 4]) for each in (i, j, k)]
    sch.reorder(*[each[0] for each in pairs], *[each[1] for each in pairs])
    return [each[0] for each in pairs] + [each[1] for each in pairs]


def test_blockize() -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
        for i, j_0 in T.grid(6, 3):
            with T.block("B_o"):
                vi_o, vj_o = T.axis.remap("SS", [i, j_0])
                T.reads(A[vi_o, vj_o * 10 : vj_o * 10 + 10])
                T.writes(B[vi_o, vj_o * 10 : vj_o * 10 + 10])
                for j_1 in range(10):
                    with T.block("B"):
                        vj_i = T.axis.spatial(10, j_1)
                        B[vi_o, vj_o * 10 + vj_i] = A[vi_o, vj_o * 10 + vj_i] * 2.0

    check(elementwise, lambda s: s.blockize(s.split(loops(s)[1], [3, 10])[1]), expected)


def test_blockize_lifts_the_init() -> None:
    def steps(sch: Any) -> None:
        outer = sch.blockize(tiled(sch)[3])
        assert sch.get(outer).init is not None
        assert sch.get(sch.get_block("C")).init is None

    check(matmul_relu, steps)


@pytest.mark.parametrize("keep", [True, False])
def test_blockize_of_a_whole_reduction_lifts_the_init(keep: bool) -> None:
    @T.prim_func
    def expected(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
        for i in range(6):
            with T.block("C_o"):
                vi_o = T.axis.spatial(6, i)
                vj_o = T.axis.spatial(1, 0)
                vk_o = T.axis.reduce(1, 0)
                with T.init():
                    for j in range(8):
                        with T.block("C_init"):
                            vj_i_init = T.axis.spatial(8, j)
                            C[vi_o, vj_i_init] = 0.0
                for j, k in T.grid(8, 10):
                    with T.block("C"):
                        vj_i, vk_i = T.axis.remap("SR", [j, k])
                        C[vi_o, vj_i] = C[vi_o, vj_i] + A[vi_o, vk_i] * B[vk_i, vj_i]

    sch = check(matmul, lambda s: s.blockize(loops(s, "C")[1], keep), expected)
    assert "vj_i_init = T.axis.spatial(8, j)" in sch.mod.script()


def test_blockize_of_several_blocks() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        B = T.alloc_buffer((16, 16))
        for i in range(16):
            with T.block("outer_B_C_"):
                vi_o = T.axis.spatial(16, i)
                vj_o = T.axis.spatial(1, 0)
                T.reads(A[vi_o, 0:16], B[vi_o, 0:16])
                T.writes(B[vi_o, 0:16], C[vi_o, 0:16])
                for ax0 in range(16):
                    with T.block("B"):
                        vj_i = T.axis.spatial(16, ax0)
                        B[vi_o, vj_i] = A[vi_o, vj_i] * 2.0
                for j in range(16):
                    with T.block("C"):
                        vj_i = T.axis.spatial(16, j)
                        C[vi_o, vj_i] = B[vi_o, vj_i] + 1.0

    def steps(sch: Any) -> None:
        i, j = loops(sch, "C")
        sch.compute_at("B", i)
        assert sch.get(sch.blockize(["B", "C"])).name_hint == "outer_B_C_"

    check(two_stages, steps, expected)


def test_blockize_refuses() -> None:
    def several(sch: Any) -> Any:
        i, _ = loops(sch, "C")
        sch.compute_at("B", i)
        return lambda: sch.blockize(i)

    def mixed(sch: Any) -> Any:
        outer, inner = sch.split(loops(sch)[1], [None, 4])
        return lambda: sch.blockize(inner)

    def part(sch: Any) -> Any:
        i, _ = loops(sch, "C")
        sch.compute_at("B", i)
        blocks = [sch.get_block("C")]
        sch.add_unit_loop(blocks[0])
        return lambda: sch.blockize([sch.get_block("C"), sch.get_block("B")])

    head = "`blockize` cannot be applied: "
    refused(
        two_stages,
        several,
        head + "there is not exactly one block below the loop 'i'.",
        found="B, C",
    )
    refused(
        elementwise,
        mixed,
        head + "the bindings of the block 'B' cannot be divided into outer and inner loops.",
    )
    refused(
        triangle,
        lambda sch: (lambda j: lambda: sch.blockize(j))(loops(sch)[1]),
        head + "the bounds of the loop 'j' depend on a loop outside.",
        found="i + 1",
    )


@pytest.mark.parametrize("blockized", [False, True])
def test_tensorize(blockized: bool) -> None:
    def steps(sch: Any) -> None:
        found = tiled(sch)
        target = found[3]
        if blockized:
            target = sch.blockize(target)
        else:
            sch.decompose_reduction("C", found[2])
        sch.tensorize(target, "test.tile_4x4x4")

    sch = check(matmul_relu, steps)
    assert len(sch.get(sch.get_block("C_o" if blockized else "C_update_o")).match_buffers) == 3


def test_tensorize_of_larger_buffers() -> None:
    @T.prim_func
    def batched(A: T.Buffer((2, 4, 4)), B: T.Buffer((2, 4, 4)), C: T.Buffer((2, 4, 4))) -> None:
        for b, i, j, k in T.grid(2, 4, 4, 4):
            with T.block("C"):
                vb, vi, vj, vk = T.axis.remap("SSSR", [b, i, j, k])
                with T.init():
                    C[vb, vi, vj] = 0.0
                C[vb, vi, vj] = C[vb, vi, vj] + A[vb, vi, vk] * B[vb, vk, vj]

    def steps(sch: Any) -> None:
        b, i, j, k = loops(sch, "C")
        sch.decompose_reduction("C", i)
        sch.tensorize(i, TILE)

    check(batched, steps)


def test_tensorize_refuses() -> None:
    def other(sch: Any) -> Any:
        sch.transform_block_layout("D", lambda i, j: (i, j))
        block = sch.blockize(loops(sch, "D")[0])
        return lambda: sch.tensorize(block, TILE)

    def unknown(sch: Any) -> Any:
        block = sch.get_block("C")
        return lambda: sch.tensorize(block, "test.tile_4x4x5")

    def unnamed(sch: Any) -> Any:
        block = sch.get_block("C")
        intrin = tir.TensorIntrin(tile_desc, tile_impl)
        return lambda: sch.tensorize(block, intrin)

    head = "`tensorize` cannot be applied: "
    refused(
        matmul_relu,
        other,
        head + "the block 'D_o' does not compute what the intrinsic 'test.tile_4x4x4' does.",
    )
    refused(matmul_relu, unknown, head + "there is no tensor intrinsic 'test.tile_4x4x5'.")
    refused(
        matmul_relu,
        unnamed,
        head + "the intrinsic has no registered name, which the trace needs.",
    )


def test_registering_intrinsics() -> None:
    with pytest.raises(RegistryError, match="exists already"):
        tir.TensorIntrin.register("test.tile_4x4x4", tile_desc, tile_impl)
    assert tir.TensorIntrin.get("test.nothing", allow_missing=True) is None
    with pytest.raises(RegistryError, match="no tensor intrinsic"):
        tir.TensorIntrin.get("test.nothing")
    with pytest.raises(ScheduleError, match="one block without iteration variables"):
        tir.TensorIntrin(elementwise, elementwise)


def test_transform_layout() -> None:
    @T.prim_func
    def expected(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
        B = T.alloc_buffer((4, 16, 4))
        for i, j in T.grid(16, 16):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi // 4, vj, vi % 4] = A[vi, vj] * 2.0
        for i, j in T.grid(16, 16):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi // 4, vj, vi % 4] + 1.0

    check(
        two_stages,
        lambda s: s.transform_layout("B", ("write", 0), lambda i, j: (i // 4, j, i % 4)),
        expected,
    )


def test_transform_layout_with_padding() -> None:
    def steps(sch: Any) -> None:
        sch.transform_layout("B", "B", lambda i, j: (i // 5, j, i % 5), pad_value=0.0)
        sch.set_axis_separator("B", "B", [1])

    text = check(two_stages, steps).mod.script()
    assert "T.if_then_else(v_axis0 == 3 and v_axis2 >= 1, T.float32(0), " in text
    assert "axis_separators=[1]" in text


def test_transform_layout_refuses() -> None:
    def by(mapping: Any) -> Any:
        return lambda sch: lambda: sch.transform_layout("B", ("write", 0), mapping)

    head = "`transform_layout` cannot be applied: "
    refused(two_stages, by(lambda i, j: (i + j,)), head + "the index map is not injective.")
    refused(
        two_stages,
        by(lambda i, j: (i // 5, i % 5, j)),
        head + "the layout has positions without an element of 'B'.",
    )
    refused(
        two_stages,
        lambda sch: lambda: sch.set_axis_separator("B", "B", [2, 1]),
        "`set_axis_separator` cannot be applied: the axis separators do not rise from 0 to the "
        "number of dimensions.",
        found="[2, 1]",
    )


def test_transform_block_layout() -> None:
    def steps(sch: Any) -> None:
        sch.transform_block_layout("C", lambda i, j, k: (i // 2, j, i % 2, k // 5, k % 5))

    assert len(check(matmul, steps).get_loops("C")) == 5
    head = "`transform_block_layout` cannot be applied: "
    refused(
        matmul,
        lambda sch: lambda: sch.transform_block_layout("C", lambda i, j, k: (i, j)),
        head + "the index map is not bijective on the block's variables.",
        found="the iterator 'vk' is not used",
    )
    refused(
        matmul,
        lambda sch: lambda: sch.transform_block_layout("C", lambda i, j, k: (i, j * 10 + k)),
        head + "a result of the index map mixes variables of different kinds.",
        found="vj * 10 + vk",
    )

    def tiled_before(sch: Any) -> Any:
        sch.split(loops(sch, "C")[0], [2, 3])
        return lambda: sch.transform_block_layout("C", lambda i, j, k: (j, i, k))

    refused(matmul, tiled_before, head + "the variables of the block 'C' are not its loops.")


def test_pad_einsum() -> None:
    text = check(matmul, lambda s: s.pad_einsum("C", [4, 4, 4])).mod.script()
    assert "for i, j, k in T.grid(8, 8, 12)" in text
    assert "T.if_then_else(v0 < 6 and v1 < 10, A[v0, v1], T.float32(0))" in text
    head = "`pad_einsum` cannot be applied: "
    refused(
        matmul,
        lambda sch: lambda: sch.pad_einsum("C", [4, 4]),
        head + "there is not one positive number for each iteration variable.",
        expected="3",
        found="[4, 4]",
    )
    refused(
        conv,
        lambda sch: lambda: sch.pad_einsum("C", [1] * 6),
        head + "the indices of 'P' are not variables of the block, each once.",
    )


@pytest.mark.parametrize("level", range(3))
def test_decompose_padding(level: int) -> None:
    def steps(sch: Any) -> None:
        sch.decompose_padding("P", loops(sch, "P")[level])

    text = check(conv, steps).mod.script()
    assert "P_pad_const" in text
    assert "P[vc, vy + 1, vx + 1] = A[vc, vy, vx]" in text
    assert ("vy = T.axis.spatial(8, y - 1)" in text) == (level == 2)


@pytest.mark.parametrize("level", range(6))
def test_decompose_padding_of_tiles(level: int) -> None:
    """Beside its consumer, and lifted above it."""

    def steps(sch: Any) -> None:
        f, y, x, c, *_ = loops(sch, "C")
        y_0, y_1 = sch.split(y, [2, 4])
        x_0, x_1 = sch.split(x, [None, 3])
        sch.reorder(y_0, x_0, f, y_1, x_1, c)
        sch.compute_at("P", x_0)
        sch.vectorize(loops(sch, "P")[-1])
        sch.decompose_padding("P", loops(sch, "P")[level if level < 5 else -1])

    text = check(conv, steps).mod.script()
    assert "vy = T.axis.spatial(8, y_0 * 4 + ax1 - 1)" in text
    assert (
        "T.where(y_0 * 4 + ax1 >= 1 and y_0 * 4 + ax1 < 9 and x_0 * 3 + ax2 >= 1 "
        "and x_0 * 3 + ax2 < 9 and x_0 * 3 + ax2 < 10)"
    ) in text


def test_decompose_padding_refuses() -> None:
    refused(
        two_stages,
        lambda sch: (lambda i: lambda: sch.decompose_padding("B", i))(loops(sch)[0]),
        "`decompose_padding` cannot be applied: the body of the block 'B' is no padding.",
    )


def test_transform_layout_keeps_variables_of_one_value() -> None:
    @T.prim_func
    def before(A: T.Buffer((1, 8)), C: T.Buffer((1, 8))) -> None:
        B = T.alloc_buffer((1, 8))
        for i, j in T.grid(1, 8):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + 1.0
        for i, j in T.grid(1, 8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] * 2.0

    def with_layout(layout: Any) -> str:
        sch = check(before, lambda s: s.transform_layout("B", ("write", 0), layout))
        return sch.mod.script()

    assert "B[vj // 4, vi, vj % 4] = " in with_layout(lambda i, j: (j // 4, i, j % 4))
    assert "= B[vj] * " in with_layout(lambda i, j: (i * 8 + j,))


@pytest.mark.parametrize("tile", [None, 4])
def test_rolling_buffer(tile: int | None) -> None:
    def steps(sch: Any) -> None:
        loop = loops(sch, "C")[0]
        if tile is not None:
            loop = sch.split(loop, [None, tile])[0]
        sch.compute_at("B", loop)
        sch.rolling_buffer("B", 0)

    sch = check(blur, steps)
    (buffer,) = sch.get(sch.get_block("root")).alloc_buffers
    assert int(buffer.shape[0]) == (3 if tile is None else 6)


def test_rolling_buffer_refuses() -> None:
    def apart(sch: Any) -> Any:
        return lambda: sch.rolling_buffer("B", 0)

    def no_overlap(sch: Any) -> Any:
        sch.compute_at("B", loops(sch, "C")[0])
        return lambda: sch.rolling_buffer("B", 0)

    head = "`rolling_buffer` cannot be applied: "
    refused(blur, apart, head + "the block 'B' and its consumers are in no common loop.")
    refused(
        two_stages,
        no_overlap,
        head + "neighbouring iterations of 'i' need no common part of 'B'.",
        found="a step of 1, a size of 1",
    )


def test_written_regions_stay() -> None:
    def steps(sch: Any) -> None:
        sch.annotate_buffer_access("C", 0, "read", lambda i: ((i, i + 3),))
        sch.compute_inline("B")

    check(blur, lambda s: s.annotate_buffer_access("C", 0, "read", lambda i: ((i, i + 3),)))
    check(blur, steps)
    head = "`annotate_buffer_access` cannot be applied: "
    refused(
        blur,
        lambda sch: lambda: sch.annotate_buffer_access("C", 1, "read", lambda i: (i,)),
        head + "the block 'C' has no region at position 1.",
        expected="0: B",
    )
    refused(
        blur,
        lambda sch: lambda: sch.annotate_buffer_access("C", 0, "reads", lambda i: (i,)),
        head + "there is no kind 'reads'.",
    )


def test_hidden_regions() -> None:
    sch = check(two_stages, lambda s: s.unsafe_hide_buffer_access("C", "read", [0]))
    assert not sch.get(sch.get_block("C")).reads
