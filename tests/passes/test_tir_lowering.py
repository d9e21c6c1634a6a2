"""The lowering stages, each before and after, and what each promises."""

from __future__ import annotations

import pytest

from pellucid.driver.pipeline import lowering
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal, structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import PassError, UnsupportedError
from pellucid.tir import transform
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.check_indices import verify_checked
from pellucid.tir.transform.compact_buffer_allocation import verify_compact
from pellucid.tir.transform.convert_blocks_to_opaque import verify_opaque_blocks
from pellucid.tir.transform.flatten_buffer import verify_flat
from pellucid.tir.transform.hoist_reduction_init import verify_hoisted
from pellucid.tir.transform.lower_init_block import verify_no_init
from pellucid.tir.transform.lower_match_buffer import verify_no_match_buffer
from pellucid.tir.transform.lower_opaque_block import verify_no_block
from pellucid.tir.transform.plan_and_update_buffer_allocation_location import (
    verify_allocation_location,
)
from pellucid.tir.transform.remove_no_op import verify_no_no_op
from pellucid.tir.transform.unroll_loop import verify_no_unrolled
from pellucid.tir.transform.vectorize_loop import verify_no_vectorized


def apply(func, *passes) -> PrimFunc:
    """The function after some passes."""
    mod = IRModule({"main": func.without_attr("global_symbol")})
    for each in passes:
        mod = each(mod)
    return mod["main"]


def check(before, after, *passes) -> None:
    """The passes make `after` of `before`."""
    result = apply(before, *passes)
    expected = after.without_attr("global_symbol")
    assert_structural_equal(result, expected)


