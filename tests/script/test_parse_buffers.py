"""Parameters, buffers of all kinds, and the statements of lowered programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.ir.scalar import IterVar, SizeVar, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.types import PointerType
from pellucid.script import from_source
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AttrStmt,
    BufferRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
)


def function(
    text: str, header: str = "n: T.int32, A: T.Buffer((16,), 'float32')", **host: Any
) -> PrimFunc:
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return from_source(
        f"@T.prim_func\ndef main({header}):\n{lines}\n", host, check_well_formed=False
    )


@pytest.mark.parametrize(
    ("spelling", "shape", "dtype"),
    [
        ('T.Buffer((16, 8), "int8")', [16, 8], "int8"),
        ('T.Buffer[(16, 8), "int8"]', [16, 8], "int8"),
        ('T.Buffer([16, 8], "int8")', [16, 8], "int8"),
        ("T.Buffer((16, 8))", [16, 8], "float32"),
        ("T.Buffer[(16, 8)]", [16, 8], "float32"),
        ('T.Buffer[128, "int32"]', [128], "int32"),
        ("T.Buffer[16, 8, 4]", [16, 8, 4], "float32"),
        ('T.Buffer(128, "bfloat16")', [128], "bfloat16"),
        ("T.Buffer((2,), T.float16)", [2], "float16"),
        ('T.Buffer((), "int32")', [], "int32"),
        ('T.Buffer((4,), "float32x4")', [4], "float32x4"),
    ],
)
def test_spellings_of_buffer_parameters(spelling: str, shape: list[int], dtype: str) -> None:
    func = function("T.evaluate(0)", f"A: {spelling}")
    (buffer,) = func.buffers
    assert [each.value for each in buffer.shape] == shape
    assert buffer.dtype == dtype
    assert buffer.name == "A"
    assert buffer.data.name == "A"


def test_options_of_buffers() -> None:
    func = function(
        """
s = T.int32()
o = T.int32()
A = T.match_buffer(
    a, (16, 16), "float16", strides=[s, 1], elem_offset=o, scope="shared", align=128,
    offset_factor=8, buffer_type="auto_broadcast", axis_separators=[1],
)
A[0, 0] = 1
""",
        "a: T.handle",
    )
    (buffer,) = func.buffers
    assert [str(each.dtype) for each in buffer.strides] == ["int32", "int32"]
    assert buffer.elem_offset.name == "o"
    assert buffer.scope() == "shared"
    assert (buffer.data_alignment, buffer.offset_factor) == (128, 8)
    assert buffer.buffer_type == "auto_broadcast"
    assert len(buffer.axis_separators) == 1


def test_symbolic_dimensions() -> None:
    func = function(
        """
m, n = T.int64(), T.int64(is_size_var=True)
A = T.match_buffer(a, (m, n))
B = T.match_buffer(b, (n, 1), "int8")
T.evaluate(0)
""",
        "a: T.handle, b: T.handle",
    )
    A, B = func.buffers
    assert [each.name for each in A.shape] == ["m", "n"]
    assert A.shape[1] is B.shape[0]
    assert isinstance(A.shape[1], SizeVar)
    assert A.dtype == "float32"


def test_older_spelling_of_symbolic_dimensions() -> None:
    func = function('n = T.var("int64")\nA = T.match_buffer(a, (n,))\nA[0] = 1', "a: T.handle")
    assert func.buffers[0].shape[0].name == "n"


def test_scalar_and_pointer_parameters() -> None:
    func = function(
        "T.evaluate(0)",
        'x: T.float32, p: T.handle, q: T.handle("int8", "shared"), r: T.Ptr("int32"), '
        "s: T.int64(), t: T.float16x4, u: T.Ptr['int32', 'local']",
    )
    x, p, q, r, s, t, u = func.params
    assert [x.dtype, p.dtype, q.dtype, s.dtype, t.dtype] == [
        "float32", "handle", "handle", "int64", "float16x4",
    ]  # fmt: skip
    for each, scope in ((q, "shared"), (r, "global"), (u, "local")):
        assert isinstance(each.type_annotation, PointerType)
        assert each.type_annotation.storage_scope == scope
    assert [each.name for each in func.params] == ["x", "p", "q", "r", "s", "t", "u"]


def test_a_dimension_may_be_an_earlier_parameter() -> None:
    func = function("A[n - 1] = 0", "n: T.int32, A: T.Buffer((n,), 'float32')")
    assert func.buffers[0].shape[0] is func.params[0]


def test_return_types() -> None:
    def parsed(returns: str) -> PrimFunc:
        return from_source(f"@T.prim_func\ndef f(x: T.int32) -> {returns}:\n    T.evaluate(x)\n")

    assert parsed("None").ret_type.fields == ()
    assert parsed("T.int32").ret_type.dtype == "int32"
    assert isinstance(parsed('T.handle("float32")').ret_type, PointerType)


def test_attributes_and_privacy() -> None:
    func = function('T.func_attr({"tir.noalias": True, "global_symbol": "conv"})')
    assert dict(func.attrs.items()) == {"global_symbol": "conv", "tir.noalias": True}
    private = from_source("@T.prim_func(private=True)\ndef f():\n    T.evaluate(0)\n")
    assert "global_symbol" not in private.attrs
    target = function('T.func_attr({"target": T.target("llvm")})').attrs["target"]
    assert target.kind == "llvm"


def test_allocate() -> None:
    text = """
