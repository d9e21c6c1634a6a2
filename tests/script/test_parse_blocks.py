"""Blocks: axes, regions, predicate, init, allocations and views."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.scalar import IntImm, IterVar, Var
from pellucid.script import from_source
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For, SeqStmt, Stmt

HEADER = "n: T.int32, A: T.Buffer((16, 16), 'float32'), B: T.Buffer((16, 16), 'float32')"


def function(text: str, header: str = HEADER, **host: Any) -> PrimFunc:
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return from_source(
        f"@T.prim_func\ndef main({header}):\n{lines}\n", host, check_well_formed=False
    )


def realizes(stmt: Stmt) -> list[BlockRealize]:
    """All block realizations below a statement, outer ones first."""
    found: list[BlockRealize] = []

    def visit(each: Any) -> None:
        if isinstance(each, BlockRealize):
            found.append(each)
        each.walk(visit, lambda _: None)

    visit(stmt)
    return found


def named(func: PrimFunc, name: str) -> BlockRealize:
    (found,) = [each for each in realizes(func.body) if each.block.name_hint == name]
    return found


def test_remap_takes_domain_and_dtype_from_the_loops() -> None:
    func = function(
        """
m = T.int64()
for i, j, k in T.grid(16, m, 4):
    with T.block("C"):
        vi, vj, vk = T.axis.remap("SSR", [i, j, k])
        A[vi, vk] = 0
"""
    )
    realize = named(func, "C")
    kinds = [each.iter_type for each in realize.block.iter_vars]
    assert kinds == [IterVar.DataPar, IterVar.DataPar, IterVar.CommReduce]
    assert [each.dtype for each in realize.block.iter_vars] == ["int32", "int64", "int32"]
    assert [each.var.name for each in realize.block.iter_vars] == ["vi", "vj", "vk"]
    assert realize.block.iter_vars[0].dom.extent.value == 16
    assert [each.name for each in realize.iter_values] == ["i", "j", "k"]


def test_remap_of_one_variable() -> None:
    for target in ("vi", "vi,"):
        func = function(
            f"""
for i in range(16):
    with T.block("C"):
        {target} = T.axis.remap("S", [i])
        A[vi, 0] = 0
"""
        )
        assert len(named(func, "C").block.iter_vars) == 1


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("spatial", IterVar.DataPar),
        ("S", IterVar.DataPar),
        ("reduce", IterVar.CommReduce),
        ("R", IterVar.CommReduce),
        ("scan", IterVar.Ordered),
        ("opaque", IterVar.Opaque),
    ],
)
def test_kinds_of_axes(spelling: str, kind: int) -> None:
    func = function(
        f"""
for i in range(16):
    with T.block("C"):
        v = T.axis.{spelling}(16, i)
        A[v, 0] = 0
"""
    )
    assert named(func, "C").block.iter_vars[0].iter_type == kind


@pytest.mark.parametrize("domain", ["(2, 10)", "slice(2, 10)", "T.Range(2, 10)"])
def test_domains(domain: str) -> None:
    func = function(
        f"""
for i in range(8):
    with T.block("C"):
        v = T.axis.spatial({domain}, i + 2)
        A[v, 0] = 0
"""
    )
    dom = named(func, "C").block.iter_vars[0].dom
    assert (dom.min.value, dom.extent.value) == (2, 8)


def test_a_literal_domain_takes_the_dtype_of_the_binding() -> None:
    func = function(
        """
for i in range(T.int64(16)):
    with T.block("C"):
        v = T.axis.spatial(16, i)
        w = T.axis.spatial(T.int64(1), 0)
        A[v, w] = 0
"""
    )
    block = named(func, "C").block
    assert [each.dtype for each in block.iter_vars] == ["int64", "int64"]
    assert block.iter_vars[0].dom.extent.dtype == "int64"
    assert named(func, "C").iter_values[1].dtype == "int64"


def test_clauses() -> None:
    func = function(
        """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        T.where(i * 16 + j < n)
        T.reads(A[vi, 0:16], B[vi, vj])
        T.writes([B[vi, vj]])
        T.block_attr({"pragma": "x"})
        B[vi, vj] = A[vi, vj] + B[vi, vj]
"""
    )
    realize = named(func, "C")
    block = realize.block
    assert realize.predicate.dtype == "bool"
    assert [each.buffer.name for each in block.reads] == ["A", "B"]
    assert block.reads[0].region[1].extent.value == 16
    assert block.reads[1].region[1].extent.value == 1
    assert [each.buffer.name for each in block.writes] == ["B"]
    assert dict(block.annotations.items()) == {"pragma": "x"}


def test_empty_reads_are_said_not_missing() -> None:
    func = function(
        """
with T.block("C"):
    T.reads()
    T.writes(A[0, 0])
    A[0, 0] = B[0, 0]
"""
    )
    block = named(func, "C").block
    assert block.reads == ()
    assert len(block.annotations) == 0


def test_missing_regions_are_completed() -> None:
    func = function(
        """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        B[vi, vj] = A[vi, vj] + 1.0
