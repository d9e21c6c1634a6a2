"""Inferred regions: cases from the specification, and a law against execution."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import tir
from pellucid.arith.evaluate import evaluate
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.script import from_source
from pellucid.support.errors import WellFormedError
from pellucid.tir.analysis import (
    complete,
    get_block_access_region,
    get_block_read_write_region,
    verify_well_formed,
)
from pellucid.tir.block import Block
from pellucid.tir.buffer import BufferRegion
from pellucid.tir.function import PrimFunc

HEADER = "from pellucid.script import tir as T\n"


def parse(text: str) -> PrimFunc:
    return from_source(HEADER + text)


def block_named(func: PrimFunc, name: str) -> Block:
    found: list[Block] = []
    tir.stmt_functor.pre_order_visit(
        func.body,
        lambda node: (
            found.append(node) if isinstance(node, Block) and node.name_hint == name else None
        ),
    )
    assert len(found) == 1
    return found[0]


def regions(block: Block) -> tuple[str, str]:
    reads = ", ".join(map(repr, block.reads))
    return reads, ", ".join(map(repr, block.writes))


def test_matmul() -> None:
    func = parse(
        """
@T.prim_func
def main(
    A: T.Buffer((8, 4), "float32"),
    B: T.Buffer((4, 6), "float32"),
    C: T.Buffer((8, 6), "float32"),
):
    for i, j, k in T.grid(8, 6, 4):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] += A[vi, vk] * B[vk, vj]
"""
    )
    assert func.body.block.name_hint == "root"
    assert regions(block_named(func, "C")) == ("A[vi, vk], B[vk, vj]", "C[vi, vj]")
    assert regions(func.body.block) == ("", "")


def test_without_init_the_accumulator_is_read() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), C: T.Buffer((1,), "float32")):
    for k in range(8):
        with T.block("C"):
            vk = T.axis.reduce(8, k)
            C[0] = C[0] + A[vk]
"""
    )
    assert regions(block_named(func, "C")) == ("C[0], A[vk]", "C[0]")


def test_inner_loops_are_relaxed() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), C: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = T.float32(0)
            for k in range(4):
                C[vi] = C[vi] + A[vi * 4 + k]
"""
    )
    assert regions(block_named(func, "C")) == ("C[vi], A[vi * 4:vi * 4 + 4]", "C[vi]")


def test_inner_blocks_count_with_their_regions() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
    for i in range(4):
        with T.block("outer"):
            vo = T.axis.spatial(4, i)
            for j, k in T.grid(4, 16):
                with T.block("inner"):
                    vi = T.axis.spatial(16, vo * 4 + j)
                    vj = T.axis.spatial(16, k)
                    C[vi, vj] = A[vj, vi]
"""
    )
    assert regions(block_named(func, "outer")) == (
        "A[0:16, vo * 4:vo * 4 + 4]",
        "C[vo * 4:vo * 4 + 4, 0:16]",
    )


