"""Blocks made by hand: axes, regions, the root block; each prints to a text that reads back."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.arithmetic import const
from pellucid.ir.scalar import LT, Add, FloorMod, IntImm, IterVar, Min, Mul, Range, Sub, Var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferRegion, MatchBufferRegion, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For, Stmt, pointer, seq
from tests.script.roundtrip import assert_round_trip

A = decl_buffer((128,), "float32", "A")
k, k2, loop64 = Var("k"), Var("k2"), Var("k", "int64")
vi, vj, wide = Var("vi"), Var("vj"), Var("vi", "int64")


def integer(value: int, dtype: str = "int32") -> IntImm:
    return IntImm(dtype, value)


def store(value: float, index: Any) -> Stmt:
    return BufferStore(A, const(value, "float32"), [index])


def block(**fields: Any) -> Block:
    """A block of one spatial axis of 128 that writes A there; `fields` replace its parts."""
    parts: dict[str, Any] = {
        "iter_vars": [IterVar((0, 128), vi, 0)],
        "reads": [],
        "writes": [A[vi]],
        "name_hint": "b",
        "body": store(1, vi),
    }
    return Block(**{**parts, **fields})


def root(body: Stmt, **fields: Any) -> Stmt:
    return BlockRealize([], True, Block([], [], [], "root", body, **fields))


def under_loop(inner: Block, values: Any = (k,), predicate: Any = True) -> Stmt:
    return root(For(k, 0, 128, 0, BlockRealize(list(values), predicate, inner)))


def region(low: Any, extent: Any) -> BufferRegion:
    return BufferRegion(A, [Range(min=low, extent=extent)])


OPAQUE = block(iter_vars=[], body=store(1, 0), writes=[A[0]])
FIVE = [
    IterVar(Range(min=2, extent=8), vi, IterVar.DataPar),
    IterVar((0, 8), vj, IterVar.CommReduce),
    IterVar((0, 20), Var("scan"), IterVar.Ordered),
    IterVar((0, 2), Var("opaque"), IterVar.Opaque),
    IterVar((0, 4), Var("bound"), IterVar.DataPar),
]
REGIONS = [
    region(vi, integer(4)),
    region(vi, vi),
    region(integer(0), integer(128)),
    region(integer(0), vi),
    region(vi, integer(1, "int64")),
    region(Mul(vi, integer(4)), integer(4)),
    region(Add(vi, integer(1)), integer(4)),
    region(integer(3), integer(1)),
    region(integer(3, "int64"), vi),
    region(Min(vi, integer(3)), Sub(vi, vi)),
]
VIEW = MatchBufferRegion(
    Buffer(pointer("V", "float32"), "float32", (4,), (Var("s"),), Var("o"), "V", 64, 4),
    A[vi : vi + 4],
)
CELL = decl_buffer((4,), "int8", "cell", scope="local")
INNER = block(
    iter_vars=[IterVar((0, 16), Var("outer"), 0), IterVar((0, 8), Var("inner"), 0)],
    writes=[],
    body=store(1, 0),
)

PROGRAMS: dict[str, Stmt] = {
    "one axis": under_loop(block()),
    "predicate": under_loop(block(annotations={"k": [1, 2]}), predicate=LT(k, integer(100))),
    "allocation": under_loop(block(alloc_buffers=[CELL])),
    "regions of what is allocated here": under_loop(
        block(alloc_buffers=[CELL], reads=[CELL[0:4]], writes=[CELL[0]])
    ),
    "bound to a constant": root(BlockRealize([integer(0)], True, block())),
    "opaque block under the root": root(BlockRealize([], True, OPAQUE)),
    "opaque block in a loop": root(For(k, 0, 4, 0, BlockRealize([], True, OPAQUE))),
    "root with annotations": root(
        For(k, 0, 128, 0, BlockRealize([k], True, block())), annotations={"a": 1}
    ),
    "root with allocations": root(
        For(k, 0, 128, 0, BlockRealize([k], True, block())),
        alloc_buffers=[decl_buffer((4,), "float16", "t", offset_factor=2)],
    ),
    "root without blocks": root(
        For(k, 0, 128, 0, store(1, k)),
        alloc_buffers=[decl_buffer((4,), "float16", "t", strides=[8])],
    ),
    "root that reads": BlockRealize([], True, Block([], [A[0:4]], [A[0:128]], "root", store(1, 0))),
    "all kinds of axes": root(
        For(
            k,
            2,
            8,
            0,
            For(
                k2,
                0,
                8,
                0,
                BlockRealize(
                    [k, k2, Add(k, k2), FloorMod(k, integer(2)), integer(1)],
                    True,
                    block(iter_vars=FIVE),
                ),
            ),
        )
    ),
    "int64 axes": root(
        For(
            loop64,
            integer(0, "int64"),
            integer(8, "int64"),
            0,
            BlockRealize(
                [loop64, integer(0, "int64")],
                True,
                block(
                    iter_vars=[
                        IterVar(
                            Range(min=integer(0, "int64"), extent=integer(8, "int64")), wide, 0
                        ),
                        IterVar(
                            Range(min=integer(0, "int64"), extent=integer(1, "int64")),
                            Var("r", "int64"),
                            2,
                        ),
                    ],
                    body=store(1, wide),
                    writes=[A[wide]],
                ),
            ),
        )
    ),
    "axis of another dtype": under_loop(
        block(iter_vars=[IterVar((0, 8), wide, 0)], body=store(1, wide), writes=[A[wide]])
    ),
    "view": under_loop(block(match_buffers=[VIEW])),
    "regions": under_loop(block(reads=REGIONS)),
    "init": under_loop(block(init=seq(store(0, vi), store(1, vi)))),
    "nested": under_loop(block(body=For(k2, 0, 8, 0, BlockRealize([vi, k2], True, INNER)))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_block(name: str) -> None:
    func = PrimFunc([A], PROGRAMS[name], attrs={"global_symbol": "main"})
    assert_round_trip(func)


@pytest.mark.parametrize("name", PROGRAMS)
def test_block_without_sugar_reads_back_too(name: str) -> None:
    func = PrimFunc([A], PROGRAMS[name], attrs={"global_symbol": "main"})
    text = func.script(syntax_sugar=False)
    assert "remap" not in text
    assert "# with" not in text


def matmul() -> PrimFunc:
    """Matrix multiplication with a buffer in between."""
    left, right, out, middle = [
        decl_buffer((16, 16), "float32", name) for name in ("A", "B", "C", "Y")
    ]
    i, j, r, vr = Var("i"), Var("j"), Var("k"), Var("vk")
    update = BufferStore(middle, middle[vi, vj] + left[vi, vr] * right[vr, vj], [vi, vj])
    inner = Block(
        [IterVar((0, 16), vi, 0), IterVar((0, 16), vj, 0), IterVar((0, 16), vr, 2)],
        [left[vi, vr], right[vr, vj]],
        [middle[vi, vj]],
        "Y",
        update,
        BufferStore(middle, const(0, "float32"), [vi, vj]),
    )
    nest = For(
        i, 0, 16, 0, For(j, 0, 16, 0, For(r, 0, 16, 0, BlockRealize([i, j, r], True, inner)))
    )
    vi2, vj2 = Var("vi"), Var("vj")
    copy = Block(
        [IterVar((0, 16), vi2, 0), IterVar((0, 16), vj2, 0)],
        [middle[vi2, vj2]],
        [out[vi2, vj2]],
        "C",
        BufferStore(out, middle[vi2, vj2], [vi2, vj2]),
    )
    i, j = Var("i"), Var("j")
    second = For(i, 0, 16, 0, For(j, 0, 16, "vectorized", BlockRealize([i, j], True, copy)))
    body = BlockRealize([], True, Block([], [], [], "root", seq(nest, second), None, [middle]))
    return PrimFunc([left, right, out], body, attrs={"global_symbol": "main", "tir.noalias": True})


MATMUL = """\
# from pellucid.script import tir as T

@T.prim_func
def main(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16, 16), "float32"), \
C: T.Buffer((16, 16), "float32")):
    T.func_attr({"tir.noalias": True})
    # with T.block("root"):
    Y = T.alloc_buffer((16, 16))
    for i, j, k in T.grid(16, 16, 16):
        with T.block("Y"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(Y[vi, vj])
            with T.init():
                Y[vi, vj] = T.float32(0)
            Y[vi, vj] = Y[vi, vj] + A[vi, vk] * B[vk, vj]
    for i in range(16):
        for j in T.vectorized(16):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(Y[vi, vj])
                T.writes(C[vi, vj])
                C[vi, vj] = Y[vi, vj]"""


def test_text_of_a_function() -> None:
    assert assert_round_trip(matmul(), check_well_formed=True) == MATMUL


def test_block_by_itself() -> None:
    assert (
        repr(block(init=store(0, vi)))
        == """\
with T.block("b", no_realize=True):
    vi = T.axis.spatial(128)
    T.reads()
    T.writes(A[vi])
    with T.init():
        A[vi] = T.float32(0)
    A[vi] = T.float32(1)"""
    )