"""
    )
    block = named(func, "C").block
    assert [each.buffer.name for each in block.reads] == ["A"]
    assert [each.buffer.name for each in block.writes] == ["B"]
    assert len(block.annotations) == 0


def test_init_excludes_the_accumulator_from_the_reads() -> None:
    func = function(
        """
for i, k in T.grid(16, 16):
    with T.block("C"):
        vi, vk = T.axis.remap("SR", [i, k])
        with T.init():
            B[vi, 0] = 0
        B[vi, 0] = B[vi, 0] + A[vi, vk]
"""
    )
    block = named(func, "C").block
    assert block.init is not None
    assert [each.buffer.name for each in block.reads] == ["A"]


def test_function_buffers_go_to_the_root_block() -> None:
    func = function(
        """
C = T.alloc_buffer((16, 16))
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = A[vi, vj]
"""
    )
    assert isinstance(func.body, BlockRealize)
    assert func.body.block.name_hint == "root"
    assert [each.name for each in func.body.block.alloc_buffers] == ["C"]
    assert func.body.block.reads == ()


def test_a_root_block_is_added_around_blocks_only() -> None:
    with_block = function('with T.block("C"):\n    vi = T.axis.spatial(1, 0)\n    A[vi, 0] = 0')
    assert with_block.body.block.name_hint == "root"
    assert isinstance(function("for i in range(4):\n    A[i, 0] = 0").body, For)
    root = function('with T.block("root"):\n    T.reads()\n    T.writes()\n    A[0, 0] = 0')
    assert root.body.block.name_hint == "root"
    assert not isinstance(root.body.block.body, BlockRealize)


def test_block_buffers_stay_in_their_block() -> None:
    func = function(
        """
with T.block("C"):
    D = T.alloc_buffer((4,), "int8", scope="local")
    D[0] = 1
"""
    )
    assert named(func, "C").block.alloc_buffers[0].scope() == "local"


def test_views_of_regions() -> None:
    func = function(
        """
for i, j in T.grid(4, 4):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        s0, s1 = T.int32(), T.int32()
        V = T.match_buffer(
            A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4), strides=[s0, s1], offset_factor=4
        )
        W = T.match_buffer(B[vi, 0:16])
        V[0, 0] = W[0, 1]
"""
    )
    view, whole = named(func, "C").block.match_buffers
    assert [each.extent.value for each in view.source.region] == [4, 4]
    assert [each.name for each in view.buffer.strides] == ["s0", "s1"]
    assert isinstance(view.buffer.elem_offset, Var)
    assert [each.value for each in whole.buffer.shape] == [1, 16]


def test_nested_blocks() -> None:
    func = function(
        """
for i in range(4):
    with T.block("outer"):
        vi = T.axis.spatial(4, i)
        with T.init():
            for j in range(4):
                with T.block("fill"):
                    vj = T.axis.spatial(4, j)
                    A[vi, vj] = 0
        for j, k in T.grid(4, 4):
            with T.block("inner"):
                vj, vk = T.axis.remap("SR", [j, k])
                A[vi, vj] = A[vi, vj] + B[vi, vk]
"""
    )
    names = [each.block.name_hint for each in realizes(func.body)]
    assert names == ["root", "outer", "fill", "inner"]


def test_several_items_in_one_with() -> None:
    func = function('with T.attr("key", "pragma", 1), T.block("C"):\n    A[0, 0] = 1')
    assert named(func, "C").block.body.buffer.name == "A"


def test_tuple_reductions() -> None:
    func = from_source(
        """
@T.prim_func
def argmax(
    value: T.Buffer((4, 8), "float32"),
    index: T.Buffer((4, 8), "int32"),
    best: T.Buffer((4,), "float32"),
    where: T.Buffer((4,), "int32"),
) -> None:
    for i, k in T.grid(4, 8):
        with T.block("argmax"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                where[vi] = -1
                best[vi] = T.min_value("float32")
            new_where: T.int32 = T.Select(best[vi] >= value[vi, vk], where[vi], index[vi, vk])
            new_best: T.float32 = T.Select(best[vi] >= value[vi, vk], best[vi], value[vi, vk])
            where[vi] = new_where
            best[vi] = new_best
"""
    )
    block = named(func, "argmax").block
    assert isinstance(block.init, SeqStmt)
    assert {each.buffer.name for each in block.writes} == {"best", "where"}
    assert {each.buffer.name for each in block.reads} == {"value", "index"}


def test_block_without_realization() -> None:
    func = function('with T.block("C", no_realize=True):\n    A[0, 0] = 1')
    assert isinstance(func.body.block.body, Block)


def test_a_block_knows_its_place() -> None:
    func = function('with T.block("C"):\n    A[0, 0] = 1')
    span = named(func, "C").block.span
    assert span is not None
    assert span.line == 3
    assert isinstance(named(func, "C").predicate, IntImm)