def test_conditions_clip() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((30,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            for k in range(4):
                if vi * 4 + k < 30:
                    C[vi] = A[vi * 4 + k]
"""
    )
    assert regions(block_named(func, "C"))[0] == ("A[vi * 4:vi * 4 + (T.min(29 - vi * 4, 3) + 1)]")


def test_views_stand_for_what_they_are_matched_to() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((8, 16, 16), "float32")):
    for i in range(8):
        with T.block("A"):
            vi = T.axis.spatial(8, i)
            V = T.match_buffer(A[vi, 4:12, 0:16], (8, 16))
            for j in range(8):
                V[j, 3] = T.float32(1)
"""
    )
    assert regions(block_named(func, "A")) == ("", "A[vi, 4:12, 3]")


def test_own_buffers_are_left_out() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            L = T.alloc_buffer((1,), "float32")
            L[0] = A[vi]
            C[vi] = L[0]
"""
    )
    assert regions(block_named(func, "C")) == ("A[vi]", "C[vi]")


def test_an_index_from_memory_is_a_point_or_everything() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), I: T.Buffer((8,), "int32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("one"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[I[vi]]
    for i in range(8):
        with T.block("many"):
            vi = T.axis.spatial(8, i)
            for k in range(8):
                C[vi] = A[I[k]] + A[vi]
"""
    )
    one, many = block_named(func, "one"), block_named(func, "many")
    assert regions(one)[0] in ("A[I_1[vi]], I_1[vi]", "A[I[vi]], I[vi]")
    assert [each.buffer.name for each in many.reads] == ["A", "I"]
    assert all(structural_equal(each.region[0].extent, IntImm("int32", 8)) for each in many.reads)


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_an_index_from_memory_that_changes_may_be_any(place: str) -> None:
    lines = {
        "outside": "    N = T.alloc_buffer((1,), 'int32')\n",
        "inside": "            N = T.alloc_buffer((1,), 'int32')\n",
    }
    func = parse(
        f"""
@T.prim_func
def main(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4,), "float32")):
{lines["outside"] if place == "outside" else ""}\
    for i in range(4):
        with T.block("last"):
            vi = T.axis.spatial(4, i)
{lines["inside"] if place == "inside" else ""}\
            N[0] = 0
            while A[vi, N[0]] < 1.0:
                N[0] = N[0] + 1
            C[vi] = A[vi, N[0]]
"""
    )
    reads, writes = regions(block_named(func, "last"))
    assert reads.startswith("A[vi, 0:8]")
    assert writes.endswith("C[vi]")
    assert ("N" in reads) == (place == "outside")


def test_empty_is_not_missing() -> None:
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            T.reads()
            C[vi] = A[vi]
"""
    )
    block = block_named(func, "C")
    assert regions(block) == ("", "C[vi]")
    assert complete(func) is func


def test_pointers_have_to_be_declared() -> None:
    text = """
@T.prim_func
def main(A: T.Buffer((8,), "float32")):
    with T.block("root"):
        with T.block("call"):
            {clauses}
            T.evaluate(T.call_extern("int32", "fill", A.data))