B = T.allocate([16], "float32", "local", annotations={"key": 1})
C = T.Buffer((16,), data=B, scope="local")
C[0] = A[0]
"""
    func = function(text)
    assert isinstance(func.body, Allocate)
    assert func.body.buffer_var.name == "B"
    assert func.body.scope() == "local"
    assert isinstance(func.body.body, BufferStore)
    assert func.body.body.buffer.data is func.body.buffer_var
    nested = function(
        'with T.allocate((4,), "int8", "shared", n < 3) as B:\n    T.evaluate(0)\nT.evaluate(1)'
    )
    allocate = nested.body.seq[0]
    assert isinstance(allocate, Allocate)
    assert allocate.condition.dtype == "bool"


def test_allocate_const() -> None:
    func = function(
        'B = T.allocate_const([1, 2, 3, 4], "int32", [2, 2])\n'
        'C = T.Buffer((2, 2), "int32", data=B)\n'
        "T.evaluate(C[0, 1])"
    )
    assert isinstance(func.body, AllocateConst)
    assert np.array_equal(func.body.value, [[1, 2], [3, 4]])
    with_array = function('B = T.allocate_const(data, "float32", [2])', data=np.ones(2, "float32"))
    assert with_array.body.value.dtype == np.float32


def test_decl_buffer() -> None:
    func = function("B = T.decl_buffer((4, 4), data=A.data)\nB[0, 0] = 1")
    assert isinstance(func.body, DeclBuffer)
    assert func.body.buffer.data is func.buffers[0].data
    nested = function("with T.decl_buffer((4, 4), data=A.data) as B:\n    B[0, 0] = 1")
    assert isinstance(nested.body, DeclBuffer)
    allocated = function('B = T.decl_buffer((4, 4), "int8", scope="local")\nB[0, 0] = 1')
    assert isinstance(allocated.body, Allocate)
    assert isinstance(allocated.body.body, DeclBuffer)


def test_attributes_of_nodes() -> None:
    func = function(
        """
with T.attr("default", "pragma_import", "text"):
    T.attr(A.data, "storage_alignment", 128)
    T.attr(0, "async", 1)
    A[0] = 1
"""
    )
    outer = func.body
    assert isinstance(outer, AttrStmt)
    assert (outer.attr_key, outer.value.value) == ("pragma_import", "text")
    assert outer.body.node is func.buffers[0].data
    assert isinstance(outer.body.body.body, BufferStore)


def test_threads() -> None:
    func = function(
        """
bx = T.launch_thread("blockIdx.x", 4)
with T.launch_thread("threadIdx.x", n) as tx:
    A[bx * 4 + tx] = 1
