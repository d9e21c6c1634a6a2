"""Statements and functions made by hand: each prints to a text that reads back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.ir.arithmetic import const
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import (
    LT,
    Add,
    Broadcast,
    Call,
    FloatImm,
    IntImm,
    IterVar,
    Let,
    Not,
    Ramp,
    Range,
    SizeVar,
    StringImm,
    Sub,
    Var,
)
from pellucid.relax.struct_info import VDevice
from pellucid.tir import op
from pellucid.tir.buffer import Buffer, BufferLoad, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AssertStmt,
    AttrStmt,
    BufferRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    LetStmt,
    Stmt,
    While,
    pointer,
    seq,
)
from tests.script.roundtrip import assert_round_trip

A = decl_buffer((128,), "float32", "A")
B = decl_buffer((Var("n", "int64"), SizeVar("m", "int64")), "float32", "B")
i, j, flag = Var("i"), Var("j", "int64"), Var("flag", "bool")
k, k2, x = Var("k"), Var("k"), Var("x")
n64 = B.shape[0]
loop64 = Var("k", "int64")
tx = Var("tx")
memory = pointer("buf", "float32")
view = decl_buffer((16,), "float32", "buf", data=memory)
scalar = decl_buffer((), "int32", "scalar")
truth = decl_buffer((4,), "bool", "truth")
bytes_ = decl_buffer((4,), "uint8", "bytes")
PARAMS = (A, B, scalar, truth, bytes_, i, j, flag)


def integer(value: int, dtype: str = "int32") -> IntImm:
    return IntImm(dtype, value)


def store(value: float = 1.0, index: Any = i) -> Stmt:
    return BufferStore(A, const(value, "float32"), [index])


def function(body: Stmt, params: Any = PARAMS, **options: Any) -> PrimFunc:
    return PrimFunc(list(params), body, attrs={"global_symbol": "main"}, **options)


ANNOTATIONS = {
    "pragma": 1,
    "list": [1, 2.5, "s", True, None],
    "dict": {"a": None, "b": True},
    "int32": integer(3),
    "int64": integer(3, "int64"),
    "float32": FloatImm("float32", 1.0),
    "infinity": float("inf"),
    "string": StringImm("q"),
}
THREAD = IterVar((0, 32), tx, IterVar.ThreadIndex, "threadIdx.x")

STATEMENTS: dict[str, Stmt] = {
    "sequence": seq(store(), store(2.0)),
    "nothing": Evaluate(0),
    "loop": For(k, 0, 16, "serial", store(1, k)),
    "loop of two": For(k, 0, 16, 0, For(k2, 0, 8, 0, store(1, k2))),
    "triangle": For(k, 0, 16, 0, For(k2, 0, Add(k, integer(1)), 0, store(1, k2))),
    "grid and unroll": For(k, 0, 16, 0, For(k2, 0, 8, 0, For(x, 0, 4, "unrolled", store(1, x)))),
    "serial with annotations": For(k, 0, 16, 0, store(1, k), annotations=ANNOTATIONS),
    "parallel from two": For(k, 2, 16, "parallel", store(1, k), annotations={"a": 1}),
    "vectorized": For(k, 0, 16, "vectorized", store(1, k)),
    "from a symbol": For(k, i, Add(i, integer(1)), 0, store(1, k)),
    "difference as extent": For(k, i, Sub(Add(i, integer(1)), i), 0, store(1, k)),
    "int64 loop": For(loop64, integer(0, "int64"), integer(16, "int64"), 0, store(1, loop64)),
    "symbolic loop": For(loop64, integer(0, "int64"), n64, 0, store(1, loop64)),
    "variable of another dtype": For(loop64, integer(0), integer(16), 0, store(1, loop64)),
    "bounds of two dtypes": For(k, integer(0, "int64"), integer(16), 0, store(1, k)),
    "size variable": For(SizeVar("k"), 0, 16, 0, store()),
    "unsigned loop": For(Var("k", "uint8"), integer(0, "uint8"), integer(16, "uint8"), 1, store()),
    "thread loop": For(
        k, 0, 16, 4, store(1, k), IterVar(None, Var("k"), 1, "threadIdx.x"), {"a": 1}
    ),
    "thread loop with a domain": For(
        k, 0, 16, 4, store(1, k), IterVar((0, 16), Var("k"), 1, "threadIdx.x")
    ),
    "unknown thread axis": For(k, 0, 16, 4, store(1, k), IterVar(None, Var("k"), 1, "odd")),
    "one variable twice": seq(For(k, 0, 4, 0, store(1, k)), For(k, 0, 4, 0, store(1, k))),
    "let": LetStmt(x, Add(i, integer(1)), store(1, x)),
    "let in between": seq(LetStmt(x, Add(i, integer(1)), store(1, x)), store()),
    "lets of one name": seq(
        LetStmt(x, integer(1), seq(store(1, x), LetStmt(k, integer(2), store(2, k)))), store()
    ),
    "let of a size": LetStmt(SizeVar("x"), Add(i, integer(1)), store()),
    "let of a pointer": LetStmt(pointer("p", "float32"), A.data, store()),
    "let of a shared pointer": seq(LetStmt(pointer("p", "float32", "shared"), A.data, store())),
    "let of a bool": LetStmt(Var("b", "bool"), flag, store()),
    "let of another dtype": LetStmt(Var("x", "int64"), i, store()),
    "if": IfThenElse(LT(i, integer(4)), store(), store(2.0)),
    "if without else": IfThenElse(IntImm("bool", 1), seq(store(), store()), None),
    "ifs": IfThenElse(flag, IfThenElse(flag, store(), None), IfThenElse(flag, store(), store())),
    "while": While(LT(i, integer(4)), store()),
    "while of a let": While(LT(Let(x, i, x), integer(4)), store()),
    "assert": AssertStmt(LT(i, integer(4)), 'it\'s "so"', store()),
    "assert in between": seq(AssertStmt(flag, "message", store()), store()),
    "attribute": AttrStmt(A.data, "key", 1, store()),
    "attribute in between": seq(AttrStmt("about", "key", StringImm("v"), store()), store()),
    "attribute of a buffer": AttrStmt(A, "key", i, store()),
    "threads": AttrStmt(THREAD, "thread_extent", 32, store(1, tx)),
    "threads in between": seq(AttrStmt(THREAD, "thread_extent", 32, store(1, tx)), store()),
    "threads without domain": AttrStmt(
        IterVar(None, tx, 1, "threadIdx.x"), "thread_extent", 32, store(1, tx)
    ),
    "memory": Allocate(
        memory, "float32", [16], True, DeclBuffer(view, BufferStore(view, const(1.0), [0]))
    ),
    "memory in between": seq(
        Allocate(memory, "float32", [16], flag, seq(DeclBuffer(view, store()), store()), {"x": 1}),
        store(),
    ),
    "memory of another type": Allocate(
        pointer("q", "int8"), "bool", [integer(16, "int64")], True, store()
    ),
    "memory of nothing": Allocate(pointer("q", "bool"), "bool", [], True, store()),
    "view of nothing known": DeclBuffer(decl_buffer((16,), "int8", "v", scope="local"), store()),
    "view with everything": DeclBuffer(
        Buffer(A.data, "float32", (4, 32), (32, 1), integer(0, "int64"), "v", 128, 4, "auto", (1,)),
        store(),
    ),
    "constant memory": AllocateConst(
        pointer("c", "float32"), "float32", [2, 2], np.ones((2, 2), "float32"), store()
    ),
    "constant memory in between": seq(
        AllocateConst(
            pointer("c", "int8"), "int8", [4], np.arange(4, dtype="int8"), store(), {"a": 1}
        )
    ),
    "realize": BufferRealize(
        decl_buffer((4,), "float32", "r"), [Range(min=i, extent=integer(4))], True, store()
    ),
    "predicated store": BufferStore(
        A,
        Broadcast(const(1.0), 4),
        [Ramp(i, integer(1), 4)],
        Broadcast(IntImm("bool", 1), 4),
    ),
    "predicated load": Evaluate(
        BufferLoad(A, [Ramp(i, integer(1), 4)], Broadcast(IntImm("bool", 1), 4))
    ),
    "vector store": BufferStore(A, Broadcast(const(1.0), 4), [Ramp(i, integer(1), 4)]),
    "no dimensions": BufferStore(scalar, Add(BufferLoad(scalar, []), integer(1)), []),
    "bools": BufferStore(truth, Not(BufferLoad(truth, [0])), [0]),
    "bytes": BufferStore(bytes_, integer(3, "uint8"), [0]),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement(name: str) -> None:
    assert_round_trip(function(STATEMENTS[name]))


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_followed_by_another(name: str) -> None:
    """What is written as a plain line at the end of a block needs a `with` in its middle."""
    assert_round_trip(function(seq(STATEMENTS[name], store())))


@pytest.mark.parametrize("name", STATEMENTS)
def test_fragment(name: str) -> None:
    """Every statement has a bounded representation of its own."""
    assert 0 < len(repr(STATEMENTS[name])) <= 400


def test_names_are_identifiers_and_unique() -> None:
    hints = ["T", "R", "range", "for", "a.b c", "1x", "", "x_1", "x", "x", "metadata", "cls"]
    body = store()
    for hint in hints:
        body = LetStmt(Var(hint), i, body)
    text = assert_round_trip(function(body, (A, i)))
    names = [line.split(":")[0].strip() for line in text.splitlines() if ": T.int32 =" in line]
    assert names == [
        "cls_1", "metadata_1", "x", "x_1", "x_1_1", "v", "v1x", "a_b_c", "for_", "range_1", "R_1",
        "T_1",
    ]  # fmt: skip


OPTIONS: dict[str, dict[str, Any]] = {
    "strides": {"strides": [n64]},
    "offset": {"elem_offset": n64},
    "scope": {"scope": "shared.dyn"},
    "alignment": {"data_alignment": 128},
    "offset factor": {"offset_factor": 8},
    "buffer type": {"buffer_type": "auto_broadcast"},
    "separators": {"axis_separators": [0]},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_buffer_with_options(name: str) -> None:
    buffer = decl_buffer((8,), "float16", "X", **OPTIONS[name])
    assert_round_trip(function(BufferStore(buffer, const(1.0, "float16"), [0]), (buffer, n64)))


def test_parameters_of_all_kinds() -> None:
    params = (
        A,
        Var("h", "handle"),
        pointer("p", "float32"),
        pointer("s", "int8", "shared"),
        SizeVar("size", "int64"),
        Var("vector", "float32x4"),
    )
    text = assert_round_trip(function(store(1, 0), params))
    assert (
        'def main(A: T.Buffer((128,), "float32"), h: T.handle, p: T.handle("float32"), '
        's: T.handle("int8", "shared"), size: T.int64(is_size_var=True), vector: T.float32x4):'
    ) in text


def test_two_buffers_on_one_pointer() -> None:
    other = Buffer(A.data, "float32", (64, 2), name="other")
    assert_round_trip(function(BufferStore(other, const(1.0), [0, 0]), (A, other)))


def test_a_handle_that_is_used_is_a_parameter_of_its_own() -> None:
    handle, buffer = Var("a", "handle"), decl_buffer((8,), "float32", "X")
    body = seq(BufferStore(buffer, const(1.0), [0]), Evaluate(op.isnullptr(handle)))
    text = assert_round_trip(PrimFunc([handle], body, buffer_map={handle: buffer}))
    assert "def main(a: T.handle):" in text
    assert "X = T.match_buffer(a, (8,))" in text


def test_a_typed_handle_and_a_result() -> None:
    handle, buffer = pointer("a", "float32"), decl_buffer((8,), "float32", "X")
    body = BufferStore(buffer, const(1.0), [0])
    func = PrimFunc([handle], body, "int32", {handle: buffer}, {"global_symbol": "main"})
    assert 'def main(a: T.handle("float32")) -> T.int32:' in assert_round_trip(func)


def test_a_pointer_to_another_type_than_the_buffer() -> None:
    buffer = Buffer(pointer("q", "int8"), "bool", (8,), name="X")
    assert_round_trip(function(BufferStore(buffer, IntImm("bool", 1), [0]), (buffer,)))


def test_symbol_and_privacy() -> None:
    body = store(1, 0)
    assert "@T.prim_func\n" in assert_round_trip(function(body, (A,)))
    private = PrimFunc([A], body)
    assert "@T.prim_func(private=True)\n" in assert_round_trip(private)
    renamed = PrimFunc([A], body, attrs={"global_symbol": "other.name", "tir.noalias": True})
    assert 'T.func_attr({"global_symbol": "other.name"' in assert_round_trip(renamed)


def callee(value: Any = 0) -> PrimFunc:
    y = Var("y")
    return PrimFunc([y], Evaluate(op.ret(Add(y, integer(value)))), "int32")


def test_module_of_functions_that_call_each_other() -> None:
    name = GlobalVar("g.1 x")
    z = Var("z")
    body = seq(
        Evaluate(Call("int32", name, [integer(3)])),
        Evaluate(Call("float32", name, [z])),
        Evaluate(Call("int32", GlobalVar("elsewhere"), [z])),
    )
    module = IRModule(
        {name: callee(), "main": function(body, (z,)), "class": callee(1)},
        attrs={"a": 1, "b": [1, {"c": "x"}]},
        global_infos={"vdevice": [VDevice("llvm", 1, "global")]},
    )
    assert assert_round_trip(module) == MODULE


MODULE = """\
# from pellucid.script import ir as I
# from pellucid.script import tir as T

@I.ir_module
class Module:
    I.module_attrs({"a": 1, "b": [1, {"c": "x"}]})
    I.module_global_infos({"vdevice": [I.vdevice("llvm", 1, "global")]})

    @T.prim_func(private=True, name="class")
    def class_(y: T.int32) -> T.int32:
        T.ret(y + 1)

    @T.prim_func(private=True, name="g.1 x")
    def g_1_x(y: T.int32) -> T.int32:
        T.ret(T.Add(y, 0))

    @T.prim_func
    def main(z: T.int32):
        cls = Module
        cls.g_1_x(3)
        T.Call("float32", cls.g_1_x, [z])
        T.Call("int32", I.GlobalVar("elsewhere"), [z])"""


def test_empty_module() -> None:
    assert assert_round_trip(IRModule()).endswith("class Module:\n    pass")