"""
    with pytest.raises(WellFormedError) as caught:
        parse(text.format(clauses="T.reads()"))
    assert caught.value.message == (
        "What the block 'call' accesses of 'A' cannot be inferred: it is reached through a pointer."
    )
    func = parse(text.format(clauses="T.writes(A[0:8])"))
    assert regions(block_named(func, "call")) == ("", "A[0:8]")
    block = block_named(func, "call")
    _, _, opaque = get_block_access_region(block, {each.data: each for each in func.buffers})
    assert repr(opaque) == "[A[0:8]]"
    reads, writes = get_block_read_write_region(block, {b.data: b for b in func.buffers})
    assert repr(reads) == repr(writes) == "[A[0:8]]"


@pytest.mark.parametrize(
    ("body", "has_root"),
    [
        ("    A[0] = T.float32(1)", False),
        ("    with T.block('b'):\n        A[0] = T.float32(1)", False),
        (
            "    for i in range(8):\n        with T.block('b'):\n            A[0] = T.float32(1)",
            True,
        ),
        ("    L = T.alloc_buffer((8,))\n    A[0] = T.float32(1)", True),
        (
            "    with T.block('b'):\n        v = T.axis.spatial(1, 0)\n        A[v] = T.float32(1)",
            True,
        ),
    ],
)
def test_when_there_is_a_root_block(body: str, has_root: bool) -> None:
    func = parse(f"@T.prim_func\ndef main(A: T.Buffer((8,), 'float32')):\n{body}\n")
    names = [
        each.name_hint
        for each in [func.body.block if isinstance(func.body, tir.BlockRealize) else None]
        if each is not None
    ]
    assert (names == ["root"]) is has_root
    assert verify_well_formed(func)


# A law: every access that running the block makes lies in the inferred region.

V, W = Var("v"), Var("w")
INNER = [Var("a"), Var("b")]
SIZE = 10_000
BUFFER = tir.decl_buffer((SIZE, SIZE), "int32", "M")


@st.composite
def indices(draw: Any, depth: int = 2) -> Any:
    if depth == 0:
        return draw(st.sampled_from([V, W, *INNER, IntImm("int32", draw(st.integers(0, 5)))]))
    a, b = draw(indices(depth - 1)), draw(indices(depth - 1))
    build = draw(
        st.sampled_from(
            [
                lambda: a + b,
                lambda: a * draw(st.integers(1, 5)) + b,
                lambda: a // draw(st.integers(1, 4)),
                lambda: a % draw(st.integers(1, 6)) + b,
                lambda: tir.max(a - b, 0),
                lambda: tir.min(a, b),
            ]
        )
    )
    return build()


@st.composite
def bodies(draw: Any) -> Any:
    """Statements over two inner loops with loads, stores and branches."""

    def store() -> Any:
        where = [draw(indices()), draw(indices())]
        value = BUFFER[draw(indices()), draw(indices())]
        if draw(st.booleans()):
            value = tir.if_then_else(
                draw(indices(1)) < draw(indices(1)), value, BUFFER[draw(indices(1)), 0]
            )
        statement: Any = tir.BufferStore(BUFFER, value, where)
        if draw(st.booleans()):
            other = tir.BufferStore(BUFFER, IntImm("int32", 1), [draw(indices(1)), 1])
            condition = draw(indices(1)) < draw(indices(1))
            statement = tir.IfThenElse(condition, statement, other if draw(st.booleans()) else None)
        return statement

    inside = tir.stmt_seq(store(), store() if draw(st.booleans()) else None)
    for var, extent in zip(INNER, (3, 4), strict=True):
        inside = tir.For(var, draw(st.integers(0, 2)), extent, "serial", inside)
    return inside


class Runner:
    """Runs such a body for its accesses alone."""

    def __init__(self) -> None:
        self.reads: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []

    def run(self, statement: Any, env: dict[Any, int]) -> None:
        if isinstance(statement, tir.For):
            begin = evaluate(statement.min, env)
            for value in range(begin, begin + evaluate(statement.extent, env)):
                self.run(statement.body, {**env, statement.loop_var: value})
        elif isinstance(statement, tir.SeqStmt):
            for each in statement.seq:
                self.run(each, env)
        elif isinstance(statement, tir.IfThenElse):
            if evaluate(statement.condition, env):
                self.run(statement.then_case, env)
            elif statement.else_case is not None:
                self.run(statement.else_case, env)
        else:
            self.writes.append(self.point(statement.indices, env))
            self.load(statement.value, env)

    def point(self, where: Any, env: dict[Any, int]) -> tuple[int, int]:
        x, y = [evaluate(each, env) for each in where]
        return x, y

    def load(self, value: Any, env: dict[Any, int]) -> None:
        if isinstance(value, tir.Call):
            self.load(value.args[1 if evaluate(value.args[0], env) else 2], env)
        elif isinstance(value, tir.BufferLoad):
            self.reads.append(self.point(value.indices, env))


def inside(point: tuple[int, int], region: BufferRegion, env: dict[Any, int]) -> bool:
    for value, each in zip(point, region.region, strict=True):
        low = evaluate(each.min, env)
        if not low <= value < low + evaluate(each.extent, env):
            return False
    return True


@given(bodies())
@settings(max_examples=150)
def test_regions_hold_every_access(body: Any) -> None:
    iter_vars = [
        IterVar(Range(0, 8), V, IterVar.DataPar),
        IterVar(Range(0, 8), W, IterVar.DataPar),
    ]
    block = Block(iter_vars, [], [], "b", body)
    reads, writes, opaque = get_block_access_region(block)
    assert not opaque
    for v, w in itertools.product((0, 1, 5), (0, 3, 7)):
        env = {V: v, W: w}
        runner = Runner()
        runner.run(body, env)
        for points, found in ((runner.reads, reads), (runner.writes, writes)):
            for point in points:
                assert inside(point, found[0], env), (point, env, found)