"""
    )
    block, thread = func.body, func.body.body
    assert isinstance(block.node, IterVar)
    assert (block.attr_key, block.node.thread_tag) == ("thread_extent", "blockIdx.x")
    assert block.node.var.name == "bx"
    assert block.node.dom.extent.value == 4
    assert thread.value.name == "n"


def test_threads_declared_first() -> None:
    func = function(
        """
tx = T.env_thread("threadIdx.x")
vx = T.env_thread("vthread.x")
with T.launch_thread(tx, 8):
    A[tx] = 1
T.attr(tx, "thread_extent", 4)
T.launch_thread(vx, 2)
A[tx + vx] = 2
"""
    )
    first, second = func.body.seq
    assert first.node.var is second.node.var
    assert second.node.dom.extent.value == 4
    assert second.body.attr_key == "virtual_thread"


def test_realize() -> None:
    func = function('with T.realize(A[0:8], "global"):\n    A[0] = 1')
    assert func.body.attr_key == "realize_scope"
    assert isinstance(func.body.body, BufferRealize)
    assert func.body.body.bounds[0].extent.value == 8


def test_assert_frame() -> None:
    func = function('with T.Assert(n > 0, "positive"):\n    A[0] = 1')
    assert func.body.message.value == "positive"


def test_buffers_may_be_named_again() -> None:
    func = function("B = A\nB[0] = 1")
    assert func.body.buffer is func.buffers[0]


def test_host_buffers_and_variables_are_used_as_they_are() -> None:
    from pellucid.tir.buffer import decl_buffer

    buffer = decl_buffer((4,), name="outside")
    size = Var("size", "int64")
    func = function("B = outside\nm = size\nB[m] = 1", outside=buffer, size=size)
    assert isinstance(func.body, BufferStore)
    assert func.body.buffer is buffer
    assert func.body.indices[0] is size


def test_a_variable_of_the_script_under_another_name_is_a_let() -> None:
    func = function("m = n\nT.evaluate(m)")
    assert func.body.value is func.params[0]
    assert func.body.var.name == "m"


def test_lists_of_buffers_get_numbered_names() -> None:
    func = function(
        "Bs = [T.alloc_buffer((4,)) for _ in range(2)]\n"
        "C, D = T.alloc_buffer(1), T.alloc_buffer(1)\n"
        "Bs[1][0] = 1\nC[0] = 1\nD[0] = 1"
    )
    names = [each.name for each in func.body.block.alloc_buffers]
    assert names == ["Bs_0", "Bs_1", "C", "D"]


def test_reducers_and_maps() -> None:
    func = function(
        """
reducer = T.meta_var(T.comm_reducer(lambda x, y: x + y, [T.float32(0)]))
mapping = T.meta_var(T.index_map(lambda i, j: (i // 4, j, i % 4)))
T.block_count = None
""".replace("T.block_count = None", "T.evaluate(len(mapping.final_indices))")
    )
    assert isinstance(func.body, Evaluate)
    assert func.body.value.value == 3


def test_access_pointers() -> None:
    func = function('T.evaluate(T.call_extern("int32", "f", A.access_ptr("rw"), A.data, "text"))')
    call = func.body.value
    assert call.args[1].op.name == "tir.tvm_access_ptr"
    assert call.args[2] is func.buffers[0].data
    assert isinstance(func.buffers[0], Buffer)


def test_short_constants_are_written_as_lists() -> None:
    func = function('B = T.allocate_const([1, -2, 3], "int32", [3])\nT.evaluate(0)\n')
    text = func.script()
    assert 'T.allocate_const([1, -2, 3], "int32", [3])' in text
    assert structural_equal(from_source(text), func)


def test_variables_with_names_of_their_own() -> None:
    func = function(
        """
rows = T.SizeVar("row_count", "int64")
columns = T.Var("column_count", "int32")
A = T.match_buffer(a, (rows, columns), "float32")
A[0, 0] = 1
""",
        "a: T.handle",
    )
    rows, columns = func.buffer_map[func.params[0]].shape
    assert isinstance(rows, SizeVar)
    assert type(columns) is Var
    assert (rows.name, str(rows.dtype)) == ("row_count", "int64")
    assert (columns.name, str(columns.dtype)) == ("column_count", "int32")
    assert structural_equal(from_source(func.script()), func)