def test_init_becomes_a_condition():
    @T.prim_func
    def before(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32")):
        for i, k in T.grid(4, 8):
            with T.block("b"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.reads(A[vi, vk])
                T.writes(B[vi])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    @T.prim_func
    def after(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32")):
        for i, k in T.grid(4, 8):
            with T.block("b"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.reads(A[vi, vk])
                T.writes(B[vi])
                if vk == 0:
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    check(before, after, transform.LowerInitBlock())
    verify_no_init(apply(before, transform.LowerInitBlock()))
    with pytest.raises(PassError, match="After LowerInitBlock there is no block with an init"):
        verify_no_init(before)


def test_blocks_become_opaque():
    @T.prim_func
    def before(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
        for i, j in T.grid(4, 8):
            with T.block("b"):
                vi = T.axis.spatial(4, 3 - i)
                vj = T.axis.spatial(8, j)
                T.reads(A[vi, vj])
                T.writes(B[vi, vj])
                B[vi, vj] = A[vi, vj]

    @T.prim_func
    def after(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
        for i, j in T.grid(4, 8):
            with T.block("b"):
                T.reads(A[3 - i, j])
                T.writes(B[3 - i, j])
                B[3 - i, j] = A[3 - i, j]

    check(before, after, transform.ConvertBlocksToOpaque())
    verify_opaque_blocks(after)
    with pytest.raises(PassError):
        verify_opaque_blocks(before)


def test_views_become_accesses_to_their_source():
    @T.prim_func
    def before(A: T.Buffer((8, 8), "float32")):
        for i in range(2):
            with T.block("b"):
                T.reads()
                T.writes(A[i * 4 : i * 4 + 4, 0:8])
                V = T.match_buffer(A[i * 4 : i * 4 + 4, 0:8], (4, 8))
                V[1, 2] = T.float32(3)

    @T.prim_func
    def after(A: T.Buffer((8, 8), "float32")):
        for i in range(2):
            with T.block("b"):
                T.reads()
                T.writes(A[i * 4 : i * 4 + 4, 0:8])
                A[i * 4 + 1, 2] = T.float32(3)

    check(before, after, transform.LowerMatchBuffer())
    verify_no_match_buffer(after)
    with pytest.raises(PassError):
        verify_no_match_buffer(before)


def test_blocks_become_conditions_and_allocations():
    @T.prim_func
    def before(A: T.Buffer((10,), "float32")):
        for i, one in T.grid(3, 1):
            for j in range(4):
                with T.block("b"):
                    T.reads()
                    T.writes(A[i * 4 + j])
                    T.where(i * 4 + j + one < 10)
                    t = T.alloc_buffer((2,), "float32")
                    t[0] = T.float32(1)
                    A[i * 4 + j] = t[0]

    @T.prim_func
    def after(A: T.Buffer((10,), "float32")):
        for i in range(3):
            for j in range(4):
                if i * 4 + j < 10:
                    t_data = T.allocate([2], "float32", "global")
                    t = T.decl_buffer((2,), "float32", data=t_data)
                    t[0] = T.float32(1)
                    A[i * 4 + j] = t[0]

    check(before, after, transform.LowerOpaqueBlock())
    verify_no_block(after)
    with pytest.raises(PassError):
        verify_no_block(before)


def test_buffers_become_flat():
    @T.prim_func
    def before(A: T.Buffer((4, 8, 2), "float32"), B: T.Buffer((), "float32")):
        for i, j in T.grid(4, 8):
            A[i, j, 1] = B[()]

    result = apply(before, transform.FlattenBuffer())
    verify_flat(result)
    assert "A_1[i * 16 + j * 2 + 1] = B_1[0]" in result.script()
    with pytest.raises(PassError):
        verify_flat(before)


def test_large_and_symbolic_buffers_have_wide_indices():
    @T.prim_func
    def f(a: T.handle, b: T.Buffer((100000, 100000), "int8")):
        n = T.int32()
        A = T.match_buffer(a, (n, n), "int8")
        for i, j in T.grid(n, n):
            A[i, j] = b[i, j]

    text = apply(f, transform.FlattenBuffer()).script()
    assert 'T.Cast("int64", i) * T.Cast("int64", n) + T.Cast("int64", j)' in text
    assert 'T.Cast("int64", i) * T.int64(100000) + T.Cast("int64", j)' in text


def test_strides_and_offsets_go_into_the_index():
    @T.prim_func
    def f(a: T.handle):
        s = T.int64()
        A = T.match_buffer(a, (4, 8), "float32", strides=(s, 1))
        for i, j in T.grid(4, 8):
            A[i, j] = T.float32(0)

    text = apply(f, transform.FlattenBuffer()).script()
    assert 'T.Cast("int64", i) * s + T.Cast("int64", j)' in text


def test_memory_moves_into_a_parallel_loop_and_shrinks():
    @T.prim_func
    def before(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
        with T.block("root"):
            T.reads()
            T.writes()
            tmp = T.alloc_buffer((16, 8), "float32")
            for i in T.parallel(16):
                for j in range(8):
                    tmp[i, j] = A[i, j]
                for j in range(8):
                    B[i, j] = tmp[i, 7 - j]

    passes = [
        transform.PlanAndUpdateBufferAllocationLocation(),
        transform.CompactBufferAllocation(),
    ]
    result = apply(before, *passes)
    verify_allocation_location(result)
    verify_compact(result)
    text = result.script()
    assert "tmp = T.alloc_buffer((1, 8))" in text
    assert text.index("T.parallel(16)") < text.index("alloc_buffer")
    with pytest.raises(PassError, match="no allocation can move inwards"):
        verify_allocation_location(before)


def test_memory_that_carries_values_between_iterations_stays_outside():
    @T.prim_func
    def rolling(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        with T.block("root"):
            T.reads()
            T.writes()
            last = T.alloc_buffer((2,), "float32")
            for i in range(16):
                last[i % 2] = A[i]
                B[i] = last[(i + 1) % 2]

    passes = [transform.PlanAndUpdateBufferAllocationLocation()]
    assert structural_equal(apply(rolling, *passes), rolling.without_attr("global_symbol"))

    @T.prim_func
    def total(A: T.Buffer((16, 4), "float32"), B: T.Buffer((16,), "float32")):
        with T.block("root"):
            T.reads()
            T.writes()
            s = T.alloc_buffer((1,), "float32")
            for i in range(16):
                for k in range(4):
                    if k == 0:
                        s[0] = T.float32(0)
                    s[0] = s[0] + A[i, k]
                B[i] = s[0]

    text = apply(total, *passes).script()
    assert text.index("in range(16)") < text.index("alloc_buffer") < text.index("in range(4)")


def test_memory_of_a_reduction_over_outer_loops_stays_around_them():
    @T.prim_func
    def f(A: T.Buffer((8, 16), "float32"), B: T.Buffer((16,), "float32")):
        with T.block("root"):
            T.reads()
            T.writes()
            s = T.alloc_buffer((16,), "float32")
            for k in range(8):
                for j in range(16):
                    if k == 0:
                        s[j] = T.float32(0)
                    s[j] = s[j] + A[k, j]
                for j in range(16):
                    B[j] = s[j]

    result = apply(f, transform.PlanAndUpdateBufferAllocationLocation())
    assert structural_equal(result, f.without_attr("global_symbol"))


def test_the_init_of_a_reduction_moves_out_of_its_loops():
    @T.prim_func
    def before(A: T.Buffer((256,), "float32"), B: T.Buffer((4,), "float32")):
        for i, k1, k2 in T.grid(4, 8, 8):
            if k1 == 0 and k2 == 0:
                B[i] = T.float32(0)
            B[i] = B[i] + A[i * 64 + k1 * 8 + k2]

    @T.prim_func
    def after(A: T.Buffer((256,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            B[i] = T.float32(0)
            for k1, k2 in T.grid(8, 8):
                B[i] = B[i] + A[i * 64 + k1 * 8 + k2]

    check(before, after, transform.HoistReductionInit())
    verify_hoisted(after)
    with pytest.raises(PassError):
        verify_hoisted(before)


def test_a_loop_that_may_not_run_keeps_its_condition():
    @T.prim_func
    def before(A: T.Buffer((64,), "float32"), B: T.Buffer((1,), "float32"), n: T.int32):
        for k in range(n):
            if k == 0:
                B[0] = T.float32(0)
            B[0] = B[0] + A[k]

    @T.prim_func
    def after(A: T.Buffer((64,), "float32"), B: T.Buffer((1,), "float32"), n: T.int32):
        if n > 0:
            B[0] = T.float32(0)
        for k in range(n):
            B[0] = B[0] + A[k]

    check(before, after, transform.HoistReductionInit())


def test_loops_become_vectors():
    @T.prim_func
    def before(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for o in range(4):
            for i in T.vectorized(16):
                B[o * 16 + i] = A[o * 16 + i] * T.float32(2)

    @T.prim_func
    def after(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for o in range(4):
            B[T.Ramp(o * 16, 1, 16)] = A[T.Ramp(o * 16, 1, 16)] * T.Broadcast(T.float32(2), 16)

    check(before, after, transform.VectorizeLoop())
    verify_no_vectorized(after)
    with pytest.raises(PassError):
        verify_no_vectorized(before)
    serial = apply(before, transform.VectorizeLoop(enable_vectorize=False))
    assert "T.Ramp" not in serial.script()
    verify_no_vectorized(serial)


def test_unrolled_loops_are_written_out():
    @T.prim_func
    def before(A: T.Buffer((4,), "int32")):
        for i in T.unroll(3):
            A[i + 1] = A[i] + i

    @T.prim_func
    def after(A: T.Buffer((4,), "int32")):
        A[1] = A[0] + 0
        A[2] = A[1] + 1
        A[3] = A[2] + 2

    result = apply(before, transform.UnrollLoop())
    verify_no_unrolled(result)
    assert result.script().count("A[") == after.script().count("A[")


def test_what_does_nothing_goes():
    @T.prim_func
    def before(A: T.Buffer((4,), "int32")):
        for i in range(4):
            x: T.int32 = i * 2
            if i > 2:
                T.evaluate(0)
        A[0] = 1
        T.evaluate(A[0] if False else 0)

    result = apply(before, transform.RemoveNoOp())
    verify_no_no_op(result)
    assert "for" not in result.script()


def test_simple_indices_and_conditions():
    @T.prim_func
    def before(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32")):
        for f in range(4096):
            if f < 5000:
                B[f // 64, f % 64 + 0 * f] = A[(f * 2) // 128, f - f // 64 * 64]
            else:
                B[0, 0] = T.float32(1)

    @T.prim_func
    def after(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32")):
        for f in range(4096):
            B[f // 64, f % 64] = A[f // 64, f % 64]

    check(before, after, transform.Simplify())


def test_arithmetic_that_wraps_is_left_alone():
    @T.prim_func
    def f(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32"), n: T.int32):
        for i in range(16):
            if i * 1000000000 + n > i * 1000000000:
                B[i] = A[(i * 1103515245 + 12345) % 10 * (i - i)]

    text = apply(f, transform.Simplify()).script()
    assert "i * 1000000000 + n > i * 1000000000" in text
    assert "1103515245" in text


def test_indices_of_32_bits():
    @T.prim_func
    def before(A: T.Buffer((T.int64(8), T.int64(8)), "float32")):
        for i, j in T.grid(T.int64(8), T.int64(8)):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads()
                T.writes(A[vi, vj])
                A[vi, vj] = T.Cast("float32", vi * T.int64(8) + vj)

    @T.prim_func
    def after(A: T.Buffer((8, 8), "float32")):
        for i, j in T.grid(8, 8):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads()
                T.writes(A[vi, vj])
                A[vi, vj] = T.Cast("float32", vi * 8 + vj)

    check(before, after, transform.ForceNarrowIndexToInt32())


def test_indices_that_fit_are_narrowed():
    @T.prim_func
    def before(A: T.Buffer((64,), "float32"), n: T.int64):
        for i in range(T.int64(64)):
            A[i] = T.float32(0)
        for i in range(n):
            if i < T.int64(64):
                A[i] = T.float32(1)

    @T.prim_func
    def after(A: T.Buffer((64,), "float32"), n: T.int64):
        for i in range(64):
            A[i] = T.float32(0)
        for i in range(n):
            if i < T.int64(64):
                A[i] = T.float32(1)

    check(before, after, transform.NarrowDataType(32))


def test_loops_can_be_made_serial():
    @T.prim_func
    def f(A: T.Buffer((4, 4), "int32")):
        for i in T.parallel(4):
            for j in T.vectorized(4):
                A[i, j] = i

    assert "T.grid(4, 4)" in apply(f, transform.ConvertForLoopsToSerial()).script()


def test_module_passes():
    @T.prim_func
    def f(A: T.Buffer((4,), "int32")):
        A[0] = 1

    @T.prim_func(private=True)
    def g(A: T.Buffer((4,), "int32")):
        A[0] = 2

    mod = IRModule({"f": f, "g": g})
    marked = transform.AnnotateEntryFunc()(mod)
    assert marked["f"].attrs["tir.is_entry_func"]
    assert marked["g"] is g
    kept = transform.Filter(lambda func: "global_symbol" not in func.attrs)(mod)
    assert [var.name_hint for var in kept] == ["g"]
    changed = transform.Apply(lambda func: func.with_attr("x", 1))(mod)
    assert changed["g"].attrs["x"] == 1


def test_every_index_is_checked():
    @T.prim_func
    def f(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
        for i in range(4):
            B[i] = A[3 - i]

    verify_checked(apply(f, transform.CheckIndices()))
    with pytest.raises(PassError):
        verify_checked(f)


def test_a_stage_that_changes_nothing_gives_the_same_function():
    @T.prim_func
    def f(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32")):
        for i in range(16):
            B[i] = A[i]

    mod = IRModule({"f": f})
    for stage in lowering().passes:
        assert stage(mod) is mod, stage


def test_vectors_in_views_stay_ramps_and_their_buffers_small():
    @T.prim_func
    def before(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        tmp = T.alloc_buffer((8, 16), "float32", scope="local")
        for i in range(8):
            with T.block("fill"):
                vi = T.axis.spatial(8, i)
                T.reads(A[vi, 0:16])
                T.writes(tmp[vi, 0:16])
                row = T.match_buffer(tmp[vi, 0:16], (16,))
                row[T.Ramp(0, 1, 16)] = A[vi, T.Ramp(0, 1, 16)]
            with T.block("use"):
                vi = T.axis.spatial(8, i)
                T.reads(tmp[vi, 0:16])
                T.writes(B[vi, 0:16])
                row = T.match_buffer(tmp[vi, 0:16], (16,))
                B[vi, T.Broadcast(0, 16) + T.Ramp(0, 1, 16) * T.Broadcast(1, 16)] = row[
                    T.Ramp(0, 1, 16)
                ]

    @T.prim_func
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        A_1 = T.decl_buffer((128,), data=A.data)
        B_1 = T.decl_buffer((128,), data=B.data)
        for i in range(8):
            tmp = T.allocate([16], "float32", "local")
            tmp_1 = T.decl_buffer((16,), data=tmp, scope="local")
            tmp_1[T.Ramp(0, 1, 16)] = A_1[T.Ramp(i * 16, 1, 16)]
            B_1[T.Ramp(i * 16, 1, 16)] = tmp_1[T.Ramp(0, 1, 16)]

    check(before, after, *lowering().passes)


def test_the_pointer_of_a_view_with_gaps_is_refused():
    @T.prim_func
    def func(A: T.Buffer((8, 8), "float32")):
        for i, j in T.grid(2, 2):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads()
                T.writes(A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4])
                W = T.match_buffer(A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4))
                T.evaluate(T.call_extern("void", "fill", W.data))

    with pytest.raises(UnsupportedError) as caught:
        apply(func, *lowering().passes)
    assert caught.value.message == (
        "The pointer of the view 'W' is handed out, and the rows of its region do not follow "
        "each other."
    )


def test_the_pointer_of_a_view_of_whole_rows_is_handed_out():
    @T.prim_func
    def func(a: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (8, 4, n))
        for i in range(8):
            with T.block("b"):
                vi = T.axis.spatial(8, i)
                T.reads()
                T.writes(A[vi, 0:4, 0:n])
                W = T.match_buffer(A[vi, 0:4, 0:n], (4, n))
                T.evaluate(T.call_extern("void", "fill", W.data))

    assert "T.call_extern" in apply(func, *lowering().passes).script()
